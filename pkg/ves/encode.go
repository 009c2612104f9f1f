package ves

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// AppendJSON appends the event as one VES message of version v, {"event":{…}}, compact and
// with members in the model's order, so that equal events give equal bytes. For 7.x it
// allocates nothing where dst is large enough. Numbers are the shortest that read back to the
// same float64, without exponent between 1e-15 and 1e21; whole numbers have no fraction.
//
// A header version or vesEventListenerVersion that v does not know is sent as one that it
// does. For 5.4.1 names, containers and versions are those of 28.4.1; what it has no member
// for goes into the block's own list of further fields, for measurements also into
// additionalMeasurements (Unsupported lists it).
//
// It does not validate: call Validate first. It only refuses what cannot be told: NaN,
// infinities, a RawObject that is no object, a domain that v lacks. On error dst is returned
// as it was.
func (e *Event) AppendJSON(dst []byte, v Version) ([]byte, error) {
	if v < V5_4_1 || v > V7_2_1 {
		return dst, fmt.Errorf("encoding event %q: no VES version %s", e.Header.EventID, v)
	}
	if name := e.firstForeign(v); name != "" {
		return dst, fmt.Errorf("encoding event %q: VES %s has no %s", e.Header.EventID, v, name)
	}
	enc := encoder{b: append(dst, `{"event":{"commonEventHeader":`...), v: v}
	if v == V5_4_1 {
		e.encode5(&enc)
	} else {
		e.encode7(&enc)
	}
	if enc.bad != "" {
		return dst, fmt.Errorf("encoding event %q: %s cannot be told in VES %s", e.Header.EventID, enc.bad, v)
	}
	// Every value ends in a comma; the last one becomes the end of the event.
	enc.b[len(enc.b)-1] = '}'
	return append(enc.b, '}'), nil
}

func (e *Event) encode7(enc *encoder) {
	if h := &e.Header; headerVersionIn(enc.v, h.Version) && listenerVersionIn(enc.v, h.VESEventListenerVersion) &&
		(h.StndDefinedNamespace == "" || enc.v >= V7_2) {
		h.encode(enc)
	} else {
		fitted := *h
		fitted.fit(enc.v)
		fitted.encode(enc)
	}
	e.encodeBlocks(enc)
}

// fit makes a header one that v accepts.
func (h *Header) fit(v Version) {
	if h.Version != "" && !headerVersionIn(v, h.Version) {
		h.Version = "4.0.1"
	}
	if h.VESEventListenerVersion != "" && !listenerVersionIn(v, h.VESEventListenerVersion) {
		h.VESEventListenerVersion = v.String()
	}
	if v < V7_2 {
		h.StndDefinedNamespace = ""
	}
}

// firstForeign names a domain or block that v lacks, "" for none.
func (e *Event) firstForeign(v Version) string {
	if v >= V7_2 {
		return ""
	}
	name := ""
	e.eachBlock(func(d Domain, block string, set bool) {
		if !hasDomain(v, d) && (set || e.Header.Domain == d) && name == "" {
			name = "domain " + string(d)
			if e.Header.Domain != d {
				name = block
			}
		}
	})
	return name
}

// hasDomain says whether v has a domain of the typed model, whatever it calls it.
func hasDomain(v Version, d Domain) bool {
	switch d {
	case DomainStndDefined:
		return v >= V7_2
	case DomainPerf3gpp:
		return v >= V7_1_1
	case DomainNotification, DomainPNFRegistration:
		return v >= V7_0_1
	}
	return true
}

// maxObjectDepth bounds the nesting of JSONObjects, which users link by pointers.
const maxObjectDepth = 8

// encoder appends JSON. Each value is followed by a comma, which the end of its object or
// array overwrites.
type encoder struct {
	b     []byte
	bad   string // first member that cannot be encoded, "" so far
	depth int
	v     Version
	more  *extras // what 5.4.1 has no member for
}

// pick returns the key that this version has: now, or before 7.1.1.
func (e *encoder) pick(now, before string) string {
	if e.v < V7_1_1 {
		return before
	}
	return now
}

// textOrNumber writes an identifier that is a number before 7.1.1 and text since.
func (e *encoder) textOrNumber(key, s string) {
	if e.v >= V7_1_1 {
		e.text(key, s)
		return
	}
	if !isNumber(s) {
		e.fail(key + " " + shorten([]byte(s)) + ", which is no number,")
		return
	}
	e.raw(key)
	e.raw(s)
	e.raw(",")
}

// isNumber says whether s is exactly one JSON number.
func isNumber(s string) bool {
	sc := scanner{data: []byte(s)}
	_, ok := sc.number()
	return ok && sc.pos == len(s)
}

func (e *encoder) strings(key string, ss []string) {
	e.raw(key)
	e.raw("[")
	for _, s := range ss {
		e.text("", s)
	}
	e.end(']')
}

func (e *encoder) integers(key string, is []int64) {
	e.raw(key)
	e.raw("[")
	for _, i := range is {
		e.integer("", i)
	}
	e.end(']')
}

func (e *encoder) raw(s string) { e.b = append(e.b, s...) }

// end closes an object or array with c.
func (e *encoder) end(c byte) {
	if n := len(e.b) - 1; e.b[n] == ',' {
		e.b[n] = c
	} else {
		e.b = append(e.b, c)
	}
	e.b = append(e.b, ',')
}

// The methods below take a key with quotes and colon, e.g. `"sourceName":`.

func (e *encoder) number(key string, x float64) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		e.fail(key)
		return
	}
	e.b = append(appendNumber(append(e.b, key...), x), ',')
}

func (e *encoder) optNumber(key string, o Opt[float64]) {
	if o.Set {
		e.number(key, o.Value)
	}
}

func (e *encoder) integer(key string, i int64) {
	e.b = append(strconv.AppendInt(append(e.b, key...), i, 10), ',')
}

func (e *encoder) optInteger(key string, o Opt[int64]) {
	if o.Set {
		e.integer(key, o.Value)
	}
}

func (e *encoder) optBool(key string, o Opt[bool]) {
	if !o.Set {
		return
	}
	e.b = append(e.b, key...)
	if o.Value {
		e.raw(`"true",`)
	} else {
		e.raw(`"false",`)
	}
}

func (e *encoder) text(key, s string) {
	e.b = append(appendString(append(e.b, key...), s), ',')
}

func (e *encoder) optText(key, s string) {
	if s != "" {
		e.text(key, s)
	}
}

func (e *encoder) hash(key string, h HashMap) {
	b := append(append(e.b, key...), '{')
	for i := range h {
		kv := &h[i]
		b = append(appendString(b, kv.Key), ':')
		if !kv.Numeric {
			b = append(appendString(b, kv.Text), ',')
			continue
		}
		if math.IsNaN(kv.Number) || math.IsInf(kv.Number, 0) {
			e.fail(key + kv.Key)
			return
		}
		b = append(appendNumber(append(b, '"'), kv.Number), '"', ',')
	}
	e.b = b
	e.end('}')
}

func (e *encoder) optHash(key string, h HashMap) {
	if len(h) > 0 {
		e.hash(key, h)
	}
}

func (e *encoder) optGroups(key string, gs []NamedHashMap) {
	if len(gs) == 0 {
		return
	}
	e.raw(key)
	e.raw("[")
	for i := range gs {
		e.raw(`{`)
		e.text(`"name":`, gs[i].Name)
		e.hash(`"hashMap":`, gs[i].HashMap)
		e.end('}')
	}
	e.end(']')
}

func (e *encoder) optRaw(key string, o RawObject) {
	if len(o) == 0 {
		return
	}
	if !isObject(o) {
		e.fail(key)
		return
	}
	e.raw(key)
	e.b = append(append(e.b, o...), ',')
}

func (e *encoder) fail(key string) {
	if e.bad == "" {
		e.bad = key
	}
}

// appendNumber appends the shortest decimal that reads back to x, which must be finite.
func appendNumber(b []byte, x float64) []byte {
	abs := math.Abs(x)
	if abs < maxExactInteger {
		if i := int64(x); float64(i) == x {
			return strconv.AppendInt(b, i, 10)
		}
	}
	if abs < 1e12 && abs >= 1e-3 {
		// Most values that people measure have few decimals. A decimal of at most 15
		// digits that divides back to x is the shortest one: two of them never name the
		// same float64.
		if r := math.Round(x * 1e3); r/1e3 == x {
			return appendThousandths(b, int64(r))
		}
	}
	if abs >= 1e21 || abs < 1e-15 {
		return strconv.AppendFloat(b, x, 'e', -1, 64)
	}
	return strconv.AppendFloat(b, x, 'f', -1, 64)
}

// appendThousandths appends n/1000 without trailing zeros; n is no multiple of 1000.
func appendThousandths(b []byte, n int64) []byte {
	if n < 0 {
		b = append(b, '-')
		n = -n
	}
	b = strconv.AppendInt(b, n/1000, 10)
	f := n % 1000
	b = append(b, '.', byte('0'+f/100))
	if f %= 100; f == 0 {
		return b
	}
	b = append(b, byte('0'+f/10))
	if f %= 10; f == 0 {
		return b
	}
	return append(b, byte('0'+f))
}

// plain says which bytes stand for themselves in a JSON string. It is never written again.
var plain = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string. Invalid UTF-8 becomes U+FFFD, as encoding/json
// does; Validate reports it.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	i := 0
	for i < len(s) && plain[s[i]] {
		i++
	}
	if i == len(s) {
		return append(append(b, s...), '"')
	}
	return appendEscaped(b, s, i)
}

// appendEscaped finishes a string whose first i bytes need no escape.
func appendEscaped(b []byte, s string, i int) []byte {
	start := 0
	for i < len(s) {
		c := s[i]
		if plain[c] {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || size != 1 {
				i += size
				continue
			}
			b = append(b, s[start:i]...)
			b = append(b, "\ufffd"...)
			i++
			start = i
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}
