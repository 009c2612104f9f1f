package ves

import "fmt"

// Version is a version of the VES specification. Versions are ordered.
type Version uint8

// The versions that this package knows. The zero Version is none of them.
const (
	V5_4_1 Version = iota + 1
	V7_0_1
	V7_1_1
	V7_2
	V7_2_1
)

// ParseVersion reads a specification number such as "7.2.1".
func ParseVersion(s string) (Version, error) {
	for v := V5_4_1; v <= V7_2_1; v++ {
		if v.String() == s {
			return v, nil
		}
	}
	return 0, fmt.Errorf("unknown VES version %q: known are 5.4.1, 7.0.1, 7.1.1, 7.2 and 7.2.1", s)
}

// String returns the specification number, e.g. "7.2.1".
func (v Version) String() string {
	switch v {
	case V5_4_1:
		return "5.4.1"
	case V7_0_1:
		return "7.0.1"
	case V7_1_1:
		return "7.1.1"
	case V7_2:
		return "7.2"
	case V7_2_1:
		return "7.2.1"
	}
	return "unknown"
}

// Domain is the kind of an event, as commonEventHeader.domain names it.
type Domain string

// The domains of VES 7.x.
const (
	DomainFault                  Domain = "fault"
	DomainHeartbeat              Domain = "heartbeat"
	DomainMeasurement            Domain = "measurement"
	DomainMobileFlow             Domain = "mobileFlow"
	DomainNotification           Domain = "notification"
	DomainOther                  Domain = "other"
	DomainPerf3gpp               Domain = "perf3gpp" // since 7.1.1
	DomainPNFRegistration        Domain = "pnfRegistration"
	DomainSIPSignaling           Domain = "sipSignaling"
	DomainStateChange            Domain = "stateChange"
	DomainStndDefined            Domain = "stndDefined" // since 7.2
	DomainSyslog                 Domain = "syslog"
	DomainThresholdCrossingAlert Domain = "thresholdCrossingAlert"
	DomainVoiceQuality           Domain = "voiceQuality"
)

// DomainMeasurementsForVFScaling is what 5.4.1 calls the measurement domain.
const DomainMeasurementsForVFScaling Domain = "measurementsForVfScaling"

// Kind is the shape of a field's value.
type Kind uint8

// The kinds.
const (
	KindNumber        Kind = iota + 1 // any finite number
	KindInteger                       // a number without fraction; 3.0 is refused by draft-04
	KindString                        // text
	KindEnum                          // one of Field.Enum
	KindBoolString                    // the strings "true" and "false", never a JSON boolean
	KindHashMap                       // object whose values are all strings
	KindNamedHashMaps                 // array of named hashMaps: additionalMeasurements and its like
	KindItems                         // array of objects
	KindObject                        // object with members of its own
	KindAnyObject                     // any JSON object
	KindStrings                       // array of strings
	KindIntegers                      // array of integers
	KindOneOf                         // object of exactly one of several shapes
	KindOneOfItems                    // array of such objects
	KindTuples                        // array of [string, number] arrays, 5.4.1 only
)

// String returns the kind in words, for messages.
func (k Kind) String() string {
	switch k {
	case KindNumber:
		return "number"
	case KindInteger:
		return "integer"
	case KindString:
		return "string"
	case KindEnum:
		return "enumeration"
	case KindBoolString:
		return `"true" or "false"`
	case KindHashMap:
		return "hashMap"
	case KindNamedHashMaps:
		return "array of named hashMaps"
	case KindItems:
		return "array of objects"
	case KindObject, KindAnyObject, KindOneOf:
		return "object"
	case KindStrings:
		return "array of strings"
	case KindIntegers:
		return "array of integers"
	case KindOneOfItems:
		return "array of objects"
	case KindTuples:
		return "array of pairs"
	}
	return "unknown"
}

// Unit is what a number is told in.
type Unit uint8

// The units. UnitNone fits members that have none, such as identifiers and text;
// UnitUnstated marks numbers whose unit the specification leaves open, which must never be
// converted.
const (
	UnitNone Unit = iota
	UnitSeconds
	UnitMilliseconds
	UnitMicroseconds
	UnitNanoseconds
	UnitMillisecondsPerSecond
	UnitKibibytes
	UnitKilobytes
	UnitKilobytesPerSecond
	UnitGigabytes
	UnitBytes
	UnitBytesPerSecond
	UnitPercent
	UnitPerSecond
	UnitMegabitsPerSecond
	UnitBitsPerSecond
	UnitMegahertz
	UnitCelsius
	UnitRevolutionsPerMinute
	UnitWatts
	UnitCubicFeetPerMinute
	UnitCount
	UnitUnstated
)

// String returns the unit's symbol: "s", "ms", "KiB", "GB", "%", "1/s" …; "" for UnitNone and
// UnitCount.
func (u Unit) String() string {
	switch u {
	case UnitSeconds:
		return "s"
	case UnitMilliseconds:
		return "ms"
	case UnitMicroseconds:
		return "µs"
	case UnitNanoseconds:
		return "ns"
	case UnitMillisecondsPerSecond:
		return "ms/s"
	case UnitKibibytes:
		return "KiB"
	case UnitKilobytes:
		return "kB"
	case UnitKilobytesPerSecond:
		return "kB/s"
	case UnitGigabytes:
		return "GB"
	case UnitBytes:
		return "B"
	case UnitBytesPerSecond:
		return "B/s"
	case UnitPercent:
		return "%"
	case UnitPerSecond:
		return "1/s"
	case UnitMegabitsPerSecond:
		return "Mbit/s"
	case UnitBitsPerSecond:
		return "bit/s"
	case UnitMegahertz:
		return "MHz"
	case UnitCelsius:
		return "°C"
	case UnitRevolutionsPerMinute:
		return "rpm"
	case UnitWatts:
		return "W"
	case UnitCubicFeetPerMinute:
		return "ft³/min"
	case UnitUnstated:
		return "unstated"
	}
	return ""
}
