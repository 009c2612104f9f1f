package mapping

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/vesbridge/vesbridge/pkg/ves"
)

// otherKey names the bucket that sums up what an event has no room for.
const otherKey = "other"

// slot is one event to be built: the parts of all mappings that tell of one source
// under one eventName.
type slot struct {
	eventName, source string
	parts             []part
}

type part struct {
	data   *mappingData
	entity int32
}

// plan finds the events of a window: which parts fill which, and what cannot be told.
// The order is that of eventName and sourceName, so that it is the same every time.
func plan(data []*mappingData, severalEventNames bool) []slot {
	type key struct{ eventName, source string }
	index := map[key]int{}
	nameOf := map[string]string{} // source → its first eventName
	var slots []slot
	for _, d := range data {
		if d.err != nil {
			continue
		}
		for e := range int32(d.end.entities.len()) {
			source, eventName := d.who[e].header[hdrSourceName], d.eventName(e)
			if source == "" || eventName == "" {
				d.lose(e, ReasonNoSource, "has no sourceName or eventName")
				continue
			}
			if first, ok := nameOf[source]; !ok {
				nameOf[source] = eventName
			} else if first != eventName && !severalEventNames {
				d.lose(e, ReasonSecondEventName, fmt.Sprintf("source %q already has an event %s in this window, %s is not sent", source, first, eventName))
				continue
			}
			k := key{eventName, source}
			i, ok := index[k]
			if !ok {
				i = len(slots)
				index[k] = i
				slots = append(slots, slot{eventName: eventName, source: source})
			}
			slots[i].parts = append(slots[i].parts, part{d, e})
		}
	}
	slices.SortFunc(slots, func(a, b slot) int {
		return cmp.Or(strings.Compare(a.eventName, b.eventName), strings.Compare(a.source, b.source))
	})
	for i := range slots {
		if p := slots[i].parts; len(p) > 1 {
			// Mappings keep their order; entities of one mapping go by their labels, since a
			// query's order says nothing.
			slices.SortStableFunc(p, func(a, b part) int {
				if a.data != b.data {
					return 0
				}
				return slices.Compare(a.data.end.entities.labels(a.entity), b.data.end.entities.labels(b.entity))
			})
		}
	}
	return slots
}

func (d *mappingData) eventName(e int32) string {
	if s, ok := d.m.eventName.constant(); ok {
		return s
	}
	s, err := d.m.eventName.render(d.end.entities.labels(e))
	if err != nil || strings.ContainsAny(s, " \t\r\n") {
		return ""
	}
	return s
}

// lose counts all fields of an entity as left out.
func (d *mappingData) lose(e int32, why Reason, text string) {
	for i := range d.acc.counts {
		d.acc.counts[i][why]++
	}
	d.acc.note(fmt.Sprintf("entity %s %s", d.describe(e), text))
}

// describe names an entity by its labels.
func (d *mappingData) describe(e int32) string {
	var s strings.Builder
	s.WriteByte('{')
	for i, v := range d.end.entities.labels(e) {
		if i > 0 {
			s.WriteString(", ")
		}
		s.WriteString(d.m.Entity[i] + "=" + strconv.Quote(v))
	}
	s.WriteByte('}')
	return s.String()
}

// eventID is the same for the same event whoever tells it: after a restart, or on a
// second replica. It has no white space.
func eventID(domain ves.Domain, eventName, source string, w Window) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%s\x00%s\x00%d\x00%d", domain, eventName, source, w.Start.UnixMicro(), w.End.UnixMicro())
	return string(domain) + "-" + hex.EncodeToString(h.Sum(nil)[:16])
}

// filler fills events. It is for one goroutine and one window.
type filler struct {
	window   Window
	reporter string
	maxBytes int
	version  ves.Version
	mute     bool // trial run: nothing is counted
	shrink   uint // limits are divided by 2^shrink
	filled   int
	seen     map[string]struct{} // what an event with several parts already has
	values   []string
	items    []int32
	bounds   []bound
	reasons  []Reason
	nums     []float64
	encoded  []byte
}

// fill builds the event of one slot into ev; false says that there was nothing to tell.
func (f *filler) fill(ev *ves.Event, s *slot) bool {
	f.shrink, f.mute = 0, false
	if f.large(s) {
		f.mute = true
		for f.shrink = 0; f.shrink < 20; f.shrink++ {
			f.try(ev, s)
			out, err := ev.AppendJSON(f.encoded[:0], f.version)
			f.encoded = out
			if err != nil || len(out) <= f.maxBytes {
				break
			}
		}
		f.mute = false
	}
	return f.try(ev, s)
}

// large says whether a slot may come near the size limit, so that only such events pay
// for a trial encoding.
func (f *filler) large(s *slot) bool {
	const perMember = 96 // bytes of a member with its name, generously
	n := 0
	for _, p := range s.parts {
		for _, bd := range p.data.blocks {
			if bd.items == nil {
				n += len(bd.vals)
				continue
			}
			n += int(bd.offs[p.entity+1]-bd.offs[p.entity]) * (len(bd.b.numbers) + len(bd.b.strings) + len(bd.b.from) + 1)
		}
	}
	return n*perMember > f.maxBytes/2
}

func (f *filler) try(ev *ves.Event, s *slot) bool {
	ev.Reset()
	f.filled = 0
	clear(f.seen)
	first := s.parts[0]
	header(&ev.Header, first.data, first.entity, f.version)
	h := &ev.Header
	h.EventID = eventID(ves.DomainMeasurement, s.eventName, s.source, f.window)
	h.EventName, h.ReportingEntityName = s.eventName, f.reporter
	h.StartEpochMicrosec, h.LastEpochMicrosec = f.window.Start.UnixMicro(), f.window.End.UnixMicro()
	m := ev.UseMeasurement()
	m.MeasurementInterval = f.window.Interval().Seconds()
	for _, p := range s.parts {
		for _, bd := range p.data.blocks {
			f.block(m, p, bd, len(s.parts) > 1)
		}
	}
	if dropped := m.DropIncomplete(); len(dropped) > 0 && !f.mute {
		// Items are complete when they are added; this is the model's own last word.
		first.data.acc.note("dropped " + dropped[0].String())
	}
	return f.filled > 0
}

// header sets what an entity's identity and its mapping know. Domain, id, name and
// epochs are the caller's.
func header(h *ves.Header, d *mappingData, e int32, version ves.Version) {
	who := d.who[e]
	h.SourceName = who.header[hdrSourceName]
	h.SourceID = who.header[hdrSourceID]
	h.ReportingEntityID = who.header[hdrReportingEntityID]
	h.NFNamingCode = who.header[hdrNfNamingCode]
	h.NFCNamingCode = who.header[hdrNfcNamingCode]
	h.NFVendorName = who.header[hdrNfVendorName]
	h.EventType = who.header[hdrEventType]
	h.TimeZoneOffset = who.header[hdrTimeZoneOffset]
	h.SetDefaults()
	if version < ves.V7_2_1 {
		h.SetDefaults(ves.WidestAcceptance())
	}
	if t := d.m.priority; t != nil {
		if s, err := t.render(d.end.entities.labels(e)); err == nil && ves.Priority(s).Valid() {
			h.Priority = ves.Priority(s)
		}
	}
}

func (f *filler) count(d *mappingData, line int, r Reason) {
	if r == ReasonNone {
		f.filled++
	}
	if !f.mute {
		d.acc.counts[line][r]++
	}
}

// first says whether this event does not have that field yet; only those ask that may
// meet it twice, as events of several parts.
func (f *filler) first(ask bool, kind, name string) bool {
	if !ask {
		return true
	}
	k := kind + name
	if _, dup := f.seen[k]; dup {
		return false
	}
	f.seen[k] = struct{}{}
	return true
}

func (f *filler) block(m *ves.Measurement, p part, bd *blockData, several bool) {
	switch bd.b.kind {
	case scalarBlock, hashBlock:
		f.scalars(m, p, bd, several)
	case itemBlock:
		f.itemsOf(m, p, bd, several)
	case groupBlock:
		f.groupsOf(m, p, bd, several)
	case latencyBlock:
		f.latencyOf(m, p, bd, several)
	}
}

// cell judges one member of one item: its value, or why there is none.
func cell(d *mappingData, bd *blockData, k int, e, item int32) (float64, Reason) {
	n := &bd.b.numbers[k]
	r := bd.states[k][item]
	if r != ReasonNone || !n.query.Windowed {
		return bd.vals[k][item], r
	}
	if w := d.whole[e]; w != ReasonNone {
		return 0, w
	}
	if bd.prev != nil {
		before := d.before[e]
		if before < 0 {
			return 0, ReasonItemFirstSeen
		}
		i := bd.prev.items.find(before, bd.items.labels(item))
		if i < 0 || bd.prev.states[k][i] == ReasonMissing || bd.prev.states[k][i] == ReasonQueryFailed {
			return 0, ReasonItemFirstSeen
		}
	}
	return bd.vals[k][item], ReasonNone
}

// number scales a number and rounds it for a VES integer: half away from zero, counted.
func (f *filler) number(d *mappingData, n *number, v float64) float64 {
	v = n.scale.apply(v)
	if n.field != nil && n.field.Kind == ves.KindInteger && v != math.Trunc(v) {
		v = math.Round(v)
		if !f.mute {
			d.acc.rounded[n.line]++
		}
	}
	return v
}

func (f *filler) scalars(m *ves.Measurement, p part, bd *blockData, several bool) {
	d, e := p.data, p.entity
	for k := range bd.b.numbers {
		n := &bd.b.numbers[k]
		v, r := cell(d, bd, k, e, e)
		if r == ReasonNone && !f.first(several, "f", d.m.fields[n.line].path) {
			r = ReasonCollision
		}
		if r == ReasonNone {
			r = f.setScalar(m, d, bd.b, n, v)
		}
		f.count(d, n.line, r)
	}
	for i := range bd.b.strings {
		s := &bd.b.strings[i]
		var r Reason
		v, err := s.tmpl.render(d.end.entities.labels(e))
		switch {
		case err != nil:
			r = ReasonRefused
		case v == "":
			r = ReasonMissing
		case !f.first(several, "f", d.m.fields[s.line].path):
			r = ReasonCollision
		case bd.b.kind == hashBlock:
			r = refused(m.SetHash(bd.b.field, s.key, v))
		default:
			r = ReasonRefused // the model has no text outside arrays and hashMaps
		}
		f.countText(d, s.line, r)
	}
}

// countText counts a text; text alone does not make an event worth sending.
func (f *filler) countText(d *mappingData, line int, r Reason) {
	if !f.mute {
		d.acc.counts[line][r]++
	}
}

func (f *filler) setScalar(m *ves.Measurement, d *mappingData, b *block, n *number, v float64) Reason {
	if b.kind == hashBlock {
		if n.values != nil {
			text, ok := n.values[v]
			if !ok {
				return ReasonUnknownValue
			}
			return refused(m.SetHash(b.field, n.key, text))
		}
		return refused(m.SetHashNumber(b.field, n.key, f.number(d, n, v)))
	}
	return refused(m.SetNumber(n.field, f.number(d, n, v)))
}

func refused(err error) Reason {
	if err != nil {
		return ReasonRefused
	}
	return ReasonNone
}

// labels returns the values that templates of a block see: the entity's and the item's.
func (f *filler) labels(d *mappingData, bd *blockData, e, item int32) []string {
	f.values = append(f.values[:0], d.end.entities.labels(e)...)
	if bd.items != nil {
		f.values = append(f.values, bd.items.labels(item)...)
	}
	return f.values
}

// measure judges all members of an item; false says that none has a value.
func (f *filler) measure(d *mappingData, bd *blockData, e, item int32) bool {
	f.reasons, f.nums = f.reasons[:0], f.nums[:0]
	some := false
	for k := range bd.b.numbers {
		v, r := cell(d, bd, k, e, item)
		if r == ReasonNone && bd.b.numbers[k].values != nil {
			if _, ok := bd.b.numbers[k].values[v]; !ok {
				r = ReasonUnknownValue
			}
		}
		f.nums, f.reasons = append(f.nums, v), append(f.reasons, r)
		some = some || r == ReasonNone
	}
	return some
}

// kept splits an entity's items into those that the event has room for, and the rest:
// the largest by their first number are kept, so that what is left out is what matters
// least. Kept ones stay in their order.
func (f *filler) kept(d *mappingData, bd *blockData, e int32) (keep, rest []int32) {
	f.items = append(f.items[:0], bd.itemsOf(e, f.items)...)
	all := f.items
	limit := max(1, bd.b.limit>>f.shrink)
	if len(all) <= limit {
		return all, nil
	}
	byRank := slices.Clone(all)
	rank := func(i int32) float64 {
		if v, r := cell(d, bd, 0, e, i); r == ReasonNone {
			return v
		}
		return math.Inf(-1)
	}
	slices.SortStableFunc(byRank, func(a, b int32) int { return cmp.Compare(rank(b), rank(a)) })
	rest = byRank[limit:]
	left := make(map[int32]bool, len(rest))
	for _, i := range rest {
		left[i] = true
	}
	return slices.DeleteFunc(all, func(i int32) bool { return left[i] }), rest
}
