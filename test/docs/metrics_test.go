package docs

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/vesbridge/vesbridge/internal/app"
	"github.com/vesbridge/vesbridge/internal/bridgetest"
	"github.com/vesbridge/vesbridge/pkg/dmaap"
	"github.com/vesbridge/vesbridge/pkg/mapping"
	"github.com/vesbridge/vesbridge/pkg/outbox"
	"github.com/vesbridge/vesbridge/pkg/scrape"
	"github.com/vesbridge/vesbridge/pkg/series"
	"github.com/vesbridge/vesbridge/pkg/ves"
)

// A family is a metric as its page tells it.
type family struct {
	name, kind, help string
	labels           []string
}

// recorder is a Registerer that only takes notes, so that also metrics without a series yet
// are seen.
type recorder struct {
	t        *testing.T
	families map[string]family
}

func (r *recorder) Register(c prometheus.Collector) error {
	ch := make(chan *prometheus.Desc, 100)
	c.Describe(ch)
	close(ch)
	for d := range ch {
		f := parseDesc(r.t, d)
		if strings.HasPrefix(f.name, "bridge_") {
			f.kind = kindOf(r.t, c)
			r.families[f.name] = f
		}
	}
	return nil
}

func (r *recorder) MustRegister(cs ...prometheus.Collector) {
	for _, c := range cs {
		_ = r.Register(c) // never fails
	}
}

func (r *recorder) Unregister(prometheus.Collector) bool { return true }

var descText = regexp.MustCompile(`^Desc\{fqName: "([^"]+)", help: "((?:[^"\\]|\\.)*)",(?: unit: "[^"]*",)? constLabels: \{.*?\}, variableLabels: \{([^}]*)\}`)

func parseDesc(t *testing.T, d *prometheus.Desc) family {
	t.Helper()
	m := descText.FindStringSubmatch(d.String())
	require.NotNil(t, m, "%s", d)
	f := family{name: m[1], help: strings.ReplaceAll(m[2], `\"`, `"`)}
	if m[3] != "" {
		f.labels = strings.Split(m[3], ",")
	}
	return f
}

func kindOf(t *testing.T, c prometheus.Collector) string {
	t.Helper()
	switch c.(type) {
	case *prometheus.CounterVec:
		return "counter"
	case *prometheus.GaugeVec:
		return "gauge"
	case *prometheus.HistogramVec:
		return "histogram"
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(c)
	got, err := reg.Gather()
	require.NoError(t, err)
	require.Len(t, got, 1, "a collector of a type that this test does not know")
	return strings.ToLower(got[0].GetType().String())
}

// registered makes the metrics of every package that has some.
func registered(t *testing.T) map[string]family {
	t.Helper()
	reg := &recorder{t: t, families: map[string]family{}}
	store, err := series.OpenStore(series.StoreOptions{Dir: t.TempDir(), Registerer: reg})
	require.NoError(t, err)
	defer store.Close()
	engine := series.NewEngine(series.EngineOptions{Queryable: store, Registerer: reg})
	_, err = scrape.New(scrape.Options{Appendable: store, Registerer: reg})
	require.NoError(t, err)
	set, problems := mapping.Load(nil, nil, series.NewCompiler(), mapping.LoadOptions{Interval: time.Minute, Scrape: time.Second, Version: ves.V7_2_1})
	require.NotNil(t, set, "%v", problems)
	_, err = mapping.New(set, engine, func(context.Context, []*ves.Event) error { return nil }, mapping.Options{Registerer: reg})
	require.NoError(t, err)
	dmaap.NewMetrics(reg)
	return reg.families
}

// TestMetricsPage writes docs/metrics.md (-update) or finds it stale. A bridge at work tells
// what the packages do not, and whether one of them was forgotten here.
func TestMetricsPage(t *testing.T) {
	families := registered(t)
	for name, f := range gathered(t) {
		known, ok := families[name]
		switch {
		case ok:
			require.Equal(t, known.kind, f.kind, name)
		case strings.HasPrefix(name, "bridge_app_") || strings.HasPrefix(name, "bridge_outbox_"):
			families[name] = f
		default:
			t.Errorf("%s is served by a bridge, and not made in this test: add its package", name)
		}
	}
	require.Contains(t, families, "bridge_outbox_events_total", "a bridge at work has told of its events")

	var page strings.Builder
	page.WriteString(metricsHead)
	last := ""
	names := make([]string, 0, len(families))
	for name := range families {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f := families[name]
		if pkg := strings.Split(name, "_")[1]; pkg != last {
			last = pkg
			fmt.Fprintf(&page, "\n## bridge_%s\n\n| metric | type | labels | says |\n| --- | --- | --- | --- |\n", pkg)
		}
		labels := make([]string, len(f.labels))
		for i, l := range f.labels {
			labels[i] = "`" + l + "`"
		}
		fmt.Fprintf(&page, "| `%s` | %s | %s | %s |\n", name, f.kind, strings.Join(labels, ", "), strings.ReplaceAll(f.help, "|", `\|`))
	}
	bridgetest.Golden(t, "../../docs/metrics.md", []byte(page.String()))
}

const metricsHead = `# Metrics

Generated from the metrics that a bridge registers, by
` + "`go test ./test/docs -run TestMetricsPage -update`" + `; do not edit. What they mean for whoever is on call is in
[operations](operations.md).

` + "`bridge run`" + ` serves them at ` + "`/metrics`" + ` of ` + "`web.listen`" + `. A metric with labels appears with its first event. Beside the
bridge's own there are those of Prometheus' libraries (` + "`prometheus_tsdb_…`, `prometheus_target_…`, `prometheus_sd_…`" + `),
which Prometheus documents, and of the Go runtime and the process (` + "`go_…`, `process_…`" + `).
`

// gathered is what a bridge at work serves under the name bridge_….
func gathered(t *testing.T) map[string]family {
	t.Helper()
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		fmt.Fprint(w, "envoy_server_live 1\nenvoy_server_uptime 100\nenvoy_server_state 0\n")
	}))
	defer target.Close()
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }))
	defer collector.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "bridge.yaml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `
global: {scrape_interval: 1s, scrape_timeout: 1s, measurement_interval: 1s, heartbeat_interval: 1s}
scrape_configs: [{job_name: one, static_configs: [{targets: [%q]}]}]
mappings: [envoy]
destinations: [{name: dcae, ves: {endpoint: %q}}]
storage: {dir: %q}
web: {listen: "127.0.0.1:0"}
`, strings.TrimPrefix(target.URL, "http://"), collector.URL, filepath.Join(dir, "data")), 0o600))
	a, err := app.New(app.Options{ConfigFile: file})
	require.NoError(t, err)
	require.NoError(t, a.Start(t.Context()))
	defer func() { require.NoError(t, a.Stop(t.Context())) }()
	bridgetest.WaitUntil(t, time.Minute, "the bridge has delivered measurements and heartbeats", func() error {
		for _, domain := range []string{"heartbeat", "measurement"} {
			if !slices.ContainsFunc(a.Ledger(), func(r outbox.LedgerRow) bool { return r.Domain == domain && r.Delivered > 0 }) {
				return fmt.Errorf("no %s yet: %v", domain, a.Ledger())
			}
		}
		return nil
	})
	got, err := a.Gatherer().Gather()
	require.NoError(t, err)
	out := map[string]family{}
	for _, mf := range got {
		if !strings.HasPrefix(mf.GetName(), "bridge_") {
			continue
		}
		f := family{name: mf.GetName(), kind: strings.ToLower(mf.GetType().String()), help: mf.GetHelp()}
		for _, l := range mf.GetMetric()[0].GetLabel() {
			f.labels = append(f.labels, l.GetName())
		}
		out[f.name] = f
	}
	return out
}

// TestAlertsParse: PromQL that nobody has tried is silent when it counts.
func TestAlertsParse(t *testing.T) {
	n := 0
	for _, page := range pages {
		for _, b := range blocks(read(t, page)) {
			if b.lang != "yaml" || !strings.HasPrefix(b.text, "groups:") {
				continue
			}
			var file struct {
				Groups []struct {
					Rules []struct{ Alert, Expr string }
				}
			}
			require.NoError(t, yaml.Unmarshal([]byte(b.text), &file), "%s:%d", page, b.line)
			for _, g := range file.Groups {
				for _, r := range g.Rules {
					n++
					_, err := parser.NewParser(parser.Options{}).ParseExpr(r.Expr)
					require.NoError(t, err, "%s: %s", page, r.Alert)
				}
			}
		}
	}
	require.Greater(t, n, 5)
}

var metricName = regexp.MustCompile(`\bbridge_[a-z_]+[a-z]`)

// TestMetricsThatPagesNameExist: also the rules for alerting, which nobody notices to be
// silent.
func TestMetricsThatPagesNameExist(t *testing.T) {
	reference := read(t, "docs/metrics.md")
	for _, page := range pages {
		for _, name := range metricName.FindAllString(read(t, page), -1) {
			name = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
			// CONTRIBUTING names the pattern: bridge_<package>_….
			require.True(t, strings.Contains(reference, "| `"+name+"` |") || strings.Contains(reference, "## "+name+"\n"), "%s: there is no metric %s", page, name)
		}
	}
}
