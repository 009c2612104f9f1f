package ves

import (
	"fmt"
	"slices"
	"strings"
)

// MemberSize says how many bytes of a message one member takes.
type MemberSize struct {
	Pointer string // JSON pointer from the message's root
	Bytes   int    // of its value
}

// SizeError says that one event alone is larger than a receiver takes. Sending it again
// cannot help: what it tells must shrink.
type SizeError struct {
	EventID     string
	Size, Limit int          // bytes
	Largest     []MemberSize // the members that take most, largest first
}

// Error names the size and the largest members.
func (e *SizeError) Error() string {
	parts := make([]string, len(e.Largest))
	for i, m := range e.Largest {
		parts[i] = fmt.Sprintf("%s %d", m.Pointer, m.Bytes)
	}
	return fmt.Sprintf("event %q has %d bytes, the limit is %d; largest members: %s", e.EventID, e.Size, e.Limit, strings.Join(parts, ", "))
}

// CheckSize returns a *SizeError for a message that is larger than limit bytes, nil for any
// other. VES takes 2 MB and asks for at most 1 MB. eventID only serves the error.
func CheckSize(eventID string, body []byte, limit int) error {
	if len(body) <= limit {
		return nil
	}
	return &SizeError{EventID: eventID, Size: len(body), Limit: limit, Largest: LargestMembers(body, 3)}
}

// LargestMembers returns the n members of a message's blocks that take most bytes, largest
// first. Of JSON that is broken it tells what stands before the break.
func LargestMembers(body []byte, n int) []MemberSize {
	s := &scanner{data: body}
	var out []MemberSize
	event := func(at string) bool {
		if s.space() != '{' {
			return s.skip()
		}
		return s.object(func(block []byte) bool {
			at := at + "/" + escapePointer(shorten(block))
			if s.space() != '{' {
				return s.skip()
			}
			return s.object(func(name []byte) bool {
				start := s.pos
				ok := s.skip()
				out = append(out, MemberSize{Pointer: at + "/" + escapePointer(shorten(name)), Bytes: s.pos - start})
				return ok
			})
		})
	}
	s.space()
	_ = s.object(func(name []byte) bool {
		if string(name) == "eventList" && s.space() == '[' {
			return s.array(func(i int) bool { return event(fmt.Sprintf("/eventList/%d", i)) })
		}
		return event("/" + escapePointer(shorten(name)))
	})
	slices.SortStableFunc(out, func(a, b MemberSize) int { return b.Bytes - a.Bytes })
	return out[:min(n, len(out))]
}
