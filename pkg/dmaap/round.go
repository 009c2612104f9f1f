package dmaap

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/vesbridge/vesbridge/pkg/outbox"
)

// lane is what a Sender remembers of one lane between rounds.
//
// Records are settled in order, but one record may be stuck while those behind it pass:
// done holds the fate of those, by Seq, until the head is settled.
type lane struct {
	until    time.Time // pausing
	failures int       // rounds in a row in which nothing was accepted
	released bool      // the pause was cut short once since the last success
	done     map[uint64]outbox.Outcome

	size      int    // largest batch while a suspect answer is taken apart; 0 is Limits
	suspicion int    // suspect answers in a row
	alone     uint64 // Seq that failed alone last, and how often
	aloneN    int
	suspects  map[parkKey]*suspect // its source, domain and namespace wait for the first of them

	// parked are the records that a configuration refuses although others of the same
	// call pass (a topic that does not exist): until when they wait.
	parked map[parkKey]time.Time

	extra, extraBytes int // how much of the last window could not be sent
}

// suspect is a record that failed alone where its neighbours may pass. Later records of
// its source, domain and namespace wait, so that their order is kept. Those of another
// domain go on: they have another topic, which may well work.
type suspect struct {
	seq      uint64
	failures int    // alone, in a row
	proven   int    // of these, with another record accepted since the one before
	okBefore uint64 // evidence counter at the last failure
	until    time.Time
}

// parkKey is all records of a source and domain: parking but one would break the order.
type parkKey struct{ source, domain, namespace string }

func parkKeyOf(r *outbox.Record) parkKey {
	return parkKey{r.SourceName, r.Domain, r.StndDefinedNamespace}
}

// maxParked bounds how much of a lane is parked; what is beyond is tried with the others.
const maxParked = 4096

// maxSuspects bounds how many sources of a lane are under suspicion at once. It is well
// above the sources of a common outage: where one topic of a lane answers 500 for all of
// them, the others of the lane still pass.
const maxSuspects = 256

// window is the unsettled records that a round works on.
type window struct {
	s    *Sender
	st   *lane
	lane outbox.Lane
	recs []outbox.Record
	err  error // of the outbox

	parkedNow bool // something was parked in this round
}

// round sends some of recs, which are the head of one lane, and decides when the lane is
// tried again. An error is the outbox's.
func (s *Sender) round(ctx context.Context, recs []outbox.Record) error {
	l := recs[0].Lane()
	st := &s.lanes[l]
	if st.done == nil {
		st.done, st.suspects, st.parked = map[uint64]outbox.Outcome{}, map[parkKey]*suspect{}, map[parkKey]time.Time{}
	}
	w := &window{s: s, st: st, lane: l, recs: recs}
	w.settle()
	w.forgetStale()

	before := s.total()
	batch := s.batch(w.free(), st.size)
	var problem, suspicious *Error
	tried := len(batch) > 0
	if tried {
		problem = w.deliver(ctx, batch)
		w.judge(batch, problem)
	}
	if sus := w.due(time.Now()); sus != nil && w.err == nil && ctx.Err() == nil {
		suspicious = w.retrySuspect(ctx, sus)
	}
	if w.err != nil || ctx.Err() != nil {
		return w.err
	}
	w.schedule(problem, tried, s.total() > before)
	if problem == nil {
		problem = suspicious
	}
	if problem != nil || len(st.suspects)+len(st.parked) == 0 {
		s.note(l, problem)
	}
	return nil
}

func (s *Sender) total() (n uint64) {
	for _, ok := range s.ok {
		n += ok
	}
	return n
}

// settle reports the settled prefix to the outbox.
func (w *window) settle() {
	for len(w.recs) > 0 && w.err == nil {
		o, ok := w.st.done[w.recs[0].Seq]
		if !ok {
			return
		}
		n := 1
		for n < len(w.recs) {
			if next, ok := w.st.done[w.recs[n].Seq]; !ok || next != o {
				break
			}
			n++
		}
		if w.err = w.s.o.Reader.Settle(w.recs[:n], o); w.err != nil {
			return
		}
		for i := range n {
			delete(w.st.done, w.recs[i].Seq)
		}
		w.recs = w.recs[n:]
	}
}

// forgetStale drops what is remembered of records that expired meanwhile: all that are
// older than the lane's head, and suspects that are no longer there.
func (w *window) forgetStale() {
	if len(w.recs) == 0 {
		return
	}
	head := w.recs[0].Seq
	for seq := range w.st.done {
		if seq < head {
			delete(w.st.done, seq)
		}
	}
	for key, sus := range w.st.suspects {
		if i := w.index(sus.seq); i < 0 {
			delete(w.st.suspects, key)
		}
	}
}

func (w *window) index(seq uint64) int {
	return slices.IndexFunc(w.recs, func(r outbox.Record) bool { return r.Seq == seq })
}

// free returns the pending records that wait for no suspect and are not parked, and notes
// how many are.
func (w *window) free() []outbox.Record {
	now := time.Now()
	for k, until := range w.st.parked {
		if !until.After(now) {
			delete(w.st.parked, k)
		}
	}
	free := make([]outbox.Record, 0, len(w.recs))
	w.st.extra, w.st.extraBytes = 0, 0
	for i := range w.recs {
		r := &w.recs[i]
		_, done := w.st.done[r.Seq]
		_, parked := w.st.parked[parkKeyOf(r)]
		if done || parked || w.st.suspects[parkKeyOf(r)] != nil {
			w.st.extra++
			w.st.extraBytes += len(r.Body)
			continue
		}
		free = append(free, *r)
	}
	return free
}

// batch is the longest prefix of recs that one call may hold.
func (s *Sender) batch(recs []outbox.Record, size int) []outbox.Record {
	limit := s.limits.MaxRecords
	if size > 0 {
		limit = min(limit, size)
	}
	n, bytes := 0, 0
	for n < len(recs) && n < limit {
		r := &recs[n]
		if n > 0 {
			if bytes+len(r.Body) > s.limits.MaxBytes {
				break
			}
			if !s.limits.MixedDomains && (r.Domain != recs[0].Domain || r.StndDefinedNamespace != recs[0].StndDefinedNamespace) {
				break
			}
		}
		bytes += len(r.Body)
		n++
	}
	return recs[:n]
}

// deliver sends batch, taking it apart where it is refused for good. It returns what
// keeps the rest of it pending, nil if nothing is.
func (w *window) deliver(ctx context.Context, batch []outbox.Record) *Error {
	partial, err := w.s.publish(ctx, batch)
	switch {
	case partial != nil:
		return w.mark(ctx, batch, partial)
	case err == nil:
		w.finish(batch, outbox.Delivered)
		return nil
	case err.Class != Permanent:
		return err
	case len(batch) == 1:
		return w.bury(ctx, &batch[0], err, 1)
	}
	half := len(batch) / 2
	if err := w.deliver(ctx, batch[:half]); err != nil || w.err != nil {
		return err // the order: the second half waits for the first
	}
	return w.deliver(ctx, batch[half:])
}

// mark settles a batch whose failures the peer named one by one.
func (w *window) mark(ctx context.Context, batch []outbox.Record, partial map[int]*Error) *Error {
	var problem *Error
	for i := range batch {
		err := partial[i]
		switch {
		case err == nil:
			w.s.accepted(batch[i : i+1])
			w.st.done[batch[i].Seq] = outbox.Delivered
			continue
		case err.Class == Permanent:
			err = w.bury(ctx, &batch[i], err, 1)
		case err.Class == Misconfigured && len(w.st.parked) < maxParked:
			w.st.parked[parkKeyOf(&batch[i])] = time.Now().Add(w.s.o.Retry.pause(err, 1))
			w.parkedNow = true
		}
		// The problem that ends soonest decides about the pause.
		if err != nil && (problem == nil || err.Class < problem.Class) {
			problem = err
		}
	}
	w.settle()
	return problem
}

func (w *window) finish(recs []outbox.Record, o outbox.Outcome) {
	if o == outbox.Delivered {
		w.s.accepted(recs)
	}
	for i := range recs {
		w.st.done[recs[i].Seq] = o
	}
	w.settle()
}

// maxReply is the length of Letter.Reply, in bytes.
const maxReply = 2 << 10

// cut shortens s to at most n bytes, at a rune's border.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// bury makes r a dead letter. An error means that it could not be kept: r stays pending.
func (w *window) bury(ctx context.Context, r *outbox.Record, why *Error, attempts int) *Error {
	s := w.s
	l := Letter{
		Destination: s.o.Name, Record: *r, Class: why.Class, Reason: why.Reason, Reply: why.Reply,
		Attempts: attempts, At: time.Now(),
	}
	if l.Reply == "" && why.Err != nil {
		l.Reply = cut(why.Err.Error(), maxReply) // refused without asking the peer
	}
	if err := s.o.DeadLetters.Put(ctx, l); err != nil {
		return &Error{Class: Retryable, Reason: "dead_letter_store", Err: err}
	}
	s.o.Metrics.deadLettered.WithLabelValues(s.o.Name, l.Reason).Inc()
	s.logDeadLetter(&l)
	w.finish([]outbox.Record{*r}, outbox.DeadLettered)
	return nil
}

// judge decides after a call about free records how large the next may be, and whom to
// suspect.
func (w *window) judge(batch []outbox.Record, problem *Error) {
	st := w.st
	if problem == nil {
		st.suspicion, st.aloneN = 0, 0
		if st.size *= 4; st.size >= w.s.limits.MaxRecords {
			st.size = 0
		}
		return
	}
	if !problem.Suspect {
		return
	}
	st.suspicion++
	if len(batch) > 1 {
		if st.suspicion > 2 {
			st.size = max(1, len(batch)/8)
		}
		return
	}
	if st.alone != batch[0].Seq {
		st.alone, st.aloneN = batch[0].Seq, 0
	}
	st.aloneN++
	if st.aloneN >= 2 && len(st.suspects) < maxSuspects {
		st.suspects[parkKeyOf(&batch[0])] = &suspect{
			seq: batch[0].Seq, failures: st.aloneN, okBefore: w.s.evidence(&batch[0]),
			until: time.Now().Add(w.s.o.Retry.backoff(st.aloneN)),
		}
		st.aloneN = 0
	}
}

// evidence counts what proves that the destination itself works. For an alarm only
// another event of its domain does: a collector may well refuse all alarms while it
// takes measurements, because of its own back end, and then none of them is to blame.
func (s *Sender) evidence(r *outbox.Record) uint64 {
	if r.Lane() == outbox.LaneFault {
		return s.ok[r.Domain]
	}
	return s.total()
}

// due returns the suspect that waits longest, if its pause is over.
func (w *window) due(now time.Time) *suspect {
	var first *suspect
	for _, sus := range w.st.suspects {
		if !sus.until.After(now) && (first == nil || sus.until.Before(first.until)) {
			first = sus
		}
	}
	return first
}

// retrySuspect sends a suspect alone and decides about it.
func (w *window) retrySuspect(ctx context.Context, sus *suspect) *Error {
	i := w.index(sus.seq)
	if i < 0 {
		return nil
	}
	r := w.recs[i]
	err := w.deliver(ctx, []outbox.Record{r})
	if err == nil {
		delete(w.st.suspects, parkKeyOf(&r))
		return nil
	}
	if !err.Suspect {
		sus.until = time.Now().Add(w.s.o.Retry.pause(err, sus.failures))
		return err
	}
	sus.failures++
	if ok := w.s.evidence(&r); ok > sus.okBefore {
		sus.proven++
		sus.okBefore = ok
	}
	sus.until = time.Now().Add(w.s.o.Retry.backoff(sus.failures))
	limit := w.s.o.Retry.PoisonAttempts
	poison := sus.proven >= limit
	if !poison && sus.failures >= limit && sus.proven == 0 {
		var delivered bool
		if poison, delivered = w.witness(ctx, &r); delivered {
			delete(w.st.suspects, parkKeyOf(&r))
			return nil
		}
	}
	if !poison {
		return err
	}
	delete(w.st.suspects, parkKeyOf(&r))
	return w.bury(ctx, &r, &Error{Class: err.Class, Reason: ReasonPoison, Reply: err.Reply}, sus.failures)
}

// witness asks whether the destination works where a suspect's own source is the only
// one that has records: it sends the next record of the source, and if that is accepted
// the suspect at once again. Refused on both sides of a success, the suspect is poison.
// Accepted, it was an outage that just ended: the witness stays pending and is sent once
// more behind the suspect, so that the last state that the peer saw is the right one.
func (w *window) witness(ctx context.Context, r *outbox.Record) (poison, delivered bool) {
	i := slices.IndexFunc(w.recs, func(n outbox.Record) bool {
		_, done := w.st.done[n.Seq]
		return !done && n.Seq > r.Seq && n.SourceName == r.SourceName && n.Domain == r.Domain
	})
	if i < 0 {
		return false, false
	}
	next := w.recs[i : i+1]
	if partial, err := w.s.publish(ctx, next); partial != nil || err != nil {
		return false, false
	}
	partial, err := w.s.publish(ctx, []outbox.Record{*r})
	switch {
	case partial == nil && err == nil:
		w.finish([]outbox.Record{*r}, outbox.Delivered)
		return false, true
	case err != nil && err.Suspect:
		w.finish(slices.Clone(next), outbox.Delivered)
		return true, false
	default:
		return false, false
	}
}

// schedule decides when the lane is tried again, after records were tried that are free,
// or only suspects.
func (w *window) schedule(problem *Error, tried, progress bool) {
	st, retry, now := w.st, &w.s.o.Retry, time.Now()
	st.until = time.Time{}
	if progress {
		st.failures, st.released = 0, false
		w.s.release(w.lane)
	}
	switch {
	case problem != nil && problem.Class == Misconfigured && w.parkedNow:
		// What is refused is parked; the others go on.
	case problem != nil:
		st.failures++
		pause := retry.pause(problem, st.failures)
		if progress { // only some of a call's records are concerned
			pause = retry.backoff(st.failures)
		}
		st.until = now.Add(pause)
	case !tried && len(w.recs) > 0:
		// Nothing but suspects and parked records, which have their own pauses: look
		// again soon, others may have come.
		st.until = now.Add(time.Duration(retry.MinBackoff))
	}
}

// release lets the other lanes try at once after a success, each once in its row of
// failures: the destination is back.
func (s *Sender) release(except outbox.Lane) {
	for l := range s.lanes {
		st := &s.lanes[l]
		if outbox.Lane(l) != except && st.failures > 0 && !st.released {
			st.until, st.released = time.Time{}, true
		}
	}
}

// publish makes one call to the destination, measures it and sees to it that a failure
// has a class.
func (s *Sender) publish(ctx context.Context, recs []outbox.Record) (map[int]*Error, *Error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(s.o.Retry.PublishTimeout))
	defer cancel()
	start := time.Now()
	err := s.o.Destination.Publish(ctx, recs)
	s.o.Metrics.call(s.o.Name, len(recs), time.Since(start), err)
	if err == nil {
		return nil, nil
	}
	if partial, ok := errors.AsType[*PartialError](err); ok && len(partial.Failed) > 0 {
		seen := map[[2]string]bool{}
		for _, e := range partial.Failed {
			if k := [2]string{e.Class.String(), e.Reason}; !seen[k] {
				seen[k] = true
				s.o.Metrics.retries.WithLabelValues(s.o.Name, k[0], k[1]).Inc()
			}
		}
		return partial.Failed, nil
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		e = &Error{Class: Retryable, Reason: "unknown", Err: err}
		if errors.Is(err, context.DeadlineExceeded) {
			e.Reason = "timeout"
		}
	}
	s.o.Metrics.retries.WithLabelValues(s.o.Name, e.Class.String(), e.Reason).Inc()
	return nil, e
}
