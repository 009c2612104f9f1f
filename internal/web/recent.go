package web

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"sync"
	"time"
)

// Event is one encoded event as it was promised.
type Event struct {
	ID         string    `json:"eventId"`
	Domain     string    `json:"domain"`
	EventName  string    `json:"eventName"`
	SourceName string    `json:"sourceName"`
	Severity   string    `json:"eventSeverity,omitempty"`
	Built      time.Time `json:"built"`
	Fields     int       `json:"fields"` // values outside the header; counted when an event is asked for
	Body       []byte    `json:"-"`      // complete JSON
	seq        uint64
}

// maxDomains bounds the rings; VES 7.2.1 has fourteen domains.
const maxDomains = 16

// Recent keeps the last events of each domain apart, so that a flood of measurements
// never pushes a fault out of sight. Safe for concurrent use.
type Recent struct {
	maxEvents, maxBytes int // per domain

	mu    sync.Mutex // guards the fields below
	seq   uint64
	rings map[string]*ring
}

type ring struct {
	events []Event // oldest first
	bytes  int
}

// NewRecent keeps, per domain, at most maxEvents events whose bodies have at most
// maxBytes together.
func NewRecent(maxEvents, maxBytes int) *Recent {
	return &Recent{maxEvents: max(1, maxEvents), maxBytes: maxBytes, rings: map[string]*ring{}}
}

// Add keeps e with a copy of its body. An event larger than the bound is not kept.
func (r *Recent) Add(e Event) {
	if len(e.Body) > r.maxBytes {
		return
	}
	e.Body = bytes.Clone(e.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.rings[e.Domain]
	if g == nil {
		if len(r.rings) >= maxDomains {
			return
		}
		g = &ring{}
		r.rings[e.Domain] = g
	}
	r.seq++
	e.seq = r.seq
	g.events = append(g.events, e)
	g.bytes += len(e.Body)
	drop := 0
	for len(g.events)-drop > r.maxEvents || g.bytes > r.maxBytes {
		g.bytes -= len(g.events[drop].Body)
		g.events[drop] = Event{} // frees the body while the array lives on
		drop++
	}
	g.events = g.events[drop:]
}

// Last returns at most n events, newest first. Bodies are shared: not to be changed.
func (r *Recent) Last(n int) []Event {
	all := r.LastByDomain(n)
	return all[:min(n, len(all))]
}

// LastByDomain returns at most n events of each domain, newest first of all. Bodies are
// shared: not to be changed.
func (r *Recent) LastByDomain(n int) []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []Event
	for _, g := range r.rings {
		all = append(all, g.events[max(0, len(g.events)-n):]...)
	}
	slices.SortFunc(all, func(a, b Event) int { return cmp.Compare(b.seq, a.seq) })
	return counted(all)
}

// Get finds the newest event with that id.
func (r *Recent) Get(id string) (Event, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range r.rings {
		for _, e := range slices.Backward(g.events) {
			if e.ID == id {
				e.Fields = countFields(e.Body)
				return e, true
			}
		}
	}
	return Event{}, false
}

// counted fills in Fields of events that the caller owns.
func counted(events []Event) []Event {
	for i := range events {
		events[i].Fields = countFields(events[i].Body)
	}
	return events
}

// countFields counts the values of an event outside its commonEventHeader. It is done for
// the few events that somebody looks at, not for all that are built.
func countFields(body []byte) int {
	var msg struct {
		Event map[string]json.RawMessage `json:"event"`
	}
	if json.Unmarshal(body, &msg) != nil {
		return 0
	}
	n := 0
	for name, block := range msg.Event {
		var v any
		if name != "commonEventHeader" && json.Unmarshal(block, &v) == nil {
			n += leaves(v)
		}
	}
	return n
}

func leaves(v any) int {
	n := 0
	switch v := v.(type) {
	case map[string]any:
		for _, m := range v {
			n += leaves(m)
		}
	case []any:
		for _, m := range v {
			n += leaves(m)
		}
	default:
		n = 1
	}
	return n
}
