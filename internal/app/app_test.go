package app

import (
	"context"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/mapping"
)

func TestTwoBridgesInOneProcess(t *testing.T) {
	noLeaks(t)
	t.Run("both work", func(t *testing.T) {
		one, two := startCollector(t), startCollector(t)
		a := startSite(t, configuration([]string{target(t)}, one.as("dcae")))
		b := startSite(t, configuration([]string{target(t)}, two.as("dcae")))
		require.NotEqual(t, a.app.Addr().String(), b.app.Addr().String())
		one.waitFor(t, 1)
		two.waitFor(t, 1)
		for i, m := range [][]string{sourcesOf(one), sourcesOf(two)} {
			require.Len(t, m, 1, "collector %d hears of its own bridge's target only", i)
		}
		require.NotEqual(t, sourcesOf(one), sourcesOf(two))

		stop(t, a.app)
		before := len(one.measurements())
		two.waitFor(t, 1)
		require.Len(t, one.measurements(), before, "a stopped bridge tells nothing")
	})
}

func sourcesOf(c *collector) []string {
	seen := map[string]bool{}
	var out []string
	for _, r := range c.measurements() {
		if !seen[r.SourceName] {
			seen[r.SourceName] = true
			out = append(out, r.SourceName)
		}
	}
	return out
}

func TestStopIsIdempotentAndEndsAllUse(t *testing.T) {
	noLeaks(t)
	t.Run("never started", func(t *testing.T) {
		s := newSite(t, configuration(nil))
		s.new(t)
		require.ErrorContains(t, s.app.Reload(t.Context()), "does not run")
		require.NoError(t, s.app.Stop(t.Context()))
		require.NoError(t, s.app.Stop(t.Context()))
		require.ErrorContains(t, s.app.Start(t.Context()), "was stopped")
	})
	t.Run("started", func(t *testing.T) {
		s := startSite(t, configuration([]string{target(t)}, startCollector(t).as("dcae")))
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { _ = s.app.Reload(context.Background()) })
			wg.Go(func() {
				if err := s.app.Stop(context.Background()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.ErrorContains(t, s.app.Reload(t.Context()), "does not run", "a reload would start what Stop has ended")
		require.Empty(t, s.app.delivery.states())
		select {
		case err := <-s.app.Fatal():
			t.Fatalf("an orderly stop is no fatal error: %v", err)
		default:
		}
	})
}

func TestFailedStartLeavesNothingBehind(t *testing.T) {
	noLeaks(t)
	t.Run("the address is taken", func(t *testing.T) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer ln.Close()
		s := newSite(t, configuration([]string{target(t)}, startCollector(t).as("dcae")))
		s.new(t)
		s.app.opts.Listen = ln.Addr().String()
		require.ErrorContains(t, s.app.Start(t.Context()), "listening on")

		s.new(t) // the folder is free again
		s.run(t)
	})
	t.Run("destinations that cannot be made", func(t *testing.T) {
		s := newSite(t, configuration(nil,
			`{name: one, ves: {endpoint: "https://127.0.0.1:1", tls_config: {ca_file: gone.pem}}}`,
			`{name: two, ves: {endpoint: "https://127.0.0.1:1", tls_config: {ca_file: gone.pem}}}`))
		s.new(t)
		err := s.app.Start(t.Context())
		require.ErrorContains(t, err, `destination "one"`)
		require.ErrorContains(t, err, `destination "two"`, "all problems at once")
	})
}

func TestNewTellsEveryProblemAndMakesNothing(t *testing.T) {
	s := newSite(t, "mappings: [./web.yaml, ./missing.yaml]\nsurprise: 1\n")
	_, err := New(Options{ConfigFile: s.path})
	require.ErrorContains(t, err, "missing.yaml")
	require.ErrorContains(t, err, "surprise")
}

// What Stop cannot deliver is lost with the memory of the process: that must be told.
func TestStopTellsWhatItLeaves(t *testing.T) {
	t.Parallel()
	down := startCollector(t)
	down.refuse()
	s := newSite(t, configuration([]string{target(t)}, down.as("dcae")))
	s.new(t)
	require.NoError(t, s.app.Start(t.Context()))
	eventually(t, "an event is pending", func() bool { return s.row("dcae").Pending > 0 })
	ctx, cancel := context.WithCancel(t.Context())
	s.app.opts.StopTimeout = 1 // a nanosecond
	cancel()
	_ = s.app.Stop(ctx) // whatever it says of the time it had
	requireBalance(t, s.app.Ledger())
	pending := s.row("dcae").Pending
	require.Positive(t, pending)
	require.Contains(t, s.log.String(), `"msg":"stopped before all events were delivered","destination":"dcae","domain":"measurement","events":`+num(pending))
}

func num(n uint64) string {
	text, _ := json.Marshal(n)
	return string(text)
}

// Windows told before a stop are not told again after it; those that fell due meanwhile are
// told then.
func TestRestartTellsNoWindowTwice(t *testing.T) {
	t.Parallel()
	c := startCollector(t)
	s := newSite(t, configuration([]string{target(t)}, c.as("dcae")))
	for range 3 {
		s.start(t)
		c.waitFor(t, 2)
		stop(t, s.app)
	}
	ids, windows := map[string]bool{}, map[int64]bool{}
	for _, r := range c.measurements() {
		var e struct {
			Event struct {
				Header struct {
					Start int64 `json:"startEpochMicrosec"`
				} `json:"commonEventHeader"`
			} `json:"event"`
		}
		require.NoError(t, json.Unmarshal(r.Body, &e))
		require.False(t, ids[r.EventID], "event id %s twice", r.EventID)
		require.False(t, windows[e.Event.Header.Start], "the window that begins at %d twice", e.Event.Header.Start)
		ids[r.EventID], windows[e.Event.Header.Start] = true, true
	}
	// A window without a scrape, at a restart, has no event; but it was looked at.
	state, err := mapping.NewFileState(filepath.Join(filepath.Dir(s.path), "data", "windows.json"))
	require.NoError(t, err)
	told, err := state.Load()
	require.NoError(t, err)
	told = slices.DeleteFunc(told, func(w mapping.Told) bool { return w.Heartbeat })
	require.Len(t, told, 1, "one stretch over all restarts, without a gap")
	starts := slices.Sorted(maps.Keys(windows))
	require.LessOrEqual(t, told[0].From.UnixMicro(), starts[0])
	require.Greater(t, told[0].To.UnixMicro(), starts[len(starts)-1])
}

// A target that misbehaves is down by itself, with its reason; the others' numbers come.
func TestBadTargetsHarmNobody(t *testing.T) {
	t.Parallel()
	good := target(t)
	bad := map[string]string{
		serve(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("{\"not\": \"metrics\"}\x00\xff\n"))
		}): "",
		serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }):                          "deadline",
		serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }): "500",
	}
	targets := []string{good}
	for addr := range bad {
		targets = append(targets, addr)
	}
	c := startCollector(t)
	s := startSite(t, configuration(targets, c.as("dcae")))
	type shown struct {
		URL   string
		Up    bool
		Error string
	}
	eventually(t, "every target was scraped", func() bool {
		ready := 0
		for _, x := range api[[]shown](t, s, "targets") {
			if x.Up || x.Error != "" {
				ready++
			}
		}
		return ready == len(targets)
	})
	c.waitFor(t, 2)
	for _, x := range api[[]shown](t, s, "targets") {
		addr := strings.TrimSuffix(strings.TrimPrefix(x.URL, "http://"), "/metrics")
		if addr == good {
			require.True(t, x.Up, x.Error)
			continue
		}
		require.False(t, x.Up, addr)
		require.NotEmpty(t, x.Error)
		require.Contains(t, x.Error, bad[addr])
	}
	require.Equal(t, []string{good}, sourcesOf(c), "no number is invented for a target that is down")
}

// A collector that hangs and one that is overloaded delay no other, and each keeps what is
// meant for it.
func TestSickDestinationsDelayNoOther(t *testing.T) {
	t.Parallel()
	hung, busy, fine := startCollector(t), startCollector(t), startCollector(t)
	release := hung.hang(t)
	busy.refuse()
	s := startSite(t, configuration([]string{target(t)}, hung.as("hung"), busy.as("busy"), fine.as("fine")))
	fine.waitFor(t, 3)
	require.Empty(t, hung.measurements())
	require.Empty(t, busy.measurements())
	require.GreaterOrEqual(t, s.row("hung").Pending, uint64(3))
	require.GreaterOrEqual(t, s.row("busy").Pending, uint64(3))
	code, _ := s.request(t, http.MethodGet, "/-/ready")
	require.Equal(t, http.StatusOK, code, "a peer that is down for a while needs no person")

	busy.well()
	eventually(t, "what was pending arrives", func() bool { return len(busy.measurements()) >= len(fine.measurements()) })
	require.Equal(t, idsOf(fine)[:3], idsOf(busy)[:3], "in order, nothing left out")
	release()
	eventually(t, "what hung arrives", func() bool { return len(hung.measurements()) >= 3 })
	require.Equal(t, idsOf(fine)[:3], idsOf(hung)[:3])
}

func idsOf(c *collector) []string {
	var ids []string
	for _, r := range c.measurements() {
		ids = append(ids, r.EventID)
	}
	return ids
}
