package hvpb

import (
	"encoding/hex"
	"math"
	"regexp"
	"strconv"
	"unicode/utf8"

	"github.com/vesbridge/vesbridge/pkg/ves"
)

const (
	// headerVersion is the version of the protobuf header, which counts by itself:
	// commonEventHeader.version of the JSON is not its.
	headerVersion = "1.0"
	// jsonHeaderVersion is commonEventHeader.version of VES 7.2 and later.
	jsonHeaderVersion = "4.1"

	headerPointer = "/event/commonEventHeader"
)

// listenerVersion is what the collector wants of vesEventListenerVersion.
var listenerVersion = regexp.MustCompile(`^7\.[0-9].*$`)

// FromHeader converts the header of an event. It refuses, with a *ves.ValidationError of all
// violations, what a collector would drop without a word: an empty required text, an epoch
// that is not positive, an unknown priority, a vesEventListenerVersion that is not 7.x, a
// stndDefined event without namespace; and a sequence beyond 32 bits.
//
// Ids become the bytes of their text. A namespace of 3GPP gets its HV-VES name.
func FromHeader(h *ves.Header) (*CommonEventHeader, error) {
	c := checker{at: headerPointer}
	out := &CommonEventHeader{
		Version:             headerVersion,
		Domain:              c.text("domain", string(h.Domain)),
		Sequence:            c.uint32("sequence", h.Sequence),
		Priority:            c.priority(h.Priority),
		EventId:             c.text("eventId", h.EventID),
		EventName:           c.text("eventName", h.EventName),
		EventType:           h.EventType,
		LastEpochMicrosec:   c.epoch("lastEpochMicrosec", h.LastEpochMicrosec),
		StartEpochMicrosec:  c.epoch("startEpochMicrosec", h.StartEpochMicrosec),
		NfNamingCode:        h.NFNamingCode,
		NfcNamingCode:       h.NFCNamingCode,
		NfVendorName:        h.NFVendorName,
		ReportingEntityName: c.text("reportingEntityName", h.ReportingEntityName),
		SourceName:          c.text("sourceName", h.SourceName),
		TimeZoneOffset:      h.TimeZoneOffset,
	}
	if h.ReportingEntityID != "" {
		out.ReportingEntityId = []byte(h.ReportingEntityID)
	}
	if h.SourceID != "" {
		out.SourceId = []byte(h.SourceID)
	}
	out.VesEventListenerVersion = h.VESEventListenerVersion
	if !listenerVersion.MatchString(h.VESEventListenerVersion) {
		c.add("vesEventListenerVersion", ves.CodeEnum, "must begin with 7. and a digit",
			strconv.Quote(h.VESEventListenerVersion), "HV-VES takes VES 7 only, e.g. 7.2.1")
	}
	if h.Domain == ves.DomainStndDefined {
		if out.StndDefinedNamespace = Namespace(h.StndDefinedNamespace); out.StndDefinedNamespace == "" {
			c.add("stndDefinedNamespace", ves.CodeNamespace, "must be present: stndDefined events are routed by it", "",
				"set the namespace, e.g. 3GPP-FaultSupervision")
		}
	}
	if err := c.err(h.EventID); err != nil {
		return nil, err
	}
	return out, nil
}

// ToHeader is the inverse of FromHeader, with the header version of VES 7.2. It refuses
// priorities that VES does not have and numbers beyond 63 bits. Members that are absent stay
// empty. An id that is no text, as other senders write them, becomes a UUID where it has 16
// bytes, hexadecimal text elsewhere.
func ToHeader(h *CommonEventHeader) (ves.Header, error) {
	c := checker{at: headerPointer}
	out := ves.Header{
		Domain:                  ves.Domain(h.GetDomain()),
		EventID:                 h.GetEventId(),
		EventName:               h.GetEventName(),
		EventType:               h.GetEventType(),
		StartEpochMicrosec:      c.int64("startEpochMicrosec", h.GetStartEpochMicrosec()),
		LastEpochMicrosec:       c.int64("lastEpochMicrosec", h.GetLastEpochMicrosec()),
		Sequence:                int64(h.GetSequence()),
		SourceName:              h.GetSourceName(),
		ReportingEntityName:     h.GetReportingEntityName(),
		SourceID:                idText(h.GetSourceId()),
		ReportingEntityID:       idText(h.GetReportingEntityId()),
		NFNamingCode:            h.GetNfNamingCode(),
		NFCNamingCode:           h.GetNfcNamingCode(),
		NFVendorName:            h.GetNfVendorName(),
		StndDefinedNamespace:    VESNamespace(h.GetStndDefinedNamespace()),
		TimeZoneOffset:          h.GetTimeZoneOffset(),
		Version:                 jsonHeaderVersion,
		VESEventListenerVersion: h.GetVesEventListenerVersion(),
	}
	for _, p := range priorities {
		if p.hv == h.GetPriority() {
			out.Priority = p.ves
		}
	}
	if out.Priority == "" {
		c.add("priority", ves.CodeEnum, "must be HIGH, MEDIUM, NORMAL or LOW", h.GetPriority().String(), "")
	}
	if err := c.err(h.GetEventId()); err != nil {
		return ves.Header{}, err
	}
	return out, nil
}

var priorities = [...]struct {
	ves ves.Priority
	hv  CommonEventHeader_Priority
}{
	{ves.PriorityHigh, CommonEventHeader_HIGH},
	{ves.PriorityMedium, CommonEventHeader_MEDIUM},
	{ves.PriorityNormal, CommonEventHeader_NORMAL},
	{ves.PriorityLow, CommonEventHeader_LOW},
}

func idText(id []byte) string {
	if utf8.Valid(id) {
		return string(id)
	}
	h := hex.EncodeToString(id)
	if len(id) != 16 {
		return h
	}
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// A checker gathers violations below the pointer at.
type checker struct {
	at  string
	out []ves.Violation
}

func (c *checker) add(member string, code ves.Code, rule, value, remedy string) {
	if member != "" {
		member = "/" + member
	}
	c.out = append(c.out, ves.Violation{Pointer: c.at + member, Code: code, Rule: rule, Value: value, Remedy: remedy})
}

func (c *checker) err(eventID string) error {
	if len(c.out) == 0 {
		return nil
	}
	return &ves.ValidationError{EventID: eventID, Violations: c.out}
}

// text passes a required text on.
func (c *checker) text(member, s string) string {
	if s == "" {
		c.add(member, ves.CodeEmpty, "must not be empty: protobuf has no other way to leave it out", `""`, "give it a value")
	}
	return s
}

func (c *checker) uint32(member string, i int64) uint32 {
	if i < 0 || i > math.MaxUint32 {
		c.add(member, ves.CodeRange, "must be between 0 and 4294967295 in the protobuf", strconv.FormatInt(i, 10), "")
		return 0
	}
	return uint32(i)
}

func (c *checker) epoch(member string, i int64) uint64 {
	if i <= 0 {
		c.add(member, ves.CodeEpoch, "must be positive: HV-VES drops events without a time", strconv.FormatInt(i, 10),
			"tell the time in microseconds since 1970")
		return 0
	}
	return uint64(i)
}

func (c *checker) int64(member string, u uint64) int64 {
	if u > math.MaxInt64 {
		c.add(member, ves.CodeRange, "must be at most 9223372036854775807", strconv.FormatUint(u, 10), "")
		return 0
	}
	return int64(u)
}

func (c *checker) priority(p ves.Priority) CommonEventHeader_Priority {
	for _, known := range priorities {
		if known.ves == p {
			return known.hv
		}
	}
	c.add("priority", ves.CodeEnum, "must be High, Medium, Normal or Low: HV-VES drops events without a priority",
		strconv.Quote(string(p)), "")
	return CommonEventHeader_PRIORITY_NOT_PROVIDED
}
