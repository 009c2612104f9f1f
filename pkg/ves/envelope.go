package ves

import "unicode/utf8"

// MaxBatch is how many events ParseEnvelope takes in one message. The smallest valid event has
// about 300 bytes, so that a batch of VES' 2 MB holds a third of it; without a bound two bytes
// an item would grow to hundreds in memory.
const MaxBatch = 20_000

// Envelope is a VES message taken apart without judging it: what routing needs to know of
// each event, and its bytes.
type Envelope struct {
	// HasEvent and HasEventList say which wrappers the message had. A collector wants
	// exactly the one that its URL is for.
	HasEvent, HasEventList bool
	// Batch says that the message had an eventList.
	Batch bool
	// Events are the event of a single message or the items of a batch, in order.
	Events []EnvelopeEvent
	// InvalidUTF8 says that some text is not UTF-8. RFC 8259 forbids it, collectors let it
	// pass with replacement characters: bytes.ToValidUTF8 does the same.
	InvalidUTF8 bool
}

// EnvelopeEvent is one event of a message. Texts are empty where the member is absent or no
// string.
type EnvelopeEvent struct {
	// Raw is the event's inside, {"commonEventHeader":…}, aliasing the body.
	Raw                     []byte
	Domain                  string
	EventID                 string
	EventName               string
	SourceName              string
	ReportingEntityName     string
	Priority                string
	Severity                string // eventSeverity of faults and threshold crossing alerts
	StndDefinedNamespace    string
	Version                 string // header version; a number before 7.0
	VESEventListenerVersion string
}

// Message returns Raw wrapped as a message of its own, {"event":…}, in new memory.
func (e *EnvelopeEvent) Message() []byte {
	b := make([]byte, 0, len(e.Raw)+len(`{"event":}`))
	b = append(b, `{"event":`...)
	b = append(b, e.Raw...)
	return append(b, '}')
}

// ParseEnvelope takes a message apart. The error is a *SyntaxError: malformed JSON, a root
// that is no object, a member told twice anywhere, anything after the end, nesting beyond
// MaxDepth, or more than MaxBatch events. Whether the events are valid is CheckJSON's to say.
func ParseEnvelope(body []byte) (Envelope, error) {
	p := envelopeParser{scanner: scanner{data: body}}
	p.space()
	ok := p.object(func(key []byte) bool {
		switch string(key) {
		case "event":
			p.env.HasEvent = true
			return p.event()
		case "eventList":
			p.env.HasEventList, p.env.Batch = true, true
			if p.space() != '[' {
				return p.skip()
			}
			return p.array(func(int) bool { return p.event() })
		}
		return p.skip()
	}) && p.end()
	if !ok {
		return Envelope{}, p.err
	}
	p.env.InvalidUTF8 = !utf8.Valid(body)
	return p.env, nil
}

type envelopeParser struct {
	scanner
	env Envelope
}

func (p *envelopeParser) event() bool {
	var e EnvelopeEvent
	b := p.space()
	start := p.pos
	var ok bool
	if b != '{' {
		ok = p.skip()
	} else {
		ok = p.object(func(block []byte) bool {
			header := string(block) == "commonEventHeader"
			if p.space() != '{' {
				return p.skip()
			}
			return p.object(func(key []byte) bool {
				if dst := e.member(header, key); dst != nil {
					return p.textOrNumber(dst)
				}
				return p.skip()
			})
		})
	}
	if !ok {
		return false
	}
	if len(p.env.Events) == MaxBatch {
		return p.fail(CodeRange, start, "more than %d events in one message", MaxBatch)
	}
	e.Raw = body(p.data, start, p.pos)
	p.env.Events = append(p.env.Events, e)
	return true
}

// body cuts data so that appending to the result never overwrites what follows.
func body(data []byte, start, end int) []byte { return data[start:end:end] }

// member returns where a member of the header or of a block goes, nil for most.
func (e *EnvelopeEvent) member(header bool, key []byte) *string {
	if !header {
		if string(key) == "eventSeverity" {
			return &e.Severity
		}
		return nil
	}
	switch string(key) {
	case "domain":
		return &e.Domain
	case "eventId":
		return &e.EventID
	case "eventName":
		return &e.EventName
	case "sourceName":
		return &e.SourceName
	case "reportingEntityName":
		return &e.ReportingEntityName
	case "priority":
		return &e.Priority
	case "stndDefinedNamespace":
		return &e.StndDefinedNamespace
	case "version":
		return &e.Version
	case "vesEventListenerVersion":
		return &e.VESEventListenerVersion
	}
	return nil
}

// textOrNumber reads a string's text, or a number as it is written.
func (p *envelopeParser) textOrNumber(dst *string) bool {
	b := p.space()
	if b == '"' {
		sp, ok := p.stringSpan()
		if ok {
			*dst = p.text(sp)
		}
		return ok
	}
	start := p.pos
	if !p.skip() {
		return false
	}
	if b == '-' || b >= '0' && b <= '9' {
		*dst = string(p.data[start:p.pos])
	}
	return true
}
