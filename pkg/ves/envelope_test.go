package ves_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/ves"
)

func TestParseEnvelope(t *testing.T) {
	f := send(t, fault(t))
	env, err := ves.ParseEnvelope(append([]byte(" \n"), f...))
	require.NoError(t, err)
	require.True(t, env.HasEvent)
	require.False(t, env.Batch || env.HasEventList || env.InvalidUTF8)
	require.Len(t, env.Events, 1)
	e := env.Events[0]
	require.Equal(t, string(f), string(e.Message()))
	e.Raw = nil
	require.Equal(t, ves.EnvelopeEvent{
		Domain: "fault", EventID: "measurement0001", EventName: "Fault_Mesh-Envoy_CircuitOpen", SourceName: "shop/cart-7f",
		ReportingEntityName: "vesbridge-0", Priority: "Normal", Severity: "MAJOR", Version: "4.1", VESEventListenerVersion: "7.2.1",
	}, e)

	inside := bytes.TrimSuffix(bytes.TrimPrefix(f, []byte(`{"event":`)), []byte(`}`))
	env, err = ves.ParseEnvelope(fmt.Appendf(nil, `{"eventList": [ %s ,%s]}`, inside, `{"commonEventHeader":{"version":3.0,"domain":7,"eventId":"a\u0062"}}`))
	require.NoError(t, err)
	require.True(t, env.Batch)
	require.Len(t, env.Events, 2)
	require.Equal(t, string(inside), string(env.Events[0].Raw))
	require.Equal(t, []string{"3.0", "7", "ab"}, []string{env.Events[1].Version, env.Events[1].Domain, env.Events[1].EventID})
	require.Equal(t, len(env.Events[0].Raw), cap(env.Events[0].Raw), "appending to an event must not overwrite its neighbour")

	env, err = ves.ParseEnvelope([]byte(`{"other":[1]}`))
	require.NoError(t, err)
	require.Equal(t, ves.Envelope{}, env)
	env, err = ves.ParseEnvelope([]byte("{\"event\":{\"commonEventHeader\":{\"sourceName\":\"\xe9\"}}}"))
	require.NoError(t, err, "text in another encoding must not lose the event")
	require.True(t, env.InvalidUTF8)
}

func TestParseEnvelopeErrors(t *testing.T) {
	deep := strings.Repeat(`{"event":`, 65) + "1" + strings.Repeat("}", 65)
	for _, c := range []struct {
		body, reason string
		code         ves.Code
		offset, line int
	}{
		{``, "unexpected end", ves.CodeJSON, 0, 1},
		{`[]`, `unexpected byte '[', want an object`, ves.CodeJSON, 0, 1},
		{`{"event":{}} x`, "after the end", ves.CodeJSON, 13, 1},
		{"{\"event\":\n{\"a\":tru}}", "a JSON value", ves.CodeJSON, 15, 2},
		{`{"event":{"a":1,"a":2}}`, `member "a" is told twice`, ves.CodeDuplicateKey, 16, 1},
		{`{"event":{"a":1,"\u0061":2}}`, `is told twice`, ves.CodeDuplicateKey, 16, 1},
		{`{"event":1,"event":2}`, `is told twice`, ves.CodeDuplicateKey, 11, 1},
		{deep, "nested deeper than 64", ves.CodeDepth, 9 * 64, 1},
		{`{"event":{"a":01}}`, "leading zero", ves.CodeJSON, 14, 1},
		{`{"event":{"a":1.}}`, "want a digit", ves.CodeJSON, 16, 1},
		{`{"event":{"a":"\x"}}`, "bad escape", ves.CodeJSON, 15, 1},
		{"{\"event\":{\"a\":\"\n\"}}", "control character", ves.CodeJSON, 15, 1},
		{`{"event":{"a":"b}}`, "unexpected end of JSON in a string", ves.CodeJSON, 18, 1},
		{`{"event":{"a":1 "b":2}}`, "want a comma or }", ves.CodeJSON, 16, 1},
		{`{"event":{"a":1,}}`, "want a string", ves.CodeJSON, 16, 1},
		{`{"eventList":[1,]}`, "want a JSON value", ves.CodeJSON, 16, 1},
	} {
		_, err := ves.ParseEnvelope([]byte(c.body))
		se, ok := errors.AsType[*ves.SyntaxError](err)
		require.True(t, ok, "%s: %v", c.body, err)
		require.Contains(t, se.Reason, c.reason, c.body)
		require.Equal(t, []any{c.code, c.offset, c.line}, []any{se.Code, se.Offset, se.Line}, c.body)
		vs := ves.CheckJSON([]byte(c.body), ves.V7_2_1, ves.CheckOptions{})
		require.NotEmpty(t, vs, c.body)
		if c.body != "[]" {
			require.Equal(t, c.code, vs[len(vs)-1].Code, "%s: %v", c.body, vs)
		}
	}
}

func TestParseEnvelopeBoundsBatches(t *testing.T) {
	_, err := ves.ParseEnvelope([]byte(`{"eventList":[` + strings.Repeat("{},", ves.MaxBatch-1) + `{}]}`))
	require.NoError(t, err)
	_, err = ves.ParseEnvelope([]byte(`{"eventList":[` + strings.Repeat("{},", ves.MaxBatch) + `{}]}`))
	require.ErrorContains(t, err, "more than 20000 events")
}

// Large objects find duplicate keys too, without comparing each with each.
func TestManyKeys(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"event":{"h":{`)
	for i := range 100_000 {
		fmt.Fprintf(&b, `"key%d":"",`, i)
	}
	_, err := ves.ParseEnvelope([]byte(b.String() + `"last":""}}}`))
	require.NoError(t, err)
	_, err = ves.ParseEnvelope([]byte(b.String() + `"key5":""}}}`))
	require.ErrorContains(t, err, `member "key5" is told twice`)
}

func fuzzSeeds(f *testing.F) {
	f.Add(validHeartbeat)
	f.Add(send(f, fault(f)))
	f.Add([]byte(`{"eventList":[{"commonEventHeader":{"domain":"perf3gpp"},"perf3gppFields":{"measDataCollection":{"measInfoList":[{"measTypes":{"iMeasTypesList":[1]},"measValuesList":[{"measResults":[{"p":1,"iValue":2}]}]}]}}}]}`))
	f.Add([]byte(strings.Repeat(`{"event":[`, 40)))
	f.Add([]byte(`{"event":{"commonEventHeader":{"eventId":"\ud834\udd1e\ud834"}}}`))
}

func FuzzCheckJSON(f *testing.F) {
	fuzzSeeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, v := range versions() {
			lax := ves.CheckJSON(body, v, ves.CheckOptions{})
			strict := ves.CheckJSON(body, v, ves.CheckOptions{Strict: true})
			if len(lax) > 0 && len(strict) == 0 {
				t.Fatalf("strict by %s accepts what the schema refuses: %v\n%q", v, lax, body)
			}
			if len(lax) == 0 && !json.Valid(body) {
				t.Fatalf("accepted by %s, but no JSON: %q", v, body)
			}
		}
	})
}

func FuzzParseEnvelope(f *testing.F) {
	fuzzSeeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		env, err := ves.ParseEnvelope(body)
		if err != nil {
			se, ok := errors.AsType[*ves.SyntaxError](err)
			if !ok || se.Offset < 0 || se.Offset > len(body) || se.Line < 1 {
				t.Fatalf("no usable place in %v", err)
			}
			return
		}
		if !json.Valid(body) {
			t.Fatalf("accepted, but no JSON: %q", body)
		}
		for _, e := range env.Events {
			if !json.Valid(e.Raw) || !json.Valid(e.Message()) {
				t.Fatalf("event %q is no JSON", e.Raw)
			}
			var want struct {
				Header struct {
					ID json.RawMessage `json:"eventId"`
				} `json:"commonEventHeader"`
			}
			var s string
			if json.Unmarshal(e.Raw, &want) == nil && json.Unmarshal(want.Header.ID, &s) == nil && want.Header.ID[0] == '"' &&
				!env.InvalidUTF8 && bytes.Count(body, []byte(`"commonEventHeader"`)) == 1 && bytes.Contains(e.Raw, []byte(`"eventId"`)) && s != e.EventID {
				t.Fatalf("eventId %q, encoding/json reads %q", e.EventID, s)
			}
		}
	})
}
