package dmaap

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics of all senders of a process. Labels are bounded: destinations by the
// configuration, classes and reasons by constants, domains by VES.
type Metrics struct {
	published    *prometheus.CounterVec
	retries      *prometheus.CounterVec
	deadLettered *prometheus.CounterVec
	batchSize    *prometheus.HistogramVec
	duration     *prometheus.HistogramVec
	ready        *prometheus.GaugeVec
	failing      *prometheus.GaugeVec
	lastSuccess  *prometheus.GaugeVec
}

// NewMetrics makes the metrics and registers them with reg, which may be nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "bridge_dmaap_" + name, Help: help}, labels)
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "bridge_dmaap_" + name, Help: help}, []string{"destination"})
	}
	m := &Metrics{
		published:    counter("events_published_total", "Events that the destination accepted.", "destination", "domain"),
		retries:      counter("publish_failures_total", "Failed calls to the destination, by error class and reason.", "destination", "class", "reason"),
		deadLettered: counter("events_dead_lettered_total", "Events that the destination refused for good.", "destination", "reason"),
		batchSize: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bridge_dmaap_publish_batch_events", Help: "Events in one call to the destination.",
			Buckets: []float64{1, 10, 100, 1000, 10000},
		}, []string{"destination"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bridge_dmaap_publish_duration_seconds", Help: "Time of one call to the destination, by outcome.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 25, 60},
		}, []string{"destination", "outcome"}),
		ready:       gauge("destination_ready", "0 while the destination refuses everything until a configuration is changed, else 1."),
		failing:     gauge("destination_failing", "1 while the last call to the destination failed, else 0."),
		lastSuccess: gauge("last_success_timestamp_seconds", "When the destination last accepted an event, in seconds since 1970."),
	}
	if reg != nil {
		reg.MustRegister(m.published, m.retries, m.deadLettered, m.batchSize, m.duration, m.ready, m.failing, m.lastSuccess)
	}
	return m
}

// Forget drops the series of a destination that a reload took away.
func (m *Metrics) Forget(destination string) {
	l := prometheus.Labels{"destination": destination}
	m.published.DeletePartialMatch(l)
	m.retries.DeletePartialMatch(l)
	m.deadLettered.DeletePartialMatch(l)
	m.batchSize.DeletePartialMatch(l)
	m.duration.DeletePartialMatch(l)
	m.ready.DeletePartialMatch(l)
	m.failing.DeletePartialMatch(l)
	m.lastSuccess.DeletePartialMatch(l)
}

func (m *Metrics) call(destination string, events int, took time.Duration, err error) {
	outcome := "ok"
	if err != nil {
		outcome = "error"
	}
	m.batchSize.WithLabelValues(destination).Observe(float64(events))
	m.duration.WithLabelValues(destination, outcome).Observe(took.Seconds())
}
