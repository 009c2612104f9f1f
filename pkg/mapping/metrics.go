package mapping

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	windows     *prometheus.CounterVec // outcome
	missed      *prometheus.CounterVec // kind
	seconds     prometheus.Histogram
	events      *prometheus.CounterVec // mapping-independent: domain
	dropped     *prometheus.CounterVec // reason
	filled      *prometheus.CounterVec // mapping
	leftOut     *prometheus.CounterVec // mapping, field, reason
	queryErrors *prometheus.CounterVec // mapping, field
	entities    *prometheus.GaugeVec   // mapping
	gone        *prometheus.CounterVec // mapping
	overLimit   *prometheus.GaugeVec   // mapping
	byDefault   *prometheus.GaugeVec   // mapping
	conflicts   *prometheus.GaugeVec   // mapping
	sinkErrors  prometheus.Counter
	clockSteps  prometheus.Counter
	lastWindow  prometheus.Gauge
}

// newMetrics makes the package's metrics; reg may be nil.
func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "bridge_mapping_" + name, Help: help}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "bridge_mapping_" + name, Help: help}, labels)
	}
	m := &metrics{
		windows:     counter("windows_total", "Windows evaluated, by kind.", "kind"),
		missed:      counter("windows_missed_total", "Windows of which nothing could be told: the bridge was down, suspended or the clock jumped.", "kind"),
		seconds:     prometheus.NewHistogram(prometheus.HistogramOpts{Name: "bridge_mapping_evaluation_seconds", Help: "Time to evaluate one window.", Buckets: prometheus.ExponentialBuckets(0.005, 2, 14)}),
		events:      counter("events_built_total", "Events built and handed on, by domain.", "domain"),
		dropped:     counter("events_dropped_total", "Events built and not handed on, by reason.", "reason"),
		filled:      counter("fields_filled_total", "Fields filled, over all entities and items.", "mapping"),
		leftOut:     counter("fields_left_out_total", "Fields left out, by reason.", "mapping", "field", "reason"),
		queryErrors: counter("query_errors_total", "Queries that failed; each costs its field for the window.", "mapping", "field"),
		entities:    gauge("entities", "Entities present at the end of the last window.", "mapping"),
		gone:        counter("entities_gone_total", "Entities that were there when a window began and not when it ended; nothing is told of them.", "mapping"),
		overLimit:   gauge("entities_over_limit", "Entities left out of the last window by limits.entities.", "mapping"),
		byDefault:   gauge("entities_by_default", "Entities whose sourceName came from no identity entry.", "mapping"),
		conflicts:   gauge("identity_conflicts", "Entities that two identity entries of one priority tell of.", "mapping"),
		sinkErrors:  prometheus.NewCounter(prometheus.CounterOpts{Name: "bridge_mapping_sink_errors_total", Help: "Attempts to hand events on that failed and were repeated."}),
		clockSteps:  prometheus.NewCounter(prometheus.CounterOpts{Name: "bridge_mapping_clock_steps_total", Help: "Times that the wall clock was set back."}),
		lastWindow:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "bridge_mapping_last_window_end_timestamp_seconds", Help: "End of the last measurement window evaluated."}),
	}
	// From 0 on, so that increase() sees the first of them too.
	m.missed.WithLabelValues("measurement")
	m.missed.WithLabelValues("heartbeat")
	m.dropped.WithLabelValues("invalid")
	m.dropped.WithLabelValues("sink")
	if reg != nil {
		reg.MustRegister(m.gone, m.overLimit, m.windows, m.missed, m.seconds, m.events, m.dropped, m.filled, m.leftOut, m.queryErrors,
			m.entities, m.byDefault, m.conflicts, m.sinkErrors, m.clockSteps, m.lastWindow)
	}
	return m
}

// observe counts a report.
func (m *metrics) observe(r *Report) {
	m.windows.WithLabelValues("measurement").Inc()
	m.seconds.Observe(r.Duration.Seconds())
	m.lastWindow.Set(float64(r.Window.End.UnixMilli()) / 1000)
	if r.Invalid > 0 {
		m.dropped.WithLabelValues("invalid").Add(float64(r.Invalid))
	}
	for i := range r.Mappings {
		p := &r.Mappings[i]
		if p.Err != nil {
			m.queryErrors.WithLabelValues(p.Mapping, "present").Inc()
		}
		m.entities.WithLabelValues(p.Mapping).Set(float64(p.Entities))
		m.gone.WithLabelValues(p.Mapping).Add(float64(p.Gone))
		m.overLimit.WithLabelValues(p.Mapping).Set(float64(p.OverLimit))
		m.byDefault.WithLabelValues(p.Mapping).Set(float64(p.ByDefault))
		m.conflicts.WithLabelValues(p.Mapping).Set(float64(p.Conflicts))
		var filled uint64
		for k := range p.Fields {
			f := &p.Fields[k]
			filled += f.Filled
			if f.Err != nil {
				m.queryErrors.WithLabelValues(p.Mapping, f.Field).Inc()
			}
			for _, l := range f.LeftOut {
				m.leftOut.WithLabelValues(p.Mapping, f.Field, l.Reason.String()).Add(float64(l.Count))
			}
		}
		m.filled.WithLabelValues(p.Mapping).Add(float64(filled))
	}
}
