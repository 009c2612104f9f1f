package ves

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// DecodeEvent reads one message, {"event":…}, into a typed event. The body is checked against
// v first; violations come back as a *ValidationError. internalHeaderFields are dropped,
// hashMap values become text, and empty optional members are as absent ones. Numbers beyond
// float64 or int64 are refused rather than rounded to infinity. The event shares no memory
// with body.
//
// 5.4.1 is read into the names and containers of 7.x; its schema lets unknown members pass,
// which have no place there and are left out: Convert names them.
func DecodeEvent(body []byte, v Version) (*Event, error) {
	e, _, err := decodeEvent(body, v)
	return e, err
}

// decodeEvent also returns what was left out.
func decodeEvent(body []byte, v Version) (*Event, []string, error) {
	if vs := CheckJSON(body, v, CheckOptions{}); len(vs) > 0 {
		return nil, nil, &ValidationError{Violations: vs}
	}
	e := &Event{}
	s := &scanner{data: body, copy: string(body), trusted: true}
	s.space()
	found := false
	ok := s.object(func(name []byte) bool {
		if string(name) != "event" {
			return s.skip()
		}
		found = true
		return s.object(func(block []byte) bool { return e.decodeMember(s, string(block), v) })
	})
	switch {
	case !ok:
		return nil, nil, fmt.Errorf("decoding event: %w", s.err)
	case !found:
		return nil, nil, errors.New("decoding event: the message has no event")
	}
	if v == V5_4_1 {
		e.Header.from5()
	}
	return e, s.lost, nil
}

// decodeMember reads the header or a block.
func (e *Event) decodeMember(s *scanner, name string, v Version) bool {
	decode, header := e.decodeBlock, e.Header.decode
	if v == V5_4_1 {
		decode, header = e.decodeBlock5, e.Header.decode5
	}
	if name == "commonEventHeader" {
		return header(s)
	}
	ok, known := decode(name, s)
	if !known {
		return s.lose([]byte(name))
	}
	return ok
}

// lose notes a member of 5.4.1 that has no place in the typed model and reads over it.
func (s *scanner) lose(name []byte) bool {
	if len(s.lost) < maxLost {
		s.lost = append(s.lost, shorten(name))
	}
	return s.skip()
}

// maxLost bounds how many lost members are named.
const maxLost = 100

// string returns a span's text as a part of the one copy of the message.
func (s *scanner) string(sp span) string {
	if sp.escaped {
		return string(s.bytes(sp))
	}
	return s.copy[sp.start:sp.end]
}

// name returns the name of the member that is being read; b is what object told of it.
func (s *scanner) name(b []byte) string {
	if s.last.escaped {
		return string(b)
	}
	return s.copy[s.last.start:s.last.end]
}

func decodeText[T ~string](s *scanner, dst *T) bool {
	sp, ok := s.stringSpan()
	if ok {
		*dst = T(s.string(sp))
	}
	return ok
}

func (s *scanner) decodeBool(dst *bool) bool {
	var t string
	ok := decodeText(s, &t)
	*dst = t == "true"
	return ok
}

func (s *scanner) decodeNumber(dst *float64) bool {
	start := s.pos
	integral, ok := s.number()
	if !ok {
		return false
	}
	if text := s.copy[start:s.pos]; integral && text[0] != '-' && len(text) <= 15 {
		n := int64(0) // exact: below 2^53
		for i := range len(text) {
			n = n*10 + int64(text[i]-'0')
		}
		*dst = float64(n)
		return true
	}
	x, err := strconv.ParseFloat(s.copy[start:s.pos], 64)
	if err != nil {
		return s.fail(CodeRange, start, "number %s is beyond float64", shorten(s.data[start:s.pos]))
	}
	*dst = x
	return true
}

// decodeInteger reads integers and epochs; an epoch may have a fraction of a microsecond,
// which is cut off.
func (s *scanner) decodeInteger(dst *int64) bool {
	start := s.pos
	integral, ok := s.number()
	if !ok {
		return false
	}
	if integral {
		i, err := strconv.ParseInt(s.copy[start:s.pos], 10, 64)
		if err != nil {
			return s.fail(CodeRange, start, "integer %s is beyond 64 bits", shorten(s.data[start:s.pos]))
		}
		*dst = i
		return true
	}
	x, err := strconv.ParseFloat(s.copy[start:s.pos], 64)
	if err != nil || x >= 1<<63 || x < -1<<63 {
		return s.fail(CodeRange, start, "number %s is beyond 64 bits", shorten(s.data[start:s.pos]))
	}
	*dst = int64(x)
	return true
}

func (s *scanner) decodeHash(dst *HashMap) bool {
	if s.entries == nil {
		s.entries = make([]KV, 0, min(8+len(s.data)/64, 1024))
	}
	start := len(s.entries)
	ok := s.object(func(name []byte) bool {
		s.entries = append(s.entries, KV{Key: s.name(name)})
		return decodeText(s, &s.entries[len(s.entries)-1].Text)
	})
	*dst = s.entries[start:len(s.entries):len(s.entries)]
	return ok
}

func (s *scanner) decodeGroups(dst *[]NamedHashMap) bool {
	return s.array(func(int) bool {
		g := push(dst)
		return s.object(func(name []byte) bool {
			if string(name) == "name" {
				return decodeText(s, &g.Name)
			}
			return s.decodeHash(&g.HashMap)
		})
	})
}

func (s *scanner) decodeRaw(dst *RawObject) bool {
	start := s.pos
	ok := s.skip()
	*dst = RawObject(bytes.Clone(s.data[start:s.pos]))
	return ok
}

// push adds a zero item to a slice and returns it.
func push[T any](dst *[]T) *T {
	if cap(*dst) == 0 {
		*dst = make([]T, 0, 4)
	}
	var zero T
	*dst = append(*dst, zero)
	return &(*dst)[len(*dst)-1]
}

// decodeTextOrNumber reads an identifier that 7.0.1 tells as a number.
func (s *scanner) decodeTextOrNumber(dst *string) bool {
	if s.space() == '"' {
		return decodeText(s, dst)
	}
	start := s.pos
	_, ok := s.number()
	*dst = s.copy[start:s.pos]
	return ok
}

func (s *scanner) decodeStrings(dst *[]string) bool {
	*dst = []string{}
	return s.array(func(int) bool { return decodeText(s, push(dst)) })
}

func (s *scanner) decodeIntegers(dst *[]int64) bool {
	*dst = []int64{}
	return s.array(func(int) bool { return s.decodeInteger(push(dst)) })
}
