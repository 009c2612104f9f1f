package series

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"

	"github.com/vesbridge/vesbridge/pkg/mapping"
)

// Defaults of EngineOptions.
const (
	DefaultLookbackDelta = 5 * time.Minute
	DefaultMaxSamples    = 20_000_000
	DefaultQueryTimeout  = 30 * time.Second
)

// EngineOptions configure an Engine. Zero values mean the defaults.
type EngineOptions struct {
	// Queryable is what is asked. Required.
	Queryable storage.Queryable
	// LookbackDelta is how old the last sample of a series may be to count as its
	// present value, and how far before a window `anchored` looks for its base. A series
	// that was silent for longer has no base: its first sample in the window becomes it.
	LookbackDelta time.Duration
	// MaxSamples bounds what one query may hold in memory, 16 B each.
	MaxSamples int
	// Timeout bounds one query, waiting for its turn not counted.
	Timeout time.Duration
	// Concurrency bounds how many queries run at once; the default is GOMAXPROCS.
	Concurrency int
	Logger      *slog.Logger
	Registerer  prometheus.Registerer
}

// Engine implements mapping.Querier on Prometheus' own engine. Safe for concurrent use.
type Engine struct {
	queryable storage.Queryable
	engine    *promql.Engine
	turns     chan struct{}
	logger    *slog.Logger
	metrics   *engineMetrics
	scratch   sync.Pool // of *scratch
}

var _ mapping.Querier = (*Engine)(nil)

// scratch is what one query reuses for all its rows.
type scratch struct {
	row       mapping.Row
	labels    []string
	histogram mapping.Histogram
}

// NewEngine returns an Engine. It starts no goroutines.
func NewEngine(o EngineOptions) *Engine {
	if o.LookbackDelta <= 0 {
		o.LookbackDelta = DefaultLookbackDelta
	}
	if o.MaxSamples <= 0 {
		o.MaxSamples = DefaultMaxSamples
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultQueryTimeout
	}
	if o.Concurrency <= 0 {
		o.Concurrency = runtime.GOMAXPROCS(0)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Engine{
		queryable: markedQueryable{o.Queryable},
		engine: promql.NewEngine(promql.EngineOpts{
			Logger:               o.Logger,
			MaxSamples:           o.MaxSamples,
			Timeout:              o.Timeout,
			LookbackDelta:        o.LookbackDelta,
			EnableAtModifier:     true,
			EnableNegativeOffset: true,
			// A family that is spread over many names (Envoy's dotted form) is matched by a
			// regular expression on the name; rate() of it must not fail because two names
			// would be alike once dropped. They are dropped at the end instead.
			EnableDelayedNameRemoval: true,
			Parser:                   parser.NewParser(parserOptions()),
		}),
		turns:   make(chan struct{}, o.Concurrency),
		logger:  o.Logger,
		metrics: newEngineMetrics(o.Registerer),
		scratch: sync.Pool{New: func() any { return new(scratch) }},
	}
}

// Query implements mapping.Querier. Errors are *QueryError. The expression is parsed
// again each time (about 10 µs): the engine writes into the tree it runs, so one
// tree cannot serve concurrent queries.
func (e *Engine) Query(ctx context.Context, q *mapping.Query, at time.Time, row func(*mapping.Row)) error {
	select {
	case e.turns <- struct{}{}:
		defer func() { <-e.turns }()
	case <-ctx.Done():
		return e.failed(q, ctx.Err())
	}
	start := time.Now()
	var opts promql.QueryOpts
	if q.Freshness > 0 {
		opts = promql.NewPrometheusQueryOpts(false, q.Freshness)
	}
	qry, err := e.engine.NewInstantQuery(ctx, e.queryable, opts, q.Text, at)
	if err != nil {
		return e.failed(q, err)
	}
	defer qry.Close()
	res := qry.Exec(ctx)
	e.metrics.seconds.Observe(time.Since(start).Seconds())
	if res.Err != nil {
		return e.failed(q, res.Err)
	}
	e.warn(q, res)
	n, err := e.deliver(q, res.Value, row)
	if err != nil {
		return e.failed(q, err)
	}
	e.metrics.queries.WithLabelValues("ok").Inc()
	e.metrics.rows.Add(float64(n))
	return nil
}

func (e *Engine) failed(q *mapping.Query, err error) error {
	qe := &QueryError{Class: classify(err), Query: q.Text, Err: err}
	e.metrics.queries.WithLabelValues(qe.Class.String()).Inc()
	return qe
}

// warn counts results that the engine itself doubts, such as floats mixed with
// histograms, where it leaves elements out. Its "info" notes are about naming habits
// and are not told.
func (e *Engine) warn(q *mapping.Query, res *promql.Result) {
	if len(res.Warnings) == 0 {
		return
	}
	warnings, _ := res.Warnings.AsStrings(q.Text, 1, 0)
	if len(warnings) == 0 {
		return
	}
	e.metrics.warnings.Inc()
	e.logger.Warn("query result is incomplete", "component", "series", "query", q.Text, "reason", warnings[0])
}

func (e *Engine) deliver(q *mapping.Query, v parser.Value, row func(*mapping.Row)) (int, error) {
	s := e.scratch.Get().(*scratch)
	defer e.scratch.Put(s)
	if cap(s.labels) < len(q.Labels) {
		s.labels = make([]string, len(q.Labels))
	}
	s.labels = s.labels[:len(q.Labels)]
	// Kept strings must not keep a whole result alive through the pool.
	defer clear(s.labels)
	switch v := v.(type) {
	case promql.Vector:
		for i := range v {
			for j, name := range q.Labels {
				s.labels[j] = v[i].Metric.Get(name)
			}
			s.row = mapping.Row{Labels: s.labels, Value: v[i].F}
			if v[i].H != nil {
				s.row.Value, s.row.Histogram = 0, s.buckets(v[i].H)
			}
			row(&s.row)
		}
		return len(v), nil
	case promql.Scalar:
		clear(s.labels)
		s.row = mapping.Row{Labels: s.labels, Value: v.V}
		row(&s.row)
		return 1, nil
	default:
		return 0, fmt.Errorf("result is a %s, not an instant vector", v.Type())
	}
}

// buckets tells a native histogram, exponential or with custom bounds, as plain
// buckets in ascending order. Every bucket counts as (Lower, Upper], also those that
// Prometheus closes on both sides (the zero bucket) or on the left (negative ones).
func (s *scratch) buckets(fh *histogram.FloatHistogram) *mapping.Histogram {
	h := &s.histogram
	h.Count, h.Sum, h.Buckets = fh.Count, fh.Sum, h.Buckets[:0]
	for it := fh.AllBucketIterator(); it.Next(); {
		b := it.At()
		if b.Count == 0 {
			continue
		}
		h.Buckets = append(h.Buckets, mapping.Bucket{Lower: b.Lower, Upper: b.Upper, Count: b.Count})
	}
	return h
}

// markedQueryable marks the store's own errors, which the engine passes on unmarked.
type markedQueryable struct{ storage.Queryable }

func (m markedQueryable) Querier(mint, maxt int64) (storage.Querier, error) {
	q, err := m.Queryable.Querier(mint, maxt)
	if err != nil {
		return nil, promql.ErrStorage{Err: err}
	}
	return markedQuerier{q}, nil
}

type markedQuerier struct{ storage.Querier }

func (m markedQuerier) Select(ctx context.Context, sorted bool, hints *storage.SelectHints, ms ...*labels.Matcher) storage.SeriesSet {
	return markedSet{m.Querier.Select(ctx, sorted, hints, ms...)}
}

type markedSet struct{ storage.SeriesSet }

func (m markedSet) Err() error {
	err := m.SeriesSet.Err()
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return promql.ErrStorage{Err: err}
}

// Class says what kind of failure a query met, and so whether asking again may help.
type Class int

// The classes.
const (
	ClassBadQuery       Class = iota // the expression or its data: asking again gives the same
	ClassTimeout                     // took longer than the engine's timeout or the context's deadline
	ClassCanceled                    // the caller gave up
	ClassTooManySamples              // would have exceeded MaxSamples
	ClassStorage                     // the store could not be read
)

// String is a bounded label value.
func (c Class) String() string {
	switch c {
	case ClassTimeout:
		return "timeout"
	case ClassCanceled:
		return "canceled"
	case ClassTooManySamples:
		return "too_many_samples"
	case ClassStorage:
		return "storage"
	default:
		return "bad_query"
	}
}

// QueryError is a query that gave no result.
type QueryError struct {
	Class Class
	Query string // the completed PromQL
	Err   error
}

// Error names the class and the query.
func (e *QueryError) Error() string {
	return fmt.Sprintf("querying %q: %s: %v", e.Query, e.Class, e.Err)
}

// Unwrap returns the engine's error.
func (e *QueryError) Unwrap() error { return e.Err }

func classify(err error) Class {
	if _, ok := errors.AsType[promql.ErrStorage](err); ok {
		return ClassStorage
	}
	if _, ok := errors.AsType[promql.ErrTooManySamples](err); ok {
		return ClassTooManySamples
	}
	if _, ok := errors.AsType[promql.ErrQueryTimeout](err); ok || errors.Is(err, context.DeadlineExceeded) {
		return ClassTimeout
	}
	if _, ok := errors.AsType[promql.ErrQueryCanceled](err); ok || errors.Is(err, context.Canceled) {
		return ClassCanceled
	}
	return ClassBadQuery
}
