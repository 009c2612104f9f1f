package mapping_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vesbridge/vesbridge/pkg/mapping"
)

// fakeCompiler takes any expression: its words are the metric names, a bracket makes it
// windowed, "(" at the end is an error.
type fakeCompiler struct{}

var word = regexp.MustCompile(`[a-z_]+`)

func (fakeCompiler) Compile(expr string, o mapping.CompileOptions) (*mapping.Query, error) {
	if strings.HasSuffix(expr, "(") {
		return nil, errors.New("1:1: parse error: unclosed left parenthesis")
	}
	return &mapping.Query{
		Text: expr, Labels: slices.Clone(o.By), Names: word.FindAllString(expr, -1),
		Windowed: strings.Contains(expr, "["), Freshness: o.Freshness,
	}, nil
}

// fakeQuerier answers from a table of expression → rows, per instant where the key has
// one ("expr@60" at 60 s after origin).
type fakeQuerier struct {
	mu     sync.Mutex
	origin time.Time
	rows   map[string][]mapping.Row
	errs   map[string]error
	asked  map[string]int // guarded by mu
}

func newFake(origin time.Time) *fakeQuerier {
	return &fakeQuerier{origin: origin, rows: map[string][]mapping.Row{}, errs: map[string]error{}, asked: map[string]int{}}
}

func (f *fakeQuerier) set(expr string, value float64, labels ...string) {
	f.rows[expr] = append(f.rows[expr], mapping.Row{Labels: labels, Value: value})
}

func (f *fakeQuerier) Query(_ context.Context, q *mapping.Query, at time.Time, row func(*mapping.Row)) error {
	key := fmt.Sprintf("%s@%d", q.Text, int(at.Sub(f.origin).Seconds()))
	f.mu.Lock()
	f.asked[key]++
	f.mu.Unlock()
	rows, ok := f.rows[key]
	if !ok {
		rows = f.rows[q.Text]
	}
	for _, r := range rows {
		row(&r)
	}
	return f.errs[q.Text]
}

// histogramCompiler can do native histograms too.
type histogramCompiler struct{ fakeCompiler }

func (c histogramCompiler) CompileHistogramIncrease(selector string, o mapping.CompileOptions) (*mapping.Query, error) {
	return c.Compile("native["+selector+"]", o)
}
