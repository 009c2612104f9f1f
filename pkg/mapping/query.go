package mapping

import (
	"context"
	"time"
)

// Query is one compiled PromQL expression. It is immutable after Compile and safe for
// concurrent use.
type Query struct {
	// Text is the completed PromQL: placeholders replaced by durations, grouping
	// labels added.
	Text string
	// Labels are the labels that a Row of its result carries, in this order.
	Labels []string
	// Names are the metric names that the expression can touch, sorted; what
	// selection pushdown keeps.
	Names []string
	// Matchers are the series selectors of the expression that have no exact metric
	// name (a regular expression or none at all), in PromQL, sorted: what the expression
	// can touch beyond Names. Empty in nearly every mapping.
	Matchers []string
	// Reach is how far before the evaluation time the expression can read, subqueries
	// and offsets included, Lookback left out. The store keeps at least this much.
	Reach time.Duration
	// Windowed says that the expression looks back over a range, so that its result is
	// only whole where its entity was there for the whole window.
	Windowed bool
	// Freshness is how old a sample an instant selector may still take; 0 is the
	// Querier's own default. A presence query uses a short one, so that an entity which
	// was not scraped lately counts as absent instead of unchanged.
	Freshness time.Duration
}

// CompileOptions say how a mapping's expression is to be completed.
type CompileOptions struct {
	// By are the labels that every aggregation in the expression must keep. They become
	// Query.Labels, in this order.
	By []string
	// Interval replaces $interval, Scrape replaces $scrape. Whole milliseconds, > 0.
	Interval, Scrape time.Duration
	// Freshness becomes Query.Freshness.
	Freshness time.Duration
}

// Compiler checks and completes PromQL at load. Safe for concurrent use.
type Compiler interface {
	// Compile parses expr with the extended range selectors on. An error says what is
	// wrong and at which column of expr.
	Compile(expr string, o CompileOptions) (*Query, error)
}

// HistogramCompiler is a Compiler that can also tell the exact increase of native
// histograms over one interval, which `increase` with `anchored` refuses.
type HistogramCompiler interface {
	Compiler
	// CompileHistogramIncrease compiles a plain selector of native histograms; rows of
	// the query carry Row.Histogram: what was observed in ($interval before the instant,
	// the instant].
	CompileHistogramIncrease(selector string, o CompileOptions) (*Query, error)
}

// Row is one element of an instant vector.
type Row struct {
	// Labels are the values of Query.Labels, in that order; "" where a label is absent.
	// Owned by the Result.
	Labels []string
	// Value is the sample; unset where Histogram is not nil. It may be NaN or infinite.
	Value float64
	// Histogram is a native histogram's buckets, or nil.
	Histogram *Histogram
}

// Histogram is a native histogram told as plain buckets, ascending, not cumulative,
// empty buckets left out.
type Histogram struct {
	Count, Sum float64
	Buckets    []Bucket
}

// Bucket counts observations in (Lower, Upper], in the series' own unit.
type Bucket struct{ Lower, Upper, Count float64 }

// Querier runs compiled queries. Safe for concurrent use.
type Querier interface {
	// Query evaluates q at one instant (exactly, no rounding) and calls row once per
	// element of the result, in no defined order, from the calling goroutine. The Row and
	// all it points to are valid only during the call, except that the strings are
	// immutable and may be kept. An error may come after some rows were delivered; the
	// caller then discards them.
	Query(ctx context.Context, q *Query, at time.Time, row func(*Row)) error
}
