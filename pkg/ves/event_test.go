package ves_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/ves"
)

var windowStart = time.Date(2026, 11, 23, 13, 0, 0, 0, time.UTC)

// header is a valid one of a one-minute window.
func header() ves.Header {
	return ves.Header{
		EventID: "measurement0001", EventName: "Measurement_Mesh-Envoy_Sidecar", SourceName: "shop/cart-7f",
		ReportingEntityName: "vesbridge-0",
		StartEpochMicrosec:  ves.Micros(windowStart), LastEpochMicrosec: ves.Micros(windowStart.Add(time.Minute)),
	}
}

func measurement(t testing.TB) *ves.Event {
	t.Helper()
	e, err := ves.NewMeasurement(header(), time.Minute)
	require.NoError(t, err)
	return e
}

func field(t testing.TB, path string) *ves.Field {
	t.Helper()
	f, err := ves.FieldAt(ves.V7_2_1, ves.DomainMeasurement, path)
	require.NoError(t, err)
	return f
}

// send encodes an event that must be valid by its own rules and the official schema.
func send(t testing.TB, e *ves.Event) []byte {
	t.Helper()
	require.NoError(t, e.Validate(ves.V7_2_1))
	b, err := e.AppendJSON(nil, ves.V7_2_1)
	require.NoError(t, err)
	require.True(t, json.Valid(b), "%s", b)
	require.Empty(t, ves.CheckJSON(b, ves.V7_2_1, ves.CheckOptions{Strict: true}), "%s", b)
	var compact bytes.Buffer
	require.NoError(t, json.Compact(&compact, b))
	require.Equal(t, compact.String(), string(b), "the encoding must be compact")
	return b
}

func TestMeasurementByPath(t *testing.T) {
	e := measurement(t)
	m := e.Measurement
	require.NoError(t, m.SetNumber(field(t, "requestRate"), 12.34))
	require.NoError(t, m.SetNumber(field(t, "concurrentSessions"), 7))
	require.NoError(t, m.SetNumber(field(t, "ipmi.exitAirTemperature"), 31.5))
	cpu, err := m.AddItem(field(t, "cpuUsageArray"), "cpu0")
	require.NoError(t, err)
	nic, err := m.AddItem(field(t, "nicPerformanceArray"), "eth0")
	require.NoError(t, err)
	_, err = m.AddItem(field(t, "cpuUsageArray"), "cpu1") // the handle of cpu0 must survive
	require.NoError(t, err)
	require.NoError(t, cpu.SetNumber(field(t, "cpuUsageArray.percentUsage"), 50))
	require.NoError(t, nic.SetString(field(t, "nicPerformanceArray.valuesAreSuspect"), "false"))
	require.NoError(t, nic.SetString(field(t, "nicPerformanceArray.operationalState"), "inService"))
	require.NoError(t, nic.SetNumber(field(t, "nicPerformanceArray.receivedOctetsDelta"), 1e15))
	load, err := m.AddItem(field(t, "loadArray"), "")
	require.NoError(t, err)
	require.NoError(t, load.SetNumber(field(t, "loadArray.shortTerm"), 0.01))
	proc, err := m.AddItem(field(t, "ipmi.ipmiProcessorArray"), "p0")
	require.NoError(t, err)
	const margins = "ipmi.ipmiProcessorArray.processorDimmAggregateThermalMarginArray"
	dimm, err := proc.AddItem(field(t, margins), "d0")
	require.NoError(t, err)
	require.NoError(t, dimm.SetNumber(field(t, margins+".thermalMargin"), -3.5))
	g := m.AddGroup("upstream")
	other := m.AddGroup("other")
	g.Set("cluster", `out"bound`)
	require.NoError(t, g.SetNumber("retries", 3))
	other.Set("omitted", "4")
	require.NoError(t, m.SetHash(field(t, "additionalFields"), "pod", "cart-7f"))
	require.NoError(t, m.SetHashNumber(field(t, "featureUsageArray"), "h2", 2))
	require.NoError(t, m.AddLatencyBucket(0, ves.Some(5.0), 10))
	require.NoError(t, m.AddLatencyBucket(5, ves.Opt[float64]{}, 1))

	require.Equal(t, []ves.Incomplete{{Array: "cpuUsageArray", Key: "cpu1", Missing: []string{"percentUsage"}}}, m.DropIncomplete())
	found, ok := m.FindItem(field(t, "cpuUsageArray"), "cpu0")
	require.True(t, ok)
	require.Equal(t, "cpu0", found.Key())
	again, ok := m.FindGroup("other")
	require.True(t, ok)
	require.Equal(t, 1, again.Len())

	want := `{"event":{"commonEventHeader":{"domain":"measurement","eventId":"measurement0001",` +
		`"eventName":"Measurement_Mesh-Envoy_Sidecar","startEpochMicrosec":1795438800000000,"lastEpochMicrosec":1795438860000000,` +
		`"priority":"Normal","sequence":0,"sourceName":"shop/cart-7f","reportingEntityName":"vesbridge-0","version":"4.1",` +
		`"vesEventListenerVersion":"7.2.1"},"measurementFields":{"measurementFieldsVersion":"4.0","measurementInterval":60,` +
		`"concurrentSessions":7,"requestRate":12.34,` +
		`"latencyDistribution":[{"countsInTheBucket":10,"lowEndOfLatencyBucket":0,"highEndOfLatencyBucket":5},{"countsInTheBucket":1,"lowEndOfLatencyBucket":5}],` +
		`"cpuUsageArray":[{"cpuIdentifier":"cpu0","percentUsage":50}],` +
		`"nicPerformanceArray":[{"nicIdentifier":"eth0","valuesAreSuspect":"false","operationalState":"inService","receivedOctetsDelta":1000000000000000}],` +
		`"loadArray":[{"shortTerm":0.01}],"featureUsageArray":{"h2":"2"},` +
		`"ipmi":{"exitAirTemperature":31.5,"ipmiProcessorArray":[{"processorIdentifier":"p0","processorDimmAggregateThermalMarginArray":` +
		`[{"processorDimmAggregateThermalMarginIdentifier":"d0","thermalMargin":-3.5}]}]},` +
		`"additionalMeasurements":[{"name":"upstream","hashMap":{"cluster":"out\"bound","retries":"3"}},{"name":"other","hashMap":{"omitted":"4"}}],` +
		`"additionalFields":{"pod":"cart-7f"}}}}`
	if got := string(send(t, e)); got != want { // not JSONEq: the order of members is promised
		t.Fatalf("encoded\n%s, want\n%s", got, want)
	}
}

// Every settable path of the model is set, the event is complete and valid, and each value
// arrives at its own path.
func TestEverySettableFieldArrives(t *testing.T) {
	e := measurement(t)
	m := e.Measurement
	items := map[string]ves.Item{}
	want := map[string]string{}
	n := 0
	for f := range ves.Fields(ves.V7_2_1, ves.DomainMeasurement) {
		if !f.Settable() {
			continue
		}
		n++
		it, inItem := items[f.Parent()]
		switch f.Kind {
		case ves.KindNumber, ves.KindInteger:
			x := float64(1000 + n)
			want[f.Path] = strconv.Itoa(1000 + n)
			if inItem {
				require.NoError(t, it.SetNumber(f, x), f.Path)
			} else {
				require.NoError(t, m.SetNumber(f, x), f.Path)
			}
		case ves.KindString, ves.KindEnum, ves.KindBoolString:
			s := "text" + strconv.Itoa(n)
			switch f.Kind {
			case ves.KindEnum:
				s = f.Enum[len(f.Enum)-1]
			case ves.KindBoolString:
				s = "true"
			}
			want[f.Path] = strconv.Quote(s)
			require.True(t, inItem, f.Path)
			require.NoError(t, it.SetString(f, s), f.Path)
		case ves.KindItems:
			key := ""
			if f.Key != "" {
				key = "key"
			}
			var added ves.Item
			var err error
			if inItem {
				added, err = it.AddItem(f, key)
			} else {
				added, err = m.AddItem(f, key)
			}
			require.NoError(t, err, f.Path)
			items[f.Path] = added
		case ves.KindHashMap:
			require.NoError(t, m.SetHash(f, "k", "v"))
			want[f.Path] = `{"k":"v"}`
		case ves.KindNamedHashMaps:
			m.AddGroup("g").Set("k", "v")
		case ves.KindObject:
		default:
			t.Errorf("%s: settable, but of kind %s", f.Path, f.Kind)
		}
	}
	require.Greater(t, n, 200)
	require.Empty(t, m.DropIncomplete())
	body := send(t, e)
	require.NoError(t, oracle721(t)(body))
	var doc struct {
		Event struct {
			MeasurementFields map[string]json.RawMessage `json:"measurementFields"`
		} `json:"event"`
	}
	require.NoError(t, json.Unmarshal(body, &doc))
	for path, w := range want {
		require.Equal(t, w, dig(t, doc.Event.MeasurementFields, path), path)
	}
}

// dig follows a path through objects and the first items of arrays.
func dig(t *testing.T, doc map[string]json.RawMessage, path string) string {
	t.Helper()
	name, rest, more := strings.Cut(path, ".")
	raw := doc[name]
	if !more {
		return string(raw)
	}
	if len(raw) > 0 && raw[0] == '[' {
		var list []json.RawMessage
		require.NoError(t, json.Unmarshal(raw, &list))
		raw = list[0]
	}
	var inner map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(raw, &inner), path)
	return dig(t, inner, rest)
}

func oracle721(t testing.TB) func([]byte) error {
	theirs, _ := oracles(t, ves.V7_2_1)
	return func(body []byte) error {
		var doc any
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if err := d.Decode(&doc); err != nil {
			return err
		}
		return theirs.Validate(doc)
	}
}

func TestSetRefuses(t *testing.T) {
	m := measurement(t).Measurement
	cpu, err := m.AddItem(field(t, "cpuUsageArray"), "cpu0")
	require.NoError(t, err)
	disk, err := m.AddItem(field(t, "diskUsageArray"), "sda")
	require.NoError(t, err)
	nic, err := m.AddItem(field(t, "nicPerformanceArray"), "eth0")
	require.NoError(t, err)
	percent := field(t, "cpuUsageArray.percentUsage")
	refused := func(name string, err error, rule string) {
		t.Helper()
		ve, ok := errors.AsType[*ves.ValueError](err)
		require.True(t, ok, "%s: %v", name, err)
		require.Contains(t, ve.Rule, rule, name)
	}
	refused("NaN", cpu.SetNumber(percent, math.NaN()), "finite")
	refused("infinity", m.SetNumber(field(t, "requestRate"), math.Inf(1)), "finite")
	refused("fraction", m.SetNumber(field(t, "concurrentSessions"), 2.5), "integer")
	refused("beyond 2^53", m.SetNumber(field(t, "concurrentSessions"), 1e17), "integer")
	refused("another array", disk.SetNumber(percent, 1), "no member")
	refused("item field on the block", m.SetNumber(percent, 1), "no member")
	refused("no field", m.SetNumber(nil, 1), "no member")
	refused("text for a number", cpu.SetString(percent, "high"), "another kind")
	refused("number for text", nic.SetNumber(field(t, "nicPerformanceArray.administrativeState"), 1), "another kind")
	refused("outside the enumeration", nic.SetString(field(t, "nicPerformanceArray.administrativeState"), "up"), "inService, outOfService")
	refused("boolean in other words", nic.SetString(field(t, "nicPerformanceArray.valuesAreSuspect"), "yes"), `"true" or "false"`)
	refused("set by the builder", m.SetNumber(field(t, "measurementInterval"), 5), "no member")
	refused("zero item", ves.Item{}.SetNumber(percent, 1), "no member")
	refused("group", m.AddGroup("g").SetNumber("k", math.NaN()), "finite")
	refused("hash", m.SetHashNumber(field(t, "additionalFields"), "k", math.Inf(-1)), "finite")
	refused("hash of a number", m.SetHash(field(t, "requestRate"), "k", "v"), "another kind")
	refused("bucket", m.AddLatencyBucket(5, ves.Some(5.0), 1), "above its low end")
	refused("negative bucket", m.AddLatencyBucket(5, ves.Some(6.0), -1), "negative")
	_, err = m.AddItem(field(t, "requestRate"), "x")
	refused("item of a scalar", err, "another kind")
	_, err = m.AddItem(field(t, "cpuUsageArray"), "")
	refused("no identifier", err, "empty")
	_, err = m.AddItem(field(t, "loadArray"), "x")
	refused("identifier where none is", err, "no identifier")
	v5, err := ves.FieldAt(ves.V5_4_1, ves.DomainMeasurementsForVFScaling, "requestRate")
	require.NoError(t, err)
	require.False(t, v5.Settable())
	refused("field of 5.4.1", m.SetNumber(v5, 1), "no member")
	require.Len(t, m.DropIncomplete(), 2, "what was refused must not be set") // cpu0, eth0
	require.Empty(t, m.LatencyDistribution)
}

func TestFieldAt(t *testing.T) {
	for _, c := range []struct {
		v          ves.Version
		d          ves.Domain
		path, want string
	}{
		{ves.V7_2_1, ves.DomainMeasurement, "cpuUsageArray.percentUsge", "did you mean cpuUsageArray.percentUsage"},
		{ves.V7_2_1, ves.DomainMeasurement, "percentUsage", "the name exists as cpuUsageArray.percentUsage"},
		{ves.V7_2_1, ves.DomainMeasurement, "nicIdentifier", "nicPerformanceArray.nicIdentifier, ipmi.ipmiNicArray.nicIdentifier"},
		{ves.V7_2_1, ves.DomainMeasurement, "reqestRate", "did you mean requestRate"},
		{ves.V7_2_1, ves.DomainMeasurement, "heartbeatInterval", "domain heartbeat has it"},
		{ves.V7_0_1, ves.DomainPerf3gpp, "x", `VES 7.0.1 has no domain "perf3gpp"`},
		{ves.V7_2_1, "measurment", "x", "did you mean measurement"},
		{ves.V5_4_1, ves.DomainMeasurementsForVFScaling, "nfcScalingMetric", "did you mean vnfcScalingMetric"},
		{ves.V7_2_1, ves.DomainMeasurement, "zzzzzz", `has no field "zzzzzz"`},
	} {
		_, err := ves.FieldAt(c.v, c.d, c.path)
		require.ErrorContains(t, err, c.want)
	}
	f := field(t, "memoryUsageArray.memoryFree")
	require.Equal(t, []any{ves.KindNumber, ves.UnitKibibytes, true, "KiB", "memoryUsageArray"},
		[]any{f.Kind, f.Unit, f.Required, f.Unit.String(), f.Parent()})
	require.Equal(t, "vmIdentifier", field(t, "memoryUsageArray").Key)
	require.Empty(t, field(t, "loadArray").Key)
	require.Equal(t, ves.UnitSeconds, field(t, "meanRequestLatency").Unit)
	require.Equal(t, ves.UnitMilliseconds, field(t, "latencyDistribution.lowEndOfLatencyBucket").Unit)
	require.Equal(t, ves.UnitGigabytes, field(t, "filesystemUsageArray.blockUsed").Unit)
	v701, err := ves.FieldAt(ves.V7_0_1, ves.DomainMeasurement, "hugePagesArray.hugePagesIdentifier")
	require.NoError(t, err)
	require.Equal(t, ves.KindNumber, v701.Kind)
	require.Equal(t, ves.KindString, field(t, "hugePagesArray.hugePagesIdentifier").Kind)
}

func TestFieldsAreDistinctAndDescribed(t *testing.T) {
	for _, v := range versions() {
		for _, d := range ves.Domains(v) {
			seen := map[string]bool{}
			for f := range ves.Fields(v, d) {
				require.False(t, seen[f.Path], "%s %s %s twice", v, d, f.Path)
				require.NotEmpty(t, f.Doc, f.Path)
				seen[f.Path] = true
			}
			require.NotEmpty(t, seen, "%s %s", v, d)
		}
	}
}

func TestDropIncompleteKeepsMemoryApart(t *testing.T) {
	m := measurement(t).Measurement
	arr, margins := field(t, "ipmi.ipmiProcessorArray"), field(t, "ipmi.ipmiProcessorArray.processorDimmAggregateThermalMarginArray")
	margin := field(t, margins.Path+".thermalMargin")
	cpus, percent := field(t, "cpuUsageArray"), field(t, "cpuUsageArray.percentUsage")
	for i := range 6 {
		c, err := m.AddItem(cpus, "cpu"+strconv.Itoa(i))
		require.NoError(t, err)
		if i%2 == 1 {
			require.NoError(t, c.SetNumber(percent, float64(i)))
		}
		p, err := m.AddItem(arr, "p"+strconv.Itoa(i))
		require.NoError(t, err)
		d, err := p.AddItem(margins, "d"+strconv.Itoa(i))
		require.NoError(t, err)
		if i%2 == 1 {
			require.NoError(t, d.SetNumber(margin, float64(i)))
		}
	}
	dropped := m.DropIncomplete()
	require.Len(t, dropped, 6)
	require.Equal(t, `cpuUsageArray["cpu0"] without percentUsage`, dropped[0].String())
	require.Len(t, m.CPUUsageArray, 3)
	for i, want := range []string{"cpu1", "cpu3", "cpu5"} {
		require.Equal(t, want, m.CPUUsageArray[i].CPUIdentifier)
	}
	_, err := m.AddItem(cpus, "new")
	require.NoError(t, err)
	require.Equal(t, ves.CPUUsage{CPUIdentifier: "new"}, m.CPUUsageArray[3], "a reused item must be empty")
}

func TestResetReusesMemory(t *testing.T) {
	e := measurement(t)
	fill := func() {
		m := e.UseMeasurement()
		m.MeasurementInterval = 60
		e.Header = header()
		e.Header.Domain = ves.DomainMeasurement
		e.Header.SetDefaults()
		it, _ := m.AddItem(field(t, "cpuUsageArray"), "cpu0")
		_ = it.SetNumber(field(t, "cpuUsageArray.percentUsage"), 1)
		for range 3 {
			_ = m.AddGroup("g").SetNumber("k", 1)
		}
	}
	fill()
	first := string(send(t, e))
	e.Reset()
	require.Error(t, e.Validate(ves.V7_2_1), "an empty event is invalid")
	fill()
	require.Equal(t, first, string(send(t, e)), "nothing of the former event may be left")
	e.Reset()
	h, err := ves.NewHeartbeat(header(), time.Minute)
	require.NoError(t, err)
	e.Header = h.Header
	e.UseHeartbeat().HeartbeatInterval = 60
	require.NotContains(t, string(send(t, e)), "measurementFields")
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	e := measurement(t)
	rate, cpus, percent := field(t, "requestRate"), field(t, "cpuUsageArray"), field(t, "cpuUsageArray.percentUsage")
	hdr := e.Header
	buf := make([]byte, 0, 1<<16)
	names := []string{"cpu0", "cpu1", "cpu2"}
	n := testing.AllocsPerRun(200, func() {
		e.Reset()
		e.Header = hdr
		m := e.UseMeasurement()
		m.MeasurementInterval = 60
		_ = m.SetNumber(rate, 12.345)
		for _, name := range names {
			it, err := m.AddItem(cpus, name)
			if err != nil {
				t.Fatal(err)
			}
			_ = it.SetNumber(percent, 1.0/3)
			g := m.AddGroup(name)
			g.Set("cluster", "x")
			_ = g.SetNumber("retries", 3)
		}
		if len(m.DropIncomplete()) != 0 {
			t.Fatal("incomplete")
		}
		if err := e.Validate(ves.V7_2_1); err != nil {
			t.Fatal(err)
		}
		var err error
		if buf, err = e.AppendJSON(buf[:0], ves.V7_2_1); err != nil {
			t.Fatal(err)
		}
	})
	require.Zero(t, n, "building, validating and encoding into reused memory must not allocate")
}

func TestValidateTellsEverything(t *testing.T) {
	e := measurement(t)
	e.Header = ves.Header{Domain: ves.DomainMeasurement, EventID: "a b", StartEpochMicrosec: 1795438800000, LastEpochMicrosec: 5, Version: "9", Priority: "normal", Sequence: -1}
	e.Measurement.MeasurementInterval = 0
	e.Measurement.RequestRate = ves.Some(math.NaN())
	e.Measurement.CPUUsageArray = []ves.CPUUsage{{CPUIdentifier: "c", PercentUsage: ves.Some(1.0)}, {}}
	e.Measurement.AdditionalFields = ves.HashMap{{Key: "a/b", Text: "1"}, {Key: "a/b", Text: "2"}}
	e.Measurement.AdditionalMeasurements = []ves.NamedHashMap{{Name: "g", HashMap: ves.HashMap{{Key: "k", Number: math.Inf(1), Numeric: true}}}}
	e.Fault = &ves.FaultFields{EventSeverity: "BAD"}
	err := e.Validate(ves.V7_2_1)
	ve, ok := errors.AsType[*ves.ValidationError](err)
	require.True(t, ok, "%v", err)
	var got []string
	for _, v := range ve.Violations {
		got = append(got, string(v.Code)+" "+v.Pointer)
	}
	slices.Sort(got)
	require.Equal(t, []string{
		"block_domain /event/faultFields",
		"duplicate_key /event/measurementFields/additionalFields/a~1b",
		"enum /event/commonEventHeader/priority",
		"enum /event/commonEventHeader/version",
		"enum /event/faultFields/eventSeverity",
		"epoch /event/commonEventHeader/lastEpochMicrosec",
		"epoch /event/commonEventHeader/lastEpochMicrosec",
		"epoch /event/commonEventHeader/startEpochMicrosec",
		"event_id /event/commonEventHeader/eventId",
		"finite /event/measurementFields/additionalMeasurements/0/hashMap/k",
		"finite /event/measurementFields/requestRate",
		"range /event/commonEventHeader/sequence",
		"range /event/measurementFields/measurementInterval",
		"required /event/commonEventHeader/eventName",
		"required /event/commonEventHeader/reportingEntityName",
		"required /event/commonEventHeader/sourceName",
		"required /event/commonEventHeader/vesEventListenerVersion",
		"required /event/faultFields/alarmCondition",
		"required /event/faultFields/eventSourceType",
		"required /event/faultFields/specificProblem",
		"required /event/faultFields/vfStatus",
		"required /event/measurementFields/cpuUsageArray/1/cpuIdentifier",
		"required /event/measurementFields/cpuUsageArray/1/percentUsage",
	}, got)
	for _, v := range ve.Violations {
		require.NotEmpty(t, v.Rule)
	}
	_, err = e.AppendJSON([]byte("before"), ves.V7_2_1)
	require.ErrorContains(t, err, "requestRate", "NaN must never be encoded")
}

func TestVersionsOfTypedEvents(t *testing.T) {
	e, err := ves.NewMeasurement(header(), time.Minute, ves.WidestAcceptance())
	require.NoError(t, err)
	for _, v := range versions() {
		b, err := e.AppendJSON(nil, v)
		require.NoError(t, err)
		require.NoError(t, e.Validate(v))
		require.Empty(t, ves.CheckJSON(b, v, ves.CheckOptions{Strict: true}), "4.0.1/7.0.1 must be accepted by %s", v)
	}
	d := measurement(t)
	require.NoError(t, d.Validate(ves.V7_0_1), "the header is fitted to the version")
	b, err := d.AppendJSON(nil, ves.V7_0_1)
	require.NoError(t, err)
	require.Contains(t, string(b), `"version":"4.0.1","vesEventListenerVersion":"7.0.1"`)
	require.Empty(t, ves.CheckJSON(b, ves.V7_0_1, ves.CheckOptions{Strict: true}))
	d.Header.VESEventListenerVersion = "7.9"
	require.ErrorContains(t, d.Validate(ves.V7_2_1), "vesEventListenerVersion")
	e.Header.StndDefinedNamespace = "x"
	require.ErrorContains(t, e.Validate(ves.V7_1_1), "since VES 7.2")
}

func TestAdditionalObjects(t *testing.T) {
	e := measurement(t)
	inner := &ves.JSONObject{ObjectName: "inner", ObjectInstances: []ves.JSONObjectInstance{{ObjectInstance: ves.RawObject(`{"a":[1,null]}`)}}}
	e.Measurement.AdditionalObjects = []ves.JSONObject{{ObjectName: "o", ObjectInstances: []ves.JSONObjectInstance{{
		ObjectKeys: []ves.Key{{KeyName: "k", KeyOrder: ves.Some(int64(0))}}, JSONObject: inner,
	}}}}
	require.NoError(t, oracle721(t)(send(t, e)))
	e.Measurement.AdditionalObjects[0].ObjectInstances[0].ObjectInstance = ves.RawObject(`{"a":1}{}`)
	require.ErrorContains(t, e.Validate(ves.V7_2_1), "objectInstance")
	_, err := e.AppendJSON(nil, ves.V7_2_1)
	require.Error(t, err)
	e.Measurement.AdditionalObjects[0].ObjectInstances[0].ObjectInstance = nil
	inner.ObjectInstances[0].JSONObject = inner // a circle must end
	require.ErrorContains(t, e.Validate(ves.V7_2_1), "nests too many")
	_, err = e.AppendJSON(nil, ves.V7_2_1)
	require.ErrorContains(t, err, "this deep")
}

func TestEventNamePrefix(t *testing.T) {
	require.Equal(t, "Measurement", ves.EventNamePrefix(ves.V7_2_1, ves.DomainMeasurement))
	require.Equal(t, "Tca", ves.EventNamePrefix(ves.V7_2_1, ves.DomainThresholdCrossingAlert))
	require.Equal(t, "Mfvs", ves.EventNamePrefix(ves.V5_4_1, ves.DomainMeasurementsForVFScaling))
	require.Empty(t, ves.EventNamePrefix(ves.V7_0_1, ves.DomainStndDefined))
}

// Whatever is set by path in whatever order: Validate says yes exactly where the schema does,
// and after DropIncomplete always.
func TestValidateAgreesWithSchema(t *testing.T) {
	var all []*ves.Field
	for f := range ves.Fields(ves.V7_2_1, ves.DomainMeasurement) {
		if f.Settable() {
			all = append(all, f)
		}
	}
	r := rand.New(rand.NewPCG(*seed, 3))
	verdicts := map[bool]int{}
	for i := range 2000 {
		e := measurement(t)
		m := e.Measurement
		var items []ves.Item
		for range r.IntN(30) {
			f := all[r.IntN(len(all))]
			if f.Kind == ves.KindItems {
				if it, err := m.AddItem(f, strings.Repeat("k", min(1, len(f.Key)))); err == nil {
					items = append(items, it)
				}
			}
			// Most of these fit neither: what is refused must leave no trace.
			_ = m.SetNumber(f, float64(r.IntN(100)))
			for _, it := range items {
				_ = it.SetNumber(f, r.Float64())
				_ = it.SetString(f, "true")
			}
		}
		// Required members, so that not all events are incomplete.
		for _, it := range items {
			for _, f := range all {
				if f.Required && r.IntN(4) > 0 {
					_ = it.SetNumber(f, 1)
					_ = it.SetString(f, "true")
				}
			}
		}
		body, err := e.AppendJSON(nil, ves.V7_2_1)
		require.NoError(t, err)
		vs := ves.CheckJSON(body, ves.V7_2_1, ves.CheckOptions{Strict: true})
		err = e.Validate(ves.V7_2_1)
		require.Equal(t, len(vs) == 0, err == nil, "event %d of seed %d: schema says %v, Validate %v\n%s", i, *seed, vs, err, body)
		verdicts[err == nil]++
		m.DropIncomplete()
		send(t, e)
	}
	require.Greater(t, verdicts[true], 100)
	require.Greater(t, verdicts[false], 100)
}
