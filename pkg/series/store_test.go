package series_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/vesbridge/vesbridge/pkg/mapping"
	"github.com/vesbridge/vesbridge/pkg/series"
)

func TestMain(m *testing.M) {
	// A database whose blocks cannot be opened leaves its log's goroutine behind, once per
	// unreadable store. One left open by us would show by its db.run too.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/prometheus/prometheus/tsdb/wlog.(*WL).run"))
}

var epoch = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func openStore(t testing.TB, o series.StoreOptions) *series.Store {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	s, err := series.OpenStore(o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func put(t testing.TB, s storage.AppendableV2, at time.Duration, lset labels.Labels, v float64) {
	t.Helper()
	app := s.AppenderV2(t.Context())
	_, err := app.Append(0, lset, 0, epoch.Add(at).UnixMilli(), v, nil, nil, storage.AOptions{})
	require.NoError(t, err)
	require.NoError(t, app.Commit())
}

type result struct {
	labels string
	value  float64
}

func ask(t testing.TB, q storage.Queryable, expr string, by []string, at time.Duration, interval time.Duration) []result {
	t.Helper()
	c, err := series.NewCompiler().Compile(expr, mapping.CompileOptions{By: by, Interval: interval, Scrape: 15 * time.Second})
	require.NoError(t, err)
	var out []result
	err = series.NewEngine(series.EngineOptions{Queryable: q}).Query(t.Context(), c, epoch.Add(at), func(r *mapping.Row) {
		out = append(out, result{labels: join(r.Labels), value: r.Value})
	})
	require.NoError(t, err)
	return out
}

func join(l []string) string {
	s := ""
	for i, v := range l {
		if i > 0 {
			s += "/"
		}
		s += v
	}
	return s
}

func counter(pod string) labels.Labels {
	return labels.FromStrings("__name__", "rq_total", "pod", pod, "job", "envoy")
}

func TestStoreAnswersAcrossRestart(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, series.StoreOptions{Dir: dir})
	total := 0.0
	for at := time.Duration(0); at <= 3*time.Minute; at += 15 * time.Second {
		total += 7
		put(t, s, at, counter("a"), total)
		if at == 90*time.Second {
			require.NoError(t, s.Close())
			s = openStore(t, series.StoreOptions{Dir: dir})
		}
	}
	sum := 0.0
	for w := 1; w <= 3; w++ {
		rows := ask(t, s, `sum(increase(rq_total[$interval] anchored))`, []string{"pod"}, time.Duration(w)*time.Minute, time.Minute)
		require.Equal(t, []result{{"a", 28}}, rows)
		sum += rows[0].value
	}
	require.Equal(t, total-7, sum)
}

func TestStoreLookbackAndShrinking(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, series.StoreOptions{Dir: dir, Retention: time.Hour})
	blocks := func() int {
		m, err := filepath.Glob(filepath.Join(dir, "*", "meta.json"))
		require.NoError(t, err)
		return len(m)
	}
	most := 0
	for at := time.Duration(0); at <= 5*time.Hour; at += 30 * time.Second {
		put(t, s, at, counter("a"), at.Seconds())
		if at%(10*time.Minute) == 0 {
			require.NoError(t, s.Compact(t.Context()))
			most = max(most, blocks())
		}
	}
	// One hour in blocks of a quarter of an hour, and one about to go.
	require.LessOrEqual(t, most, 6)
	require.GreaterOrEqual(t, blocks(), 4)
	require.Equal(t, []result{{"a", 3600}}, ask(t, s, `sum(increase(rq_total[$interval] anchored))`, []string{"pod"}, 5*time.Hour, time.Hour))
	require.Empty(t, ask(t, s, `rq_total`, []string{"pod"}, 2*time.Hour, time.Minute), "expired samples are gone")
	from, ok := s.AppendableFrom()
	require.True(t, ok)
	require.Equal(t, epoch.Add(5*time.Hour-450*time.Second).UnixMilli(), from)
}

func TestStoreKeepsWhatExpressionsReach(t *testing.T) {
	s := openStore(t, series.StoreOptions{Retention: 20 * time.Minute})
	s.SetReach(2 * time.Hour)
	for at := time.Duration(0); at <= 3*time.Hour; at += time.Minute {
		put(t, s, at, counter("a"), at.Minutes())
	}
	require.NoError(t, s.Compact(t.Context()))
	require.Equal(t, []result{{"a", 120}}, ask(t, s, `sum(increase(rq_total[2h] anchored))`, []string{"pod"}, 3*time.Hour, time.Minute))
}

func TestStoreRepairsTornLog(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, series.StoreOptions{Dir: dir})
	put(t, s, 0, counter("a"), 1)
	put(t, s, 15*time.Second, counter("a"), 2)
	require.NoError(t, s.Close())
	segments, err := filepath.Glob(filepath.Join(dir, "wal", "0*"))
	require.NoError(t, err)
	f, err := os.OpenFile(segments[len(segments)-1], os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	// A record header that promises more than what follows, as a cut write leaves.
	_, err = f.Write([]byte{1, 0, 200, 1, 2, 3, 4, 9, 9, 9})
	require.NoError(t, err)
	require.NoError(t, f.Close())

	reg := prometheus.NewRegistry()
	s = openStore(t, series.StoreOptions{Dir: dir, Registerer: reg})
	require.Equal(t, []result{{"a", 2}}, ask(t, s, `rq_total`, []string{"pod"}, 15*time.Second, time.Minute))
	require.Equal(t, 1.0, metric(t, reg, "prometheus_tsdb_wal_corruptions_total"))
	require.Equal(t, 0.0, metric(t, reg, "bridge_series_store_discarded_total"))
	put(t, s, 30*time.Second, counter("a"), 3)
	require.Equal(t, []result{{"a", 2}}, ask(t, s, `sum(increase(rq_total[$interval] anchored))`, []string{"pod"}, 30*time.Second, time.Minute))
}

func TestStoreMovesUnreadableAside(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "series")
	block := filepath.Join(dir, "01KAQ4GWB30000000000000000")
	require.NoError(t, os.MkdirAll(block, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(block, "meta.json"), []byte(`{"ulid":"01KAQ4GWB30000000000000000","version":1}`), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(block, "index"), []byte("not an index"), 0o644))
	reg := prometheus.NewRegistry()
	s := openStore(t, series.StoreOptions{Dir: dir, Registerer: reg})
	require.Equal(t, 1.0, metric(t, reg, "bridge_series_store_discarded_total"))
	require.FileExists(t, filepath.Join(dir+".unreadable", filepath.Base(block), "index"))
	put(t, s, 0, counter("a"), 1)
}

func TestStoreLock(t *testing.T) {
	dir := t.TempDir()
	openStore(t, series.StoreOptions{Dir: dir})
	_, err := series.OpenStore(series.StoreOptions{Dir: dir})
	require.ErrorContains(t, err, "opening the series store")
	require.NoDirExists(t, dir+".unreadable")
}

func TestStoreDirIsAFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(dir, []byte("x"), 0o600))
	_, err := series.OpenStore(series.StoreOptions{Dir: dir})
	require.Error(t, err)
	b, err := os.ReadFile(dir)
	require.NoError(t, err)
	require.Equal(t, "x", string(b))
}

func metric(t testing.TB, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == name {
			return f.Metric[0].GetCounter().GetValue() + f.Metric[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %q", name)
	return 0
}

func TestEngineRowsAndHistograms(t *testing.T) {
	s := openStore(t, series.StoreOptions{})
	lset := labels.FromStrings("__name__", "rq_time", "pod", "a")
	app := s.AppenderV2(t.Context())
	for i := range 9 {
		// A restart in the middle: the counts fall and begin anew.
		n := int64(i)
		if i >= 5 {
			n -= 5
		}
		_, err := app.Append(0, lset, 0, epoch.Add(time.Duration(i)*15*time.Second).UnixMilli(), 0, tsdbutil.GenerateTestHistogram(n), nil, storage.AOptions{})
		require.NoError(t, err)
	}
	require.NoError(t, app.Commit())
	c := series.NewCompiler()
	e := series.NewEngine(series.EngineOptions{Queryable: s})
	count := func(n int64) float64 { return tsdbutil.GenerateTestFloatHistogram(n).Count }
	sum := 0.0
	for w := 1; w <= 2; w++ {
		q, err := c.CompileHistogramIncrease("rq_time", mapping.CompileOptions{By: []string{"pod"}, Interval: time.Minute})
		require.NoError(t, err)
		rows := 0
		require.NoError(t, e.Query(t.Context(), q, epoch.Add(time.Duration(w)*time.Minute), func(r *mapping.Row) {
			rows++
			require.Equal(t, []string{"a"}, r.Labels)
			require.NotNil(t, r.Histogram)
			in := 0.0
			last := -1e300
			for _, b := range r.Histogram.Buckets {
				require.Greater(t, b.Upper, b.Lower)
				require.GreaterOrEqual(t, b.Lower, last)
				last = b.Lower
				in += b.Count
			}
			require.Equal(t, r.Histogram.Count, in)
			sum += r.Histogram.Count
		}))
		require.Equal(t, 1, rows)
	}
	require.Equal(t, count(4)-count(0)+count(3), sum)
}

func TestEngineCustomBuckets(t *testing.T) {
	s := openStore(t, series.StoreOptions{})
	app := s.AppenderV2(t.Context())
	h := &histogram.Histogram{
		Schema: histogram.CustomBucketsSchema, Count: 6, Sum: 12, CustomValues: []float64{1, 5},
		PositiveSpans: []histogram.Span{{Length: 3}}, PositiveBuckets: []int64{1, 1, 1},
	}
	_, err := app.Append(0, labels.FromStrings("__name__", "x"), 0, epoch.UnixMilli(), 0, h, nil, storage.AOptions{})
	require.NoError(t, err)
	require.NoError(t, app.Commit())
	q, err := series.NewCompiler().Compile("x", mapping.CompileOptions{})
	require.NoError(t, err)
	require.NoError(t, series.NewEngine(series.EngineOptions{Queryable: s}).Query(t.Context(), q, epoch, func(r *mapping.Row) {
		require.Len(t, r.Histogram.Buckets, 3)
		require.Equal(t, mapping.Bucket{Lower: 1, Upper: 5, Count: 2}, r.Histogram.Buckets[1])
	}))
}

func TestEngineConstantAndFreshness(t *testing.T) {
	s := openStore(t, series.StoreOptions{})
	require.Equal(t, []result{{"", 42}}, ask(t, s, `42`, []string{"pod"}, 0, time.Minute))
	put(t, s, 0, counter("a"), 1)
	c := series.NewCompiler()
	e := series.NewEngine(series.EngineOptions{Queryable: s})
	for _, tc := range []struct {
		freshness time.Duration
		rows      int
	}{{0, 1}, {time.Minute, 0}, {3 * time.Minute, 1}} {
		q, err := c.Compile("rq_total", mapping.CompileOptions{By: []string{"pod"}, Freshness: tc.freshness})
		require.NoError(t, err)
		rows := 0
		require.NoError(t, e.Query(t.Context(), q, epoch.Add(2*time.Minute), func(*mapping.Row) { rows++ }))
		require.Equal(t, tc.rows, rows, tc.freshness)
	}
}

type brokenStore struct{}

// brokenReads opens and then fails to read.
type brokenReads struct{}

func (brokenReads) Querier(_, _ int64) (storage.Querier, error) { return brokenQuerier{}, nil }

type brokenQuerier struct{ storage.Querier }

func (brokenQuerier) Close() error { return nil }

func (brokenQuerier) Select(context.Context, bool, *storage.SelectHints, ...*labels.Matcher) storage.SeriesSet {
	return storage.ErrSeriesSet(fs.ErrClosed)
}

func (brokenStore) Querier(_, _ int64) (storage.Querier, error) { return nil, fs.ErrClosed }

func TestEngineErrorClasses(t *testing.T) {
	t.Parallel()
	s := openStore(t, series.StoreOptions{})
	for i := range 20 {
		put(t, s, 0, counter(string(rune('a'+i))), 1)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancelLate := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancelLate()
	for _, tc := range []struct {
		name string
		ctx  context.Context
		o    series.EngineOptions
		text string
		want series.Class
	}{
		{"bad query", t.Context(), series.EngineOptions{Queryable: s}, "sum(", series.ClassBadQuery},
		{"many to many", t.Context(), series.EngineOptions{Queryable: s}, "rq_total + on () rq_total", series.ClassBadQuery},
		{"canceled", canceled, series.EngineOptions{Queryable: s}, "rq_total", series.ClassCanceled},
		{"deadline", late, series.EngineOptions{Queryable: s}, "rq_total", series.ClassTimeout},
		{"samples", t.Context(), series.EngineOptions{Queryable: s, MaxSamples: 10}, "rq_total", series.ClassTooManySamples},
		{"reads", t.Context(), series.EngineOptions{Queryable: brokenReads{}}, "rq_total", series.ClassStorage},
		{"storage", t.Context(), series.EngineOptions{Queryable: brokenStore{}}, "rq_total", series.ClassStorage},
	} {
		t.Run(tc.name, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			tc.o.Registerer = reg
			err := series.NewEngine(tc.o).Query(tc.ctx, &mapping.Query{Text: tc.text}, epoch, func(*mapping.Row) { t.Error("a row of a failed query") })
			qe, ok := errors.AsType[*series.QueryError](err)
			require.True(t, ok, "%v", err)
			require.Equal(t, tc.want, qe.Class, "%v", err)
			n, err := testutil.GatherAndCount(reg, "bridge_series_queries_total")
			require.NoError(t, err)
			require.Equal(t, 1, n)
		})
	}
}

// The mapping evaluates hundreds of queries a window; handing rows out must cost nothing
// that grows with their number beyond what the engine allocates for its result.
func BenchmarkQueryRows(b *testing.B) {
	s := openStore(b, series.StoreOptions{})
	app := s.AppenderV2(b.Context())
	for i := range 1000 {
		l := labels.FromStrings("__name__", "rq_total", "namespace", "ns", "pod", "pod-"+string(rune('0'+i%10))+time.Duration(i).String(), "version", "v1")
		_, err := app.Append(0, l, 0, epoch.UnixMilli(), 1, nil, nil, storage.AOptions{})
		require.NoError(b, err)
	}
	require.NoError(b, app.Commit())
	q, err := series.NewCompiler().Compile("sum(rq_total)", mapping.CompileOptions{By: []string{"namespace", "pod", "version"}})
	require.NoError(b, err)
	e := series.NewEngine(series.EngineOptions{Queryable: s})
	b.ReportAllocs()
	rows := 0
	for b.Loop() {
		if err := e.Query(b.Context(), q, epoch, func(*mapping.Row) { rows++ }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
}
