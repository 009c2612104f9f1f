package ves

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
	domain   Domain
	block    string
	optional bool
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
