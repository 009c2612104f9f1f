package ves_test

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
	"github.com/vesbridge/vesbridge/pkg/ves"
)

// What was encoded reads back to the same bytes, whatever the official schema lets be.
func TestDecodeRoundTrip(t *testing.T) {
	raw, err := os.ReadFile(bridgetest.Shared(t, "ves", "schemas", official[ves.V7_2_1]))
	require.NoError(t, err)
	g := newEventMaker(t, raw, *seed)
	props := g.defs["event"].(map[string]any)["properties"].(map[string]any)
	domains := ves.Domains(ves.V7_2_1)
	for i := range 100 * len(domains) {
		domain := string(domains[i%len(domains)])
		hdr := g.value(props["commonEventHeader"], 0).(map[string]any)
		hdr["domain"] = domain
		hdr["startEpochMicrosec"], hdr["lastEpochMicrosec"] = 1795438800000000, 1795438860000000
		delete(hdr, "internalHeaderFields")
		body := encode(t, map[string]any{"event": map[string]any{"commonEventHeader": hdr, domain + "Fields": g.value(props[domain+"Fields"], 0)}})
		e, err := ves.DecodeEvent(body, ves.V7_2_1)
		require.NoError(t, err, "%s", body)
		again, err := e.AppendJSON(nil, ves.V7_2_1)
		require.NoError(t, err)
		require.Equal(t, normal(t, body), normal(t, again), "message %d of seed %d", i, *seed)
		e2, err := ves.DecodeEvent(again, ves.V7_2_1)
		require.NoError(t, err)
		twice, err := e2.AppendJSON(nil, ves.V7_2_1)
		require.NoError(t, err)
		require.Equal(t, string(again), string(twice))
	}
}

// normal reads JSON into a tree without what the typed model leaves out: empty optional
// texts, hashMaps, arrays and objects, and fractions of a microsecond.
func normal(t *testing.T, body []byte) any {
	t.Helper()
	var doc any
	require.NoError(t, json.Unmarshal(body, &doc))
	return prune(doc, "")
}

func prune(doc any, key string) any {
	switch v := doc.(type) {
	case float64:
		if key == "objectInstanceEpochMicrosec" {
			return math.Trunc(v)
		}
	case map[string]any:
		// Inside hashMaps and free objects everything stays.
		free := strings.HasSuffix(key, "CountList") || slices.Contains([]string{"objectInstance", "data", "hashMap", "additionalFields",
			"featureUsageArray", "alarmAdditionalInformation", "additionalInformation", "eventAddlFlds", "measObjAddlFlds"}, key)
		for k, x := range v {
			if k == "perf3gppFieldsVersion" || k == "pnfRegistrationFieldsVersion" {
				delete(v, k) // the encoder tells its own of two that say the same
				continue
			}
			if free {
				continue
			}
			if v[k] = prune(x, k); emptyValue(v[k]) {
				delete(v, k)
			}
		}
	case []any:
		for i := range v {
			v[i] = prune(v[i], "")
		}
	}
	return doc
}

func emptyValue(v any) bool {
	switch v := v.(type) {
	case string:
		return v == ""
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

func TestDecodeRefuses(t *testing.T) {
	body := string(send(t, measurement(t)))
	for _, c := range []struct{ old, new, want string }{
		{`"measurementInterval":60`, `"measurementInterval":1e999`, "beyond float64"},
		{`"sequence":0`, `"sequence":99999999999999999999`, "beyond 64 bits"},
		{`{"event":`, `{"eventList":[],"x":`, "has no event"},
		{`"priority":"Normal"`, `"priority":"normal"`, "must be one of High"},
	} {
		changed := strings.Replace(body, c.old, c.new, 1)
		require.NotEqual(t, body, changed)
		_, err := ves.DecodeEvent([]byte(changed), ves.V7_2_1)
		require.ErrorContains(t, err, c.want)
	}
	_, err := ves.DecodeEvent([]byte(body), ves.V5_4_1)
	require.Error(t, err)
	_, err = ves.DecodeEvent([]byte(body+"x"), ves.V7_2_1)
	_, ok := errors.AsType[*ves.ValidationError](err)
	require.True(t, ok)
	old := strings.Replace(body, `"measurementInterval":60`, `"measurementInterval":60,"hugePagesArray":[{"hugePagesIdentifier":1}]`, 1)
	old = strings.NewReplacer(`"4.1"`, `"4.0.1"`, `"7.2.1"`, `"7.0.1"`).Replace(old)
	e, err := ves.DecodeEvent([]byte(old), ves.V7_0_1)
	require.NoError(t, err)
	require.Equal(t, "1", e.Measurement.HugePagesArray[0].HugePagesIdentifier)
	again, err := e.AppendJSON(nil, ves.V7_0_1)
	require.NoError(t, err)
	require.Contains(t, string(again), `"hugePagesIdentifier":1`)
}

// A decoded event shares no memory with its body, and its hashMaps none with each other.
func TestDecodedEventStandsAlone(t *testing.T) {
	e := measurement(t)
	e.Measurement.AddGroup("a").Set("k", "1")
	e.Measurement.AddGroup("b").Set("k", "2")
	body := send(t, e)
	d, err := ves.DecodeEvent(body, ves.V7_2_1)
	require.NoError(t, err)
	want := string(body)
	for i := range body {
		body[i] = 'x'
	}
	require.Equal(t, want, string(send(t, d)))
	d.Measurement.AdditionalMeasurements[0].HashMap.Set("new", "3")
	require.Equal(t, ves.HashMap{{Key: "k", Text: "2"}}, d.Measurement.AdditionalMeasurements[1].HashMap)
}

func FuzzDecodeEvent(f *testing.F) {
	fuzzSeeds(f)
	f.Add(send(f, measurement(f)))
	f.Add([]byte(`{"event":{"commonEventHeader":{},"measurementFields":{"additionalObjects":[{"objectInstances":[{"jsonObject":{"objectInstances":[]}}]}]}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := ves.DecodeEvent(body, ves.V7_2_1)
		if err != nil {
			return
		}
		first, err := e.AppendJSON(nil, ves.V7_2_1)
		if err != nil {
			return // only objects nested too deep for the typed model
		}
		again, err := ves.DecodeEvent(first, ves.V7_2_1)
		if err != nil {
			t.Fatalf("cannot read back %s: %v", first, err)
		}
		second, err := again.AppendJSON(nil, ves.V7_2_1)
		if err != nil || string(first) != string(second) {
			t.Fatalf("read back as %s, was %s: %v", second, first, err)
		}
	})
}
