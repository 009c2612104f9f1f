package scrape

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
	"github.com/vesbridge/vesbridge/pkg/series"
)

// dump returns the last sample of every exposed series, but for the report series that
// tell of the scrape itself.
func dump(t *testing.T, s *series.Store) map[string]string {
	t.Helper()
	q, err := s.Querier(math.MinInt64, math.MaxInt64)
	require.NoError(t, err)
	defer func() { _ = q.Close() }()
	out := map[string]string{}
	set := q.Select(t.Context(), false, nil, labels.MustNewMatcher(labels.MatchNotRegexp, "__name__", "up|scrape_.*"))
	for set.Next() {
		it := set.At().Iterator(nil)
		last := ""
		for typ := it.Next(); typ != chunkenc.ValNone; typ = it.Next() {
			switch typ {
			case chunkenc.ValFloat:
				_, v := it.At()
				last = fmt.Sprint(v)
			default:
				_, fh := it.AtFloatHistogram(nil)
				last = fh.String()
			}
		}
		require.NoError(t, it.Err())
		out[set.At().Labels().String()] = last
	}
	require.NoError(t, set.Err())
	return out
}

// Prometheus' own scrape loop is the oracle: a body loaded from a file gives the samples
// that it gives when scraped.
func TestLoadEqualsScrape(t *testing.T) {
	for _, tc := range []struct{ file, contentType string }{
		{"captures/envoy/t2.prom", "text/plain; charset=UTF-8"},
		{"captures/envoy/native.pb", "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"},
		{"captures/linkerd/outbound-t2.prom", "text/plain"},
		{"captures/haproxy/t2.prom", "text/plain; version=0.0.4"},
	} {
		t.Run(tc.file, func(t *testing.T) {
			body, err := os.ReadFile(bridgetest.Shared(t, tc.file))
			require.NoError(t, err)
			var n atomic.Int64
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tc.contentType)
				_, _ = w.Write(body)
				n.Add(1)
			}))
			t.Cleanup(srv.Close)
			scraped := openStore(t)
			m := run(t, scraped, fmt.Sprintf(`
scrape_configs:
  - job_name: envoy
    scrape_interval: 500ms
    scrape_timeout: 500ms
    scrape_native_histograms: true
    fallback_scrape_protocol: PrometheusText0.0.4
    static_configs: [{targets: ['%s'], labels: {instance: 'a:1', pod: a}}]
`, srv.Listener.Addr()), nil)
			require.Eventually(t, func() bool { return n.Load() >= 2 }, patience, 10*time.Millisecond)
			require.Equal(t, "up", health(t, m, 1)["/metrics"].Health)
			loaded := openStore(t)
			require.NoError(t, LoadExpositions(t.Context(), loaded, []Exposition{{At: epoch, Body: body}}, LoadOptions{Target: target}))
			want := dump(t, scraped)
			require.Greater(t, len(want), 100)
			require.Equal(t, want, dump(t, loaded))
		})
	}
}

// What births and restarts cost on top of the store, per sample.
func BenchmarkAppend(b *testing.B) {
	for _, mode := range []string{"store", "lives"} {
		b.Run(mode, func(b *testing.B) {
			s := openStore(b)
			l := newLives(livesOptions{next: s, births: births, starts: DefaultStartMetrics()})
			const n = 5000
			sets := make([]labels.Labels, n)
			for i := range sets {
				sets[i] = labels.FromStrings("__name__", "rq_total", "envoy_cluster_name", fmt.Sprint(i), "pod", "a", "job", "envoy", "instance", "a:1")
			}
			refs := make([]storage.SeriesRef, n)
			up := labels.FromStrings("__name__", "up", "pod", "a", "job", "envoy", "instance", "a:1")
			at := epoch.UnixMilli()
			b.ReportAllocs()
			for b.Loop() {
				at += 15000
				if mode == "store" {
					app := s.AppenderV2(b.Context())
					appendAll(b, app, sets, refs, at)
					require.NoError(b, app.Commit())
					continue
				}
				app := l.appender(b.Context(), identity{key: "a", job: "envoy"})
				appendAll(b, app, sets, refs, at)
				_, err := app.Append(0, up, 0, at, 1, nil, nil, storage.AOptions{MetricFamilyName: "up\xff"})
				require.NoError(b, err)
				require.NoError(b, app.Commit())
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/sample")
		})
	}
}

func appendAll(b *testing.B, app storage.AppenderV2, sets []labels.Labels, refs []storage.SeriesRef, at int64) {
	opts := storage.AOptions{Metadata: metadata.Metadata{Type: model.MetricTypeCounter}}
	for i := range sets {
		ref, err := app.Append(refs[i], sets[i], 0, at, float64(at), nil, nil, opts)
		if err != nil {
			b.Fatal(err)
		}
		refs[i] = ref
	}
}
