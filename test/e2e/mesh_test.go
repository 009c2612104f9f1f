package e2e

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
)

// The names that the sidecar's statistics carry.
const (
	ingress = "ingress_http" // stat_prefix of the connection manager under load
	// The upstream clusters: two releases of one service, and one behind a circuit
	// breaker that opens under the load.
	stable, canary, limited = "catalog-v1", "catalog-v2", "limited"
)

var clusters = []string{stable, canary, limited}

// A backend is one upstream service that counts what reaches it.
type backend struct {
	*httptest.Server
	name     string
	requests atomic.Int64 // requests received, retries among them
	// failed counts the requests answered with a 5xx so that the sidecar should try again.
	failed atomic.Int64
	// read and written are bytes on the wire, headers and framing among them.
	read, written atomic.Int64

	mu    sync.Mutex
	tries map[string]int // tries seen of each flow of /flaky, guarded by mu
}

func newBackend(t *testing.T, name string) *backend {
	t.Helper()
	b := &backend{name: name, tries: map[string]int{}}
	b.Server = httptest.NewUnstartedServer(b)
	b.Server.Listener = &countingListener{Listener: b.Server.Listener, read: &b.read, written: &b.written}
	b.Server.Start()
	t.Cleanup(b.Server.Close)
	return b
}

// ServeHTTP answers by path. Every answer names the backend, so that the load generator
// knows which release served it.
func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.requests.Add(1)
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return // the sidecar went away; it counts a reset, and so the test fails
	}
	w.Header().Set("X-Backend", b.name)
	kind, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch kind {
	case "missing":
		http.Error(w, "no such item", http.StatusNotFound)
	case "error":
		http.Error(w, "out of order", http.StatusInternalServerError)
	case "slow":
		time.Sleep(60 * time.Millisecond) // the latency that the histograms must show
		io.WriteString(w, "sorry for the wait")
	case "limited":
		time.Sleep(40 * time.Millisecond)
		io.WriteString(w, "one at a time")
	case "big":
		io.WriteString(w, strings.Repeat("x", 32<<10))
	case "flaky", "hopeless":
		flow := r.Header.Get("X-Flow")
		b.mu.Lock()
		b.tries[flow]++
		try := b.tries[flow]
		b.mu.Unlock()
		if kind == "hopeless" || try == 1 {
			b.failed.Add(1)
			http.Error(w, "try again", http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "at last")
	default:
		io.WriteString(w, "fine")
	}
}

// A countingListener counts the bytes of all its connections.
type countingListener struct {
	net.Listener
	read, written *atomic.Int64
}

func (l *countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &countingConn{Conn: c, read: l.read, written: l.written}, nil
}

type countingConn struct {
	net.Conn
	read, written *atomic.Int64
}

func (c *countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

func (c *countingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	return n, err
}

// A mesh is one sidecar in front of its backends.
type mesh struct {
	*bridgetest.EnvoyProxy
	backends map[string]*backend
}

func newMesh(t *testing.T) *mesh {
	t.Helper()
	m := &mesh{backends: map[string]*backend{}}
	for _, name := range clusters {
		m.backends[name] = newBackend(t, name)
	}
	config, err := json.Marshal(m.bootstrap())
	if err != nil {
		t.Fatal(err)
	}
	m.EnvoyProxy = bridgetest.Envoy(t, config)
	return m
}

type obj = map[string]any

const (
	typeHCM    = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
	typeRouter = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
)

// bootstrap is the sidecar's configuration: an inbound listener, a weighted split over two
// releases with retries on the flaky paths, and a cluster with room for one request. Its
// histograms are merged each second instead of every five.
func (m *mesh) bootstrap() obj {
	anyPort := obj{"socket_address": obj{"address": "127.0.0.1", "port_value": 0}}
	split := func(extra obj) obj {
		route := obj{"timeout": "10s", "weighted_clusters": obj{"clusters": []obj{
			{"name": stable, "weight": 80}, {"name": canary, "weight": 20},
		}}}
		for k, v := range extra {
			route[k] = v
		}
		return route
	}
	retried := split(obj{"retry_policy": obj{
		"retry_on": "5xx", "num_retries": 2,
		"retry_back_off": obj{"base_interval": "0.005s", "max_interval": "0.01s"},
	}})
	routes := []obj{
		{"match": obj{"prefix": "/limited"}, "route": obj{"cluster": limited, "timeout": "10s"}},
		{"match": obj{"prefix": "/flaky"}, "route": retried},
		{"match": obj{"prefix": "/hopeless"}, "route": retried},
		{"match": obj{"prefix": "/"}, "route": split(nil)},
	}
	manager := obj{
		"@type": typeHCM, "stat_prefix": ingress, "codec_type": "AUTO",
		"route_config": obj{"name": "local", "virtual_hosts": []obj{{"name": "all", "domains": []string{"*"}, "routes": routes}}},
		"http_filters": []obj{{"name": "envoy.filters.http.router", "typed_config": obj{"@type": typeRouter}}},
	}
	return obj{
		"node":                 obj{"id": "sidecar", "cluster": "catalog"},
		"admin":                obj{"address": anyPort},
		"stats_flush_interval": "1s",
		"static_resources": obj{
			"listeners": []obj{{
				"name": "inbound", "stat_prefix": "inbound", "address": anyPort,
				"filter_chains": []obj{{"filters": []obj{{"name": "http", "typed_config": manager}}}},
			}},
			"clusters": []obj{
				m.cluster(stable, obj{"max_connections": 256, "max_pending_requests": 256, "max_requests": 256, "max_retries": 256}),
				m.cluster(canary, obj{"max_connections": 256, "max_pending_requests": 256, "max_requests": 256, "max_retries": 256}),
				// One waiting request opens the breaker. max_requests is out of reach on purpose: Envoy
				// counts those overflows under a name of their own (upstream_rq_active_overflow).
				m.cluster(limited, obj{"max_connections": 1, "max_pending_requests": 1, "max_requests": 256, "max_retries": 1}),
			},
		},
	}
}

func (m *mesh) cluster(name string, breaker obj) obj {
	addr := m.backends[name].Listener.Addr().(*net.TCPAddr)
	breaker["track_remaining"] = true
	return obj{
		"name": name, "type": "STATIC", "connect_timeout": "5s", "lb_policy": "ROUND_ROBIN",
		"circuit_breakers": obj{"thresholds": []obj{breaker}},
		"load_assignment": obj{"cluster_name": name, "endpoints": []obj{{"lb_endpoints": []obj{{
			"endpoint": obj{"address": obj{"socket_address": obj{"address": addr.IP.String(), "port_value": addr.Port}}},
		}}}}},
	}
}
