package mapping

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vesbridge/vesbridge/pkg/ves"
)

// nap bounds how long the loop sleeps before it looks at the wall clock again. Timers
// run on the monotonic clock, which stands still in a suspend and knows nothing of a
// clock that was set.
const nap = 2 * time.Second

// Run tells windows as they fall due until ctx ends: in order, each once. It returns an
// error only where the State cannot be read at the start.
func (e *Engine) Run(ctx context.Context) error {
	l := &loop{e: e, began: e.o.Now().Round(0)}
	if e.o.State != nil {
		told, err := e.o.State.Load()
		if err != nil {
			return err
		}
		l.loaded, l.resumed = told, len(told) > 0
	}
	for ctx.Err() == nil {
		wait := l.step(ctx)
		if wait <= 0 {
			continue
		}
		t := time.NewTimer(min(wait, nap))
		select {
		case <-ctx.Done():
		case <-e.wake:
		case <-t.C:
		}
		t.Stop()
	}
	return nil
}

// loop is the state of one Run.
type loop struct {
	e         *Engine
	began     time.Time // the wall clock when Run began
	resumed   bool      // an earlier Run has told windows
	loaded    []Told    // of schedules that are not in force now
	schedules []*schedule
	last      time.Time // the wall clock when it was last looked at
	set       *Set
}

// step tells what is due and returns how long there is nothing to do.
func (l *loop) step(ctx context.Context) time.Duration {
	now := l.now()
	l.follow(now)
	var first *schedule
	var due time.Time
	for _, s := range l.schedules {
		if _, at := s.next(l.e.o.Grace); first == nil || at.Before(due) {
			first, due = s, at
		}
	}
	switch {
	case first == nil:
		return nap
	case due.After(now):
		return due.Sub(now)
	case first.heartbeat:
		l.heartbeat(ctx, first, now)
	default:
		l.measure(ctx, first, now)
	}
	return 0
}

// now reads the wall clock and notices when it was set back.
func (l *loop) now() time.Time {
	now := l.e.o.Now().Round(0)
	if back := l.last.Sub(now); !l.last.IsZero() && back > time.Second {
		l.e.metrics.clockSteps.Inc()
		l.e.log.Warn("wall clock was set back; windows already told are not told again", "duration", back)
		for _, s := range l.schedules {
			s.stepBack(now)
		}
	}
	l.last = now
	return now
}

// follow makes the schedules fit the Set in force.
func (l *loop) follow(now time.Time) {
	set := l.e.set.Load()
	if set == l.set {
		return
	}
	l.set = set
	type want struct {
		interval  time.Duration
		heartbeat bool
	}
	var wanted []want
	for _, iv := range set.Intervals() {
		wanted = append(wanted, want{iv, false})
	}
	if hb := l.e.o.HeartbeatInterval; hb > 0 && slices.ContainsFunc(set.mappings, func(m *Mapping) bool { return m.Heartbeat }) {
		wanted = append(wanted, want{hb, true})
	}
	all := l.toldBy(l.schedules)
	var next []*schedule
	for _, w := range wanted {
		i := slices.IndexFunc(l.schedules, func(s *schedule) bool { return s.interval == w.interval && s.heartbeat == w.heartbeat })
		if i >= 0 {
			next = append(next, l.schedules[i])
			continue
		}
		next = append(next, newSchedule(w.interval, w.heartbeat, all, now))
	}
	l.schedules, l.loaded = next, all
}

// toldBy is everything told, also by schedules that are no longer in force.
func (l *loop) toldBy(schedules []*schedule) []Told {
	var all []Told
	for _, t := range l.loaded {
		if !slices.ContainsFunc(schedules, func(s *schedule) bool { return s.interval == t.Interval && s.heartbeat == t.Heartbeat }) {
			all = append(all, t)
		}
	}
	for _, s := range schedules {
		all = append(all, s.told...)
	}
	return all
}

func (l *loop) save() {
	if l.e.o.State == nil {
		return
	}
	if err := l.e.o.State.Save(l.toldBy(l.schedules)); err != nil {
		l.e.log.Error("saving which windows were told; a restart may tell them again, under the same ids", "err", err)
	}
}

// measure tells the next window of a schedule.
func (l *loop) measure(ctx context.Context, s *schedule, now time.Time) {
	e := l.e
	if gone, n := s.skipTo(now.Add(-e.o.MaxCatchUp - s.interval)); n > 0 {
		l.missed(gone, n, "older than the catch-up limit")
	}
	w, due := s.next(e.o.Grace)
	if due.After(now) {
		return
	}
	// A window that this process did not see whole, or that fell due long ago, and of
	// which nothing is known: not the same as a window in which there was no entity.
	late := now.Sub(due) > s.interval || l.resumed && w.Start.Before(l.began)
	r, ok := l.tell(ctx, w)
	if ctx.Err() != nil {
		return
	}
	if late && r.Events == 0 {
		l.missed(w, 1, "no data")
	}
	s.pass(w, ok)
	l.save()
	e.publish(&r)
}

// missed names windows of which nothing could be told.
func (l *loop) missed(w Window, n int, reason string) {
	l.e.metrics.missed.WithLabelValues("measurement").Add(float64(n))
	l.e.log.Warn("measurement windows missed", "start", w.Start, "end", w.End, "windows", n, "reason", reason)
	l.e.mu.Lock()
	l.e.status.Missed += uint64(n)
	l.e.mu.Unlock()
}

// tell evaluates a window, again after a short while where every mapping failed: a
// store that is busy or a remote engine that restarts must not cost a window.
func (l *loop) tell(ctx context.Context, w Window) (Report, bool) {
	deadline := l.e.o.Now().Add(w.Interval())
	for pause := 500 * time.Millisecond; ; pause = min(2*pause, 15*time.Second) {
		r, err := l.e.evaluate(ctx, w, l.e.persistent(w))
		if err != nil {
			if ctx.Err() == nil {
				l.e.log.Error("measurement window lost", "start", w.Start, "end", w.End, "err", err)
			}
			return r, false
		}
		if !allFailed(&r) || !l.e.o.Now().Before(deadline) {
			return r, !allFailed(&r)
		}
		l.e.log.Warn("no mapping could be evaluated; trying again", "end", w.End, "err", r.Mappings[0].Err)
		if !sleep(ctx, pause) {
			return r, false
		}
	}
}

func allFailed(r *Report) bool {
	return len(r.Mappings) > 0 && !slices.ContainsFunc(r.Mappings, func(m MappingReport) bool { return m.Err == nil })
}

// sleep waits, or returns false where ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// persistent is the sink with patience: a full or failing outbox holds windows up, in
// order, until they are older than the catch-up limit; only then are events lost, and
// counted.
func (e *Engine) persistent(w Window) Sink {
	return func(ctx context.Context, events []*ves.Event) error {
		for pause := 100 * time.Millisecond; ; pause = min(2*pause, 10*time.Second) {
			err := e.sink(ctx, events)
			if err == nil {
				e.metrics.events.WithLabelValues(string(events[0].Header.Domain)).Add(float64(len(events)))
				return nil
			}
			if ctx.Err() != nil {
				return err
			}
			e.metrics.sinkErrors.Inc()
			if e.o.Now().Sub(w.End) > e.o.MaxCatchUp {
				e.metrics.dropped.WithLabelValues("sink").Add(float64(len(events)))
				return err
			}
			e.log.Warn("handing events over failed; trying again", "err", err, "events", len(events), "end", w.End)
			if !sleep(ctx, pause) {
				return context.Cause(ctx)
			}
		}
	}
}

// heartbeat tells the newest heartbeat that is due. Older ones are not made up for: a
// late heartbeat says nothing about now.
func (l *loop) heartbeat(ctx context.Context, s *schedule, now time.Time) {
	e := l.e
	if _, n := s.skipTo(now.Add(-e.o.Grace - s.interval)); n > 0 {
		e.metrics.missed.WithLabelValues("heartbeat").Add(float64(n))
		e.log.Warn("heartbeats missed", "count", n, "end", s.cursor)
	}
	w, due := s.next(e.o.Grace)
	if due.After(now) {
		return
	}
	// A heartbeat that cannot be handed over within its interval is out of date.
	beat, cancel := context.WithTimeout(ctx, s.interval)
	defer cancel()
	n, err := e.beat(beat, w, e.persistent(w))
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		e.log.Error("heartbeats lost", "end", w.End, "err", err)
	}
	e.metrics.windows.WithLabelValues("heartbeat").Inc()
	e.mu.Lock()
	e.status.LastHeartbeat, e.status.Heartbeats = w.End, n
	e.mu.Unlock()
	s.pass(w, err == nil)
	l.save()
}

// Heartbeats builds the heartbeats of one instant, the end of w, and hands them to the
// sink: one per source and eventName, of entities present then.
func (e *Engine) Heartbeats(ctx context.Context, w Window) (int, error) {
	return e.beat(ctx, w, e.sink)
}

func (e *Engine) beat(ctx context.Context, w Window, sink Sink) (int, error) {
	c := &collector{querier: e.querier, window: w, turns: make(chan struct{}, e.o.Concurrency)}
	var data []*mappingData
	var failed error
	for _, m := range e.set.Load().mappings {
		if !m.Heartbeat {
			continue
		}
		old := e.caches[m]
		d := &mappingData{m: m, acc: newAccount(m)}
		if old != nil && old.presence.at.Equal(w.End) {
			d.end, d.who = old.presence, old.who
		} else {
			if d.end, failed = c.presence(ctx, m, w.End, nil); failed != nil {
				e.metrics.queryErrors.WithLabelValues(m.Name, "present").Inc()
				e.log.Warn("heartbeats of a mapping left out", "mapping", m.Name, "err", failed)
				continue
			}
			d.before = make([]int32, d.end.entities.len())
			for i := range d.before {
				d.before[i] = -1
				if old != nil {
					d.before[i] = old.presence.entities.find(0, d.end.entities.labels(int32(i)))
				}
			}
			if old != nil {
				d.start = old.presence
			}
			d.identify(old)
		}
		data = append(data, d)
	}
	if len(data) == 0 && failed != nil {
		return 0, failed
	}
	return e.buildHeartbeats(ctx, w, plan(data, true), sink)
}

func (e *Engine) buildHeartbeats(ctx context.Context, w Window, slots []slot, sink Sink) (int, error) {
	total, n := 0, 0
	flush := func() error {
		if n == 0 {
			return nil
		}
		if err := sink(ctx, e.events[:n]); err != nil {
			return fmt.Errorf("handing over %d heartbeats: %w", n, err)
		}
		total, n = total+n, 0
		return nil
	}
	for i := range slots {
		if n == len(e.events) {
			e.events = append(e.events, &ves.Event{})
		}
		ev := e.events[n]
		ev.Reset()
		s := &slots[i]
		header(&ev.Header, s.parts[0].data, s.parts[0].entity, e.set.Load().version)
		h := &ev.Header
		h.EventName = heartbeatName(s.eventName)
		h.EventID = eventID(ves.DomainHeartbeat, h.EventName, s.source, w)
		h.ReportingEntityName = e.o.ReportingEntityName
		h.StartEpochMicrosec, h.LastEpochMicrosec = w.End.UnixMicro(), w.End.UnixMicro()
		ev.UseHeartbeat().HeartbeatInterval = int64(w.Interval() / time.Second)
		if n++; n == e.o.Batch {
			if err := flush(); err != nil {
				return total, err
			}
		}
	}
	err := flush()
	return total, err
}

// heartbeatName puts a measurement's eventName into the heartbeat domain.
func heartbeatName(eventName string) string {
	return "Heartbeat_" + strings.TrimPrefix(eventName, "Measurement_")
}
