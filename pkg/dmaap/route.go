package dmaap

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/vesbridge/vesbridge/pkg/outbox"
)

// Route sends the events that it matches to destinations. The first route that matches
// an event decides.
type Route struct {
	Match Match    `yaml:"match,omitempty"`
	To    []string `yaml:"to,omitempty"`
	// Drop says on purpose that what matches goes nowhere.
	Drop bool `yaml:"drop,omitempty"`
}

// Match selects events; all members that are given must hold, and an empty one matches
// everything. Lists are alternatives. The _re twins are RE2, anchored at both ends.
type Match struct {
	Domain               Values `yaml:"domain,omitempty"`
	Severity             Values `yaml:"severity,omitempty"` // faults: eventSeverity
	Source               Values `yaml:"source,omitempty"`
	SourceRE             string `yaml:"source_re,omitempty"`
	EventName            Values `yaml:"eventName,omitempty"`
	EventNameRE          string `yaml:"eventName_re,omitempty"`
	StndDefinedNamespace Values `yaml:"stndDefinedNamespace,omitempty"`
}

// Values is one string or a list of them.
type Values []string

// UnmarshalYAML takes a scalar or a list.
func (v *Values) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*v = Values{n.Value}
		return nil
	}
	var l []string
	if err := n.Decode(&l); err != nil {
		return err
	}
	*v = l
	return nil
}

func (m *Match) empty() bool {
	return len(m.Domain)+len(m.Severity)+len(m.Source)+len(m.EventName)+len(m.StndDefinedNamespace)+len(m.SourceRE)+len(m.EventNameRE) == 0
}

// Router decides which destination gets which event. Immutable; safe for concurrent use.
type Router struct{ routes []compiled }

type compiled struct {
	Route
	source, eventName *regexp.Regexp
}

// NewRouter compiles routes over the names of the configured destinations, and returns
// every mistake at once. Without routes, every event goes to every destination. With
// some, the last must match everything, so that no event is lost without a word.
func NewRouter(routes []Route, destinations []string) (*Router, error) {
	if len(routes) == 0 {
		return &Router{routes: []compiled{{Route: Route{To: slices.Clone(destinations)}}}}, nil
	}
	var errs []error
	r := &Router{}
	for i, route := range routes {
		bad := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("routes[%d]: %s", i, fmt.Sprintf(format, args...)))
		}
		switch {
		case route.Drop && len(route.To) > 0:
			bad("has both drop and to")
		case !route.Drop && len(route.To) == 0:
			bad("names no destination; say \"drop: true\" if its events should go nowhere")
		}
		for _, to := range route.To {
			if !slices.Contains(destinations, to) {
				bad("no destination is named %q; there are: %s", to, strings.Join(destinations, ", "))
			}
		}
		for _, d := range route.Match.Domain {
			if !slices.Contains(domains(), d) {
				bad("%q is no VES domain; there are: %s", d, strings.Join(domains(), ", "))
			}
		}
		for _, s := range route.Match.Severity {
			if !slices.Contains([]string{"CRITICAL", "MAJOR", "MINOR", "WARNING", "NORMAL"}, s) {
				bad("%q is no VES eventSeverity; there are: CRITICAL, MAJOR, MINOR, WARNING, NORMAL", s)
			}
		}
		if route.Match.empty() && i < len(routes)-1 {
			bad("matches everything, so that the routes after it are never used")
		}
		c := compiled{Route: route}
		for _, re := range []struct {
			name, expr string
			to         **regexp.Regexp
		}{{"source_re", route.Match.SourceRE, &c.source}, {"eventName_re", route.Match.EventNameRE, &c.eventName}} {
			if re.expr == "" {
				continue
			}
			compiled, err := regexp.Compile("^(?:" + re.expr + ")$")
			if err != nil {
				bad("%s: %v", re.name, err)
			}
			*re.to = compiled
		}
		r.routes = append(r.routes, c)
	}
	if !routes[len(routes)-1].Match.empty() {
		errs = append(errs, fmt.Errorf("routes[%d]: the last route must match everything; add \"- {to: [NAME]}\" or \"- {drop: true}\" for what no route matches", len(routes)-1))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return r, nil
}

// Targets returns the destinations of rec, in the route's order; the caller does not
// change the slice.
func (r *Router) Targets(rec *outbox.Record) []string {
	for i := range r.routes {
		if r.routes[i].matches(rec) {
			return r.routes[i].To
		}
	}
	return nil
}

// Filter returns the filter of a destination for outbox.Reader.
func (r *Router) Filter(destination string) func(*outbox.Record) bool {
	return func(rec *outbox.Record) bool { return slices.Contains(r.Targets(rec), destination) }
}

func (c *compiled) matches(rec *outbox.Record) bool {
	in := func(v Values, s string) bool { return len(v) == 0 || slices.Contains(v, s) }
	m := &c.Match
	return in(m.Domain, rec.Domain) && in(m.Severity, rec.Severity) && in(m.Source, rec.SourceName) &&
		in(m.EventName, rec.EventName) && in(m.StndDefinedNamespace, rec.StndDefinedNamespace) &&
		(c.source == nil || c.source.MatchString(rec.SourceName)) &&
		(c.eventName == nil || c.eventName.MatchString(rec.EventName))
}
