package scrape

import (
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// life is what is known of one target. Its appenders take mu from their first sample to
// their end, so they never interleave.
type life struct {
	id      identity
	lives   *lives
	used    atomic.Int64 // newest scrape, Unix ms
	samples atomic.Int64 // of the last successful scrape
	dropped atomic.Bool  // forgotten: an appender at work must not trust it any more

	mu sync.Mutex // guards all below

	entries []entry
	free    []int32          // unused entries
	index   map[uint64]int32 // labels hash → first entry, then along entry.next

	looks    int64 // whole looks so far
	look     int64 // time of the last one
	last     int64 // newest sample written, scrape failures included
	born     int   // births series seen at the last look
	partials int   // successful scrapes in a row that were no looks
	starts   map[string]*start
}

// entry is one series of a target.
type entry struct {
	lset       labels.Labels
	hash       uint64
	ref        storage.SeriesRef // the store's
	t          int64             // last sample
	v          float64           // its value, or a histogram's count
	seen       int64             // look that showed it last; 0 if none did
	next       int32             // next entry of the same hash, or -1
	start      *StartMetric      // set for start metrics
	created    int64             // last start timestamp from the exposition
	cumulative bool
	births     bool // its name lives with the process
	native     bool
	used       bool
}

// maxPartials is how many scrapes in a row may show nothing known before the target is
// taken to be another than before.
const maxPartials = 3

// forgetAfter is how long a series may be missing before its return is a new life, and
// how long it is remembered for that, in ms.
const forgetAfter = 3600 * 1000

// firstSight is how old a process may be at its first look for its counters' base to be
// known, in ms. It equals the engine's default lookback: an older zero would not be
// read.
const firstSight = 5 * 60 * 1000

func newLife(l *lives, id identity, now int64) *life {
	t := &life{id: id, lives: l, index: map[uint64]int32{}, starts: map[string]*start{}}
	t.used.Store(now)
	return t
}

// refOf is the reference that scrape loops get for a series: a hash of its labels, so
// that it stays the same when the state of a target is forgotten, and never 0.
func refOf(lset labels.Labels) storage.SeriesRef {
	return storage.SeriesRef(max(lset.Hash(), 1))
}

// find returns the entry of a series, making it where it is new. ref is refOf(lset), or
// 0 where the caller does not have it.
func (t *life) find(ref storage.SeriesRef, lset labels.Labels, typ model.MetricType, native bool) (int32, *entry) {
	if ref == 0 {
		ref = refOf(lset)
	}
	hash := uint64(ref)
	first, ok := t.index[hash]
	if !ok {
		first = -1
	}
	for i := first; i >= 0; i = t.entries[i].next {
		if labels.Equal(t.entries[i].lset, lset) {
			return i, &t.entries[i]
		}
	}
	var i int32
	if n := len(t.free); n > 0 {
		i, t.free = t.free[n-1], t.free[:n-1]
	} else {
		i = int32(len(t.entries))
		t.entries = append(t.entries, entry{})
	}
	name := lset.Get(labels.MetricName)
	e := &t.entries[i]
	*e = entry{lset: lset, hash: hash, next: first, used: true, native: native, start: t.lives.byName[name]}
	e.cumulative = cumulative(name, typ, native)
	e.births = e.cumulative && !t.id.federated && (*t.lives.born.Load())(name)
	t.index[hash] = i
	return i, e
}

// judge renews what births says of each entry. Called with t.mu held.
func (t *life) judge(births func(string) bool) {
	t.born = 0
	for i := range t.entries {
		e := &t.entries[i]
		if !e.used {
			continue
		}
		e.births = e.cumulative && !t.id.federated && births(e.lset.Get(labels.MetricName))
		if e.births && e.seen > 0 && e.seen == t.looks {
			t.born++
		}
	}
}

// cumulative reports whether a series only grows within one life of its process.
func cumulative(name string, typ model.MetricType, native bool) bool {
	switch typ {
	case model.MetricTypeCounter:
		return true
	case model.MetricTypeHistogram:
		return native || hasSuffix(name, "_bucket", "_count", "_sum")
	case model.MetricTypeSummary:
		return hasSuffix(name, "_count", "_sum")
	default:
		return false
	}
}

func hasSuffix(s string, suffixes ...string) bool {
	for _, x := range suffixes {
		if strings.HasSuffix(s, x) {
			return true
		}
	}
	return false
}

// forget drops entries that no longer tell anything: those that no look has shown, those
// missing that are not births, and those missing for too long.
func (t *life) forget(now int64) {
	for i := range t.entries {
		e := &t.entries[i]
		if !e.used || e.seen == t.looks || e.births && e.seen > 0 && now-e.t <= forgetAfter {
			continue
		}
		t.unlink(int32(i))
		*e = entry{}
		t.free = append(t.free, int32(i))
	}
}

func (t *life) unlink(i int32) {
	hash := t.entries[i].hash
	if t.index[hash] == i {
		if next := t.entries[i].next; next >= 0 {
			t.index[hash] = next
		} else {
			delete(t.index, hash)
		}
		return
	}
	for j := t.index[hash]; j >= 0; j = t.entries[j].next {
		if t.entries[j].next == i {
			t.entries[j].next = t.entries[i].next
			return
		}
	}
}

// governor returns the start metric whose process a series lives with, or nil: one that
// speaks for the name, or a generic one, or the only one there is.
func (t *life) governor(name string) *start {
	var own, generic, other *start
	for _, s := range t.starts {
		switch {
		case s.metric.speaksFor(name):
			own = better(own, s)
		case s.metric.generic():
			generic = better(generic, s)
		default:
			other = s
		}
	}
	switch {
	case own != nil:
		return own
	case generic == nil && len(t.starts) == 1:
		return other
	default:
		return generic
	}
}

// better prefers a start time, which is exact, to an uptime; by name among equals, so
// that the choice is always the same.
func better(a, b *start) *start {
	switch {
	case a == nil:
		return b
	case a.metric.Uptime != b.metric.Uptime:
		if a.metric.Uptime {
			return b
		}
		return a
	case b.metric.Name < a.metric.Name:
		return b
	default:
		return a
	}
}

// zeroOf returns an empty histogram of the same shape, whose counter reset is told.
func zeroOf(h *histogram.Histogram, fh *histogram.FloatHistogram) (*histogram.Histogram, *histogram.FloatHistogram) {
	switch {
	case h != nil:
		return &histogram.Histogram{CounterResetHint: histogram.CounterReset, Schema: h.Schema, ZeroThreshold: h.ZeroThreshold, CustomValues: h.CustomValues}, nil
	case fh != nil:
		return nil, &histogram.FloatHistogram{CounterResetHint: histogram.CounterReset, Schema: fh.Schema, ZeroThreshold: fh.ZeroThreshold, CustomValues: fh.CustomValues}
	default:
		return nil, nil
	}
}
