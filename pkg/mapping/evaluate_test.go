package mapping_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
	"github.com/vesbridge/vesbridge/pkg/mapping"
)

func origin() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

func minute(n int) mapping.Window {
	s := origin().Add(time.Duration(n) * time.Minute)
	return mapping.Window{Start: s, End: s.Add(time.Minute)}
}

const head = `
mapping: test
entity: [namespace, pod]
present: up
event: {domain: measurement, eventName: Measurement_Test-Vendor_Thing}
`

func loadSet(t testing.TB, texts ...string) *mapping.Set {
	t.Helper()
	var files []mapping.Source
	for i, x := range texts {
		files = append(files, mapping.Source{Name: fmt.Sprintf("m%d.yaml", i), Text: []byte(x)})
	}
	set, problems := mapping.Load(files, nil, fakeCompiler{}, mapping.LoadOptions{Interval: time.Minute, Scrape: 15 * time.Second})
	require.NotNil(t, set, "%v", problems.Err())
	return set
}

// evaluate returns the measurement blocks by sourceName, each event valid against the
// official schema.
func evaluate(t testing.TB, set *mapping.Set, q mapping.Querier, w mapping.Window) (map[string]map[string]any, mapping.Report) {
	t.Helper()
	var c collected
	e, err := mapping.New(set, q, c.sink, mapping.Options{})
	require.NoError(t, err)
	r, err := e.Evaluate(t.Context(), w)
	require.NoError(t, err)
	require.Zero(t, r.Invalid, "%+v", r.Mappings)
	return blocks(t, c.bodies), r
}

func blocks(t testing.TB, bodies []string) map[string]map[string]any {
	t.Helper()
	out := map[string]map[string]any{}
	for _, b := range bodies {
		require.NoError(t, bridgetest.OracleVES721(t).Check([]byte(b)), b)
		var m struct {
			Event struct {
				Header map[string]any `json:"commonEventHeader"`
				Block  map[string]any `json:"measurementFields"`
			}
		}
		require.NoError(t, json.Unmarshal([]byte(b), &m))
		name := m.Event.Header["sourceName"].(string)
		require.NotContains(t, out, name, "two events for one source")
		out[name] = m.Event.Block
	}
	return out
}

func field(t testing.TB, r mapping.Report, path string) *mapping.FieldReport {
	t.Helper()
	f := r.Mappings[0].Field(path)
	require.NotNil(t, f, "no account of %s", path)
	return f
}

func TestOneEventPerEntityWithUnitsAndRounding(t *testing.T) {
	set := loadSet(t, head+`
fields:
  requestRate: rate
  concurrentSessions: sessions
  meanRequestLatency: {expr: latency, unit: ms}
  additionalFields: {answer: fields_x, pod: '{{ .pod | upper }}', constant: {value: text}}
`)
	q := newFake(origin())
	for _, pod := range []string{"a", "b"} {
		q.set("up", 1, "ns", pod)
		q.set("rate", 1.5, "ns", pod)
		q.set("sessions", 2.5, "ns", pod)
		q.set("latency", 250, "ns", pod)
	}
	q.set("fields_x", 42, "ns", "b")
	q.set("rate", 9, "ns", "stranger") // never present: nothing is told of it
	got, r := evaluate(t, set, q, minute(0))
	require.Len(t, got, 2)
	require.Equal(t, map[string]any{
		"measurementFieldsVersion": "4.0", "measurementInterval": 60.0, "requestRate": 1.5, "concurrentSessions": 3.0, "meanRequestLatency": 0.25,
		"additionalFields": map[string]any{"answer": "42", "pod": "B", "constant": "text"},
	}, got["ns/b"])
	require.EqualValues(t, 2, field(t, r, "concurrentSessions").Rounded)
	require.EqualValues(t, 1, field(t, r, "additionalFields.answer").LeftOutBy(mapping.ReasonMissing))
	require.Equal(t, 2, r.Mappings[0].ByDefault)
}

// TestNothingThatIsNoNumberBecomesOne covers every result that must not be told.
func TestNothingThatIsNoNumberBecomesOne(t *testing.T) {
	set := loadSet(t, head+"fields: {requestRate: rate, concurrentSessions: sessions}\n")
	for _, c := range []struct {
		name   string
		fill   func(*fakeQuerier)
		reason mapping.Reason
	}{
		{"NaN", func(q *fakeQuerier) { q.set("rate", math.NaN(), "ns", "a") }, mapping.ReasonNaN},
		{"infinite", func(q *fakeQuerier) { q.set("rate", math.Inf(1), "ns", "a") }, mapping.ReasonInfinite},
		{"negative", func(q *fakeQuerier) { q.set("rate", -1, "ns", "a") }, mapping.ReasonNegative},
		{"two rows", func(q *fakeQuerier) { q.set("rate", 1, "ns", "a"); q.set("rate", 1, "ns", "a") }, mapping.ReasonAmbiguous},
		{"three rows", func(q *fakeQuerier) {
			q.set("rate", 1, "ns", "a")
			q.set("rate", 1, "ns", "a")
			q.set("rate", 1, "ns", "a")
		}, mapping.ReasonAmbiguous},
		{"histogram", func(q *fakeQuerier) {
			q.rows["rate"] = []mapping.Row{{Labels: []string{"ns", "a"}, Histogram: &mapping.Histogram{Count: 1}}}
		}, mapping.ReasonHistogram},
		{"no row", func(*fakeQuerier) {}, mapping.ReasonMissing},
		{"failed query", func(q *fakeQuerier) { q.set("rate", 1, "ns", "a"); q.errs["rate"] = errors.New("broken") }, mapping.ReasonQueryFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := newFake(origin())
			q.set("up", 1, "ns", "a")
			q.set("sessions", 7, "ns", "a")
			c.fill(q)
			got, r := evaluate(t, set, q, minute(0))
			require.NotContains(t, got["ns/a"], "requestRate")
			require.Equal(t, 7.0, got["ns/a"]["concurrentSessions"], "the neighbour field is told all the same")
			require.EqualValues(t, 1, field(t, r, "requestRate").LeftOutBy(c.reason), "%+v", field(t, r, "requestRate"))
			require.Zero(t, field(t, r, "requestRate").Filled)
		})
	}
}

// TestWindowedFieldsAreWholeOrLeftOut is D4: what looks back over a window is told only
// of entities that were there for all of it.
func TestWindowedFieldsAreWholeOrLeftOut(t *testing.T) {
	start, inside := float64(origin().Unix()), float64(origin().Unix()+20)
	for _, c := range []struct {
		name       string
		extra      string
		was, is    int       // series behind the entity at both ends
		begun, had []float64 // `started` at the end and at the start
		want       mapping.Reason
	}{
		{name: "there all the time", was: 1, is: 1, want: mapping.ReasonNone},
		{name: "first seen", is: 1, want: mapping.ReasonFirstSeen},
		{name: "first seen, start proven but births unknown", extra: "started: began\n", is: 1, begun: []float64{inside}, want: mapping.ReasonFirstSeen},
		{name: "first seen, start proven", extra: "births: zero\nstarted: began\n", is: 1, begun: []float64{inside}, want: mapping.ReasonNone},
		{name: "first seen, started before", extra: "births: zero\nstarted: began\n", is: 1, begun: []float64{start - 100}, want: mapping.ReasonFirstSeen},
		{name: "one more", was: 1, is: 2, want: mapping.ReasonGrew},
		{name: "one more, proven", extra: "births: zero\nstarted: began\n", was: 1, is: 2, had: []float64{start - 100}, begun: []float64{start - 100, inside}, want: mapping.ReasonNone},
		{name: "one fewer", was: 2, is: 1, want: mapping.ReasonShrunk},
		{name: "restart", extra: "births: zero\nstarted: began\n", was: 1, is: 1, had: []float64{start - 100}, begun: []float64{inside}, want: mapping.ReasonRestart},
		{name: "restart counted on request", extra: "births: zero\nrestarts: count\nstarted: began\n", was: 1, is: 1, had: []float64{start - 100}, begun: []float64{inside}, want: mapping.ReasonNone},
		{name: "rounded uptime is no restart", extra: "births: zero\nstarted: began\n", was: 1, is: 1, had: []float64{start - 0.5}, begun: []float64{start + 0.5}, want: mapping.ReasonNone},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := loadSet(t, head+c.extra+"fields: {requestRate: 'rate[1m]', concurrentSessions: sessions}\n")
			q := newFake(origin())
			q.rows["up@0"] = nil
			for range c.was {
				q.set("up@0", 1, "ns", "a")
			}
			for range c.is {
				q.set("up@60", 1, "ns", "a")
			}
			q.rows["began@0"] = nil
			for _, b := range c.had {
				q.set("began@0", b, "ns", "a")
			}
			for _, b := range c.begun {
				q.set("began@60", b, "ns", "a")
			}
			q.set("rate[1m]", 5, "ns", "a")
			q.set("sessions", 7, "ns", "a")
			got, r := evaluate(t, set, q, minute(0))
			require.Equal(t, 7.0, got["ns/a"]["concurrentSessions"], "what is true at an instant needs no window")
			if c.want == mapping.ReasonNone {
				require.Equal(t, 5.0, got["ns/a"]["requestRate"])
				return
			}
			require.NotContains(t, got["ns/a"], "requestRate")
			require.EqualValues(t, 1, field(t, r, "requestRate").LeftOutBy(c.want), "%+v", field(t, r, "requestRate"))
		})
	}
}

func TestEntityThatIsGoneIsCountedAndNotTold(t *testing.T) {
	set := loadSet(t, head+"fields: {requestRate: 'rate[1m]'}\n")
	q := newFake(origin())
	q.set("up@0", 1, "ns", "a")
	q.rows["up@60"] = nil
	q.set("rate[1m]", 5, "ns", "a")
	got, r := evaluate(t, set, q, minute(0))
	require.Empty(t, got)
	require.Equal(t, 1, r.Mappings[0].Gone)
}

func TestArraysKeepTheirRequiredMembersAndMarkDoubt(t *testing.T) {
	set := loadSet(t, head+`
fields:
  cpuUsageArray:
    - {key: cpuIdentifier, from: cpu, percentUsage: {expr: 'used[1m]', unit: ratio}, cpuIdle: idle}
  nicPerformanceArray:
    - {key: nicIdentifier, from: device, receivedOctetsDelta: 'rx[1m]', speed: speed, operationalState: {expr: link, values: {1: inService, 0: outOfService}}}
  memoryUsageArray:
    - {vmIdentifier: '{{ .pod }}', memoryFree: {expr: free, unit: B}, memoryUsed: {expr: mem_used, unit: B}}
`)
	q := newFake(origin())
	q.set("up", 1, "ns", "a")
	for _, cpu := range []string{"10", "2", "0"} {
		q.set("used[1m]", 0.5, "ns", "a", cpu)
		q.set("idle", 50, "ns", "a", cpu)
	}
	q.rows["used[1m]"] = q.rows["used[1m]"][:2] // cpu 0 has no percentUsage, which VES requires
	q.set("rx[1m]", 100, "ns", "a", "eth0")
	q.set("rx[1m]@0", 100, "ns", "a", "eth0") // eth1 is new: its base is unknown
	q.set("used[1m]@0", 0.5, "ns", "a", "10")
	q.set("used[1m]@0", 0.5, "ns", "a", "2")
	q.set("rx[1m]", 100, "ns", "a", "eth1")
	q.set("speed", 1000, "ns", "a", "eth0")
	q.set("speed", 1000, "ns", "a", "eth1")
	q.set("link", 1, "ns", "a", "eth0")
	q.set("link", 5, "ns", "a", "eth1")
	q.set("free", 2048, "ns", "a")
	q.set("mem_used", 1024, "ns", "a")
	got, r := evaluate(t, set, q, minute(0))
	require.Equal(t, []any{
		map[string]any{"cpuIdentifier": "2", "percentUsage": 50.0, "cpuIdle": 50.0},
		map[string]any{"cpuIdentifier": "10", "percentUsage": 50.0, "cpuIdle": 50.0},
	}, got["ns/a"]["cpuUsageArray"])
	require.EqualValues(t, 1, field(t, r, "cpuUsageArray.cpuIdle").LeftOutBy(mapping.ReasonIncomplete))
	require.Equal(t, []any{
		map[string]any{"nicIdentifier": "eth0", "valuesAreSuspect": "false", "receivedOctetsDelta": 100.0, "speed": 1000.0, "operationalState": "inService"},
		map[string]any{"nicIdentifier": "eth1", "valuesAreSuspect": "true", "speed": 1000.0},
	}, got["ns/a"]["nicPerformanceArray"])
	require.EqualValues(t, 1, field(t, r, "nicPerformanceArray.receivedOctetsDelta").LeftOutBy(mapping.ReasonItemFirstSeen))
	require.EqualValues(t, 1, field(t, r, "nicPerformanceArray.operationalState").LeftOutBy(mapping.ReasonUnknownValue))
	require.Equal(t, []any{map[string]any{"vmIdentifier": "a", "memoryFree": 2.0, "memoryUsed": 1.0}}, got["ns/a"]["memoryUsageArray"])
}

func TestLatencyDistributionIsPerBucketAndInMilliseconds(t *testing.T) {
	set := loadSet(t, head+"fields: {latencyDistribution: {histogram: 'lat_bucket{x=\"y\"}', unit: s}}\n")
	const expr = `sum(increase(lat_bucket{x="y"}[$interval] anchored))`
	fill := func(counts ...float64) *fakeQuerier {
		q := newFake(origin())
		q.set("up", 1, "ns", "a")
		for i, le := range []string{"0.005", "0.01", "+Inf", "0.5"} {
			q.set(expr, counts[i], "ns", "a", le)
		}
		return q
	}
	got, _ := evaluate(t, set, fill(2, 2, 9, 6), minute(0))
	require.Equal(t, []any{
		map[string]any{"lowEndOfLatencyBucket": 0.0, "highEndOfLatencyBucket": 5.0, "countsInTheBucket": 2.0},
		map[string]any{"lowEndOfLatencyBucket": 10.0, "highEndOfLatencyBucket": 500.0, "countsInTheBucket": 4.0},
		map[string]any{"lowEndOfLatencyBucket": 500.0, "countsInTheBucket": 3.0},
	}, got["ns/a"]["latencyDistribution"])
	got, r := evaluate(t, set, fill(2, 1, 9, 6), minute(0))
	require.Empty(t, got, "buckets that fall cannot be told")
	require.EqualValues(t, 1, field(t, r, "latencyDistribution").LeftOutBy(mapping.ReasonNegative))
	_, r = evaluate(t, set, fill(0, 0, 0, 0), minute(0))
	require.EqualValues(t, 1, field(t, r, "latencyDistribution").LeftOutBy(mapping.ReasonNoObservations))
}

func TestMoreGroupsThanAllowedFoldIntoOther(t *testing.T) {
	set := loadSet(t, head+`
limits: {groups: 2, items: 1}
fields:
  additionalMeasurements:
    upstream: {by: cluster_name, requests: {expr: 'increase(rq[1m])'}, peak: 'peak[1m]'}
  nicPerformanceArray:
    - {key: nicIdentifier, from: device, speed: speed}
`)
	q := newFake(origin())
	q.set("up", 1, "ns", "a")
	for i := range 5 {
		for _, at := range []string{"", "@0"} {
			q.set("increase(rq[1m])"+at, float64(10*i), "ns", "a", fmt.Sprintf("c%d", i))
			q.set("peak[1m]"+at, float64(i), "ns", "a", fmt.Sprintf("c%d", i))
		}
	}
	q.set("speed", 1, "ns", "a", "eth0")
	q.set("speed", 2, "ns", "a", "eth1")
	got, r := evaluate(t, set, q, minute(0))
	group := func(kv ...string) any {
		m := map[string]any{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = kv[i+1]
		}
		return map[string]any{"name": "upstream", "hashMap": m}
	}
	require.Equal(t, []any{
		group("clusterName", "c3", "requests", "30", "peak", "3"),
		group("clusterName", "c4", "requests", "40", "peak", "4"),
		group("clusterName", "other", "requests", "30", "omitted", "3"), // a sum of peaks would be invented
	}, got["ns/a"]["additionalMeasurements"])
	require.EqualValues(t, 3, field(t, r, "additionalMeasurements.upstream").LeftOutBy(mapping.ReasonOverflow))
	require.Equal(t, map[string]any{"nicPerformanceArrayOmitted": "1"}, got["ns/a"]["additionalFields"])
}

// TestEventsStayUnderTheSizeLimit: thousands of clusters with long names.
func TestEventsStayUnderTheSizeLimit(t *testing.T) {
	set := loadSet(t, head+`
limits: {groups: 100000}
fields: {additionalMeasurements: {upstream: {by: cluster_name, requests: {expr: rq, other: sum}}}}
`)
	q := newFake(origin())
	q.set("up", 1, "ns", "a")
	const n = 5000
	for i := range n {
		q.set("rq", 1, "ns", "a", strings.Repeat("x", 200)+fmt.Sprint(i))
	}
	var c collected
	e, err := mapping.New(set, q, c.sink, mapping.Options{MaxEventBytes: 200_000})
	require.NoError(t, err)
	r, err := e.Evaluate(t.Context(), minute(0))
	require.NoError(t, err)
	require.Len(t, c.bodies, 1)
	require.LessOrEqual(t, len(c.bodies[0]), 200_000)
	over := field(t, r, "additionalMeasurements.upstream").LeftOutBy(mapping.ReasonOverflow)
	kept := field(t, r, "additionalMeasurements.upstream.requests").Filled
	require.EqualValues(t, n, over+kept, "each cluster is told or counted")
	require.Contains(t, c.bodies[0], fmt.Sprintf(`"requests":"%d","omitted":"%d"`, over, over))
}

func TestMappingsOfOneEventNameFillOneEvent(t *testing.T) {
	second := strings.Replace(head, "mapping: test", "mapping: second", 1)
	set := loadSet(t, head+"fields: {requestRate: rate}\n", second+"fields: {concurrentSessions: sessions}\n")
	q := newFake(origin())
	q.set("up", 1, "ns", "a")
	q.set("rate", 1, "ns", "a")
	q.set("sessions", 2, "ns", "a")
	got, r := evaluate(t, set, q, minute(0))
	require.Len(t, got, 1)
	require.Equal(t, 1.0, got["ns/a"]["requestRate"])
	require.Equal(t, 2.0, got["ns/a"]["concurrentSessions"])
	require.Equal(t, 1, r.Events)
}

func TestSecondEventNameForOneSourceIsCountedUnlessAllowed(t *testing.T) {
	second := strings.Replace(strings.Replace(head, "mapping: test", "mapping: second", 1), "Vendor_Thing", "Vendor_Other", 1)
	set := loadSet(t, head+"fields: {requestRate: rate}\n", second+"fields: {concurrentSessions: sessions}\n")
	q := newFake(origin())
	q.set("up", 1, "ns", "a")
	q.set("rate", 1, "ns", "a")
	q.set("sessions", 2, "ns", "a")
	got, r := evaluate(t, set, q, minute(0))
	require.Len(t, got, 1)
	require.EqualValues(t, 1, r.Mappings[1].Field("concurrentSessions").LeftOutBy(mapping.ReasonSecondEventName))
	var c collected
	e, err := mapping.New(set, q, c.sink, mapping.Options{AllowSeveralEventNames: true})
	require.NoError(t, err)
	_, err = e.Evaluate(t.Context(), minute(0))
	require.NoError(t, err)
	require.Len(t, c.bodies, 2)
}

func TestTwoEntitiesOfOneSourceAreNotAddedUp(t *testing.T) {
	set := loadSet(t, strings.Replace(head, "{domain", "{sourceName: '{{ .namespace }}', domain", 1)+"fields: {requestRate: rate, concurrentSessions: sessions}\n")
	q := newFake(origin())
	for _, pod := range []string{"b", "a"} {
		q.set("up", 1, "ns", pod)
		q.set("rate", 1, "ns", pod)
	}
	q.set("sessions", 5, "ns", "b")
	got, r := evaluate(t, set, q, minute(0))
	require.Len(t, got, 1)
	require.Equal(t, 1.0, got["ns"]["requestRate"])
	require.Equal(t, 5.0, got["ns"]["concurrentSessions"], "only one of the two knows it")
	require.EqualValues(t, 1, field(t, r, "requestRate").LeftOutBy(mapping.ReasonCollision))
}

func TestEventIdsAreTheSameOnEveryReplica(t *testing.T) {
	set := loadSet(t, head+"fields: {requestRate: rate}\n")
	q := newFake(origin())
	q.set("up", 1, "ns", "a")
	q.set("rate", 1, "ns", "a")
	var one, two collected
	for _, c := range []*collected{&one, &two} {
		e, err := mapping.New(set, q, c.sink, mapping.Options{})
		require.NoError(t, err)
		for n := range 2 {
			_, err = e.Evaluate(t.Context(), minute(n))
			require.NoError(t, err)
		}
	}
	require.Equal(t, one.bodies, two.bodies)
	require.NotEqual(t, one.bodies[0], one.bodies[1])
}

// TestPresenceIsAskedOncePerBoundary: a window's end is the next one's start.
func TestPresenceIsAskedOncePerBoundary(t *testing.T) {
	set := loadSet(t, head+"fields: {requestRate: rate}\n")
	q := newFake(origin())
	q.set("up", 1, "ns", "a")
	e, err := mapping.New(set, q, new(collected).sink, mapping.Options{})
	require.NoError(t, err)
	for n := range 3 {
		_, err = e.Evaluate(t.Context(), minute(n))
		require.NoError(t, err)
	}
	for at := 0; at <= 180; at += 60 {
		require.Equal(t, 1, q.asked[fmt.Sprintf("up@%d", at)], "at %d s", at)
	}
}

func TestFailedPresenceCostsItsMappingOnly(t *testing.T) {
	second := strings.NewReplacer("mapping: test", "mapping: second", "present: up", "present: alive").Replace(head)
	set := loadSet(t, head+"fields: {requestRate: rate}\n", second+"fields: {concurrentSessions: sessions}\n")
	q := newFake(origin())
	q.set("up", 1, "ns", "a")
	q.set("rate", 1, "ns", "a")
	q.errs["alive"] = errors.New("broken")
	got, r := evaluate(t, set, q, minute(0))
	require.Equal(t, 1.0, got["ns/a"]["requestRate"])
	require.ErrorContains(t, r.Mappings[1].Err, "broken")
}

// TestNativeHistogramFillsTheDistributionWhereThereIsNoClassicOne, and never beside it.
func TestNativeHistogramFillsTheDistributionWhereThereIsNoClassicOne(t *testing.T) {
	set, problems := mapping.Load([]mapping.Source{{Name: "m", Text: []byte(head + "fields: {latencyDistribution: {histogram: lat_bucket, unit: ms}}\n")}},
		nil, histogramCompiler{}, mapping.LoadOptions{Interval: time.Minute})
	require.NotNil(t, set, "%v", problems)
	q := newFake(origin())
	native := &mapping.Histogram{Count: 5, Buckets: []mapping.Bucket{{Lower: -0.5, Upper: 0.5, Count: 2}, {Lower: 4, Upper: 8, Count: 3}}}
	for _, pod := range []string{"both", "native"} {
		q.set("up", 1, "ns", pod)
		q.rows["native[lat]"] = append(q.rows["native[lat]"], mapping.Row{Labels: []string{"ns", pod}, Histogram: native})
	}
	q.set("sum(increase(lat_bucket[$interval] anchored))", 5, "ns", "both", "+Inf")
	got, _ := evaluate(t, set, q, minute(0))
	require.Equal(t, []any{
		map[string]any{"lowEndOfLatencyBucket": 0.0, "highEndOfLatencyBucket": 0.5, "countsInTheBucket": 2.0},
		map[string]any{"lowEndOfLatencyBucket": 4.0, "highEndOfLatencyBucket": 8.0, "countsInTheBucket": 3.0},
	}, got["ns/native"]["latencyDistribution"])
	require.Equal(t, []any{map[string]any{"lowEndOfLatencyBucket": 0.0, "countsInTheBucket": 5.0}}, got["ns/both"]["latencyDistribution"])
}
