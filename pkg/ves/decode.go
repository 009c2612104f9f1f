package ves

import (
	"bytes"
	"fmt"
	"strconv"
)

// DecodeEvent reads one message, {"event":…}, of domain measurement, heartbeat or fault into a
// typed event. The body is checked against v (7.0.1 or later) first; violations come back as a
// *ValidationError. internalHeaderFields are dropped, and hashMap values become text. Numbers
// beyond float64 or int64 are refused rather than rounded to infinity. The event shares no
// memory with body.
func DecodeEvent(body []byte, v Version) (*Event, error) {
	if v < V7_0_1 || v > V7_2_1 {
		return nil, fmt.Errorf("decoding event: the typed model does not know VES %s", v)
	}
	if vs := CheckJSON(body, v, CheckOptions{}); len(vs) > 0 {
		return nil, &ValidationError{Violations: vs}
	}
	e := &Event{}
	s := &scanner{data: body}
	s.space()
	found, other := false, ""
	ok := s.object(func(name []byte) bool {
		if string(name) != "event" {
			return s.skip()
		}
		found = true
		return s.object(func(block []byte) bool {
			switch string(block) {
			case "commonEventHeader":
				return e.Header.decode(s)
			case "measurementFields":
				e.Measurement = &Measurement{}
				return e.Measurement.decode(s)
			case "heartbeatFields":
				e.Heartbeat = &HeartbeatFields{}
				return e.Heartbeat.decode(s)
			case "faultFields":
				e.Fault = &FaultFields{}
				return e.Fault.decode(s)
			}
			other = string(block)
			return s.skip()
		})
	})
	switch {
	case !ok:
		return nil, fmt.Errorf("decoding event: %w", s.err)
	case !found:
		return nil, fmt.Errorf("decoding event: the message has no event")
	case other != "":
		return nil, fmt.Errorf("decoding event %q: the typed model has no %s", e.Header.EventID, other)
	}
	switch e.Header.Domain {
	case DomainMeasurement, DomainHeartbeat, DomainFault:
		return e, nil
	}
	return nil, fmt.Errorf("decoding event %q: the typed model has no domain %s", e.Header.EventID, e.Header.Domain)
}

func decodeText[T ~string](s *scanner, dst *T) bool {
	sp, ok := s.stringSpan()
	if ok {
		*dst = T(s.bytes(sp))
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
	if _, ok := s.number(); !ok {
		return false
	}
	x, err := strconv.ParseFloat(string(s.data[start:s.pos]), 64)
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
		i, err := strconv.ParseInt(string(s.data[start:s.pos]), 10, 64)
		if err != nil {
			return s.fail(CodeRange, start, "integer %s is beyond 64 bits", shorten(s.data[start:s.pos]))
		}
		*dst = i
		return true
	}
	x, err := strconv.ParseFloat(string(s.data[start:s.pos]), 64)
	if err != nil || x >= 1<<63 || x < -1<<63 {
		return s.fail(CodeRange, start, "number %s is beyond 64 bits", shorten(s.data[start:s.pos]))
	}
	*dst = int64(x)
	return true
}

func (s *scanner) decodeHash(dst *HashMap) bool {
	*dst = HashMap{}
	return s.object(func(name []byte) bool {
		kv := KV{Key: string(name)}
		ok := decodeText(s, &kv.Text)
		*dst = append(*dst, kv)
		return ok
	})
}

func (s *scanner) decodeGroups(dst *[]NamedHashMap) bool {
	return s.array(func(int) bool {
		var g NamedHashMap
		ok := s.object(func(name []byte) bool {
			if string(name) == "name" {
				return decodeText(s, &g.Name)
			}
			return s.decodeHash(&g.HashMap)
		})
		*dst = append(*dst, g)
		return ok
	})
}

func (s *scanner) decodeRaw(dst *RawObject) bool {
	start := s.pos
	ok := s.skip()
	*dst = RawObject(bytes.Clone(s.data[start:s.pos]))
	return ok
}

func decodeItems[T any, P interface {
	*T
	decode(*scanner) bool
}](s *scanner, dst *[]T) bool {
	return s.array(func(int) bool {
		var zero T
		*dst = append(*dst, zero)
		return P(&(*dst)[len(*dst)-1]).decode(s)
	})
}
