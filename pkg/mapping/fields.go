package mapping

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/vesbridge/vesbridge/pkg/ves"
)

// fields compiles the fields section against the VES model.
func (b *builder) fields(n *yaml.Node) {
	before := len(*b.problems)
	scalars := &block{kind: scalarBlock}
	entries := b.entries(n, "fields")
	for _, e := range entries {
		b.field(scalars, "", e)
	}
	if len(entries) == 0 && len(*b.problems) == before {
		b.addf(n, "add at least one VES field", "fields of mapping %q is empty", b.m.Name)
	}
	if len(scalars.numbers)+len(scalars.strings) > 0 {
		b.m.blocks = append([]*block{scalars}, b.m.blocks...)
	}
	b.settleItems()
}

// settleItems finds what is only known once all blocks are.
func (b *builder) settleItems() {
	omitted, _ := ves.FieldAt(b.opts.Version, b.domain, "additionalFields")
	for _, bl := range b.m.blocks {
		if bl.kind != itemBlock {
			continue
		}
		bl.omitted = omitted
		same := 0
		for _, other := range b.m.blocks {
			if other.kind == itemBlock && other.field == bl.field {
				same++
			}
		}
		bl.shared = same > 1 || bl.keyText != nil && (bl.keyText.label < len(b.m.Entity) || len(bl.from) > 1)
	}
}

// ownedByEngine are the members that the engine fills itself.
func ownedByEngine(name string) bool {
	return name == "measurementInterval" || strings.HasSuffix(name, "FieldsVersion")
}

// field compiles one entry of fields, or of an object within it (prefix "ipmi.").
func (b *builder) field(scalars *block, prefix string, e entry) {
	path := prefix + e.key.Value
	if ownedByEngine(path) {
		b.addf(e.key, "remove it", "%s is filled by the bridge itself", path)
		return
	}
	f, err := ves.FieldAt(b.opts.Version, b.domain, path)
	if err != nil {
		text, hint, _ := strings.Cut(err.Error(), "; ")
		if hint == "" {
			hint = "see the list of VES fields, or use additionalMeasurements or additionalFields"
		}
		b.addf(e.key, hint, "%s", text)
		return
	}
	switch f.Kind {
	case ves.KindNumber, ves.KindInteger, ves.KindString, ves.KindEnum, ves.KindBoolString:
		b.member(scalars, f, e, b.m.Entity)
	case ves.KindItems:
		if path == "latencyDistribution" {
			b.latency(f, e)
			return
		}
		b.items(f, e)
	case ves.KindNamedHashMaps:
		b.groups(f, e)
	case ves.KindHashMap:
		b.hash(f, e)
	case ves.KindObject:
		for _, inner := range b.entries(e.value, path) {
			b.field(scalars, path+".", inner)
		}
	default:
		b.addf(e.key, "use additionalMeasurements or additionalFields", "field %s (%s) cannot be filled by a mapping", path, f.Kind)
	}
}

// line adds a line to the account and returns its index.
func (b *builder) line(path string, n *yaml.Node) int {
	b.m.fields = append(b.m.fields, fieldInfo{path: path, line: lineOf(n)})
	return len(b.m.fields) - 1
}

// member compiles one member with a VES field of its own into a block.
func (b *builder) member(into *block, f *ves.Field, e entry, names []string) {
	if !f.Settable() {
		b.addf(e.key, "use additionalMeasurements or additionalFields", "field %s cannot be filled by a mapping", f.Path)
		return
	}
	numeric := f.Kind == ves.KindNumber || f.Kind == ves.KindInteger
	if !numeric && e.value.Kind == yaml.ScalarNode {
		b.stringMember(into, f, e, names)
		return
	}
	form, ok := b.form(f.Path, e.value, !numeric)
	if !ok {
		return
	}
	if !numeric && form.values == nil {
		b.addf(e.value, "add `values: {1: inService, 0: outOfService}`, or write the text itself", "%s is %s, an expression gives a number", f.Path, f.Kind)
		return
	}
	for _, v := range form.values {
		b.checkText(f, e.value, v)
	}
	sc := noScale()
	if form.unit.Value != "" {
		if sc, ok = b.fieldScale(f, form); !ok {
			return
		}
	}
	if form.to.Value != "" {
		b.problems.Addf(b.file, form.to.Line, "remove it", "%s has a unit of its own, %s", f.Path, unitOf(f))
	}
	q := b.compile(form.expr, f.Path, into.from, 0)
	into.numbers = append(into.numbers, number{
		line: b.line(f.Path, e.key), field: f, query: q, scale: sc, values: form.values,
		signed: form.signed || strings.HasPrefix(f.Path, "ipmi."), fold: form.folds(f, q),
	})
}

func unitOf(f *ves.Field) string {
	switch f.Unit {
	case ves.UnitCount:
		return "count"
	case ves.UnitNone:
		return "none"
	}
	return f.Unit.String()
}

// fieldScale converts the expression's unit to the field's.
func (b *builder) fieldScale(f *ves.Field, form exprForm) (scale, bool) {
	fail := func(remedy, format string, args ...any) (scale, bool) {
		b.problems.Addf(b.file, form.unit.Line, remedy, format, args...)
		return scale{}, false
	}
	switch f.Unit {
	case ves.UnitUnstated:
		return fail("convert in the expression and remove unit", "VES does not say the unit of %s, so that nothing can be converted to it", f.Path)
	case ves.UnitNone:
		return fail("remove unit", "%s has no unit", f.Path)
	}
	sc, err := convert(form.unit.Value, unitOf(f))
	if err != nil {
		return fail(fmt.Sprintf("%s is in %s: use one of %s", f.Path, unitOf(f), unitNames(dimensionOf(unitOf(f)))), "unit of %s: %v", f.Path, err)
	}
	return sc, true
}

func dimensionOf(name string) string { return units()[name].dimension }

func (b *builder) stringMember(into *block, f *ves.Field, e entry, names []string) {
	t := b.template(e.value, f.Path, names)
	if t == nil {
		return
	}
	if c, ok := t.constant(); ok {
		b.checkText(f, e.value, c)
	}
	into.strings = append(into.strings, stringMember{line: b.line(f.Path, e.key), field: f, tmpl: t})
}

// checkText says at load what ves would refuse at run time.
func (b *builder) checkText(f *ves.Field, n *yaml.Node, s string) {
	switch {
	case f.Kind == ves.KindEnum && !slices.Contains(f.Enum, s):
		b.addf(n, "write one of "+strings.Join(f.Enum, ", "), "%s is %q", f.Path, s)
	case f.Kind == ves.KindBoolString && s != "true" && s != "false":
		b.addf(n, `write "true" or "false"`, "%s is %q", f.Path, s)
	}
}

// exprForm is `expr` or `{expr: …, unit: …, …}`.
type exprForm struct {
	expr, unit, to, value text
	values                map[float64]string
	signed                bool
	other                 string // "", "sum" or "drop"
}

func (b *builder) form(path string, n *yaml.Node, textual bool) (exprForm, bool) {
	before := len(*b.problems)
	var form exprForm
	if n.Kind == yaml.ScalarNode {
		t, ok := b.scalar(n, path)
		form.expr = t
		return form, ok
	}
	if n.Kind != yaml.MappingNode {
		b.addf(n, "write an expression, or {expr: …, unit: …}", "%s is not an expression", path)
		return form, false
	}
	handlers := map[string]func(*yaml.Node){
		"expr":   func(n *yaml.Node) { form.expr, _ = b.scalar(n, path+".expr") },
		"unit":   func(n *yaml.Node) { form.unit, _ = b.scalar(n, path+".unit") },
		"to":     func(n *yaml.Node) { form.to, _ = b.scalar(n, path+".to") },
		"value":  func(n *yaml.Node) { form.value, _ = b.scalar(n, path+".value") },
		"signed": func(n *yaml.Node) { b.boolean(n, path+".signed", &form.signed) },
		"other":  func(n *yaml.Node) { form.other = b.choice(n, path+".other", "sum", "drop") },
	}
	if textual {
		handlers["values"] = func(n *yaml.Node) { form.values = b.values(n, path) }
	}
	b.keys(n, path, handlers)
	if form.expr.Value == "" && form.value.Value == "" && len(*b.problems) == before {
		b.addf(n, "add expr: with a PromQL expression", "%s has no expression", path)
	}
	return form, len(*b.problems) == before
}

// values reads {1: inService, 0: outOfService}.
func (b *builder) values(n *yaml.Node, path string) map[float64]string {
	out := map[float64]string{}
	for _, e := range b.entries(n, path+".values") {
		v, err := strconv.ParseFloat(e.key.Value, 64)
		if err != nil {
			b.addf(e.key, "write the number that the expression gives", "key %q of %s.values is not a number", e.key.Value, path)
			continue
		}
		if t, ok := b.scalar(e.value, path+".values"); ok {
			out[v] = t.Value
		}
	}
	return out
}

var increaseOnly = regexp.MustCompile(`^(?s:(?:sum\s*(?:by\s*\([^)]*\)\s*)?\(\s*)?increase\s*\([^()]*\)\s*\)?(?:\s*by\s*\([^)]*\))?)$`)

// folds says whether values of several items may be added up in the `other` bucket: an
// increase may, a rate, peak, mean or ratio may not. Where the expression is not
// plainly an increase the mapping must say so.
func (form exprForm) folds(f *ves.Field, q *Query) bool {
	switch {
	case form.other != "":
		return form.other == "sum"
	case q == nil || form.values != nil || f != nil && f.Unit == ves.UnitPercent:
		return false
	}
	return q.Windowed && increaseOnly.MatchString(strings.TrimSpace(form.expr.Value))
}

// items compiles an array: a list of entries, each giving items per `from` labels.
func (b *builder) items(f *ves.Field, e entry) {
	if !f.Settable() {
		b.addf(e.key, "use additionalMeasurements", "field %s cannot be filled by a mapping", f.Path)
		return
	}
	list := []*yaml.Node{e.value}
	if e.value.Kind == yaml.SequenceNode {
		list = e.value.Content
	}
	if len(list) == 0 {
		b.addf(e.value, "add `- {key: …, from: …, …}`", "%s is an empty list", f.Path)
	}
	for _, n := range list {
		b.itemEntry(f, resolve(n))
	}
}

func (b *builder) itemEntry(f *ves.Field, n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		b.addf(n, "write a list of items, `- {key: …, from: …, MEMBER: EXPR}`", "%s is an array, this is no item of it", f.Path)
		return
	}
	before := len(*b.problems)
	bl := &block{kind: itemBlock, name: f.Path, field: f, limit: b.m.Limits.Items}
	bl.suspect, _ = ves.FieldAt(b.opts.Version, b.domain, f.Path+".valuesAreSuspect")
	bl.overflow = b.line(f.Path, n)
	var members []entry
	var listed []string
	for _, e := range b.entries(n, "an item of "+f.Path) {
		switch e.key.Value {
		case "key":
			if t, ok := b.scalar(e.value, "key"); ok && t.Value != f.Key {
				b.addf(e.value, keyRemedy(f), "key of %s is %q", f.Path, t.Value)
			}
		case "from":
			listed = b.labels(e.value, "from")
		default:
			members = append(members, e)
		}
	}
	bl.from = without(listed, b.m.Entity)
	names := append(slices.Clone(b.m.Entity), bl.from...)
	for _, e := range members {
		b.itemMember(bl, f, e, names)
	}
	b.itemKey(bl, f, n, listed, names)
	if len(bl.numbers) == 0 && len(*b.problems) == before {
		b.addf(n, "add a member with an expression", "an item of %s has no number in it", f.Path)
	}
	if missing := b.missingMembers(bl, f); len(missing) > 0 && len(*b.problems) == before {
		b.addf(n, "add them; VES refuses items without", "an item of %s lacks the required %s", f.Path, strings.Join(missing, ", "))
	}
	b.m.blocks = append(b.m.blocks, bl)
}

// missingMembers lists the required members that an item would never have.
func (b *builder) missingMembers(bl *block, f *ves.Field) []string {
	var out []string
	for mf := range ves.Fields(b.opts.Version, b.domain) {
		if mf.Parent() != f.Path || !mf.Required || mf.Name == f.Key || mf == bl.suspect ||
			slices.ContainsFunc(bl.numbers, func(n number) bool { return n.field == mf }) ||
			slices.ContainsFunc(bl.strings, func(s stringMember) bool { return s.field == mf }) {
			continue
		}
		out = append(out, mf.Name)
	}
	return out
}

func (b *builder) itemMember(bl *block, f *ves.Field, e entry, names []string) {
	if f.Key != "" && e.key.Value == f.Key {
		bl.keyText = b.template(e.value, f.Path+"."+f.Key, names)
		return
	}
	mf, err := ves.FieldAt(b.opts.Version, b.domain, f.Path+"."+e.key.Value)
	if err != nil {
		var known []string
		for k := range ves.Fields(b.opts.Version, b.domain) {
			if k.Parent() == f.Path {
				known = append(known, k.Name)
			}
		}
		b.addf(e.key, suggest(e.key.Value, known), "items of %s have no member %q", f.Path, e.key.Value)
		return
	}
	switch mf.Kind {
	case ves.KindNumber, ves.KindInteger, ves.KindString, ves.KindEnum, ves.KindBoolString:
		bl.ownSuspect = bl.ownSuspect || mf == bl.suspect
		b.member(bl, mf, e, names)
	default:
		b.addf(e.key, "leave it out", "member %s (%s) cannot be filled by a mapping", mf.Path, mf.Kind)
	}
}

func keyRemedy(f *ves.Field) string {
	if f.Key == "" {
		return "remove it: the items have no identifier"
	}
	return fmt.Sprintf("write `key: %s`", f.Key)
}

// itemKey settles what the identifier of an item is made of.
func (b *builder) itemKey(bl *block, f *ves.Field, n *yaml.Node, listed, names []string) {
	switch {
	case bl.keyText != nil:
	case f.Key == "" && len(bl.from) == 0:
	case f.Key == "":
		b.addf(n, "remove from, so that there is one item per entity", "items of %s have no identifier to tell several apart", f.Path)
	case len(listed) == 0:
		b.addf(n, fmt.Sprintf("add `from: LABEL`, or `%s: TEXT`", f.Key), "an item of %s has no %s", f.Path, f.Key)
	default:
		bl.keyText = b.joined(listed, names, n)
	}
}

// joined is the template that writes labels with / between them.
func (b *builder) joined(labels, names []string, n *yaml.Node) *labelTemplate {
	parts := make([]string, len(labels))
	for i, l := range labels {
		parts[i] = "{{ ." + l + " }}"
	}
	t, err := newTemplate(text{Value: strings.Join(parts, "/"), Line: lineOf(n)}, names)
	if err != nil {
		b.addf(n, "use labels of the entity or of from", "%v", err)
	}
	return t
}

func without(list, drop []string) []string {
	var out []string
	for _, l := range list {
		if !slices.Contains(drop, l) {
			out = append(out, l)
		}
	}
	return out
}

// groups compiles additionalMeasurements.
func (b *builder) groups(f *ves.Field, e entry) {
	for _, g := range b.entries(e.value, f.Path) {
		b.group(f, g)
	}
}

// group compiles one named group: {by: …, name: …, key: expr, …}.
func (b *builder) group(f *ves.Field, g entry) {
	bl := &block{kind: groupBlock, name: f.Path + "." + g.key.Value, group: g.key.Value, limit: b.m.Limits.Groups}
	bl.overflow = b.line(bl.name, g.key)
	var by []indexLabel
	var name *yaml.Node
	var members []entry
	for _, e := range b.entries(g.value, bl.name) {
		switch e.key.Value {
		case "by":
			by = b.by(e.value, bl.name)
		case "name":
			name = e.value
		default:
			members = append(members, e)
		}
	}
	for _, l := range by {
		if !slices.Contains(b.m.Entity, l.label) {
			bl.from, bl.index = append(bl.from, l.label), append(bl.index, l.key)
		}
	}
	names := append(slices.Clone(b.m.Entity), bl.from...)
	taken := map[string]bool{}
	for _, l := range by {
		taken[l.key] = true
		if slices.Contains(b.m.Entity, l.label) {
			if t := b.joined([]string{l.label}, names, g.value); t != nil {
				bl.strings = append(bl.strings, stringMember{line: b.line(bl.name+"."+l.key, g.key), key: l.key, tmpl: t, index: true})
			}
		}
	}
	if name != nil {
		bl.nameText = b.template(name, bl.name+".name", names)
	}
	for _, e := range members {
		if taken[e.key.Value] {
			b.addf(e.key, "rename it; the key carries the label of by", "key %q of %s is given twice", e.key.Value, bl.name)
			continue
		}
		b.hashMember(bl, bl.name, e, names)
	}
	if len(bl.numbers) == 0 {
		b.addf(g.key, "add a key with an expression", "group %s has no number in it", bl.name)
	}
	b.m.blocks = append(b.m.blocks, bl)
}

type indexLabel struct{ key, label string }

// by reads a label, a list of labels, or {key: label}. Without a key of their own,
// labels are carried under their camelCase name: envoy_cluster_name as envoyClusterName.
func (b *builder) by(n *yaml.Node, what string) []indexLabel {
	var out []indexLabel
	if n.Kind == yaml.MappingNode {
		for _, e := range b.entries(n, what+".by") {
			for _, l := range b.labels(e.value, what+".by") {
				out = append(out, indexLabel{e.key.Value, l})
			}
		}
		return out
	}
	for _, l := range b.labels(n, what+".by") {
		out = append(out, indexLabel{camelCase(l), l})
	}
	return out
}

// camelCase turns a label name into a key as R-470963 wants it.
func camelCase(label string) string {
	var s strings.Builder
	for part := range strings.SplitSeq(label, "_") {
		if part == "" {
			continue
		}
		if s.Len() == 0 {
			s.WriteString(strings.ToLower(part[:1]) + part[1:])
			continue
		}
		s.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return s.String()
}

// hash compiles a hashMap field: additionalFields, featureUsageArray.
func (b *builder) hash(f *ves.Field, e entry) {
	bl := &block{kind: hashBlock, name: f.Path, field: f}
	for _, m := range b.entries(e.value, f.Path) {
		b.hashMember(bl, f.Path, m, b.m.Entity)
	}
	if len(bl.numbers)+len(bl.strings) > 0 {
		b.m.blocks = append(b.m.blocks, bl)
	}
}

// hashMember compiles one entry of a hashMap: an expression, a template with {{ }} in
// it, or {value: text}.
func (b *builder) hashMember(bl *block, where string, e entry, names []string) {
	path := where + "." + e.key.Value
	if k := e.key.Value; k == "" || strings.ContainsFunc(k, unicode.IsSpace) {
		b.addf(e.key, "write a camelCase key", "key %q of %s is empty or has white space in it", k, where)
		return
	}
	if e.value.Kind == yaml.ScalarNode && strings.Contains(e.value.Value, "{{") {
		b.textEntry(bl, path, e, e.value, names)
		return
	}
	form, ok := b.form(path, e.value, true)
	if !ok {
		return
	}
	if form.value.Value != "" {
		if form.expr.Value != "" {
			b.addf(e.value, "keep one of the two", "%s has both value and expr", path)
			return
		}
		b.textEntry(bl, path, e, &yaml.Node{Kind: yaml.ScalarNode, Value: form.value.Value, Line: form.value.Line}, names)
		return
	}
	sc, ok := b.hashScale(path, form)
	if !ok {
		return
	}
	q := b.compile(form.expr, path, bl.from, 0)
	bl.numbers = append(bl.numbers, number{
		line: b.line(path, e.key), key: e.key.Value, query: q, scale: sc, unit: cmp.Or(form.to.Value, form.unit.Value), values: form.values,
		signed: form.signed, fold: form.folds(nil, q),
	})
}

func (b *builder) textEntry(bl *block, path string, e entry, value *yaml.Node, names []string) {
	if t := b.template(value, path, names); t != nil {
		bl.strings = append(bl.strings, stringMember{line: b.line(path, e.key), key: e.key.Value, tmpl: t})
	}
}

// hashScale converts where both units are given; a hashMap entry has no unit of its own.
func (b *builder) hashScale(path string, form exprForm) (scale, bool) {
	if form.to.Value == "" {
		if _, known := units()[form.unit.Value]; form.unit.Value != "" && !known {
			b.problems.Addf(b.file, form.unit.Line, "use one of "+unitNames(""), "unit of %s: unknown unit %q", path, form.unit.Value)
			return scale{}, false
		}
		return noScale(), true
	}
	if form.unit.Value == "" {
		b.problems.Addf(b.file, form.to.Line, "add unit: with the expression's own unit", "%s says what to convert to, not what from", path)
		return scale{}, false
	}
	sc, err := convert(form.unit.Value, form.to.Value)
	if err != nil {
		b.problems.Addf(b.file, form.unit.Line, "use one of "+unitNames(dimensionOf(form.to.Value)), "unit of %s: %v", path, err)
		return scale{}, false
	}
	return sc, true
}
