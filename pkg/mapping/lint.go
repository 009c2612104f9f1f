package mapping

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/vesbridge/vesbridge/internal/problem"
	"github.com/vesbridge/vesbridge/pkg/ves"
)

// lint warns of what VES recommends and receivers rely on, though the schema has no rule
// for it: names of events, one measurement per source, camelCase keys, typed fields
// before free ones.
func (s *Set) lint(problems *problem.List) {
	typed := typedNames(s.version)
	for _, m := range s.mappings {
		if m.present == nil || m.eventName == nil {
			continue // told already
		}
		m.lintEventName(s.version, problems)
		for _, b := range m.blocks {
			m.lintKeys(b, typed, problems)
		}
	}
	s.lintOneEventName(problems)
}

var (
	// A publisher is product-vendor, or one's own application; parents and children go by
	// colons, as in Nf:Nfc-Vendor.
	publisherName   = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*(?::[A-Z][A-Za-z0-9]*)*(?:-[A-Z][A-Za-z0-9]*)?$`)
	descriptionName = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)
	acronym         = regexp.MustCompile(`[A-Z]{3,}`)
	templateAction  = regexp.MustCompile(`\{\{[^{}]*\}\}`)
	templateBranch  = regexp.MustCompile(`\{\{-?\s*(?:if|with|else|end)\b`)
)

// lintEventName applies VES' best practice for eventName, {Domain}_{Publisher}_{Description}.
// Labels in a template are taken to follow it.
func (m *Mapping) lintEventName(v ves.Version, problems *problem.List) {
	name := m.EventName
	if templateBranch.MatchString(name) {
		return
	}
	name = templateAction.ReplaceAllString(name, "X")
	parts := strings.Split(name, "_")
	if parts[0] != ves.EventNamePrefix(v, ves.DomainMeasurement) || len(parts) < 2 || parts[1] == "" {
		return // an error, told by checkEventName
	}
	warn := func(format string, args ...any) {
		problems.Warnf(m.File, m.eventName.line, "write Measurement_Product-Vendor_Description, each part in CamelCase (VES 7.2.1, best practices for eventName)",
			"eventName %q: %s", m.EventName, fmt.Sprintf(format, args...))
	}
	switch {
	case len(parts) > 3:
		warn("it has %d parts between underscores instead of 3", len(parts))
	case !publisherName.MatchString(parts[1]):
		warn("its publisher %q is not of the form Product-Vendor", parts[1])
	case len(parts) == 3 && !descriptionName.MatchString(parts[2]):
		warn("its description %q is not CamelCase", parts[2])
	case acronym.MatchString(name):
		warn("acronyms have one capital letter, as in HttpServer")
	}
}

// lintOneEventName warns where one source would get several measurements per interval
// (R-146931), as far as that is certain before any label is known.
func (s *Set) lintOneEventName(problems *problem.List) {
	var firstOf []*Mapping // the first mapping of each eventName
	for _, m := range s.mappings {
		if m.EventName == "" || m.identity == nil || slices.ContainsFunc(firstOf, func(f *Mapping) bool { return f.EventName == m.EventName }) {
			continue
		}
		for _, first := range firstOf {
			if !sameSources(first, m) {
				continue
			}
			what := "only the first is sent"
			if first.Interval != m.Interval {
				what = fmt.Sprintf("at intervals of %s and %s", first.Interval, m.Interval)
			}
			problems.Warnf(m.File, m.Line, "use one eventName and one interval for both, or allow several eventNames for one source",
				"mappings %q and %q tell of the same sources under two eventNames, %s and %s; %s (R-146931)", first.Name, m.Name, first.EventName, m.EventName, what)
			break
		}
		firstOf = append(firstOf, m)
	}
}

// sameSources says whether two mappings surely tell of the same sources: they have the
// same entities, or name their sources alike.
func sameSources(a, b *Mapping) bool {
	own, other := a.identity.own[hdrSourceName], b.identity.own[hdrSourceName]
	if own != nil && other != nil {
		return own.source == other.source
	}
	return own == nil && other == nil && slices.Equal(a.Entity, b.Entity)
}

var camelCaseKey = regexp.MustCompile(`^[a-z][A-Za-z0-9]*$`)

// lintKeys looks at the keys that a block writes into hashMaps.
func (m *Mapping) lintKeys(b *block, typed []typedName, problems *problem.List) {
	if b.kind != groupBlock && b.kind != hashBlock {
		return
	}
	lint := func(key string, line int, number bool) {
		if !camelCaseKey.MatchString(key) || acronym.MatchString(key) {
			problems.Warnf(m.File, line, "write "+keySuggestion(key), "key %q of %s is not camelCase (R-470963)", key, b.name)
		}
		if instead := typedInstead(typed, b, key, number); instead != "" {
			problems.Warnf(m.File, line, "fill "+instead+" instead", "key %q of %s is free-form where VES has a field, %s (R-283988)", key, b.name, instead)
		}
	}
	for _, k := range b.index {
		lint(k, m.fields[b.overflow].line, false)
	}
	for i := range b.strings {
		lint(b.strings[i].key, m.fields[b.strings[i].line].line, false)
	}
	for i := range b.numbers {
		lint(b.numbers[i].key, m.fields[b.numbers[i].line].line, b.numbers[i].values == nil)
	}
}

// keySuggestion spells a key in camelCase: mean_rtt becomes meanRtt, meanHTTPLatency
// meanHttpLatency.
func keySuggestion(key string) string {
	var words []string
	for _, w := range strings.FieldsFunc(key, func(r rune) bool { return !isWord(r) }) {
		words = append(words, lowerAcronyms(w))
	}
	out := camelCase(strings.Join(words, "_"))
	if !camelCaseKey.MatchString(out) || strings.ContainsFunc(key, func(r rune) bool { return r > unicode.MaxASCII }) {
		return "a camelCase key"
	}
	return out
}

func isWord(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}

// lowerAcronyms leaves the first capital of each run of capitals, and the last where it
// begins the next word.
func lowerAcronyms(w string) string {
	capital := func(i int) bool { return i >= 0 && i < len(w) && w[i] >= 'A' && w[i] <= 'Z' }
	out := []byte(w)
	for i := range out {
		endsRun := i == len(w)-1 || capital(i+1) || w[i+1] >= '0' && w[i+1] <= '9'
		if capital(i) && capital(i-1) && endsRun {
			out[i] += 'a' - 'A'
		}
	}
	return string(out)
}

// typedName is a name under which a hashMap entry would hold what VES has a field for.
type typedName struct {
	name   string // lower case
	path   string
	array  string // first word of the array's name, lower case; "" for fields of the block itself
	number bool
}

// typedNames lists the fields that a mapping can fill, by the names that give them away.
// A member of an array counts where its name says which array it means: cpuIdle and
// cpuPercentUsage, or percentUsage in a group named for CPUs.
func typedNames(v ves.Version) []typedName {
	var out []typedName
	for f := range ves.Fields(v, ves.DomainMeasurement) {
		number := f.Kind == ves.KindNumber || f.Kind == ves.KindInteger
		array := f.Parent()
		switch {
		case !number || !f.Settable() || ownedByEngine(f.Path) || strings.Contains(array, "."):
		case array == "":
			out = append(out, typedName{name: strings.ToLower(f.Name), path: f.Path, number: true})
		default:
			out = append(out, typedName{name: strings.ToLower(f.Name), path: f.Path, array: firstWord(array), number: true})
		}
	}
	for _, name := range headerFields() {
		out = append(out, typedName{name: strings.ToLower(name), path: name + " of the event"})
	}
	return out
}

// firstWord is the first word of a camelCase name, lower case.
func firstWord(name string) string {
	for i := range len(name) {
		if name[i] >= 'A' && name[i] <= 'Z' && i > 0 {
			return strings.ToLower(name[:i])
		}
	}
	return strings.ToLower(name)
}

// typedInstead returns the field that a hashMap entry should be, or "".
func typedInstead(typed []typedName, b *block, key string, number bool) string {
	plain := strings.ToLower(strings.NewReplacer("_", "", "-", "", ".", "").Replace(key))
	group := firstWord(b.group)
	for _, t := range typed {
		if t.number != number {
			continue
		}
		switch {
		case t.array == "":
			// A group with labels of its own tells of parts of the source, the field of the whole.
			if plain == t.name && len(b.from) == 0 {
				return t.path
			}
		case plain == t.array+t.name,
			plain == t.name && (strings.HasPrefix(t.name, t.array) || group == t.array || t.array == "nic" && ofInterface(t.name)):
			return t.path
		}
	}
	return ""
}

// ofInterface says whether a member's name means traffic of an interface.
func ofInterface(name string) bool {
	return (strings.HasPrefix(name, "received") || strings.HasPrefix(name, "transmitted")) && (strings.Contains(name, "octets") || strings.Contains(name, "packets"))
}
