package mapping

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vesbridge/vesbridge/pkg/ves"
)

// RegistrationOptions say what the mappings themselves do not know.
type RegistrationOptions struct {
	// HeartbeatInterval is how often heartbeats are sent, whole seconds; 0 registers none.
	HeartbeatInterval time.Duration
	// ReportingEntityName is the bridge's own; "" leaves it to the running bridge.
	ReportingEntityName string
}

// Registration returns the VES Event Registration (ONAP VNFRQTS, VES Event Registration
// 3.2.1; R-520802) of every eventName that the mappings can send, measurements first: one
// YAML document each, of that specification's keywords only. The same mappings give the
// same bytes. Fields are optional unless the event cannot be without them, since a
// mapping leaves out what it does not know.
func (s *Set) Registration(o RegistrationOptions) []byte {
	var w registrationWriter
	for _, r := range s.registered() {
		w.document(s.measurementEvent(r, o), r.name)
	}
	if o.HeartbeatInterval > 0 {
		for _, r := range s.registered() {
			if r.mappings = r.heartbeats(); len(r.mappings) > 0 {
				w.document(s.heartbeatEvent(r, o), heartbeatName(r.name))
			}
		}
	}
	return w.out
}

// registered is one eventName with the mappings that fill it, in file order.
type registered struct {
	name     string // as written, possibly a template
	mappings []*Mapping
}

// heartbeats are the mappings whose entities have heartbeats.
func (r *registered) heartbeats() []*Mapping {
	return slices.DeleteFunc(slices.Clone(r.mappings), func(m *Mapping) bool { return !m.Heartbeat })
}

// registered groups the mappings by eventName, in the order of their first appearance.
func (s *Set) registered() []*registered {
	var out []*registered
	for _, m := range s.mappings {
		i := slices.IndexFunc(out, func(r *registered) bool { return r.name == m.EventName })
		if i < 0 {
			i = len(out)
			out = append(out, &registered{name: m.EventName})
		}
		out[i].mappings = append(out[i].mappings, m)
	}
	return out
}

// measurementEvent describes the measurement of one eventName.
func (s *Set) measurementEvent(r *registered, o RegistrationOptions) *element {
	f := newFieldUse(s.version)
	for _, m := range r.mappings {
		for _, b := range m.blocks {
			f.block(m, b)
		}
	}
	block := object("measurementFields", required, f.elements(r.mappings[0].Interval.Seconds())...)
	event := object("event", required, s.headerElement(r, ves.DomainMeasurement, o), block)
	event.action = "[any, any, null, null]"
	var about []string
	for _, m := range r.mappings {
		if m.Description == "" {
			about = append(about, "mapping "+m.Name)
			continue
		}
		about = append(about, "mapping "+m.Name+": "+m.Description)
	}
	event.comment = strings.Join(about, "; ")
	return event
}

// heartbeatEvent describes the heartbeat of one eventName.
func (s *Set) heartbeatEvent(r *registered, o RegistrationOptions) *element {
	block := object("heartbeatFields", required)
	for f := range ves.Fields(s.version, ves.DomainHeartbeat) {
		switch f.Name {
		case "heartbeatFieldsVersion":
			block.children = append(block.children, &element{name: f.Name, presence: required, value: texts(f.Enum...)})
		case "heartbeatInterval":
			block.children = append(block.children, &element{
				name: f.Name, presence: required, value: []literal{numberLiteral(o.HeartbeatInterval.Seconds())},
				units: unitWord(f.Unit.String()), comment: f.Doc,
			})
		}
	}
	event := object("event", required, s.headerElement(r, ves.DomainHeartbeat, o), block)
	event.heartbeatAction = "[3, null, null]"
	event.comment = "sent while the source is present in its targets' metrics"
	return event
}

// headerElement describes commonEventHeader, in the specification's order.
func (s *Set) headerElement(r *registered, domain ves.Domain, o RegistrationOptions) *element {
	var versions ves.Header
	versions.SetDefaults()
	if s.version < ves.V7_2_1 {
		versions.SetDefaults(ves.WidestAcceptance())
	}
	name := r.name
	if domain == ves.DomainHeartbeat {
		name = heartbeatName(name)
	}
	reporting := &element{name: "reportingEntityName", presence: required, comment: "the bridge"}
	if o.ReportingEntityName != "" {
		reporting.value = texts(o.ReportingEntityName)
	}
	source := r.headerMember(hdrSourceName, required)
	if source == nil {
		source = &element{name: "sourceName", presence: required}
	}
	if slices.ContainsFunc(r.mappings, func(m *Mapping) bool { return m.identity.own[hdrSourceName] == nil }) {
		source.value = nil
		source.comment = join(source.comment, "where nothing else names it: the entity's namespace/pod, its instance, or all its labels")
	}
	h := object(
		"commonEventHeader", required,
		&element{name: "domain", presence: required, value: texts(string(domain))},
		named("eventName", name),
		&element{name: "eventId", presence: required, comment: "the same for one source, eventName and interval"},
		&element{name: "sequence", presence: required, value: []literal{numberLiteral(0)}},
		r.priority(),
		reporting, source,
		&element{name: "startEpochMicrosec", presence: required, units: "microseconds"},
		&element{name: "lastEpochMicrosec", presence: required, units: "microseconds"},
		&element{name: "version", presence: required, value: texts(versions.Version)},
		&element{name: "vesEventListenerVersion", presence: required, value: texts(versions.VESEventListenerVersion)},
	)
	for k := hdrSourceName + 1; k < numHeaderFields; k++ {
		if e := r.headerMember(k, optional); e != nil {
			h.children = append(h.children, e)
		}
	}
	return h
}

// named is a member whose text may be a template: then its value is known at run time only.
func named(name, source string) *element {
	e := &element{name: name, presence: required}
	if strings.Contains(source, "{{") {
		e.comment = madeOf + source
	} else {
		e.value = texts(source)
	}
	return e
}

func (r *registered) priority() *element {
	e := &element{name: "priority", presence: required}
	var values []string
	for _, m := range r.mappings {
		if m.priority == nil {
			values = append(values, string(ves.PriorityNormal))
			continue
		}
		c, ok := m.priority.constant()
		if !ok {
			e.value = texts(priorities()...)
			e.comment = madeOf + m.priority.source
			return e
		}
		values = append(values, c)
	}
	slices.Sort(values)
	e.value = texts(slices.Compact(values)...)
	return e
}

// headerMember describes a member that the identity table or the mappings set; nil where
// nothing sets it.
func (r *registered) headerMember(k int, presence string) *element {
	var constants, made []string
	add := func(t *labelTemplate) {
		if t == nil {
			return
		}
		if c, ok := t.constant(); ok {
			constants = append(constants, c)
		} else {
			made = append(made, t.source)
		}
	}
	for _, m := range r.mappings {
		for i := range m.identity.entries {
			add(m.identity.entries[i].set[k])
		}
		add(m.identity.own[k])
	}
	if len(constants)+len(made) == 0 {
		return nil
	}
	e := &element{name: headerFields()[k], presence: presence}
	if len(made) == 0 {
		slices.Sort(constants)
		e.value = texts(slices.Compact(constants)...)
		return e
	}
	slices.Sort(made)
	e.comment = madeOf + strings.Join(slices.Compact(made), ", ")
	return e
}

func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "; ")
}

// madeOf begins the comment of what a template makes at run time.
const madeOf = "made of labels: "

// The values of the keyword presence.
const (
	required = "required"
	optional = "optional"
)

// element is one object or field of a registration with its qualifiers; zero ones are
// left out.
type element struct {
	name            string
	presence        string
	action          string // flow sequence
	heartbeatAction string
	value           []literal // what it may be; none where that is known at run time only
	nonNegative     bool      // range: [0, unbounded]
	units           string
	castTo          string
	aggregationRole string
	comment         string
	array           bool // children are array elements, not members
	children        []*element
}

func object(name, presence string, children ...*element) *element {
	return &element{name: name, presence: presence, children: children}
}

// literal is one scalar as YAML.
type literal string

func texts(values ...string) []literal {
	out := make([]literal, len(values))
	for i, v := range values {
		out[i] = literal(yamlText(v))
	}
	return out
}

func numberLiteral(x float64) literal { return literal(strconv.FormatFloat(x, 'f', -1, 64)) }

// registrationWriter writes registrations in the flow style that the specification uses.
type registrationWriter struct{ out []byte }

func (w *registrationWriter) document(event *element, name string) {
	w.out = fmt.Appendf(w.out, "---\n# Event Registration for eventName %s\n", yamlComment(name))
	w.element(event, 0)
	w.out = append(w.out, "\n...\n"...)
}

func (w *registrationWriter) element(e *element, depth int) {
	var qualifiers []string
	add := func(keyword, text string) {
		if text != "" {
			qualifiers = append(qualifiers, keyword+": "+text)
		}
	}
	add("presence", e.presence)
	add("action", e.action)
	add("heartbeatAction", e.heartbeatAction)
	add("value", flow(e.value))
	if e.nonNegative {
		add("range", "[0, unbounded]")
	}
	add("units", e.units)
	add("castTo", e.castTo)
	add("aggregationRole", e.aggregationRole)
	if e.comment != "" {
		add("comment", yamlQuoted(e.comment))
	}
	w.indent(depth)
	w.out = append(append(w.out, e.name...), ": {"...)
	if len(e.children) == 0 {
		w.out = append(append(w.out, strings.Join(qualifiers, ", ")...), '}')
		return
	}
	for _, q := range qualifiers {
		w.line(depth+1, q+",")
	}
	open, end := "structure: {", "}"
	if e.array {
		open, end = "array: [", "]"
	}
	w.line(depth+1, open)
	w.out = append(w.out, '\n')
	for i, c := range e.children {
		w.element(c, depth+2)
		if i < len(e.children)-1 {
			w.out = append(w.out, ',')
		}
		w.out = append(w.out, '\n')
	}
	w.indent(depth + 1)
	w.out = append(w.out, end...)
	w.line(depth, "}")
}

func (w *registrationWriter) line(depth int, text string) {
	w.out = append(w.out, '\n')
	w.indent(depth)
	w.out = append(w.out, text...)
}

func (w *registrationWriter) indent(depth int) {
	for range depth {
		w.out = append(w.out, "  "...)
	}
}

func flow(values []literal) string {
	switch len(values) {
	case 0:
		return ""
	case 1:
		return string(values[0])
	}
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = string(v)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
