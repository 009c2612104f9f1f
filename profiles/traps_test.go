package profiles_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/mapping"
)

// form is how one proxy names the statistics of an HTTP listener and of a TLS listener.
type form struct {
	name string
	http func(listener, stat string) (metric, matcher string)
	tls  string // labels of a listener's own statistics
}

func forms() []form {
	return []form{
		{"plain", func(l, s string) (string, string) {
			return "envoy_http_" + s, `envoy_http_conn_manager_prefix="` + l + `"`
		}, `envoy_listener_address="0.0.0.0_15006"`},
		{"dotted", func(l, s string) (string, string) {
			return "envoy_http_0_0_0_8080_" + s, `envoy_http_conn_manager_prefix="` + l + `_0"`
		}, `envoy_listener_address="0.0.0.0_15006"`},
		{"istio", func(l, s string) (string, string) { return "envoy_http_" + l + "_0_0_0_0_8080_" + s, "" },
			`listener_address="0.0.0.0_15006"`},
	}
}

// sidecar writes an exposition of a proxy that has served n requests in, and made out.
func (f form) sidecar(uptime, in, out int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# TYPE envoy_server_live gauge\nenvoy_server_live{} 1\n# TYPE envoy_server_uptime gauge\nenvoy_server_uptime{} %d\n", uptime)
	series := func(listener, stat, typ string, lines ...string) {
		metric, matcher := f.http(listener, stat)
		fmt.Fprintf(&b, "# TYPE %s %s\n", metric, typ)
		for _, l := range lines {
			suffix, rest, _ := strings.Cut(l, "|")
			more, value, _ := strings.Cut(rest, "|")
			fmt.Fprintf(&b, "%s%s{%s} %s\n", metric, suffix, strings.Trim(matcher+","+more, ","), value)
		}
	}
	for listener, n := range map[string]int{"inbound": in, "outbound": out} {
		if n < 0 {
			continue
		}
		series(listener, "downstream_rq_total", "counter", fmt.Sprintf("||%d", n))
		series(listener, "downstream_cx_active", "gauge", fmt.Sprintf("||%d", n/100))
		series(listener, "downstream_rq_time", "histogram", // 4 ms each
			`_bucket|le="1"|0`, fmt.Sprintf(`_bucket|le="5"|%d`, n), fmt.Sprintf(`_bucket|le="+Inf"|%d`, n),
			fmt.Sprintf("_sum||%d", 4*n), fmt.Sprintf("_count||%d", n))
	}
	admin := fmt.Sprintf(`envoy_http_downstream_rq_total{envoy_http_conn_manager_prefix="admin"} %d`, 1000*uptime)
	if f.name == "istio" {
		admin = fmt.Sprintf("envoy_http_admin_downstream_rq_total{} %d", 1000*uptime)
	}
	fmt.Fprintf(&b, "# TYPE %s counter\n%s\n", admin[:strings.IndexByte(admin, '{')], admin)
	fmt.Fprintf(&b, "# TYPE envoy_listener_ssl_fail_verify_no_cert counter\nenvoy_listener_ssl_fail_verify_no_cert{%s} %d\n", f.tls, uptime)
	return b.String()
}

func pod(name, version string) labels.Labels {
	return labels.FromStrings("job", "envoy", "instance", name+":15090", "namespace", "shop", "pod", name, "app", "cart", "version", version)
}

// minute loads the profile envoy for windows of a minute and scrapes every 15 s.
func minute(t testing.TB) *mapping.Set {
	return load(t, mapping.LoadOptions{Interval: time.Minute, Scrape: 15 * time.Second}, "envoy")
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// steady plays a sidecar scraped at the given seconds; counts says what it had served and
// made by then.
func steady(f form, target labels.Labels, at []float64, counts func(s float64) (in, out int)) played {
	p := played{target: target, seconds: at}
	for _, s := range at {
		in, out := counts(s)
		p.bodies = append(p.bodies, f.sidecar(5000+int(s), in, out))
	}
	return p
}

func every15(from, to float64) []float64 {
	var out []float64
	for s := from; s <= to; s += 15 {
		out = append(out, s)
	}
	return out
}

func TestASidecarIsSeenFromItsInboundSide(t *testing.T) {
	for _, f := range forms() {
		t.Run(f.name, func(t *testing.T) {
			b := play(t, minute(t), noon, steady(f, pod("cart-1", "v1"), every15(0, 60), func(s float64) (int, int) { return 1000 + int(10*s), 9000 + int(100*s) }))
			w := requireOneValid(t, b.evaluate(t, noon, noon.Add(time.Minute))).flat(t)
			require.Equal(t, 10.0, w["requestRate"])
			require.Equal(t, 16.0, w["concurrentSessions"])
			require.Equal(t, 0.004, w["meanRequestLatency"])
			require.Equal(t, 600.0, w["latencyDistribution[1..5]"])
			require.Contains(t, w, "http[outbound"+map[string]string{"plain": "", "dotted": "_0_0_0_0_8080", "istio": "_0_0_0_0_8080"}[f.name]+"].requests")
			require.Equal(t, 60.0, w["listenerTls[0.0.0.0_15006].failVerifyNoCert"])
		})
		t.Run(f.name+" without inbound", func(t *testing.T) {
			b := play(t, minute(t), noon, steady(f, pod("gateway", "v1"), every15(0, 60), func(s float64) (int, int) { return -1, 9000 + int(100*s) }))
			w := requireOneValid(t, b.evaluate(t, noon, noon.Add(time.Minute))).flat(t)
			require.Equal(t, 100.0, w["requestRate"])
			require.Equal(t, 6000.0, w["latencyDistribution[1..5]"])
		})
	}
}

func TestReleasesAreKeptApart(t *testing.T) {
	f := forms()[0]
	b := play(t, minute(t), noon,
		steady(f, pod("cart-1", "v1"), every15(0, 60), func(s float64) (int, int) { return int(10 * s), 0 }),
		steady(f, pod("cart-2", "v2"), every15(0, 60), func(s float64) (int, int) { return int(30 * s), 0 }))
	events := b.evaluate(t, noon, noon.Add(time.Minute))
	rates := map[any]any{}
	for _, e := range events {
		rates[e.header["sourceName"]] = e.fields["requestRate"]
		require.Equal(t, "car", e.header["nfcNamingCode"])
	}
	require.Equal(t, map[any]any{"shop/cart-1": 10.0, "shop/cart-2": 30.0}, rates)
}

func TestATargetScrapedByTwoJobsIsNotAddedUp(t *testing.T) {
	f := forms()[0]
	second := labels.NewBuilder(pod("cart-1", "v1")).Set("job", "pods").Labels()
	counts := func(s float64) (int, int) { return int(10 * s), 0 }
	b := play(t, minute(t), noon, steady(f, pod("cart-1", "v1"), every15(0, 60), counts), steady(f, second, every15(0, 60), counts))
	w := requireOneValid(t, b.evaluate(t, noon, noon.Add(time.Minute))).flat(t)
	require.Equal(t, 10.0, w["requestRate"])
	require.Equal(t, 600.0, w["http[inbound].requests"])
}

func TestWindowsThatAreNotWholeAreLeftOut(t *testing.T) {
	f := forms()[0]
	const windowed, state = "requestRate", "server.uptimeSeconds"
	t.Run("first seen", func(t *testing.T) {
		b := play(t, minute(t), noon, steady(f, pod("cart-1", "v1"), every15(30, 60), func(s float64) (int, int) { return int(10 * s), 0 }))
		w := requireOneValid(t, b.evaluate(t, noon, noon.Add(time.Minute))).flat(t)
		require.NotContains(t, w, windowed)
		require.NotContains(t, w, "http[inbound].requests")
		require.Contains(t, w, state)
	})
	t.Run("restarted", func(t *testing.T) {
		p := played{target: pod("cart-1", "v1"), seconds: every15(0, 60), bodies: []string{
			f.sidecar(5000, 100, 0), f.sidecar(5015, 200, 0), f.sidecar(5030, 300, 0), f.sidecar(5, 50, 0), f.sidecar(20, 400, 0)}}
		w := requireOneValid(t, play(t, minute(t), noon, p).evaluate(t, noon, noon.Add(time.Minute))).flat(t)
		require.NotContains(t, w, "http[inbound].requests")
		require.Equal(t, 20.0, w[state])
	})
	t.Run("born in the window", func(t *testing.T) {
		p := played{target: pod("cart-1", "v1"), seconds: []float64{30, 45, 60}, bodies: []string{
			f.sidecar(5, 50, 0), f.sidecar(20, 200, 0), f.sidecar(35, 350, 0)}}
		w := requireOneValid(t, play(t, minute(t), noon, p).evaluate(t, noon, noon.Add(time.Minute))).flat(t)
		require.Equal(t, 350.0, w["http[inbound].requests"], "its uptime proves that nothing came before")
	})
	t.Run("born half a second before it", func(t *testing.T) {
		p := played{target: pod("cart-1", "v1"), seconds: []float64{29.4, 44.4, 59.4}, bodies: []string{
			f.sidecar(29, 290, 0), f.sidecar(44, 440, 0), f.sidecar(59, 590, 0)}} // uptimes 29.9, 44.9, 59.9
		w := requireOneValid(t, play(t, minute(t), noon, p).evaluate(t, noon, noon.Add(time.Minute))).flat(t)
		require.NotContains(t, w, "http[inbound].requests")
	})
}

// TestPeakWithScrapesThatAreLateOrEarly puts each target's scrapes just around the steps of
// the subquery, where one step may see two of them or none.
func TestPeakWithScrapesThatAreLateOrEarly(t *testing.T) {
	f := forms()[0]
	at := []float64{0.02, 14.99, 30.03, 44.98, 60.01, 75.02, 89.97, 105.01, 119.99, 134.98}
	// Ten a second, except for one stretch between two scrapes with a hundred a second.
	count := func(spike int) func(float64) (int, int) {
		return func(s float64) (int, int) {
			n := 10 * s
			if s > at[spike] {
				n += 90 * (at[spike+1] - at[spike])
			}
			return int(n + 0.5), 0
		}
	}
	for spike := range len(at) - 2 {
		b := play(t, minute(t), noon, steady(f, pod("cart-1", "v1"), at, count(spike)))
		for window, end := range []time.Duration{time.Minute, 2 * time.Minute} {
			if window == 0 {
				continue // the target is first seen in it
			}
			w := requireOneValid(t, b.evaluate(t, noon.Add(end-time.Minute), noon.Add(end))).flat(t)
			want := 10.0
			if s := at[spike+1]; s > 60 && s <= 120 {
				want = 100
			}
			require.InDelta(t, want, w["requestRate"], 0.1, "spike between %v and %v", at[spike], at[spike+1])
		}
	}
}
