package app

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/vesbridge/vesbridge/pkg/outbox"
)

type metrics struct {
	reloadOK   prometheus.Gauge
	reloadTime prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	info := f.NewGaugeVec(prometheus.GaugeOpts{Name: "bridge_app_build_info", Help: "1, labelled by the version that runs."}, []string{"version"})
	info.WithLabelValues(Version()).Set(1)
	return &metrics{
		reloadOK:   f.NewGauge(prometheus.GaugeOpts{Name: "bridge_app_config_last_reload_successful", Help: "Whether the last reload of the configuration was taken."}),
		reloadTime: f.NewGauge(prometheus.GaugeOpts{Name: "bridge_app_config_last_reload_success_timestamp_seconds", Help: "When a configuration was last taken."}),
	}
}

func (m *metrics) reloaded(ok bool, at time.Time) {
	if !ok {
		m.reloadOK.Set(0)
		return
	}
	m.reloadOK.Set(1)
	m.reloadTime.Set(float64(at.Unix()))
}

// ledgerCollector tells the outbox's ledger as metrics; it reads it when scraped, so that
// the columns of one scrape balance.
type ledgerCollector struct{ box outbox.Outbox }

func ledgerDesc() *prometheus.Desc {
	return prometheus.NewDesc("bridge_outbox_events_total",
		"Events by what became of them: built = delivered + dead_lettered + expired + pending (see bridge_outbox_pending_events).",
		[]string{"destination", "domain", "fate"}, nil)
}

func pendingDesc() *prometheus.Desc {
	return prometheus.NewDesc("bridge_outbox_pending_events", "Events promised and not settled yet.", []string{"destination", "domain"}, nil)
}

// Describe implements prometheus.Collector.
func (c ledgerCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- ledgerDesc()
	ch <- pendingDesc()
}

// Collect implements prometheus.Collector.
func (c ledgerCollector) Collect(ch chan<- prometheus.Metric) {
	total, pending := ledgerDesc(), pendingDesc()
	for _, r := range c.box.Ledger() {
		for _, fate := range []struct {
			name string
			n    uint64
		}{{"built", r.Built}, {"delivered", r.Delivered}, {"dead_lettered", r.DeadLettered}, {"expired", r.Expired}} {
			ch <- prometheus.MustNewConstMetric(total, prometheus.CounterValue, float64(fate.n), r.Destination, r.Domain, fate.name)
		}
		ch <- prometheus.MustNewConstMetric(pending, prometheus.GaugeValue, float64(r.Pending), r.Destination, r.Domain)
	}
}
