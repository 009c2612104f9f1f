package dmaap_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/dmaap"
	"github.com/vesbridge/vesbridge/pkg/outbox"
)

// TestTrap16PoisonIsSetAside: a 500 that is about one event only.
func TestTrap16PoisonIsSetAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &peer{}
		p.answer = func(recs []outbox.Record) error {
			if has(recs, "measurement-a-001") {
				return &dmaap.Error{Class: dmaap.Retryable, Reason: "server_error", Reply: "SVC2000", Suspect: true}
			}
			return nil
		}
		b := start(t, p)
		b.add(series("measurement", "a", 3)...)
		b.add(series("measurement", "b", 200)...)
		row := b.after(2 * time.Minute)
		require.Len(t, p.accepted(), 201, "neighbours of other sources do not wait for it")
		for i := range 60 * 60 {
			b.add(rec("measurement", "b", fmt.Sprintf("measurement-b-%06d", 900_000+i)))
			row = b.after(time.Second)
		}
		require.EqualValues(t, 1, row.DeadLettered)
		require.Zero(t, row.Pending)
		letters := must(b.letters.List(t.Context(), ""))
		require.Equal(t, dmaap.ReasonPoison, letters[0].Reason)
		require.Equal(t, "SVC2000", letters[0].Reply)
		require.GreaterOrEqual(t, letters[0].Attempts, 20)
		for _, source := range []string{"measurement-a", "measurement-b"} {
			var of []string
			for _, id := range p.accepted() {
				if id[:len(source)] == source {
					of = append(of, id)
				}
			}
			require.True(t, slices.IsSorted(of), "order of %s", source)
		}
		b.stop(time.Second)
	})
}

// TestTrap16OutageIsNoPoison: the back end of a collector is down for a day, everything
// answers 500; nothing may be set aside.
func TestTrap16OutageIsNoPoison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &peer{}
		var down atomic.Bool
		down.Store(true)
		p.answer = func([]outbox.Record) error {
			if down.Load() {
				return &dmaap.Error{Class: dmaap.Retryable, Reason: "server_error", Suspect: true}
			}
			return nil
		}
		b := start(t, p)
		for s := range 30 {
			b.add(series("measurement", fmt.Sprintf("s%02d", s), 10)...)
			b.add(series("fault", fmt.Sprintf("s%02d", s), 2)...)
		}
		row := b.after(24 * time.Hour)
		require.Zero(t, row.DeadLettered)
		require.EqualValues(t, 360, row.Pending)
		down.Store(false)
		row = b.after(5 * time.Minute)
		require.Zero(t, row.Pending)
		require.EqualValues(t, 360, row.Delivered)
		bySource := map[string][]string{}
		for _, id := range p.accepted() {
			bySource[id[:len(id)-4]] = append(bySource[id[:len(id)-4]], id)
		}
		for source, ids := range bySource {
			require.True(t, slices.IsSorted(ids), source)
		}
		b.stop(time.Second)
	})
}

// TestTrap16SingleSource: the poison's source is the only one, so that only a later event
// of its own can prove that the destination works.
func TestTrap16SingleSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &peer{}
		p.answer = func(recs []outbox.Record) error {
			if has(recs, "measurement-a-000") {
				return &dmaap.Error{Class: dmaap.Retryable, Reason: "server_error", Suspect: true}
			}
			return nil
		}
		b := start(t, p)
		b.add(series("measurement", "a", 3)...)
		row := b.after(time.Hour)
		require.EqualValues(t, 1, row.DeadLettered)
		require.EqualValues(t, 2, row.Delivered)
		require.Equal(t, []string{"measurement-a-001", "measurement-a-002"}, p.accepted())
		b.stop(time.Second)
	})
}

// TestAlarmsAreNoPoisonWhileNoAlarmPasses: measurements pass, all alarms get a 500: it is
// the collector's topic for alarms that is down, not each alarm that is bad.
func TestAlarmsAreNoPoisonWhileNoAlarmPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &peer{}
		var down atomic.Bool
		down.Store(true)
		p.answer = func(recs []outbox.Record) error {
			if down.Load() && recs[0].Domain == "fault" {
				return &dmaap.Error{Class: dmaap.Retryable, Reason: "server_error", Suspect: true}
			}
			return nil
		}
		b := start(t, p)
		b.add(rec("fault", "a", "1"), rec("fault", "a", "2"), rec("fault", "b", "3"))
		var row outbox.LedgerRow
		for i := range 12 * 60 {
			b.add(rec("measurement", "a", fmt.Sprint("m", i)))
			row = b.after(time.Minute)
		}
		require.Zero(t, row.DeadLettered)
		require.EqualValues(t, 3, row.Pending)
		require.EqualValues(t, 12*60, row.Delivered)
		down.Store(false)
		require.Zero(t, b.after(2*time.Minute).Pending)
		b.stop(time.Second)
	})
}
