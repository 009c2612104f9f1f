package scrape

import (
	"strings"

	"github.com/prometheus/prometheus/model/labels"
)

// decision is what one successful scrape said about its target.
type decision struct {
	whole     bool // it was a look
	anew      bool // the target is taken for another than before
	restarted map[string]bool
	starts    map[string]*start
}

// decide marks the samples of a successful scrape at time at that need a base before
// them. It changes nothing else. Called with t.mu held.
func (t *life) decide(buf []sample, at int64) decision {
	d := decision{starts: t.readStarts(buf, at), restarted: map[string]bool{}}
	fell := t.fallen(buf, at)
	for name, now := range d.starts {
		if before, ok := t.starts[name]; ok && restarted(*before, *now, fell) {
			d.restarted[name] = true
		}
	}
	d.whole = t.whole(buf, at, d)
	if !d.whole && t.partials+1 >= maxPartials {
		d.anew, d.whole = true, true
	}
	if !d.whole {
		return d
	}
	back := t.returned(buf, at)
	// Governors are those of this scrape.
	was := t.starts
	t.starts = d.starts
	defer func() { t.starts = was }()
	for i := range buf {
		if s := &buf[i]; s.entry >= 0 && s.t == at && !s.stale && !s.report && t.entries[s.entry].cumulative {
			t.base(s, at, d, back)
		}
	}
	return d
}

// base decides on one cumulative sample of a look.
func (t *life) base(s *sample, at int64, d decision, back returns) {
	e := &t.entries[s.entry]
	name := s.lset.Get(labels.MetricName)
	g := t.governor(name)
	known := e.seen > 0
	missed := known && e.seen < t.looks
	set := func(baseT int64, base float64, reason string) {
		if baseT < at {
			s.based, s.baseT, s.base, s.reason = true, baseT, base, reason
		}
	}
	switch {
	case s.st > e.t && s.st != e.created && (known || s.st >= at-firstSight):
		// The exposition tells by itself when the series began.
		set(s.st, 0, "created")
	case g != nil && d.restarted[g.metric.Name] && (e.births || g.metric.speaksFor(name)):
		set(min(max(g.time(), t.last+1), at-1), 0, "restart")
	case s.st > 0:
	case !e.births:
	case t.looks == 0 || d.anew:
		if g != nil && g.time() >= at-firstSight {
			set(min(g.time(), at-1), 0, "first_sight")
		}
	case !known:
		if at-t.look <= firstSight {
			set(t.look, 0, "birth")
		}
	case missed && at-t.look <= firstSight:
		if back.anew || at-e.t > forgetAfter || back.lower[group(s.lset)] {
			set(t.look+1, 0, "returned")
		} else if !e.native {
			set(t.look+1, e.v, "returned")
		}
	}
}

// readStarts reads the start metrics of a scrape. One that has several series is of no
// use, as nothing says which of them counted what.
func (t *life) readStarts(buf []sample, at int64) map[string]*start {
	out := map[string]*start{}
	ambiguous := map[string]bool{}
	for i := range buf {
		s := &buf[i]
		if s.entry < 0 || s.stale || t.entries[s.entry].start == nil || s.h != nil || s.fh != nil || !(s.v >= 0) {
			continue
		}
		m := t.entries[s.entry].start
		if out[m.Name] != nil {
			ambiguous[m.Name] = true
		}
		out[m.Name] = &start{metric: m, value: s.v, at: at}
	}
	for name := range ambiguous {
		delete(out, name)
	}
	return out
}

// fallen reports whether most of the cumulative series that stood above zero at the last
// look are lower now. One that falls alone is its own reset and says nothing of others.
func (t *life) fallen(buf []sample, at int64) bool {
	lower, all := 0, 0
	for i := range buf {
		s := &buf[i]
		if s.entry < 0 || s.stale || s.t != at {
			continue
		}
		e := &t.entries[s.entry]
		if !e.cumulative || e.seen == 0 || e.seen != t.looks || !(e.v > 0) {
			continue
		}
		all++
		if amount(s) < e.v {
			lower++
		}
	}
	return lower*2 > all
}

// amount is a sample's value, or its histogram's count.
func amount(s *sample) float64 {
	switch {
	case s.h != nil:
		return float64(s.h.Count)
	case s.fh != nil:
		return s.fh.Count
	default:
		return s.v
	}
}

// whole reports whether a successful scrape showed the target itself: a restart, or any
// births series of the last look, or every start metric known.
func (t *life) whole(buf []sample, at int64, d decision) bool {
	if t.looks == 0 || len(d.restarted) > 0 {
		return true
	}
	if t.born == 0 && len(t.starts) == 0 {
		return true
	}
	if len(t.starts) > 0 {
		all := true
		for name := range t.starts {
			all = all && d.starts[name] != nil
		}
		if all {
			return true
		}
	}
	for i := range buf {
		s := &buf[i]
		if s.entry >= 0 && !s.stale && s.t == at && t.entries[s.entry].births && t.entries[s.entry].seen == t.looks {
			return true
		}
	}
	return false
}

// returns are the births series that come back after missing looks.
type returns struct {
	anew  bool            // all of them are born anew
	lower map[uint64]bool // groups of which any came back lower
}

// returned judges what comes back. A group is one label set of one family, so that the
// buckets, the sum and the count of a histogram are judged as one. Where most of what
// comes back is lower the process has evicted it all, and the few that happen to be
// higher by now are no exception.
func (t *life) returned(buf []sample, at int64) returns {
	r := returns{}
	lower, all := 0, 0
	for i := range buf {
		s := &buf[i]
		if s.entry < 0 || s.stale || s.t != at {
			continue
		}
		e := &t.entries[s.entry]
		if !e.births || e.seen == 0 || e.seen == t.looks || !(e.v > 0) {
			continue
		}
		all++
		if amount(s) < e.v {
			lower++
			if r.lower == nil {
				r.lower = map[uint64]bool{}
			}
			r.lower[group(s.lset)] = true
		}
	}
	r.anew = lower*2 > all
	return r
}

// group hashes a series without what tells the parts of a histogram or summary apart.
func group(lset labels.Labels) uint64 {
	name := lset.Get(labels.MetricName)
	for _, suffix := range []string{"_bucket", "_count", "_sum"} {
		if base, ok := strings.CutSuffix(name, suffix); ok {
			name = base
			break
		}
	}
	b := labels.NewBuilder(lset)
	b.Del("le", "quantile").Set(labels.MetricName, name)
	return b.Labels().Hash()
}

// settle takes a written scrape into the state. Called with t.mu held.
func (t *life) settle(buf []sample, at int64, success bool, d decision) {
	m := t.lives.metrics
	look := success && d.whole
	samples := int64(0)
	if success && !look {
		t.partials++
		m.partial.Inc()
	}
	if look {
		if t.looks > 0 && !d.anew {
			m.restarts.Add(float64(len(d.restarted)))
		}
		t.partials, t.born = 0, 0
		t.looks++
		t.look = at
		t.starts = d.starts
	}
	for i := range buf {
		s := &buf[i]
		if s.entry < 0 || s.t < 0 {
			continue
		}
		t.last = max(t.last, s.t)
		e := &t.entries[s.entry]
		if s.stale {
			continue
		}
		if !s.report {
			samples++
		}
		if s.based {
			switch {
			case s.reason == "birth":
				m.births.Inc()
			case s.reason == "returned" && s.base == 0:
				m.returns.WithLabelValues("zero").Inc()
			case s.reason == "returned":
				m.returns.WithLabelValues("kept").Inc()
			}
		}
		e.t, e.v = s.t, amount(s)
		if s.st > 0 {
			e.created = s.st
		}
		if look {
			e.seen = t.looks
			if e.births && s.t == at {
				t.born++
			}
		}
	}
	t.used.Store(at)
	if success {
		t.samples.Store(samples)
	}
	if look {
		t.forget(at)
	}
}
