// Package outbox keeps what was promised until each destination has it.
//
// A producer appends records; a record is promised once Append returns nil. Each
// destination reads through its own Reader, at its own speed: a destination that is down
// never slows another, nor the producer. Records travel in lanes, so that a backlog of
// measurements never delays a fault. The ledger counts every record's fate.
//
// Memory is the bounded in-memory implementation.
package outbox

import (
	"context"
	"time"
)

// Lane orders records by urgency: a lower lane is read first.
type Lane uint8

// The lanes, most urgent first. LaneOf decides.
const (
	LaneFault Lane = iota
	LaneHeartbeat
	LaneNotification
	LaneMeasurement
	NumLanes = 4
)

// Record is one encoded VES event and what routing needs to know of it. It is immutable
// once appended: Body is owned by the outbox from then on, and nobody changes it.
type Record struct {
	EventID              string // idempotency key: a retry carries the same id and the same bytes
	Domain               string // VES domain, e.g. "measurement"
	EventName            string
	SourceName           string // ordering key
	Severity             string // faults only, VES eventSeverity
	StndDefinedNamespace string // stndDefined only
	Body                 []byte // {"event":{…}}, complete JSON, no white space around it
	Built                time.Time
	Seq                  uint64 // position in the outbox, unique and rising; set by Append, whatever it was before
}

// Lane is the lane that the record travels in.
func (r *Record) Lane() Lane {
	if r.Domain == "stndDefined" {
		return laneOfNamespace(r.StndDefinedNamespace)
	}
	return LaneOf(r.Domain, r.Severity)
}

// Inside returns the event object without its {"event":…} wrapper, as a VES batch wants
// it. It aliases Body.
func (r *Record) Inside() []byte { return r.Body[len(`{"event":`) : len(r.Body)-1] }

// Outcome is what became of a record at one destination.
type Outcome uint8

// The outcomes that end a record's life at a destination.
const (
	Delivered    Outcome = iota // the destination accepted it
	DeadLettered                // refused for good; kept aside with the reason
	Expired                     // dropped by retention before it could be delivered
)

// Outbox promises records to destinations. Safe for concurrent use.
type Outbox interface {
	// Append promises recs to every destination whose filter matches. All or none: an
	// error means that nothing was promised.
	Append(ctx context.Context, recs ...Record) error
	// Reader registers destination, or hands out its reader again after a reload with a
	// new filter. Records appended from then on go through filter, which must be pure,
	// fast and must not keep its argument. At most one reader of a name is in use.
	Reader(destination string, filter func(*Record) bool) (Reader, error)
	// Remove forgets a destination that a reload took away; what is pending for it is
	// counted as expired.
	Remove(destination string)
	// Ledger returns one row per destination and domain, sorted.
	Ledger() []LedgerRow
	// Close ends the outbox; readers' Next returns ErrClosed.
	Close() error
}

// Reader is one destination's view. It is used by one goroutine at a time.
type Reader interface {
	// Next waits for records, then returns the oldest of the most urgent lane that has
	// any: at least one, at most maxRecords, and no more than maxBytes of Body unless the
	// first alone is larger. It returns the same records again until Settle is called
	// for them, except where a more urgent lane has got some meanwhile. ctx ends the
	// waiting only: what is there is returned even when ctx is done already, so that a
	// done ctx asks without waiting.
	Next(ctx context.Context, maxRecords, maxBytes int) ([]Record, error)
	// Settle says what became of recs, a prefix of what the last Next returned.
	Settle(recs []Record, o Outcome) error
	// Hold replaces the set of lanes that Next passes over, e.g. while a failed one backs
	// off. A held lane delays no other; retention goes on in it.
	Hold(lanes ...Lane)
}

// LedgerRow accounts for the records of one domain at one destination. At any moment
// Built = Delivered + DeadLettered + Expired + Pending.
type LedgerRow struct {
	Destination, Domain                              string
	Built, Delivered, DeadLettered, Expired, Pending uint64
}
