package mapping_test

import (
	"context"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/mapping"
	"github.com/vesbridge/vesbridge/pkg/series"
	"github.com/vesbridge/vesbridge/pkg/ves"
)

// realStore is an embedded store with a helper to append samples.
func realStore(t testing.TB) *series.Store {
	t.Helper()
	s, err := series.OpenStore(series.StoreOptions{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func appendSample(t testing.TB, s *series.Store, at time.Time, v float64, lbls ...string) {
	t.Helper()
	a := s.AppenderV2(t.Context())
	_, err := a.Append(0, labels.FromStrings(lbls...), 0, at.UnixMilli(), v, nil, nil, storage.AppendV2Options{})
	require.NoError(t, err)
	require.NoError(t, a.Commit())
}

// collected keeps encoded copies of what a sink was handed.
type collected struct{ bodies []string }

func (c *collected) sink(_ context.Context, events []*ves.Event) error {
	for _, e := range events {
		b, err := e.AppendJSON(nil, ves.V7_2_1)
		if err != nil {
			return err
		}
		c.bodies = append(c.bodies, string(b))
	}
	return nil
}

// TestConsecutiveWindowsAddUp: on the real engine, with scrapes that jitter, what the
// windows tell of a counter adds up to what it counted, from the first whole window on.
func TestConsecutiveWindowsAddUp(t *testing.T) {
	store := realStore(t)
	set, problems := mapping.Load([]mapping.Source{{Name: "m", Text: []byte(`
mapping: m
entity: [namespace, pod]
present: up == 1
event: {domain: measurement, eventName: Measurement_Test-Vendor_Thing}
fields:
  additionalFields: {requests: 'sum(increase(rq_total[$interval] anchored))'}
`)}}, nil, series.NewCompiler(), mapping.LoadOptions{Interval: time.Minute, Scrape: 15 * time.Second})
	require.NotNil(t, set, "%v", problems)
	begin := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	r := rand.New(rand.NewPCG(1, 2))
	type sample struct {
		at time.Time
		v  float64
	}
	var samples []sample
	v := 1000.0
	for i := range 41 { // ten minutes and a little
		at := begin.Add(time.Duration(i)*15*time.Second - 2*time.Second + time.Duration(r.IntN(4000))*time.Millisecond)
		appendSample(t, store, at, 1, "__name__", "up", "namespace", "ns", "pod", "a")
		appendSample(t, store, at, v, "__name__", "rq_total", "namespace", "ns", "pod", "a", "code", "200")
		samples = append(samples, sample{at, v})
		v += float64(r.IntN(100))
	}
	atOrBefore := func(end time.Time) float64 {
		last := math.NaN()
		for _, s := range samples {
			if !s.at.After(end) {
				last = s.v
			}
		}
		return last
	}
	var c collected
	e, err := mapping.New(set, series.NewEngine(series.EngineOptions{Queryable: store}), c.sink, mapping.Options{})
	require.NoError(t, err)
	sum := 0.0
	for n := 1; n < 10; n++ {
		c.bodies = nil
		w := mapping.Window{Start: begin.Add(time.Duration(n) * time.Minute), End: begin.Add(time.Duration(n+1) * time.Minute)}
		_, err := e.Evaluate(t.Context(), w)
		require.NoError(t, err)
		got := blocks(t, c.bodies)["ns/a"]["additionalFields"].(map[string]any)["requests"].(string)
		x, err := strconv.ParseFloat(got, 64)
		require.NoError(t, err)
		require.Equal(t, atOrBefore(w.End)-atOrBefore(w.Start), x, "window %d", n)
		sum += x
	}
	require.Equal(t, atOrBefore(begin.Add(10*time.Minute))-atOrBefore(begin.Add(time.Minute)), sum)
}

// TestGapInScrapingIsNoQuietWindow: a bridge that was down must not tell of windows
// without traffic although the last samples are within PromQL's lookback.
func TestGapInScrapingIsNoQuietWindow(t *testing.T) {
	store := realStore(t)
	set, problems := mapping.Load([]mapping.Source{{Name: "m", Text: []byte(head +
		"fields: {additionalFields: {requests: 'sum(increase(rq_total[$interval] anchored))'}, concurrentSessions: sum(rq_total)}\n")}},
		nil, series.NewCompiler(), mapping.LoadOptions{Interval: time.Minute, Scrape: 15 * time.Second})
	require.NotNil(t, set, "%v", problems)
	begin := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, s := range []int{0, 15, 30, 45, 60, 195, 210, 225, 240, 255, 270, 285, 300} { // nothing from 60 s to 195 s
		at := begin.Add(time.Duration(s) * time.Second)
		appendSample(t, store, at, 1, "__name__", "up", "namespace", "ns", "pod", "a")
		appendSample(t, store, at, float64(s), "__name__", "rq_total", "namespace", "ns", "pod", "a")
	}
	e, err := mapping.New(set, series.NewEngine(series.EngineOptions{Queryable: store}), new(collected).sink, mapping.Options{})
	require.NoError(t, err)
	for n, want := range []mapping.Reason{mapping.ReasonNone, mapping.ReasonGone, mapping.ReasonMissing, mapping.ReasonFirstSeen, mapping.ReasonNone} {
		w := mapping.Window{Start: begin.Add(time.Duration(n) * time.Minute), End: begin.Add(time.Duration(n+1) * time.Minute)}
		r, err := e.Evaluate(t.Context(), w)
		require.NoError(t, err)
		f := r.Mappings[0].Field("additionalFields.requests")
		switch want {
		case mapping.ReasonNone:
			require.EqualValues(t, 1, f.Filled, "window %d: %+v", n, r.Mappings[0])
		case mapping.ReasonGone:
			require.Equal(t, 1, r.Mappings[0].Gone, "window %d", n)
			require.Zero(t, r.Events)
		case mapping.ReasonMissing:
			require.Zero(t, r.Entities, "window %d", n)
		default:
			require.Zero(t, f.Filled, "window %d", n)
			require.EqualValues(t, 1, f.LeftOutBy(want), "window %d: %+v", n, f)
		}
	}
}
