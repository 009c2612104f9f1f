package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/vesbridge/vesbridge/internal/problem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type fakeSource struct{ notReady []string }

var now = time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)

func (f *fakeSource) Ready() []string { return f.notReady }
func (f *fakeSource) Targets() []Target {
	return []Target{
		{Job: "mesh", URL: "http://10.0.0.1:15090/stats/prometheus", Up: true, LastScrape: now.Add(-7 * time.Second), Samples: 1234, Labels: map[string]string{"pod": "checkout-v1-0", "namespace": "demo"}},
		{Job: "mesh", URL: "http://10.0.0.2:15090/stats/prometheus", LastScrape: now.Add(-9 * time.Second), Error: "context deadline exceeded <script>alert(1)</script>", Labels: map[string]string{"pod": "catalog-v2-0"}},
	}
}

func (f *fakeSource) Mappings() []Mapping {
	return []Mapping{{Name: "envoy", EventName: "Measurement_Mesh-Envoy_Sidecar", WindowEnd: now.Add(-30 * time.Second), Entities: 4, Filled: 67, LeftOut: []LeftOut{{Field: "meanRequestLatency", Reason: "partial_first_seen", Count: 2}}}}
}

func (f *fakeSource) Destinations() []Destination {
	return []Destination{
		{Name: "dcae", Type: "ves", Address: "https://ves:8443", Ready: true, Error: "timeout (retryable)", FailingSince: now.Add(-12 * time.Minute), LastSuccess: now.Add(-13 * time.Minute)},
		{Name: "bus", Type: "kafka", Address: "kafka:9092", Ready: true, LastSuccess: now},
	}
}

func (f *fakeSource) Ledger() []LedgerRow {
	return []LedgerRow{{"bus", "measurement", 40, 40, 0, 0, 0}, {"dcae", "fault", 9, 5, 1, 1, 1}, {"dcae", "measurement", 12345, 11111, 0, 0, 1234}}
}

func (f *fakeSource) Config() Config {
	return Config{File: "bridge.yaml", WindowsMissed: 3, Version: "0.1.0", Started: now.Add(-time.Hour), LoadedAt: now.Add(-time.Hour)}
}

func newTestServer(t *testing.T, change func(*Options)) *Server {
	t.Helper()
	r := NewRecent(50, 1<<20)
	r.Add(Event{ID: "a-1", Domain: "measurement", EventName: "Measurement_Mesh-Envoy_Sidecar", SourceName: "demo/checkout-v1-0", Built: now.Add(-30 * time.Second), Body: []byte(`{"event":{"x":"</pre><script>"}}`)})
	o := Options{Source: &fakeSource{}, Recent: r, Gatherer: prometheus.NewRegistry(), Now: func() time.Time { return now }}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	require.NoError(t, err)
	return s
}

func ask(t *testing.T, s *Server, method, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func TestHealthAndReadiness(t *testing.T) {
	src := &fakeSource{}
	s := newTestServer(t, func(o *Options) { o.Source = src })
	require.Equal(t, "healthy\n", ask(t, s, "GET", "/-/healthy").Body.String())
	require.Equal(t, "I'm good\n", ask(t, s, "GET", "/healthcheck").Body.String())
	require.Equal(t, http.StatusOK, ask(t, s, "GET", "/-/ready").Code)
	require.Equal(t, http.StatusOK, ask(t, s, "GET", "/metrics").Code)
	src.notReady = []string{"destination dcae: unauthorized"}
	w := ask(t, s, "GET", "/-/ready")
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Contains(t, w.Body.String(), "- destination dcae: unauthorized\n")
	require.Equal(t, http.StatusOK, ask(t, s, "GET", "/-/healthy").Code)
}

func TestReload(t *testing.T) {
	var problems problem.List
	problems.Addf("bridge.yaml", 3, "remove it", "unknown key %q", "a")
	problems.Addf("bridge.yaml", 9, "", "no destination")
	var err error
	s := newTestServer(t, func(o *Options) { o.Reload = func(context.Context) error { return err } })
	require.Equal(t, http.StatusOK, ask(t, s, "POST", "/-/reload").Code)
	require.Equal(t, http.StatusMethodNotAllowed, ask(t, s, "GET", "/-/reload").Code)
	require.Equal(t, http.StatusForbidden, ask(t, s, "POST", "/-/reload", "Sec-Fetch-Site", "cross-site").Code)
	err = fmt.Errorf("loading: %w", problems.Err())
	w := ask(t, s, "POST", "/-/reload")
	require.Equal(t, http.StatusUnprocessableEntity, w.Code)
	require.Contains(t, w.Body.String(), "bridge.yaml:3: unknown key")
	require.Contains(t, w.Body.String(), "bridge.yaml:9: no destination")
	err = errors.New("disk full")
	require.Equal(t, http.StatusInternalServerError, ask(t, s, "POST", "/-/reload").Code)
	require.Equal(t, http.StatusNotFound, ask(t, newTestServer(t, nil), "POST", "/-/reload").Code)
}

func TestStatusPageNamesWhatIsWrongAndEscapes(t *testing.T) {
	w := ask(t, newTestServer(t, nil), "GET", "/")
	body := w.Body.String()
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
	require.Contains(t, body, "1 of 2 targets down")
	require.Contains(t, body, "destination dcae failing for 12 min, 1\u202f235 events wait: timeout (retryable)")
	require.Contains(t, body, "ledger of dcae, fault does not balance")
	require.Contains(t, body, "dcae refused 1 fault events for good")
	require.Contains(t, body, "1 fault events for dcae were dropped undelivered")
	require.Contains(t, body, "3 measurement windows missed")
	require.NotContains(t, body, "ledger of bus")
	require.Contains(t, body, "partial_first_seen")
	require.NotContains(t, body, "<script>alert")
	require.Less(t, strings.Index(body, "10.0.0.2"), strings.Index(body, "10.0.0.1"), "what is down comes first")
}

func TestEventPageAndAPI(t *testing.T) {
	s := newTestServer(t, nil)
	page := ask(t, s, "GET", "/events/a-1")
	require.Equal(t, http.StatusOK, page.Code)
	require.Contains(t, page.Body.String(), "demo/checkout-v1-0")
	require.Contains(t, page.Body.String(), "<dt>Fields<dd>1<")
	require.NotContains(t, page.Body.String(), "</pre><script>")
	require.Equal(t, http.StatusNotFound, ask(t, s, "GET", "/events/none").Code)
	require.JSONEq(t, `{"event":{"x":"</pre><script>"}}`, ask(t, s, "GET", "/api/v1/bridge/events/a-1").Body.String())
	for _, name := range []string{"targets", "mappings", "destinations", "ledger", "config", "ready", "events"} {
		w := ask(t, s, "GET", "/api/v1/bridge/"+name)
		require.Equal(t, http.StatusOK, w.Code, name)
		require.Contains(t, w.Body.String(), `"status":"success"`)
		require.NotContains(t, w.Body.String(), `"data":null`)
	}
	require.Equal(t, http.StatusOK, ask(t, s, "GET", "/assets/style.css").Code)
	require.Equal(t, http.StatusNotFound, ask(t, s, "GET", "/assets/status.html").Code)
}

func TestRecentIsBoundedPerDomain(t *testing.T) {
	r := NewRecent(3, 10)
	r.Add(Event{ID: "f", Domain: "fault", Body: []byte("12345")})
	for i := range 100 {
		r.Add(Event{ID: fmt.Sprint(i), Domain: "measurement", Body: []byte("1234")})
	}
	r.Add(Event{ID: "huge", Domain: "measurement", Body: make([]byte, 11)})
	var ids []string
	for _, e := range r.Last(10) {
		ids = append(ids, e.ID)
	}
	require.Equal(t, []string{"99", "98", "f"}, ids, "10 bytes hold two measurements; the fault stays")
	require.Len(t, r.Last(1), 1)
}

func TestServeEndsWithItsContext(t *testing.T) {
	s := newTestServer(t, nil)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+ln.Addr().String()+"/-/healthy", nil)
	require.NoError(t, err)
	resp, err := client.Do(req)
	require.NoError(t, err)
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	cancel()
	require.NoError(t, <-done)
}

func TestBadWebConfigFileIsRefused(t *testing.T) {
	file := t.TempDir() + "/web.yml"
	require.NoError(t, os.WriteFile(file, []byte("no_such_key: 1\n"), 0o600))
	_, err := New(Options{Source: &fakeSource{}, Recent: NewRecent(1, 1), WebConfigFile: file})
	require.ErrorContains(t, err, "web.yml")
}
