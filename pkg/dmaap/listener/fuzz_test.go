package listener_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/dmaap/listener"
	"github.com/vesbridge/vesbridge/pkg/ves"
)

// FuzzHandler sends anything anywhere: the answer is one of ours, success is said if and
// only if the sink has events, and each of those is a message of its own.
func FuzzHandler(f *testing.F) {
	for _, body := range []string{
		single(fault("f1")), batch(fault("f1"), fault("f2")), batch(), `{}`, `[]`, ``, `{"event":1}`, `{"eventList":{}}`,
		single(stndDefined("s1", "A")), single(perf3gpp("p1")), single(notification("n1")), "{\"event\":{\"\xff\":0}}", batch(`1`, `2`),
		`{"event":` + fault("f1") + `,"eventList":[` + fault("f2") + `]}`,
	} {
		for i := range uint8(3) {
			f.Add([]byte(body), v7, mediaType, i)
			f.Add([]byte(body), v7Batch, "application/json; charset=x", i)
		}
		f.Add([]byte(body), v5, "", uint8(0))
	}
	f.Fuzz(func(t *testing.T, body []byte, path, contentType string, mode uint8) {
		c := []listener.Config{{MaxBodyBytes: 4096}, {Compat: listener.CompatONAP}, {Strict: true}}[mode%3]
		s := &sink{}
		r := request("POST", "/", string(body), "Content-Type", contentType)
		r.URL.Path = path
		w := do(newListener(t, c, s).Handler(), r)
		require.Contains(t, []int{202, 400, 404, 405, 413, 415, 500}, w.Code)
		recs := s.taken()
		require.Equal(t, w.Code == 202, len(recs) > 0)
		for _, rec := range recs {
			require.True(t, json.Valid(rec.Body))
			env, err := ves.ParseEnvelope(rec.Body)
			require.NoError(t, err)
			require.True(t, env.HasEvent && !env.HasEventList && !env.InvalidUTF8)
			require.Equal(t, rec.Domain, env.Events[0].Domain)
			require.Equal(t, rec.EventID, env.Events[0].EventID)
			require.Equal(t, env.Events[0].Raw, rec.Inside())
			require.NotEmpty(t, rec.Domain)
		}
		if w.Code != 202 && c.Compat == "" {
			parseError(t, w.Body.Bytes())
		}
	})
}
