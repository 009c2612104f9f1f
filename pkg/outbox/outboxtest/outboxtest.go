// Package outboxtest is the contract test of outbox.Outbox: every implementation passes
// Run.
package outboxtest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/outbox"
)

// Bounds are what a test wants an implementation to keep for one destination; 0 is "more
// than the test will use".
type Bounds struct{ MaxRecords, MaxBytes int }

// Factory makes an empty outbox that the test closes. It is called inside a synctest
// bubble: what it starts ends with Close.
type Factory func(t *testing.T, b Bounds) outbox.Outbox

// Rec makes a valid record; the body says its id.
func Rec(domain, source, id string) outbox.Record {
	return outbox.Record{
		EventID: id, Domain: domain, SourceName: source,
		Body: fmt.Appendf(nil, `{"event":{"commonEventHeader":{"domain":%q,"sourceName":%q,"eventId":%q}}}`, domain, source, id),
	}
}

// IDs lists the event ids of recs.
func IDs(recs []outbox.Record) []string {
	var ids []string
	for _, r := range recs {
		ids = append(ids, r.EventID)
	}
	return ids
}

// Balanced fails the test unless every row of the ledger adds up, and returns the sum of
// all rows of destination.
func Balanced(t *testing.T, o outbox.Outbox, destination string) outbox.LedgerRow {
	t.Helper()
	sum := outbox.LedgerRow{Destination: destination}
	for _, r := range o.Ledger() {
		require.Equal(t, r.Built, r.Delivered+r.DeadLettered+r.Expired+r.Pending, "ledger of %s %s", r.Destination, r.Domain)
		if r.Destination == destination {
			sum.Built += r.Built
			sum.Delivered += r.Delivered
			sum.DeadLettered += r.DeadLettered
			sum.Expired += r.Expired
			sum.Pending += r.Pending
		}
	}
	return sum
}

type kit struct {
	*testing.T
	box outbox.Outbox
}

func (k kit) append(recs ...outbox.Record) {
	k.Helper()
	require.NoError(k, k.box.Append(k.Context(), recs...))
}

func (k kit) reader(name string) outbox.Reader {
	k.Helper()
	r, err := k.box.Reader(name, nil)
	require.NoError(k, err)
	return r
}

// now takes what is there without waiting.
func (k kit) now(r outbox.Reader, n int) []outbox.Record {
	k.Helper()
	ctx, cancel := context.WithCancel(k.Context())
	cancel()
	recs, err := r.Next(ctx, n, 1<<20)
	if len(recs) == 0 {
		require.ErrorIs(k, err, context.Canceled)
	} else {
		require.NoError(k, err)
	}
	return recs
}

// Run runs the contract over outboxes that f makes.
func Run(t *testing.T, f Factory) {
	cases := []struct {
		name   string
		bounds Bounds
		run    func(kit)
	}{
		{"order and settling", Bounds{}, testOrder},
		{"lanes", Bounds{}, testLanes},
		{"holding a lane", Bounds{}, testHold},
		{"byte limit of Next", Bounds{}, testNextBytes},
		{"filters", Bounds{}, testFilters},
		{"all or none", Bounds{}, testAllOrNone},
		{"drop oldest, faults last", Bounds{MaxRecords: 4}, testDropOldest},
		{"byte bound", Bounds{MaxBytes: 300}, testByteBound},
		{"what is on the wire does not expire", Bounds{MaxRecords: 3}, testOnWire},
		{"settling out of order", Bounds{}, testBadSettle},
		{"remove", Bounds{}, testRemove},
		{"waiting", Bounds{}, testWaiting},
		{"close", Bounds{}, testClose},
		{"concurrent producers", Bounds{}, testConcurrent},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				box := f(t, c.bounds)
				defer func() { require.NoError(t, box.Close()) }()
				c.run(kit{t, box})
			})
		})
	}
}

func testOrder(k kit) {
	a, b := k.reader("a"), k.reader("b")
	k.append(Rec("measurement", "s", "1"), Rec("measurement", "s", "2"))
	k.append(Rec("measurement", "s", "3"))
	got := k.now(a, 2)
	require.Equal(k, []string{"1", "2"}, IDs(got))
	require.Equal(k, []string{"1", "2", "3"}, IDs(k.now(a, 9)), "Next gives the same again until Settle")
	require.True(k, slices.IsSortedFunc(k.now(a, 9), func(x, y outbox.Record) int { return int(x.Seq) - int(y.Seq) }))
	require.NoError(k, a.Settle(k.now(a, 9)[:1], outbox.Delivered))
	got = k.now(a, 9)
	require.Equal(k, []string{"2", "3"}, IDs(got))
	require.NoError(k, a.Settle(got[:1], outbox.DeadLettered))
	require.NoError(k, a.Settle(got[1:], outbox.Delivered), "a batch may be settled in pieces")
	require.Empty(k, k.now(a, 9))
	require.Equal(k, []string{"1", "2", "3"}, IDs(k.now(b, 9)), "destinations have their own speed")
	require.Equal(k, outbox.LedgerRow{Destination: "a", Built: 3, Delivered: 2, DeadLettered: 1}, Balanced(k.T, k.box, "a"))
	require.Equal(k, outbox.LedgerRow{Destination: "b", Built: 3, Pending: 3}, Balanced(k.T, k.box, "b"))
}

func testLanes(k kit) {
	r := k.reader("a")
	k.append(Rec("measurement", "s", "m1"), Rec("syslog", "s", "n1"), Rec("heartbeat", "s", "h1"))
	m := k.now(r, 9)
	require.Equal(k, []string{"h1"}, IDs(m), "one call returns one lane")
	k.append(Rec("fault", "s", "f1"))
	require.NoError(k, r.Settle(m, outbox.Delivered), "what arrives meanwhile does not disturb a settlement")
	for _, want := range []string{"f1", "n1", "m1"} {
		got := k.now(r, 9)
		require.Equal(k, []string{want}, IDs(got))
		require.NoError(k, r.Settle(got, outbox.Delivered))
	}
}

func testHold(k kit) {
	r := k.reader("a")
	k.append(Rec("fault", "s", "f1"), Rec("measurement", "s", "m1"))
	r.Hold(outbox.LaneFault)
	require.Equal(k, []string{"m1"}, IDs(k.now(r, 9)))
	r.Hold(outbox.LaneFault, outbox.LaneMeasurement)
	require.Empty(k, k.now(r, 9))
	got := make(chan []outbox.Record)
	go func() {
		recs, _ := r.Next(k.Context(), 9, 1<<20)
		got <- recs
	}()
	synctest.Wait()
	k.append(Rec("heartbeat", "s", "h1"))
	recs := <-got
	require.Equal(k, []string{"h1"}, IDs(recs), "a lane that is not held wakes the reader")
	require.NoError(k, r.Settle(recs, outbox.Delivered))
	r.Hold()
	require.Equal(k, []string{"f1"}, IDs(k.now(r, 9)))
}

func testNextBytes(k kit) {
	r := k.reader("a")
	one := Rec("measurement", "s", "1")
	k.append(one, Rec("measurement", "s", "2"), Rec("measurement", "s", "3"))
	next := func(bytes int) []string {
		recs, err := r.Next(k.Context(), 9, bytes)
		require.NoError(k, err)
		return IDs(recs)
	}
	require.Equal(k, []string{"1", "2"}, next(2*len(one.Body)))
	require.Equal(k, []string{"1"}, next(2*len(one.Body)-1))
	require.Equal(k, []string{"1"}, next(1), "a record larger than the limit comes alone")
}

func testFilters(k kit) {
	only := func(domain string) func(*outbox.Record) bool {
		return func(r *outbox.Record) bool { return r.Domain == domain }
	}
	r, err := k.box.Reader("a", only("fault"))
	require.NoError(k, err)
	k.append(Rec("measurement", "s", "m1"), Rec("fault", "s", "f1"))
	require.Equal(k, []string{"f1"}, IDs(k.now(r, 9)))
	require.EqualValues(k, 1, Balanced(k.T, k.box, "a").Built, "what is not routed here is not in this ledger")

	again, err := k.box.Reader("a", only("measurement"))
	require.NoError(k, err)
	k.append(Rec("measurement", "s", "m2"), Rec("fault", "s", "f2"))
	got := k.now(again, 9)
	require.Equal(k, []string{"f1"}, IDs(got), "what was promised before the reload stays promised")
	require.NoError(k, again.Settle(got, outbox.Delivered))
	require.Equal(k, []string{"m2"}, IDs(k.now(again, 9)))
}

func testAllOrNone(k kit) {
	r := k.reader("a")
	bad := Rec("fault", "s", "2")
	bad.Body = []byte(`[]`)
	require.Error(k, k.box.Append(k.Context(), Rec("fault", "s", "1"), bad))
	ctx, cancel := context.WithCancel(k.Context())
	cancel()
	require.Error(k, k.box.Append(ctx, Rec("fault", "s", "1")))
	require.Empty(k, k.now(r, 9))
	require.Zero(k, Balanced(k.T, k.box, "a").Built)
	require.NoError(k, k.box.Append(k.Context()), "nothing to promise")
}

func testDropOldest(k kit) {
	r := k.reader("a")
	k.append(Rec("fault", "s", "f1"), Rec("measurement", "s", "m1"), Rec("measurement", "s", "m2"), Rec("syslog", "s", "n1"))
	k.append(Rec("heartbeat", "s", "h1"))
	r.Hold(outbox.LaneFault, outbox.LaneHeartbeat, outbox.LaneNotification)
	require.Equal(k, []string{"m2"}, IDs(k.now(r, 9)), "the oldest measurement went")
	r.Hold()
	require.Equal(k, []string{"f1"}, IDs(k.now(r, 9)))
	for i := range 3 {
		k.append(Rec("fault", "s", fmt.Sprint("g", i)))
	}
	require.Equal(k, []string{"f1", "g0", "g1", "g2"}, IDs(k.now(r, 9)), "everything else goes before a fault")
	k.append(Rec("measurement", "s", "m3"))
	k.append(Rec("fault", "s", "g3"))
	sum := Balanced(k.T, k.box, "a")
	require.EqualValues(k, 10, sum.Built)
	require.Zero(k, sum.Delivered)
}

func testByteBound(k kit) {
	r := k.reader("a")
	k.append(Rec("measurement", "s", "1"))
	big := Rec("fault", "s", "big")
	big.Body = fmt.Appendf(nil, `{"event":{"x":%q}}`, make([]byte, 400))
	k.append(big)
	require.Equal(k, []string{"1"}, IDs(k.now(r, 9)), "a record over the bound goes alone")
	require.EqualValues(k, 1, Balanced(k.T, k.box, "a").Expired)
	for i := range 9 {
		k.append(Rec("measurement", "s", fmt.Sprint("m", i)))
	}
	size := 0
	for _, rec := range k.now(r, 99) {
		size += len(rec.Body)
	}
	require.LessOrEqual(k, size, 300)
	require.Positive(k, size)
}

func testOnWire(k kit) {
	r := k.reader("a")
	k.append(Rec("measurement", "s", "1"), Rec("measurement", "s", "2"))
	onWire := k.now(r, 9)
	for i := range 6 {
		k.append(Rec("measurement", "s", fmt.Sprint("m", i)))
	}
	require.EqualValues(k, 3, Balanced(k.T, k.box, "a").Expired)
	require.NoError(k, r.Settle(onWire, outbox.Delivered), "delivered is delivered, however full the queue got")
	require.Equal(k, []string{"m3", "m4", "m5"}, IDs(k.now(r, 9)))
	require.EqualValues(k, 2, Balanced(k.T, k.box, "a").Delivered)
}

func testBadSettle(k kit) {
	r := k.reader("a")
	k.append(Rec("measurement", "s", "1"), Rec("measurement", "s", "2"))
	got := k.now(r, 9)
	require.Error(k, r.Settle(got[1:], outbox.Delivered), "not a prefix")
	require.NoError(k, r.Settle(got, outbox.Delivered))
	require.Error(k, r.Settle(got, outbox.Delivered), "twice")
	require.EqualValues(k, 2, Balanced(k.T, k.box, "a").Delivered)
}

func testRemove(k kit) {
	r := k.reader("a")
	k.append(Rec("measurement", "s", "1"), Rec("fault", "s", "2"))
	k.box.Remove("a")
	k.box.Remove("a")
	k.append(Rec("measurement", "s", "3"))
	_, err := r.Next(k.Context(), 1, 1)
	require.ErrorIs(k, err, outbox.ErrRemoved)
	require.Equal(k, outbox.LedgerRow{Destination: "a", Built: 2, Expired: 2}, Balanced(k.T, k.box, "a"))
	require.Empty(k, k.now(k.reader("a"), 9), "a destination that comes back begins anew")
}

func testWaiting(k kit) {
	r := k.reader("a")
	got := make(chan []string)
	go func() {
		recs, err := r.Next(k.Context(), 9, 1<<20)
		if err != nil {
			recs = nil
		}
		got <- IDs(recs)
	}()
	synctest.Wait()
	select {
	case ids := <-got:
		k.Fatalf("Next returned %v although nothing was there", ids)
	default:
	}
	k.append(Rec("fault", "s", "1"))
	require.Equal(k, []string{"1"}, <-got)

	ctx, cancel := context.WithCancel(k.Context())
	r.Hold(outbox.LaneFault)
	failed := make(chan error)
	go func() {
		_, err := r.Next(ctx, 9, 1<<20)
		failed <- err
	}()
	synctest.Wait()
	cancel()
	require.ErrorIs(k, <-failed, context.Canceled)
}

func testClose(k kit) {
	r := k.reader("a")
	k.append(Rec("fault", "s", "1"))
	r.Hold(outbox.LaneFault)
	failed := make(chan error)
	go func() {
		_, err := r.Next(k.Context(), 9, 1<<20)
		failed <- err
	}()
	synctest.Wait()
	require.NoError(k, k.box.Close())
	require.ErrorIs(k, <-failed, outbox.ErrClosed)
	require.ErrorIs(k, k.box.Append(k.Context(), Rec("fault", "s", "2")), outbox.ErrClosed)
	require.EqualValues(k, 1, Balanced(k.T, k.box, "a").Pending)
}

func testConcurrent(k kit) {
	const producers, each = 4, 200
	r := k.reader("a")
	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() {
			for i := range each {
				if err := k.box.Append(k.Context(), Rec("measurement", fmt.Sprint(p), fmt.Sprint(i))); err != nil {
					k.Error(err)
				}
			}
		})
	}
	next := map[string]int{}
	for range producers * each / 5 {
		for got := 0; got < 5; {
			recs, err := r.Next(k.Context(), 5-got, 1<<20)
			require.NoError(k, err)
			require.NoError(k, r.Settle(recs, outbox.Delivered))
			got += len(recs)
			for _, rec := range recs {
				require.Equal(k, fmt.Sprint(next[rec.SourceName]), rec.EventID, "order of source %s", rec.SourceName)
				next[rec.SourceName]++
			}
		}
	}
	wg.Wait()
	require.Equal(k, outbox.LedgerRow{Destination: "a", Built: producers * each, Delivered: producers * each}, Balanced(k.T, k.box, "a"))
}
