package mapping

import (
	"slices"
	"time"
)

// Status is what the web page shows of the mappings.
type Status struct {
	// Last is the last window of each mapping, in file order.
	Last []MappingStatus
	// Windows were evaluated since the start, Missed ones could not be told.
	Windows, Missed uint64
	LastHeartbeat   time.Time // zero before the first
	Heartbeats      int       // sent at LastHeartbeat
}

// MappingStatus is one mapping's last window.
type MappingStatus struct { //nolint:revive // the status of one Mapping, beside Status of the engine
	MappingReport
	Window   Window
	Duration time.Duration
	Events   int // of the whole window, all mappings together
}

// Status returns a copy of the state of the mappings. Safe for concurrent use.
func (e *Engine) Status() Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.status
	s.Last = slices.Clone(s.Last)
	return s
}

// publish shows, counts and logs a report.
func (e *Engine) publish(r *Report) {
	e.metrics.observe(r)
	e.mu.Lock()
	e.status.Windows++
	for i := range r.Mappings {
		st := MappingStatus{MappingReport: r.Mappings[i], Window: r.Window, Duration: r.Duration, Events: r.Events}
		k := slices.IndexFunc(e.status.Last, func(o MappingStatus) bool { return o.Mapping == st.Mapping })
		if k < 0 {
			e.status.Last = append(e.status.Last, st)
		} else {
			e.status.Last[k] = st
		}
	}
	set := e.set.Load()
	e.status.Last = slices.DeleteFunc(e.status.Last, func(o MappingStatus) bool { _, ok := set.Mapping(o.Mapping); return !ok })
	e.mu.Unlock()

	e.log.Debug("window told", "start", r.Window.Start, "end", r.Window.End, "entities", r.Entities, "events", r.Events, "duration", r.Duration)
	if r.Invalid > 0 {
		e.log.Error("events refused by the VES model were dropped", "events", r.Invalid, "end", r.Window.End)
	}
	for i := range r.Mappings {
		e.logTrouble(&r.Mappings[i])
	}
}

// maxNoted bounds what the log remembers to have said.
const maxNoted = 1000

// logTrouble logs failures each time and the rest once per text: a mapping that is
// ambiguous in every window is one line, the counters tell the rest.
func (e *Engine) logTrouble(m *MappingReport) {
	if m.Err != nil {
		e.log.Error("mapping left out of a window", "mapping", m.Mapping, "err", m.Err)
	}
	for i := range m.Fields {
		f := &m.Fields[i]
		if f.Err != nil {
			e.log.Error("field left out of a window", "mapping", m.Mapping, "field", f.Field, "err", f.Err)
		}
		for _, r := range []Reason{ReasonAmbiguous, ReasonCollision, ReasonRefused, ReasonHistogram, ReasonOverflow} {
			if n := f.LeftOutBy(r); n > 0 && e.once(m.Mapping+"\x00"+f.Field+"\x00"+r.String()) {
				e.log.Warn("field left out", "mapping", m.Mapping, "field", f.Field, "reason", r.String(), "count", n)
			}
		}
	}
	for _, n := range m.Notes {
		if e.once(m.Mapping + "\x00" + n) {
			e.log.Warn("mapping has something to report", "mapping", m.Mapping, "note", n)
		}
	}
}

func (e *Engine) once(text string) bool {
	if e.noted[text] {
		return false
	}
	if len(e.noted) >= maxNoted {
		clear(e.noted)
	}
	e.noted[text] = true
	return true
}
