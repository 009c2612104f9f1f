package series

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type engineMetrics struct {
	queries  *prometheus.CounterVec // result
	rows     prometheus.Counter
	warnings prometheus.Counter
	seconds  prometheus.Histogram
}

// newEngineMetrics registers with reg, or nowhere where reg is nil.
func newEngineMetrics(reg prometheus.Registerer) *engineMetrics {
	f := promauto.With(reg)
	return &engineMetrics{
		queries: f.NewCounterVec(prometheus.CounterOpts{
			Name: "bridge_series_queries_total",
			Help: "PromQL queries by result: ok, bad_query, timeout, canceled, too_many_samples, storage.",
		}, []string{"result"}),
		rows: f.NewCounter(prometheus.CounterOpts{
			Name: "bridge_series_query_rows_total",
			Help: "Elements of all query results.",
		}),
		warnings: f.NewCounter(prometheus.CounterOpts{
			Name: "bridge_series_query_warnings_total",
			Help: "Queries from whose result the engine left elements out, as with floats mixed with histograms.",
		}),
		seconds: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "bridge_series_query_duration_seconds",
			Help:    "Time one query took in the engine, waiting for its turn not counted.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 9),
		}),
	}
}

type storeMetrics struct {
	discarded prometheus.Counter
	retention prometheus.Gauge
}

// newStoreMetrics registers with reg, or nowhere where reg is nil.
func newStoreMetrics(reg prometheus.Registerer) *storeMetrics {
	f := promauto.With(reg)
	return &storeMetrics{
		discarded: f.NewCounter(prometheus.CounterOpts{
			Name: "bridge_series_store_discarded_total",
			Help: "Stores that could not be read and were moved aside; windows began anew.",
		}),
		retention: f.NewGauge(prometheus.GaugeOpts{
			Name: "bridge_series_store_retention_seconds",
			Help: "How long samples are kept: the configured time, or what the longest expression in use needs.",
		}),
	}
}
