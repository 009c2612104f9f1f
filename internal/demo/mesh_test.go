package demo

import (
	"context"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testRequests = 600

// startMesh runs a mesh whose load ends by itself, and waits for that end.
func startMesh(t *testing.T) *Mesh {
	t.Helper()
	m, err := Start(t.Context(), Options{Rate: 1500, Requests: testRequests})
	require.NoError(t, err)
	t.Cleanup(func() {
		// t.Context has ended when clean-up functions run.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		require.NoError(t, m.Stop(ctx))
		require.NoError(t, m.Stop(ctx), "a second Stop")
	})
	select {
	case <-m.Done():
	case <-t.Context().Done():
		t.Fatal("load did not end")
	}
	require.NoError(t, m.StopLoad(t.Context()))
	return m
}

type families map[string]*dto.MetricFamily

func parse(t *testing.T, r io.Reader) families {
	t.Helper()
	p := expfmt.NewTextParser(model.UTF8Validation)
	f, err := p.TextToMetricFamilies(r)
	require.NoError(t, err)
	return f
}

func scrape(t *testing.T, target Target) families {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+target.Address+target.Path, nil)
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, "text/plain; charset=UTF-8", resp.Header.Get("Content-Type"))
	return parse(t, resp.Body)
}

// sum adds all series of a counter or gauge, or the counts of a histogram, that carry
// every given label=value.
func (f families) sum(name string, labels ...string) uint64 {
	var total uint64
	for _, m := range f[name].GetMetric() {
		have := map[string]string{}
		for _, l := range m.GetLabel() {
			have[l.GetName()] = l.GetValue()
		}
		match := true
		for _, want := range labels {
			k, v, _ := strings.Cut(want, "=")
			match = match && have[k] == v
		}
		if !match {
			continue
		}
		if h := m.GetHistogram(); h != nil {
			total += h.GetSampleCount()
			continue
		}
		total += uint64(m.GetCounter().GetValue() + m.GetGauge().GetValue())
	}
	return total
}

func (t Tally) class(c int) uint64 {
	var n uint64
	for code, k := range t.Codes {
		if code/100 == c {
			n += k
		}
	}
	return n
}

// TestSidecarsCountWhatWasDone compares each sidecar with what the application behind it,
// and the load generator, counted on their own.
func TestSidecarsCountWhatWasDone(t *testing.T) {
	m := startMesh(t)
	counts := m.Counts()
	require.Equal(t, uint64(testRequests), counts.Generated.Requests)
	require.Zero(t, counts.Generated.Errors)
	for _, code := range []int{200, 404, 500} {
		require.NotZero(t, counts.Generated.Codes[code], "the load has no answer %d", code)
	}
	require.Equal(t, counts.Generated.Codes, counts.Received["checkout-v1-0"].Codes)

	byPod := map[string]families{}
	for _, target := range m.Targets() {
		byPod[target.Labels["pod"]] = scrape(t, target)
	}
	require.Len(t, byPod, 4)
	for pod, f := range byPod {
		received, in := counts.Received[pod], "envoy_http_conn_manager_prefix=inbound_http"
		require.NotZero(t, received.Requests, pod)
		require.Equal(t, received.Requests, f.sum("envoy_http_downstream_rq_total", in), pod)
		require.Equal(t, received.Requests, f.sum("envoy_http_downstream_rq_completed", in), pod)
		require.Equal(t, received.Requests, f.sum("envoy_http_downstream_rq_time", in), pod)
		for class := 1; class <= 5; class++ {
			digit := "envoy_response_code_class=" + strconv.Itoa(class)
			require.Equal(t, received.class(class), f.sum("envoy_http_downstream_rq_xx", in, digit), "%s %s", pod, digit)
		}
		called, out := counts.Called[pod], "envoy_http_conn_manager_prefix=egress_http"
		require.Equal(t, called.Requests, f.sum("envoy_http_downstream_rq_total", out), pod)
		for code, n := range called.Codes {
			var upstream uint64
			for _, cluster := range []string{"catalog-v1", "catalog-v2", "inventory"} {
				upstream += f.sum("envoy_cluster_upstream_rq", "envoy_response_code="+strconv.Itoa(code), "envoy_cluster_name="+cluster)
			}
			require.Equal(t, n, upstream, "%s code %d", pod, code)
		}
		require.Zero(t, f.sum("envoy_http_downstream_rq_active", in))
		require.Zero(t, f.sum("envoy_http_downstream_cx_active", in))
	}
	checkHops(t, counts, byPod)
}

// checkHops compares the two sides of each call: requests with their retries, and bytes.
func checkHops(t *testing.T, counts Counts, byPod map[string]families) {
	t.Helper()
	in := "envoy_http_conn_manager_prefix=inbound_http"
	for cluster, pod := range map[string]string{
		"catalog-v1": "catalog-v1-0", "catalog-v2": "catalog-v2-0", "inventory": "inventory-v1-0",
	} {
		label := "envoy_cluster_name=" + cluster
		var total, completed, retried, tx, rx uint64
		for _, caller := range byPod {
			total += caller.sum("envoy_cluster_upstream_rq_total", label)
			completed += caller.sum("envoy_cluster_upstream_rq_completed", label)
			retried += caller.sum("envoy_cluster_upstream_rq_retry", label)
			tx += caller.sum("envoy_cluster_upstream_cx_tx_bytes_total", label)
			rx += caller.sum("envoy_cluster_upstream_cx_rx_bytes_total", label)
		}
		require.Equal(t, counts.Received[pod].Requests, total, cluster)
		require.Equal(t, total, completed+retried, cluster)
		require.NotZero(t, tx, cluster)
		require.Equal(t, tx, byPod[pod].sum("envoy_http_downstream_cx_rx_bytes_total", in), cluster)
		require.Equal(t, rx, byPod[pod].sum("envoy_http_downstream_cx_tx_bytes_total", in), cluster)
	}
	f := byPod["checkout-v1-0"]
	v2 := "envoy_cluster_name=catalog-v2"
	require.NotZero(t, f.sum("envoy_cluster_upstream_rq_retry", v2))
	require.NotZero(t, f.sum("envoy_cluster_upstream_rq_retry_success", v2))
	require.Equal(t, f.sum("envoy_cluster_upstream_rq_retry", v2), f.sum("envoy_cluster_retry_upstream_rq_completed", v2))
	v1 := f.sum("envoy_cluster_upstream_rq_completed", "envoy_cluster_name=catalog-v1")
	require.Equal(t, uint64(testRequests), v1+f.sum("envoy_cluster_upstream_rq_completed", v2))
	require.Equal(t, uint64(testRequests*80/100), v1, "the split is by weight")
}

// TestScrapesAreCountedUnderAdmin keeps the trap in that a mapping has to step around.
func TestScrapesAreCountedUnderAdmin(t *testing.T) {
	m := startMesh(t)
	target := m.Targets()[0]
	before := scrape(t, target)
	after := scrape(t, target)
	admin := "envoy_http_conn_manager_prefix=admin"
	require.Equal(t, before.sum("envoy_http_downstream_rq_total", admin)+1, after.sum("envoy_http_downstream_rq_total", admin))
	in := "envoy_http_conn_manager_prefix=inbound_http"
	require.Equal(t, before.sum("envoy_http_downstream_rq_total", in), after.sum("envoy_http_downstream_rq_total", in))
}

// TestNamesAreEnvoys holds every family, its type, its label names and its bucket bounds
// against what a real Envoy printed.
func TestNamesAreEnvoys(t *testing.T) {
	m := startMesh(t)
	real := parse(t, openCapture(t))
	for _, target := range m.Targets() {
		for name, family := range scrape(t, target) {
			want := real[name]
			require.NotNil(t, want, "Envoy has no family %s", name)
			require.Equal(t, want.GetType(), family.GetType(), name)
			require.Nil(t, family.Help, name)
			for _, metric := range family.GetMetric() {
				require.Equal(t, labelNames(want.GetMetric()[0]), labelNames(metric), name)
			}
			if family.GetType() == dto.MetricType_HISTOGRAM {
				require.Equal(t, bounds(want), bounds(family), name)
			}
		}
	}
}

func openCapture(t *testing.T) io.Reader {
	t.Helper()
	f, err := os.Open(bridgetest.Shared(t, "captures/envoy/t2.prom"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}

func labelNames(m *dto.Metric) string {
	var names []string
	for _, l := range m.GetLabel() {
		names = append(names, l.GetName())
	}
	return strings.Join(names, ",")
}

func bounds(f *dto.MetricFamily) []float64 {
	var b []float64
	for _, bucket := range f.GetMetric()[0].GetHistogram().GetBucket() {
		b = append(b, bucket.GetUpperBound())
	}
	return b
}

func TestSeriesAppearWithTheirFirstIncrement(t *testing.T) {
	s := newStats(time.Now())
	s.count("c_total", `l="b"`, 2)
	s.set("g", "", 1)
	s.observe("h", `l="a"`, 1500*time.Microsecond)
	s.count("c_total", `l="a"`, 0)
	out := string(s.exposition())
	require.True(t, strings.HasPrefix(out, "# TYPE c_total counter\nc_total{l=\"a\"} 0\nc_total{l=\"b\"} 2\n# TYPE g gauge\ng{} 1\n# TYPE h histogram\nh_bucket{l=\"a\",le=\"0.5\"} 0\n"), out)
	require.Contains(t, out, "h_bucket{l=\"a\",le=\"1\"} 0\nh_bucket{l=\"a\",le=\"5\"} 1\n")
	require.True(t, strings.HasSuffix(out, "h_bucket{l=\"a\",le=\"3600000\"} 1\nh_bucket{l=\"a\",le=\"+Inf\"} 1\nh_sum{l=\"a\"} 1.5\nh_count{l=\"a\"} 1\n"), out)
}

func TestCircuitBreakerRefusesAndCounts(t *testing.T) {
	s := newStats(time.Now())
	c := newCluster(s, "x", "127.0.0.1:1", 1)
	c.active.Store(maxRequests)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:1/", nil)
	require.NoError(t, err)
	_, err = c.RoundTrip(req)
	require.ErrorContains(t, err, "circuit breaker open")
	require.Equal(t, int64(1), s.value("envoy_cluster_upstream_rq_pending_overflow", c.labels))
	require.Equal(t, int64(1), s.value("envoy_cluster_upstream_rq_completed", c.labels))
	require.Zero(t, s.value("envoy_cluster_upstream_rq_total", c.labels), "nothing was sent")
	require.Equal(t, int64(maxRequests), c.active.Load())
}

func TestStartRefusesBadRates(t *testing.T) {
	for _, rate := range []float64{-1, 1e6} {
		_, err := Start(t.Context(), Options{Rate: rate})
		require.ErrorContains(t, err, "rate")
	}
}

func TestStartUnderEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Start(ctx, Options{})
	require.ErrorIs(t, err, context.Canceled)
}
