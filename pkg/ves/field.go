package ves

import (
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Field describes one member of a domain's block in one or several VES versions. Fields
// belong to this package and must not be changed; they are safe for concurrent use, and
// equal fields are the same pointer.
type Field struct {
	Name string // the member's name, e.g. "percentUsage"
	Path string // from the block on, e.g. "cpuUsageArray.percentUsage"
	Kind Kind
	Unit Unit
	// Required says that the enclosing object is invalid without it.
	Required bool
	// Enum lists the values of a KindEnum.
	Enum []string
	// Key names the member that tells the items of a KindItems apart, "" where items have
	// none (loadArray, latencyDistribution).
	Key string
	// Doc says in a few words what it is.
	Doc string

	since, until Version // until is the first version without it; 0 for none
	path5        string  // what 5.4.1 calls a field of 7.x, "" where it has none
	owner        owner   // Go type that holds it, 0 where the typed model does not
	member       uint8   // its index there
}

// owner numbers the Go types that Measurement is made of; generated.
type owner uint8

// PathIn returns the path under which version v tells the field, "" where it cannot: for
// 5.4.1 that is the old name of a field of 7.x. What has no path in 5.4.1 is sent in that
// version's extension point, see Event.Unsupported.
func (f *Field) PathIn(v Version) string {
	switch {
	case f.in(v):
		return f.Path
	case v == V5_4_1:
		return f.path5
	}
	return ""
}

// In says whether version v has the field, under this name or another one.
func (f *Field) In(v Version) bool { return f.PathIn(v) != "" }

func (f *Field) in(v Version) bool {
	return f.since <= v && (f.until == 0 || v < f.until)
}

// Settable says whether the typed model can hold the field through its path: what
// Measurement.SetNumber, AddItem and their kin accept.
func (f *Field) Settable() bool { return f.owner != 0 }

// Parent returns the path of what encloses the field: an array or object, "" for the block.
func (f *Field) Parent() string {
	i := strings.LastIndexByte(f.Path, '.')
	return f.Path[:max(i, 0)]
}

// Fields yields every field of a domain in a version, outer ones before the ones inside,
// in the order of the model. A domain that the version lacks yields nothing.
func Fields(v Version, d Domain) iter.Seq[*Field] {
	return func(yield func(*Field) bool) {
		for _, t := range [...][]domainFields{fieldTable5[:], fieldTable7[:]} {
			for i := range t {
				if t[i].domain != d {
					continue
				}
				for k := range t[i].fields {
					if f := &t[i].fields[k]; t[i].in(v) && f.in(v) && !yield(f) {
						return
					}
				}
			}
		}
	}
}

// domainFields are the fields of one domain in a family of versions.
type domainFields struct {
	domain       Domain
	since, until Version
	fields       []Field
}

func (t *domainFields) in(v Version) bool {
	return t.since <= v && (t.until == 0 || v < t.until)
}

// Domains lists the domains of a version, sorted as the model has them.
func Domains(v Version) []Domain {
	var ds []Domain
	for _, t := range [...][]domainFields{fieldTable5[:], fieldTable7[:]} {
		for i := range t {
			if t[i].in(v) {
				ds = append(ds, t[i].domain)
			}
		}
	}
	return ds
}

// FieldAt finds a field by its path, e.g. "requestRate" or "cpuUsageArray.percentUsage". The
// error of an unknown path says where that name exists instead, or which names are near.
func FieldAt(v Version, d Domain, path string) (*Field, error) {
	if !slices.Contains(Domains(v), d) {
		return nil, fmt.Errorf("VES %s has no domain %q%s", v, string(d), didYouMean(string(d), domainNames(v)))
	}
	for f := range Fields(v, d) {
		if f.Path == path {
			return f, nil
		}
	}
	return nil, fmt.Errorf("domain %s of VES %s has no field %q%s", d, v, path, fieldHint(v, d, path))
}

func domainNames(v Version) []string {
	var names []string
	for _, d := range Domains(v) {
		names = append(names, string(d))
	}
	return names
}

// fieldHint says what an unknown path may have meant: the same name elsewhere in this
// domain, in another version or domain, or else the nearest paths.
func fieldHint(v Version, d Domain, path string) string {
	name := path[strings.LastIndexByte(path, '.')+1:]
	var here, near []string
	for f := range Fields(v, d) {
		if f.Name == name {
			here = append(here, f.Path)
		}
		near = append(near, f.Path)
	}
	if len(here) > 0 {
		return "; the name exists as " + strings.Join(here, ", ")
	}
	for w := V7_2_1; w >= V5_4_1; w-- {
		for f := range Fields(w, d) {
			if w != v && f.Path == path {
				return "; VES " + w.String() + " has it"
			}
		}
	}
	for _, e := range Domains(v) {
		for f := range Fields(v, e) {
			if e != d && f.Path == path {
				return "; domain " + string(e) + " has it"
			}
		}
	}
	return didYouMean(path, near)
}

// didYouMean returns "; did you mean …?" with up to three candidates near enough to s.
func didYouMean(s string, candidates []string) string {
	type scored struct {
		name string
		d    int
	}
	var best []scored
	for _, c := range candidates {
		d := distance(strings.ToLower(s), strings.ToLower(c))
		// The last part alone may be what was mistyped, without its array.
		if i := strings.LastIndexByte(c, '.'); i >= 0 && !strings.Contains(s, ".") {
			d = min(d, distance(strings.ToLower(s), strings.ToLower(c[i+1:])))
		}
		if d <= max(2, len(s)/3) {
			best = append(best, scored{c, d})
		}
	}
	slices.SortStableFunc(best, func(a, b scored) int { return a.d - b.d })
	if len(best) == 0 {
		return ""
	}
	names := make([]string, 0, 3)
	for _, b := range best[:min(3, len(best))] {
		names = append(names, b.name)
	}
	return "; did you mean " + strings.Join(names, " or ") + "?"
}

// distance is the Levenshtein distance in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := prev
			if a[i] != b[j] {
				cost++
			}
			prev = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
