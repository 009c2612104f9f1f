package ves

import "slices"

// schema is one version's types as CheckJSON walks them; types[0] is the event.
type schema struct {
	version Version
	types   []typeDef
}

// typeDef is one object type. A bit of required stands for the member of that index.
type typeDef struct {
	name     string
	members  []memberDef
	required uint64
	open     bool
}

type memberDef struct {
	name   string
	kind   Kind
	refs   []uint8 // types of objects and items, or the alternatives
	enum   []string
	format string
}

// blockDef ties a domain to its block.
type blockDef struct {
	domain       Domain
	block        string
	abbreviation string
	optional     bool
}

// EventNamePrefix returns what an eventName of the domain begins with, e.g. "Measurement" or
// "Tca": the convention is prefix_publisher_description. It is "" for a domain that the
// version lacks.
func EventNamePrefix(v Version, d Domain) string {
	if !slices.Contains(Domains(v), d) {
		return ""
	}
	for _, b := range blockDefs(v) {
		if b.domain == d {
			return b.abbreviation
		}
	}
	return ""
}

func blockDefs(v Version) []blockDef {
	if v < V7_0_1 {
		return blocks5
	}
	return blocks7
}

func schemaOf(v Version) *schema {
	switch v {
	case V5_4_1:
		return &schema5_4_1
	case V7_0_1:
		return &schema7_0_1
	case V7_1_1:
		return &schema7_1_1
	case V7_2:
		return &schema7_2
	case V7_2_1:
		return &schema7_2_1
	}
	return nil
}
