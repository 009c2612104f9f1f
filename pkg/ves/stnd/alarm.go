package stnd

import (
	"encoding/json"
	"math"
	"strconv"
)

// AlarmType of X.733 and X.736, as faultMnS writes it.
type AlarmType string

// The alarm types.
const (
	CommunicationsAlarm                 AlarmType = "COMMUNICATIONS_ALARM"
	QualityOfServiceAlarm               AlarmType = "QUALITY_OF_SERVICE_ALARM"
	ProcessingErrorAlarm                AlarmType = "PROCESSING_ERROR_ALARM"
	EquipmentAlarm                      AlarmType = "EQUIPMENT_ALARM"
	EnvironmentalAlarm                  AlarmType = "ENVIRONMENTAL_ALARM"
	IntegrityViolation                  AlarmType = "INTEGRITY_VIOLATION"
	OperationalViolation                AlarmType = "OPERATIONAL_VIOLATION"
	PhysicalViolation                   AlarmType = "PHYSICAL_VIOLATION"
	SecurityServiceOrMechanismViolation AlarmType = "SECURITY_SERVICE_OR_MECHANISM_VIOLATION"
	TimeDomainViolation                 AlarmType = "TIME_DOMAIN_VIOLATION"
)

// Severity is a perceivedSeverity.
type Severity string

// The severities. Cleared is that of a cleared alarm.
const (
	Indeterminate Severity = "INDETERMINATE"
	Critical      Severity = "CRITICAL"
	Major         Severity = "MAJOR"
	Minor         Severity = "MINOR"
	Warning       Severity = "WARNING"
	Cleared       Severity = "CLEARED"
)

// Trend is a trendIndication.
type Trend string

// The trends.
const (
	MoreSevere Trend = "MORE_SEVERE"
	NoChange   Trend = "NO_CHANGE"
	LessSevere Trend = "LESS_SEVERE"
)

// AlarmKey is what every notification about one alarm repeats. All members are required.
type AlarmKey struct {
	AlarmID           string
	AlarmType         AlarmType
	ProbableCause     string // vendor's own text
	PerceivedSeverity Severity
}

func (k *AlarmKey) problems() []string {
	p := need(nil, "alarmId", k.AlarmID)
	p = oneOf(p, "alarmType", k.AlarmType, false, CommunicationsAlarm, QualityOfServiceAlarm, ProcessingErrorAlarm, EquipmentAlarm, EnvironmentalAlarm,
		IntegrityViolation, OperationalViolation, PhysicalViolation, SecurityServiceOrMechanismViolation, TimeDomainViolation)
	p = need(p, "probableCause", k.ProbableCause)
	return oneOf(p, "perceivedSeverity", k.PerceivedSeverity, false, Indeterminate, Critical, Major, Minor, Warning, Cleared)
}

type alarmKey struct {
	AlarmID           string    `json:"alarmId"`
	AlarmType         AlarmType `json:"alarmType"`
	ProbableCause     string    `json:"probableCause"`
	PerceivedSeverity Severity  `json:"perceivedSeverity"`
}

// AlarmDetails are the optional members of an alarm.
type AlarmDetails struct {
	SpecificProblem       string         `json:"specificProblem,omitempty"`
	BackedUpStatus        *bool          `json:"backedUpStatus,omitempty"`
	BackUpObject          string         `json:"backUpObject,omitempty"` // distinguished name
	TrendIndication       Trend          `json:"trendIndication,omitempty"`
	ThresholdInfo         *ThresholdInfo `json:"thresholdInfo,omitempty"`
	MonitoredAttributes   map[string]any `json:"monitoredAttributes,omitempty"`
	ProposedRepairActions string         `json:"proposedRepairActions,omitempty"`
	AdditionalText        string         `json:"additionalText,omitempty"`
	AdditionalInformation map[string]any `json:"additionalInformation,omitempty"`
	RootCauseIndicator    *bool          `json:"rootCauseIndicator,omitempty"`
}

// ThresholdInfo tells of the threshold that an alarm is about.
type ThresholdInfo struct {
	ObservedMeasurement string // required
	ObservedValue       float64
}

// MarshalJSON writes a value that is no whole number as text: SA88-Rel16 has it so.
func (t *ThresholdInfo) MarshalJSON() ([]byte, error) {
	w := struct {
		Measurement string `json:"observedMeasurement"`
		Value       any    `json:"observedValue"`
	}{Measurement: t.ObservedMeasurement}
	const exact = 1 << 53
	if v := t.ObservedValue; v == math.Trunc(v) && math.Abs(v) <= exact {
		w.Value = int64(v)
	} else {
		w.Value = strconv.FormatFloat(v, 'g', -1, 64)
	}
	return json.Marshal(w)
}

func (d *AlarmDetails) problems() []string {
	p := oneOf(nil, "trendIndication", d.TrendIndication, true, MoreSevere, NoChange, LessSevere)
	if d.ThresholdInfo != nil {
		p = need(p, "thresholdInfo.observedMeasurement", d.ThresholdInfo.ObservedMeasurement)
		if v := d.ThresholdInfo.ObservedValue; math.IsNaN(v) || math.IsInf(v, 0) {
			p = append(p, "thresholdInfo.observedValue is no finite number")
		}
	}
	return p
}

const faultSchemas = Release + "faultMnS.yaml#/components/schemas/"

// NewAlarm is notifyNewAlarm.
type NewAlarm struct {
	Header
	AlarmKey
	AlarmDetails
}

// Namespace implements Body.
func (*NewAlarm) Namespace() string { return FaultSupervision }

// SchemaReference implements Body.
func (*NewAlarm) SchemaReference() string { return faultSchemas + "NotifyNewAlarm" }

func (a *NewAlarm) problems() []string {
	p := append(a.Header.problems(), a.AlarmKey.problems()...)
	if a.PerceivedSeverity == Cleared {
		p = append(p, "perceivedSeverity of a new alarm is CLEARED")
	}
	return append(p, a.AlarmDetails.problems()...)
}

func (a *NewAlarm) wire() any {
	return struct {
		header
		alarmKey
		*AlarmDetails
	}{a.Header.wire("notifyNewAlarm"), alarmKey(a.AlarmKey), &a.AlarmDetails}
}

// ChangedAlarmGeneral is notifyChangedAlarmGeneral.
type ChangedAlarmGeneral struct {
	Header
	AlarmKey
	AlarmDetails
	// ChangedAlarmAttributes are the former values of what changed, by the attribute's
	// name; at least one.
	ChangedAlarmAttributes map[string]any
}

// Namespace implements Body.
func (*ChangedAlarmGeneral) Namespace() string { return FaultSupervision }

// SchemaReference implements Body.
func (*ChangedAlarmGeneral) SchemaReference() string {
	return faultSchemas + "NotifyChangedAlarmGeneral"
}

func (a *ChangedAlarmGeneral) problems() []string {
	p := append(a.Header.problems(), a.AlarmKey.problems()...)
	p = append(p, a.AlarmDetails.problems()...)
	if len(a.ChangedAlarmAttributes) == 0 {
		p = append(p, "changedAlarmAttributes is missing")
	}
	return p
}

func (a *ChangedAlarmGeneral) wire() any {
	return struct {
		header
		alarmKey
		*AlarmDetails
		Changed map[string]any `json:"changedAlarmAttributes"`
	}{a.Header.wire("notifyChangedAlarmGeneral"), alarmKey(a.AlarmKey), &a.AlarmDetails, a.ChangedAlarmAttributes}
}

// ClearedAlarm is notifyClearedAlarm. Its PerceivedSeverity is CLEARED, and need not be set.
type ClearedAlarm struct {
	Header
	AlarmKey
	ClearUserID   string // who cleared it, where a person did
	ClearSystemID string
}

// Namespace implements Body.
func (*ClearedAlarm) Namespace() string { return FaultSupervision }

// SchemaReference implements Body.
func (*ClearedAlarm) SchemaReference() string { return faultSchemas + "NotifyClearedAlarm" }

func (a *ClearedAlarm) key() AlarmKey {
	k := a.AlarmKey
	if k.PerceivedSeverity == "" {
		k.PerceivedSeverity = Cleared
	}
	return k
}

func (a *ClearedAlarm) problems() []string {
	k := a.key()
	p := append(a.Header.problems(), k.problems()...)
	if k.PerceivedSeverity != Cleared {
		p = append(p, "perceivedSeverity of a cleared alarm is not CLEARED")
	}
	return p
}

func (a *ClearedAlarm) wire() any {
	return struct {
		header
		alarmKey
		User   string `json:"clearUserId,omitempty"`
		System string `json:"clearSystemId,omitempty"`
	}{a.Header.wire("notifyClearedAlarm"), alarmKey(a.key()), a.ClearUserID, a.ClearSystemID}
}

// AlarmListRebuilt is notifyAlarmListRebuilt: consumers should fetch the list of alarms
// again. SA88-Rel16 spells its notificationType notifyAlarmListRebuiltAlarm and refuses the
// name of TS 28.532, so that the former is sent.
type AlarmListRebuilt struct {
	Header
	Reason string // required
	// AlignmentRequired says whether consumers must align their lists; nil says nothing.
	AlignmentRequired *bool
}

// Namespace implements Body.
func (*AlarmListRebuilt) Namespace() string { return FaultSupervision }

// SchemaReference implements Body.
func (*AlarmListRebuilt) SchemaReference() string { return faultSchemas + "NotifyAlarmListRebuilt" }

func (a *AlarmListRebuilt) problems() []string {
	return need(a.Header.problems(), "reason", a.Reason)
}

func (a *AlarmListRebuilt) wire() any {
	alignment := ""
	if a.AlignmentRequired != nil {
		if alignment = "ALIGNMENT_NOT_REQUIRED"; *a.AlignmentRequired {
			alignment = "ALIGNMENT_REQUIRED"
		}
	}
	return struct {
		header
		Reason    string `json:"reason"`
		Alignment string `json:"alarmListAlignmentRequirement,omitempty"`
	}{a.Header.wire("notifyAlarmListRebuiltAlarm"), a.Reason, alignment}
}
