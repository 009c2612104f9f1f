package app

import (
	"strings"

	"github.com/vesbridge/vesbridge/internal/config"
	"github.com/vesbridge/vesbridge/internal/problem"
	"github.com/vesbridge/vesbridge/pkg/mapping"
	"github.com/vesbridge/vesbridge/pkg/outbox"
	"github.com/vesbridge/vesbridge/pkg/ves"
)

// lacking warns of the fields of mappings that the VES version of a destination has no member
// for. In 5.4.1 they go to its extension point, as text; a version of 7.x that lacks one
// cannot say the event at all.
func lacking(cfg *config.Config, set *mapping.Set, problems *problem.List) {
	router, err := cfg.Router()
	if err != nil {
		return // config.Load has told it
	}
	for _, d := range cfg.Destinations {
		if d.VES == nil || d.VES.VESVersion == "" || !router.Filter(d.Name)(&outbox.Record{Domain: string(ves.DomainMeasurement)}) {
			continue
		}
		version, err := ves.ParseVersion(d.VES.VESVersion)
		if err != nil {
			continue // told with the destination
		}
		for _, m := range set.Mappings() {
			lackingIn(m, d.Name, version, problems)
		}
	}
}

func lackingIn(m *mapping.Mapping, destination string, version ves.Version, problems *problem.List) {
	var paths []string
	first := 0
	for _, f := range m.Typed() {
		field, err := ves.FieldAt(ves.V7_2_1, ves.DomainMeasurement, f.Path)
		if err != nil || field.In(version) {
			continue
		}
		if first == 0 {
			first = f.Line
		}
		paths = append(paths, f.Path)
	}
	if len(paths) == 0 {
		return
	}
	what, remedy := "cannot be told of", "leave the fields out, or route the mapping's events elsewhere"
	if version == ves.V5_4_1 {
		what, remedy = "go as text to the extension point of", "have the consumers read them there"
	}
	problems.Warnf(m.File, first, remedy, "mapping %s: VES %s of destination %q has no member for %s; they %s its events",
		m.Name, version, destination, strings.Join(paths, ", "), what)
}
