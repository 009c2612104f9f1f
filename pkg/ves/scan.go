package ves

import (
	"bytes"
	"fmt"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth is how deep JSON may nest before it is refused.
const MaxDepth = 64

// SyntaxError says where and why a body is no acceptable JSON.
type SyntaxError struct {
	Offset int // byte offset from 0
	Line   int // line from 1
	Reason string
	Code   Code // CodeJSON, CodeDuplicateKey, CodeDepth or CodeRange
}

// Error implements error.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, offset %d: %s", e.Line, e.Offset, e.Reason)
}

// scanner reads JSON (RFC 8259) in place. The first error sticks; every method returns false
// from then on.
type scanner struct {
	data  []byte
	pos   int
	depth int
	err   *SyntaxError
	keys  []key // keys of the objects that are open, innermost last

	// What decoding needs on top. trusted says that the message was checked already, so that
	// duplicate names need not be looked for.
	trusted bool
	copy    string   // the message; decoded texts are parts of it
	last    span     // the name of the last member
	entries []KV     // what hashMaps are cut from
	lost    []string // members that the typed model has no place for
}

// key is a member's name, decoded, and where it stands.
type key struct {
	text []byte
	at   int
}

// span is a string's inside, without its quotes.
type span struct {
	start, end int
	escaped    bool
}

func (s *scanner) fail(code Code, at int, format string, args ...any) bool {
	if s.err == nil {
		s.err = &SyntaxError{
			Offset: at, Line: 1 + bytes.Count(s.data[:min(at, len(s.data))], []byte{'\n'}),
			Reason: fmt.Sprintf(format, args...), Code: code,
		}
	}
	return false
}

// space skips white space and returns the next byte, 0 at the end.
func (s *scanner) space() byte {
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		if c > ' ' || c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c
		}
		s.pos++
	}
	return 0
}

func (s *scanner) unexpected(want string) bool {
	if s.pos >= len(s.data) {
		return s.fail(CodeJSON, s.pos, "unexpected end of JSON, want %s", want)
	}
	return s.fail(CodeJSON, s.pos, "unexpected byte %q, want %s", s.data[s.pos], want)
}

// stringSpan reads a string at pos and checks its escapes and control characters.
func (s *scanner) stringSpan() (span, bool) {
	if s.pos >= len(s.data) || s.data[s.pos] != '"' {
		return span{}, s.unexpected("a string")
	}
	sp := span{start: s.pos + 1}
	for i := sp.start; i < len(s.data); i++ {
		c := s.data[i]
		if plain[c] {
			continue
		}
		switch {
		case c == '"':
			sp.end = i
			s.pos = i + 1
			return sp, true
		case c < ' ':
			return span{}, s.fail(CodeJSON, i, "control character %#02x in a string", c)
		case c == '\\':
			sp.escaped = true
			n := s.escape(i)
			if n == 0 {
				return span{}, false
			}
			i += n - 1
		}
	}
	return span{}, s.fail(CodeJSON, len(s.data), "unexpected end of JSON in a string")
}

// escape checks the escape sequence at i and returns its length, 0 if it is bad.
func (s *scanner) escape(i int) int {
	if i+1 < len(s.data) {
		switch s.data[i+1] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			return 2
		case 'u':
			if i+6 <= len(s.data) && hex4(s.data[i+2:i+6]) >= 0 {
				return 6
			}
		}
	}
	s.fail(CodeJSON, i, "bad escape in a string")
	return 0
}

func hex4(b []byte) rune {
	var r rune
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// bytes returns a span's text with escapes resolved; it aliases data where there are none.
func (s *scanner) bytes(sp span) []byte {
	raw := s.data[sp.start:sp.end]
	if !sp.escaped {
		return raw
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			continue
		}
		i++
		switch raw[i] {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r := hex4(raw[i+1 : i+5])
			i += 4
			if utf16.IsSurrogate(r) {
				r2 := rune(utf8.RuneError)
				if i+6 < len(raw) && raw[i+1] == '\\' && raw[i+2] == 'u' {
					r2 = utf16.DecodeRune(r, hex4(raw[i+3:i+7]))
				}
				if r = r2; r != utf8.RuneError {
					i += 6
				}
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, raw[i])
		}
	}
	return out
}

func (s *scanner) text(sp span) string { return string(s.bytes(sp)) }

// number reads a number at pos; integral says that it has neither fraction nor exponent,
// which is what draft-04 calls an integer.
func (s *scanner) number() (integral, ok bool) {
	i := s.pos
	if i < len(s.data) && s.data[i] == '-' {
		i++
	}
	switch n := digits(s.data, i); {
	case n == 0:
		s.pos = i
		return false, s.unexpected("a digit")
	case n > 1 && s.data[i] == '0':
		return false, s.fail(CodeJSON, i, "number with a leading zero")
	default:
		i += n
	}
	integral = true
	if i < len(s.data) && s.data[i] == '.' {
		integral = false
		n := digits(s.data, i+1)
		if n == 0 {
			s.pos = i + 1
			return false, s.unexpected("a digit")
		}
		i += 1 + n
	}
	if i < len(s.data) && (s.data[i] == 'e' || s.data[i] == 'E') {
		integral = false
		i++
		if i < len(s.data) && (s.data[i] == '+' || s.data[i] == '-') {
			i++
		}
		n := digits(s.data, i)
		if n == 0 {
			s.pos = i
			return false, s.unexpected("a digit")
		}
		i += n
	}
	s.pos = i
	return integral, true
}

func digits(b []byte, i int) int {
	n := 0
	for i+n < len(b) && b[i+n] >= '0' && b[i+n] <= '9' {
		n++
	}
	return n
}

func (s *scanner) literal(word string) bool {
	if len(s.data)-s.pos < len(word) || string(s.data[s.pos:s.pos+len(word)]) != word {
		return s.unexpected("a JSON value")
	}
	s.pos += len(word)
	return true
}

// object reads an object at pos and calls member at each value, which it must read. The name
// is decoded; it aliases data where it has no escapes. Duplicate names are an error: org.json
// refuses them too (FACTS §4).
func (s *scanner) object(member func(name []byte) bool) bool {
	if !s.enter('{', "an object") {
		return false
	}
	base := len(s.keys)
	if s.space() == '}' {
		return s.leave()
	}
	for {
		s.space()
		at := s.pos
		sp, ok := s.stringSpan()
		if !ok {
			return false
		}
		k := key{text: s.bytes(sp), at: at}
		s.last = sp
		if !s.trusted {
			if len(s.keys)-base < pairwiseLimit && s.seen(base, k.text) {
				return s.duplicate(k)
			}
			s.keys = append(s.keys, k)
		}
		if s.space() != ':' {
			return s.unexpected("a colon")
		}
		s.pos++
		s.space()
		if !member(k.text) {
			return false
		}
		switch s.space() {
		case ',':
			s.pos++
		case '}':
			if !s.uniqueFrom(base) {
				return false
			}
			s.keys = s.keys[:base]
			return s.leave()
		default:
			return s.unexpected("a comma or }")
		}
	}
}

// array reads an array at pos and calls item at each value, which it must read.
func (s *scanner) array(item func(i int) bool) bool {
	if !s.enter('[', "an array") {
		return false
	}
	if s.space() == ']' {
		return s.leave()
	}
	for i := 0; ; i++ {
		s.space()
		if !item(i) {
			return false
		}
		switch s.space() {
		case ',':
			s.pos++
		case ']':
			return s.leave()
		default:
			return s.unexpected("a comma or ]")
		}
	}
}

func (s *scanner) enter(c byte, what string) bool {
	if s.pos >= len(s.data) || s.data[s.pos] != c {
		return s.unexpected(what)
	}
	if s.depth++; s.depth > MaxDepth {
		return s.fail(CodeDepth, s.pos, "nested deeper than %d", MaxDepth)
	}
	s.pos++
	return true
}

func (s *scanner) leave() bool {
	s.pos++
	s.depth--
	return true
}

// pairwiseLimit is the number of keys up to which they are compared one by one as they come;
// larger objects are sorted at their end, so that no input costs quadratic time.
const pairwiseLimit = 64

func (s *scanner) seen(base int, name []byte) bool {
	for i := range s.keys[base:] {
		if bytes.Equal(s.keys[base+i].text, name) {
			return true
		}
	}
	return false
}

func (s *scanner) uniqueFrom(base int) bool {
	ks := s.keys[base:]
	if len(ks) <= pairwiseLimit {
		return true
	}
	slices.SortFunc(ks, func(a, b key) int {
		if c := bytes.Compare(a.text, b.text); c != 0 {
			return c
		}
		return a.at - b.at
	})
	for i := 1; i < len(ks); i++ {
		if bytes.Equal(ks[i-1].text, ks[i].text) {
			return s.duplicate(ks[i])
		}
	}
	return true
}

func (s *scanner) duplicate(k key) bool {
	return s.fail(CodeDuplicateKey, k.at, "member %q is told twice", shorten(k.text))
}

// skip reads any value at pos.
func (s *scanner) skip() bool {
	switch c := s.space(); c {
	case '{':
		return s.object(func([]byte) bool { return s.skip() })
	case '[':
		return s.array(func(int) bool { return s.skip() })
	case '"':
		_, ok := s.stringSpan()
		return ok
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	default:
		if c == '-' || c >= '0' && c <= '9' {
			_, ok := s.number()
			return ok
		}
		return s.unexpected("a JSON value")
	}
}

// end checks that nothing but white space is left.
func (s *scanner) end() bool {
	s.space()
	if s.pos < len(s.data) {
		return s.fail(CodeJSON, s.pos, "unexpected byte %q after the end of the JSON value", s.data[s.pos])
	}
	return true
}

// isObject says whether b is exactly one JSON object.
func isObject(b []byte) bool {
	s := scanner{data: b}
	return s.space() == '{' && s.skip() && s.end()
}

// maxShown is how much of a bad value a message shows.
const maxShown = 80

func shorten(b []byte) string {
	if len(b) <= maxShown {
		return string(b)
	}
	cut := maxShown
	for cut > 0 && !utf8.RuneStart(b[cut]) {
		cut--
	}
	return string(b[:cut]) + "…"
}
