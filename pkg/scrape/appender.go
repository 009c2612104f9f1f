package scrape

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
)

// sample is one buffered Append.
type sample struct {
	entry int32 // index into life.entries, or -1 where there is no life
	lset  labels.Labels
	st, t int64
	v     float64
	h     *histogram.Histogram
	fh    *histogram.FloatHistogram

	exemplars     []exemplar.Exemplar
	report, stale bool
	inOrder       bool // AOptions.RejectOutOfOrder
	// Filled in by decide: a sample of base at baseT goes before this one.
	based  bool
	baseT  int64
	base   float64 // 0, or what the series had
	reason string
}

// appender holds one scrape of one target back until Commit, since what says that the
// process restarted may come after its counters.
type appender struct {
	lives *lives
	ctx   context.Context
	id    identity

	life *life // locked from the first sample to the end; nil before, and where births are paused
	any  bool  // a sample was appended
	buf  *[]sample
}

// maxPooled is the largest buffer kept for reuse, in samples of about 160 B.
const maxPooled = 1 << 16

// Append buffers. What the store refuses shows at Commit; only a sample older than the
// series' last is refused here.
func (a *appender) Append(ref storage.SeriesRef, lset labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts storage.AOptions) (storage.SeriesRef, error) {
	if !a.any {
		a.any = true
		a.buf = a.lives.buffers.Get().(*[]sample)
		if a.life = a.lives.life(a.id, t); a.life != nil {
			a.life.mu.Lock()
		}
	}
	if ref == 0 {
		ref = refOf(lset)
	}
	s := sample{
		entry: -1, lset: lset, st: st, t: t, v: v, h: h, fh: fh, inOrder: opts.RejectOutOfOrder,
		stale: h == nil && fh == nil && value.IsStaleNaN(v),
		// Prometheus marks the samples it makes itself by a byte that no name can have.
		report: strings.HasSuffix(opts.MetricFamilyName, "\xff"),
		// The slice is the caller's.
		exemplars: slices.Clone(opts.Exemplars),
	}
	if a.life != nil {
		i, e := a.life.find(ref, lset, opts.Metadata.Type, h != nil || fh != nil)
		if t < e.t {
			return 0, storage.ErrOutOfOrderSample
		}
		s.entry = i
	}
	*a.buf = append(*a.buf, s)
	return ref, nil
}

// Rollback drops what was buffered.
func (a *appender) Rollback() error {
	a.end()
	return nil
}

func (a *appender) end() {
	if a.life != nil {
		a.life.mu.Unlock()
		a.life = nil
	}
	if a.buf != nil {
		clear(*a.buf)
		if cap(*a.buf) <= maxPooled {
			*a.buf = (*a.buf)[:0]
			a.lives.buffers.Put(a.buf)
		}
		a.buf = nil
	}
}

// Commit decides on births and restarts and writes everything, in order, in one
// transaction of the store.
func (a *appender) Commit() error {
	if !a.any {
		return nil
	}
	defer a.end()
	at, success := a.outcome()
	if a.life != nil && a.life.dropped.Load() {
		a.detach()
	}
	var d decision
	if a.life != nil && success {
		d = a.life.decide(*a.buf, at)
	}
	err := a.write()
	if a.life != nil {
		if err == nil {
			a.life.settle(*a.buf, at, success, d)
		}
		a.lives.sweep(at)
	}
	return err
}

// detach turns to passing samples on, when the target's state was forgotten meanwhile.
func (a *appender) detach() {
	for i := range *a.buf {
		s := &(*a.buf)[i]
		s.entry = -1
	}
	a.life.mu.Unlock()
	a.life = nil
}

// outcome finds the scrape's time and whether it succeeded, in Prometheus' own report.
func (a *appender) outcome() (at int64, success bool) {
	at = math.MinInt64
	for i := len(*a.buf) - 1; i >= 0; i-- {
		s := &(*a.buf)[i]
		if s.report && s.lset.Get(labels.MetricName) == "up" {
			return s.t, s.v == 1
		}
		at = max(at, s.t)
	}
	return at, false
}

// write hands everything to the store. What the store refuses of single samples is
// counted and left out, as Prometheus does; any other error undoes the scrape.
func (a *appender) write() error {
	app := a.lives.next.AppenderV2(a.ctx)
	refused := 0
	for i := range *a.buf {
		s := &(*a.buf)[i]
		ref := storage.SeriesRef(0)
		if s.entry >= 0 {
			ref = a.life.entries[s.entry].ref
		}
		if s.based {
			h, fh := zeroOf(s.h, s.fh)
			got, err := app.Append(ref, s.lset, 0, s.baseT, s.base, h, fh, storage.AOptions{RejectOutOfOrder: true})
			switch refusal(err) {
			case "":
				if err != nil {
					return errors.Join(err, app.Rollback())
				}
				ref = got
				a.lives.metrics.zeros.WithLabelValues(s.reason).Inc()
			default:
				s.based = false
				a.lives.metrics.rejected.WithLabelValues("zero_sample").Inc()
			}
		}
		// The start timestamp went in as a sample of its own, where it was usable.
		ref, err := app.Append(ref, s.lset, 0, s.t, s.v, s.h, s.fh, storage.AOptions{RejectOutOfOrder: s.inOrder, Exemplars: s.exemplars})
		if _, partial := errors.AsType[*storage.AppendPartialError](err); partial {
			err = nil // an exemplar; the sample is in
		}
		if reason := refusal(err); reason != "" {
			if !s.stale && !s.report {
				refused++
				a.lives.metrics.rejected.WithLabelValues(reason).Inc()
			}
			s.t = math.MinInt64 // tells settle that it is not there
			continue
		}
		if err != nil {
			return errors.Join(err, app.Rollback())
		}
		if s.entry >= 0 {
			a.life.entries[s.entry].ref = ref
		}
	}
	if refused > 0 {
		a.lives.logger.Warn("store refused samples of a scrape", "component", "scrape", "target", a.id.job, "refused", refused)
	}
	return app.Commit()
}

// refusal names the store's reason for refusing one sample, "" for none of those.
func refusal(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, storage.ErrOutOfOrderSample), errors.Is(err, storage.ErrTooOldSample):
		return "out_of_order"
	case errors.Is(err, storage.ErrDuplicateSampleForTimestamp):
		return "duplicate"
	case errors.Is(err, storage.ErrOutOfBounds):
		return "out_of_bounds"
	default:
		return ""
	}
}
