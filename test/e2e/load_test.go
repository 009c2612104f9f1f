package e2e

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// A tally is what the load generator sent and got through one sidecar. It is the truth that
// the events are held against.
type tally struct {
	Requests int64            // answered requests; none was given up
	Classes  map[string]int64 // by the first digit of the status: "2", "4", "5"
	Statuses map[int]int64    // by status
	// Served is by backend: answers that came from it, as the client saw them (the tries
	// before the last are not among them). ByCode tells them apart by status.
	Served map[string]int64
	ByCode map[string]map[int]int64
	// Overloaded counts the answers that the sidecar gave itself for an open breaker.
	Overloaded int64
	// Seconds is the sum of the latencies as the client saw them: an upper bound of what
	// the sidecar measured.
	Seconds float64
	// BytesOut and BytesIn are bytes on the client's connections.
	BytesOut, BytesIn int64
	Connections       int64
}

func newTally() *tally {
	t := &tally{Classes: map[string]int64{}, Statuses: map[int]int64{}, Served: map[string]int64{}, ByCode: map[string]map[int]int64{}}
	for _, c := range clusters {
		t.ByCode[c] = map[int]int64{}
	}
	return t
}

// A generator drives one sidecar and counts. It is used once.
type generator struct {
	addr          string
	client        *http.Client
	read, written atomic.Int64
	connections   atomic.Int64
	flows         atomic.Int64

	mu sync.Mutex
	t  *tally // guarded by mu
}

func newGenerator(addr string) *generator {
	g := &generator{addr: addr, t: newTally()}
	g.client = &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: 64,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			g.connections.Add(1)
			return &countingConn{Conn: c, read: &g.read, written: &g.written}, nil
		},
	}}
	return g
}

// mix is what one worker asks for, over and over: method and path.
var mix = []string{
	"GET /ok", "GET /ok", "GET /slow", "GET /missing", "POST /orders", "GET /ok", "GET /flaky",
	"GET /big", "GET /error", "GET /ok", "GET /missing", "POST /orders", "GET /hopeless", "GET /ok",
}

// pause is what a worker waits between two requests, so that the load is mixed rather than
// all that the machine can do.
const pause = 5 * time.Millisecond

// run keeps a mixed load up until ctx is done or each worker has gone through the mix
// rounds times, then closes its connections and returns what it counted. Requests under way are
// finished: every request sent is counted with its answer.
func (g *generator) run(ctx context.Context, t *testing.T, workers, rounds int) *tally {
	t.Helper()
	group := new(errgroup.Group)
	ended := func() bool {
		select {
		case <-ctx.Done():
			return true
		case <-time.After(pause):
			return false
		}
	}
	for w := range workers {
		group.Go(func() error {
			for r := range rounds {
				for i := range mix {
					if ended() {
						return nil
					}
					method, path, _ := strings.Cut(mix[(i+w)%len(mix)], " ")
					if err := g.ask(method, path); err != nil {
						return fmt.Errorf("round %d: %w", r, err)
					}
				}
			}
			return nil
		})
		// Of the limited cluster's requests one is served and one waits: with more workers
		// than that at once, its breaker opens.
		group.Go(func() error {
			for range rounds {
				if ended() {
					return nil
				}
				if err := g.ask("GET", "/limited"); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait(), "generating load")
	g.client.CloseIdleConnections()
	g.t.BytesIn, g.t.BytesOut, g.t.Connections = g.read.Load(), g.written.Load(), g.connections.Load()
	return g.t
}

func (g *generator) ask(method, path string) error {
	var body io.Reader
	if method == "POST" {
		body = strings.NewReader(strings.Repeat("item ", 100))
	}
	// Not the run's context: a request that was sent is waited for, so that it is counted.
	req, err := http.NewRequest(method, "http://"+g.addr+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("X-Flow", fmt.Sprint(g.flows.Add(1)))
	began := time.Now()
	resp, err := g.client.Do(req)
	if err != nil {
		return fmt.Errorf("asking for %s: %w", path, err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", path, err)
	}
	took := time.Since(began)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.t.Requests++
	g.t.Seconds += took.Seconds()
	g.t.Statuses[resp.StatusCode]++
	g.t.Classes[fmt.Sprint(resp.StatusCode/100)]++
	if resp.Header.Get("X-Envoy-Overloaded") == "true" {
		g.t.Overloaded++
		g.t.ByCode[limited][resp.StatusCode]++
		return nil
	}
	backend := resp.Header.Get("X-Backend")
	if g.t.ByCode[backend] == nil {
		return fmt.Errorf("%s was answered %s by nobody", path, resp.Status)
	}
	g.t.Served[backend]++
	g.t.ByCode[backend][resp.StatusCode]++
	return nil
}

// requireMixed checks that a load had all that it should: a test that counts no retry and no
// open breaker proves nothing of them.
func (m *mesh) requireMixed(t *testing.T, got *tally) {
	t.Helper()
	for _, s := range []int{200, 404, 500, 503} {
		require.Positive(t, got.Statuses[s], "status %d", s)
	}
	for _, c := range clusters {
		require.Positive(t, got.Served[c], "served by %s", c)
	}
	require.Positive(t, got.Overloaded, "answers for an open circuit breaker")
	require.Positive(t, m.retries(got, stable), "retries")
	require.Positive(t, m.retries(got, canary), "retries")
}

// retries is how often the sidecar tried again at a backend: what the backend received
// beyond what the client saw of it.
func (m *mesh) retries(got *tally, name string) int64 {
	return m.backends[name].requests.Load() - got.Served[name]
}

// expected is what the sidecar's own counters must have grown by, under the names of its
// Prometheus exposition, where the load generator and the backends can know it.
func (m *mesh) expected(got *tally) map[string]float64 {
	http := fmt.Sprintf(`envoy_http_conn_manager_prefix=%q`, ingress)
	want := map[string]float64{
		"envoy_http_downstream_rq_total{" + http + "}":          float64(got.Requests),
		"envoy_http_downstream_rq_completed{" + http + "}":      float64(got.Requests),
		"envoy_http_downstream_rq_time_count{" + http + "}":     float64(got.Requests),
		"envoy_http_downstream_cx_total{" + http + "}":          float64(got.Connections),
		"envoy_http_downstream_cx_rx_bytes_total{" + http + "}": float64(got.BytesOut),
		"envoy_http_downstream_cx_tx_bytes_total{" + http + "}": float64(got.BytesIn),
	}
	for class, n := range got.Classes {
		want[fmt.Sprintf(`envoy_http_downstream_rq_xx{envoy_response_code_class=%q,%s}`, class, http)] = float64(n)
	}
	for _, c := range clusters {
		label, b := fmt.Sprintf(`{envoy_cluster_name=%q}`, c), m.backends[c]
		completed := got.Served[c]
		if c == limited {
			completed += got.Overloaded
		}
		maps.Copy(want, map[string]float64{
			"envoy_cluster_upstream_rq_completed" + label:        float64(completed),
			"envoy_cluster_upstream_rq_total" + label:            float64(b.requests.Load()),
			"envoy_cluster_upstream_rq_retry" + label:            float64(m.retries(got, c)),
			"envoy_cluster_upstream_cx_tx_bytes_total" + label:   float64(b.read.Load()),
			"envoy_cluster_upstream_cx_rx_bytes_total" + label:   float64(b.written.Load()),
			"envoy_cluster_upstream_rq_pending_overflow" + label: 0,
		})
	}
	want[fmt.Sprintf(`envoy_cluster_upstream_rq_pending_overflow{envoy_cluster_name=%q}`, limited)] = float64(got.Overloaded)
	return want
}
