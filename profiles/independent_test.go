package profiles_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
)

// This file is the second, independent computation that the shipped profiles are held
// against: plain subtraction of two expositions' text. It shares nothing with the bridge:
// no parser, no PromQL, no regular expression, no mapping.

// point is one line of an exposition.
type point struct {
	name   string
	labels map[string]string
	value  float64
}

// exposition is one answer of a target, by name and labels in a fixed order.
type exposition map[string]point

// readExposition reads the text format: `name{a="b",...} value`, comments left out.
func readExposition(t testing.TB, text string) exposition {
	t.Helper()
	s := exposition{}
	for i, line := range strings.Split(text, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		head, rest, braces := strings.Cut(line, "{")
		p := point{labels: map[string]string{}}
		if !braces {
			name, value, ok := strings.Cut(line, " ")
			require.True(t, ok, "line %d: %s", i+1, line)
			p.name, rest = name, value
		} else {
			p.name = head
			for !strings.HasPrefix(rest, "}") {
				key, after, ok := strings.Cut(rest, `="`)
				require.True(t, ok, "line %d: %s", i+1, line)
				end := strings.IndexByte(after, '"') // no escapes in the captures, checked here
				require.Positive(t, end+1, "line %d: %s", i+1, line)
				require.NotContains(t, after[:end], `\`)
				p.labels[key] = after[:end]
				rest = strings.TrimPrefix(after[end+1:], ",")
			}
			rest = rest[1:]
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
		require.NoError(t, err, "line %d", i+1)
		p.value = v
		key := p.name
		for _, l := range slices.Sorted(maps.Keys(p.labels)) {
			key += "\x00" + l + "\x01" + p.labels[l]
		}
		if _, twice := s[key]; twice {
			t.Fatalf("line %d is there twice: %s", i+1, line)
		}
		s[key] = p
	}
	return s
}

// capture is one target's expositions in order of time, with the seconds at which each
// was taken.
type capture struct {
	scrapes []exposition
	texts   []string
	seconds []float64
}

func readCapture(t testing.TB, dir string) capture {
	t.Helper()
	var c capture
	for i := range 3 {
		text, err := os.ReadFile(bridgetest.Shared(t, "captures", dir, fmt.Sprintf("t%d.prom", i)))
		require.NoError(t, err)
		at, err := os.ReadFile(bridgetest.Shared(t, "captures", dir, fmt.Sprintf("t%d.time", i)))
		require.NoError(t, err)
		s, err := strconv.ParseFloat(strings.TrimSpace(string(at)), 64)
		require.NoError(t, err)
		c.scrapes = append(c.scrapes, readExposition(t, string(text)))
		c.texts = append(c.texts, string(text))
		c.seconds = append(c.seconds, s)
	}
	return c
}

// view is what one window is computed from: the scrapes at its start, inside and at its
// end, and how many seconds lie between them.
type view struct {
	scrapes []exposition
	seconds []float64 // since the first scrape, one per scrape
	// born says that a counter which was not there at the start began at 0.
	born bool
}

func (v view) first() exposition { return v.scrapes[0] }
func (v view) last() exposition  { return v.scrapes[len(v.scrapes)-1] }
func (v view) duration() float64 { return v.seconds[len(v.seconds)-1] }

// pick names the group that a point is to be added to; false leaves it out.
type pick func(point) (string, bool)

// deltas sums, per group, how much each counter grew from one scrape to another.
func (v view) deltas(t testing.TB, from, to exposition, p pick) map[string]float64 {
	t.Helper()
	out := map[string]float64{}
	for key, b := range to {
		group, ok := p(b)
		if !ok {
			continue
		}
		a, known := from[key]
		if !known && !v.born {
			continue
		}
		require.GreaterOrEqual(t, b.value, a.value, "no counter of the captures falls: %s", b.name)
		out[group] += b.value - a.value
	}
	for key, a := range from {
		if _, still := to[key]; !still {
			if _, ok := p(a); ok {
				t.Fatalf("no counter of the captures vanishes: %s", a.name)
			}
		}
	}
	return out
}

// grown is deltas over the whole window.
func (v view) grown(t testing.TB, p pick) map[string]float64 {
	t.Helper()
	return v.deltas(t, v.first(), v.last(), p)
}

// fold combines, per group, the points of one scrape.
func fold(s exposition, p pick, combine func(a, b float64) float64) map[string]float64 {
	out := map[string]float64{}
	for _, x := range s {
		group, ok := p(x)
		if !ok {
			continue
		}
		if have, ok := out[group]; ok {
			out[group] = combine(have, x.value)
		} else {
			out[group] = x.value
		}
	}
	return out
}

func add(a, b float64) float64 { return a + b }

// inside folds every scrape after the window's start and reduces the results: the
// extremes of a gauge as far as it was seen.
func (v view) inside(p pick, combine, reduce func(a, b float64) float64) map[string]float64 {
	out := map[string]float64{}
	for _, s := range v.scrapes[1:] {
		for group, x := range fold(s, p, combine) {
			if have, ok := out[group]; ok {
				x = reduce(have, x)
			}
			out[group] = x
		}
	}
	return out
}

// mean averages a gauge over the scrapes after the window's start.
func (v view) mean(p pick) map[string]float64 {
	out := v.inside(p, add, add)
	for g := range out {
		out[g] /= float64(len(v.scrapes) - 1)
	}
	return out
}

// rates are the per-second growths of each pair of neighbouring scrapes.
func (v view) rates(t testing.TB, p pick) []map[string]float64 {
	t.Helper()
	var out []map[string]float64
	for i := 1; i < len(v.scrapes); i++ {
		d := v.deltas(t, v.scrapes[i-1], v.scrapes[i], p)
		for g := range d {
			d[g] /= v.seconds[i] - v.seconds[i-1]
		}
		out = append(out, d)
	}
	return out
}

// extreme reduces rates.
func extreme(rates []map[string]float64, reduce func(a, b float64) float64) map[string]float64 {
	out := maps.Clone(rates[0])
	for _, r := range rates[1:] {
		for g, x := range r {
			if have, ok := out[g]; ok {
				x = reduce(have, x)
			}
			out[g] = x
		}
	}
	return out
}

func greater(a, b float64) float64 { return max(a, b) }
func smaller(a, b float64) float64 { return min(a, b) }
