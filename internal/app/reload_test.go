package app

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/internal/web"
	"github.com/vesbridge/vesbridge/pkg/outbox"
	"github.com/vesbridge/vesbridge/pkg/scrape"
)

const reloadOK = "bridge_app_config_last_reload_successful"

// view is what must not change when a reload is refused.
type view struct {
	targets, mappings, destinations []string
}

func (s *site) view(t *testing.T) view {
	t.Helper()
	var v view
	for _, x := range api[[]web.Target](t, s, "targets") {
		v.targets = append(v.targets, x.URL)
	}
	for _, x := range api[[]web.Mapping](t, s, "mappings") {
		v.mappings = append(v.mappings, x.Name+" "+x.EventName)
	}
	for _, x := range api[[]web.Destination](t, s, "destinations") {
		v.destinations = append(v.destinations, x.Name+" "+x.Address)
	}
	return v
}

func TestBadReloadLeavesTheLastGoodConfiguration(t *testing.T) {
	t.Parallel()
	c := startCollector(t)
	good := configuration([]string{target(t)}, c.as("dcae"))
	s := startSite(t, good)
	c.waitFor(t, 1)
	was, sender := s.view(t), s.app.delivery.running["dcae"]
	require.Len(t, was.targets, 1)
	require.Len(t, was.mappings, 1)
	require.Len(t, was.destinations, 1)

	s.write(t, "web.yaml", strings.ReplaceAll(testMapping, "sum(increase(", "sum(increase(("))
	s.configure(t, strings.Replace(good, "destinations:", "surprise: 1\ndestinations:\n  - {name: empty}", 1))
	code, body := s.request(t, http.MethodPost, "/-/reload")
	require.Equal(t, http.StatusUnprocessableEntity, code, body)
	for _, want := range []string{`unknown key "surprise"`, `destination "empty" has 0 kinds`, "web.yaml:"} {
		require.Contains(t, body, want, "every problem of every file")
	}
	require.Zero(t, s.gauge(t, reloadOK))
	told := api[web.Config](t, s, "config")
	require.Contains(t, told.ReloadError, "surprise")
	require.GreaterOrEqual(t, len(told.Problems), 3)
	require.True(t, told.LoadedAt.Before(told.ReloadAt), "the one in use is the older one")
	require.Equal(t, was, s.view(t))
	require.Same(t, sender, s.app.delivery.running["dcae"])
	c.waitFor(t, 2)

	// A destination that only turns out to be impossible when it is made is refused likewise.
	s.write(t, "web.yaml", testMapping)
	s.configure(t, good+`  - {name: tls, ves: {endpoint: "https://127.0.0.1:1", tls_config: {ca_file: gone.pem}}}`+"\n")
	code, body = s.request(t, http.MethodPost, "/-/reload")
	require.Equal(t, http.StatusUnprocessableEntity, code, body)
	require.Regexp(t, `bridge\.yaml:\d+: destination "tls":`, body)
	require.Equal(t, was, s.view(t))

	s.configure(t, good)
	code, body = s.request(t, http.MethodPost, "/-/reload")
	require.Equal(t, http.StatusOK, code, body)
	require.Equal(t, 1.0, s.gauge(t, reloadOK))
	told = api[web.Config](t, s, "config")
	require.Empty(t, told.ReloadError)
	require.Same(t, sender, s.app.delivery.running["dcae"])
	c.waitFor(t, 2)
}

// refusing refuses every configuration but the first that it has taken.
type refusing struct {
	scrape.Scraper
	good    *scrape.Config
	applied []*scrape.Config
}

func (r *refusing) ApplyConfig(c *scrape.Config) error {
	r.applied = append(r.applied, c)
	if c != r.good {
		return errors.New("no")
	}
	return nil
}

// Prometheus' manager may have taken half of a configuration that it refuses.
func TestScrapeConfigurationThatIsRefusedIsTakenBack(t *testing.T) {
	t.Parallel()
	c := startCollector(t)
	good := configuration([]string{target(t)}, c.as("dcae"))
	s := startSite(t, good)
	was := s.app.cur.Load()
	r := &refusing{Scraper: s.app.scraper, good: was.cfg.Scrape}
	s.app.scraper = r
	s.configure(t, strings.Replace(good, "job_name: web", "job_name: other", 1)+"  - "+startCollector(t).as("second")+"\n")
	require.ErrorContains(t, s.app.Reload(t.Context()), "applying scrape_configs: no")
	require.Len(t, r.applied, 2)
	require.Same(t, r.good, r.applied[1], "the last good one is applied again")
	require.Same(t, was, s.app.cur.Load())
	require.Len(t, s.app.delivery.states(), 1)
	require.Zero(t, s.gauge(t, reloadOK))
}

func TestReloadSwapsOnlyTheDestinationsThatChanged(t *testing.T) {
	t.Parallel()
	kept, changed, gone, next, added := startCollector(t), startCollector(t), startCollector(t), startCollector(t), startCollector(t)
	kept.refuse()
	changed.refuse()
	gone.refuse()
	targets := []string{target(t)}
	s := startSite(t, configuration(targets, kept.as("kept"), changed.as("changed"), gone.as("gone")))
	for _, name := range []string{"kept", "changed", "gone"} {
		eventually(t, "events are pending", func() bool { return s.row(name).Pending >= 2 })
	}
	sender := s.app.delivery.running["kept"]
	s.app.delivery.drain = time.Second // in vain
	pendingKept := s.row("kept").Pending

	s.configure(t, configuration(targets, added.as("added"), kept.as("kept"), next.as("changed")))
	require.NoError(t, s.app.Reload(t.Context()))
	require.Equal(t, 1.0, s.gauge(t, reloadOK))
	require.Same(t, sender, s.app.delivery.running["kept"], "it only moved to another line")
	require.GreaterOrEqual(t, s.row("kept").Pending, pendingKept)
	require.NotContains(t, s.app.delivery.states(), "gone")
	require.Zero(t, s.row("gone").Pending)
	require.GreaterOrEqual(t, s.row("gone").Expired, uint64(2), "what is taken away with a destination is accounted for")
	_, metrics := s.request(t, http.MethodGet, "/metrics")
	require.NotRegexp(t, `bridge_dmaap_\w+\{[^}]*destination="gone"`, metrics)
	require.Equal(t, []string{"added", "kept", "changed"}, names(api[[]web.Destination](t, s, "destinations")))

	kept.well()
	added.waitFor(t, 1)
	eventually(t, "what was pending before the reload arrives", func() bool {
		return len(kept.measurements()) >= 3 && len(next.measurements()) >= 3
	})
	for i := range 3 {
		require.Equal(t, kept.measurements()[i].EventID, next.measurements()[i].EventID, "both have it from the first event on, in order")
	}
	require.Empty(t, gone.measurements())
	require.Empty(t, changed.measurements())
	require.NotEqual(t, kept.measurements()[0].EventID, added.measurements()[0].EventID, "a new destination is not told of the past")
}

func names(ds []web.Destination) []string {
	var out []string
	for _, d := range ds {
		out = append(out, d.Name)
	}
	return out
}

// While a reload waits for a destination that hangs, pages and other destinations go on.
func TestReloadThatWaitsHoldsUpNobody(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the drain of a destination that hangs")
	}
	t.Parallel()
	hung, fine := startCollector(t), startCollector(t)
	hung.hang(t)
	targets := []string{target(t)}
	s := startSite(t, configuration(targets, hung.as("hung"), fine.as("fine")))
	eventually(t, "an event hangs", func() bool { return s.row("hung").Pending > 0 })
	s.configure(t, configuration(targets, fine.as("fine")))
	reloaded := make(chan error, 1)
	go func() { reloaded <- s.app.Reload(context.Background()) }()
	eventually(t, "the reload has begun", func() bool { return len(s.app.cur.Load().cfg.Destinations) == 1 })
	fine.waitFor(t, 1)
	require.Equal(t, []string{"fine"}, names(api[[]web.Destination](t, s, "destinations")))
	select {
	case <-reloaded:
		t.Fatal("the reload does not give the destination its time to drain")
	default:
	}
	require.NoError(t, <-reloaded)
	require.Zero(t, s.row("hung").Pending)
}

func TestReloadTakesTargetsMappingsAndRoutes(t *testing.T) {
	t.Parallel()
	one, two := startCollector(t), startCollector(t)
	first, second := target(t), target(t)
	s := startSite(t, configuration([]string{first}, one.as("one"), two.as("two")))
	one.waitFor(t, 1)

	s.write(t, "web.yaml", strings.ReplaceAll(testMapping, "Measurement_Web-", "Measurement_Shop-"))
	s.configure(t, configuration([]string{second}, one.as("one"), two.as("two"))+
		"routes:\n  - {match: {domain: heartbeat}, to: [one]}\n  - {to: [two]}\n")
	require.NoError(t, s.app.Reload(t.Context()))
	eventually(t, "the new target is told under the new name", func() bool {
		rs := two.measurements()
		return slices.ContainsFunc(rs, func(r outbox.Record) bool {
			return r.SourceName == second && strings.HasPrefix(r.EventName, "Measurement_Shop-")
		})
	})
	for _, r := range one.measurements() {
		require.Equal(t, first, r.SourceName, "measurements do not go that way any more")
	}
	require.Equal(t, []string{"http://" + second + "/metrics"}, s.view(t).targets)
}

func TestReloadNamesWhatNeedsARestart(t *testing.T) {
	t.Parallel()
	good := configuration(nil)
	s := startSite(t, good)
	s.configure(t, strings.NewReplacer("heartbeat_interval: 1s", "heartbeat_interval: 2s",
		"scrape_configs:", "scrape_configs:\n  - {job_name: slow, scrape_interval: 5s, scrape_timeout: 5s}").Replace(good))
	require.NoError(t, s.app.Reload(t.Context()))
	require.Contains(t, s.log.String(), "global.heartbeat_interval, the longest scrape_timeout")
}

// Files are looked at by content, those of a refused configuration too: the missing half of
// a change that comes later is taken without anybody asking.
func TestChangedFilesReload(t *testing.T) {
	t.Parallel()
	c := startCollector(t)
	good := configuration([]string{target(t)}, c.as("dcae"))
	s := newSite(t, good)
	s.new(t)
	s.app.watchEvery = 20 * time.Millisecond
	s.run(t)
	s.configure(t, strings.Replace(good, "[./web.yaml]", "[./web.yaml, ./more.yaml]", 1))
	eventually(t, "the change is refused", func() bool { return s.gauge(t, reloadOK) == 0 })
	require.Len(t, s.view(t).mappings, 1)

	s.write(t, "more.yaml", "mapping: [")
	eventually(t, "the new file is looked at", func() bool { return strings.Contains(api[web.Config](t, s, "config").ReloadError, "more.yaml:1") })

	s.write(t, "more.yaml", strings.NewReplacer("mapping: web", "mapping: more", "traffic", "load").Replace(testMapping))
	eventually(t, "the change is taken", func() bool { return s.gauge(t, reloadOK) == 1 })
	require.Len(t, s.view(t).mappings, 2)
}
