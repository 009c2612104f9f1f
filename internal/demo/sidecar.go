package demo

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"runtime/metrics"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	inboundPrefix = "inbound_http"
	egressPrefix  = "egress_http"
	adminPrefix   = "admin"
	localCluster  = "local_service"

	// maxRequests is the circuit breaker of each upstream cluster.
	maxRequests = 64
)

// sidecar is one Envoy-like proxy: an inbound listener in front of its application, an
// egress listener that its application calls others through, and an admin listener.
type sidecar struct {
	stats   *stats
	inbound *hcm
	egress  *hcm
	admin   *hcm

	mu       sync.RWMutex // guards routes
	routes   map[string]*route
	clusters []*cluster // fixed once load runs
}

// route splits the calls of one service between clusters by weight.
type route struct {
	next     atomic.Uint64
	clusters []*cluster // one entry per unit of weight
}

func (r *route) pick() *cluster {
	return r.clusters[int((r.next.Add(1)-1)%uint64(len(r.clusters)))]
}

func newSidecar(logger *slog.Logger) *sidecar {
	s := &sidecar{stats: newStats(time.Now()), routes: map[string]*route{}}
	s.inbound = newHCM(s.stats, inboundPrefix, logger)
	s.egress = newHCM(s.stats, egressPrefix, logger)
	s.admin = newHCM(s.stats, adminPrefix, logger)
	return s
}

// start opens the three listeners. app is the address of the application.
func (s *sidecar) start(ctx context.Context, app string) error {
	local := s.cluster(localCluster, app, 0)
	if err := s.inbound.start(ctx, proxyTo(func(*http.Request) *cluster { return local })); err != nil {
		return err
	}
	if err := s.egress.start(ctx, proxyTo(s.route)); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /stats/prometheus", s.serveStats)
	return s.admin.start(ctx, mux)
}

// cluster registers one upstream with a single endpoint.
func (s *sidecar) cluster(name, address string, retries int) *cluster {
	c := newCluster(s.stats, name, address, retries)
	s.clusters = append(s.clusters, c)
	return c
}

// addRoute sends calls whose Host is service to clusters, one entry per unit of weight.
func (s *sidecar) addRoute(service string, weighted ...*cluster) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.routes[service] = &route{clusters: weighted}
}

func (s *sidecar) route(r *http.Request) *cluster {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if route := s.routes[r.Host]; route != nil {
		return route.pick()
	}
	return nil
}

// idle reports whether no request and no connection but the admin's is open, so that
// every byte and request has been counted.
func (s *sidecar) idle() bool {
	for _, h := range []*hcm{s.inbound, s.egress} {
		if s.stats.value("envoy_http_downstream_rq_active", h.labels) != 0 ||
			s.stats.value("envoy_http_downstream_cx_active", h.labels) != 0 {
			return false
		}
	}
	for _, c := range s.clusters {
		if s.stats.value("envoy_cluster_upstream_cx_active", c.labels) != 0 {
			return false
		}
	}
	return true
}

func (s *sidecar) closeIdle() {
	for _, c := range s.clusters {
		c.transport.CloseIdleConnections()
	}
}

func (s *sidecar) stop(ctx context.Context) {
	for _, h := range []*hcm{s.inbound, s.egress, s.admin} {
		h.stop(ctx)
	}
	s.closeIdle()
}

func (s *sidecar) serveStats(w http.ResponseWriter, _ *http.Request) {
	s.refresh()
	// Envoy's own header: no version parameter.
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	_, _ = w.Write(s.stats.exposition()) // an error means that the peer went away
}

// refresh reads the gauges that are not kept up by the traffic.
func (s *sidecar) refresh() {
	sample := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/total:bytes"},
	}
	metrics.Read(sample)
	allocated, total := sample[0].Value.Uint64(), sample[2].Value.Uint64()
	s.stats.set("envoy_server_memory_allocated", "", int64(allocated))
	s.stats.set("envoy_server_memory_heap_size", "", int64(allocated+sample[1].Value.Uint64()))
	s.stats.set("envoy_server_memory_physical_size", "", int64(total))
	s.stats.set("envoy_server_uptime", "", int64(time.Since(s.stats.start)/time.Second))
	s.stats.set("envoy_server_live", "", 1)
	s.stats.set("envoy_server_state", "", 0)
	s.stats.set("envoy_server_hot_restart_epoch", "", 0)
	s.stats.set("envoy_server_total_connections", "",
		s.stats.value("envoy_http_downstream_cx_active", s.inbound.labels)+
			s.stats.value("envoy_http_downstream_cx_active", s.egress.labels))
}

// hcm is one listener with its HTTP connection manager's statistics.
type hcm struct {
	stats  *stats
	labels string
	server *http.Server
	ln     net.Listener
	served chan struct{}
}

func newHCM(s *stats, prefix string, logger *slog.Logger) *hcm {
	h := &hcm{stats: s, labels: `envoy_http_conn_manager_prefix="` + prefix + `"`}
	h.server = newServer(nil, logger)
	// These exist from the start in Envoy; others appear with their first increment.
	for _, name := range []string{
		"envoy_http_downstream_rq_total", "envoy_http_downstream_rq_completed",
		"envoy_http_downstream_cx_total", "envoy_http_downstream_cx_destroy",
		"envoy_http_downstream_cx_rx_bytes_total", "envoy_http_downstream_cx_tx_bytes_total",
	} {
		s.count(name, h.labels, 0)
	}
	for class := 1; class <= 5; class++ {
		s.count("envoy_http_downstream_rq_xx", classLabel(class*100)+h.labels, 0)
	}
	s.set("envoy_http_downstream_rq_active", h.labels, 0)
	s.set("envoy_http_downstream_cx_active", h.labels, 0)
	s.expect("envoy_http_downstream_rq_time", h.labels)
	return h
}

func (h *hcm) start(ctx context.Context, next http.Handler) error {
	ln, err := listen(ctx)
	if err != nil {
		return err
	}
	h.server.Handler = h.measured(next)
	h.ln = &countingListener{Listener: ln, stats: h.stats, labels: h.labels}
	h.served = make(chan struct{})
	go func() {
		defer close(h.served)
		_ = h.server.Serve(h.ln) // always http.ErrServerClosed, by stop
	}()
	return nil
}

func (h *hcm) addr() string { return h.ln.Addr().String() }

func (h *hcm) stop(ctx context.Context) {
	if h.ln == nil {
		return
	}
	if h.server.Shutdown(ctx) != nil {
		_ = h.server.Close()
	}
	<-h.served
}

// measured counts requests as Envoy's connection manager does.
func (h *hcm) measured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		h.stats.count("envoy_http_downstream_rq_total", h.labels, 1)
		h.stats.move("envoy_http_downstream_rq_active", h.labels, 1)
		sw := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			h.stats.count("envoy_http_downstream_rq_completed", h.labels, 1)
			h.stats.count("envoy_http_downstream_rq_xx", classLabel(sw.status)+h.labels, 1)
			h.stats.observe("envoy_http_downstream_rq_time", h.labels, time.Since(start))
			h.stats.move("envoy_http_downstream_rq_active", h.labels, -1)
		}()
		next.ServeHTTP(sw, r)
	})
}

// classLabel is `envoy_response_code_class="5",`: a digit, before the other labels.
func classLabel(status int) string {
	return `envoy_response_code_class="` + strconv.Itoa(status/100) + `",`
}

// cluster is one upstream, and the http.RoundTripper to it: circuit breaker, retries and
// statistics.
type cluster struct {
	stats     *stats
	labels    string
	base      *url.URL
	retries   int
	transport *http.Transport
	active    atomic.Int64
}

func newCluster(s *stats, name, address string, retries int) *cluster {
	c := &cluster{
		stats: s, labels: `envoy_cluster_name="` + name + `"`,
		base: &url.URL{Scheme: "http", Host: address}, retries: retries,
	}
	var d net.Dialer
	c.transport = &http.Transport{
		MaxIdleConnsPerHost: maxRequests,
		DisableCompression:  true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := d.DialContext(ctx, network, addr)
			if err != nil {
				s.count("envoy_cluster_upstream_cx_connect_fail", c.labels, 1)
				return nil, err
			}
			s.count("envoy_cluster_upstream_cx_total", c.labels, 1)
			s.move("envoy_cluster_upstream_cx_active", c.labels, 1)
			return &countingConn{
				Conn: conn, stats: s, labels: c.labels, prefix: "envoy_cluster_upstream_cx",
			}, nil
		},
	}
	for _, name := range []string{
		"upstream_rq_total", "upstream_rq_retry", "upstream_rq_retry_success",
		"upstream_rq_retry_limit_exceeded", "upstream_rq_retry_overflow", "upstream_rq_pending_overflow",
		"upstream_rq_timeout", "upstream_cx_overflow", "upstream_cx_total", "upstream_cx_destroy",
		"upstream_cx_connect_fail", "upstream_cx_rx_bytes_total", "upstream_cx_tx_bytes_total",
	} {
		s.count("envoy_cluster_"+name, c.labels, 0)
	}
	for _, name := range []string{
		"upstream_rq_active", "upstream_cx_active", "membership_degraded",
		"circuit_breakers_default_cx_open", "circuit_breakers_default_rq_open",
		"circuit_breakers_default_rq_pending_open", "circuit_breakers_default_rq_retry_open",
		"circuit_breakers_high_cx_open", "circuit_breakers_high_rq_open",
	} {
		s.set("envoy_cluster_"+name, c.labels, 0)
	}
	s.set("envoy_cluster_membership_total", c.labels, 1)
	s.set("envoy_cluster_membership_healthy", c.labels, 1)
	return c
}

// RoundTrip sends one client-visible request: rq_total counts every attempt, rq_completed
// and the response codes only what the client gets to see.
func (c *cluster) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.active.Add(1) > maxRequests {
		c.active.Add(-1)
		c.stats.count("envoy_cluster_upstream_rq_pending_overflow", c.labels, 1)
		c.complete("upstream_rq", http.StatusServiceUnavailable)
		return nil, fmt.Errorf("calling %s: circuit breaker open", c.base.Host)
	}
	c.gauges()
	defer func() { c.active.Add(-1); c.gauges() }()

	start := time.Now()
	for attempt := 0; ; attempt++ {
		c.stats.count("envoy_cluster_upstream_rq_total", c.labels, 1)
		resp, err := c.transport.RoundTrip(r)
		status := http.StatusServiceUnavailable
		if err == nil {
			status = resp.StatusCode
		}
		bad := status >= http.StatusInternalServerError
		if bad && attempt < c.retries {
			if resp != nil {
				// The connection is only used again when its answer was read.
				_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
				_ = resp.Body.Close()
			}
			c.complete("retry_upstream_rq", status)
			c.stats.count("envoy_cluster_upstream_rq_retry", c.labels, 1)
			continue
		}
		if attempt > 0 && !bad {
			c.stats.count("envoy_cluster_upstream_rq_retry_success", c.labels, 1)
		}
		if c.retries > 0 && bad {
			c.stats.count("envoy_cluster_upstream_rq_retry_limit_exceeded", c.labels, 1)
		}
		c.complete("upstream_rq", status)
		c.stats.observe("envoy_cluster_upstream_rq_time", c.labels, time.Since(start))
		return resp, err
	}
}

// complete counts a response under base, "upstream_rq" or "retry_upstream_rq".
func (c *cluster) complete(base string, status int) {
	c.stats.count("envoy_cluster_"+base+"_completed", c.labels, 1)
	c.stats.count("envoy_cluster_"+base+"_xx", classLabel(status)+c.labels, 1)
	c.stats.count("envoy_cluster_"+base, `envoy_response_code="`+strconv.Itoa(status)+`",`+c.labels, 1)
}

func (c *cluster) gauges() {
	n := c.active.Load()
	c.stats.set("envoy_cluster_upstream_rq_active", c.labels, n)
	var open int64
	if n >= maxRequests {
		open = 1
	}
	c.stats.set("envoy_cluster_circuit_breakers_default_rq_open", c.labels, open)
}

// proxyTo forwards each request to the cluster that pick chooses: 404 where there is
// none, 503 where the cluster has no answer, as Envoy does.
func proxyTo(pick func(*http.Request) *cluster) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := pick(r)
		if c == nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		p := httputil.ReverseProxy{
			Transport: c,
			Rewrite:   func(pr *httputil.ProxyRequest) { pr.SetURL(c.base); pr.Out.Host = pr.In.Host },
			ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
				w.WriteHeader(http.StatusServiceUnavailable)
			},
		}
		p.ServeHTTP(w, r)
	})
}
