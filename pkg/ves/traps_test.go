package ves_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/ves"
)

// The known traps of VES, by their numbers in the project's collection of VES facts, as far
// as they concern header, measurement, fault and heartbeat.

var validHeartbeat = []byte(`{"event":{"commonEventHeader":{"domain":"heartbeat","eventId":"h1","eventName":"Heartbeat_Mesh-Envoy_Sidecar",` +
	`"startEpochMicrosec":1795438800000000,"lastEpochMicrosec":1795438800000000,"priority":"Normal","sequence":0,"sourceName":"s",` +
	`"reportingEntityName":"r","version":"4.1","vesEventListenerVersion":"7.2.1"},"heartbeatFields":{"heartbeatFieldsVersion":"3.0","heartbeatInterval":60}}}`)

func fault(t testing.TB) *ves.Event {
	t.Helper()
	h := header()
	h.EventName, h.Sequence = "Fault_Mesh-Envoy_CircuitOpen", 1
	e, err := ves.NewFault(h, ves.FaultFields{
		AlarmCondition: "circuitOpen", EventSeverity: ves.SeverityMajor, EventSourceType: "virtualNetworkFunction",
		SpecificProblem: "circuit breaker open", VFStatus: ves.VFStatusActive,
	})
	require.NoError(t, err)
	return e
}

// check judges a message that was changed by replacing text.
func check(t testing.TB, body []byte, o ves.CheckOptions, replace ...string) []ves.Violation {
	t.Helper()
	changed := strings.NewReplacer(replace...).Replace(string(body))
	require.NotEqual(t, string(body), changed, "the replacement must hit")
	return ves.CheckJSON([]byte(changed), ves.V7_2_1, o)
}

func only(t testing.TB, vs []ves.Violation, code ves.Code, pointer string) {
	t.Helper()
	require.Len(t, vs, 1, "%v", vs)
	require.Equal(t, string(code)+" "+pointer, string(vs[0].Code)+" "+vs[0].Pointer)
}

func TestTrap01_VersionFieldsAreStrings(t *testing.T) {
	hb, err := ves.NewHeartbeat(header(), time.Minute)
	require.NoError(t, err)
	for _, e := range []*ves.Event{measurement(t), fault(t), hb} {
		body := send(t, e)
		for _, v := range []string{`"version":"4.1"`, `"vesEventListenerVersion":"7.2.1"`} {
			require.Contains(t, string(body), v)
		}
	}
	require.Contains(t, string(send(t, fault(t))), `"faultFieldsVersion":"4.0"`)
	require.Contains(t, string(send(t, measurement(t))), `"measurementFieldsVersion":"4.0"`)
	require.Contains(t, string(send(t, hb)), `"heartbeatFieldsVersion":"3.0"`)
	only(t, check(t, send(t, fault(t)), ves.CheckOptions{}, `"faultFieldsVersion":"4.0"`, `"faultFieldsVersion":4.0`),
		ves.CodeType, "/event/faultFields/faultFieldsVersion")
	only(t, check(t, validHeartbeat, ves.CheckOptions{}, `"version":"4.1"`, `"version":"4.2"`),
		ves.CodeEnum, "/event/commonEventHeader/version")
}

func TestTrap02_HashMapValuesAreStrings(t *testing.T) {
	e := measurement(t)
	g := e.Measurement.AddGroup("g")
	require.NoError(t, g.SetNumber("n", 1.5))
	require.Error(t, g.SetNumber("nan", math.NaN()))
	body := send(t, e)
	require.Contains(t, string(body), `"hashMap":{"n":"1.5"}`)
	const at = "/event/measurementFields/additionalMeasurements/0/hashMap/n"
	for _, v := range []string{"1.5", "null", "true", `{"x":"y"}`} {
		only(t, check(t, body, ves.CheckOptions{}, `"1.5"`, v), ves.CodeType, at)
	}
}

func TestTrap03_SuspectFlagsAreStrings(t *testing.T) {
	e := measurement(t)
	it, err := e.Measurement.AddItem(field(t, "nicPerformanceArray"), "eth0")
	require.NoError(t, err)
	require.NoError(t, it.SetString(field(t, "nicPerformanceArray.valuesAreSuspect"), "true"))
	body := send(t, e)
	require.Contains(t, string(body), `"valuesAreSuspect":"true"`)
	only(t, check(t, body, ves.CheckOptions{}, `"valuesAreSuspect":"true"`, `"valuesAreSuspect":true`),
		ves.CodeType, "/event/measurementFields/nicPerformanceArray/0/valuesAreSuspect")
}

func TestTrap04_ThresholdCrossingNames(t *testing.T) {
	f, err := ves.FieldAt(ves.V7_2_1, ves.DomainThresholdCrossingAlert, "thresholdCrossingFieldsVersion")
	require.NoError(t, err)
	require.True(t, f.Required)
	f, err = ves.FieldAt(ves.V7_2_1, ves.DomainThresholdCrossingAlert, "additionalParameters")
	require.NoError(t, err)
	require.True(t, f.Required)
	_, err = ves.FieldAt(ves.V7_2_1, ves.DomainThresholdCrossingAlert, "thresholdCrossingAlertFieldsVersion")
	require.Error(t, err)
}

func TestTrap05_NamesThatTheProseMisspells(t *testing.T) {
	require.Equal(t, ves.KindHashMap, field(t, "featureUsageArray").Kind, "an object in spite of its name")
	require.Equal(t, "codecIdentifier", field(t, "codecUsageArray").Key)
	require.Equal(t, "Requesting termination", string(ves.VFStatusRequestingTermination))
	e := fault(t)
	e.Fault.VFStatus = "Requesting Termination"
	require.ErrorContains(t, e.Validate(ves.V7_2_1), "vfStatus")
}

func TestTrap06_ItemsOnlyWithTheirRequiredMembers(t *testing.T) {
	for array, members := range map[string][]string{
		"memoryUsageArray": {"memoryFree", "memoryUsed"},
		"cpuUsageArray":    {"percentUsage"},
		"filesystemUsageArray": {"blockConfigured", "blockUsed", "ephemeralConfigured", "ephemeralUsed",
			"blockIops", "ephemeralIops"},
		"codecUsageArray": {"numberInUse"},
	} {
		for missing := range members {
			e := measurement(t)
			it, err := e.Measurement.AddItem(field(t, array), "x")
			require.NoError(t, err)
			for i, m := range members {
				if i != missing {
					require.NoError(t, it.SetNumber(field(t, array+"."+m), 1))
				}
			}
			require.ErrorContains(t, e.Validate(ves.V7_2_1), members[missing])
			require.Equal(t, []ves.Incomplete{{Array: array, Key: "x", Missing: []string{members[missing]}}}, e.Measurement.DropIncomplete())
			require.NotContains(t, string(send(t, e)), array)
		}
	}
	require.Equal(t, "KiB", field(t, "memoryUsageArray.memoryUsed").Unit.String())
	require.Equal(t, "GB", field(t, "filesystemUsageArray.blockConfigured").Unit.String())
}

func TestTrap07_UnknownKeysAreRefusedIn7And5IsTold(t *testing.T) {
	for _, v := range []string{`"sequence":0,"surprise":1`, `"sequence":0,"nfcNamingcode":"x"`} {
		vs := check(t, validHeartbeat, ves.CheckOptions{}, `"sequence":0`, v)
		require.Len(t, vs, 1)
		require.Equal(t, ves.CodeUnknownMember, vs[0].Code)
	}
	old := []byte(`{"event":{"commonEventHeader":{"domain":"heartbeat","eventId":"h","eventName":"Heartbeat_a-b_c","lastEpochMicrosec":1795438800000000,` +
		`"priority":"Normal","reportingEntityName":"r","sequence":0,"sourceName":"s","startEpochMicrosec":1795438800000000,"version":3.0,"nfVendorName":"x"}}}`)
	require.Empty(t, ves.CheckJSON(old, ves.V5_4_1, ves.CheckOptions{}), "the schema of 5.4.1 lets unknown keys pass")
	strict := ves.CheckJSON(old, ves.V5_4_1, ves.CheckOptions{Strict: true})
	only(t, strict, ves.CodeUnknownMember, "/event/commonEventHeader/nfVendorName")
	require.Equal(t, "VES 7.2.1 has it", strict[0].Remedy)
}

func TestTrap08_LatencyUnitsAndOpenLastBucket(t *testing.T) {
	require.Equal(t, "s", field(t, "meanRequestLatency").Unit.String())
	require.Equal(t, "ms", field(t, "latencyDistribution.highEndOfLatencyBucket").Unit.String())
	e := measurement(t)
	require.NoError(t, e.Measurement.AddLatencyBucket(250, ves.Opt[float64]{}, 3))
	require.Error(t, e.Measurement.AddLatencyBucket(250, ves.Some(math.Inf(1)), 3), "+Inf is told by leaving the bound out")
	require.Contains(t, string(send(t, e)), `[{"countsInTheBucket":3,"lowEndOfLatencyBucket":250}]`)
}

func TestTrap09_SuspectInsteadOfInventedDeltas(t *testing.T) {
	e := measurement(t)
	it, err := e.Measurement.AddItem(field(t, "nicPerformanceArray"), "eth0")
	require.NoError(t, err)
	require.NoError(t, it.SetString(field(t, "nicPerformanceArray.valuesAreSuspect"), "true"))
	require.Empty(t, e.Measurement.DropIncomplete(), "an interface without deltas is complete")
	require.NotContains(t, string(send(t, e)), "Delta")
}

func TestTrap10_EpochsAreMicroseconds(t *testing.T) {
	for _, bad := range []string{"1795438800000", "1795438800", "1795438800000000000", "0"} {
		vs := check(t, validHeartbeat, ves.CheckOptions{Strict: true}, "1795438800000000", bad)
		require.Len(t, vs, 2)
		for _, v := range vs {
			require.Equal(t, ves.CodeEpoch, v.Code)
		}
		require.Empty(t, check(t, validHeartbeat, ves.CheckOptions{}, "1795438800000000", bad), "the schema lets them pass")
	}
	vs := check(t, validHeartbeat, ves.CheckOptions{Strict: true}, "1795438800000000", "1795438800000")
	require.Contains(t, vs[0].Remedy, "milliseconds")
	h := header()
	h.StartEpochMicrosec = windowStart.UnixMilli()
	_, err := ves.NewMeasurement(h, time.Minute)
	require.ErrorContains(t, err, "microseconds")
}

func TestTrap11_IntegersHaveNoFraction(t *testing.T) {
	e := measurement(t)
	require.NoError(t, e.Measurement.SetNumber(field(t, "concurrentSessions"), 3.0))
	body := send(t, e)
	require.Contains(t, string(body), `"concurrentSessions":3}`)
	for _, v := range []string{"3.0", "3e0", "3.5"} {
		only(t, check(t, body, ves.CheckOptions{}, `"concurrentSessions":3`, `"concurrentSessions":`+v),
			ves.CodeType, "/event/measurementFields/concurrentSessions")
	}
	only(t, check(t, validHeartbeat, ves.CheckOptions{}, `"heartbeatInterval":60`, `"heartbeatInterval":60.0`),
		ves.CodeType, "/event/heartbeatFields/heartbeatInterval")
	only(t, check(t, validHeartbeat, ves.CheckOptions{}, `"sequence":0`, `"sequence":0.0`), ves.CodeType, "/event/commonEventHeader/sequence")
	require.NoError(t, e.Measurement.SetNumber(field(t, "requestRate"), 1e22))
	require.NoError(t, oracle721(t)(send(t, e)), "exponents are fine for numbers")
}

func TestTrap13_BatchItemsAreUnwrappedAndOfOneDomain(t *testing.T) {
	inside := bytes.TrimSuffix(bytes.TrimPrefix(validHeartbeat, []byte(`{"event":`)), []byte(`}`))
	f := send(t, fault(t))
	faultInside := bytes.TrimSuffix(bytes.TrimPrefix(f, []byte(`{"event":`)), []byte(`}`))
	batch := func(items ...[]byte) []byte {
		return append(append([]byte(`{"eventList":[`), bytes.Join(items, []byte(","))...), "]}"...)
	}
	strict := ves.CheckOptions{Strict: true}
	require.Empty(t, ves.CheckJSON(batch(inside, inside), ves.V7_2_1, strict))
	require.NotEmpty(t, ves.CheckJSON(batch(validHeartbeat), ves.V7_2_1, ves.CheckOptions{}), "a wrapped item has no header")
	only(t, ves.CheckJSON(batch(inside, faultInside), ves.V7_2_1, strict), ves.CodeMixedBatch, "/eventList/1/commonEventHeader/domain")
	require.Empty(t, ves.CheckJSON(batch(inside, faultInside), ves.V7_2_1, ves.CheckOptions{}), "the schema does not mind")
	only(t, ves.CheckJSON(batch(), ves.V7_2_1, strict), ves.CodeWrapper, "/eventList")

	stnd := func(namespace string) []byte {
		e, err := ves.NewStndDefined(header(), namespace, "", ves.RawObject(`{}`))
		require.NoError(t, err)
		return bytes.TrimSuffix(bytes.TrimPrefix(send(t, e), []byte(`{"event":`)), []byte(`}`))
	}
	require.Empty(t, ves.CheckJSON(batch(stnd("a"), stnd("a")), ves.V7_2_1, strict))
	only(t, ves.CheckJSON(batch(stnd("a"), stnd("b")), ves.V7_2_1, strict), ves.CodeMixedBatch, "/eventList/1/commonEventHeader/stndDefinedNamespace")
}

func TestTrap17_TheSameEventIsTheSameBytes(t *testing.T) {
	build := func() []byte {
		e := measurement(t)
		for _, n := range []string{"b", "a", "c"} {
			require.NoError(t, e.Measurement.AddGroup(n).SetNumber("z", 0.1))
			e.Measurement.FeatureUsageArray.Set(n, "1")
		}
		return send(t, e)
	}
	first := string(build())
	for range 3 {
		require.Equal(t, first, string(build()))
	}
}

func TestTrap18_ClearKeepsIdAndStart(t *testing.T) {
	raise := fault(t)
	h := raise.Header
	h.Sequence++
	h.LastEpochMicrosec += 60_000_000
	fields := *raise.Fault
	fields.EventSeverity = ves.SeverityNormal
	clearing, err := ves.NewFault(h, fields)
	require.NoError(t, err)
	body := string(send(t, clearing))
	require.Contains(t, body, `"sequence":2`)
	require.Contains(t, body, `"eventSeverity":"NORMAL"`)
	require.Contains(t, body, `"startEpochMicrosec":1795438800000000,"lastEpochMicrosec":1795438920000000`)
}

func TestTrap20_InternalHeaderFieldsAreNotOurs(t *testing.T) {
	require.NotContains(t, string(send(t, measurement(t))), "internalHeaderFields")
	with := check(t, validHeartbeat, ves.CheckOptions{Strict: true}, `"sequence":0`, `"sequence":0,"internalHeaderFields":{"collectorTimeStamp":"x","n":1}`)
	require.Empty(t, with, "what a collector added must pass")
}

func TestBlockFitsDomain(t *testing.T) {
	strict := ves.CheckOptions{Strict: true}
	only(t, check(t, validHeartbeat, strict, `"domain":"heartbeat"`, `"domain":"fault"`, `,"heartbeatFields":{"heartbeatFieldsVersion":"3.0","heartbeatInterval":60}`, ""),
		ves.CodeBlock, "/event/faultFields")
	only(t, check(t, send(t, fault(t)), strict, `"domain":"fault"`, `"domain":"heartbeat"`), ves.CodeBlock, "/event/faultFields")
	require.Empty(t, check(t, validHeartbeat, strict, `,"heartbeatFields":{"heartbeatFieldsVersion":"3.0","heartbeatInterval":60}`, ""),
		"a heartbeat may be a header alone")
	require.Empty(t, check(t, send(t, fault(t)), ves.CheckOptions{}, `"domain":"fault"`, `"domain":"heartbeat"`), "the schema does not tie them")
}

func TestStrictRules(t *testing.T) {
	strict := ves.CheckOptions{Strict: true}
	require.Empty(t, ves.CheckJSON(validHeartbeat, ves.V7_2_1, strict))
	for _, c := range []struct {
		old, new, pointer string
		code              ves.Code
	}{
		{`"eventId":"h1"`, `"eventId":"h 1"`, "/event/commonEventHeader/eventId", ves.CodeEventID},
		{`"eventId":"h1"`, `"eventId":""`, "/event/commonEventHeader/eventId", ves.CodeEventID},
		{`"eventId":"h1"`, `"eventId":"h\u00091"`, "/event/commonEventHeader/eventId", ves.CodeEventID},
		{`"sourceName":"s"`, `"sourceName":""`, "/event/commonEventHeader/sourceName", ves.CodeEmpty},
		{`"lastEpochMicrosec":1795438800000000`, `"lastEpochMicrosec":1795438799999999`, "/event/commonEventHeader/lastEpochMicrosec", ves.CodeEpoch},
		{`"sourceName":"s"`, "\"sourceName\":\"\xff\"", "", ves.CodeEncoding},
		{`{"event":`, `{"x":1,"event":`, "/x", ves.CodeWrapper},
	} {
		only(t, check(t, validHeartbeat, strict, c.old, c.new), c.code, c.pointer)
		require.Empty(t, check(t, validHeartbeat, ves.CheckOptions{}, c.old, c.new), "a strict rule only")
	}
	only(t, ves.CheckJSON([]byte(`{}`), ves.V7_2_1, strict), ves.CodeWrapper, "")
	require.Empty(t, ves.CheckJSON([]byte(`{}`), ves.V7_2_1, ves.CheckOptions{}))
	std := check(t, validHeartbeat, strict, `"domain":"heartbeat"`, `"domain":"stndDefined"`,
		`"heartbeatFields":{"heartbeatFieldsVersion":"3.0","heartbeatInterval":60}`, `"stndDefinedFields":{"stndDefinedFieldsVersion":"1.0","data":{}}`)
	only(t, std, ves.CodeNamespace, "/event/commonEventHeader/stndDefinedNamespace")
}

func TestViolationsAreBounded(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(`{"eventList":[`)
	for i := range 5000 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"a":1}`)
	}
	b.WriteString("]}")
	require.Len(t, ves.CheckJSON(b.Bytes(), ves.V7_2_1, ves.CheckOptions{}), 100)
	require.Len(t, ves.CheckJSON(b.Bytes(), ves.V7_2_1, ves.CheckOptions{Max: 7}), 7)
	require.NotEmpty(t, ves.CheckJSON([]byte(`{}`), 0, ves.CheckOptions{}), "an unknown version judges nothing")
	require.True(t, json.Valid(b.Bytes()))
}
