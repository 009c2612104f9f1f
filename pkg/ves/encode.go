package ves

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// AppendJSON appends the event as one VES message, {"event":{…}}, compact and with members
// in the model's order, so that equal events give equal bytes. It allocates nothing where dst
// is large enough. Numbers are the shortest that read back to the same float64, without
// exponent between 1e-15 and 1e21; whole numbers have no fraction.
//
// It does not validate: call Validate first. It only refuses what would not be JSON (NaN,
// infinities, a RawObject that is no object) and versions that the typed model cannot say:
// 5.4.1. On error dst is returned as it was.
func (e *Event) AppendJSON(dst []byte, v Version) ([]byte, error) {
	if v < V7_0_1 || v > V7_2_1 {
		return dst, fmt.Errorf("encoding event %q: the typed model has no encoding for VES %s", e.Header.EventID, v)
	}
	enc := encoder{b: append(dst, `{"event":{"commonEventHeader":`...)}
	e.Header.encode(&enc)
	if e.Measurement != nil {
		enc.raw(`"measurementFields":`)
		e.Measurement.encode(&enc)
	}
	if e.Heartbeat != nil {
		enc.raw(`"heartbeatFields":`)
		e.Heartbeat.encode(&enc)
	}
	if e.Fault != nil {
		enc.raw(`"faultFields":`)
		e.Fault.encode(&enc)
	}
	if enc.bad != "" {
		return dst, fmt.Errorf("encoding event %q: %s cannot be told in JSON", e.Header.EventID, enc.bad)
	}
	// Every value ends in a comma; the last one becomes the end of the event.
	enc.b[len(enc.b)-1] = '}'
	return append(enc.b, '}'), nil
}

// maxObjectDepth bounds the nesting of JSONObjects, which users link by pointers.
const maxObjectDepth = 8

// encoder appends JSON. Each value is followed by a comma, which the end of its object or
// array overwrites.
type encoder struct {
	b     []byte
	bad   string // first member that cannot be encoded, "" so far
	depth int
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
