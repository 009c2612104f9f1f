package app

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/vesbridge/vesbridge/pkg/dmaap/listener"
	"github.com/vesbridge/vesbridge/pkg/outbox"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// These tests wait for the wall clock, not for a processor.
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what must come; it judges nothing.
const patience = time.Minute

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-deadline.C:
			t.Fatalf("waited %s in vain: %s", patience, what)
		case <-tick.C:
		}
	}
}

// noLeaks checks at the test's end that no goroutine of it is left. Not for parallel tests.
func noLeaks(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		goleak.VerifyNone(t, before)
	})
}

// target is a scraped endpoint whose counter rises by one with each scrape.
func target(t *testing.T) string {
	t.Helper()
	var n atomic.Int64
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "# TYPE requests_total counter\nrequests_total %d\n", n.Add(1))
	})
}

// serve returns the host:port of an HTTP server that ends with the test.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// collector is a VES collector that can be made to misbehave.
type collector struct {
	addr    string
	control atomic.Pointer[func(*http.Request) (int, string, bool)]

	mu  sync.Mutex // guards got
	got []outbox.Record
}

func startCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	l, err := listener.New(listener.Options{
		Sink: func(_ context.Context, recs []outbox.Record) error {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.got = append(c.got, recs...)
			return nil
		},
		Control: func(r *http.Request) (int, string, bool) {
			if f := c.control.Load(); f != nil {
				return (*f)(r)
			}
			return 0, "", false
		},
	})
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c.addr = ln.Addr().String()
	served := make(chan error, 1)
	go func() { served <- l.Serve(ln) }()
	t.Cleanup(func() {
		require.NoError(t, l.Shutdown(context.Background()))
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	})
	return c
}

// refuse makes the collector answer 503 until well is called.
func (c *collector) refuse() {
	c.behave(func(*http.Request) (int, string, bool) { return http.StatusServiceUnavailable, "{}", true })
}

// hang makes the collector read requests and answer none until the test ends or the
// returned function is called.
func (c *collector) hang(t *testing.T) (release func()) {
	t.Helper()
	end, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	c.behave(func(r *http.Request) (int, string, bool) {
		_, _ = io.Copy(io.Discard, r.Body) // or the server does not see the client go
		select {
		case <-r.Context().Done():
		case <-end.Done():
		}
		return http.StatusServiceUnavailable, "{}", true
	})
	return func() { c.well(); cancel() }
}

func (c *collector) well() { c.control.Store(nil) }

func (c *collector) behave(f func(*http.Request) (int, string, bool)) { c.control.Store(&f) }

// events are those of a domain, in the order of their acceptance.
func (c *collector) events(domain string) []outbox.Record {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []outbox.Record
	for _, r := range c.got {
		if r.Domain == domain {
			out = append(out, r)
		}
	}
	return out
}

func (c *collector) measurements() []outbox.Record { return c.events("measurement") }

// waitFor waits until the collector has accepted n more measurements than now.
func (c *collector) waitFor(t *testing.T, n int) {
	t.Helper()
	want := len(c.measurements()) + n
	eventually(t, fmt.Sprintf("%d measurements", want), func() bool { return len(c.measurements()) >= want })
}

// as is the destination entry for the collector. With pauses this short no event may be
// suspected of being the reason of an outage: its witness would overtake it.
func (c *collector) as(name string) string {
	return fmt.Sprintf(`{name: %s, ves: {endpoint: "http://%s", retry: {min_backoff: 50ms, max_backoff: 100ms, poison_attempts: 10000}}}`, name, c.addr)
}

// site is a folder with a configuration, and the bridge that runs on it.
type site struct {
	path string
	app  *App
	log  *safeBuffer
}

// testMapping tells one number of each target that is up.
const testMapping = `
mapping: web
entity: [instance]
present: up == 1
births: zero
event: {domain: measurement, eventName: Measurement_Web-Acme_Server}
fields:
  additionalMeasurements:
    traffic:
      requests: sum(increase(requests_total[$interval] anchored))
`

// configuration is one with short intervals. parts are more top-level keys.
func configuration(targets []string, destinations ...string) string {
	list := func(items []string) string {
		text, err := json.Marshal(items)
		if err != nil {
			panic(err)
		}
		return string(text)
	}
	text := fmt.Sprintf(`global: {scrape_interval: 1s, scrape_timeout: 1s, measurement_interval: 1s, heartbeat_interval: 1s, reporting_entity_name: test}
scrape_configs:
  - {job_name: web, static_configs: [{targets: %s}]}
mappings: [./web.yaml]
storage: {dir: "DATA"}
web: {listen: "127.0.0.1:0"}
destinations:
`, list(targets))
	for _, d := range destinations {
		text += "  - " + d + "\n"
	}
	return text
}

// newSite writes the files; nothing runs yet.
func newSite(t *testing.T, config string) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{path: filepath.Join(dir, "bridge.yaml"), log: &safeBuffer{}}
	s.write(t, "web.yaml", testMapping)
	s.configure(t, config)
	return s
}

func (s *site) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(filepath.Dir(s.path), name)
	require.NoError(t, os.WriteFile(path+".new", []byte(text), 0o600))
	require.NoError(t, os.Rename(path+".new", path), "as a ConfigMap does, at once")
}

func (s *site) configure(t *testing.T, config string) {
	t.Helper()
	data := filepath.ToSlash(filepath.Join(filepath.Dir(s.path), "data"))
	s.write(t, "bridge.yaml", string(bytes.ReplaceAll([]byte(config), []byte("DATA"), []byte(data))))
}

// new makes the App. It looks for changed files so seldom that only tests which say so see
// it.
func (s *site) new(t *testing.T) {
	t.Helper()
	var err error
	s.app, err = New(Options{ConfigFile: s.path, StopTimeout: 20 * time.Second, Logger: slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	require.NoError(t, err)
	s.app.watchEvery = time.Hour
}

func (s *site) start(t *testing.T) {
	t.Helper()
	s.new(t)
	s.run(t)
}

// run starts the App and ends it with the test, after which every event must be accounted
// for.
func (s *site) run(t *testing.T) {
	t.Helper()
	a := s.app
	require.NoError(t, a.Start(t.Context()))
	t.Cleanup(func() { stop(t, a) })
}

func stop(t *testing.T, a *App) {
	t.Helper()
	require.NoError(t, a.Stop(context.Background()))
	requireBalance(t, a.Ledger())
}

func requireBalance(t *testing.T, rows []outbox.LedgerRow) {
	t.Helper()
	for _, r := range rows {
		require.Equal(t, r.Built, r.Delivered+r.DeadLettered+r.Expired+r.Pending, "%+v", r)
	}
}

// startSite runs a bridge on a configuration.
func startSite(t *testing.T, config string) *site {
	t.Helper()
	s := newSite(t, config)
	s.start(t)
	return s
}

func (s *site) request(t *testing.T, method, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.app.Addr().String()+path, http.NoBody)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

// api reads one list or object of the JSON API.
func api[T any](t *testing.T, s *site, name string) T {
	t.Helper()
	code, body := s.request(t, http.MethodGet, "/api/v1/bridge/"+name)
	require.Equal(t, http.StatusOK, code)
	var out struct{ Data T }
	require.NoError(t, json.Unmarshal([]byte(body), &out))
	return out.Data
}

// gauge is the value of a metric without labels; the metric must be there.
func (s *site) gauge(t *testing.T, name string) float64 {
	t.Helper()
	families, err := s.app.Gatherer().Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == name {
			require.Len(t, f.GetMetric(), 1)
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// row is the ledger's row of a destination's measurements.
func (s *site) row(destination string) outbox.LedgerRow {
	for _, r := range s.app.Ledger() {
		if r.Destination == destination && r.Domain == "measurement" {
			return r
		}
	}
	return outbox.LedgerRow{}
}

// safeBuffer is a bytes.Buffer for several goroutines.
type safeBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
