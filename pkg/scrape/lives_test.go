package scrape

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
	"github.com/vesbridge/vesbridge/pkg/mapping"
	"github.com/vesbridge/vesbridge/pkg/series"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var epoch = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func openStore(t testing.TB) *series.Store {
	t.Helper()
	s, err := series.OpenStore(series.StoreOptions{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func query(t testing.TB, s *series.Store, expr string, at time.Time, interval time.Duration) map[string]float64 {
	t.Helper()
	q, err := series.NewCompiler().Compile(expr, mapping.CompileOptions{By: []string{"pod"}, Interval: interval, Scrape: 15 * time.Second})
	require.NoError(t, err)
	out := map[string]float64{}
	require.NoError(t, series.NewEngine(series.EngineOptions{Queryable: s}).Query(t.Context(), q, at, func(r *mapping.Row) {
		out[r.Labels[0]] = r.Value
		if r.Histogram != nil {
			out[r.Labels[0]] = r.Histogram.Count
		}
	}))
	return out
}

// step is one scrape of a scenario.
type step struct {
	at   float64 // seconds
	body string  // "" is a failed scrape
}

var target = labels.FromStrings("job", "envoy", "instance", "a:1", "pod", "a")

func births(metric string) bool { return strings.HasPrefix(metric, "rq") }

func play(t testing.TB, s *series.Store, steps []step) *livesMetrics {
	t.Helper()
	m := newLivesMetrics(prometheus.NewRegistry())
	p := &player{
		options: LoadOptions{Target: target},
		lives:   newLives(livesOptions{next: s, births: births, starts: DefaultStartMetrics(), metrics: m}),
		symbols: labels.NewSymbolTable(),
		id:      identity{key: "a", job: "envoy"},
	}
	for _, st := range steps {
		e := Exposition{}
		if st.body != "" {
			e.Body = []byte(st.body + "\n")
		}
		at := epoch.Add(time.Duration(st.at * float64(time.Second)))
		require.NoError(t, p.scrape(t.Context(), e, at.UnixMilli()))
	}
	return m
}

const alive = "# TYPE rq_alive counter\nrq_alive 1\n"

func rq(v float64) string { return fmt.Sprintf("# TYPE rq_total counter\nrq_total %v\n", v) }

func uptime(s float64) string {
	return fmt.Sprintf("# TYPE envoy_server_uptime gauge\nenvoy_server_uptime %v\n", s)
}

func started(at float64) string {
	return "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds " +
		strconv.FormatFloat(float64(epoch.Unix())+at, 'f', -1, 64) + "\n"
}

// Each scenario tells what one counter, rq_total unless said otherwise, did between
// scrapes, and what one window of five minutes must say of it.
func TestBirthsAndRestarts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		steps []step
		expr  string
		want  map[string]float64
	}{
		{"a counter that was there has no birth", []step{{0, rq(100)}, {15, rq(110)}}, "", map[string]float64{"a": 10}},
		{"born between two scrapes", []step{{0, alive}, {15, alive + rq(7)}, {30, alive + rq(9)}}, "", map[string]float64{"a": 9}},
		{"first sight has no base", []step{{15, rq(100)}}, "", map[string]float64{"a": 0}},
		{
			"not of the process: no birth",
			[]step{{0, alive}, {15, alive + "# TYPE node_x_total counter\nnode_x_total 1000\n"}},
			"sum(increase(node_x_total[$interval] anchored))", map[string]float64{"a": 0},
		},
		{
			"a gauge is not born", []step{{0, alive}, {15, alive + "# TYPE rq_active gauge\nrq_active 5\n"}},
			"sum(increase(rq_active[$interval] anchored))", map[string]float64{"a": 0},
		},
		{
			"untyped is not born", []step{{0, alive}, {15, alive + "rq_untyped 5\n"}},
			"sum(increase(rq_untyped[$interval] anchored))", map[string]float64{"a": 0},
		},
		{
			"own timestamps are not born", []step{{0, alive}, {15, alive + fmt.Sprintf("# TYPE rq_total counter\nrq_total 5 %d\n", epoch.Add(14*time.Second).UnixMilli())}},
			"", map[string]float64{"a": 0},
		},
		{"back after a failed scrape is not born", []step{{0, alive + rq(100)}, {15, ""}, {30, alive + rq(104)}}, "", map[string]float64{"a": 4}},
		{"born while a scrape failed", []step{{0, alive}, {15, ""}, {30, alive + rq(4)}}, "", map[string]float64{"a": 4}},
		{"first scrape failed", []step{{0, ""}, {15, alive + rq(50)}, {30, alive + rq(52)}}, "", map[string]float64{"a": 2}},
		{"a part of a merged exposition went missing", []step{{0, alive + rq(100)}, {15, "# TYPE go_x gauge\ngo_x 1\n"}, {30, alive + rq(103)}}, "", map[string]float64{"a": 3}},
		{"an empty answer is not a look", []step{{0, alive + rq(100)}, {15, "\n"}, {30, alive + rq(103)}}, "", map[string]float64{"a": 3}},
		{"evicted and back lower is born anew", []step{{0, alive + rq(100)}, {15, alive}, {30, alive + rq(3)}}, "", map[string]float64{"a": 3}},
		{"hidden and back higher went on", []step{{0, alive + rq(100)}, {15, alive}, {30, alive + rq(103)}}, "", map[string]float64{"a": 3}},
		{"uptime fell, the counter did not", []step{{0, uptime(500) + rq(100)}, {15, uptime(5) + rq(120)}}, "", map[string]float64{"a": 120}},
		{"uptime fell, the counter too", []step{{0, uptime(500) + rq(100)}, {15, uptime(5) + rq(20)}}, "", map[string]float64{"a": 20}},
		{"restart while scrapes failed", []step{{0, uptime(500) + rq(100)}, {15, ""}, {30, uptime(5) + rq(120)}}, "", map[string]float64{"a": 120}},
		{"uptime after the counters in the body", []step{{0, rq(100) + uptime(500)}, {15, rq(120) + uptime(5)}}, "", map[string]float64{"a": 120}},
		{"a slow answer is not a restart", []step{{0, uptime(509) + rq(100)}, {15, uptime(515) + rq(120)}}, "", map[string]float64{"a": 20}},
		{
			"one counter that fell is not its neighbours' restart",
			[]step{{0, uptime(509) + rq(100) + alive + "# TYPE rq_x counter\nrq_x 9\n"}, {15, uptime(515) + rq(120) + alive + "# TYPE rq_x counter\nrq_x 2\n"}},
			"", map[string]float64{"a": 20},
		},
		{"start time moved on", []step{{0, started(-500) + rq(100)}, {15, started(10) + rq(120)}}, "", map[string]float64{"a": 120}},
		{"a corrected clock is not a restart", []step{{0, started(-5000) + rq(100)}, {15, started(-4000) + rq(120)}}, "", map[string]float64{"a": 20}},
		{"a restart brings births", []step{{0, started(-500) + alive}, {15, started(10) + alive + rq(6)}}, "", map[string]float64{"a": 6}},
		{
			"a kubelet's restart is not its containers'",
			[]step{{0, started(-500) + "# TYPE container_cpu_total counter\ncontainer_cpu_total 100\n"}, {15, started(10) + "# TYPE container_cpu_total counter\ncontainer_cpu_total 120\n"}},
			"sum(increase(container_cpu_total[$interval] anchored))", map[string]float64{"a": 20},
		},
		{
			"the agent's restart is not Envoy's",
			[]step{{0, started(-500) + uptime(500) + "# TYPE envoy_x counter\nenvoy_x 100\n"}, {15, started(10) + uptime(515) + "# TYPE envoy_x counter\nenvoy_x 120\n"}},
			"sum(increase(envoy_x[$interval] anchored))", map[string]float64{"a": 20},
		},
		{"first sight of a young process", []step{{60, started(30) + rq(11)}, {75, started(30) + rq(12)}}, "", map[string]float64{"a": 12}},
		{"first sight of an old process", []step{{60, started(-3000) + rq(11)}, {75, started(-3000) + rq(12)}}, "", map[string]float64{"a": 1}},
		{
			"created timestamps tell by themselves",
			[]step{{60, fmt.Sprintf("# TYPE x counter\nx_total 9\nx_created %d\n# EOF", epoch.Unix()+30)}, {75, fmt.Sprintf("# TYPE x counter\nx_total 12\nx_created %d\n# EOF", epoch.Unix()+70)}},
			"sum(increase(x_total[$interval] anchored))", map[string]float64{"a": 21},
		},
		{
			"classic histogram born", []step{{0, alive}, {15, alive + hist(3, 5)}},
			`sum by (le) (increase(rq_time_bucket{le="1.0"}[$interval] anchored))`, map[string]float64{"a": 3},
		},
		{
			// Bucket le=1 came back higher, the whole of the histogram lower.
			"a histogram is born anew as one", []step{{0, alive + hist(2, 50)}, {15, alive}, {30, alive + hist(3, 5)}},
			`sum(increase(rq_time_bucket{le="1.0"}[$interval] anchored))`, map[string]float64{"a": 3},
		},
		{"another target behind the same address", []step{{0, alive + rq(100)}, {15, other(1)}, {30, other(2)}, {45, other(3)}, {60, other(4) + rq(90)}}, "", map[string]float64{"a": 90}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := openStore(t)
			play(t, s, tc.steps)
			expr := tc.expr
			if expr == "" {
				expr = "sum(increase(rq_total[$interval] anchored))"
			}
			require.Equal(t, tc.want, query(t, s, expr, epoch.Add(5*time.Minute), 5*time.Minute))
		})
	}
}

func other(v float64) string { return fmt.Sprintf("# TYPE rq_other counter\nrq_other %v\n", v) }

func hist(one, inf int) string {
	return fmt.Sprintf("# TYPE rq_time histogram\nrq_time_bucket{le=\"1.0\"} %d\nrq_time_bucket{le=\"+Inf\"} %d\nrq_time_sum 7\nrq_time_count %d\n", one, inf, inf)
}

// A counter is scraped with jitter for many windows; what the windows say must add up to
// what happened, with births, failed scrapes and restarts on the way.
func TestWindowsAddUp(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	rnd := uint64(42)
	next := func(n uint64) float64 {
		rnd = rnd*6364136223846793005 + 1442695040888963407
		return float64((rnd >> 33) % n)
	}
	var (
		steps     []step
		total     float64 // of the present life
		startedAt = -1000.0
	)
	for at := 3.0; at < 20*60; at += 13 + next(5) {
		total += next(50)
		if at > 400 && startedAt < 0 || at > 800 && startedAt < 500 {
			total, startedAt = next(500), at-next(9)-1 // often above what it had
		}
		body := alive + started(startedAt)
		if at > 60 {
			body += rq(total)
		}
		if int(at)%7 == 3 && at > 100 {
			body = ""
		}
		steps = append(steps, step{at, body})
	}
	// What happened is told by the bodies themselves: the last value of each life.
	happened := 0.0 // over all lives, as far as any scrape saw it
	lastOf := map[string]float64{}
	for _, st := range steps {
		if st.body == "" || !strings.Contains(st.body, "rq_total") {
			continue
		}
		var v float64
		_, err := fmt.Sscanf(st.body[strings.Index(st.body, "\nrq_total ")+10:], "%g", &v)
		require.NoError(t, err)
		life := st.body[strings.Index(st.body, "\nprocess_start"):strings.Index(st.body, "# TYPE rq_total")]
		lastOf[life] = v
	}
	require.Len(t, lastOf, 3)
	for _, v := range lastOf {
		happened += v
	}
	play(t, s, steps)
	sum, naive := 0.0, 0.0
	for w := 1; w <= 21; w++ {
		at := epoch.Add(time.Duration(w) * time.Minute)
		sum += query(t, s, "sum(increase(rq_total[$interval] anchored))", at, time.Minute)["a"]
		naive += query(t, s, "sum(increase(rq_total[$interval]))", at, time.Minute)["a"]
	}
	require.Equal(t, happened, sum)
	require.NotEqual(t, happened, naive, "the scenario does not tell exact from extrapolated")
}

// Real captures of one Envoy under load: increases over the whole time equal the
// differences of the bodies, for every counter, and are whole numbers.
func TestEnvoyCaptures(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	var es []Exposition
	for i := range 3 {
		body, err := os.ReadFile(bridgetest.Shared(t, fmt.Sprintf("captures/envoy/t%d.prom", i)))
		require.NoError(t, err)
		es = append(es, Exposition{At: epoch.Add(time.Duration(i) * 10 * time.Second), Body: body})
	}
	require.NoError(t, LoadExpositions(t.Context(), s, es, LoadOptions{
		Target: target,
		Births: func(m string) bool { return strings.HasPrefix(m, "envoy_") },
	}))
	value := func(body []byte, series string) float64 {
		for line := range strings.Lines(string(body)) {
			if rest, ok := strings.CutPrefix(line, series+" "); ok {
				v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
				require.NoError(t, err)
				return v
			}
		}
		return 0
	}
	checked := 0
	for line := range strings.Lines(string(es[2].Body)) {
		series, _, ok := strings.Cut(line, " ")
		if !ok || !strings.HasPrefix(line, "envoy_cluster_upstream_rq") || strings.Contains(line, "_bucket") || strings.Contains(line, "_active") || strings.Contains(line, "_sum") {
			continue
		}
		want := value(es[2].Body, series) - value(es[0].Body, series)
		got := query(t, s, "sum(increase("+series+"[$interval] anchored))", epoch.Add(20*time.Second), 20*time.Second)
		require.Equal(t, map[string]float64{"a": want}, got, series)
		checked++
	}
	require.Greater(t, checked, 50)
}

// Real captures of two Linkerd proxies that evicted their idle series before the third
// capture. Before the fourth the outbound one restarted, the inbound one went on and
// counted what it had evicted from zero.
func TestLinkerdEvictionAndRestart(t *testing.T) {
	t.Parallel()
	for _, side := range []string{"outbound", "inbound"} {
		t.Run(side, func(t *testing.T) {
			t.Parallel()
			s := openStore(t)
			var (
				es     []Exposition
				bodies []map[string]float64
				lives  []float64
			)
			names, keys := map[string]bool{}, map[string]bool{}
			for i := range 4 {
				path := bridgetest.Shared(t, fmt.Sprintf("captures/linkerd/idle/%s-i%d.prom", side, i))
				body, err := os.ReadFile(path)
				require.NoError(t, err)
				unix, err := os.ReadFile(strings.TrimSuffix(path, ".prom") + ".time")
				require.NoError(t, err)
				seconds, err := strconv.ParseFloat(strings.TrimSpace(string(unix)), 64)
				require.NoError(t, err)
				es = append(es, Exposition{At: time.UnixMilli(int64(seconds * 1000)), Body: body})
				values := cumulatives(t, string(body))
				lives = append(lives, values["process_start_time_seconds"])
				delete(values, "process_start_time_seconds")
				for key := range values {
					name, _, _ := strings.Cut(key, "{")
					names[name], keys[key] = true, true
				}
				bodies = append(bodies, values)
			}
			require.Equal(t, side == "outbound", lives[2] != lives[3], "the captures are not what they were")

			// What happened to a series between two captures: from the old value, or from
			// zero where it is lower, was away or is another life's.
			want := map[string]float64{}
			for key := range keys {
				name, _, _ := strings.Cut(key, "{")
				want[name] += 0
				for i := 1; i < len(bodies); i++ {
					now := bodies[i][key]
					if before := bodies[i-1][key]; before <= now && lives[i-1] == lives[i] {
						now -= before
					}
					want[name] += now
				}
			}
			first, last := es[0].At, es[3].At
			require.NoError(t, LoadExpositions(t.Context(), s, es, LoadOptions{Target: target, Births: func(m string) bool { return names[m] }}))
			for name := range names {
				got := query(t, s, "sum(increase("+name+"[$interval] anchored))", last, last.Sub(first))
				require.InDelta(t, want[name], got["a"], 1e-6, name) // sums are not whole numbers
			}
			require.Greater(t, len(names), 40)
		})
	}
}

// cumulatives reads the counters and the parts of histograms of a text exposition, and
// the process' start.
func cumulatives(t *testing.T, body string) map[string]float64 {
	values, typ, family := map[string]float64{}, "", ""
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			family, typ, _ = strings.Cut(rest, " ")
			continue
		}
		if line == "" || line[0] == '#' {
			continue
		}
		space := strings.LastIndexByte(line, ' ')
		name, _, _ := strings.Cut(line[:space], "{")
		if name != "process_start_time_seconds" && (strings.HasPrefix(name, "process_") || typ != "counter" && (typ != "histogram" || name == family)) {
			continue
		}
		v, err := strconv.ParseFloat(line[space+1:], 64)
		require.NoError(t, err)
		values[line[:space]] = v
	}
	return values
}

func TestNativeHistogramCapture(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile(bridgetest.Shared(t, "captures/envoy/native.pb"))
	require.NoError(t, err)
	s := openStore(t)
	// The process is born between the first two looks, which are of real bytes.
	require.NoError(t, LoadExpositions(t.Context(), s, []Exposition{
		{At: epoch, Body: []byte("# TYPE envoy_server_live gauge\nenvoy_server_live 1\n")},
		{At: epoch.Add(15 * time.Second), Body: body},
		{At: epoch.Add(30 * time.Second), Body: body},
	}, LoadOptions{Target: target, Births: func(m string) bool { return strings.HasPrefix(m, "envoy_") }}))
	q, err := series.NewCompiler().CompileHistogramIncrease("envoy_cluster_upstream_rq_time", mapping.CompileOptions{By: []string{"pod"}, Interval: time.Minute})
	require.NoError(t, err)
	now := query(t, s, "sum(envoy_cluster_upstream_rq_time)", epoch.Add(30*time.Second), time.Minute)
	require.Positive(t, now["a"])
	rows := 0
	require.NoError(t, series.NewEngine(series.EngineOptions{Queryable: s}).Query(t.Context(), q, epoch.Add(time.Minute), func(r *mapping.Row) {
		rows++
		require.Equal(t, now["a"], r.Histogram.Count)
		in := 0.0
		for _, b := range r.Histogram.Buckets {
			in += b.Count
		}
		require.Equal(t, r.Histogram.Count, in)
	}))
	require.Equal(t, 1, rows)
}

func TestLoadExpositionsRefuses(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	err := LoadExpositions(t.Context(), s, []Exposition{{At: epoch, Body: []byte("a 1\n")}, {At: epoch.Add(time.Second), Body: []byte("a{ 1\n")}}, LoadOptions{Target: target})
	require.ErrorContains(t, err, "loading exposition 2:")
	require.Equal(t, map[string]float64{"a": 0}, query(t, s, "up", epoch.Add(time.Second), time.Minute))
	require.Empty(t, query(t, s, "a", epoch.Add(time.Second), time.Minute), "stale")
	err = LoadExpositions(t.Context(), s, []Exposition{{At: epoch.Add(time.Hour), Body: []byte("a 1\n")}, {At: epoch.Add(time.Hour), Body: []byte("a 1\n")}}, LoadOptions{Target: target})
	require.ErrorContains(t, err, "not after")
}

// The state of a target must not grow with what it exposed once.
func TestStateIsBounded(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	l := newLives(livesOptions{next: s, births: births, starts: DefaultStartMetrics()})
	p := &player{options: LoadOptions{Target: target}, lives: l, symbols: labels.NewSymbolTable(), id: identity{key: "a", job: "envoy"}}
	for i := range 300 {
		var b strings.Builder
		b.WriteString(alive + "# TYPE rq_total counter\n")
		for j := range 20 {
			fmt.Fprintf(&b, "rq_total{x=\"%d-%d\"} 1\n", i, j)
		}
		require.NoError(t, p.scrape(t.Context(), Exposition{Body: []byte(b.String())}, epoch.Add(time.Duration(i)*time.Minute).UnixMilli()))
	}
	life := l.targets["a"]
	require.Less(t, len(life.entries), 63*20, "an hour of twenty new series a minute")
	require.Equal(t, len(life.entries)-len(life.free), len(life.index))

	// A target that is gone is forgotten when others are scraped.
	gone := &player{options: LoadOptions{Target: target}, lives: l, symbols: labels.NewSymbolTable(), id: identity{key: "b", job: "envoy"}}
	require.NoError(t, gone.scrape(t.Context(), Exposition{Body: []byte(alive)}, epoch.Add(301*time.Minute).UnixMilli()))
	require.NoError(t, gone.scrape(t.Context(), Exposition{Body: []byte(alive)}, epoch.Add(320*time.Minute).UnixMilli()))
	require.NotContains(t, l.targets, "a")
	require.Contains(t, l.targets, "b")
}

// A reload may select other names: what was there is not born by that, what comes later
// is.
func TestSetBirths(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	l := newLives(livesOptions{next: s, starts: DefaultStartMetrics()})
	p := &player{options: LoadOptions{Target: target}, lives: l, symbols: labels.NewSymbolTable(), id: identity{key: "a", job: "envoy"}}
	scrape := func(at int, body string) {
		require.NoError(t, p.scrape(t.Context(), Exposition{Body: []byte(body)}, epoch.Add(time.Duration(at)*time.Second).UnixMilli()))
	}
	old := alive + "# TYPE rq_total counter\nrq_total{x=\"old\"} 1000\n"
	scrape(15, old)
	scrape(30, old+"rq_total{x=\"unselected\"} 50\n")
	l.setBirths(births)
	scrape(45, old+"rq_total{x=\"unselected\"} 51\nrq_total{x=\"new\"} 5\n")
	require.Equal(t, map[string]float64{"a": 6}, query(t, s, "sum(increase(rq_total[$interval] anchored))", epoch.Add(time.Minute), time.Minute))
	require.Equal(t, 2+1+1, l.targets["a"].born)
}

// While a job is reconfigured its samples pass, and what was known of it is gone: with
// other relabelling every series of it looks new.
func TestReconfigurationForgets(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	l := newLives(livesOptions{next: s, births: births, starts: DefaultStartMetrics()})
	p := &player{options: LoadOptions{Target: target}, lives: l, symbols: labels.NewSymbolTable(), id: identity{key: "a", job: "envoy"}}
	scrape := func(at int, body string) {
		require.NoError(t, p.scrape(t.Context(), Exposition{Body: []byte(body)}, epoch.Add(time.Duration(at)*time.Second).UnixMilli()))
	}
	scrape(0, alive+"# TYPE rq_total counter\nrq_total{old=\"1\"} 1000\n")
	l.pause("envoy")
	scrape(15, alive+"# TYPE rq_total counter\nrq_total{new=\"1\"} 1001\n")
	l.resume("envoy")
	scrape(30, alive+"# TYPE rq_total counter\nrq_total{new=\"1\"} 1002\n")
	scrape(45, alive+"# TYPE rq_total counter\nrq_total{new=\"1\"} 1004\nrq_total{new=\"2\"} 5\n")
	require.Equal(t, map[string]float64{"a": 8}, query(t, s, "sum(increase(rq_total[$interval] anchored))", epoch.Add(time.Minute), time.Minute))
}
