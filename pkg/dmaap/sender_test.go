package dmaap_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/vesbridge/vesbridge/pkg/dmaap"
	"github.com/vesbridge/vesbridge/pkg/outbox"
	"github.com/vesbridge/vesbridge/pkg/outbox/outboxtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// peer is a destination whose answer a test decides.
type peer struct {
	limits dmaap.Limits
	answer func(recs []outbox.Record) error

	mu    sync.Mutex // guards the fields below
	n     int
	got   []string // ids in the order in which they were accepted
	sizes []int
	ended bool
}

func (p *peer) Publish(ctx context.Context, recs []outbox.Record) error {
	p.mu.Lock()
	p.n++
	p.sizes = append(p.sizes, len(recs))
	p.mu.Unlock()
	var err error
	if p.answer != nil {
		err = p.answer(recs)
	}
	if errors.Is(err, errHang) {
		<-ctx.Done()
		return ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	partial, _ := errors.AsType[*dmaap.PartialError](err)
	for i, r := range recs {
		if err == nil || (partial != nil && partial.Failed[i] == nil) {
			p.got = append(p.got, r.EventID)
		}
	}
	return err
}

func (p *peer) Limits() dmaap.Limits {
	if p.limits.MaxRecords == 0 {
		return dmaap.Limits{MaxRecords: 100, MaxBytes: 1 << 20}
	}
	return p.limits
}

func (p *peer) Close(context.Context) error { p.ended = true; return nil }

func (p *peer) calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n
}

func (p *peer) batches() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sizes)
}

func (p *peer) accepted() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got)
}

var errHang = errors.New("hangs until the context ends")

type bench struct {
	*testing.T
	box     *outbox.Memory
	peer    *peer
	sender  *dmaap.Sender
	letters *dmaap.Ring
	reg     *prometheus.Registry
}

// start runs a sender to p over a new outbox; everything ends with the test. Call it
// inside a synctest bubble.
func start(t *testing.T, p *peer) *bench {
	t.Helper()
	b := &bench{T: t, peer: p, box: outbox.NewMemory(outbox.Options{}), letters: dmaap.NewRing(0, 0), reg: prometheus.NewRegistry()}
	r, err := b.box.Reader("d", nil)
	require.NoError(t, err)
	b.sender, err = dmaap.NewSender(dmaap.SenderOptions{
		Name: "d", Reader: r, Destination: p, Retry: dmaap.DefaultRetryConfig(), DeadLetters: b.letters, Metrics: dmaap.NewMetrics(b.reg),
	})
	require.NoError(t, err)
	go func() {
		if err := b.sender.Run(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	synctest.Wait()
	return b
}

func (b *bench) add(recs ...outbox.Record) {
	b.Helper()
	require.NoError(b, b.box.Append(b.Context(), recs...))
}

// after lets d pass and everything settle, then checks the ledger.
func (b *bench) after(d time.Duration) outbox.LedgerRow {
	b.Helper()
	time.Sleep(d)
	synctest.Wait()
	return outboxtest.Balanced(b.T, b.box, "d")
}

func (b *bench) stop(limit time.Duration) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), limit)
	defer cancel()
	require.NoError(b, b.sender.Stop(ctx))
	require.True(b, b.peer.ended, "stop closes the destination")
}

func rec(domain, source, id string) outbox.Record { return outboxtest.Rec(domain, source, id) }

func series(domain, source string, n int) (recs []outbox.Record) {
	for i := range n {
		recs = append(recs, rec(domain, source, fmt.Sprintf("%s-%s-%03d", domain, source, i)))
	}
	return recs
}

func has(recs []outbox.Record, ids ...string) bool {
	return slices.ContainsFunc(recs, func(r outbox.Record) bool { return slices.Contains(ids, r.EventID) })
}

func TestSenderDeliversBatchesOfOneDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &peer{limits: dmaap.Limits{MaxRecords: 3, MaxBytes: 1 << 20}}
		p.answer = func(recs []outbox.Record) error {
			for _, r := range recs {
				require.Equal(t, recs[0].Domain, r.Domain)
			}
			return nil
		}
		b := start(t, p)
		b.add(append(series("syslog", "s", 4), append(series("other", "s", 1), series("syslog", "t", 1)...)...)...)
		require.EqualValues(t, 6, b.after(0).Delivered)
		require.Equal(t, []int{3, 1, 1, 1}, p.batches())
		require.Equal(t, "syslog-s-000", p.accepted()[0])
		require.True(t, b.sender.State().Ready)
		require.False(t, b.sender.State().LastSuccess.IsZero())
		b.stop(time.Minute)
	})
}

func TestSenderBatchesOfOneNamespaceAndWithinBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := rec("stndDefined", "s", "1")
		p := &peer{limits: dmaap.Limits{MaxRecords: 100, MaxBytes: 2 * len(one.Body)}}
		b := start(t, p)
		ns := func(id, namespace string) outbox.Record {
			r := rec("stndDefined", "s", id)
			r.StndDefinedNamespace = namespace
			return r
		}
		big := rec("fault", "s", "big")
		big.Body = fmt.Appendf(nil, `{"event":{"x":"%0999d"}}`, 0)
		b.add(ns("1", "a"), ns("2", "a"), ns("3", "a"), ns("4", "b"), ns("5", "a"), big)
		require.EqualValues(t, 6, b.after(0).Delivered)
		require.Equal(t, []string{"big", "1", "2", "3", "4", "5"}, p.accepted())
		require.Equal(t, []int{1, 2, 1, 1, 1}, p.batches())
		b.stop(time.Second)
	})
}

func TestSenderRetriesWithBackoffAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		down.Store(true)
		p := &peer{}
		p.answer = func([]outbox.Record) error {
			if down.Load() {
				return &dmaap.Error{Class: dmaap.Retryable, Reason: "connection", Err: errors.New("refused")}
			}
			return nil
		}
		b := start(t, p)
		b.add(series("measurement", "s", 250)...)
		row := b.after(time.Hour)
		require.EqualValues(t, 250, row.Pending, "an outage loses nothing")
		require.Empty(t, must(b.letters.List(t.Context(), "")))
		require.Greater(t, p.calls(), 100, "30 s at most between tries")
		require.Less(t, p.calls(), 300, "not more often than half of the largest pause")
		require.Equal(t, 100, slices.Min(p.batches()), "a peer that is not there does not take batches apart")
		require.True(t, b.sender.State().Ready)
		require.Equal(t, "connection", b.sender.State().Problem.Reason)
		require.False(t, b.sender.State().FailingSince.IsZero())

		b.add(rec("fault", "s", "alarm"))
		synctest.Wait()
		down.Store(false)
		row = b.after(31 * time.Second)
		require.EqualValues(t, 251, row.Delivered)
		require.Nil(t, b.sender.State().Problem)
		b.stop(time.Minute)
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestSenderAlarmIsNotDelayedByABackingOffLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &peer{}
		p.answer = func(recs []outbox.Record) error {
			if recs[0].Domain == "measurement" {
				return &dmaap.Error{Class: dmaap.Throttled, Reason: "throttled", RetryAfter: 4 * time.Minute}
			}
			return nil
		}
		b := start(t, p)
		b.add(series("measurement", "s", 5)...)
		b.after(0)
		require.Equal(t, 1, p.calls())
		b.after(time.Minute)
		require.Equal(t, 1, p.calls(), "Retry-After is kept")
		b.add(rec("fault", "s", "alarm"))
		b.after(0)
		require.Equal(t, []string{"alarm"}, p.accepted())
		b.stop(time.Second)
	})
}

func TestSenderRetryAfterIsHonouredAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &peer{}
		var ask atomic.Int64
		ask.Store(int64(10 * time.Second))
		p.answer = func([]outbox.Record) error {
			return &dmaap.Error{Class: dmaap.Throttled, Reason: "throttled", RetryAfter: time.Duration(ask.Load())}
		}
		b := start(t, p)
		b.add(rec("measurement", "s", "1"))
		b.after(9 * time.Second)
		require.Equal(t, 1, p.calls())
		ask.Store(int64(24 * time.Hour))
		b.after(2 * time.Second)
		require.Equal(t, 2, p.calls())
		b.after(5 * time.Minute)
		require.Equal(t, 3, p.calls(), "not longer than max_retry_after")
		b.stop(time.Second)
	})
}

func TestSenderMisconfiguredIsNotReadyAndNeverADeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &peer{}
		var wrong atomic.Bool
		wrong.Store(true)
		p.answer = func([]outbox.Record) error {
			if wrong.Load() {
				return &dmaap.Error{Class: dmaap.Misconfigured, Reason: "unauthorized"}
			}
			return nil
		}
		b := start(t, p)
		b.add(rec("measurement", "s", "1"))
		b.after(24*time.Hour + time.Second)
		require.Equal(t, 24*60+1, p.calls(), "once a minute")
		require.False(t, b.sender.State().Ready)
		require.Equal(t, "unauthorized", b.sender.State().Problem.Reason)
		require.Zero(t, testutil.ToFloat64(gauge(t, b.reg, "bridge_dmaap_destination_ready")))
		wrong.Store(false)
		require.EqualValues(t, 1, b.after(time.Minute).Delivered)
		require.True(t, b.sender.State().Ready)
		b.stop(time.Second)
	})
}

// TestSenderProblemEndsWithItsRecords: what a destination refused has expired, so that
// nothing is failing any more.
func TestSenderProblemEndsWithItsRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := outbox.NewMemory(outbox.Options{MaxRecords: 3})
		p := &peer{limits: dmaap.Limits{MaxRecords: 1, MaxBytes: 1 << 20}}
		p.answer = func(recs []outbox.Record) error {
			if recs[0].Domain == "measurement" {
				return &dmaap.Error{Class: dmaap.Misconfigured, Reason: "not_found"}
			}
			time.Sleep(time.Hour)
			return nil
		}
		r, err := box.Reader("d", nil)
		require.NoError(t, err)
		retry := dmaap.DefaultRetryConfig()
		retry.PublishTimeout = model.Duration(24 * time.Hour)
		s, err := dmaap.NewSender(dmaap.SenderOptions{Name: "d", Reader: r, Destination: p, Retry: retry, DeadLetters: dmaap.NewRing(0, 0)})
		require.NoError(t, err)
		go func() { _ = s.Run(t.Context()) }()
		require.NoError(t, box.Append(t.Context(), rec("measurement", "s", "1")))
		synctest.Wait()
		require.False(t, s.State().Ready)
		require.NoError(t, box.Append(t.Context(), series("fault", "s", 5)...))
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		require.EqualValues(t, 3, outboxtest.Balanced(t, box, "d").Expired, "the measurement and two alarms of five")
		require.True(t, s.State().Ready)
		require.True(t, s.State().FailingSince.IsZero())
		require.NoError(t, s.Stop(t.Context()))
	})
}

// gauge reads one single-series gauge.
func gauge(t *testing.T, reg *prometheus.Registry, name string) prometheus.Gauge {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "x"})
	for _, f := range families {
		if f.GetName() == name {
			require.Len(t, f.Metric, 1)
			g.Set(f.Metric[0].GetGauge().GetValue())
			return g
		}
	}
	t.Fatalf("no metric %s", name)
	return nil
}

func TestSenderBisectsAPermanentRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := []string{"measurement-s-003", "measurement-s-040", "measurement-s-099"}
		p := &peer{}
		p.answer = func(recs []outbox.Record) error {
			if has(recs, bad...) {
				return &dmaap.Error{Class: dmaap.Permanent, Reason: "schema", Reply: "SVC0002"}
			}
			return nil
		}
		b := start(t, p)
		all := series("measurement", "s", 100)
		b.add(all...)
		row := b.after(0)
		require.EqualValues(t, 97, row.Delivered)
		require.EqualValues(t, 3, row.DeadLettered)
		want := outboxtest.IDs(slices.DeleteFunc(all, func(r outbox.Record) bool { return slices.Contains(bad, r.EventID) }))
		require.Equal(t, want, p.accepted(), "neighbours pass, once and in order")
		letters := must(b.letters.List(t.Context(), "d"))
		require.Len(t, letters, 3)
		require.Equal(t, bad[0], letters[0].Record.EventID)
		require.Equal(t, "SVC0002", letters[0].Reply)
		require.Equal(t, "schema", letters[0].Reason)
		require.Less(t, p.calls(), 50)
		b.stop(time.Second)
	})
}

func TestSenderPartialError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &peer{limits: dmaap.Limits{MaxRecords: 10, MaxBytes: 1 << 20, MixedDomains: true}}
		var fixed atomic.Bool
		p.answer = func(recs []outbox.Record) error {
			failed := map[int]*dmaap.Error{}
			for i, r := range recs {
				switch {
				case r.Domain == "perf3gpp" && !fixed.Load():
					failed[i] = &dmaap.Error{Class: dmaap.Misconfigured, Reason: "unknown_topic"}
				case r.EventID == "measurement-s-002":
					failed[i] = &dmaap.Error{Class: dmaap.Permanent, Reason: "too_large", Err: errors.New("too large by " + strings.Repeat("é", 2000))}
				}
			}
			if len(failed) == 0 {
				return nil
			}
			return &dmaap.PartialError{Failed: failed}
		}
		b := start(t, p)
		b.add(series("perf3gpp", "s", 25)...)
		b.add(series("measurement", "s", 25)...)
		row := b.after(5 * time.Second)
		require.Len(t, p.accepted(), 24, "one domain's missing topic does not block another's records")
		require.EqualValues(t, 50, row.Pending, "settled in order, behind the head")
		letters := must(b.letters.List(t.Context(), ""))
		require.Len(t, letters, 1)
		require.True(t, strings.HasPrefix(letters[0].Reply, "too large by éé"), "what was refused without asking the peer says why")
		require.LessOrEqual(t, len(letters[0].Reply), 2<<10)
		require.True(t, utf8.ValidString(letters[0].Reply))
		require.False(t, b.sender.State().Ready)
		fixed.Store(true)
		row = b.after(2 * time.Minute)
		require.EqualValues(t, 49, row.Delivered)
		require.True(t, slices.IsSorted(p.accepted()[24:]))
		require.True(t, b.sender.State().Ready)
		b.stop(time.Second)
	})
}

func TestSenderHangingDestinationHoldsNobodyElseUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := outbox.NewMemory(outbox.Options{MaxRecords: 10})
		bad, good := &peer{answer: func([]outbox.Record) error { return errHang }}, &peer{}
		var senders []*dmaap.Sender
		for name, p := range map[string]*peer{"bad": bad, "good": good} {
			r, err := box.Reader(name, nil)
			require.NoError(t, err)
			s, err := dmaap.NewSender(dmaap.SenderOptions{
				Name: name, Reader: r, Destination: p, Retry: dmaap.DefaultRetryConfig(), DeadLetters: dmaap.NewRing(0, 0),
			})
			require.NoError(t, err)
			go func() { _ = s.Run(t.Context()) }()
			senders = append(senders, s)
		}
		for i := range 100 {
			require.NoError(t, box.Append(t.Context(), rec("measurement", "s", fmt.Sprint(i))))
			synctest.Wait()
		}
		require.EqualValues(t, 100, outboxtest.Balanced(t, box, "good").Delivered)
		row := outboxtest.Balanced(t, box, "bad")
		require.EqualValues(t, 89, row.Expired, "ten wait, one is on the wire")
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		require.Greater(t, bad.calls(), 3, "publish_timeout ends a call")
		begin := time.Now()
		for _, s := range senders {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			require.NoError(t, s.Stop(ctx))
			cancel()
		}
		require.LessOrEqual(t, time.Since(begin), 6*time.Second, "stop is bounded")
	})
}

func TestSenderStopDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &peer{limits: dmaap.Limits{MaxRecords: 1, MaxBytes: 1}}
		fails := 3
		p.answer = func([]outbox.Record) error {
			time.Sleep(10 * time.Millisecond)
			if fails--; fails > 0 {
				return &dmaap.Error{Class: dmaap.Retryable, Reason: "connection"}
			}
			return nil
		}
		b := start(t, p)
		b.add(series("measurement", "s", 50)...)
		b.stop(time.Minute)
		row := b.after(0)
		require.EqualValues(t, 50, row.Delivered)
		b.stop(time.Second) // idempotent
		require.Error(t, b.sender.Run(t.Context()))
	})
}

func TestSenderStopBeforeRun(t *testing.T) {
	p := &peer{}
	r, err := outbox.NewMemory(outbox.Options{}).Reader("d", nil)
	require.NoError(t, err)
	s, err := dmaap.NewSender(dmaap.SenderOptions{Name: "d", Reader: r, Destination: p, Retry: dmaap.DefaultRetryConfig(), DeadLetters: dmaap.NewRing(0, 0)})
	require.NoError(t, err)
	require.NoError(t, s.Stop(t.Context()))
	require.True(t, p.ended)
}

type failingLetters struct {
	*dmaap.Ring
	fail atomic.Bool
}

func (f *failingLetters) Put(ctx context.Context, l dmaap.Letter) error {
	if f.fail.Load() {
		return errors.New("disk full")
	}
	return f.Ring.Put(ctx, l)
}

func TestSenderKeepsWhatCannotBecomeADeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &peer{answer: func([]outbox.Record) error { return &dmaap.Error{Class: dmaap.Permanent, Reason: "schema"} }}
		box := outbox.NewMemory(outbox.Options{})
		r, err := box.Reader("d", nil)
		require.NoError(t, err)
		letters := &failingLetters{Ring: dmaap.NewRing(0, 0)}
		letters.fail.Store(true)
		s, err := dmaap.NewSender(dmaap.SenderOptions{Name: "d", Reader: r, Destination: p, Retry: dmaap.DefaultRetryConfig(), DeadLetters: letters})
		require.NoError(t, err)
		go func() { _ = s.Run(t.Context()) }()
		require.NoError(t, box.Append(t.Context(), rec("fault", "s", "1")))
		time.Sleep(time.Hour)
		require.EqualValues(t, 1, outboxtest.Balanced(t, box, "d").Pending)
		letters.fail.Store(false)
		time.Sleep(time.Minute)
		require.EqualValues(t, 1, outboxtest.Balanced(t, box, "d").DeadLettered)
		require.NoError(t, s.Stop(t.Context()))
	})
}
