package hvpb

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

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

// FromEvent converts an event that is valid (ves.Event.Validate). The error is a
// *ves.ValidationError of all that the protobuf cannot say or that a collector would drop, or an
// *UnsupportedDomainError where the domain cannot travel by HV-VES. The result shares no
// memory with e that Reset would reuse.
func FromEvent(e *ves.Event) (*VesEvent, error) {
	header, err := FromHeader(&e.Header)
	if err != nil {
		return nil, err
	}
	out := &VesEvent{CommonEventHeader: header}
	id := e.Header.EventID
	switch {
	case e.Header.Domain == ves.DomainPerf3gpp && e.Perf3GPP != nil:
		fields, err := FromPerf3GPP(e.Perf3GPP)
		if err != nil {
			return nil, named(err, id)
		}
		out.EventFields, err = proto.MarshalOptions{Deterministic: true}.Marshal(fields)
		if err != nil {
			return nil, fmt.Errorf("serialising perf3gppFields of event %q: %w", id, err)
		}
	case e.Header.Domain == ves.DomainStndDefined && e.StndDefined != nil:
		if out.EventFields, err = appendStndDefined(e.StndDefined); err != nil {
			return nil, fmt.Errorf("writing stndDefinedFields of event %q: %w", id, err)
		}
	case e.Header.Domain == ves.DomainPerf3gpp, e.Header.Domain == ves.DomainStndDefined:
		return nil, fmt.Errorf("event %q: it has no %sFields", id, e.Header.Domain)
	default:
		return nil, &UnsupportedDomainError{EventID: id, Domain: string(e.Header.Domain)}
	}
	return out, nil
}

// ToEvent is the inverse of FromEvent. What other senders leave out stays empty or absent, so
// that the event need not be valid; what contradicts itself is refused with a
// *ves.ValidationError, and domains without a protobuf message with an
// *UnsupportedDomainError.
func ToEvent(p *VesEvent) (*ves.Event, error) {
	h, err := ToHeader(p.GetCommonEventHeader())
	if err != nil {
		return nil, err
	}
	out := &ves.Event{Header: h}
	switch h.Domain {
	case ves.DomainPerf3gpp:
		fields := &Perf3GppFields{}
		if err := proto.Unmarshal(p.GetEventFields(), fields); err != nil {
			return nil, fmt.Errorf("reading Perf3gppFields of event %q: %w", h.EventID, err)
		}
		if out.Perf3GPP, err = ToPerf3GPP(fields); err != nil {
			return nil, named(err, h.EventID)
		}
	case ves.DomainStndDefined:
		if out.StndDefined, err = readStndDefined(p.GetEventFields()); err != nil {
			return nil, fmt.Errorf("reading stndDefinedFields of event %q: %w", h.EventID, err)
		}
	default:
		return nil, &UnsupportedDomainError{EventID: h.EventID, Domain: string(h.Domain)}
	}
	return out, nil
}

// FromJSON is FromEvent for one event as the outbox keeps it, {"event":…} of VES 7.0.1 to
// 7.2.1. It is checked against VES 7.2.1 first, strictly. internalHeaderFields, which are the
// collector's own, are left out, and perf3gppFieldsVersion becomes that of the protobuf.
// Integers beyond 64 bits and numbers beyond a double are refused. The result shares no memory
// with body.
func FromJSON(body []byte) (*VesEvent, error) {
	if violations := ves.CheckJSON(body, ves.V7_2_1, ves.CheckOptions{Strict: true}); len(violations) > 0 {
		return nil, &ves.ValidationError{EventID: eventID(body), Violations: violations}
	}
	e, err := ves.DecodeEvent(body, ves.V7_2_1)
	if err != nil {
		return nil, err
	}
	return FromEvent(e)
}

// ToJSON appends the event as VES 7.2.1 writes it, {"event":…}, to dst: ToEvent and
// ves.Event.AppendJSON in one. The result need not be valid (ves.CheckJSON tells). On an error
// dst comes back as it was.
func ToJSON(dst []byte, p *VesEvent) ([]byte, error) {
	e, err := ToEvent(p)
	if err != nil {
		return dst, err
	}
	return e.AppendJSON(dst, ves.V7_2_1)
}

// eventID names an invalid event where it still has a name.
func eventID(body []byte) string {
	env, err := ves.ParseEnvelope(body)
	if err != nil || len(env.Events) != 1 {
		return ""
	}
	return env.Events[0].EventID
}

// named tells a ValidationError whose event it is about.
func named(err error, eventID string) error {
	if invalid, ok := errors.AsType[*ves.ValidationError](err); ok {
		return &ves.ValidationError{EventID: eventID, Violations: invalid.Violations}
	}
	return err
}

// stndDefinedJSON is the eventFields of a stndDefined event.
type stndDefinedJSON struct {
	Version         string          `json:"stndDefinedFieldsVersion"`
	Data            json.RawMessage `json:"data"`
	SchemaReference string          `json:"schemaReference,omitempty"`
}

func appendStndDefined(f *ves.StndDefinedFields) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(stndDefinedJSON{Version: "1.0", Data: json.RawMessage(f.Data), SchemaReference: f.SchemaReference})
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func readStndDefined(fields []byte) (*ves.StndDefinedFields, error) {
	var in stndDefinedJSON
	if err := json.Unmarshal(fields, &in); err != nil {
		return nil, err
	}
	if len(in.Data) == 0 || in.Data[0] != '{' {
		return nil, errors.New("their data is no JSON object")
	}
	return &ves.StndDefinedFields{Data: ves.RawObject(in.Data), SchemaReference: in.SchemaReference}, nil
}
