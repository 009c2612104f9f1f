package listener

import (
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of the intake. Labels are bounded: reasons and codes by constants, domains by the
// schema that events passed, statuses by what the listener answers.
type metrics struct {
	requests       *prometheus.CounterVec
	duration       prometheus.Histogram
	inFlight       prometheus.Gauge
	accepted       *prometheus.CounterVec
	refused        *prometheus.CounterVec
	tolerated      *prometheus.CounterVec
	reloadFailures *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "bridge_listener_" + name, Help: help}, labels)
	}
	m := &metrics{
		requests: counter("requests_total", "Requests answered, by HTTP status.", "status"),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "bridge_listener_request_duration_seconds", Help: "From a request's header to its answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}),
		inFlight:       prometheus.NewGauge(prometheus.GaugeOpts{Name: "bridge_listener_requests_in_flight", Help: "Requests that are being read, judged or handed over."}),
		accepted:       counter("events_accepted_total", "Events that the sink took over.", "domain"),
		refused:        counter("requests_refused_total", "Requests that were not accepted, by reason.", "reason"),
		tolerated:      counter("findings_tolerated_total", "Findings in accepted events that the schema allows but receivers trip over, by code.", "code"),
		reloadFailures: counter("reload_failures_total", "Rotated files that could not be used.", "file"),
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.duration, m.inFlight, m.accepted, m.refused, m.tolerated, m.reloadFailures)
	}
	return m
}

// throttle lets one log line of a reason pass every ten seconds, with the number of those
// held back: a client that is wrong is wrong a thousand times a second.
type throttle struct {
	mu   sync.Mutex // guards last
	last map[reason]throttled
}

type throttled struct {
	at       time.Time
	withheld int
}

const logEvery = 10 * time.Second

// pass reports whether to log now, and how many lines were withheld since the last.
func (t *throttle) pass(why reason, now time.Time) (withheld int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	last, seen := t.last[why]
	if seen && now.Sub(last.at) < logEvery {
		last.withheld++
		t.last[why] = last
		return 0, false
	}
	if t.last == nil {
		t.last = make(map[reason]throttled)
	}
	t.last[why] = throttled{at: now}
	return last.withheld, true
}

// tell logs a refusal. What the client sent is in it as far as it explains the refusal,
// its credentials never.
func (l *Listener) tell(r *http.Request, v verdict, status int) {
	withheld, ok := l.logged.pass(v.reason, time.Now())
	if !ok {
		return
	}
	level := slog.LevelWarn
	if v.reason == reasonSink {
		level = slog.LevelError
	}
	attrs := []any{
		"component", "listener", "reason", string(v.reason), "status", status,
		"target", clip(r.URL.Path, 200), "client", r.RemoteAddr, "withheld", withheld,
	}
	if len(v.details) > 0 {
		attrs = append(attrs, "detail", v.details[0])
	}
	if v.err != nil {
		attrs = append(attrs, "err", v.err)
	}
	l.log.Log(r.Context(), level, "request refused", attrs...)
}
