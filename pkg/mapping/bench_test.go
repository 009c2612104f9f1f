package mapping_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/mapping"
	"github.com/vesbridge/vesbridge/pkg/series"
	"github.com/vesbridge/vesbridge/pkg/ves"
)

// benchMapping has 20 fields, half of them over a window.
func benchMapping() string {
	text := head + "births: zero\nfields:\n  requestRate: sum(m0)\n  concurrentSessions: sum(m1)\n  additionalFields:\n"
	for i := 2; i < 10; i++ {
		text += fmt.Sprintf("    gauge%d: sum(m%d)\n", i, i)
	}
	for i := range 10 {
		text += fmt.Sprintf("    delta%d: sum(increase(m%d[$interval] anchored))\n", i, i)
	}
	return text
}

// BenchmarkEvaluate compares, in one run, a whole evaluation (queries, columns, events,
// validation) with the bare PromQL cost of the same queries.
func BenchmarkEvaluate(b *testing.B) {
	for _, entities := range []int{1000, 10_000} {
		store := realStore(b)
		set, problems := mapping.Load([]mapping.Source{{Name: "bench", Text: []byte(benchMapping())}}, nil, series.NewCompiler(),
			mapping.LoadOptions{Interval: time.Minute, Scrape: 15 * time.Second})
		require.NotNil(b, set, "%v", problems)
		fillBench(b, store, entities)
		engine := series.NewEngine(series.EngineOptions{Queryable: store})
		w := minute(0)
		b.Run(fmt.Sprintf("entities=%d/promql", entities), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rows := 0
				for _, q := range set.Queries() {
					require.NoError(b, engine.Query(b.Context(), q, w.End, func(*mapping.Row) { rows++ }))
				}
				require.Equal(b, 21*entities, rows)
			}
		})
		b.Run(fmt.Sprintf("entities=%d/evaluate", entities), func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			// One query at a time, as the bare loop has it.
			e, err := mapping.New(set, engine, func(_ context.Context, events []*ves.Event) error { n += len(events); return nil }, mapping.Options{Concurrency: 1})
			require.NoError(b, err)
			_, err = e.Evaluate(b.Context(), mapping.Window{Start: w.Start.Add(-time.Minute), End: w.Start})
			require.NoError(b, err)
			for b.Loop() {
				n = 0
				r, err := e.Evaluate(b.Context(), w)
				require.NoError(b, err)
				require.Zero(b, r.Invalid)
				require.Equal(b, entities, n)
			}
		})
	}
}

func fillBench(b *testing.B, store *series.Store, entities int) {
	b.Helper()
	var refs []storage.SeriesRef
	var sets []labels.Labels
	for i := range entities {
		pod := fmt.Sprintf("pod-%d", i)
		sets = append(sets, labels.FromStrings("__name__", "up", "namespace", "ns", "pod", pod, "job", "bench"))
		for m := range 10 {
			sets = append(sets, labels.FromStrings("__name__", fmt.Sprintf("m%d", m), "namespace", "ns", "pod", pod, "job", "bench"))
		}
	}
	refs = make([]storage.SeriesRef, len(sets))
	for s := -60; s <= 60; s += 15 {
		a := store.AppenderV2(b.Context())
		for i, l := range sets {
			var err error
			refs[i], err = a.Append(refs[i], l, 0, origin().Add(time.Duration(s)*time.Second).UnixMilli(), float64(1000+s), nil, nil, storage.AppendV2Options{})
			require.NoError(b, err)
		}
		require.NoError(b, a.Commit())
	}
}
