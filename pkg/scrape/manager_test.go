package scrape

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/series"
)

// run starts a Manager with a configuration and stops it with the test.
func run(t *testing.T, s *series.Store, text string, births func(string) bool) *Manager {
	t.Helper()
	m, err := New(Options{Appendable: s, Births: births, DiscoveryInterval: 20 * time.Millisecond, Registerer: prometheus.NewRegistry()})
	require.NoError(t, err)
	require.NoError(t, m.ApplyConfig(parse(t, text)))
	done := make(chan error, 1)
	go func() { done <- m.Run(t.Context()) }()
	t.Cleanup(func() {
		m.Stop()
		require.NoError(t, <-done)
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	return m
}

func parse(t *testing.T, text string) *Config {
	t.Helper()
	cfg, problems := ParseConfig([]byte(text), filepath.Join(t.TempDir(), "b.yaml"))
	require.False(t, problems.Failed(), "%v", problems)
	return cfg
}

// patience is how long a condition may take on a machine that is busy with other things.
const patience = 2 * time.Minute

// health waits until each target was scraped and returns them by the path of their URL.
func health(t *testing.T, m *Manager, n int) map[string]TargetStatus {
	t.Helper()
	out := map[string]TargetStatus{}
	require.Eventually(t, func() bool {
		clear(out)
		for _, s := range m.Targets() {
			if s.Health != "unknown" {
				out[s.URL[strings.LastIndexByte(s.URL, '/'):]] = s
			}
		}
		return len(out) == n
	}, patience, 10*time.Millisecond)
	return out
}

func TestManagerScrapesWithBirths(t *testing.T) {
	var n atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		i := n.Add(1)
		_, _ = fmt.Fprintf(w, "%s# TYPE rq_total counter\nrq_total{x=\"old\"} 1000\n", alive)
		if i >= 3 {
			_, _ = io.WriteString(w, "rq_total{x=\"new\"} 7\n")
		}
	}))
	t.Cleanup(srv.Close)
	s := openStore(t)
	m := run(t, s, fmt.Sprintf(`
scrape_configs:
  - job_name: envoy
    scrape_interval: 100ms
    scrape_timeout: 100ms
    static_configs: [{targets: ['%s'], labels: {pod: a}}]
`, srv.Listener.Addr()), births)
	require.Eventually(t, func() bool { return n.Load() >= 6 }, patience, 10*time.Millisecond)
	st := health(t, m, 1)["/metrics"]
	require.Equal(t, "up", st.Health)
	require.Equal(t, "a", st.Labels["pod"])
	require.Equal(t, 3, st.Samples)
	now := time.Now()
	require.Equal(t, map[string]float64{"a": 7}, query(t, s, "sum(increase(rq_total[$interval] anchored))", now, time.Minute))
	require.Equal(t, map[string]float64{"a": 1}, query(t, s, "up", now, time.Minute))

	// The same job with another relabelling: no births of what was there.
	require.NoError(t, m.ApplyConfig(parse(t, fmt.Sprintf(`
scrape_configs:
  - job_name: envoy
    scrape_interval: 100ms
    scrape_timeout: 100ms
    static_configs: [{targets: ['%s'], labels: {pod: a}}]
    metric_relabel_configs: [{target_label: site, replacement: b}]
`, srv.Listener.Addr()))))
	before := n.Load()
	require.Eventually(t, func() bool { return n.Load() >= before+4 }, patience, 10*time.Millisecond)
	require.Equal(t, map[string]float64{"a": 0}, query(t, s, `sum(increase(rq_total{site="b"}[$interval] anchored))`, time.Now(), time.Minute))
}

// Each target misbehaves in its own way. Only its own health suffers, with the reason,
// and memory stays bounded.
func TestHostileTargets(t *testing.T) {
	hang := make(chan struct{})
	mux := http.NewServeMux()
	text := func(path string, f func(w *bufio.Writer)) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
			b := bufio.NewWriter(w)
			f(b)
			_ = b.Flush()
		})
	}
	text("/good", func(w *bufio.Writer) { _, _ = w.WriteString("good 1\n") })
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("/status", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	text("/garbage", func(w *bufio.Writer) { _, _ = w.WriteString("\x01{{{ not metrics\n") })
	text("/partial", func(w *bufio.Writer) { _, _ = w.WriteString("fine 1\nbroken{a=\"1\n") })
	text("/big", func(w *bufio.Writer) {
		line := []byte("big{x=\"" + strings.Repeat("y", 1000) + "\"} 1\n")
		for range 100_000 { // 100 MB
			if _, err := w.Write(line); err != nil {
				return
			}
		}
	})
	var bomb bytes.Buffer // 16 MB in 16 kB, made once: the race detector makes packing dear
	z := gzip.NewWriter(&bomb)
	for range 16 {
		_, err := z.Write(bytes.Repeat([]byte("#"), 1<<20))
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	mux.HandleFunc("/bomb", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb.Bytes())
	})
	text("/endless", func(w *bufio.Writer) { // one line, up to the limit
		_, _ = w.WriteString("line{x=\"")
		for range 70 {
			if _, err := w.WriteString(strings.Repeat("y", 1<<20)); err != nil {
				return
			}
		}
	})
	text("/utf8", func(w *bufio.Writer) { _, _ = w.WriteString("bad{x=\"\xff\xfe\"} 1\n") })
	text("/nan", func(w *bufio.Writer) { _, _ = w.WriteString("nan_gauge NaN\ninf_gauge +Inf\n") })
	text("/labels", func(w *bufio.Writer) {
		_, _ = w.WriteString("many{")
		for i := range 1000 {
			_, _ = fmt.Fprintf(w, "l%d=\"v\",", i)
		}
		_, _ = w.WriteString("} 1\n")
	})
	text("/samples", func(w *bufio.Writer) {
		for i := range 5_000 {
			_, _ = fmt.Fprintf(w, "s{i=\"%d\"} 1\n", i)
		}
	})
	mux.HandleFunc("/html", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html>login</html>")
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	t.Cleanup(func() { close(hang) })
	s := openStore(t)
	var jobs strings.Builder
	want := map[string]string{
		"/good": "", "/nan": "",
		"/hang": "deadline exceeded", "/status": "418", "/garbage": "", "/partial": "", "/big": "body size limit exceeded",
		"/bomb": "body size limit exceeded", "/endless": "body size limit exceeded", "/utf8": "UTF-8", "/labels": "label_limit exceeded",
		"/samples": "sample limit exceeded", "/html": "Content-Type",
	}
	for path := range want {
		interval, timeout, limit := "10s", "10s", ""
		switch path {
		case "/hang":
			interval, timeout = "1s", "300ms"
		case "/big", "/bomb", "/endless":
			// Far below the default, so that the limit is met before the timeout where the
			// race detector makes each byte dear. TestParseConfigGood has the defaults.
			limit = "    body_size_limit: 4MB\n"
		case "/samples":
			limit = "    sample_limit: 1000\n"
		}
		fmt.Fprintf(&jobs, "  - job_name: '%s'\n    metrics_path: '%s'\n    scrape_interval: %s\n    scrape_timeout: %s\n%s    static_configs: [{targets: ['%s'], labels: {pod: '%s'}}]\n",
			path, path, interval, timeout, limit, srv.Listener.Addr(), path)
	}
	var base runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&base)
	m := run(t, s, "scrape_configs:\n"+jobs.String(), births)
	// On a machine under load a scrape may run into its timeout before its own mistake is
	// met; a later one tells.
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		got := map[string]TargetStatus{}
		for _, st := range m.Targets() {
			got[st.URL[strings.LastIndexByte(st.URL, '/'):]] = st
		}
		for path, reason := range want {
			if path == "/good" || path == "/nan" {
				assert.Equal(c, "up", got[path].Health, "%s: %s", path, got[path].LastError)
				continue
			}
			assert.Equal(c, "down", got[path].Health, path)
			assert.NotEmpty(c, got[path].LastError, path)
			assert.Contains(c, got[path].LastError, reason, path)
		}
	}, patience, 50*time.Millisecond)
	up := query(t, s, "up", time.Now(), time.Minute)
	require.Equal(t, 1.0, up["/good"])
	require.Equal(t, 0.0, up["/big"])
	require.Empty(t, query(t, s, "fine", time.Now(), time.Minute), "nothing of a scrape that failed")
	var after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Less(t, int64(after.HeapAlloc)-int64(base.HeapAlloc), int64(512<<20))
}

func TestManagerFileAndHTTPDiscovery(t *testing.T) {
	reg := prometheus.NewRegistry()
	reg.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "g"}))
	srv := httptest.NewServer(promhttp.HandlerFor(reg, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	t.Cleanup(srv.Close)
	sd := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode([]map[string]any{{"targets": []string{srv.Listener.Addr().String()}, "labels": map[string]string{"pod": "from-http"}}})
	}))
	t.Cleanup(sd.Close)
	file := filepath.Join(t.TempDir(), "targets.json")
	write := func(pod string) {
		next := file + ".next"
		require.NoError(t, os.WriteFile(next, fmt.Appendf(nil, `[{"targets":["%s"],"labels":{"pod":"%s"}}]`, srv.Listener.Addr(), pod), 0o600))
		require.NoError(t, os.Rename(next, file))
	}
	write("from-file")
	s := openStore(t)
	m := run(t, s, fmt.Sprintf(`
global: {scrape_interval: 100ms, scrape_timeout: 100ms}
scrape_configs:
  - job_name: file
    file_sd_configs: [{files: ['%s']}]
  - job_name: http
    http_sd_configs: [{url: '%s'}]
`, file, sd.URL), nil)
	pods := func(want ...string) func() bool {
		return func() bool {
			got := map[string]bool{}
			for _, st := range m.Targets() {
				got[st.Labels["pod"]] = st.Health == "up"
			}
			ok := len(got) == len(want)
			for _, w := range want {
				ok = ok && got[w]
			}
			return ok
		}
	}
	require.Eventually(t, pods("from-file", "from-http"), patience, 10*time.Millisecond)
	write("changed")
	require.Eventually(t, pods("changed", "from-http"), patience, 10*time.Millisecond)

	// A reload that drops a job drops its targets.
	require.NoError(t, m.ApplyConfig(parse(t, fmt.Sprintf("scrape_configs:\n  - job_name: http\n    scrape_interval: 100ms\n    scrape_timeout: 100ms\n    http_sd_configs: [{url: '%s'}]\n", sd.URL))))
	require.Eventually(t, pods("from-http"), patience, 10*time.Millisecond)
}

// A Kubernetes API that knows one pod.
func TestManagerKubernetesDiscovery(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = io.WriteString(w, "g 1\n")
	}))
	t.Cleanup(srv.Close)
	host, port, _ := strings.Cut(srv.Listener.Addr().String(), ":")
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path != "/api/v1/pods":
			w.WriteHeader(http.StatusNotFound)
		case r.URL.Query().Get("sendInitialEvents") != "":
			// As an API server that cannot stream lists: the client falls back to a list.
			w.WriteHeader(http.StatusBadRequest)
		case r.URL.Query().Get("watch") != "":
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		default:
			_, _ = fmt.Fprintf(w, `{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[{
				"metadata":{"name":"pod-0","namespace":"ims","uid":"u","resourceVersion":"1","labels":{"app":"scscf"}},
				"spec":{"nodeName":"n","containers":[{"name":"envoy","ports":[{"name":"http-envoy-prom","containerPort":%s,"protocol":"TCP"}]}]},
				"status":{"podIP":"%s","phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}]}`, port, host)
		}
	}))
	t.Cleanup(api.Close)
	s := openStore(t)
	m := run(t, s, fmt.Sprintf(`
scrape_configs:
  - job_name: pods
    scrape_interval: 100ms
    scrape_timeout: 100ms
    kubernetes_sd_configs: [{role: pod, api_server: '%s'}]
    relabel_configs:
      - {source_labels: [__meta_kubernetes_pod_container_port_name], regex: .*-envoy-prom, action: keep}
      - {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
      - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
`, api.URL), nil)
	st := health(t, m, 1)["/metrics"]
	require.Equal(t, "up", st.Health, st.LastError)
	require.Equal(t, "ims", st.Labels["namespace"])
	require.Equal(t, "pod-0", st.Labels["pod"])
}

func TestManagerLifecycle(t *testing.T) {
	_, err := New(Options{})
	require.Error(t, err)
	s := openStore(t)
	m, err := New(Options{Appendable: s})
	require.NoError(t, err)
	m.Stop() // before Run
	require.ErrorContains(t, m.Run(t.Context()), "ran or was stopped")
}
