package ves

import "time"

// Option changes how a builder fills the header.
type Option func(*Header)

// WidestAcceptance sends header version 4.0.1 and vesEventListenerVersion 7.0.1, the only
// pair that every 7.x collector accepts; the default pair needs Honolulu (2021) or later.
func WidestAcceptance() Option {
	return func(h *Header) { h.Version, h.VESEventListenerVersion = "4.0.1", "7.0.1" }
}

// Micros returns t as VES epochs tell it: microseconds since 1970.
func Micros(t time.Time) int64 { return t.UnixMicro() }

// SetDefaults fills what is empty: header version 4.1, vesEventListenerVersion 7.2.1,
// priority Normal. Options win over both.
func (h *Header) SetDefaults(opts ...Option) {
	if h.Version == "" {
		h.Version = "4.1"
	}
	if h.VESEventListenerVersion == "" {
		h.VESEventListenerVersion = "7.2.1"
	}
	if h.Priority == "" {
		h.Priority = PriorityNormal
	}
	for _, o := range opts {
		o(h)
	}
}

// NewMeasurement returns a measurement event of the window that h's epochs tell, valid for
// its own vesEventListenerVersion and ready to be filled. h needs EventID, EventName,
// SourceName, ReportingEntityName and both epochs; domain and defaults are set here. The
// error is a *ValidationError.
func NewMeasurement(h Header, interval time.Duration, opts ...Option) (*Event, error) {
	e := &Event{Header: h}
	e.UseMeasurement().MeasurementInterval = interval.Seconds()
	return e.finish(opts)
}

// NewHeartbeat returns a heartbeat that announces the next one after interval, which must be
// whole seconds. h is as for NewMeasurement.
func NewHeartbeat(h Header, interval time.Duration, opts ...Option) (*Event, error) {
	e := &Event{Header: h}
	e.UseHeartbeat().HeartbeatInterval = int64(interval / time.Second)
	return e.finish(opts)
}

// NewFault returns a fault event. h is as for NewMeasurement; fields need AlarmCondition,
// EventSeverity, EventSourceType, SpecificProblem and VFStatus.
func NewFault(h Header, fields FaultFields, opts ...Option) (*Event, error) {
	e := &Event{Header: h}
	*e.UseFault() = fields
	return e.finish(opts)
}

func (e *Event) finish(opts []Option) (*Event, error) {
	e.Header.SetDefaults(opts...)
	v, err := ParseVersion(e.Header.VESEventListenerVersion)
	if err != nil {
		v = V7_2_1 // Validate names the bad value; 7.0 and 7.1 are values without a schema of their own
	}
	if err := e.Validate(v); err != nil {
		return nil, err
	}
	return e, nil
}
