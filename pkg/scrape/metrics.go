package scrape

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// newLivesMetrics registers with reg, or nowhere where reg is nil.
func newLivesMetrics(reg prometheus.Registerer) *livesMetrics {
	f := promauto.With(reg)
	return &livesMetrics{
		births: f.NewCounter(prometheus.CounterOpts{
			Name: "bridge_scrape_births_total",
			Help: "Series that began at zero since the previous look at their target.",
		}),
		restarts: f.NewCounter(prometheus.CounterOpts{
			Name: "bridge_scrape_restarts_total",
			Help: "Restarts of a target's process, told by its start time or uptime.",
		}),
		zeros: f.NewCounterVec(prometheus.CounterOpts{
			Name: "bridge_scrape_zero_samples_total",
			Help: "Samples written to tell where a counter began, by reason: birth, restart, created, first_sight, returned.",
		}, []string{"reason"}),
		returns: f.NewCounterVec(prometheus.CounterOpts{
			Name: "bridge_scrape_returns_total",
			Help: "Series that were missing from whole scrapes and came back: born anew (base zero) or taken to have gone on (base kept), where up to the old value may be missing.",
		}, []string{"base"}),
		partial: f.NewCounter(prometheus.CounterOpts{
			Name: "bridge_scrape_partial_total",
			Help: "Successful scrapes that showed nothing of what the target showed before; no series is taken as born or gone by them.",
		}),
		rejected: f.NewCounterVec(prometheus.CounterOpts{
			Name: "bridge_scrape_rejected_samples_total",
			Help: "Samples that the store refused, by reason: out_of_order, duplicate, out_of_bounds, zero_sample.",
		}, []string{"reason"}),
		targets: f.NewGauge(prometheus.GaugeOpts{
			Name: "bridge_scrape_target_states",
			Help: "Targets whose counters' lives are known.",
		}),
	}
}
