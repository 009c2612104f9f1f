package mapping_test

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/mapping"
	"github.com/vesbridge/vesbridge/pkg/ves"
)

// wall is a clock that can be set: real (in a bubble: fake) time plus a shift.
type wall struct {
	mu    sync.Mutex
	shift time.Duration // guarded by mu
}

func (w *wall) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.shift)
}

func (w *wall) step(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shift += d
}

// recorder is a sink that keeps which windows were told.
type recorder struct {
	mu     sync.Mutex
	starts []string       // guarded by mu, measurement windows in the order told
	ids    map[string]int // guarded by mu
	beats  []string       // guarded by mu
	fail   int            // guarded by mu: how many calls are to fail
}

func (r *recorder) sink(_ context.Context, events []*ves.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail > 0 {
		r.fail--
		return errors.New("outbox is full")
	}
	if r.ids == nil {
		r.ids = map[string]int{}
	}
	for _, e := range events {
		r.ids[e.Header.EventID]++
		at := time.UnixMicro(e.Header.StartEpochMicrosec).UTC().Format("15:04")
		if e.Header.Domain == ves.DomainHeartbeat {
			r.beats = append(r.beats, at)
		} else {
			r.starts = append(r.starts, at)
		}
	}
	return nil
}

func (r *recorder) told() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.starts...)
}

// live is a fake where the one entity is always there.
func live() *fakeQuerier {
	q := newFake(time.Unix(0, 0))
	q.set("up", 1, "ns", "a")
	q.set("rate", 1, "ns", "a")
	return q
}

// running starts an engine in the bubble and returns a function that ends it.
func running(t *testing.T, q mapping.Querier, r *recorder, o mapping.Options) func() {
	t.Helper()
	if o.Grace == 0 {
		o.Grace = 10 * time.Second
	}
	e, err := mapping.New(loadSet(t, head+"fields: {requestRate: rate}\n"), q, r.sink, o)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	return func() {
		cancel()
		require.NoError(t, <-done)
	}
}

// A bubble begins at midnight UTC 2000-01-01: on a window boundary.

func TestWindowsAreToldOnceAfterGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		stop := running(t, live(), &r, mapping.Options{})
		time.Sleep(69 * time.Second)
		require.Empty(t, r.told(), "before the grace period")
		time.Sleep(2 * time.Second)
		require.Equal(t, []string{"00:00"}, r.told())
		time.Sleep(2 * time.Minute)
		require.Equal(t, []string{"00:00", "00:01", "00:02"}, r.told())
		stop()
	})
}

func TestRestartTellsNothingTwiceAndCatchesUp(t *testing.T) {
	state, err := mapping.NewFileState(filepath.Join(t.TempDir(), "sub", "windows.json"))
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		stop := running(t, live(), &r, mapping.Options{State: state})
		time.Sleep(131 * time.Second)
		stop()
		time.Sleep(3 * time.Minute)
		stop = running(t, live(), &r, mapping.Options{State: state})
		time.Sleep(3 * time.Second)
		stop()
		require.Equal(t, []string{"00:00", "00:01", "00:02", "00:03", "00:04"}, r.told())
		for id, n := range r.ids {
			require.Equal(t, 1, n, id)
		}
	})
}

func TestClockSetBackTellsNoWindowTwice(t *testing.T) {
	for _, back := range []time.Duration{5 * time.Second, 40 * time.Second, 10 * time.Minute} {
		t.Run(back.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r recorder
				var w wall
				stop := running(t, live(), &r, mapping.Options{Now: w.now})
				time.Sleep(5 * time.Minute)
				w.step(-back)
				time.Sleep(back + 2*time.Minute)
				stop()
				seen := map[string]bool{}
				for _, s := range r.told() {
					require.False(t, seen[s], "window %s told twice: %v", s, r.told())
					seen[s] = true
				}
				for id, n := range r.ids {
					require.Equal(t, 1, n, id)
				}
				require.True(t, seen["00:05"], "time goes on: %v", r.told())
			})
		})
	}
}

// TestClockThatWasWrongForAWhile: set forward by days and then corrected, the bridge
// goes on telling; windows between were never told.
func TestClockThatWasWrongForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		var w wall
		stop := running(t, live(), &r, mapping.Options{Now: w.now, MaxCatchUp: 2 * time.Minute})
		time.Sleep(131 * time.Second)
		w.step(72 * time.Hour)
		time.Sleep(2 * time.Minute)
		w.step(-72 * time.Hour)
		time.Sleep(175 * time.Second)
		stop()
		for id, n := range r.ids {
			require.Equal(t, 1, n, id)
		}
		told := r.told()
		require.Equal(t, []string{"00:00", "00:01"}, told[:2])
		require.Equal(t, []string{"00:02", "00:03", "00:04", "00:05"}, told[len(told)-4:], "those that were jumped over are made up for")
	})
}

func TestForwardStepNamesMissedWindowsAndCatchesUpInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		var w wall
		e, err := mapping.New(loadSet(t, head+"fields: {requestRate: rate}\n"), live(), r.sink, mapping.Options{Now: w.now, MaxCatchUp: 5 * time.Minute})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		time.Sleep(75 * time.Second)
		w.step(time.Hour)
		time.Sleep(5 * time.Second)
		cancel()
		require.NoError(t, <-done)
		require.Equal(t, []string{"00:00", "00:55", "00:56", "00:57", "00:58", "00:59", "01:00"}, r.told())
		require.EqualValues(t, 54, e.Status().Missed, "00:01 to 00:54")
	})
}

func TestLateWindowsWithoutDataAreNamedMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		var w wall
		q := live()
		e, err := mapping.New(loadSet(t, head+"fields: {requestRate: rate}\n"), q, r.sink, mapping.Options{Now: w.now})
		require.NoError(t, err)
		q.rows["up"] = nil
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		time.Sleep(75 * time.Second)
		require.Zero(t, e.Status().Missed, "no targets is no missed window")
		w.step(10 * time.Minute)
		time.Sleep(5 * time.Second)
		cancel()
		require.NoError(t, <-done)
		require.EqualValues(t, 9, e.Status().Missed)
	})
}

func TestFailingSinkDelaysWindowsAndLosesNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder{fail: 12}
		stop := running(t, live(), &r, mapping.Options{})
		time.Sleep(5 * time.Minute)
		stop()
		require.Equal(t, []string{"00:00", "00:01", "00:02", "00:03"}, r.told())
	})
}

func TestHeartbeatsComeAtBoundariesWhilePresent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		q := live()
		stop := running(t, q, &r, mapping.Options{HeartbeatInterval: 30 * time.Second})
		time.Sleep(75 * time.Second)
		stop()
		require.Equal(t, []string{"00:00", "00:01"}, r.beats)
	})
}

func TestHeartbeatIsValid(t *testing.T) {
	var c collected
	e, err := mapping.New(loadSet(t, head+"fields: {requestRate: rate}\n"), live(), c.sink, mapping.Options{})
	require.NoError(t, err)
	n, err := e.Heartbeats(t.Context(), mapping.Window{Start: origin(), End: origin().Add(time.Minute)})
	require.NoError(t, err)
	require.Equal(t, 1, n)
	var m struct {
		Event struct {
			Header struct {
				EventName, SourceName, Domain string
				StartEpochMicrosec            int64
			} `json:"commonEventHeader"`
			Heartbeat struct{ HeartbeatInterval int } `json:"heartbeatFields"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(c.bodies[0]), &m))
	require.Equal(t, "Heartbeat_Test-Vendor_Thing", m.Event.Header.EventName)
	require.Equal(t, 60, m.Event.Heartbeat.HeartbeatInterval)
	require.Equal(t, origin().Add(time.Minute).UnixMicro(), m.Event.Header.StartEpochMicrosec)
}

func TestSwapTakesEffectBetweenWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		q := live()
		e, err := mapping.New(loadSet(t, head+"fields: {requestRate: rate}\n"), q, r.sink, mapping.Options{})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		time.Sleep(131 * time.Second)
		// Two minutes long from now on: what was told in minutes is not told again.
		e.Swap(loadSet(t, head+"interval: 2m\nfields: {requestRate: rate}\n"))
		time.Sleep(4 * time.Minute)
		cancel()
		require.NoError(t, <-done)
		require.Equal(t, []string{"00:00", "00:01", "00:02", "00:04"}, r.told())
	})
}

func TestDamagedStateIsAnErrorNotAFreshStart(t *testing.T) {
	dir := t.TempDir()
	state, err := mapping.NewFileState(filepath.Join(dir, "windows.json"))
	require.NoError(t, err)
	require.NoError(t, state.Save([]mapping.Told{{Interval: 0}}))
	e, err := mapping.New(loadSet(t, head+"fields: {requestRate: rate}\n"), live(), new(recorder).sink, mapping.Options{State: state})
	require.NoError(t, err)
	require.ErrorContains(t, e.Run(t.Context()), "makes no sense")
}

// A bridge that was restarted within a window and knows nothing of it has a gap to name,
// however soon the window falls due.
func TestWindowThatARestartCostIsNamedMissed(t *testing.T) {
	state, err := mapping.NewFileState(filepath.Join(t.TempDir(), "windows.json"))
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		stop := running(t, live(), &r, mapping.Options{State: state})
		time.Sleep(131 * time.Second)
		stop()
		time.Sleep(20 * time.Second)
		q := live()
		q.rows["up"] = nil // scrapes have not come back by the window's end
		e, err := mapping.New(loadSet(t, head+"fields: {requestRate: rate}\n"), q, r.sink, mapping.Options{State: state})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		time.Sleep(45 * time.Second)
		require.EqualValues(t, 1, e.Status().Missed, "the window of the restart")
		time.Sleep(2 * time.Minute)
		cancel()
		require.NoError(t, <-done)
		require.EqualValues(t, 1, e.Status().Missed, "no entity in a window seen whole is no gap")
	})
}
