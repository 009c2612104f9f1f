package ves

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Code classifies a Violation; it is bounded and fit for a metric label.
type Code string

// The codes. Those marked strict are rules beyond the schema.
const (
	CodeJSON           Code = "json"                // not JSON
	CodeDuplicateKey   Code = "duplicate_key"       // a member told twice
	CodeType           Code = "type"                // wrong JSON type
	CodeRequired       Code = "required"            // required member missing
	CodeUnknownMember  Code = "unknown_member"      // member that the version does not know
	CodeEnum           Code = "enum"                // value outside an enumeration
	CodeFormat         Code = "format"              // not an address or URI
	CodeOneOf          Code = "one_of"              // not exactly one of the allowed shapes
	CodeDepth          Code = "depth"               // nested too deep
	CodeWrapper        Code = "wrapper"             // strict: neither event nor eventList, or both
	CodeBlock          Code = "block_domain"        // strict: blocks do not fit the domain
	CodeEpoch          Code = "epoch"               // strict: not microseconds since 1970
	CodeEventID        Code = "event_id"            // strict: empty or with white space
	CodeEmpty          Code = "empty"               // strict: required text is empty
	CodeMixedBatch     Code = "mixed_batch"         // strict: a batch of several domains
	CodeNamespace      Code = "stnd_defined"        // strict: stndDefined without namespace
	CodeEncoding       Code = "utf8"                // strict: invalid UTF-8
	CodeFinite         Code = "finite"              // typed events: NaN or infinity
	CodeRange          Code = "range"               // outside what makes sense or fits
	CodeVersionSupport Code = "unsupported_version" // typed events: no encoding for the version
)

// Violation is one rule that an event breaks.
type Violation struct {
	Pointer string // JSON pointer (RFC 6901) from the message's root
	Rule    string // what is required
	Value   string // what was found, shortened; "" where nothing was
	Remedy  string // what to do about it
	Code    Code
}

// Error says it in one line.
func (v Violation) Error() string {
	var b strings.Builder
	if v.Pointer != "" { // that of the whole message is empty (RFC 6901)
		b.WriteString(v.Pointer)
		b.WriteString(": ")
	}
	b.WriteString(v.Rule)
	if v.Value != "" {
		b.WriteString(", got ")
		b.WriteString(v.Value)
	}
	if v.Remedy != "" {
		b.WriteString(" (")
		b.WriteString(v.Remedy)
		b.WriteString(")")
	}
	return b.String()
}

// ValidationError joins all violations of one event.
type ValidationError struct {
	EventID    string
	Violations []Violation
}

// Error lists the violations.
func (e *ValidationError) Error() string {
	texts := make([]string, len(e.Violations))
	for i := range e.Violations {
		texts[i] = e.Violations[i].Error()
	}
	return fmt.Sprintf("event %q is invalid: %s", e.EventID, strings.Join(texts, "; "))
}

// Unwrap returns the violations one by one.
func (e *ValidationError) Unwrap() []error {
	errs := make([]error, len(e.Violations))
	for i := range e.Violations {
		errs[i] = e.Violations[i]
	}
	return errs
}

// The bounds of a sane epoch: 2000-01-01 and 2100-01-01 in microseconds. A time in
// milliseconds lies far below, one in nanoseconds far above (FACTS trap 10).
const (
	minEpoch = 946_684_800_000_000
	maxEpoch = 4_102_444_800_000_000
)

// Validate checks the event for a version: required members, enumerations, exactly one block
// that fits the domain, epochs in microseconds, an eventId without white space, finite
// numbers, unique hashMap keys. The result is nil or a *ValidationError with every violation.
// A valid event costs no allocation unless a hashMap has more than 32 entries.
func (e *Event) Validate(v Version) error {
	c := checker{v: v}
	if v < V5_4_1 || v > V7_2_1 {
		c.report("", CodeVersionSupport, "must be a known version", v.String(), "choose 5.4.1 or 7.0.1 to 7.2.1")
		return &ValidationError{EventID: e.Header.EventID, Violations: c.out}
	}
	c.push("event")
	c.push("commonEventHeader")
	e.Header.validate(&c)
	e.Header.check(&c)
	c.pop()
	e.checkBlocks(&c)
	e.validateBlocks(&c)
	if len(c.out) == 0 {
		return nil
	}
	return &ValidationError{EventID: e.Header.EventID, Violations: c.out}
}

// checkBlocks ties the block to the domain, which the schema does not do.
func (e *Event) checkBlocks(c *checker) {
	known := false
	e.eachBlock(func(d Domain, name string, set bool) {
		mine := d == e.Header.Domain
		known = known || mine
		switch {
		case mine && !set && d != DomainHeartbeat:
			c.report(name, CodeBlock, "is required by domain "+string(d), "", "set the block of the domain")
		case !mine && set:
			c.report(name, CodeBlock, "does not belong to domain "+string(e.Header.Domain), "", "send one event per domain")
		}
	})
	switch d := e.Header.Domain; {
	case !known && d != "":
		c.report("commonEventHeader/domain", CodeEnum, "must be a domain of VES 7", strconv.Quote(shorten([]byte(d))), "")
	case known && !hasDomain(c.v, d):
		c.report("commonEventHeader/domain", CodeVersionSupport, "is unknown to VES "+c.v.String(), string(d), "send it to a destination of a later version")
	}
}

// check adds to the generated rules what the header's types cannot say.
func (h *Header) check(c *checker) {
	if strings.IndexFunc(h.EventID, unicode.IsSpace) >= 0 {
		c.report("eventId", CodeEventID, "must not contain white space", strconv.Quote(h.EventID), "use letters, digits, - and _")
	}
	c.epoch("startEpochMicrosec", h.StartEpochMicrosec)
	c.epoch("lastEpochMicrosec", h.LastEpochMicrosec)
	if h.LastEpochMicrosec < h.StartEpochMicrosec {
		c.report("lastEpochMicrosec", CodeEpoch, "must not be before startEpochMicrosec",
			strconv.FormatInt(h.LastEpochMicrosec, 10), "")
	}
	if h.Sequence < 0 {
		c.report("sequence", CodeRange, "must not be negative", strconv.FormatInt(h.Sequence, 10), "")
	}
	if h.Domain == DomainStndDefined && h.StndDefinedNamespace == "" {
		c.report("stndDefinedNamespace", CodeNamespace, "is required by collectors for domain stndDefined", "", "name the namespace, e.g. 3GPP-FaultSupervision")
	}
	if h.StndDefinedNamespace != "" && c.v < V7_2 {
		c.report("stndDefinedNamespace", CodeUnknownMember, "exists since VES 7.2", strconv.Quote(h.StndDefinedNamespace), "leave it out")
	}
	if h.Version != "" && !headerVersionIn(V7_2_1, h.Version) {
		c.report("version", CodeEnum, "must be a header version of VES 7", strconv.Quote(h.Version), `"4.0.1" is valid in every 7.x`)
	}
	if h.VESEventListenerVersion != "" && !listenerVersionIn(V7_2_1, h.VESEventListenerVersion) {
		c.report("vesEventListenerVersion", CodeEnum, "must be known to VES 7.2.1", strconv.Quote(h.VESEventListenerVersion), `"7.0.1" is valid in every 7.x`)
	}
}

func headerVersionIn(v Version, s string) bool {
	return s == "4.0.1" || v >= V7_1_1 && (s == "4.0" || s == "4.1")
}

func listenerVersionIn(v Version, s string) bool {
	switch s {
	case "7.0.1":
		return true
	case "7.0", "7.1", "7.1.1":
		return v >= V7_1_1
	case "7.2":
		return v >= V7_2
	case "7.2.1":
		return v >= V7_2_1
	}
	return false
}

// check adds the rules about what 7.0.1 told differently and about sane numbers.
func (m *Measurement) check(c *checker) {
	if m.MeasurementInterval <= 0 {
		c.report("measurementInterval", CodeRange, "must be a positive number of seconds", formatFloat(m.MeasurementInterval), "set the length of the window")
	}
	if c.v != V7_0_1 {
		return
	}
	for i := range m.HugePagesArray {
		if id := m.HugePagesArray[i].HugePagesIdentifier; !isNumber(id) {
			c.report("hugePagesArray/"+strconv.Itoa(i)+"/hugePagesIdentifier", CodeType, "must be a number in VES 7.0.1", strconv.Quote(id), "leave it out, or speak 7.1.1 or later")
		}
	}
}

// check refuses an interval that no heartbeat can keep.
func (x *HeartbeatFields) check(c *checker) {
	if x.HeartbeatInterval <= 0 {
		c.report("heartbeatInterval", CodeRange, "must be a positive number of seconds",
			strconv.FormatInt(x.HeartbeatInterval, 10), "set the interval of the heartbeats")
	}
}

// upTo reports an integer that is not from 0 to limit, as the specification's text wants it.
func (c *checker) upTo(name string, i, limit int64) {
	if i < 0 || i > limit {
		c.report(name, CodeRange, "must be from 0 to "+strconv.FormatInt(limit, 10), strconv.FormatInt(i, 10), "")
	}
}

// check holds facility and priority to what VES says of them.
func (x *SyslogFields) check(c *checker) {
	if x.SyslogFacility.Set {
		c.upTo("syslogFacility", x.SyslogFacility.Value, 23)
	}
	if x.SyslogPri.Set {
		c.upTo("syslogPri", x.SyslogPri.Value, 192)
	}
}

func (x *MobileFlowFields) check(c *checker) {
	c.upTo("otherEndpointPort", x.OtherEndpointPort, 65535)
	c.upTo("reportingEndpointPort", x.ReportingEndpointPort, 65535)
}

// check wants the reference to be an address: the collector looks it up as one.
func (x *StndDefinedFields) check(c *checker) {
	if x.SchemaReference != "" && !hasFormat("uri", x.SchemaReference) {
		c.report("schemaReference", CodeFormat, "must be an address of format uri", strconv.Quote(x.SchemaReference), "use the publicURL of the schema, with its fragment")
	}
}

// check ties each result to a type: p counts from 1 in measTypes (FACTS §3).
func (x *Perf3GPPFields) check(c *checker) {
	m := &x.MeasDataCollection
	if g := m.GranularityPeriod; g.Set && g.Value <= 0 {
		c.report("measDataCollection/granularityPeriod", CodeRange, "must be a positive number of seconds", formatFloat(g.Value), "")
	}
	for i := range m.MeasInfoList {
		info := &m.MeasInfoList[i]
		types := len(info.MeasTypes.IMeasTypesList) + len(info.MeasTypes.SMeasTypesList)
		for k := range info.MeasValuesList {
			for r := range info.MeasValuesList[k].MeasResults {
				if p := info.MeasValuesList[k].MeasResults[r].P; p < 1 || p > int64(types) {
					c.report(fmt.Sprintf("measDataCollection/measInfoList/%d/measValuesList/%d/measResults/%d/p", i, k, r), CodeRange,
						"must be the place of a type in measTypes, from 1 to "+strconv.Itoa(types), strconv.FormatInt(p, 10), "")
				}
			}
		}
	}
}

// checker gathers violations. The path is kept in frames so that a valid event allocates
// nothing.
type checker struct {
	v      Version
	out    []Violation
	depth  int
	frames [24]frame
}

// frame is one step of a JSON pointer; index counts where name is "".
type frame struct {
	name  string
	index int
}

func (c *checker) push(name string) { c.pushFrame(frame{name: name}) }

func (c *checker) pushIndex(i int) { c.pushFrame(frame{index: i}) }

func (c *checker) pushFrame(f frame) {
	if c.depth < len(c.frames) {
		c.frames[c.depth] = f
	}
	c.depth++
}

func (c *checker) pop() { c.depth-- }

// tooDeep says whether a JSONObject is nested beyond maxObjectDepth.
func (c *checker) tooDeep() bool {
	if c.depth < len(c.frames)-4 {
		return false
	}
	c.report("", CodeDepth, "nests too many jsonObjects", "", "flatten it")
	return true
}

func (c *checker) report(name string, code Code, rule, value, remedy string) {
	var b strings.Builder
	for _, f := range c.frames[:min(c.depth, len(c.frames))] {
		b.WriteByte('/')
		if f.name != "" {
			b.WriteString(escapePointer(f.name))
		} else {
			b.WriteString(strconv.Itoa(f.index))
		}
	}
	if name != "" {
		b.WriteByte('/')
		b.WriteString(name)
	}
	c.out = append(c.out, Violation{Pointer: b.String(), Rule: rule, Value: value, Remedy: remedy, Code: code})
}

func escapePointer(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "~", "~0"), "/", "~1")
}

func (c *checker) epoch(name string, us int64) {
	if us < minEpoch || us >= maxEpoch {
		c.report(name, CodeEpoch, "must be microseconds since 1970, between the years 2000 and 2100",
			strconv.FormatInt(us, 10), "milliseconds need three more digits")
	}
}

func (c *checker) need(name string, ok bool) {
	if !ok {
		c.report(name, CodeRequired, "is required", "", "set it, or leave its object out")
	}
}

func (c *checker) number(name string, x float64) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		c.report(name, CodeFinite, "must be a finite number", formatFloat(x), "leave it out when it is unknown")
	}
}

func (c *checker) text(name, s string) {
	if !utf8.ValidString(s) {
		c.report(name, CodeEncoding, "must be valid UTF-8", strconv.QuoteToASCII(s), "repair the text where it comes from")
	}
}

// choice wants exactly one alternative of a oneOf.
func (c *checker) choice(set ...bool) {
	n := 0
	for _, b := range set {
		if b {
			n++
		}
	}
	if n != 1 {
		c.report("", CodeOneOf, "must have exactly one of its alternatives", strconv.Itoa(n), "")
	}
}

// format checks an address, from the version on that wants one.
func (c *checker) format(name, format string, since Version, s string) {
	if s != "" && c.v >= since && !hasFormat(format, s) {
		c.report(name, CodeFormat, "must be an address of format "+format, strconv.Quote(s), "")
	}
}

func (c *checker) texts(name string, ss []string) {
	for _, s := range ss {
		c.text(name, s)
	}
}

func (c *checker) enum(name, s string, valid bool, allowed string) {
	if s != "" && !valid {
		c.report(name, CodeEnum, "must be one of "+allowed, strconv.Quote(s), "")
	}
}

func (c *checker) rawObject(name string, o RawObject) {
	if len(o) > 0 && !isObject(o) {
		c.report(name, CodeType, "must be a JSON object", "", "")
	}
}

// hashSortLimit is the size up to which pairwise comparison of keys is cheaper than a set.
const hashSortLimit = 32

func (c *checker) hash(name string, h HashMap) {
	if len(h) == 0 {
		return
	}
	var seen map[string]bool
	if len(h) > hashSortLimit {
		seen = make(map[string]bool, len(h))
	}
	for i := range h {
		kv := &h[i]
		if kv.Numeric && (math.IsNaN(kv.Number) || math.IsInf(kv.Number, 0)) {
			c.report(name+"/"+escapePointer(kv.Key), CodeFinite, "must be a finite number", formatFloat(kv.Number), "leave it out when it is unknown")
		}
		if !utf8.ValidString(kv.Key) || !kv.Numeric && !utf8.ValidString(kv.Text) {
			c.report(name+"/"+escapePointer(kv.Key), CodeEncoding, "must be valid UTF-8", strconv.QuoteToASCII(kv.Text), "repair the text where it comes from")
		}
		dup := seen[kv.Key]
		if seen != nil {
			seen[kv.Key] = true
		} else {
			for j := 0; j < i && !dup; j++ {
				dup = h[j].Key == kv.Key
			}
		}
		if dup {
			c.report(name+"/"+escapePointer(kv.Key), CodeDuplicateKey, "must be told once", strconv.Quote(kv.Value()), "use Set")
		}
	}
}

func (c *checker) groups(name string, gs []NamedHashMap) {
	c.push(name)
	for i := range gs {
		c.pushIndex(i)
		c.need("name", gs[i].Name != "")
		c.text("name", gs[i].Name)
		c.hash("hashMap", gs[i].HashMap)
		c.pop()
	}
	c.pop()
}
