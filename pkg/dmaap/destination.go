// Package dmaap delivers VES events: the contract every destination keeps, the classes
// of errors, routing, and the loop that moves records from an outbox to a destination.
// The destinations themselves are in the packages below it.
package dmaap

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/vesbridge/vesbridge/pkg/outbox"
)

// Class says what to do about a failed delivery. Decided in one place per destination,
// used as a metric label: bounded.
type Class uint8

// The classes.
const (
	// Retryable: the same bytes may well be accepted later (timeout, reset, 5xx, 408).
	Retryable Class = iota
	// Permanent: the same bytes will never be accepted (400, 413 of a single event).
	Permanent
	// Throttled: the peer asks for a pause (429, 503 with Retry-After).
	Throttled
	// Misconfigured: nothing will be accepted until somebody changes a configuration
	// (401, 403, 404 of a collector, unknown topic, bad certificate). Retried slowly,
	// never dead-lettered, shown as not ready.
	Misconfigured
)

var classNames = [...]string{"retryable", "permanent", "throttled", "misconfigured"}

func (c Class) String() string { return classNames[c] }

// Error is a failed delivery with its class.
type Error struct {
	Class Class
	// Reason is a short constant for metrics and dead letters, e.g. "schema", "timeout",
	// "unauthorized", "too_large". Bounded per destination type.
	Reason string
	// Reply is the peer's own words, cut to 2 KiB; it never holds a credential.
	Reply string
	// RetryAfter is the pause that the peer asked for; 0 where it did not.
	RetryAfter time.Duration
	// Suspect says of a Retryable error that the peer did answer, and that its answer may
	// be about these very bytes (a VES collector's 500, trap 16 of its API): the batch is
	// then taken apart, and an event that alone fails again and again while others pass
	// is set aside. Never set for a peer that is not there.
	Suspect bool
	Err     error
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s (%s)", e.Reason, e.Class)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Reply != "" {
		s += ": peer said " + e.Reply
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Destination takes batches of VES events. Publish is called by one goroutine at a time;
// Close may be called from another and ends a Publish that is under way.
//
// Ordering: records come in the order in which they were promised within their lane, and
// a destination keeps the order of records of one SourceName.
// Ownership: the records and their bodies are the caller's, immutable, and valid until
// Publish returns; a destination that keeps bytes longer copies them.
// Idempotency: EventID and Body of a retry are those of the first try; a destination may
// be given a record that it has already accepted.
type Destination interface {
	// Publish delivers recs, one domain per call (and one stndDefinedNamespace), within
	// Limits. nil means that all were accepted, in the strongest sense that the protocol
	// knows. An error is an *Error, or a *PartialError where the peer told which records
	// failed; with any other outcome nothing is known of any record, and all of them are
	// tried again.
	Publish(ctx context.Context, recs []outbox.Record) error
	// Limits says how large a call to Publish may be. Constant over its life.
	Limits() Limits
	// Close releases connections within ctx. Idempotent.
	Close(ctx context.Context) error
}

// Limits of one Publish call.
type Limits struct {
	// MaxRecords in one call, ≥ 1.
	MaxRecords int
	// MaxBytes is the sum of Body lengths in one call; a single record larger than it
	// still comes alone, and the destination decides about it.
	MaxBytes int
	// MixedDomains says that one call may hold several domains (Kafka does, a VES batch
	// does not).
	MixedDomains bool
}

// PartialError names the records of one Publish call that were not accepted; all others
// were.
type PartialError struct {
	// Failed maps an index into recs to what happened to it.
	Failed map[int]*Error
}

func (e *PartialError) Error() string {
	if len(e.Failed) > 0 {
		i := slices.Min(slices.Collect(maps.Keys(e.Failed)))
		return fmt.Sprintf("%d of the batch's events refused, first at index %d: %v", len(e.Failed), i, e.Failed[i])
	}
	return "no event refused"
}
