package ves

import (
	"fmt"
	"math/bits"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// CheckOptions say how CheckJSON judges.
type CheckOptions struct {
	// Strict adds the rules that the schema does not state but receivers rely on: a message
	// is an event or a list, a batch is not empty and of one domain (and namespace), the block fits the
	// domain, epochs are microseconds, an eventId has no white space, required header texts
	// are not empty, stndDefined has its namespace, text is UTF-8, and names unknown to
	// 5.4.1 are told although its schema tolerates them.
	Strict bool
	// Max is the number of violations after which no more are gathered; 0 means 100.
	Max int
}

// CheckJSON judges one message, {"event":…} or {"eventList":[…]}, by the schema of a version
// and returns its violations, in the order of the message; nil for a valid one. It reads the
// bytes once and builds no tree. Duplicate members and nesting beyond MaxDepth are always
// violations, as is anything that is no JSON, which ends the check.
//
// The verdict is that of ONAP's draft-04 schema, with two choices where validators differ:
// an integer has neither fraction nor exponent (draft-04; 3.0 is refused), and an IPv6
// address may carry a zone, as the VES collector's validator has it.
func CheckJSON(body []byte, v Version, o CheckOptions) []Violation {
	sch := schemaOf(v)
	if sch == nil {
		return []Violation{{Rule: "must be checked against a known version", Value: v.String(), Code: CodeVersionSupport}}
	}
	if o.Max <= 0 {
		o.Max = 100
	}
	c := jsonChecker{scanner: scanner{data: body, keys: make([]key, 0, 32)}, schema: sch, options: o, path: make([]step, 0, 16)}
	c.message()
	if c.err != nil {
		c.out = append(c.out, Violation{
			Pointer: c.pointer(""), Code: c.err.Code, Rule: "must be JSON that every reader understands",
			Value: c.err.Error(), Remedy: syntaxRemedy(c.err.Code),
		})
	}
	return c.out
}

func syntaxRemedy(code Code) string {
	switch code {
	case CodeDuplicateKey:
		return "tell each member once"
	case CodeDepth:
		return "flatten the structure"
	}
	return "repair the JSON"
}

// jsonChecker walks a message along a schema.
type jsonChecker struct {
	scanner
	schema  *schema
	options CheckOptions
	out     []Violation
	path    []step
	trials  int // > 0 inside an alternative of a oneOf: violations are counted, not told
	fails   int
	event   strictEvent
	first   string // domain of a batch's first event
	firstNS string // its stndDefinedNamespace
}

// step is one part of a JSON pointer: a member's key, or an index where key is nil.
type step struct {
	key   []byte
	index int
}

func (c *jsonChecker) pointer(name string) string {
	var b strings.Builder
	for _, s := range c.path {
		b.WriteByte('/')
		if s.key != nil {
			b.WriteString(escapePointer(string(s.key)))
		} else {
			b.WriteString(strconv.Itoa(s.index))
		}
	}
	if name != "" {
		b.WriteString("/" + escapePointer(name))
	}
	return b.String()
}

func (c *jsonChecker) violate(name string, code Code, rule, value, remedy string) {
	c.fails++
	if c.trials > 0 || len(c.out) >= c.options.Max {
		return
	}
	c.out = append(c.out, Violation{Pointer: c.pointer(name), Rule: rule, Value: value, Remedy: remedy, Code: code})
}

// message reads the root object.
func (c *jsonChecker) message() {
	if c.options.Strict && !utf8.Valid(c.data) {
		c.violate("", CodeEncoding, "must be valid UTF-8", "", "repair the text where it comes from")
	}
	if c.space() != '{' {
		c.wrongType("an object", "wrap the event: {\"event\":{…}}")
		_ = c.end()
		return
	}
	var single, batch bool
	ok := c.object(func(key []byte) bool {
		c.path = append(c.path, step{key: key})
		defer c.up()
		switch string(key) {
		case "event":
			single = true
			return c.eventValue()
		case "eventList":
			batch = true
			return c.eventList()
		}
		if c.options.Strict {
			c.violate("", CodeWrapper, "is no member of a VES message", "", "send event or eventList alone")
		}
		return c.skip()
	})
	if !ok || !c.end() {
		return
	}
	if c.options.Strict && single == batch {
		c.violate("", CodeWrapper, "must have either event or eventList", "", "wrap the event: {\"event\":{…}}")
	}
}

func (c *jsonChecker) up() bool {
	c.path = c.path[:len(c.path)-1]
	return true
}

func (c *jsonChecker) eventList() bool {
	n := 0
	ok := c.arrayOf(func(i int) bool {
		n++
		return c.eventValue()
	})
	if ok && n == 0 && c.options.Strict {
		c.violate("", CodeWrapper, "must hold at least one event", "", "do not send empty batches")
	}
	return ok
}

// arrayOf reads an array with its indices on the path; another type is a violation.
func (c *jsonChecker) arrayOf(item func(i int) bool) bool {
	if c.space() != '[' {
		return c.wrongType("an array", "")
	}
	return c.array(func(i int) bool {
		c.path = append(c.path, step{index: i})
		ok := item(i)
		return c.up() && ok
	})
}

func (c *jsonChecker) eventValue() bool {
	c.event = strictEvent{}
	if !c.typed(eventType) {
		return false
	}
	if c.options.Strict {
		c.checkStrict()
	}
	return true
}

// The first two types of every schema; the generator keeps that order.
const (
	eventType  = 0
	headerType = 1
)

// typed reads an object of the schema's type t.
func (c *jsonChecker) typed(t uint8) bool {
	if c.space() != '{' {
		return c.wrongType("an object", "")
	}
	def := &c.schema.types[t]
	var seen uint64
	next := 0
	ok := c.object(func(key []byte) bool {
		c.path = append(c.path, step{key: key})
		i := def.find(key, next)
		if i < 0 {
			c.unknown(def, key)
			ok := c.skip()
			return c.up() && ok
		}
		next = i + 1
		seen |= 1 << i
		if t <= headerType {
			c.note(t, def.members[i].name)
		}
		ok := c.value(&def.members[i])
		return c.up() && ok
	})
	if !ok {
		return false
	}
	for missing := def.required &^ seen; missing != 0; missing &= missing - 1 {
		m := &def.members[bits.TrailingZeros64(missing)]
		c.violate(m.name, CodeRequired, "is required", "", m.remedy())
	}
	return true
}

// find returns the index of a member, looking from where the last one was found: messages
// mostly tell members in a steady order.
func (d *typeDef) find(key []byte, next int) int {
	for n := range d.members {
		i := next + n
		if i >= len(d.members) {
			i -= len(d.members)
		}
		if d.members[i].name == string(key) {
			return i
		}
	}
	return -1
}

func (m *memberDef) remedy() string {
	if m.kind == KindEnum && len(m.enum) == 1 {
		return "add " + strconv.Quote(m.name) + ":" + strconv.Quote(m.enum[0])
	}
	return ""
}

// unknown tells of a member that the type does not have.
func (c *jsonChecker) unknown(d *typeDef, key []byte) {
	if d.open && !c.options.Strict {
		return
	}
	if c.trials > 0 || len(c.out) >= c.options.Max {
		c.fails++
		return
	}
	name := string(key)
	remedy := "leave it out"
	names := make([]string, len(d.members))
	for i := range d.members {
		names[i] = d.members[i].name
	}
	if hint := didYouMean(shorten(key), names); hint != "" {
		remedy = strings.TrimPrefix(hint, "; ")
	}
	for v := V7_2_1; v >= V5_4_1; v-- {
		if v != c.schema.version && schemaOf(v).has(d.name, name) {
			remedy = "VES " + v.String() + " has it"
			break
		}
	}
	c.violate("", CodeUnknownMember, "is no member of "+d.name+" in VES "+c.schema.version.String(), "", remedy)
}

func (s *schema) has(typ, member string) bool {
	for i := range s.types {
		if s.types[i].name == typ {
			return s.types[i].find([]byte(member), 0) >= 0
		}
	}
	return false
}

// value reads one member's value by its definition.
func (c *jsonChecker) value(m *memberDef) bool {
	switch m.kind {
	case KindNumber, KindInteger:
		return c.numberValue(m.kind == KindInteger)
	case KindString, KindEnum, KindBoolString:
		return c.stringValue(m)
	case KindHashMap:
		return c.hashValue()
	case KindNamedHashMaps:
		return c.arrayOf(func(int) bool { return c.namedHash() })
	case KindItems:
		return c.arrayOf(func(int) bool { return c.typed(m.refs[0]) })
	case KindObject:
		return c.typed(m.refs[0])
	case KindAnyObject:
		if c.space() != '{' {
			return c.wrongType("an object", "")
		}
		return c.skip()
	case KindStrings:
		return c.arrayOf(func(int) bool { return c.stringValue(&memberDef{kind: KindString}) })
	case KindIntegers:
		return c.arrayOf(func(int) bool { return c.numberValue(true) })
	case KindOneOf:
		return c.oneOf(m.refs)
	case KindOneOfItems:
		return c.arrayOf(func(int) bool { return c.oneOf(m.refs) })
	case KindTuples:
		return c.arrayOf(func(int) bool { return c.tuple() })
	}
	return c.skip()
}

func (c *jsonChecker) numberValue(wantInteger bool) bool {
	if b := c.space(); b != '-' && (b < '0' || b > '9') {
		if wantInteger {
			return c.wrongType("an integer", "write the digits without quotes")
		}
		return c.wrongType("a number", "write the digits without quotes")
	}
	start := c.pos
	integral, ok := c.number()
	if ok && wantInteger && !integral {
		c.violate("", CodeType, "must be an integer without fraction or exponent", shorten(c.data[start:c.pos]), "round it")
	}
	return ok
}

func (c *jsonChecker) stringValue(m *memberDef) bool {
	if c.space() != '"' {
		return c.wrongType("a string", "put it in quotes")
	}
	sp, ok := c.stringSpan()
	if !ok {
		return false
	}
	if len(m.enum) > 0 {
		s := c.bytes(sp)
		for _, e := range m.enum {
			if e == string(s) {
				return true
			}
		}
		c.violate("", CodeEnum, "must be one of "+strings.Join(m.enum, ", "), strconv.Quote(shorten(s)),
			strings.TrimPrefix(didYouMean(shorten(s), m.enum), "; "))
		return true
	}
	if m.format != "" && !hasFormat(m.format, c.text(sp)) {
		c.violate("", CodeFormat, "must be an address of format "+m.format, strconv.Quote(shorten(c.bytes(sp))), "")
	}
	return true
}

func hasFormat(format, s string) bool {
	switch format {
	case "ipv4":
		a, err := netip.ParseAddr(s)
		return err == nil && a.Is4()
	case "ipv6":
		a, err := netip.ParseAddr(s)
		return err == nil && a.Is6()
	case "uri":
		u, err := url.Parse(s)
		return err == nil && u.IsAbs()
	}
	return true
}

func (c *jsonChecker) hashValue() bool {
	if c.space() != '{' {
		return c.wrongType("an object of strings", "")
	}
	return c.object(func(key []byte) bool {
		c.path = append(c.path, step{key: key})
		var ok bool
		if c.space() == '"' {
			_, ok = c.stringSpan()
		} else {
			ok = c.wrongType("a string", "hashMap values are strings: put it in quotes")
		}
		return c.up() && ok
	})
}

// namedHash reads one {"name":…,"hashMap":{…}}.
func (c *jsonChecker) namedHash() bool {
	if c.space() != '{' {
		return c.wrongType("an object with name and hashMap", "")
	}
	var name, hash bool
	ok := c.object(func(key []byte) bool {
		c.path = append(c.path, step{key: key})
		var ok bool
		switch string(key) {
		case "name":
			name = true
			ok = c.stringValue(&memberDef{kind: KindString})
		case "hashMap":
			hash = true
			ok = c.hashValue()
		default:
			c.violate("", CodeUnknownMember, "is no member of namedHashMap", "", "put it into hashMap")
			ok = c.skip()
		}
		return c.up() && ok
	})
	if ok && !name {
		c.violate("name", CodeRequired, "is required", "", "")
	}
	if ok && !hash {
		c.violate("hashMap", CodeRequired, "is required", "", "")
	}
	return ok
}

// tuple reads [string, number, anything…], of which trailing parts may be missing.
func (c *jsonChecker) tuple() bool {
	return c.arrayOf(func(i int) bool {
		switch i {
		case 0:
			return c.stringValue(&memberDef{kind: KindString})
		case 1:
			return c.numberValue(false)
		}
		return c.skip()
	})
}

// oneOf reads an object that must fit exactly one of the types, by reading it once for each.
// Alternatives hold no further oneOf, so this costs no more than their number.
func (c *jsonChecker) oneOf(types []uint8) bool {
	start, fits := c.pos, 0
	c.trials++
	defer func() { c.trials-- }()
	for _, t := range types {
		c.pos = start
		before := c.fails
		if !c.typed(t) {
			return false
		}
		if c.fails == before {
			fits++
		}
		c.fails = before
	}
	if fits == 1 {
		return true
	}
	c.trials--
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = c.schema.types[t].signature()
	}
	c.violate("", CodeOneOf, "must be exactly one of "+strings.Join(names, ", "), shorten(c.data[start:c.pos]), "")
	c.trials++
	return true
}

// signature shows a type by its members, e.g. {p,iValue}.
func (d *typeDef) signature() string {
	names := make([]string, len(d.members))
	for i := range d.members {
		names[i] = d.members[i].name
	}
	return "{" + strings.Join(names, ",") + "}"
}

// wrongType tells what stands where something else should, and reads over it.
func (c *jsonChecker) wrongType(want, remedy string) bool {
	b := c.space()
	start := c.pos
	if !c.skip() {
		return false
	}
	if b == 'n' {
		remedy = "leave it out: null is never valid"
	}
	c.violate("", CodeType, "must be "+want, fmt.Sprintf("%s %s", typeName(b), shorten(c.data[start:c.pos])), remedy)
	return true
}

func typeName(b byte) string {
	switch b {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}
