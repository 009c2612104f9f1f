package hvpb

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/vesbridge/vesbridge/pkg/ves"
)

// MaxPayload is the largest serialised VesEvent in bytes that a collector takes by default
// (maxPayloadSizeBytes of its stream). A larger one makes it close the connection.
const MaxPayload = 1 << 20

// SizeError says that an event does not fit into one frame. The same event never will.
type SizeError struct {
	Size  int // of the serialised VesEvent, in bytes
	Limit int // MaxPayload
}

// Error implements error.
func (e *SizeError) Error() string {
	return fmt.Sprintf("the event takes %d bytes, more than the %d that an HV-VES collector accepts", e.Size, e.Limit)
}

// Marshal appends the serialised event to dst: the payload of one WTP frame. The same event
// always gives the same bytes (within one build of this program), as retries need. An event of
// more than MaxPayload bytes is refused with a *SizeError; on any error dst comes back as it
// was.
func Marshal(dst []byte, e *VesEvent) ([]byte, error) {
	options := proto.MarshalOptions{Deterministic: true}
	if size := options.Size(e); size > MaxPayload {
		return dst, &SizeError{Size: size, Limit: MaxPayload}
	}
	out, err := options.MarshalAppend(dst, e)
	if err != nil {
		return dst, fmt.Errorf("serialising event %q: %w", e.GetCommonEventHeader().GetEventId(), err)
	}
	return out, nil
}

// Unmarshal reads the payload of one WTP frame. Members that this package does not know are
// kept, and written again by Marshal. The result shares no memory with payload. What the
// event says is not judged; ToJSON does.
func Unmarshal(payload []byte) (*VesEvent, error) {
	if len(payload) > MaxPayload {
		return nil, &SizeError{Size: len(payload), Limit: MaxPayload}
	}
	e := &VesEvent{}
	if err := proto.Unmarshal(payload, e); err != nil {
		return nil, fmt.Errorf("reading VesEvent: %w", err)
	}
	if e.GetCommonEventHeader() == nil {
		return nil, errors.New("reading VesEvent: it has no commonEventHeader")
	}
	return e, nil
}

// Route is what a collector looks up in its streams_publishes to find an event's topic: the
// domain, or the namespace of a stndDefined event. It compares the whole text.
func Route(h *CommonEventHeader) string {
	if h.GetDomain() == string(ves.DomainStndDefined) {
		return h.GetStndDefinedNamespace()
	}
	return h.GetDomain()
}

// HV-VES has names of its own for the namespaces of 3GPP (ONAP's OOM chart).
var namespaces = [...]struct{ ves, hv string }{
	{"3GPP-FaultSupervision", "ves-3gpp-fault-supervision"},
	{"3GPP-Provisioning", "ves-3gpp-provisioning"},
	{"3GPP-Heartbeat", "ves-3gpp-heartbeat"},
	{"3GPP-PerformanceAssurance", "ves-3gpp-performance-assurance"},
}

// Namespace translates a stndDefinedNamespace of VES into the one that HV-VES routes by.
// Namespaces of others than 3GPP have one name and come back unchanged.
func Namespace(vesNamespace string) string {
	for _, n := range namespaces {
		if n.ves == vesNamespace {
			return n.hv
		}
	}
	return vesNamespace
}

// VESNamespace is the inverse of Namespace.
func VESNamespace(hvNamespace string) string {
	for _, n := range namespaces {
		if n.hv == hvNamespace {
			return n.ves
		}
	}
	return hvNamespace
}
