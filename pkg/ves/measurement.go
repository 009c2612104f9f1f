package ves

import (
	"math"
	"strconv"
	"strings"
)

// item is one object of the typed model whose members can be reached by number. The
// accessors return nil where the member is of another kind.
type item interface {
	owner() owner
	number(member uint8) *Opt[float64]
	integer(member uint8) *Opt[int64]
	boolean(member uint8) *Opt[bool]
	text(member uint8) *string
	setEnum(member uint8, s string) bool
	complete() bool
	missing() []string
}

// container is an item with arrays in it.
type container interface {
	length(member uint8) int
	at(member uint8, i int) item
	grow(member uint8) item
}

// Item is a handle to one item of an array of a Measurement: a small value to be passed
// around. It stays valid while the Measurement is neither reset nor shortened
// (DropIncomplete); adding items does not hurt it. The zero Item refuses everything.
type Item struct {
	m            *Measurement
	array, inner *Field
	i, j         int
}

func (it Item) resolve() item {
	if it.m == nil {
		return nil
	}
	outer := it.m.container(it.array.owner).at(it.array.member, it.i)
	if it.inner == nil {
		return outer
	}
	return outer.(container).at(it.inner.member, it.j)
}

// SetNumber sets a numeric member. Refused with a *ValueError: NaN, infinities, a fraction
// for an integer, a field of another array or kind.
func (it Item) SetNumber(f *Field, x float64) error { return setNumber(it.resolve(), f, x) }

// SetString sets a member of text, an enumeration, or a "true"/"false" member. Refused with a
// *ValueError: a value outside the enumeration, an empty one, a field of another array or kind.
func (it Item) SetString(f *Field, s string) error { return setString(it.resolve(), f, s) }

// Key returns the item's identifier, "" where its array has none.
func (it Item) Key() string {
	f := it.array
	if it.inner != nil {
		f = it.inner
	}
	if f == nil || f.Key == "" {
		return ""
	}
	if s := it.resolve().text(keyMember); s != nil {
		return *s
	}
	return ""
}

// AddItem adds an item to an array inside the item (ipmiProcessorArray has one).
func (it Item) AddItem(array *Field, key string) (Item, error) {
	o := it.resolve()
	if o == nil || it.inner != nil || array == nil || array.Kind != KindItems || array.owner != o.owner() {
		return Item{}, refuse(array, ruleOwner, key)
	}
	c, ok := o.(container)
	if !ok {
		return Item{}, refuse(array, ruleOwner, key)
	}
	if err := addTo(c, array, key); err != nil {
		return Item{}, err
	}
	return Item{m: it.m, array: it.array, inner: array, i: it.i, j: c.length(array.member) - 1}, nil
}

// keyMember is the index of every identifier: the generator sees to it that it comes first.
const keyMember = 0

// SetNumber sets a numeric member of the block or of ipmi. Refused with a *ValueError: NaN,
// infinities, a fraction for an integer, a field of another place or kind.
func (m *Measurement) SetNumber(f *Field, x float64) error {
	if f == nil {
		return refuse(f, ruleOwner, formatFloat(x))
	}
	return setNumber(m.block(f.owner), f, x)
}

// block returns the object for members outside arrays.
func (m *Measurement) block(o owner) item {
	switch o {
	case ownerMeasurement:
		return m
	case ownerIPMI:
		return &m.IPMI
	}
	return nil
}

func (m *Measurement) container(o owner) container {
	switch o {
	case ownerMeasurement:
		return m
	case ownerIPMI:
		return &m.IPMI
	}
	return nil
}

// AddItem adds an item to an array, with its identifier set to key; key must be empty
// exactly where array.Key is. Items are not looked up by key: FindItem does that.
func (m *Measurement) AddItem(array *Field, key string) (Item, error) {
	if array == nil || array.Kind != KindItems {
		return Item{}, refuse(array, ruleKind, key)
	}
	c := m.container(array.owner)
	if c == nil {
		return Item{}, refuse(array, ruleUnmapped, key)
	}
	if err := addTo(c, array, key); err != nil {
		return Item{}, err
	}
	return Item{m: m, array: array, i: c.length(array.member) - 1}, nil
}

func addTo(c container, array *Field, key string) error {
	if array.Key == "" && key != "" {
		return &ValueError{Path: array.Path, Rule: "has no identifier", Value: strconv.Quote(key)}
	}
	if array.Key != "" && key == "" {
		return &ValueError{Path: array.Path + "." + array.Key, Rule: ruleEmpty, Value: `""`}
	}
	it := c.grow(array.member)
	if it == nil {
		return refuse(array, ruleUnmapped, key)
	}
	if key != "" {
		*it.text(keyMember) = key
	}
	return nil
}

// Items returns the number of items in an array, 0 for what is no array of the block.
func (m *Measurement) Items(array *Field) int {
	if array == nil || array.Kind != KindItems {
		return 0
	}
	c := m.container(array.owner)
	if c == nil {
		return 0
	}
	return c.length(array.member)
}

// FindItem returns the first item of an array with that identifier. It takes time linear in
// the array's length.
func (m *Measurement) FindItem(array *Field, key string) (Item, bool) {
	if array == nil || array.Key == "" {
		return Item{}, false
	}
	c := m.container(array.owner)
	for i := range m.Items(array) {
		if s := c.at(array.member, i).text(keyMember); s != nil && *s == key {
			return Item{m: m, array: array, i: i}, true
		}
	}
	return Item{}, false
}

// Group is a handle to one item of additionalMeasurements. It stays valid until the
// Measurement is reset.
type Group struct {
	m *Measurement
	i int
}

// AddGroup adds a named group to additionalMeasurements. Groups are not looked up by name:
// FindGroup does that.
func (m *Measurement) AddGroup(name string) Group {
	s := m.AdditionalMeasurements
	if n := len(s); n < cap(s) {
		s = s[:n+1]
		s[n].Name, s[n].HashMap = name, s[n].HashMap[:0]
	} else {
		s = append(s, NamedHashMap{Name: name})
	}
	m.AdditionalMeasurements = s
	return Group{m: m, i: len(s) - 1}
}

// FindGroup returns the first group of that name, in time linear in their number.
func (m *Measurement) FindGroup(name string) (Group, bool) {
	for i := range m.AdditionalMeasurements {
		if m.AdditionalMeasurements[i].Name == name {
			return Group{m: m, i: i}, true
		}
	}
	return Group{}, false
}

func (g Group) hashMap() *HashMap { return &g.m.AdditionalMeasurements[g.i].HashMap }

// Name returns the group's name.
func (g Group) Name() string { return g.m.AdditionalMeasurements[g.i].Name }

// Len returns the number of entries.
func (g Group) Len() int { return len(*g.hashMap()) }

// Set adds an entry or changes its value.
func (g Group) Set(key, value string) { g.hashMap().Set(key, value) }

// SetNumber adds an entry or changes its value; NaN and infinities are refused with a
// *ValueError.
func (g Group) SetNumber(key string, x float64) error { return g.hashMap().SetNumber(key, x) }

// AddLatencyBucket adds a bucket to latencyDistribution: count requests whose latency was at
// least low and below high, both in milliseconds; high is absent for the last one. Refused
// with a *ValueError: anything not finite, a negative count, bounds that do not ascend.
func (m *Measurement) AddLatencyBucket(low float64, high Opt[float64], count float64) error {
	const path = "latencyDistribution"
	for _, x := range [...]float64{low, high.Value, count} {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return &ValueError{Path: path, Rule: ruleFinite, Value: formatFloat(x)}
		}
	}
	if count < 0 {
		return &ValueError{Path: path + ".countsInTheBucket", Rule: "must not be negative", Value: formatFloat(count)}
	}
	if high.Set && high.Value <= low {
		return &ValueError{Path: path + ".highEndOfLatencyBucket", Rule: "must be above its low end " + formatFloat(low), Value: formatFloat(high.Value)}
	}
	m.LatencyDistribution = append(m.LatencyDistribution, LatencyBucketMeasure{
		CountsInTheBucket: Some(count), LowEndOfLatencyBucket: Some(low), HighEndOfLatencyBucket: high,
	})
	return nil
}

// SetHash adds or changes an entry of a hashMap field: additionalFields, featureUsageArray.
func (m *Measurement) SetHash(f *Field, key, value string) error {
	h := m.hashOf(f)
	if h == nil {
		return refuse(f, ruleKind, strconv.Quote(value))
	}
	h.Set(key, value)
	return nil
}

// SetHashNumber is SetHash for a number, sent as a decimal string.
func (m *Measurement) SetHashNumber(f *Field, key string, x float64) error {
	h := m.hashOf(f)
	if h == nil {
		return refuse(f, ruleKind, formatFloat(x))
	}
	if err := h.SetNumber(key, x); err != nil {
		return &ValueError{Path: f.Path + "." + key, Rule: ruleFinite, Value: formatFloat(x)}
	}
	return nil
}

func (m *Measurement) hashOf(f *Field) *HashMap {
	if f == nil || f.owner != ownerMeasurement {
		return nil
	}
	return m.hash(f.member)
}

// Incomplete names an array item that was dropped for lack of required members.
type Incomplete struct {
	Array   string   // path of the array
	Key     string   // the item's identifier, "" if it has none
	Missing []string // names of the members that were unknown
}

// String says it in one line.
func (i Incomplete) String() string {
	return i.Array + "[" + strconv.Quote(i.Key) + "] without " + strings.Join(i.Missing, ", ")
}

// dropIncomplete keeps the complete items of s in order. Dropped ones move behind the end
// rather than being overwritten, so that what they hold is reused and never shared.
func dropIncomplete[T any, P interface {
	*T
	item
}](s []T, array string, out []Incomplete) ([]T, []Incomplete) {
	n := 0
	for i := range s {
		p := P(&s[i])
		if !p.complete() {
			d := Incomplete{Array: array, Missing: p.missing()}
			if k := p.text(keyMember); k != nil {
				d.Key = *k
			}
			out = append(out, d)
			continue
		}
		if n != i {
			s[n], s[i] = s[i], s[n]
		}
		n++
	}
	return s[:n], out
}

func setNumber(it item, f *Field, x float64) error {
	if it == nil || f == nil || f.owner != it.owner() {
		return refuse(f, ruleOwner, formatFloat(x))
	}
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return &ValueError{Path: f.Path, Rule: ruleFinite, Value: formatFloat(x)}
	}
	if p := it.number(f.member); p != nil {
		p.Value, p.Set = x, true
		return nil
	}
	p := it.integer(f.member)
	if p == nil {
		return refuse(f, ruleKind, formatFloat(x))
	}
	if x != math.Trunc(x) || math.Abs(x) > maxExactInteger {
		return &ValueError{Path: f.Path, Rule: ruleInteger, Value: formatFloat(x)}
	}
	p.Value, p.Set = int64(x), true
	return nil
}

func setString(it item, f *Field, s string) error {
	if it == nil || f == nil || f.owner != it.owner() {
		return refuse(f, ruleOwner, strconv.Quote(s))
	}
	if s == "" {
		return &ValueError{Path: f.Path, Rule: ruleEmpty, Value: `""`}
	}
	if p := it.text(f.member); p != nil {
		*p = s
		return nil
	}
	if p := it.boolean(f.member); p != nil {
		if s != "true" && s != "false" {
			return &ValueError{Path: f.Path, Rule: ruleBool, Value: strconv.Quote(s)}
		}
		p.Value, p.Set = s == "true", true
		return nil
	}
	if f.Kind != KindEnum {
		return refuse(f, ruleKind, strconv.Quote(s))
	}
	if !it.setEnum(f.member, s) {
		return &ValueError{Path: f.Path, Rule: "must be one of " + strings.Join(f.Enum, ", "), Value: strconv.Quote(s)}
	}
	return nil
}

func refuse(f *Field, rule, value string) error {
	if f == nil {
		return &ValueError{Path: "(no field)", Rule: rule, Value: value}
	}
	return &ValueError{Path: f.Path, Rule: rule + " (" + f.Kind.String() + ")", Value: value}
}

// growItem appends one empty item, reusing what an earlier one left behind.
func growItem[T any, P interface {
	*T
	item
	reset()
}](s *[]T) item {
	n := len(*s)
	if n < cap(*s) {
		*s = (*s)[:n+1]
		p := P(&(*s)[n])
		p.reset()
		return p
	}
	var zero T
	*s = append(*s, zero)
	return P(&(*s)[n])
}
