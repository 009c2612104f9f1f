package profiles_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// want is what an event must hold: every number and text by a path such as
// `upstream[svc-b-v1].requests`, and nothing else.
type want map[string]any

func (w want) set(path string, x float64) {
	if !math.IsNaN(x) {
		w[path] = x
	}
}

// each sets one member for every group of a computation.
func (w want) each(format string, values map[string]float64) {
	for group, x := range values {
		w.set(fmt.Sprintf(format, group), x)
	}
}

// ends reports what stands before a statistic's name at the end of a metric's name, as
// whole words: ends("default_svc_upstream_rq", "upstream_rq") is "default_svc".
func ends(name, stat string) (string, bool) {
	if name == stat {
		return "", true
	}
	return strings.CutSuffix(name, "_"+stat)
}

func either(p point, labels ...string) string {
	for _, l := range labels {
		if v := p.labels[l]; v != "" {
			return v
		}
	}
	return ""
}

// ofCluster groups a statistic by upstream cluster, whichever form the proxy speaks.
func ofCluster(stat string, also ...func(point) bool) pick {
	return func(p point) (string, bool) {
		rest, ok := strings.CutPrefix(p.name, "envoy_cluster_")
		if !ok {
			return "", false
		}
		infix, ok := ends(rest, stat)
		if !ok {
			return "", false
		}
		words := strings.Split(infix, "_")
		if slices.Contains([]string{"external", "internal", "retry", "canary"}, words[len(words)-1]) {
			return "", false // the same requests again
		}
		cluster := either(p, "envoy_cluster_name", "cluster_name")
		if cluster == "zipkin" || strings.HasPrefix(cluster, "otlp") {
			return "", false // the proxy's own spans
		}
		for _, a := range also {
			if !a(p) {
				return "", false
			}
		}
		return cluster, true
	}
}

func labelled(name, value string) func(point) bool {
	return func(p point) bool { return p.labels[name] == value }
}

// ofListener groups a statistic by HTTP listener. Its name is cut apart differently in
// each form; put together again it is the same.
func ofListener(stat string, also ...func(point) bool) pick {
	return func(p point) (string, bool) {
		rest, ok := strings.CutPrefix(p.name, "envoy_http_")
		if !ok {
			return "", false
		}
		infix, ok := ends(rest, stat)
		if !ok {
			return "", false
		}
		name := strings.Trim(p.labels["envoy_http_conn_manager_prefix"]+"_"+infix, "_")
		if name == "admin" || name == "async-client" {
			return "", false
		}
		for _, a := range also {
			if !a(p) {
				return "", false
			}
		}
		return name, true
	}
}

// all puts what a pick takes into one group.
func all(p pick) pick {
	return func(x point) (string, bool) {
		_, ok := p(x)
		return "", ok
	}
}

func named(name string) pick {
	return func(p point) (string, bool) { return "", p.name == name }
}

func by(name string, labels ...string) pick {
	return func(p point) (string, bool) { return either(p, labels...), p.name == name }
}

// expectEnvoy computes every number of the profile envoy for one window.
func expectEnvoy(t testing.TB, v view) want {
	t.Helper()
	w := want{}
	served := func(stat string) pick { return all(ofListener(stat)) } // no capture has inbound listeners
	w.set("requestRate", extreme(v.rates(t, served("downstream_rq_total")), greater)[""])
	w.set("meanRequestLatency", v.grown(t, served("downstream_rq_time_sum"))[""]/v.grown(t, served("downstream_rq_time_count"))[""]/1000)
	w.set("concurrentSessions", v.inside(served("downstream_cx_active"), add, greater)[""])
	members := 0.0
	for _, most := range v.inside(ofCluster("membership_total"), add, greater) {
		members += most
	}
	w.set("configuredEntities", members)
	w.set("nfcScalingMetric", v.inside(func(p point) (string, bool) {
		return "", strings.HasPrefix(p.name, "envoy_overload_") && strings.HasSuffix(p.name, "_pressure")
	}, greater, greater)[""])
	w.set("cpuUsageArray[overloadManager].percentUsage", v.mean(func(p point) (string, bool) {
		return "", strings.HasSuffix(p.name, "cpu_utilization_pressure")
	})[""])
	expectLatency(t, v, w, func(p point) (string, bool) {
		_, ok := ofListener("downstream_rq_time_bucket")(p)
		return p.labels["le"], ok
	})
	expectOctets(t, v, w)
	expectHTTP(t, v, w)
	expectUpstream(t, v, w)
	expectResilience(t, v, w)
	expectTLS(t, v, w)
	expectServer(t, v, w)
	return w
}

// expectLatency turns cumulative buckets into disjoint ones: neighbours subtracted, empty
// ones left out.
func expectLatency(t testing.TB, v view, w want, p pick) {
	t.Helper()
	type bucket struct{ le, count float64 }
	var buckets []bucket
	for le, n := range v.grown(t, p) {
		x, err := strconv.ParseFloat(le, 64) // +Inf too
		if err != nil {
			t.Fatalf("le %q: %v", le, err)
		}
		buckets = append(buckets, bucket{x, n})
	}
	slices.SortFunc(buckets, func(a, b bucket) int { return int(math.Copysign(1, a.le-b.le)) })
	low, below := 0.0, 0.0
	for _, b := range buckets {
		if n := b.count - below; n > 0 {
			w.set(fmt.Sprintf("latencyDistribution[%v..%v]", low, b.le), n)
		}
		low, below = b.le, b.count
	}
}

func expectOctets(t testing.TB, v view, w want) {
	t.Helper()
	for dir, short := range map[string]string{"received": "rx", "transmitted": "tx"} {
		for prefix, p := range map[string]pick{
			"http":    ofListener("downstream_cx_" + short + "_bytes_total"),
			"cluster": ofCluster("upstream_cx_" + short + "_bytes_total"),
			"tcp":     by("envoy_tcp_downstream_cx_"+short+"_bytes_total", "envoy_tcp_prefix", "tcp_prefix"),
		} {
			nic := "nicPerformanceArray[" + prefix + ":%s]."
			w.each(nic+dir+"OctetsDelta", v.grown(t, p))
			w.each(nic+dir+"OctetsAccumulated", fold(v.last(), p, add))
			for g := range fold(v.last(), p, add) {
				w[fmt.Sprintf(nic+"valuesAreSuspect", g)] = "true"
			}
		}
	}
}

func expectHTTP(t testing.TB, v view, w want) {
	t.Helper()
	for key, stat := range map[string]string{
		"requests": "downstream_rq_total", "responses": "downstream_rq_completed", "connections": "downstream_cx_total",
		"tlsConnections": "downstream_cx_ssl_total", "protocolErrors": "downstream_cx_protocol_error",
		"resets": "downstream_rq_rx_reset", "timeouts": "downstream_rq_timeout",
	} {
		w.each("http[%s]."+key, v.grown(t, ofListener(stat)))
	}
	for class := range 5 {
		digit := strconv.Itoa(class + 1)
		w.each("http[%s].responses"+digit+"xx", v.grown(t, ofListener("downstream_rq_xx", labelled("envoy_response_code_class", digit))))
		w.each("http[%s].responses"+digit+"xx", v.grown(t, ofListener("downstream_rq", labelled("response_code_class", digit+"xx"))))
	}
	w.each("http[%s].activeRequests", v.inside(ofListener("downstream_rq_active"), add, greater))
}

func expectUpstream(t testing.TB, v view, w want) {
	t.Helper()
	for key, stat := range map[string]string{
		"requests": "upstream_rq_completed", "attempts": "upstream_rq_total", "connections": "upstream_cx_total",
		"connectFailures": "upstream_cx_connect_fail", "timeouts": "upstream_rq_timeout", "resets": "upstream_rq_rx_reset",
		"cancelled": "upstream_rq_cancelled",
	} {
		w.each("upstream[%s]."+key, v.grown(t, ofCluster(stat)))
	}
	for class := range 5 {
		digit := strconv.Itoa(class + 1)
		w.each("upstream[%s].responses"+digit+"xx", v.grown(t, ofCluster("upstream_rq_xx", labelled("envoy_response_code_class", digit))))
		w.each("upstream[%s].responses"+digit+"xx", v.grown(t, ofCluster("upstream_rq", labelled("response_code_class", digit+"xx"))))
	}
	sums := v.grown(t, ofCluster("upstream_rq_time_sum"))
	for cluster, n := range v.grown(t, ofCluster("upstream_rq_time_count")) {
		w.set("upstream["+cluster+"].meanLatencyMs", sums[cluster]/n) // 0/0 is left out
	}
	w.each("upstream[%s].activeRequests", v.inside(ofCluster("upstream_rq_active"), add, greater))
	w.each("upstream[%s].activeConnections", v.inside(ofCluster("upstream_cx_active"), add, greater))
	for _, label := range []string{"envoy_response_code", "response_code"} {
		w.each("responseCode[%s].responses", v.grown(t, func(p point) (string, bool) {
			cluster, ok := ofCluster("upstream_rq")(p)
			return cluster + "," + p.labels[label], ok && p.labels[label] != ""
		}))
	}
	for key, stat := range map[string]string{
		"retries": "upstream_rq_retry", "retrySuccesses": "upstream_rq_retry_success", "retryOverflows": "upstream_rq_retry_overflow",
		"retryLimitsExceeded": "upstream_rq_retry_limit_exceeded", "perTryTimeouts": "upstream_rq_per_try_timeout",
	} {
		w.each("retry[%s]."+key, v.grown(t, ofCluster(stat)))
	}
}

func expectResilience(t testing.TB, v view, w want) {
	t.Helper()
	for key, stat := range map[string]string{
		"connectionsOpen": "default_cx_open", "pendingOpen": "default_rq_pending_open", "requestsOpen": "default_rq_open",
		"retriesOpen": "default_rq_retry_open", "poolsOpen": "default_cx_pool_open",
		"highConnectionsOpen": "high_cx_open", "highPendingOpen": "high_rq_pending_open", "highRequestsOpen": "high_rq_open",
		"highRetriesOpen": "high_rq_retry_open", "highPoolsOpen": "high_cx_pool_open",
	} {
		w.each("circuitBreaker[%s]."+key, v.inside(ofCluster("circuit_breakers_"+stat), greater, greater))
	}
	for key, stat := range map[string]string{
		"remainingConnections": "cx", "remainingPending": "pending", "remainingRequests": "rq", "remainingRetries": "retries",
	} {
		w.each("circuitBreaker[%s]."+key, v.inside(ofCluster("circuit_breakers_default_remaining_"+stat), smaller, smaller))
	}
	for path, stat := range map[string]string{
		"circuitBreaker[%s].connectionOverflows":  "upstream_cx_overflow",
		"circuitBreaker[%s].pendingOverflows":     "upstream_rq_pending_overflow",
		"circuitBreaker[%s].requestOverflows":     "upstream_rq_active_overflow",
		"outlier[%s].ejections":                   "outlier_detection_ejections_enforced_total",
		"outlier[%s].ejectionOverflows":           "outlier_detection_ejections_overflow",
		"outlier[%s].detectedConsecutive5xx":      "outlier_detection_ejections_detected_consecutive_5xx",
		"outlier[%s].detectedGatewayFailures":     "outlier_detection_ejections_detected_consecutive_gateway_failure",
		"outlier[%s].detectedLocalOriginFailures": "outlier_detection_ejections_detected_consecutive_local_origin_failure",
		"health[%s].healthChecks":                 "health_check_attempt",
		"health[%s].healthCheckFailures":          "health_check_failure",
		"health[%s].panics":                       "lb_healthy_panic",
		"health[%s].noneHealthy":                  "upstream_cx_none_healthy",
	} {
		w.each(path, v.grown(t, ofCluster(stat)))
	}
	w.each("outlier[%s].ejectionsActive", v.inside(ofCluster("outlier_detection_ejections_active"), add, greater))
	w.each("health[%s].members", v.inside(ofCluster("membership_total"), add, greater))
	w.each("health[%s].membersHealthy", v.inside(ofCluster("membership_healthy"), add, smaller))
	w.each("health[%s].membersDegraded", v.inside(ofCluster("membership_degraded"), add, greater))
	endpoint := func(stat string) pick {
		return func(p point) (string, bool) {
			return p.labels["envoy_cluster_name"] + "," + p.labels["envoy_endpoint_address"], p.name == "envoy_cluster_endpoint_"+stat
		}
	}
	for key, stat := range map[string]string{
		"requests": "rq_total", "successes": "rq_success", "errors": "rq_error", "timeouts": "rq_timeout",
		"connections": "cx_total", "connectFailures": "cx_connect_fail",
	} {
		w.each("endpoint[%s]."+key, v.grown(t, endpoint(stat)))
	}
	w.each("endpoint[%s].healthy", v.inside(endpoint("healthy"), smaller, smaller))
}

func expectTLS(t testing.TB, v view, w want) {
	t.Helper()
	listener := func(stat string) pick {
		return func(p point) (string, bool) {
			rest, ok := strings.CutPrefix(p.name, "envoy_listener_")
			if ok {
				_, ok = ends(rest, stat)
			}
			return either(p, "envoy_listener_address", "listener_address"), ok
		}
	}
	for key, stat := range map[string]string{
		"handshakes": "ssl_handshake", "sessionsReused": "ssl_session_reused", "connectionErrors": "ssl_connection_error",
		"failVerifyNoCert": "ssl_fail_verify_no_cert", "failVerifyError": "ssl_fail_verify_error",
		"failVerifySan": "ssl_fail_verify_san", "failVerifyCertHash": "ssl_fail_verify_cert_hash",
	} {
		w.each("upstreamTls[%s]."+key, v.grown(t, ofCluster(stat)))
		w.each("listenerTls[%s]."+key, v.grown(t, listener(stat)))
	}
	expiry := func(p point) (string, bool) {
		return either(p, "envoy_cluster_name", "cluster_name"), strings.HasPrefix(p.name, "envoy_cluster_") &&
			strings.Contains(p.name, "ssl_certificate") && strings.HasSuffix(p.name, "_expiration_unix_time_seconds")
	}
	w.each("upstreamTls[%s].certificateExpiry", fold(v.last(), expiry, smaller))
}

func expectServer(t testing.TB, v view, w want) {
	t.Helper()
	tcp := func(name string) pick { return by(name, "envoy_tcp_prefix", "tcp_prefix") }
	w.each("tcp[%s].connections", v.grown(t, tcp("envoy_tcp_downstream_cx_total")))
	w.each("tcp[%s].noRoute", v.grown(t, tcp("envoy_tcp_downstream_cx_no_route")))
	w.each("tcp[%s].idleTimeouts", v.grown(t, tcp("envoy_tcp_idle_timeout")))
	last := func(name string) float64 { return fold(v.last(), named(name), add)[""] }
	w.set("memory.allocatedKiB", last("envoy_server_memory_allocated")/1024)
	w.set("memory.heapKiB", last("envoy_server_memory_heap_size")/1024)
	w.set("memory.physicalKiB", last("envoy_server_memory_physical_size")/1024)
	w.set("server.uptimeSeconds", last("envoy_server_uptime"))
	w.set("server.state", last("envoy_server_state"))
	w.set("server.hotRestartEpoch", last("envoy_server_hot_restart_epoch"))
	w.set("server.daysUntilFirstCertExpiring", last("envoy_server_days_until_first_cert_expiring"))
	w.set("server.totalConnections", v.inside(named("envoy_server_total_connections"), add, greater)[""])
}
