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

// NewThresholdCrossingAlert returns a threshold crossing alert. h is as for NewMeasurement;
// fields need AdditionalParameters (each with its hashMap of counters), AlertAction,
// AlertDescription, AlertType, EventSeverity and both timestamps, which are RFC 2822 text.
func NewThresholdCrossingAlert(h Header, fields ThresholdCrossingAlertFields, opts ...Option) (*Event, error) {
	e := &Event{Header: h}
	*e.UseThresholdCrossingAlert() = fields
	return e.finish(opts)
}

// NewSyslog returns a system log message. h is as for NewMeasurement; fields need
// EventSourceType, SyslogMsg and SyslogTag ("NILVALUE" where there is none).
func NewSyslog(h Header, fields SyslogFields, opts ...Option) (*Event, error) {
	e := &Event{Header: h}
	*e.UseSyslog() = fields
	return e.finish(opts)
}

// NewNotification returns a notification. h is as for NewMeasurement; fields need
// ChangeIdentifier and ChangeType.
func NewNotification(h Header, fields NotificationFields, opts ...Option) (*Event, error) {
	e := &Event{Header: h}
	*e.UseNotification() = fields
	return e.finish(opts)
}

// NewStateChange returns a change of state. h is as for NewMeasurement; fields need both
// states and StateInterface.
func NewStateChange(h Header, fields StateChangeFields, opts ...Option) (*Event, error) {
	e := &Event{Header: h}
	*e.UseStateChange() = fields
	return e.finish(opts)
}

// NewOther returns an event of domain other. h is as for NewMeasurement; fields need nothing.
func NewOther(h Header, fields OtherFields, opts ...Option) (*Event, error) {
	e := &Event{Header: h}
	*e.UseOther() = fields
	return e.finish(opts)
}

// NewPerf3GPP returns performance measurements of TS 28.550. h is as for NewMeasurement; in
// fields, each result's P is the place of its type in MeasTypes, from 1. VES has the domain
// since 7.1.1; collectors take it by HV-VES only.
func NewPerf3GPP(h Header, fields Perf3GPPFields, opts ...Option) (*Event, error) {
	e := &Event{Header: h}
	*e.UsePerf3GPP() = fields
	return e.finish(opts)
}

// NewStndDefined returns an event whose body another standard defines: data is that body, one
// complete JSON object, sent as it is; namespace says whose it is, e.g.
// 3GPP-FaultSupervision. schemaReference, the public URL of the body's schema with its
// fragment, may be empty: the collector then checks the envelope only. h is as for
// NewMeasurement. VES has the domain since 7.2. The body is not judged here.
func NewStndDefined(h Header, namespace, schemaReference string, data RawObject, opts ...Option) (*Event, error) {
	e := &Event{Header: h}
	e.Header.StndDefinedNamespace = namespace
	*e.UseStndDefined() = StndDefinedFields{Data: data, SchemaReference: schemaReference}
	return e.finish(opts)
}

// NewPNFRegistration returns the registration of a physical function. h is as for
// NewMeasurement; fields need nothing.
func NewPNFRegistration(h Header, fields PNFRegistrationFields, opts ...Option) (*Event, error) {
	e := &Event{Header: h}
	*e.UsePNFRegistration() = fields
	return e.finish(opts)
}

// NewMobileFlow returns a mobile flow. h is as for NewMeasurement; fields need the direction,
// both endpoints, protocol, IP version and the required measurements of the flow.
func NewMobileFlow(h Header, fields MobileFlowFields, opts ...Option) (*Event, error) {
	e := &Event{Header: h}
	*e.UseMobileFlow() = fields
	return e.finish(opts)
}

// NewSIPSignaling returns a SIP message. h is as for NewMeasurement; fields need Correlator,
// both addresses and ports, and the vendor's name.
func NewSIPSignaling(h Header, fields SIPSignalingFields, opts ...Option) (*Event, error) {
	e := &Event{Header: h}
	*e.UseSIPSignaling() = fields
	return e.finish(opts)
}

// NewVoiceQuality returns the quality of a call. h is as for NewMeasurement; fields need both
// codecs, Correlator, MidCallRtcp and the vendor's name.
func NewVoiceQuality(h Header, fields VoiceQualityFields, opts ...Option) (*Event, error) {
	e := &Event{Header: h}
	*e.UseVoiceQuality() = fields
	return e.finish(opts)
}

func (e *Event) finish(opts []Option) (*Event, error) {
	e.Header.SetDefaults(opts...)
	v, err := ParseVersion(e.Header.VESEventListenerVersion)
	if err != nil {
		v = V7_2_1 // Validate names the bad value; 7.0 and 7.1 are values without a schema of their own
	}
	for !hasDomain(v, e.Header.Domain) {
		v++ // WidestAcceptance names an older version than the domain's
	}
	if err := e.Validate(v); err != nil {
		return nil, err
	}
	return e, nil
}
