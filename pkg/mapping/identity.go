package mapping

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/vesbridge/vesbridge/internal/problem"
)

// headerFields are the header members that an identity table may set, in the order in
// which resolved values are held. The mapping's own event section may set the same
// ones and eventName and priority beside them.
func headerFields() []string {
	return []string{"sourceName", "sourceId", "reportingEntityId", "nfNamingCode", "nfcNamingCode", "nfVendorName", "eventType", "timeZoneOffset"}
}

const (
	hdrSourceName = iota
	hdrSourceID
	hdrReportingEntityID
	hdrNfNamingCode
	hdrNfcNamingCode
	hdrNfVendorName
	hdrEventType
	hdrTimeZoneOffset
	numHeaderFields
)

// Identity is the table that says who an entity is: which labels give which
// sourceName, naming codes and ids. It is immutable after ParseIdentity. The zero
// value and nil mean that there is no table.
//
// Entries are tried by falling priority, then in file order; for each header field the
// first entry that matches and sets it wins. Two entries of one priority that match
// the same entity and set the same field are a conflict: a problem at load where it is
// certain, counted at run time where it depends on the labels.
type Identity struct {
	entries []identityEntry // by falling priority, then file order
	labels  []string        // all labels that entries match on
}

type identityEntry struct {
	file     string
	line     int
	priority int
	match    []labelMatch
	set      [numHeaderFields]*text
}

type labelMatch struct {
	label, value string
	re           *regexp.Regexp // nil for an exact match
}

func (m labelMatch) matches(v string) bool {
	if m.re != nil {
		return m.re.MatchString(v)
	}
	return v == m.value
}

// ParseIdentity reads an identity table:
//
//	identity:                     # or the bare list
//	  - match: {namespace: ims, app: =~bono.*}
//	    set: {sourceName: '{{ .namespace }}-{{ .pod }}', nfNamingCode: imsx}
//	    priority: 10
//
// Every problem of the file is in the returned list; the table is usable where the
// list has no error.
func ParseIdentity(name string, body []byte) (*Identity, problem.List) {
	var problems problem.List
	d := &decoder{file: name, problems: &problems}
	id := &Identity{}
	for _, doc := range d.documents(body) {
		list := doc
		if doc.Kind == yaml.MappingNode {
			d.keys(doc, "the identity table", map[string]func(*yaml.Node){"identity": func(n *yaml.Node) { list = n }})
		}
		if list.Kind != yaml.SequenceNode {
			d.addf(list, "write a list of entries, each with match and set", "the identity table is not a list")
			continue
		}
		for _, n := range list.Content {
			if e, ok := d.identityEntry(resolve(n)); ok {
				id.entries = append(id.entries, e)
			}
		}
	}
	id.checkConflicts(&problems)
	slices.SortStableFunc(id.entries, func(a, b identityEntry) int { return b.priority - a.priority })
	for _, e := range id.entries {
		for _, m := range e.match {
			if !slices.Contains(id.labels, m.label) {
				id.labels = append(id.labels, m.label)
			}
		}
	}
	problems.Sort()
	return id, problems
}

func (d *decoder) identityEntry(n *yaml.Node) (identityEntry, bool) {
	before := len(*d.problems)
	e := identityEntry{file: d.file, line: lineOf(n)}
	hasSet := false
	d.keys(n, "an identity entry", map[string]func(*yaml.Node){
		"match":    func(n *yaml.Node) { e.match = d.matchers(n) },
		"priority": func(n *yaml.Node) { d.number(n, "priority", &e.priority) },
		"set": func(n *yaml.Node) {
			hasSet = true
			for _, kv := range d.entries(n, "set") {
				i := slices.Index(headerFields(), kv.key.Value)
				if i < 0 {
					d.unknown(kv.key, "set", headerFields())
					continue
				}
				if t, ok := d.scalar(kv.value, kv.key.Value); ok {
					e.set[i] = &t
				}
			}
		},
	})
	if len(*d.problems) == before && !hasSet {
		d.addf(n, "add `set: {sourceName: …}`", "an identity entry sets nothing")
	}
	return e, len(*d.problems) == before
}

func (d *decoder) matchers(n *yaml.Node) []labelMatch {
	var out []labelMatch
	for _, kv := range d.entries(n, "match") {
		if !labelName.MatchString(kv.key.Value) {
			d.addf(kv.key, "name a label as PromQL does", "%q in match is not a label name", kv.key.Value)
			continue
		}
		if kv.value.Kind != yaml.ScalarNode {
			d.addf(kv.value, "write the value, or =~ and a regular expression", "match of label %q is not a single value", kv.key.Value)
			continue
		}
		m := labelMatch{label: kv.key.Value, value: kv.value.Value}
		if isNull(kv.value) {
			m.value = ""
		}
		if expr, ok := strings.CutPrefix(m.value, "=~"); ok {
			// Anchored at both ends, as everywhere in Prometheus.
			re, err := regexp.Compile("^(?s:" + strings.TrimSpace(expr) + ")$")
			if err != nil {
				d.addf(kv.value, "write an RE2 regular expression", "match of label %q: %v", m.label, err)
				continue
			}
			m.re = re
		}
		out = append(out, m)
	}
	return out
}

// checkConflicts reports pairs of one priority that set the same field and where each
// entity that one matches is surely matched by the other too.
func (id *Identity) checkConflicts(problems *problem.List) {
	for j := range id.entries {
		for i := range j {
			a, b := &id.entries[i], &id.entries[j]
			if a.priority != b.priority || !(implies(a.match, b.match) || implies(b.match, a.match)) {
				continue
			}
			if same := commonFields(a, b); len(same) > 0 {
				problems.Addf(b.file, b.line, fmt.Sprintf("give one a higher priority, or make them match different labels; the first is on line %d", a.line),
					"two identities for one entity: the entries on lines %d and %d match the same entity and both set %s", a.line, b.line, strings.Join(same, ", "))
			}
		}
	}
}

func commonFields(a, b *identityEntry) []string {
	var same []string
	for k, name := range headerFields() {
		if a.set[k] != nil && b.set[k] != nil {
			same = append(same, name)
		}
	}
	return same
}

// implies says whether every entity that matches a surely matches b.
func implies(a, b []labelMatch) bool {
	for _, mb := range b {
		if !slices.ContainsFunc(a, func(ma labelMatch) bool {
			if ma.label != mb.label {
				return false
			}
			if ma.re != nil {
				return mb.re != nil && ma.value == mb.value
			}
			return mb.matches(ma.value)
		}) {
			return false
		}
	}
	return true
}

// resolver is an Identity compiled for the entity labels of one mapping.
type resolver struct {
	names   []string
	entries []resolverEntry
	own     [numHeaderFields]*labelTemplate // the mapping's event section, after the table
	def     func(values []string) string    // default sourceName
}

type resolverEntry struct {
	*identityEntry
	index []int // of each match's label in names, -1 where the entity lacks it
	set   [numHeaderFields]*labelTemplate
}

// compile binds the table to entity labels. Templates that use a label which these
// entities lack are problems only where the entry could match such an entity.
func (id *Identity) compile(names []string, mapping string, problems *problem.List) *resolver {
	r := &resolver{names: names, def: defaultSource(names)}
	if id == nil {
		return r
	}
	for i := range id.entries {
		e := &id.entries[i]
		re := resolverEntry{identityEntry: e}
		possible := true
		for _, m := range e.match {
			k := slices.Index(names, m.label)
			re.index = append(re.index, k)
			possible = possible && (k >= 0 || m.matches(""))
		}
		if !possible {
			continue
		}
		for k, t := range e.set {
			if t == nil {
				continue
			}
			tmpl, err := newTemplate(*t, names)
			if err != nil {
				problems.Addf(e.file, t.Line, fmt.Sprintf("use a label of the entity (%s), or narrow the entry's match", strings.Join(names, ", ")),
					"%s for mapping %q: %v", headerFields()[k], mapping, err)
				continue
			}
			re.set[k] = tmpl
		}
		r.entries = append(r.entries, re)
	}
	return r
}

// defaultSource is who an entity is without a table: namespace/pod where it has them,
// else its instance, else all of its labels.
func defaultSource(names []string) func([]string) string {
	ns, pod, inst := slices.Index(names, "namespace"), slices.Index(names, "pod"), slices.Index(names, "instance")
	return func(v []string) string {
		if ns >= 0 && pod >= 0 && v[ns] != "" && v[pod] != "" {
			return v[ns] + "/" + v[pod]
		}
		if inst >= 0 && v[inst] != "" {
			return v[inst]
		}
		var parts []string
		for _, x := range v {
			if x != "" {
				parts = append(parts, x)
			}
		}
		return strings.Join(parts, "/")
	}
}

// resolved is who one entity is. Immutable; shared between windows.
type resolved struct {
	header    [numHeaderFields]string
	byDefault bool   // sourceName came from no table and no mapping
	conflict  string // the first run-time conflict, "" for none
	err       error  // a template failed
}

// resolve applies the table to one entity's label values.
func (r *resolver) resolve(values []string) *resolved {
	out := &resolved{}
	var from [numHeaderFields]*identityEntry
	for i := range r.entries {
		e := &r.entries[i]
		if !e.matches(values) {
			continue
		}
		for k, t := range e.set {
			if t == nil {
				continue
			}
			if from[k] != nil {
				if from[k].priority == e.priority && out.conflict == "" {
					out.conflict = fmt.Sprintf("lines %d and %d both set %s", from[k].line, e.line, headerFields()[k])
				}
				continue
			}
			from[k] = e.identityEntry
			out.fill(k, t, values)
		}
	}
	for k, t := range r.own {
		if from[k] == nil && t != nil {
			out.fill(k, t, values)
		}
	}
	if from[hdrSourceName] == nil && r.own[hdrSourceName] == nil {
		out.byDefault = true
		out.header[hdrSourceName] = r.def(values)
	}
	return out
}

func (e *resolverEntry) matches(values []string) bool {
	for i, m := range e.match {
		v := ""
		if k := e.index[i]; k >= 0 {
			v = values[k]
		}
		if !m.matches(v) {
			return false
		}
	}
	return true
}

func (o *resolved) fill(k int, t *labelTemplate, values []string) {
	s, err := t.render(values)
	if err != nil && o.err == nil {
		o.err = err
	}
	o.header[k] = strings.TrimSpace(s)
}
