package mapping

import (
	"math"
	"slices"
	"strconv"

	"github.com/vesbridge/vesbridge/pkg/ves"
)

// itemsOf adds an entity's items to an array.
func (f *filler) itemsOf(m *ves.Measurement, p part, bd *blockData, several bool) {
	d, e, b := p.data, p.entity, bd.b
	keep, rest := f.kept(d, bd, e)
	for _, i := range keep {
		f.item(m, d, bd, e, i, several)
	}
	if len(rest) == 0 {
		return
	}
	f.overflow(d, b, len(rest))
	if b.omitted != nil {
		if err := m.SetHashNumber(b.omitted, b.field.Name+"Omitted", float64(len(rest))); err != nil {
			f.refusal(d, err)
		}
	}
	if b.field.Key == "" {
		return
	}
	sums, some := f.fold(d, bd, e, rest)
	complete := some && !slices.ContainsFunc(b.strings, func(s stringMember) bool { return s.field.Required && s.field != b.suspect })
	for k := range b.numbers {
		complete = complete && (!b.numbers[k].field.Required || !math.IsNaN(sums[k]))
	}
	if !complete {
		return
	}
	it, err := m.AddItem(b.field, otherKey)
	if err != nil {
		f.refusal(d, err)
		return
	}
	for k := range b.numbers {
		if n := &b.numbers[k]; !math.IsNaN(sums[k]) {
			if err := it.SetNumber(n.field, f.number(d, n, sums[k])); err != nil {
				f.refusal(d, err)
			}
		}
	}
	if b.suspect != nil {
		// What was folded is known; what could not be is not there.
		if err := it.SetString(b.suspect, "true"); err != nil {
			f.refusal(d, err)
		}
	}
}

func (f *filler) overflow(d *mappingData, b *block, n int) {
	if !f.mute {
		d.acc.counts[b.overflow][ReasonOverflow] += uint64(n)
	}
}

func (f *filler) refusal(d *mappingData, err error) {
	if !f.mute {
		d.acc.note(err.Error())
	}
}

// item adds one item, if its required members are known.
func (f *filler) item(m *ves.Measurement, d *mappingData, bd *blockData, e, item int32, several bool) {
	b := bd.b
	some := f.measure(d, bd, e, item)
	incomplete := false
	for k := range b.numbers {
		incomplete = incomplete || b.numbers[k].field.Required && f.reasons[k] != ReasonNone
	}
	labels := f.labels(d, bd, e, item)
	key, why := itemKey(b, labels)
	switch {
	case why != ReasonNone:
	case incomplete:
		why = ReasonIncomplete
	case some && !f.first(several || b.shared, "i"+b.name+"\x00", key):
		why = ReasonCollision
	}
	if !some || why != ReasonNone {
		f.leave(d, b, why)
		return
	}
	it, err := m.AddItem(b.field, key)
	if err != nil {
		f.refusal(d, err)
		f.leave(d, b, ReasonRefused)
		return
	}
	doubt := false
	for k := range b.numbers {
		n, r := &b.numbers[k], f.reasons[k]
		if r == ReasonNone {
			r = f.setMember(it, d, n, f.nums[k])
		}
		doubt = doubt || n.query.Windowed && r != ReasonNone && r != ReasonMissing
		f.count(d, n.line, r)
	}
	for i := range b.strings {
		s := &b.strings[i]
		f.countText(d, s.line, setText(it, s, labels))
	}
	f.suspect(it, d, b, doubt)
}

// itemKey renders an item's identifier.
func itemKey(b *block, labels []string) (string, Reason) {
	if b.keyText == nil {
		return "", ReasonNone
	}
	key, err := b.keyText.render(labels)
	if err != nil {
		return "", ReasonRefused
	}
	if key == "" {
		return "", ReasonMissing
	}
	return key, ReasonNone
}

// leave counts the members of an item that is not sent: those without a value by their
// own reason, the others by the item's.
func (f *filler) leave(d *mappingData, b *block, why Reason) {
	for k := range b.numbers {
		r := f.reasons[k]
		if r == ReasonNone {
			r = why
		}
		f.count(d, b.numbers[k].line, r)
	}
}

func (f *filler) setMember(it ves.Item, d *mappingData, n *number, v float64) Reason {
	if n.values != nil {
		return refused(it.SetString(n.field, n.values[v]))
	}
	return refused(it.SetNumber(n.field, f.number(d, n, v)))
}

func setText(it ves.Item, s *stringMember, labels []string) Reason {
	v, err := s.tmpl.render(labels)
	switch {
	case err != nil:
		return ReasonRefused
	case v == "":
		return ReasonMissing
	}
	return refused(it.SetString(s.field, v))
}

// suspect marks an item whose counters are not all known (VES nicPerformanceArray).
func (f *filler) suspect(it ves.Item, d *mappingData, b *block, doubt bool) {
	if b.suspect == nil || b.ownSuspect && !doubt {
		return
	}
	if err := it.SetString(b.suspect, strconv.FormatBool(doubt)); err != nil {
		f.refusal(d, err)
	}
}

// groupsOf adds an entity's namedHashMaps of one group to additionalMeasurements.
func (f *filler) groupsOf(m *ves.Measurement, p part, bd *blockData, several bool) {
	d, e, b := p.data, p.entity, bd.b
	keep, rest := f.kept(d, bd, e)
	for _, i := range keep {
		f.groupOf(m, d, bd, e, i, several)
	}
	if len(rest) == 0 {
		return
	}
	f.overflow(d, b, len(rest))
	sums, _ := f.fold(d, bd, e, rest)
	name := b.group
	if b.nameText != nil {
		name += "/" + otherKey
	}
	g := m.AddGroup(name)
	for _, k := range b.index {
		g.Set(k, otherKey)
	}
	for k := range b.numbers {
		if n := &b.numbers[k]; !math.IsNaN(sums[k]) {
			if err := g.SetNumber(n.key, f.number(d, n, sums[k])); err != nil {
				f.refusal(d, err)
			}
		}
	}
	g.Set("omitted", strconv.Itoa(len(rest)))
}

func (f *filler) groupOf(m *ves.Measurement, d *mappingData, bd *blockData, e, item int32, several bool) {
	b := bd.b
	if !f.measure(d, bd, e, item) {
		f.leave(d, b, ReasonNone)
		return
	}
	labels := f.labels(d, bd, e, item)
	name := b.group
	if b.nameText != nil {
		s, err := b.nameText.render(labels)
		if err != nil || s == "" {
			f.leave(d, b, ReasonRefused)
			return
		}
		name = s
	}
	if several && !f.first(true, "g"+b.name+"\x00", name+"\x00"+joinLabels(bd, item)) {
		f.leave(d, b, ReasonCollision)
		return
	}
	g := m.AddGroup(name)
	if bd.items != nil {
		for i, k := range b.index {
			g.Set(k, bd.items.labels(item)[i])
		}
	}
	for i := range b.strings {
		s := &b.strings[i]
		v, err := s.tmpl.render(labels)
		r := ReasonNone
		switch {
		case err != nil:
			r = ReasonRefused
		case v == "":
			r = ReasonMissing
		default:
			g.Set(s.key, v)
		}
		f.countText(d, s.line, r)
	}
	for k := range b.numbers {
		n, r := &b.numbers[k], f.reasons[k]
		switch {
		case r != ReasonNone:
		case n.values != nil:
			g.Set(n.key, n.values[f.nums[k]])
		default:
			r = refused(g.SetNumber(n.key, f.number(d, n, f.nums[k])))
		}
		f.count(d, n.line, r)
	}
}

func joinLabels(bd *blockData, item int32) string {
	if bd.items == nil {
		return ""
	}
	s := ""
	for _, l := range bd.items.labels(item) {
		s += l + "\x00"
	}
	return s
}

// fold adds up the members of items that the event has no room for, where adding up
// makes sense. A member that is unknown in one of them stays NaN: a sum without it
// would be an invented number. An item without a result has nothing to add.
func (f *filler) fold(d *mappingData, bd *blockData, e int32, rest []int32) (sums []float64, some bool) {
	sums = make([]float64, len(bd.b.numbers))
	for k := range sums {
		if !bd.b.numbers[k].fold {
			sums[k] = math.NaN()
			continue
		}
		found := false
		for _, i := range rest {
			v, r := cell(d, bd, k, e, i)
			if r == ReasonMissing {
				continue
			}
			if r != ReasonNone {
				sums[k] = math.NaN()
				break
			}
			sums[k], found = sums[k]+v, true
		}
		if !found {
			sums[k] = math.NaN()
		}
		some = some || !math.IsNaN(sums[k])
	}
	return sums, some
}

// latencyOf fills latencyDistribution: cumulative buckets become one count per bucket;
// empty ones are left out, the last has no high end. All or nothing: a distribution
// with a hole would read as one without observations there.
func (f *filler) latencyOf(m *ves.Measurement, p part, bd *blockData, several bool) {
	d, e, b := p.data, p.entity, bd.b
	if !f.first(several, "f", b.name) {
		f.count(d, b.overflow, ReasonCollision)
		return
	}
	r := f.distribution(m, d, bd, e)
	if r != ReasonNone {
		m.LatencyDistribution = m.LatencyDistribution[:0]
	}
	f.count(d, b.overflow, r)
}

func (f *filler) distribution(m *ves.Measurement, d *mappingData, bd *blockData, e int32) Reason {
	b := bd.b
	switch {
	case d.acc.errs[b.overflow] != nil:
		return ReasonQueryFailed
	case d.whole[e] != ReasonNone:
		return d.whole[e]
	}
	bounds, r := bd.bounds(e, f.bounds)
	if r != ReasonNone {
		return r
	}
	f.bounds = bounds
	k, native := bd.native[e]
	switch {
	case len(bounds) == 0 && !native:
		return ReasonMissing
	case len(bounds) == 0:
		return nativeBuckets(m, b, bd.spans[k])
	}
	return classicBuckets(m, b, bounds)
}

func classicBuckets(m *ves.Measurement, b *block, bounds []bound) Reason {
	if !math.IsInf(bounds[len(bounds)-1].le, 1) {
		return ReasonIncompleteBuckets
	}
	low, below := 0.0, 0.0
	for _, c := range bounds {
		count := tidy(c.count - below)
		if count < 0 {
			return ReasonNegative
		}
		var high ves.Opt[float64]
		if !math.IsInf(c.le, 1) {
			high = ves.Some(b.latency.apply(c.le))
		}
		if count > 0 {
			if err := m.AddLatencyBucket(b.latency.apply(low), high, count); err != nil {
				return ReasonRefused
			}
		}
		low, below = c.le, c.count
	}
	if len(m.LatencyDistribution) == 0 {
		return ReasonNoObservations
	}
	return ReasonNone
}

func nativeBuckets(m *ves.Measurement, b *block, buckets []Bucket) Reason {
	for _, c := range buckets {
		count := tidy(c.Count)
		if count < 0 {
			return ReasonNegative
		}
		if count == 0 {
			continue
		}
		var high ves.Opt[float64]
		if !math.IsInf(c.Upper, 1) {
			high = ves.Some(b.latency.apply(c.Upper))
		}
		// The zero bucket reaches below 0, a latency does not.
		if err := m.AddLatencyBucket(b.latency.apply(max(c.Lower, 0)), high, count); err != nil {
			return ReasonRefused
		}
	}
	if len(m.LatencyDistribution) == 0 {
		return ReasonNoObservations
	}
	return ReasonNone
}

// tidy takes the last bits of floating point noise off a count.
func tidy(x float64) float64 {
	if r := math.Round(x); math.Abs(x-r) < 1e-6 {
		return r
	}
	return x
}
