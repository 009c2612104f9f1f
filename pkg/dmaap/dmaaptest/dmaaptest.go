// Package dmaaptest is the contract test of dmaap.Destination: every destination passes
// Run against a peer of its protocol.
package dmaaptest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/dmaap"
	"github.com/vesbridge/vesbridge/pkg/outbox"
)

// Peer is a running peer and a destination that delivers to it. The harness ends both
// with the test.
type Peer struct {
	Destination dmaap.Destination
	// Received returns the bodies, {"event":…}, that the peer has accepted, in order. Only
	// the order within a source and domain counts.
	Received func() []string
	// Hang makes the peer take connections and never answer, until the test ends. The
	// destination's own timeout must be a second or less.
	Hang func()
}

// Fault is something that goes wrong at a peer.
type Fault struct {
	Name string
	// Set makes the peer fail from now on, or heals it.
	Set    func(p *Peer, on bool)
	Class  dmaap.Class
	Reason string
	// Accepted says that the peer has taken the events although it reports a failure.
	Accepted bool
}

// Harness starts peers.
type Harness struct {
	Start  func(t *testing.T) *Peer
	Faults []Fault
}

// Record makes a record of a domain that every harness must have a topic or stream for:
// fault, heartbeat or measurement.
func Record(domain, source, id string) outbox.Record {
	return outbox.Record{
		EventID: id, Domain: domain, SourceName: source, EventName: "Test",
		Body: fmt.Appendf(nil, `{"event":{"commonEventHeader":{"domain":%q,"sourceName":%q,"eventId":%q,"eventName":"Test"}}}`, domain, source, id),
	}
}

// Records makes n records of several sources.
func Records(domain string, n int) []outbox.Record {
	recs := make([]outbox.Record, n)
	for i := range recs {
		recs[i] = Record(domain, fmt.Sprintf("source-%d", i%3), fmt.Sprintf("%s-%04d", domain, i))
	}
	return recs
}

// Run runs the contract.
func Run(t *testing.T, h Harness) {
	t.Run("order per source, bytes unchanged", func(t *testing.T) { testOrder(t, h.Start(t)) })
	t.Run("idempotency", func(t *testing.T) { testIdempotency(t, h.Start(t)) })
	t.Run("limits", func(t *testing.T) { testLimits(t, h.Start(t)) })
	for _, f := range h.Faults {
		t.Run("fault/"+f.Name, func(t *testing.T) { testFault(t, h.Start(t), f) })
	}
	t.Run("hang is bounded", func(t *testing.T) { testHang(t, h.Start(t)) })
	t.Run("context ends a publish", func(t *testing.T) { testContext(t, h.Start(t)) })
	t.Run("close ends a publish", func(t *testing.T) { testClose(t, h.Start(t)) })
	t.Run("after close", func(t *testing.T) { testAfterClose(t, h.Start(t)) })
}

// bySource groups bodies by domain and source: domains may travel by different topics.
func bySource(t *testing.T, bodies []string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, b := range bodies {
		var e struct {
			Event struct {
				CommonEventHeader struct{ Domain, SourceName string }
			}
		}
		require.NoError(t, json.Unmarshal([]byte(b), &e), "no event: %s", b)
		k := e.Event.CommonEventHeader.Domain + " of " + e.Event.CommonEventHeader.SourceName
		out[k] = append(out[k], b)
	}
	return out
}

func bodies(recs []outbox.Record) []string {
	var out []string
	for _, r := range recs {
		out = append(out, string(r.Body))
	}
	return out
}

// publish checks what holds for every call: the records and their bytes are untouched,
// and an error has a class.
func publish(ctx context.Context, t *testing.T, d dmaap.Destination, recs []outbox.Record) error {
	t.Helper()
	before := make([]outbox.Record, len(recs))
	for i, r := range recs {
		before[i] = r
		before[i].Body = bytes.Clone(r.Body)
	}
	err := d.Publish(ctx, recs)
	require.Equal(t, before, recs, "a destination does not change records")
	if err != nil {
		_, whole := errors.AsType[*dmaap.Error](err)
		_, partial := errors.AsType[*dmaap.PartialError](err)
		require.True(t, whole || partial, "an error without a class: %v", err)
	}
	return err
}

func testOrder(t *testing.T, p *Peer) {
	var all []outbox.Record
	n := min(p.Destination.Limits().MaxRecords, 50)
	for _, domain := range []string{"measurement", "heartbeat", "fault"} {
		for range 3 {
			recs := Records(domain, n)
			require.NoError(t, publish(t.Context(), t, p.Destination, recs))
			all = append(all, recs...)
		}
	}
	require.Equal(t, bySource(t, bodies(all)), bySource(t, p.Received()))
}

func testIdempotency(t *testing.T, p *Peer) {
	r := []outbox.Record{Record("fault", "s", "same")}
	require.NoError(t, publish(t.Context(), t, p.Destination, r))
	require.NoError(t, publish(t.Context(), t, p.Destination, r), "a record may come again")
	for _, got := range p.Received() {
		require.Equal(t, string(r[0].Body), got)
	}
}

func testLimits(t *testing.T, p *Peer) {
	l := p.Destination.Limits()
	require.Equal(t, l, p.Destination.Limits(), "constant")
	require.GreaterOrEqual(t, l.MaxRecords, 1)
	n := min(l.MaxRecords, 2000)
	recs := Records("measurement", n)
	size := 0
	for i := range recs {
		if size += len(recs[i].Body); size > l.MaxBytes {
			recs = recs[:i]
			break
		}
	}
	require.NoError(t, publish(t.Context(), t, p.Destination, recs))
	require.Len(t, p.Received(), len(recs))
}

// classes of whatever error a destination gives.
func classes(err error) map[dmaap.Class]string {
	out := map[dmaap.Class]string{}
	if e, ok := errors.AsType[*dmaap.PartialError](err); ok {
		for _, f := range e.Failed {
			out[f.Class] = f.Reason
		}
	} else if e, ok := errors.AsType[*dmaap.Error](err); ok {
		out[e.Class] = e.Reason
	}
	return out
}

func testFault(t *testing.T, p *Peer, f Fault) {
	recs := []outbox.Record{Record("measurement", "s", "1")}
	f.Set(p, true)
	err := publish(t.Context(), t, p.Destination, recs)
	require.Error(t, err)
	require.Equal(t, map[dmaap.Class]string{f.Class: f.Reason}, classes(err), "%v", err)
	if !f.Accepted {
		require.Empty(t, p.Received())
	}
	if e, ok := errors.AsType[*dmaap.Error](err); ok {
		require.LessOrEqual(t, len(e.Reply), 2<<10)
	}
	f.Set(p, false)
	before := len(p.Received())
	require.NoError(t, publish(t.Context(), t, p.Destination, recs), "healed")
	require.Equal(t, bodies(recs), p.Received()[before:], "the same bytes")
}

func testHang(t *testing.T, p *Peer) {
	p.Hang()
	err := publish(t.Context(), t, p.Destination, Records("measurement", 1))
	require.Contains(t, classes(err), dmaap.Retryable, "%v", err)
}

func testContext(t *testing.T, p *Peer) {
	p.Hang()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := publish(ctx, t, p.Destination, Records("measurement", 1))
	require.Contains(t, classes(err), dmaap.Retryable, "%v", err)
}

func testClose(t *testing.T, p *Peer) {
	p.Hang()
	ended := make(chan error)
	go func() { ended <- p.Destination.Publish(t.Context(), Records("measurement", 1)) }()
	require.NoError(t, p.Destination.Close(t.Context()))
	require.Contains(t, classes(<-ended), dmaap.Retryable)
}

func testAfterClose(t *testing.T, p *Peer) {
	require.NoError(t, p.Destination.Close(t.Context()))
	require.NoError(t, p.Destination.Close(t.Context()), "idempotent")
	require.Contains(t, classes(publish(t.Context(), t, p.Destination, Records("measurement", 1))), dmaap.Retryable)
	require.Empty(t, p.Received())
}
