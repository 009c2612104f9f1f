package mapping

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vesbridge/vesbridge/pkg/ves"
)

// The values of the keyword aggregationRole.
const (
	roleIndex             = "index"
	roleReference         = "reference"
	roleGauge             = "gauge"
	roleCumulativeCounter = "cumulativeCounter"
)

// fieldUse gathers which measurement fields the mappings of one eventName fill, and how.
type fieldUse struct {
	version ves.Version
	typed   map[*ves.Field]*typedUse
	pairs   map[*ves.Field][]*element // keyValuePairs of hashMap fields
	groups  []*element                // namedHashMaps
	byPath  map[string]*ves.Field
}

// typedUse is what the mappings do to one field.
type typedUse struct {
	texts    []string // what it is set to
	anything bool     // or to what is known at run time only
	signed   bool     // negative numbers are let through
	number   bool
	made     []string // templates behind anything
	notes    []string
}

func newFieldUse(v ves.Version) *fieldUse {
	f := &fieldUse{
		version: v, typed: map[*ves.Field]*typedUse{}, pairs: map[*ves.Field][]*element{}, byPath: map[string]*ves.Field{},
	}
	for field := range ves.Fields(v, ves.DomainMeasurement) {
		f.byPath[field.Path] = field
	}
	return f
}

func (f *fieldUse) of(field *ves.Field) *typedUse {
	u := f.typed[field]
	if u == nil {
		u = &typedUse{}
		f.typed[field] = u
	}
	return u
}

func (f *fieldUse) block(m *Mapping, b *block) {
	switch b.kind {
	case scalarBlock:
		f.members(b)
	case itemBlock:
		f.items(m, b)
	case groupBlock:
		f.groups = append(f.groups, group(b))
	case hashBlock:
		for _, e := range b.pairs() {
			f.pair(b.field, e)
		}
	case latencyBlock:
		f.of(b.field)
		for _, name := range []string{"countsInTheBucket", "lowEndOfLatencyBucket", "highEndOfLatencyBucket"} {
			if field := f.byPath[b.field.Path+"."+name]; field != nil {
				// Bounds are the histogram's own and may lie below 0.
				f.of(field).signed = name != "countsInTheBucket"
				f.of(field).number = true
			}
		}
	}
}

// members notes the numbers and texts of a block with fields of their own.
func (f *fieldUse) members(b *block) {
	for i := range b.numbers {
		n := &b.numbers[i]
		u := f.of(n.field)
		if n.values == nil {
			u.number, u.signed = true, u.signed || !n.judged() || n.signed
			continue
		}
		u.texts = append(u.texts, n.texts()...)
	}
	for i := range b.strings {
		f.text(b.strings[i].field, b.strings[i].tmpl)
	}
}

func (u *typedUse) note(s string) {
	if !slices.Contains(u.notes, s) {
		u.notes = append(u.notes, s)
	}
}

// judged says whether the bridge refuses the number where it is negative though nothing
// below 0 makes sense: constants are taken as they are.
func (n *number) judged() bool { return len(n.query.Names)+len(n.query.Matchers) > 0 }

func (f *fieldUse) text(field *ves.Field, t *labelTemplate) {
	u := f.of(field)
	if c, ok := t.constant(); ok {
		u.texts = append(u.texts, c)
		return
	}
	u.anything = true
	if !slices.Contains(u.made, t.source) {
		u.made = append(u.made, t.source)
	}
}

// texts are the texts that a number is told as, sorted.
func (n *number) texts() []string {
	var out []string
	for _, v := range n.values {
		out = append(out, v)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (f *fieldUse) items(m *Mapping, b *block) {
	f.of(b.field)
	f.members(b)
	limited := len(b.from) > 0
	if key := f.byPath[b.field.Path+"."+b.field.Key]; b.field.Key != "" && key != nil && b.keyText != nil {
		f.text(key, b.keyText)
		if limited {
			u := f.of(key)
			u.texts = append(u.texts, otherKey)
			u.note(fmt.Sprintf("%q adds up what is beyond %d items", otherKey, m.Limits.Items))
		}
	}
	if b.suspect != nil {
		// The bridge sets it to "true" itself where it doubts a counter or adds items up.
		u := f.of(b.suspect)
		u.texts = append(u.texts, "true")
		if !b.ownSuspect {
			u.texts = append(u.texts, "false")
		}
	}
	if limited && b.omitted != nil {
		f.pair(b.omitted, keyValuePair(b.field.Name+"Omitted", optional, &element{
			castTo: "number", aggregationRole: roleGauge, nonNegative: true,
			comment: fmt.Sprintf("how many items there were beyond %d", m.Limits.Items),
		}))
	}
}

// pair adds an entry of a hashMap field, once.
func (f *fieldUse) pair(field *ves.Field, e *element) {
	same := func(have *element) bool { return have.children[0].value[0] == e.children[0].value[0] }
	if !slices.ContainsFunc(f.pairs[field], same) {
		f.pairs[field] = append(f.pairs[field], e)
	}
	f.of(field)
}

// elements describes the members of measurementFields in the model's order.
func (f *fieldUse) elements(interval float64) []*element {
	root := &element{}
	at := map[string]*element{"": root}
	for field := range ves.Fields(f.version, ves.DomainMeasurement) {
		parent := at[field.Parent()]
		if parent == nil {
			continue
		}
		if e := f.element(field, interval); e != nil {
			parent.children = append(parent.children, e)
			at[field.Path] = e
			if field.Kind == ves.KindItems {
				item := object(itemName(field), required)
				e.array, e.children = true, []*element{item}
				at[field.Path] = item
			}
		}
	}
	return root.children
}

// element describes one field; nil where no mapping fills it.
func (f *fieldUse) element(field *ves.Field, interval float64) *element {
	e := &element{name: field.Name, presence: optional, comment: field.Doc}
	if field.Required {
		e.presence = required
	}
	switch {
	case field.Path == "measurementFieldsVersion":
		e.value = texts(field.Enum...)
		return e
	case field.Path == "measurementInterval":
		e.value, e.units = []literal{numberLiteral(interval)}, unitWord(field.Unit.String())
		return e
	case field.Kind == ves.KindObject:
		if !f.within(field) {
			return nil
		}
		return e
	case field.Kind == ves.KindNamedHashMaps:
		if len(f.groups) == 0 {
			return nil
		}
		e.array, e.children = true, f.groups
		return e
	}
	u := f.typed[field]
	if u == nil {
		return nil
	}
	if field.Kind == ves.KindHashMap {
		e.array, e.children = true, f.pairs[field]
		return e
	}
	e.units = unitWord(field.Unit.String())
	e.nonNegative = u.number && !u.signed
	made := ""
	if len(u.made) > 0 {
		made = madeOf + strings.Join(u.made, ", ")
	}
	e.comment = join(append([]string{field.Doc, made}, u.notes...)...)
	switch {
	case len(u.texts) > 0 && !u.anything:
		slices.Sort(u.texts)
		e.value = texts(slices.Compact(u.texts)...)
	case field.Kind == ves.KindEnum:
		e.value = texts(field.Enum...)
	case field.Kind == ves.KindBoolString:
		e.value = texts("true", "false")
	}
	return e
}

// within says whether any field inside an object is filled.
func (f *fieldUse) within(object *ves.Field) bool {
	for field := range f.typed {
		if strings.HasPrefix(field.Path, object.Path+".") {
			return true
		}
	}
	return false
}

// itemName is how the specification calls the items of an array: arrays of the
// registration name their elements.
func itemName(array *ves.Field) string {
	switch array.Name {
	case "latencyDistribution":
		return "latencyBucketMeasure"
	case "codecUsageArray":
		return "codecsInUse"
	}
	return strings.TrimSuffix(array.Name, "Array")
}

// keyValuePair describes one entry of a hashMap; value carries its qualifiers.
func keyValuePair(key, presence string, value *element) *element {
	value.name, value.presence = "value", required
	return object("keyValuePair", presence, &element{name: "key", presence: required, value: texts(key)}, value)
}

// pairs describes the entries that a block writes into its hashMap.
func (b *block) pairs() []*element {
	var out []*element
	for _, k := range b.index {
		out = append(out, keyValuePair(k, required, &element{aggregationRole: roleIndex}))
	}
	for i := range b.strings {
		s := &b.strings[i]
		value := &element{aggregationRole: roleReference}
		if s.index {
			value.aggregationRole = roleIndex
		}
		if c, ok := s.tmpl.constant(); ok {
			value.value = texts(c)
		} else if s.tmpl.label < 0 {
			value.comment = madeOf + s.tmpl.source
		}
		out = append(out, keyValuePair(s.key, optional, value))
	}
	for i := range b.numbers {
		n := &b.numbers[i]
		value := &element{units: unitWord(n.unit), castTo: "number", aggregationRole: n.role(), nonNegative: n.query.Windowed && n.judged() && !n.signed}
		if n.query.Windowed {
			value.comment = "over the measurement interval"
		} else {
			value.comment = "at the end of the measurement interval"
		}
		if n.values != nil {
			value = &element{value: texts(n.texts()...), aggregationRole: roleReference, comment: value.comment}
		}
		out = append(out, keyValuePair(n.key, optional, value))
	}
	return out
}

// group describes one group of additionalMeasurements.
func group(b *block) *element {
	name := &element{name: "name", presence: required, value: texts(b.group)}
	if b.nameText != nil {
		name.value, name.comment = nil, madeOf+b.nameText.source
		if c, ok := b.nameText.constant(); ok {
			name.value, name.comment = texts(c), ""
		}
	}
	pairs := b.pairs()
	g := object("namedHashMap", optional, name, &element{name: "hashMap", presence: required, array: true})
	if len(b.from) > 0 {
		pairs = append(pairs, keyValuePair("omitted", optional, &element{
			castTo: "number", aggregationRole: roleGauge, nonNegative: true,
			comment: fmt.Sprintf("how many namedHashMaps there were beyond %d; in the one that has it the index keys are %q", b.limit, otherKey),
		}))
		if rest := b.group + "/" + otherKey; len(name.value) > 0 && b.nameText != nil {
			name.value = append(name.value, texts(rest)...)
		} else if b.nameText != nil {
			name.comment = join(name.comment, strconv.Quote(rest)+" adds up what is beyond the limit")
		}
		g.comment = "one for each of: " + strings.Join(b.index, ", ")
	}
	g.children[1].children = pairs
	return g
}
