package demo

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

// rqTimeBuckets are Envoy's default histogram bounds, in the unit of the histogram (ms).
func rqTimeBuckets() []float64 {
	return []float64{
		0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000,
		300000, 600000, 1800000, 3600000,
	}
}

// kind orders families in the exposition the way Envoy does: all counters, then all
// gauges, then all histograms.
type kind uint8

const (
	counter kind = iota
	gauge
	histogram
)

func (k kind) String() string { return [...]string{"counter", "gauge", "histogram"}[k] }

type family struct {
	kind   kind
	series map[string]*series // by label text
}

type series struct {
	value   int64
	sum     float64
	buckets []uint64 // not cumulative; one more than bounds, the last is +Inf
}

// stats holds one sidecar's metrics for as long as the sidecar lives. Safe for
// concurrent use.
type stats struct {
	bounds []float64
	start  time.Time

	mu       sync.Mutex // guards families and all below them
	families map[string]*family
}

func newStats(start time.Time) *stats {
	return &stats{bounds: rqTimeBuckets(), start: start, families: map[string]*family{}}
}

// at returns a series, made on its first use: like Envoy, a label set appears with its
// first increment. Callers hold s.mu.
func (s *stats) at(k kind, name, labels string) *series {
	f := s.families[name]
	if f == nil {
		f = &family{kind: k, series: map[string]*series{}}
		s.families[name] = f
	}
	x := f.series[labels]
	if x == nil {
		x = &series{}
		if k == histogram {
			x.buckets = make([]uint64, len(s.bounds)+1)
		}
		f.series[labels] = x
	}
	return x
}

// count adds n to a counter; n = 0 makes it appear. labels is the text between braces.
func (s *stats) count(name, labels string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at(counter, name, labels).value += int64(n)
}

// move adds n, which may be negative, to a gauge.
func (s *stats) move(name, labels string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at(gauge, name, labels).value += int64(n)
}

// set gives a gauge its value.
func (s *stats) set(name, labels string, v int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at(gauge, name, labels).value = v
}

// observe puts a duration into a histogram of milliseconds.
func (s *stats) observe(name, labels string, d time.Duration) {
	ms := float64(d) / float64(time.Millisecond)
	i, _ := slices.BinarySearch(s.bounds, ms) // le: a value on the bound is inside it
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.at(histogram, name, labels)
	x.buckets[i]++
	x.sum += ms
}

// expect makes a histogram appear before its first observation.
func (s *stats) expect(name, labels string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at(histogram, name, labels)
}

// value reads a counter or gauge; 0 where it has not appeared.
func (s *stats) value(name, labels string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.families[name]; f != nil {
		if x := f.series[labels]; x != nil {
			return x.value
		}
	}
	return 0
}

// exposition prints everything as Envoy does: TYPE lines, no HELP, no timestamps, braces
// also around no labels. It builds the whole text first, because the connection that
// takes it counts its bytes here too.
func (s *stats) exposition() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b bytes.Buffer
	names := slices.SortedFunc(maps.Keys(s.families), func(x, y string) int {
		return cmp.Or(cmp.Compare(s.families[x].kind, s.families[y].kind), cmp.Compare(x, y))
	})
	for _, name := range names {
		f := s.families[name]
		b.WriteString("# TYPE " + name + " " + f.kind.String() + "\n")
		for _, labels := range slices.Sorted(maps.Keys(f.series)) {
			x := f.series[labels]
			if f.kind == histogram {
				s.writeHistogram(&b, name, labels, x)
				continue
			}
			b.WriteString(name + "{" + labels + "} " + strconv.FormatInt(x.value, 10) + "\n")
		}
	}
	return b.Bytes()
}

func (s *stats) writeHistogram(b *bytes.Buffer, name, labels string, x *series) {
	sep := ""
	if labels != "" {
		sep = ","
	}
	var cumulative uint64
	for i, n := range x.buckets {
		cumulative += n
		le := "+Inf"
		if i < len(s.bounds) {
			le = strconv.FormatFloat(s.bounds[i], 'f', -1, 64)
		}
		b.WriteString(name + "_bucket{" + labels + sep + `le="` + le + `"} ` + strconv.FormatUint(cumulative, 10) + "\n")
	}
	b.WriteString(name + "_sum{" + labels + "} " + strconv.FormatFloat(x.sum, 'f', -1, 64) + "\n")
	b.WriteString(name + "_count{" + labels + "} " + strconv.FormatUint(cumulative, 10) + "\n")
}
