package ves_test

import (
	"bytes"
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/ves"
)

// The benchmarks build, validate and encode one measurement of a busy sidecar: 20 groups of
// 4 pairs, CPUs, interfaces, a latency distribution. The rivals build an equivalent struct
// for encoding/json. Both start from numbers: formatting them is part of the work.

const benchGroups = 20

var (
	benchNames   = names("outbound|8080||service-", benchGroups)
	benchCPUs    = names("cpu", 4)
	benchNICs    = names("eth", 2)
	benchBuckets = []float64{0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000}
)

func names(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = prefix + strconv.Itoa(i)
	}
	return out
}

// value is the i-th measured number: counts, times with decimals, and full-width quotients.
func value(i int) float64 {
	switch i % 4 {
	case 0, 1:
		return float64(i * 9973)
	case 2:
		return float64(i*7919) / 1000
	}
	return float64(i) / 7
}

// benchFields are looked up once, as a mapping does when it loads.
type benchFields struct {
	rate, sessions, latency, cpus, percent, idle, nics, suspect, rx, tx *ves.Field
}

func newBenchFields(t testing.TB) benchFields {
	return benchFields{
		rate: field(t, "requestRate"), sessions: field(t, "concurrentSessions"), latency: field(t, "meanRequestLatency"),
		cpus: field(t, "cpuUsageArray"), percent: field(t, "cpuUsageArray.percentUsage"), idle: field(t, "cpuUsageArray.cpuIdle"),
		nics: field(t, "nicPerformanceArray"), suspect: field(t, "nicPerformanceArray.valuesAreSuspect"),
		rx: field(t, "nicPerformanceArray.receivedOctetsDelta"), tx: field(t, "nicPerformanceArray.transmittedOctetsDelta"),
	}
}

func (f *benchFields) build(t testing.TB, e *ves.Event, h *ves.Header) {
	e.Reset()
	e.Header = *h
	m := e.UseMeasurement()
	m.MeasurementInterval = 60
	var errs [3]error
	errs[0] = m.SetNumber(f.rate, value(2))
	errs[1] = m.SetNumber(f.sessions, 17)
	errs[2] = m.SetNumber(f.latency, value(3))
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, n := range benchCPUs {
		it, err := m.AddItem(f.cpus, n)
		if err != nil || it.SetNumber(f.percent, value(i)) != nil || it.SetNumber(f.idle, value(i+3)) != nil {
			t.Fatal("cpu")
		}
	}
	for i, n := range benchNICs {
		it, err := m.AddItem(f.nics, n)
		if err != nil || it.SetString(f.suspect, "false") != nil || it.SetNumber(f.rx, value(4*i)) != nil || it.SetNumber(f.tx, value(8*i)) != nil {
			t.Fatal("nic")
		}
	}
	low := 0.0
	for i, high := range benchBuckets {
		if m.AddLatencyBucket(low, ves.Some(high), float64(i*31)) != nil {
			t.Fatal("bucket")
		}
		low = high
	}
	for i, n := range benchNames {
		g := m.AddGroup(n)
		if g.SetNumber("requests", value(4*i)) != nil || g.SetNumber("bytes", value(4*i+1)) != nil ||
			g.SetNumber("seconds", value(4*i+2)) != nil || g.SetNumber("mean", value(4*i+3)) != nil {
			t.Fatal("group")
		}
	}
	if len(m.DropIncomplete()) != 0 {
		t.Fatal("incomplete")
	}
}

// The same event as plain structs for encoding/json.
type (
	jsonCPU struct {
		CPUIdentifier string   `json:"cpuIdentifier"`
		PercentUsage  float64  `json:"percentUsage"`
		CPUIdle       *float64 `json:"cpuIdle,omitempty"`
	}
	jsonNIC struct {
		NICIdentifier          string   `json:"nicIdentifier"`
		ValuesAreSuspect       string   `json:"valuesAreSuspect"`
		ReceivedOctetsDelta    *float64 `json:"receivedOctetsDelta,omitempty"`
		TransmittedOctetsDelta *float64 `json:"transmittedOctetsDelta,omitempty"`
	}
	jsonBucket struct {
		Counts float64  `json:"countsInTheBucket"`
		Low    float64  `json:"lowEndOfLatencyBucket"`
		High   *float64 `json:"highEndOfLatencyBucket,omitempty"`
	}
	jsonGroup struct {
		Name    string            `json:"name"`
		HashMap map[string]string `json:"hashMap"`
	}
	jsonMeasurement struct {
		Version      string       `json:"measurementFieldsVersion"`
		Interval     float64      `json:"measurementInterval"`
		Sessions     *int64       `json:"concurrentSessions,omitempty"`
		Latency      *float64     `json:"meanRequestLatency,omitempty"`
		Rate         *float64     `json:"requestRate,omitempty"`
		Distribution []jsonBucket `json:"latencyDistribution,omitempty"`
		CPUs         []jsonCPU    `json:"cpuUsageArray,omitempty"`
		NICs         []jsonNIC    `json:"nicPerformanceArray,omitempty"`
		Groups       []jsonGroup  `json:"additionalMeasurements,omitempty"`
	}
	jsonHeader struct {
		Domain     string `json:"domain"`
		EventID    string `json:"eventId"`
		EventName  string `json:"eventName"`
		Start      int64  `json:"startEpochMicrosec"`
		Last       int64  `json:"lastEpochMicrosec"`
		Priority   string `json:"priority"`
		Sequence   int64  `json:"sequence"`
		SourceName string `json:"sourceName"`
		Reporting  string `json:"reportingEntityName"`
		Version    string `json:"version"`
		Listener   string `json:"vesEventListenerVersion"`
	}
	jsonEvent struct {
		Header      jsonHeader      `json:"commonEventHeader"`
		Measurement jsonMeasurement `json:"measurementFields"`
	}
	jsonMessage struct {
		Event jsonEvent `json:"event"`
	}
)

func formatted(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

func buildJSON(h *ves.Header) *jsonMessage {
	m := &jsonMessage{Event: jsonEvent{
		Header: jsonHeader{
			Domain: "measurement", EventID: h.EventID, EventName: h.EventName, Start: h.StartEpochMicrosec, Last: h.LastEpochMicrosec,
			Priority: "Normal", SourceName: h.SourceName, Reporting: h.ReportingEntityName, Version: "4.1", Listener: "7.2.1",
		},
		Measurement: jsonMeasurement{Version: "4.0", Interval: 60, Sessions: new(int64(17)), Latency: new(value(3)), Rate: new(value(2))},
	}}
	f := &m.Event.Measurement
	for i, n := range benchCPUs {
		f.CPUs = append(f.CPUs, jsonCPU{n, value(i), new(value(i + 3))})
	}
	for i, n := range benchNICs {
		f.NICs = append(f.NICs, jsonNIC{n, "false", new(value(4 * i)), new(value(8 * i))})
	}
	low := 0.0
	for i, high := range benchBuckets {
		f.Distribution = append(f.Distribution, jsonBucket{float64(i * 31), low, new(high)})
		low = high
	}
	for i, n := range benchNames {
		f.Groups = append(f.Groups, jsonGroup{n, map[string]string{
			"requests": formatted(value(4 * i)), "bytes": formatted(value(4*i + 1)),
			"seconds": formatted(value(4*i + 2)), "mean": formatted(value(4*i + 3)),
		}})
	}
	return m
}

func benchHeader(t testing.TB) *ves.Header {
	e, err := ves.NewMeasurement(header(), time.Minute)
	require.NoError(t, err)
	return &e.Header
}

// The rivals must tell the same, or the comparison means nothing.
func TestBenchmarkRivalsAgree(t *testing.T) {
	f, h := newBenchFields(t), benchHeader(t)
	var e ves.Event
	f.build(t, &e, h)
	theirs, err := json.Marshal(buildJSON(h))
	require.NoError(t, err)
	require.JSONEq(t, string(theirs), string(send(t, &e)))
	require.NoError(t, oracle721(t)(theirs))
}

func BenchmarkMeasurement(b *testing.B) {
	f, h := newBenchFields(b), benchHeader(b)
	schema, _ := oracles(b, ves.V7_2_1)
	var e ves.Event
	buf := make([]byte, 0, 1<<14)
	encodeVES := func(b *testing.B) {
		var err error
		if buf, err = e.AppendJSON(buf[:0], ves.V7_2_1); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("build+validate+encode/ves", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f.build(b, &e, h)
			if err := e.Validate(ves.V7_2_1); err != nil {
				b.Fatal(err)
			}
			encodeVES(b)
		}
		b.SetBytes(int64(len(buf)))
	})
	b.Run("build+encode/encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(buildJSON(h)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("build+validate+encode/encoding-json+santhosh", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			body, err := json.Marshal(buildJSON(h))
			if err != nil {
				b.Fatal(err)
			}
			doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
			if err != nil || schema.Validate(doc) != nil {
				b.Fatal("invalid")
			}
		}
	})
	f.build(b, &e, h)
	b.Run("validate/ves", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := e.Validate(ves.V7_2_1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encode/ves", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			encodeVES(b)
		}
	})
	b.Run("encode/encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		built := buildJSON(h)
		for b.Loop() {
			if _, err := json.Marshal(built); err != nil {
				b.Fatal(err)
			}
		}
	})
	encodeVES(b)
	b.Run("checkjson/ves", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(buf)))
		for b.Loop() {
			if vs := ves.CheckJSON(buf, ves.V7_2_1, ves.CheckOptions{Strict: true}); vs != nil {
				b.Fatal(vs)
			}
		}
	})
	b.Run("checkjson/santhosh", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(buf))
			if err != nil || schema.Validate(doc) != nil {
				b.Fatal("invalid")
			}
		}
	})
	b.Run("validate+encode/ves", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := e.Validate(ves.V7_2_1); err != nil {
				b.Fatal(err)
			}
			encodeVES(b)
		}
	})
	b.Run("validate+encode/encoding-json+santhosh", func(b *testing.B) {
		b.ReportAllocs()
		built := buildJSON(h)
		for b.Loop() {
			body, err := json.Marshal(built)
			if err != nil {
				b.Fatal(err)
			}
			doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
			if err != nil || schema.Validate(doc) != nil {
				b.Fatal("invalid")
			}
		}
	})
	b.Run("check+decode/ves", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(buf)))
		for b.Loop() {
			if _, err := ves.DecodeEvent(buf, ves.V7_2_1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode/encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(buf)))
		for b.Loop() {
			var m jsonMessage
			if err := json.Unmarshal(buf, &m); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("convert-7.2.1-to-5.4.1/ves", func(b *testing.B) {
		b.ReportAllocs()
		var out []byte
		for b.Loop() {
			var err error
			if out, _, err = ves.Convert(out[:0], buf, ves.V7_2_1, ves.V5_4_1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("envelope/ves", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(buf)))
		for b.Loop() {
			if _, err := ves.ParseEnvelope(buf); err != nil {
				b.Fatal(err)
			}
		}
	})
}
