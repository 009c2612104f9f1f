package hvpb

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/vesbridge/vesbridge/pkg/ves"
)

// UnsupportedDomainError says that events of a domain cannot travel by HV-VES, since the
// interface defines no protobuf message for their fields.
type UnsupportedDomainError struct {
	EventID string
	Domain  string
}

// Error implements error.
func (e *UnsupportedDomainError) Error() string {
	return fmt.Sprintf("event %q: HV-VES has no protobuf message for the domain %s, only for perf3gpp (and stndDefined, which is sent as JSON)", e.EventID, e.Domain)
}

// FromJSON converts one event, {"event":…} as VES 7.0.1 to 7.2.1 write it. The error is a
// *ves.ValidationError where the event is invalid by VES 7.2.1 (strictly) or says what the
// protobuf cannot, an *UnsupportedDomainError where its domain cannot travel by HV-VES.
// internalHeaderFields, which are the collector's own, are left out. The result shares no
// memory with body.
func FromJSON(body []byte) (*VesEvent, error) {
	if violations := ves.CheckJSON(body, ves.V7_2_1, ves.CheckOptions{Strict: true}); len(violations) > 0 {
		return nil, &ves.ValidationError{EventID: eventID(body), Violations: violations}
	}
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, fmt.Errorf("reading event: %w", err)
	}
	if m.Event == nil {
		return nil, errors.New("reading event: a batch must be taken apart first")
	}
	h, err := m.Event.Header.typed()
	if err != nil {
		return nil, err
	}
	header, err := FromHeader(&h)
	if err != nil {
		return nil, err
	}
	out := &VesEvent{CommonEventHeader: header}
	switch header.Domain {
	case perf3gpp:
		fields, err := m.Event.Perf3gpp.message(h.EventID)
		if err != nil {
			return nil, err
		}
		out.EventFields, err = proto.MarshalOptions{Deterministic: true}.Marshal(fields)
		if err != nil {
			return nil, fmt.Errorf("serialising perf3gppFields of event %q: %w", h.EventID, err)
		}
	case stndDefined:
		out.EventFields = bytes.Clone(m.Event.StndDefined)
	default:
		return nil, &UnsupportedDomainError{EventID: h.EventID, Domain: header.Domain}
	}
	return out, nil
}

// ToJSON is the inverse of FromJSON: it appends {"event":…} as VES 7.2.1 writes it to dst.
// What other senders leave out stays empty or absent, so that the result need not be a valid
// VES event (ves.CheckJSON tells); what JSON cannot say, or what contradicts itself, is
// refused with a *ves.ValidationError, and domains without a protobuf message with an
// *UnsupportedDomainError. On an error dst comes back as it was.
func ToJSON(dst []byte, e *VesEvent) ([]byte, error) {
	h, err := ToHeader(e.GetCommonEventHeader())
	if err != nil {
		return dst, err
	}
	event := eventJSON{Header: headerOf(&h)}
	switch string(h.Domain) {
	case perf3gpp:
		fields := &Perf3GppFields{}
		if err := proto.Unmarshal(e.GetEventFields(), fields); err != nil {
			return dst, fmt.Errorf("reading Perf3gppFields of event %q: %w", h.EventID, err)
		}
		if event.Perf3gpp, err = perf3gppOf(fields, h.EventID); err != nil {
			return dst, err
		}
	case stndDefined:
		fields := bytes.TrimSpace(e.GetEventFields())
		if !bytes.HasPrefix(fields, []byte("{")) || !json.Valid(fields) {
			return dst, fmt.Errorf("reading stndDefinedFields of event %q: they are no JSON object", h.EventID)
		}
		event.StndDefined = fields
	default:
		return dst, &UnsupportedDomainError{EventID: h.EventID, Domain: string(h.Domain)}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(message{Event: &event}); err != nil {
		return dst, fmt.Errorf("writing event %q: %w", h.EventID, err)
	}
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...), nil
}

// eventID names an invalid event where it still has a name.
func eventID(body []byte) string {
	env, err := ves.ParseEnvelope(body)
	if err != nil || len(env.Events) != 1 {
		return ""
	}
	return env.Events[0].EventID
}

// The JSON of an event, as far as it can travel. CheckJSON has judged its shape before it is
// read into these, so that nothing here is unknown or of another type.
type message struct {
	Event *eventJSON `json:"event"`
}

type eventJSON struct {
	Header      headerJSON      `json:"commonEventHeader"`
	Perf3gpp    *perf3gppJSON   `json:"perf3gppFields,omitempty"`
	StndDefined json.RawMessage `json:"stndDefinedFields,omitempty"`
}

type headerJSON struct {
	Domain                  ves.Domain   `json:"domain"`
	EventID                 string       `json:"eventId"`
	EventName               string       `json:"eventName"`
	EventType               string       `json:"eventType,omitempty"`
	StartEpochMicrosec      json.Number  `json:"startEpochMicrosec"`
	LastEpochMicrosec       json.Number  `json:"lastEpochMicrosec"`
	Priority                ves.Priority `json:"priority"`
	Sequence                json.Number  `json:"sequence"`
	SourceName              string       `json:"sourceName"`
	ReportingEntityName     string       `json:"reportingEntityName"`
	SourceID                string       `json:"sourceId,omitempty"`
	ReportingEntityID       string       `json:"reportingEntityId,omitempty"`
	NFNamingCode            string       `json:"nfNamingCode,omitempty"`
	NFCNamingCode           string       `json:"nfcNamingCode,omitempty"`
	NFVendorName            string       `json:"nfVendorName,omitempty"`
	StndDefinedNamespace    string       `json:"stndDefinedNamespace,omitempty"`
	TimeZoneOffset          string       `json:"timeZoneOffset,omitempty"`
	Version                 string       `json:"version"`
	VESEventListenerVersion string       `json:"vesEventListenerVersion"`
}

func (h *headerJSON) typed() (ves.Header, error) {
	c := checker{at: headerPointer}
	out := ves.Header{
		Domain:                  h.Domain,
		EventID:                 h.EventID,
		EventName:               h.EventName,
		EventType:               h.EventType,
		StartEpochMicrosec:      c.integer("startEpochMicrosec", h.StartEpochMicrosec),
		LastEpochMicrosec:       c.integer("lastEpochMicrosec", h.LastEpochMicrosec),
		Priority:                h.Priority,
		Sequence:                c.integer("sequence", h.Sequence),
		SourceName:              h.SourceName,
		ReportingEntityName:     h.ReportingEntityName,
		SourceID:                h.SourceID,
		ReportingEntityID:       h.ReportingEntityID,
		NFNamingCode:            h.NFNamingCode,
		NFCNamingCode:           h.NFCNamingCode,
		NFVendorName:            h.NFVendorName,
		StndDefinedNamespace:    h.StndDefinedNamespace,
		TimeZoneOffset:          h.TimeZoneOffset,
		Version:                 h.Version,
		VESEventListenerVersion: h.VESEventListenerVersion,
	}
	return out, c.err(h.EventID)
}

func headerOf(h *ves.Header) headerJSON {
	number := func(i int64) json.Number { return json.Number(strconv.FormatInt(i, 10)) }
	return headerJSON{
		Domain:                  h.Domain,
		EventID:                 h.EventID,
		EventName:               h.EventName,
		EventType:               h.EventType,
		StartEpochMicrosec:      number(h.StartEpochMicrosec),
		LastEpochMicrosec:       number(h.LastEpochMicrosec),
		Priority:                h.Priority,
		Sequence:                number(h.Sequence),
		SourceName:              h.SourceName,
		ReportingEntityName:     h.ReportingEntityName,
		SourceID:                h.SourceID,
		ReportingEntityID:       h.ReportingEntityID,
		NFNamingCode:            h.NFNamingCode,
		NFCNamingCode:           h.NFCNamingCode,
		NFVendorName:            h.NFVendorName,
		StndDefinedNamespace:    h.StndDefinedNamespace,
		TimeZoneOffset:          h.TimeZoneOffset,
		Version:                 h.Version,
		VESEventListenerVersion: h.VESEventListenerVersion,
	}
}

// integer reads a number that must be whole. JSON may write it as 900.0 or 9e2 where VES asks
// for a number only.
func (c *checker) integer(member string, n json.Number) int64 {
	if i, err := strconv.ParseInt(string(n), 10, 64); err == nil {
		return i
	}
	const exact = 1 << 53 // up to here float64 holds every integer
	f, err := strconv.ParseFloat(string(n), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > exact {
		c.add(member, ves.CodeRange, "must be an integer that fits into 64 bits: the protobuf has no other", string(n), "")
		return 0
	}
	return int64(f)
}
