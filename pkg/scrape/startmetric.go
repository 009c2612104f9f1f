package scrape

import "strings"

// StartMetric names a metric by which a process tells when it started. Such metrics are
// what tells a restart from a counter that merely stands still, so selection must
// always keep them.
type StartMetric struct {
	Name string
	// Uptime says that the value is the seconds since the start; otherwise it is the
	// Unix time of the start in seconds.
	Uptime bool
	// Prefixes of the metric names whose counters live with that process. Empty for the
	// generic metrics of client libraries, which speak for every series of the target
	// that no other start metric of the target speaks for.
	Prefixes []string
	// Except are prefixes taken out of Prefixes.
	Except []string
}

// DefaultStartMetrics are the start metrics of the planes that ship with a profile and
// of the common client libraries.
func DefaultStartMetrics() []StartMetric {
	return []StartMetric{
		// Istio's own metrics (istio_requests_total …) are counted inside Envoy; those of
		// the agent, merged into the same exposition, are not.
		{Name: "envoy_server_uptime", Uptime: true, Prefixes: []string{"envoy_", "istio_"}, Except: []string{"istio_agent_"}},
		{Name: "haproxy_process_start_time_seconds", Prefixes: []string{"haproxy_"}},
		{Name: "node_boot_time_seconds", Prefixes: []string{"node_"}},
		{Name: "process_start_time_seconds"},
		{Name: "process_uptime_seconds", Uptime: true},
		{Name: "jvm_uptime_seconds", Uptime: true},
	}
}

func (m *StartMetric) generic() bool { return len(m.Prefixes) == 0 }

// speaksFor reports whether a series' counts live with the process that m tells of.
func (m *StartMetric) speaksFor(name string) bool {
	has := func(prefixes []string) bool {
		for _, p := range prefixes {
			if strings.HasPrefix(name, p) {
				return true
			}
		}
		return false
	}
	return has(m.Prefixes) && !has(m.Except)
}

// Tolerances of restart detection, in milliseconds.
const (
	// startJitter is how far a start time may move without a restart: whole seconds, and
	// the kernel's boot time, which follows clock corrections.
	startJitter = 2_000
	// startSkew is how far a target's clock may be behind ours. A start time before the
	// previous scrape by more than this is a stepped clock, not a restart, unless
	// the counters fell too.
	startSkew = 60_000
)

// start is what one start metric of one target said.
type start struct {
	metric *StartMetric
	value  float64 // seconds
	at     int64   // scrape it is from, Unix ms
}

// time returns the start in Unix ms.
func (s start) time() int64 {
	if s.metric.Uptime {
		return s.at - int64(s.value*1000)
	}
	return int64(s.value * 1000)
}

// restarted reports whether now is another life than before. fell says that most of the
// target's counters are lower than they were.
//
// An uptime that is less than it was is a restart. An uptime that grew, but by less than
// the time that went by, is one only if the counters fell: a slow answer looks alike. A
// start time that moved on is one if it lies after the previous scrape, or if the
// counters fell: a corrected clock moves it too.
func restarted(before, now start, fell bool) bool {
	if before.metric.Uptime {
		if now.value < before.value {
			return true
		}
		passed := float64(now.at-before.at) / 1000
		return fell && now.value < before.value+passed-startJitter/1000
	}
	if now.time() <= before.time()+startJitter {
		return false
	}
	return fell || now.time() > before.at-startSkew
}
