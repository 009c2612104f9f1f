package profiles_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
	"github.com/vesbridge/vesbridge/pkg/mapping"
	"github.com/vesbridge/vesbridge/pkg/scrape"
	"github.com/vesbridge/vesbridge/pkg/series"
	"github.com/vesbridge/vesbridge/pkg/ves"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// played is one target's expositions at seconds after the first.
type played struct {
	target  labels.Labels
	bodies  []string
	seconds []float64
}

// bridge evaluates profiles over targets as the bridge and its preview do: expositions
// through the scraper's births and restarts into the store, windows by the mapping engine.
type bridge struct {
	set    *mapping.Set
	store  *series.Store
	engine *series.Engine
}

// play loads targets whose first expositions were taken at begin.
func play(t testing.TB, set *mapping.Set, begin time.Time, targets ...played) *bridge {
	t.Helper()
	store, err := series.OpenStore(series.StoreOptions{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	for _, p := range targets {
		var es []scrape.Exposition
		for i, body := range p.bodies {
			es = append(es, scrape.Exposition{At: begin.Add(seconds(p.seconds[i])), Body: []byte(body)})
		}
		require.NoError(t, scrape.LoadExpositions(t.Context(), store, es, scrape.LoadOptions{Target: p.target, Births: set.BirthsZero}))
	}
	return &bridge{set: set, store: store, engine: series.NewEngine(series.EngineOptions{Queryable: store})}
}

// evaluate returns the events of one window, as they are encoded for a destination. Nothing
// that a shipped profile asks may fail.
func (b *bridge) evaluate(t testing.TB, from, to time.Time) []told {
	t.Helper()
	var out []told
	engine, err := mapping.New(b.set, b.engine, func(_ context.Context, events []*ves.Event) error {
		for _, e := range events {
			body, err := e.AppendJSON(nil, b.set.Version())
			if err != nil {
				return err
			}
			out = append(out, readEvent(t, body))
		}
		return nil
	}, mapping.Options{})
	require.NoError(t, err)
	report, err := engine.Evaluate(t.Context(), mapping.Window{Start: from, End: to})
	require.NoError(t, err)
	require.Zero(t, report.Invalid, "%v", notes(report))
	for _, m := range report.Mappings {
		require.NoError(t, m.Err)
		for _, f := range m.Fields {
			require.NoError(t, f.Err)
		}
	}
	return out
}

func notes(r mapping.Report) []string {
	var out []string
	for _, m := range r.Mappings {
		out = append(out, m.Notes...)
	}
	return out
}

func seconds(s float64) time.Duration { return time.Duration(s*1000+0.5) * time.Millisecond }

// alignedBefore is a time such that the stretch after it ends on a multiple of the scrape
// interval, as windows of a running bridge do: subqueries step on those multiples.
func alignedBefore(stretch, scrape time.Duration) time.Time {
	const about = 1_795_417_200_000 // Unix milliseconds near those of the captures
	step := scrape.Milliseconds()
	return time.UnixMilli(about - about%step).Add(-stretch).UTC()
}

// requireOneValid returns the only event, valid against the official schema.
func requireOneValid(t testing.TB, events []told) told {
	t.Helper()
	require.Len(t, events, 1)
	require.NoError(t, bridgetest.OracleVES721(t).Check(events[0].body))
	return events[0]
}

// TestCapturesAgainstIndependentComputation is the proof of the profiles: for every pair of
// expositions of every capture the event holds exactly the numbers that plain subtraction
// of the two texts gives, and no other.
func TestCapturesAgainstIndependentComputation(t *testing.T) {
	for _, dir := range []string{"envoy", "envoy-dotted", "envoy-istio", "node_exporter"} {
		profile := "envoy"
		if dir == "node_exporter" {
			profile = "node"
		}
		c := readCapture(t, dir)
		for _, pair := range [][2]int{{0, 1}, {1, 2}, {0, 2}} {
			t.Run(fmt.Sprintf("%s/t%d-t%d", dir, pair[0], pair[1]), func(t *testing.T) {
				v, at := c.between(pair[0], pair[1], profile == "envoy"), c.offsets()
				interval := seconds(v.duration())
				set := load(t, mapping.LoadOptions{Interval: interval, Scrape: interval}, profile)
				end := seconds(at[pair[1]])
				begin := alignedBefore(end, interval)
				target := labels.FromStrings("job", profile, "instance", "10.0.0.1:15090")
				b := play(t, set, begin, played{target: target, bodies: c.texts, seconds: at})
				e := requireOneValid(t, b.evaluate(t, begin.Add(end-interval), begin.Add(end)))
				require.Equal(t, "10.0.0.1:15090", e.header["sourceName"])
				expected := expectEnvoy
				if profile == "node" {
					expected = func(t testing.TB, v view) want { return expectNode(t, v, "10.0.0.1:15090", pair[0] > 0) }
				}
				requireSame(t, expected(t, v), e.flat(t))
			})
		}
	}
}
