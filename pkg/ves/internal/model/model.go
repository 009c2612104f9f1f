// Package model is the one table from which the VES code, schemas and field lists of this
// project are generated: every type and member of VES 5.4.1 and 7.0.1 to 7.2.1, with its
// kind, unit, whether it is required, and in which versions it exists.
//
// The structure follows ONAP's CommonEventFormat schemas 28.4.1 and 30.0.1 to 30.2.1; the
// descriptions are our own. A test proves the result equivalent to the official schemas.
package model

// Version is a VES specification version, in ascending order.
type Version uint8

// The versions. The zero Version means "no bound".
const (
	Any Version = iota
	V5_4_1
	V7_0_1
	V7_1_1
	V7_2
	V7_2_1
)

// Versions lists all of them, oldest first.
func Versions() []Version { return []Version{V5_4_1, V7_0_1, V7_1_1, V7_2, V7_2_1} }

// String returns the specification's number, e.g. "7.2.1".
func (v Version) String() string {
	return [...]string{"", "5.4.1", "7.0.1", "7.1.1", "7.2", "7.2.1"}[v]
}

// Ident returns the Go identifier of the version in package ves.
func (v Version) Ident() string {
	return [...]string{"0", "V5_4_1", "V7_0_1", "V7_1_1", "V7_2", "V7_2_1"}[v]
}

// Kind is the Go identifier of a kind in package ves.
type Kind string

// The kinds of a member's value.
const (
	Number     Kind = "KindNumber"
	Integer    Kind = "KindInteger"
	String     Kind = "KindString"
	Enum       Kind = "KindEnum"
	BoolString Kind = "KindBoolString" // the strings "true" and "false"
	HashMap    Kind = "KindHashMap"    // object of string values
	NamedMaps  Kind = "KindNamedHashMaps"
	Items      Kind = "KindItems" // array of objects of type Ref
	Object     Kind = "KindObject"
	AnyObject  Kind = "KindAnyObject" // any JSON object
	Strings    Kind = "KindStrings"
	Integers   Kind = "KindIntegers"
	OneOf      Kind = "KindOneOf"      // exactly one of Alternatives
	OneOfItems Kind = "KindOneOfItems" // array of the same
	Tuples     Kind = "KindTuples"     // array of [string, number] arrays
)

// Unit is the Go identifier of a unit in package ves.
type Unit string

// The units that VES members are told in.
const (
	None          Unit = "UnitNone"
	Seconds       Unit = "UnitSeconds"
	Milliseconds  Unit = "UnitMilliseconds"
	Microseconds  Unit = "UnitMicroseconds"
	Nanoseconds   Unit = "UnitNanoseconds"
	MsPerSecond   Unit = "UnitMillisecondsPerSecond"
	Kibibytes     Unit = "UnitKibibytes"
	Kilobytes     Unit = "UnitKilobytes"
	KBPerSecond   Unit = "UnitKilobytesPerSecond"
	Gigabytes     Unit = "UnitGigabytes"
	Bytes         Unit = "UnitBytes"
	BytesPerSec   Unit = "UnitBytesPerSecond"
	Percent       Unit = "UnitPercent"
	PerSecond     Unit = "UnitPerSecond"
	Mbps          Unit = "UnitMegabitsPerSecond"
	BitsPerSecond Unit = "UnitBitsPerSecond"
	Megahertz     Unit = "UnitMegahertz"
	Celsius       Unit = "UnitCelsius"
	RPM           Unit = "UnitRevolutionsPerMinute"
	Watts         Unit = "UnitWatts"
	CFM           Unit = "UnitCubicFeetPerMinute"
	Count         Unit = "UnitCount"
	// Unstated marks a number whose unit the specification leaves open: never guessed.
	Unstated Unit = "UnitUnstated"
)

// Value is one value of an enumeration, with the version that brought it.
type Value struct {
	Text  string
	Since Version
}

// Member is one member of an object.
type Member struct {
	Name, Doc    string
	Kind         Kind
	Unit         Unit
	Ref          string   // Object, Items: the type
	Alternatives []string // OneOf, OneOfItems: the types
	Enum         []Value
	EnumType     string // Go type of the enumeration where package ves has one
	Format       string // JSON Schema format
	Required     bool
	Key          bool // the identifier that tells items of an array apart
	Epoch        bool // microseconds since 1970; an integer in Go
	Since, Until Version
}

// In says whether the member exists in v; Until is the first version without it.
func (m *Member) In(v Version) bool {
	return m.Since <= v && (m.Until == Any || v < m.Until)
}

// Type is one object type.
type Type struct {
	Name, Doc string
	Members   []Member
	Open      bool // unknown members are allowed
	Since     Version
}

// Domain ties a domain to its block.
type Domain struct {
	Name          string
	Abbreviation  string // first part of eventName
	Block         string // member of event
	VersionMember string // the block's own version member
	BlockVersion  string // what to send there
	BlockOptional bool
	Since         Version
}

type option func(*Member)

func member(name, doc string, k Kind, opts []option) Member {
	m := Member{Name: name, Doc: doc, Kind: k, Unit: None}
	for _, o := range opts {
		o(&m)
	}
	return m
}

func req(m *Member) { m.Required = true }

func epoch(m *Member) { m.Epoch = true; m.Unit = Microseconds }

func since(v Version) option { return func(m *Member) { m.Since = v } }

func until(v Version) option { return func(m *Member) { m.Until = v } }

func format(f string) option { return func(m *Member) { m.Format = f } }

func goType(n string) option { return func(m *Member) { m.EnumType = n } }

// isKey marks an identifier that is not a string or not called one.
func isKey(m *Member) { m.Key = true; m.Required = true }

// key is the required string that tells an array's items apart.
func key(name, doc string, opts ...option) Member {
	m := member(name, doc, String, opts)
	m.Key, m.Required = true, true
	return m
}

func str(name, doc string, opts ...option) Member { return member(name, doc, String, opts) }

func num(name, doc string, u Unit, opts ...option) Member {
	m := member(name, doc, Number, opts)
	if !m.Epoch {
		m.Unit = u
	}
	return m
}

func integer(name, doc string, u Unit, opts ...option) Member {
	m := member(name, doc, Integer, opts)
	m.Unit = u
	return m
}

func boolString(name, doc string, opts ...option) Member {
	m := member(name, doc, BoolString, opts)
	m.Enum = values("true", "false")
	return m
}

func enum(name, doc string, vs []Value, opts ...option) Member {
	m := member(name, doc, Enum, opts)
	m.Enum = vs
	return m
}

// version is a block's own version: a string enumeration since 7.0, a number before.
func version(name string, vs ...Value) Member {
	return enum(name, "version of this block's layout", vs, req)
}

func values(texts ...string) []Value {
	vs := make([]Value, len(texts))
	for i, t := range texts {
		vs[i].Text = t
	}
	return vs
}

func hash(name, doc string, opts ...option) Member { return member(name, doc, HashMap, opts) }

func object(name, ref, doc string, opts ...option) Member {
	m := member(name, doc, Object, opts)
	m.Ref = ref
	return m
}

func items(name, ref, doc string, opts ...option) Member {
	m := member(name, doc, Items, opts)
	m.Ref = ref
	return m
}

func oneOf(name, doc string, k Kind, alternatives []string, opts ...option) Member {
	m := member(name, doc, k, opts)
	m.Alternatives = alternatives
	return m
}

// stats are the four statistics that disk members come in.
func stats(prefix, doc string, u Unit) []Member {
	return []Member{
		num(prefix+"Avg", doc+": average over the interval", u),
		num(prefix+"Last", doc+": last value in the interval", u),
		num(prefix+"Max", doc+": highest value in the interval", u),
		num(prefix+"Min", doc+": lowest value in the interval", u),
	}
}

// counts are plain numbers that count something.
func counts(pairs ...string) []Member { return nums(Count, pairs...) }

// nums are optional numbers of one unit: pairs of name and description.
func nums(u Unit, pairs ...string) []Member {
	var ms []Member
	for i := 0; i < len(pairs); i += 2 {
		ms = append(ms, num(pairs[i], pairs[i+1], u))
	}
	return ms
}

// strs are optional strings: pairs of name and description.
func strs(pairs ...string) []Member {
	var ms []Member
	for i := 0; i < len(pairs); i += 2 {
		ms = append(ms, str(pairs[i], pairs[i+1]))
	}
	return ms
}

// required marks all of ms.
func required(ms []Member) []Member {
	for i := range ms {
		ms[i].Required = true
	}
	return ms
}

// obj gathers a type; parts are Members and []Members.
func obj(name, doc string, parts ...any) Type {
	t := Type{Name: name, Doc: doc}
	for _, p := range parts {
		switch p := p.(type) {
		case Member:
			t.Members = append(t.Members, p)
		case []Member:
			t.Members = append(t.Members, p...)
		default:
			panic("model: a part of " + name + " is neither a Member nor Members")
		}
	}
	return t
}
