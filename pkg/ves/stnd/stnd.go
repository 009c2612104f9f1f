// Package stnd has the bodies of stndDefined events: the notifications of 3GPP TS 28.532 that
// O-RAN and ONAP exchange, for alarms, heartbeats, file reporting and provisioning. A body is a
// typed value; Encode checks it and makes its JSON, to be put into the envelope that
// ves.NewStndDefined makes.
//
// The shapes are those of the OpenAPI documents of release SA88-Rel16, which the ONAP VES
// collector ships and validates by (R-408815, R-408816). Where those documents contradict the
// text of TS 28.532 the documents win, because an event is refused by them; each such place
// is said where it is.
//
// Everything here is pure and safe for concurrent reading.
package stnd

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/vesbridge/vesbridge/pkg/ves"
)

// The namespaces that collectors ship a stream for (R-408814).
const (
	FaultSupervision     = "3GPP-FaultSupervision"
	Provisioning         = "3GPP-Provisioning"
	Heartbeats           = "3GPP-Heartbeat"
	PerformanceAssurance = "3GPP-PerformanceAssurance"
)

// Release is where the documents of SA88-Rel16 are published. The schema map of a collector
// has exactly these URLs.
const Release = "https://forge.3gpp.org/rep/sa5/MnS/blob/SA88-Rel16/OpenAPI/"

// Body is one notification.
type Body interface {
	// Namespace is the stndDefinedNamespace of its event.
	Namespace() string
	// SchemaReference is the reference to its schema in SA88-Rel16, publicURL and fragment.
	// It is empty where that release's documents refuse every such notification: a
	// collector then judges the envelope only, and the event arrives.
	SchemaReference() string
	// problems are what is missing or wrong, by the names of its members.
	problems() []string
	// wire is the value whose JSON is the body.
	wire() any
}

// Encode returns the JSON object of a body, or says all that is wrong with it.
func Encode(b Body) (ves.RawObject, error) {
	if found := b.problems(); len(found) > 0 {
		return nil, fmt.Errorf("encoding %T: %s", b, strings.Join(found, "; "))
	}
	out, err := json.Marshal(b.wire())
	if err != nil {
		return nil, fmt.Errorf("encoding %T: %w", b, err)
	}
	return out, nil
}

// NewEvent puts a body into its envelope: Encode and ves.NewStndDefined.
func NewEvent(h ves.Header, b Body, opts ...ves.Option) (*ves.Event, error) {
	data, err := Encode(b)
	if err != nil {
		return nil, err
	}
	return ves.NewStndDefined(h, b.Namespace(), b.SchemaReference(), data, opts...)
}

// Header is what every notification begins with (TS 28.532 §11).
type Header struct {
	Href           string    // URI of the object that the notification is about; required
	URI            string    // the same by the name that faultMnS gives it; file notifications take Href where it is empty
	NotificationID int64     // always told
	EventTime      time.Time // required
	SystemDN       string    // distinguished name of the system that tells; required
}

func (h *Header) problems() []string {
	var p []string
	p = need(p, "href", h.Href)
	if h.EventTime.IsZero() {
		p = append(p, "eventTime is missing")
	} else if y := h.EventTime.Year(); y < 1 || y > 9999 {
		p = append(p, "eventTime is beyond RFC 3339")
	}
	return need(p, "systemDN", h.SystemDN)
}

// header is Header on the wire.
type header struct {
	Href             string `json:"href"`
	URI              string `json:"uri,omitempty"`
	NotificationID   int64  `json:"notificationId"`
	NotificationType string `json:"notificationType"`
	EventTime        string `json:"eventTime"`
	SystemDN         string `json:"systemDN"`
}

func (h *Header) wire(notificationType string) header {
	return header{
		Href: h.Href, URI: h.URI, NotificationID: h.NotificationID, NotificationType: notificationType,
		EventTime: timeText(h.EventTime), SystemDN: h.SystemDN,
	}
}

func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func need(p []string, name, value string) []string {
	if value == "" {
		return append(p, name+" is missing")
	}
	return p
}

func oneOf[T ~string](p []string, name string, value T, optional bool, allowed ...T) []string {
	if optional && value == "" {
		return p
	}
	for _, a := range allowed {
		if value == a {
			return p
		}
	}
	return append(p, fmt.Sprintf("%s is %q, which is none of %v", name, value, allowed))
}
