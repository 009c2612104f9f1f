package outbox

import "strings"

var laneNames = [NumLanes]string{"fault", "heartbeat", "notification", "measurement"}

func (l Lane) String() string { return laneNames[l] }

// LaneOf is the lane of a VES domain. All severities of a domain share a lane: were
// clears or warnings elsewhere, a clear could overtake its raise.
//
// What VNFRQTS R-658596 allows to drop first (bulk data that comes again with the next
// interval) is in the last lane; an unknown domain is treated as a notification.
func LaneOf(domain, _ string) Lane {
	switch domain {
	case "fault", "thresholdCrossingAlert":
		return LaneFault
	case "heartbeat":
		return LaneHeartbeat
	case "measurement", "measurementsForVfScaling", "perf3gpp", "mobileFlow", "voiceQuality", "sipSignaling":
		return LaneMeasurement
	default:
		return LaneNotification
	}
}

// laneOfNamespace is the lane of a stndDefined event (VES 7.2 §stndDefined): 3GPP puts
// alarms, heartbeats and performance data into one VES domain.
func laneOfNamespace(namespace string) Lane {
	switch {
	case strings.HasSuffix(namespace, "FaultSupervision"):
		return LaneFault
	case strings.HasSuffix(namespace, "Heartbeat"):
		return LaneHeartbeat
	case strings.HasSuffix(namespace, "PerformanceAssurance"):
		return LaneMeasurement
	default:
		return LaneNotification
	}
}
