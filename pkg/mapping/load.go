package mapping

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/vesbridge/vesbridge/internal/problem"
	"github.com/vesbridge/vesbridge/pkg/ves"
)

// Load compiles mapping files, each of one or several YAML documents, into a Set. All
// problems of all files are reported in one run; the Set is nil where any of them is
// more than a warning. identity may be nil.
func Load(files []Source, identity *Identity, comp Compiler, o LoadOptions) (*Set, problem.List) {
	if o.Interval <= 0 {
		o.Interval = 60 * time.Second
	}
	if o.Scrape <= 0 {
		o.Scrape = 15 * time.Second
	}
	if o.Version == 0 || o.Version == ves.V5_4_1 {
		// Mappings are written in the names of 7.x, also for a destination of 5.4.1.
		o.Version = ves.V7_2_1
	}
	var problems problem.List
	s := &Set{version: o.Version}
	for _, f := range files {
		d := &decoder{file: f.Name, problems: &problems}
		docs := d.documents(f.Text)
		if len(docs) == 0 && len(problems) == 0 {
			d.problems.Addf(f.Name, 0, "write `mapping: NAME` and its fields", "the file holds no mapping")
		}
		for _, doc := range docs {
			if isNull(doc) {
				continue // an empty document between two --- lines
			}
			b := &builder{decoder: d, comp: comp, opts: o, m: &Mapping{File: f.Name, Line: lineOf(doc), Heartbeat: true, Limits: defaultLimits()}}
			b.mapping(doc, identity)
			s.mappings = append(s.mappings, b.m)
		}
	}
	checkSet(s, identity, &problems)
	problems.Sort()
	if problems.Failed() {
		return nil, problems
	}
	s.births = newBirths(s.mappings)
	return s, problems
}

// builder compiles one mapping.
type builder struct {
	*decoder
	comp    Compiler
	opts    LoadOptions
	m       *Mapping
	domain  ves.Domain
	present text
	defines map[string]string
}

func (b *builder) mapping(n *yaml.Node, identity *Identity) {
	m := b.m
	var event, fields *yaml.Node
	var started text
	var retain []text
	var defines *yaml.Node
	restarts := ""
	born := ""
	for _, e := range b.entriesQuiet(n) {
		if e.key.Value == "define" {
			defines = e.value
		}
	}
	b.define(defines)
	b.keys(n, "the mapping", map[string]func(*yaml.Node){
		"mapping":     func(n *yaml.Node) { m.Name, m.Line = b.plain(n, "mapping"), n.Line },
		"define":      func(*yaml.Node) {}, // read above: every expression may use it
		"description": func(n *yaml.Node) { m.Description = b.plain(n, "description") },
		"entity":      func(n *yaml.Node) { m.Entity = b.labels(n, "entity") },
		"present":     func(n *yaml.Node) { b.present, _ = b.scalar(n, "present") },
		"started":     func(n *yaml.Node) { started, _ = b.scalar(n, "started") },
		"births":      func(n *yaml.Node) { born = b.choice(n, "births", "zero", "unknown") },
		"restarts":    func(n *yaml.Node) { restarts = b.choice(n, "restarts", "leave-out", "count") },
		"interval":    func(n *yaml.Node) { b.duration(n, "interval", &m.Interval) },
		"scrape":      func(n *yaml.Node) { b.duration(n, "scrape", &m.Scrape) },
		"heartbeat":   func(n *yaml.Node) { b.boolean(n, "heartbeat", &m.Heartbeat) },
		"limits":      func(n *yaml.Node) { b.limits(n) },
		"retain":      func(n *yaml.Node) { retain = b.texts(n, "retain") },
		"settings": func(n *yaml.Node) {
			if err := n.Decode(&m.Settings); err != nil {
				b.addf(n, "write valid YAML", "decoding settings: %v", err)
			}
		},
		"event":  func(n *yaml.Node) { event = n },
		"fields": func(n *yaml.Node) { fields = n },
	})
	m.BirthsZero, m.countRestarts = born == "zero", restarts == "count"
	if m.Interval == 0 || b.opts.ForceInterval {
		m.Interval = b.opts.Interval
	}
	if m.Scrape == 0 {
		m.Scrape = b.opts.Scrape
	}
	b.required(n)
	b.presence(started)
	m.identity = identity.compile(m.Entity, m.Name, b.problems)
	b.event(n, event)
	for _, t := range retain {
		if q := b.compile(t, "retain", nil, 0); q != nil {
			m.retained = append(m.retained, q)
		}
	}
	switch {
	case fields == nil:
		b.addf(n, "add `fields:` with at least one VES field", "mapping %q has no fields", m.Name)
	case b.domain != "":
		b.fields(fields)
	}
}

// entriesQuiet returns the entries of a mapping node without reporting anything.
func (b *builder) entriesQuiet(n *yaml.Node) []entry {
	var ignored problem.List
	return (&decoder{file: b.file, problems: &ignored}).entries(n, "")
}

var defineName = regexp.MustCompile(`\$[a-zA-Z_][a-zA-Z0-9_]*`)

// define reads {name: text}: plain text that stands for $name in every expression.
func (b *builder) define(n *yaml.Node) {
	b.defines = map[string]string{}
	if n == nil {
		return
	}
	for _, e := range b.entries(n, "define") {
		name := "$" + e.key.Value
		if defineName.FindString(name) != name || name == "$interval" || name == "$scrape" {
			b.addf(e.key, "use letters, digits and _; interval and scrape are taken", "define cannot name %q", e.key.Value)
			continue
		}
		if t, ok := b.scalar(e.value, "define "+e.key.Value); ok {
			b.defines[name] = t.Value
		}
	}
}

// expand puts defined texts in. A text may not use another: what $name stands for is
// then on one line.
func (b *builder) expand(expr string) string {
	return defineName.ReplaceAllStringFunc(expr, func(name string) string {
		if t, ok := b.defines[name]; ok {
			return t
		}
		return name
	})
}

func (b *builder) plain(n *yaml.Node, what string) string {
	t, _ := b.scalar(n, what)
	return strings.TrimSpace(t.Value)
}

func (b *builder) required(n *yaml.Node) {
	m := b.m
	if m.Name == "" {
		b.addf(n, "add `mapping: NAME` as the first line", "the mapping has no name")
	}
	if len(m.Entity) == 0 {
		b.addf(n, "add `entity: [namespace, pod]` or the labels that tell your sources apart", "mapping %q names no entity labels", m.Name)
	}
	if b.present.Value == "" {
		b.addf(n, "add `present:` with an expression that has a result while the entity lives, such as `up == 1`", "mapping %q does not say when an entity is present", m.Name)
	}
	if m.Scrape > m.Interval {
		b.addf(n, "lengthen the interval or scrape more often", "mapping %q: the scrape interval %s is longer than the measurement interval %s", m.Name, m.Scrape, m.Interval)
	}
	if m.Interval%time.Millisecond != 0 || m.Scrape%time.Millisecond != 0 {
		b.addf(n, "use whole milliseconds", "mapping %q: an interval is not a whole number of milliseconds", m.Name)
	}
}

func (b *builder) limits(n *yaml.Node) {
	l := &b.m.Limits
	b.keys(n, "limits", map[string]func(*yaml.Node){
		"entities": func(n *yaml.Node) { b.integer(n, "limits.entities", 1, &l.Entities) },
		"items":    func(n *yaml.Node) { b.integer(n, "limits.items", 1, &l.Items) },
		"groups":   func(n *yaml.Node) { b.integer(n, "limits.groups", 1, &l.Groups) },
	})
}

// freshness is how old a sample may be to prove that an entity is there: one scrape may
// fail or be late, two may not.
func (b *builder) freshness() time.Duration { return 2*b.m.Scrape + b.m.Scrape/2 }

func (b *builder) presence(started text) {
	if b.present.Value != "" {
		b.m.present = b.compile(b.present, "present", nil, b.freshness())
	}
	if b.m.present != nil && b.m.present.Windowed {
		b.problems.Warnf(b.file, b.present.Line, "ask for the present state, such as `up == 1`",
			"present of mapping %q looks back over a range, so that an entity seems to live on after its end", b.m.Name)
	}
	if started.Value != "" {
		b.m.started = b.compile(started, "started", nil, b.freshness())
	}
}

// compile compiles an expression with the entity's and further labels kept.
func (b *builder) compile(t text, what string, from []string, fresh time.Duration) *Query {
	q, err := b.comp.Compile(b.expand(t.Value), CompileOptions{
		By: append(slices.Clone(b.m.Entity), from...), Interval: b.m.Interval, Scrape: b.m.Scrape, Freshness: fresh,
	})
	if err != nil {
		for _, e := range flatten(err) {
			b.problems.Addf(b.file, t.Line, "write a PromQL expression that gives an instant vector", "%s: %v", what, e)
		}
		return nil
	}
	if q.Freshness != fresh {
		// A compiler that knows nothing of freshness hands back a query without it.
		copied := *q
		copied.Freshness = fresh
		q = &copied
	}
	return q
}

func flatten(err error) []error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		return j.Unwrap()
	}
	return []error{err}
}

// event compiles the event section: the header as the mapping knows it.
func (b *builder) event(at, n *yaml.Node) {
	m := b.m
	b.domain = ves.DomainMeasurement
	if n == nil {
		b.addf(at, "add `event: {domain: measurement, eventName: Measurement_PRODUCT-VENDOR_DESCRIPTION}`", "mapping %q has no event section", m.Name)
		return
	}
	handlers := map[string]func(*yaml.Node){
		"domain": func(n *yaml.Node) {
			if d := b.plain(n, "domain"); d != "measurement" {
				b.addf(n, "write measurement; faults come from alerting rules", "mappings fill events of the domain measurement, not %q", d)
			}
		},
		"eventName": func(n *yaml.Node) {
			m.eventName = b.template(n, "eventName", m.Entity)
			if m.eventName != nil {
				m.EventName = m.eventName.source
				b.checkEventName(n)
			}
		},
		"priority": func(n *yaml.Node) {
			m.priority = b.template(n, "priority", m.Entity)
			if m.priority == nil {
				return
			}
			if p, ok := m.priority.constant(); ok && !slices.Contains(priorities(), p) {
				b.addf(n, "write "+strings.Join(priorities(), ", "), "priority is %q", p)
			}
		},
	}
	for k, name := range headerFields() {
		handlers[name] = func(n *yaml.Node) { m.identity.own[k] = b.template(n, name, m.Entity) }
	}
	b.keys(n, "event", handlers)
	if m.eventName == nil && len(*b.problems) == 0 {
		b.addf(n, "add `eventName: Measurement_PRODUCT-VENDOR_DESCRIPTION`", "event of mapping %q has no eventName", m.Name)
	}
}

func priorities() []string { return []string{"High", "Medium", "Normal", "Low"} }

// checkEventName applies the naming rule of VES (commonEventHeader, eventName) to names
// without labels in them.
func (b *builder) checkEventName(n *yaml.Node) {
	name, ok := b.m.eventName.constant()
	if !ok {
		name, _, _ = strings.Cut(b.m.eventName.source, "{{")
		if !strings.HasPrefix(name, "Measurement_") {
			b.addf(n, "begin it with Measurement_", "eventName %q does not begin with Measurement_", b.m.EventName)
		}
		return
	}
	if strings.ContainsAny(name, " \t\r\n") || !strings.HasPrefix(name, "Measurement_") || len(name) == len("Measurement_") {
		b.addf(n, "write Measurement_PRODUCT-VENDOR_DESCRIPTION without white space", "eventName %q is not of the form Measurement_PUBLISHER_DESCRIPTION", name)
	}
}

func (b *builder) template(n *yaml.Node, what string, names []string) *labelTemplate {
	t, ok := b.scalar(n, what)
	if !ok {
		return nil
	}
	tmpl, err := newTemplate(t, names)
	if err != nil {
		b.addf(n, fmt.Sprintf("use Go's text/template over the labels %s", strings.Join(names, ", ")), "%s: %v", what, err)
		return nil
	}
	return tmpl
}

// checkSet reports what is wrong between mappings: names given twice, one field filled
// by two, one eventName with two intervals; then what lint finds.
func checkSet(s *Set, identity *Identity, problems *problem.List) {
	type owner struct {
		m    *Mapping
		line int
	}
	names := map[string]*Mapping{}
	events := map[string]*Mapping{}
	fields := map[[2]string]owner{}
	for _, m := range s.mappings {
		if first, ok := names[m.Name]; ok && m.Name != "" {
			problems.Addf(m.File, m.Line, "rename one of them", "mapping %q is defined twice, first in %s:%d", m.Name, first.File, first.Line)
		}
		names[m.Name] = m
		if m.EventName == "" {
			continue
		}
		if first, ok := events[m.EventName]; !ok {
			events[m.EventName] = m
		} else if first.Interval != m.Interval {
			problems.Addf(m.File, m.Line, "give both mappings the same interval", "mappings %q and %q fill one event %s at different intervals, %s and %s",
				first.Name, m.Name, m.EventName, first.Interval, m.Interval)
		}
		for _, claim := range m.claims() {
			key := [2]string{m.EventName, claim.path}
			if first, ok := fields[key]; ok && first.m != m {
				problems.Addf(m.File, claim.line, fmt.Sprintf("remove one, or give the mappings different eventNames; the first is %s:%d", first.m.File, first.line),
					"field %s of %s is filled by two mappings, %q and %q", claim.path, m.EventName, first.m.Name, m.Name)
				continue
			}
			fields[key] = owner{m, claim.line}
		}
	}
	if identity != nil {
		warnUnusedLabels(s, identity, problems)
	}
	s.lint(problems)
}

// warnUnusedLabels tells of identity entries that can match no entity of any mapping.
func warnUnusedLabels(s *Set, identity *Identity, problems *problem.List) {
	for _, e := range identity.entries {
		for _, m := range e.match {
			if m.matches("") || slices.ContainsFunc(s.mappings, func(mp *Mapping) bool { return slices.Contains(mp.Entity, m.label) }) {
				continue
			}
			problems.Warnf(e.file, e.line, "add the label to a mapping's entity list, or match another", "no mapping's entity has the label %q, so that this entry matches nothing", m.label)
		}
	}
}

// claims lists what a mapping fills, as units that only one mapping may fill: a field,
// a whole array, one named group, one hashMap entry.
func (m *Mapping) claims() []fieldInfo {
	var out []fieldInfo
	for _, b := range m.blocks {
		switch b.kind {
		case scalarBlock, hashBlock:
			for _, n := range b.numbers {
				out = append(out, m.fields[n.line])
			}
			for _, s := range b.strings {
				out = append(out, m.fields[s.line])
			}
		case itemBlock, groupBlock, latencyBlock:
			out = append(out, fieldInfo{path: b.name, line: m.fields[b.overflow].line})
		}
	}
	return out
}
