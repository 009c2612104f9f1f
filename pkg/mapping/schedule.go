package mapping

import (
	"slices"
	"time"
)

// Told is a stretch of windows of one length that were told. It is what a State keeps.
type Told struct {
	Heartbeat bool          `json:"heartbeat,omitempty"`
	Interval  time.Duration `json:"interval"`
	From      time.Time     `json:"from"`
	To        time.Time     `json:"to"`
}

// maxTold bounds how many stretches one schedule remembers: each gap and each step of
// the clock makes one more.
const maxTold = 16

// schedule is the sequence of windows of one length, aligned to the wall clock.
type schedule struct {
	interval  time.Duration
	heartbeat bool
	cursor    time.Time // where the next window begins
	told      []Told    // ascending, disjoint
}

// Boundary is the boundary of windows at or before t. Boundaries are multiples of the
// interval since 1970, so that minutes, hours and days fall where people expect them.
func Boundary(t time.Time, interval time.Duration) time.Time {
	ms, step := t.UnixMilli(), interval.Milliseconds()
	floor := ms - ms%step
	if ms%step < 0 {
		floor -= step
	}
	return time.UnixMilli(floor).UTC()
}

// newSchedule continues what was told, or begins with the window that now falls into.
// A schedule of a length that is new begins after everything told in other lengths, or
// the same counts would be told again.
func newSchedule(interval time.Duration, heartbeat bool, all []Told, now time.Time) *schedule {
	s := &schedule{interval: interval, heartbeat: heartbeat, cursor: Boundary(now, interval)}
	var last time.Time
	for _, t := range all {
		if t.Heartbeat != heartbeat {
			continue
		}
		if t.Interval == interval {
			s.told = append(s.told, t)
		} else if t.To.After(last) && !t.To.After(now) {
			last = t.To
		}
	}
	slices.SortFunc(s.told, func(a, b Told) int { return a.From.Compare(b.From) })
	switch {
	case len(s.told) > 0 && s.told[len(s.told)-1].To.Before(s.cursor):
		s.cursor = s.told[len(s.told)-1].To
	case len(s.told) == 0 && last.After(s.cursor):
		s.cursor = s.cursor.Add(interval)
	}
	s.skipTold()
	return s
}

// skipTold moves the cursor past windows that were told.
func (s *schedule) skipTold() {
	for _, t := range s.told {
		if s.cursor.Before(t.To) && s.cursor.Add(s.interval).After(t.From) {
			s.cursor = t.To
		}
	}
}

// next is the window that comes next and when it is due.
func (s *schedule) next(grace time.Duration) (Window, time.Time) {
	w := Window{Start: s.cursor, End: s.cursor.Add(s.interval)}
	return w, w.End.Add(grace)
}

// pass moves on to the window after w, remembering w where it was told.
func (s *schedule) pass(w Window, told bool) {
	s.cursor = w.End
	if told {
		s.remember(w)
	}
	s.skipTold()
}

func (s *schedule) remember(w Window) {
	for i := range s.told {
		if s.told[i].To.Equal(w.Start) {
			s.told[i].To = w.End
			if i+1 < len(s.told) && s.told[i+1].From.Equal(w.End) {
				s.told[i].To = s.told[i+1].To
				s.told = slices.Delete(s.told, i+1, i+2)
			}
			return
		}
	}
	s.told = append(s.told, Told{Heartbeat: s.heartbeat, Interval: s.interval, From: w.Start, To: w.End})
	slices.SortFunc(s.told, func(a, b Told) int { return a.From.Compare(b.From) })
	if len(s.told) > maxTold {
		s.told = slices.Delete(s.told, 0, len(s.told)-maxTold)
	}
}

// stepBack follows a clock that was set back: windows told under the later time stay
// told, others come again as they fall due, and those that a wrong clock had jumped
// over are made up for.
func (s *schedule) stepBack(now time.Time) {
	if !now.Before(s.cursor) {
		return
	}
	s.cursor = Boundary(now, s.interval)
	for _, t := range slices.Backward(s.told) {
		if !t.To.After(s.cursor) {
			s.cursor = t.To
			break
		}
	}
	s.skipTold()
}

// skipTo gives up windows that end at or before t, and says which.
func (s *schedule) skipTo(t time.Time) (Window, int) {
	from, n := s.cursor, 0
	for end := s.cursor.Add(s.interval); !end.After(t); end = s.cursor.Add(s.interval) {
		jump := max(1, int(t.Sub(s.cursor)/s.interval))
		// Told stretches lie between gaps: go window by window only next to one.
		if len(s.told) > 0 && s.cursor.Before(s.told[len(s.told)-1].To) {
			jump = 1
		}
		n += jump
		s.cursor = s.cursor.Add(time.Duration(jump) * s.interval)
		s.skipTold()
	}
	return Window{Start: from, End: s.cursor}, n
}
