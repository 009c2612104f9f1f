package listener_test

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/vesbridge/vesbridge/pkg/dmaap/listener"
)

func gzipped(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(s))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

const (
	onapSchema  = `{"requestError":{"ServiceException":{"messageId":"SVC0002","text":"Bad Parameter (JSON does not conform to schema)"}}}`
	onapPayload = `{"requestError":{"ServiceException":{"messageId":"SVC0002","text":"Incorrect JSON payload"}}}`
	onapDomains = `{"requestError":{"ServiceException":{"messageId":"SVC0001","text":"Different value of domain fields in Batch Event"}}}`
	onapStream  = `{"requestError":{"ServiceException":{"messageId":"SVC2000","text":"The following service error occurred: %1. Error code is %2","variables":["No domain defined for stream id","400"]}}}`
	onapBackend = `{"requestError":{"ServiceException":{"messageId":"SVC2000","text":"The following service error occurred: %1. Error code is %2","variables":["Internal Server Error","500"]}}}`
	onapUser    = `{"requestError":{"PolicyException":{"messageId":"POL2000","text":"Unauthorized user"}}}`
	isoText     = "text/plain;charset=ISO-8859-1"
	mediaType   = "application/json"
	sent        = "Successfully send event"
)

// TestCompat is the list of what was observed on a VES collector 1.12.5, row by row.
func TestCompat(t *testing.T) {
	badBatch := batch(fault("f1"), strings.Replace(fault("f2"), `"CRITICAL"`, `"AWFUL"`, 1))
	v5Event := `{"event":{"commonEventHeader":{"version":3.0,"domain":"heartbeat","eventName":"Heartbeat_x","eventId":"h1","sequence":0,"priority":"Normal",` +
		`"sourceName":"a","reportingEntityName":"b","startEpochMicrosec":1,"lastEpochMicrosec":2}}}`
	for _, c := range []struct {
		name    string
		r       *http.Request
		sinkErr error
		status  int
		body    string // "" for a Spring error body
		kind    string // content type, JSON unless given
		taken   int
	}{
		{name: "valid single", r: request("POST", v7, single(fault("f1"))), status: 202, body: sent, taken: 1},
		{name: "valid batch", r: request("POST", v7Batch, batch(fault("f1"), fault("f2"))), status: 202, body: sent, taken: 2},
		{name: "charset suffix", r: request("POST", v7, single(fault("f1")), "Content-Type", "application/json; charset=utf-8"), status: 202, body: sent, taken: 1},
		{name: "v5 event", r: request("POST", v5, v5Event), status: 202, body: sent, taken: 1},
		{name: "X-MinorVersion changes nothing", r: request("POST", v7, single(fault("f1")), "X-MinorVersion", "9"), status: 202, body: sent, taken: 1},
		{name: "schema", r: request("POST", v7, single(strings.Replace(fault("f"), `"CRITICAL"`, `"AWFUL"`, 1))), status: 400, body: onapSchema, kind: isoText},
		{name: "schema, JSON accepted", r: request("POST", v7, single(`{}`), "Accept", mediaType), status: 400, body: onapSchema},
		{name: "bad item in a batch", r: request("POST", v7Batch, badBatch), status: 400, body: onapSchema, kind: isoText},
		{name: "no wrapper", r: request("POST", v7, fault("f1")), status: 400, body: onapPayload, kind: isoText},
		{name: "empty object", r: request("POST", v7, `{}`), status: 400, body: onapPayload, kind: isoText},
		{name: "list at the single URL", r: request("POST", v7, batch(fault("f1"))), status: 400, body: onapPayload, kind: isoText},
		{name: "event at the batch URL", r: request("POST", v7Batch, single(fault("f1"))), status: 400, body: onapPayload, kind: isoText},
		{name: "invalid event at the batch URL", r: request("POST", v7Batch, single(`{}`)), status: 400, body: onapPayload, kind: isoText},
		{name: "malformed", r: request("POST", v7, `{"event":`), status: 500},
		{name: "duplicate key", r: request("POST", v7, `{"event":{},"event":{}}`), status: 500},
		{name: "array", r: request("POST", v7, `[`+single(fault("f1"))+`]`), status: 500},
		{name: "gzip", r: request("POST", v7, gzipped(t, single(fault("f1"))), "Content-Encoding", "gzip"), status: 500},
		{name: "empty body", r: request("POST", v7, ""), status: 400},
		{name: "empty body, unknown version", r: request("POST", "/eventListener/v6", ""), status: 400},
		{name: "text", r: request("POST", v7, single(fault("f1")), "Content-Type", "text/plain"), status: 415},
		{name: "no content type", r: request("POST", v7, single(fault("f1")), "Content-Type", ""), status: 415},
		{name: "v6", r: request("POST", "/eventListener/v6", single(fault("f1"))), status: 400, body: "API version v6 is not supported"},
		{name: "v8 batch", r: request("POST", "/eventListener/v8/eventBatch", batch(fault("f1"))), status: 400, body: "API version v8 is not supported"},
		{name: "7", r: request("POST", "/eventListener/7", single(fault("f1"))), status: 400, body: "API version 7 is not supported"},
		{name: "v7 event at v5", r: request("POST", v5, single(fault("f1"))), status: 400, body: onapSchema, kind: isoText},
		{name: "two domains", r: request("POST", v7Batch, batch(fault("f1"), heartbeat("h1"))), status: 400, body: onapDomains, kind: isoText},
		{name: "empty list", r: request("POST", v7Batch, batch()), status: 400, body: onapDomains, kind: isoText},
		{name: "perf3gpp", r: request("POST", v7, single(perf3gpp("p1"))), status: 400, body: onapStream, kind: isoText},
		{name: "unknown namespace", r: request("POST", v7, single(stndDefined("s1", "ACME"))), status: 400, body: onapStream, kind: isoText},
		{name: "known namespace", r: request("POST", v7, single(stndDefined("s1", "3GPP-Heartbeat"))), status: 202, body: sent, taken: 1},
		{name: "notification", r: request("POST", v7, single(notification("n1"))), status: 500},
		{name: "900 KiB", r: request("POST", v7, single(large("o1", 900<<10))), status: 202, body: sent, taken: 1},
		{name: "1.1 MiB", r: request("POST", v7, single(large("o1", 1126<<10))), status: 500, body: onapBackend, kind: isoText},
		{name: "3 MiB", r: request("POST", v7, single(large("o1", 3<<20))), status: 500, body: onapBackend, kind: isoText},
		{name: "Kafka unreachable", r: request("POST", v7, single(fault("f1"))), sinkErr: errSink, status: 500, body: onapBackend, kind: isoText},
		{name: "GET", r: request("GET", v7, ""), status: 405},
		{name: "unknown path", r: request("POST", "/eventListener/v7/topic", single(fault("f1"))), status: 404},
		{name: "health", r: request("GET", "/healthcheck", ""), status: 200, body: "I'm good", kind: "text/plain;charset=UTF-8"},
		{name: "root", r: request("GET", "/", ""), status: 200, body: "Welcome to VESCollector", kind: "text/plain;charset=UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &sink{err: c.sinkErr}
			w := do(newListener(t, listener.Config{Compat: listener.CompatONAP}, s).Handler(), c.r)
			require.Equal(t, c.status, w.Code, w.Body)
			if c.kind == "" {
				c.kind = mediaType
			}
			require.Equal(t, c.kind, w.Header().Get("Content-Type"))
			require.Len(t, s.taken(), c.taken)
			require.Empty(t, versions(w))
			if c.body != "" {
				require.Equal(t, c.body, w.Body.String())
				return
			}
			var spring map[string]any
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &spring))
			require.Equal(t, float64(c.status), spring["status"])
			require.Equal(t, http.StatusText(c.status), spring["error"])
			require.Equal(t, c.r.URL.Path, spring["path"])
			require.Len(t, spring, 4)
		})
	}
}

// TestCompatNone is collector.response.compatibility=None.
func TestCompatNone(t *testing.T) {
	c := listener.Config{Compat: listener.CompatONAPNone}
	w := do(newListener(t, c, &sink{}).Handler(), request("POST", v7, single(fault("f1"))))
	require.Equal(t, 200, w.Code)
	require.Equal(t, sent, w.Body.String())
	for _, body := range []string{single(fault("f1")), single(large("o1", 1126<<10))} {
		w = do(newListener(t, c, &sink{err: errSink}).Handler(), request("POST", v7, body))
		require.Equal(t, 503, w.Code)
		require.JSONEq(t, onapBackend, w.Body.String())
	}
}

// passwords writes a password file with user ves, password s3cret.
func passwords(t testing.TB, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "users")
	writeUsers(t, path, "ves", "s3cret")
	return path
}

func writeUsers(t testing.TB, path, user, password string) {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte("# accounts\n\n"+user+":"+string(hash)+"\n"), 0o600))
}

func TestCompatAuth(t *testing.T) {
	s := &sink{}
	h := newListener(t, listener.Config{Compat: listener.CompatONAP, BasicAuthFile: passwords(t, t.TempDir())}, s).Handler()
	secure := func(r *http.Request) *http.Request {
		r.TLS = &tls.ConnectionState{}
		return r
	}
	basic := func(user, password string) string {
		r := request("GET", "/", "")
		r.SetBasicAuth(user, password)
		return r.Header.Get("Authorization")
	}
	for name, value := range map[string]string{
		"wrong": basic("ves", "no"), "unknown": basic("nobody", "s3cret"), "missing": "", "bearer": "Bearer s3cret", "malformed": "Basic !!!",
	} {
		// The body would be refused, were it looked at first.
		w := do(h, secure(request("POST", v7, "{", "Authorization", value)))
		require.Equal(t, 401, w.Code, name)
		require.JSONEq(t, onapUser, w.Body.String(), name)
		require.Empty(t, w.Header().Get("WWW-Authenticate"), name)
	}
	require.Empty(t, s.taken())
	w := do(h, secure(request("POST", v7, single(fault("f1")), "Authorization", basic("ves", "s3cret"))))
	require.Equal(t, 202, w.Code)

	w = do(h, request("POST", v7, single(fault("f1")), "Authorization", basic("ves", "s3cret")))
	require.Equal(t, 400, w.Code)
	require.Equal(t, "Operation not permitted", w.Body.String())
	require.Equal(t, 400, do(h, request("GET", "/", "")).Code)
	require.Equal(t, 200, do(h, request("GET", "/healthcheck", "")).Code)
	require.Len(t, s.taken(), 1)
}
