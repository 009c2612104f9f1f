package dmaap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/vesbridge/vesbridge/pkg/outbox"
)

// SenderOptions are what a Sender is made of. All but Metrics and Logger are required.
type SenderOptions struct {
	Name        string // of the destination, as configured
	Reader      outbox.Reader
	Destination Destination // closed by Stop
	Retry       RetryConfig
	DeadLetters DeadLetters
	Metrics     *Metrics
	Logger      *slog.Logger
}

// Sender moves records from one outbox reader to one destination until it is stopped:
// it forms batches, retries by class, takes refused batches apart and sets refused
// events aside. Each destination has its own, so that none waits for another; within it
// each lane backs off by itself, so that no backlog delays a fault.
//
// Run is called once; State and Stop may be called from any goroutine.
type Sender struct {
	o      SenderOptions
	limits Limits
	log    *slog.Logger

	lanes [outbox.NumLanes]lane     // Run's own
	ok    map[string]uint64         // Run's own: calls that the destination accepted, by domain
	quiet map[string]*suppressedLog // Run's own

	stopped chan struct{} // closed when Run has returned

	mu          sync.Mutex // guards the fields below
	started     bool
	draining    bool               // send what is there, then end
	endWait     context.CancelFunc // ends Run's waiting for records
	cancel      context.CancelFunc // ends Run
	problems    [outbox.NumLanes]*Error
	failing     time.Time // since when some lane has a problem
	lastSuccess time.Time
}

// State is how a destination is doing.
type State struct {
	// Ready is false while something must be changed by a person before the destination
	// accepts events.
	Ready bool
	// Problem is the last error of the most urgent lane that has one; nil when all is well.
	Problem *Error
	// FailingSince is when the problems began; zero without.
	FailingSince time.Time
	// LastSuccess is when an event was last accepted; zero if never.
	LastSuccess time.Time
}

// NewSender checks o and makes a Sender; nothing runs yet.
func NewSender(o SenderOptions) (*Sender, error) {
	if o.Reader == nil || o.Destination == nil || o.DeadLetters == nil || o.Name == "" {
		return nil, errors.New("making a sender: name, reader, destination and dead letters are required")
	}
	if err := o.Retry.Validate(); err != nil {
		return nil, fmt.Errorf("making sender %q: %w", o.Name, err)
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	limits := o.Destination.Limits()
	if limits.MaxRecords < 1 || limits.MaxBytes < 1 {
		return nil, fmt.Errorf("making sender %q: destination allows %d events and %d bytes in a call", o.Name, limits.MaxRecords, limits.MaxBytes)
	}
	o.Metrics.ready.WithLabelValues(o.Name).Set(1)
	o.Metrics.failing.WithLabelValues(o.Name).Set(0)
	return &Sender{
		o: o, limits: limits,
		log:     o.Logger.With("component", "dmaap", "destination", o.Name),
		ok:      map[string]uint64{},
		quiet:   map[string]*suppressedLog{},
		stopped: make(chan struct{}),
	}, nil
}

// Run sends until ctx ends, Stop has drained, or the outbox closes or forgets the
// destination. It returns an error only where it cannot go on.
func (s *Sender) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wait, endWait := context.WithCancel(ctx)
	defer endWait()
	s.mu.Lock()
	if s.started {
		s.mu.Unlock()
		return fmt.Errorf("running sender %q: it has run already", s.o.Name)
	}
	s.started, s.cancel, s.endWait = true, cancel, endWait
	s.mu.Unlock()
	defer close(s.stopped)
	defer s.o.Reader.Hold()

	for ctx.Err() == nil {
		recs, err := s.next(ctx, wait)
		switch {
		case errors.Is(err, errDrained), ctx.Err() != nil:
			return nil
		case errors.Is(err, outbox.ErrClosed), errors.Is(err, outbox.ErrRemoved):
			return nil
		case err != nil:
			return fmt.Errorf("reading the outbox for %q: %w", s.o.Name, err)
		case len(recs) == 0:
			continue // a lane's pause is over
		}
		if err := s.round(ctx, recs); err != nil {
			if errors.Is(err, outbox.ErrClosed) || errors.Is(err, outbox.ErrRemoved) {
				return nil
			}
			return fmt.Errorf("settling with the outbox for %q: %w", s.o.Name, err)
		}
	}
	return nil
}

var errDrained = errors.New("drained")

// next waits, until wait ends, for records of a lane that is not pausing. It returns none
// when a pause ended meanwhile, and errDrained when draining and nothing is left.
func (s *Sender) next(ctx, wait context.Context) ([]outbox.Record, error) {
	now := time.Now()
	var held []outbox.Lane
	var wake time.Time
	extra, extraBytes := 0, 0
	for l := range s.lanes {
		st := &s.lanes[l]
		extra, extraBytes = max(extra, st.extra), max(extraBytes, st.extraBytes)
		if st.until.After(now) {
			held = append(held, outbox.Lane(l))
			if wake.IsZero() || st.until.Before(wake) {
				wake = st.until
			}
		}
	}
	s.o.Reader.Hold(held...)

	if !wake.IsZero() {
		var cancel context.CancelFunc
		wait, cancel = context.WithDeadline(wait, wake)
		defer cancel()
	}
	// A lane may be blocked at its head: look so much further that the rest can pass.
	limit := min(s.limits.MaxRecords+extra, max(8*s.limits.MaxRecords, 1024))
	if s.hasProblem() {
		// What failed may have expired meanwhile: a lane that is not pausing and has nothing
		// has no problem either.
		now, cancel := context.WithCancel(wait)
		cancel()
		recs, err := s.o.Reader.Next(now, limit, s.limits.MaxBytes+extraBytes)
		upTo := outbox.Lane(outbox.NumLanes)
		if len(recs) > 0 {
			upTo = recs[0].Lane()
		}
		s.forgetIdle(upTo, held)
		if len(recs) > 0 {
			return recs, err
		}
	}
	recs, err := s.o.Reader.Next(wait, limit, s.limits.MaxBytes+extraBytes)
	if len(recs) > 0 || err == nil || wait.Err() == nil || ctx.Err() != nil {
		return recs, err
	}
	if s.isDraining() {
		if len(held) == 0 {
			return nil, errDrained
		}
		sleep(ctx, time.Until(wake))
	}
	return nil, nil
}

func (s *Sender) hasProblem() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.failing.IsZero()
}

// forgetIdle clears the problems of the lanes before upTo that are not held: they are
// empty.
func (s *Sender) forgetIdle(upTo outbox.Lane, held []outbox.Lane) {
	for l := range upTo {
		s.mu.Lock()
		stale := s.problems[l] != nil && !slices.Contains(held, l)
		s.mu.Unlock()
		if stale {
			s.lanes[l] = lane{}
			s.note(l, nil)
		}
	}
}

func (s *Sender) isDraining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// Stop sends what is pending until ctx ends, then ends Run and closes the destination.
// What could not be sent stays pending in the outbox. Idempotent, and legal before Run.
func (s *Sender) Stop(ctx context.Context) error {
	s.mu.Lock()
	s.draining = true
	cancel := s.cancel
	s.started = true // a Run that comes later has nothing to do
	if s.endWait != nil {
		s.endWait()
	}
	s.mu.Unlock()
	if cancel != nil {
		select {
		case <-s.stopped:
		case <-ctx.Done():
		}
		cancel()
	}
	err := s.o.Destination.Close(ctx)
	if cancel != nil {
		t := time.NewTimer(closeGrace)
		defer t.Stop()
		select {
		case <-s.stopped:
		case <-t.C:
			err = errors.Join(err, errors.New("a publish is still under way after close"))
		}
	}
	if err != nil {
		return fmt.Errorf("stopping destination %q: %w", s.o.Name, err)
	}
	return nil
}

// closeGrace is how long Stop waits for a Publish that Close and its context should have
// ended.
const closeGrace = 5 * time.Second

// State tells how the destination is doing.
func (s *Sender) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := State{Ready: true, FailingSince: s.failing, LastSuccess: s.lastSuccess}
	for _, p := range s.problems {
		if p == nil {
			continue
		}
		if st.Problem == nil || (p.Class == Misconfigured && st.Ready) {
			st.Problem = p // what needs a person comes first
		}
		if p.Class == Misconfigured {
			st.Ready = false
		}
	}
	return st
}

// note records how lane l is doing after a round.
func (s *Sender) note(l outbox.Lane, problem *Error) {
	s.mu.Lock()
	before := s.problems[l]
	s.problems[l] = problem
	failing := slices.ContainsFunc(s.problems[:], func(e *Error) bool { return e != nil })
	switch {
	case !failing:
		s.failing = time.Time{}
	case s.failing.IsZero():
		s.failing = time.Now()
	}
	s.mu.Unlock()

	ready, fails := 1.0, 0.0
	if st := s.State(); !st.Ready {
		ready = 0
	}
	if failing {
		fails = 1
	}
	s.o.Metrics.ready.WithLabelValues(s.o.Name).Set(ready)
	s.o.Metrics.failing.WithLabelValues(s.o.Name).Set(fails)
	switch {
	case problem == nil && before != nil:
		s.log.Info("no event of the lane is failing any more", "lane", l.String())
	case problem != nil && (before == nil || before.Class != problem.Class || before.Reason != problem.Reason):
		s.log.Warn("destination does not accept events", "lane", l.String(), "class", problem.Class.String(),
			"reason", problem.Reason, "err", problem)
	}
}

func (s *Sender) accepted(recs []outbox.Record) {
	now := time.Now()
	for len(recs) > 0 { // runs of a domain, most often one
		domain, n := recs[0].Domain, 1
		for n < len(recs) && recs[n].Domain == domain {
			n++
		}
		s.ok[domain] += uint64(n)
		s.o.Metrics.published.WithLabelValues(s.o.Name, domain).Add(float64(n))
		recs = recs[n:]
	}
	s.o.Metrics.lastSuccess.WithLabelValues(s.o.Name).Set(float64(now.UnixMilli()) / 1000)
	s.mu.Lock()
	s.lastSuccess = now
	s.mu.Unlock()
}

// suppressedLog keeps a storm of dead letters from becoming a storm of log lines.
type suppressedLog struct {
	since time.Time
	lines int
	held  int
}

// logDeadLetter logs at most ten letters of a reason a minute and counts the others.
func (s *Sender) logDeadLetter(l *Letter) {
	q := s.quiet[l.Reason] // reasons are bounded
	if q == nil {
		q = &suppressedLog{}
		s.quiet[l.Reason] = q
	}
	if now := time.Now(); now.Sub(q.since) > time.Minute {
		q.since, q.lines = now, 0
	}
	if q.lines++; q.lines > 10 {
		q.held++
		return
	}
	s.log.Warn("event refused for good", "domain", l.Record.Domain, "event_id", l.Record.EventID, "source", l.Record.SourceName,
		"reason", l.Reason, "reply", l.Reply, "attempt", l.Attempts, "suppressed", q.held)
	q.held = 0
}
