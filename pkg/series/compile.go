package series

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/vesbridge/vesbridge/pkg/mapping"
)

// parserOptions is the dialect of every expression in the bridge: Prometheus' own,
// with `anchored`, experimental functions and arithmetic on durations.
func parserOptions() parser.Options {
	return parser.Options{
		EnableExperimentalFunctions:  true,
		ExperimentalDurationExpr:     true,
		EnableExtendedRangeSelectors: true,
	}
}

// Compiler implements mapping.HistogramCompiler. Make one with NewCompiler. Safe for
// concurrent use.
//
// # What is completed
//
// The By labels are added to every aggregation that would drop them, also inside
// subqueries and arguments, removed from `without` lists, added to `on` lists and
// removed from `ignoring` and group_left/group_right lists. So a number of one entity
// cannot be added to, or matched with, a number of another: the expression means, for
// each entity, what it would mean if that entity were alone.
//
// # What is refused
//
// With By labels, functions whose result has lost the labels are errors, since their
// one number would be told of every entity or of none: absent(), absent_over_time(),
// scalar() of anything measured, and vector() unless it is the whole expression.
// count_values() onto a By label is one too. A constant (a number, time()) is a valid
// expression: its one Row has only empty labels.
type Compiler struct{ parser parser.Parser }

var _ mapping.HistogramCompiler = (*Compiler)(nil)

// NewCompiler returns a Compiler.
func NewCompiler() *Compiler { return &Compiler{parser: parser.NewParser(parserOptions())} }

// Compile implements mapping.Compiler. Errors about the expression are *ExprError, one
// or several joined.
func (c *Compiler) Compile(expr string, o mapping.CompileOptions) (*mapping.Query, error) {
	s, err := substitute(expr, o)
	if err != nil {
		return nil, err
	}
	tree, err := c.parser.ParseExpr(s.text)
	if err != nil {
		return nil, parseError(s, err)
	}
	switch tree.Type() {
	case parser.ValueTypeVector, parser.ValueTypeScalar:
	default:
		return nil, s.errorAt(int(tree.PositionRange().Start),
			fmt.Sprintf("the result is a %s, a field needs an instant vector", parser.DocumentedType(tree.Type())))
	}
	w := walker{src: s, by: o.By, root: unparen(tree), names: map[string]bool{}, matchers: map[string]bool{}}
	w.walk(tree, nil)
	if len(w.errs) > 0 {
		return nil, errors.Join(w.errs...)
	}
	text := tree.String()
	if tree.Type() == parser.ValueTypeScalar {
		text = "vector(" + text + ")"
	}
	// The printer is Prometheus' own; that it prints what it will read again is checked
	// here, since the engine only ever sees the printed form.
	if _, err := c.parser.ParseExpr(text); err != nil {
		return nil, fmt.Errorf("parsing the completed expression %q: %w", text, err)
	}
	return &mapping.Query{
		Text:      text,
		Labels:    slices.Clone(o.By),
		Names:     slices.Sorted(maps.Keys(w.names)),
		Matchers:  slices.Sorted(maps.Keys(w.matchers)),
		Windowed:  w.windowed,
		Reach:     w.reach,
		Freshness: o.Freshness,
	}, nil
}

// CompileHistogramIncrease returns the query for the exact increase of a native
// histogram over o.Interval: per series the last sample at or before the window's end
// less the last at or before its start, resets added back, summed per By. Its rows
// carry a Histogram. selector is a plain series selector, as `name{label="x"}`.
//
// In this engine `increase(native[w] anchored)` is exactly that; only a bare
// `native[w] anchored` outside a function is refused ("anchored modifier is not
// supported with histograms"), so the form is fixed here rather than left to mappings.
func (c *Compiler) CompileHistogramIncrease(selector string, o mapping.CompileOptions) (*mapping.Query, error) {
	if _, err := c.parser.ParseMetricSelector(selector); err != nil {
		return nil, parseError(&substitution{user: selector, text: selector}, err)
	}
	return c.Compile("sum(increase("+selector+"[$interval] anchored))", o)
}

func parseError(s *substitution, err error) error {
	list, ok := errors.AsType[parser.ParseErrors](err)
	if !ok || len(list) == 0 {
		return s.errorAtUser(0, err.Error())
	}
	// Only the first is told: those after it are nearly always its echo.
	return s.errorAt(int(list[0].PositionRange.Start), list[0].Err.Error())
}

func unparen(e parser.Expr) parser.Expr {
	for {
		p, ok := e.(*parser.ParenExpr)
		if !ok {
			return e
		}
		e = p.Expr
	}
}

// walker completes a tree in place and gathers what it touches.
type walker struct {
	src  *substitution
	by   []string
	root parser.Expr
	errs []error

	names    map[string]bool
	matchers map[string]bool
	windowed bool
	reach    time.Duration
}

func (w *walker) walk(n parser.Node, path []parser.Node) {
	switch n := n.(type) {
	case *parser.AggregateExpr:
		w.aggregation(n)
	case *parser.BinaryExpr:
		w.matching(n.VectorMatching)
	case *parser.Call:
		w.call(n)
	case *parser.VectorSelector:
		w.selector(n, path)
	case *parser.MatrixSelector, *parser.SubqueryExpr:
		w.windowed = true
	}
	path = append(path, n)
	for child := range parser.ChildrenIter(n) {
		w.walk(child, path)
	}
}

func (w *walker) fail(n parser.Node, format string, args ...any) {
	w.errs = append(w.errs, w.src.errorAt(int(n.PositionRange().Start), fmt.Sprintf(format, args...)))
}

func (w *walker) isBy(label string) bool { return slices.Contains(w.by, label) }

func (w *walker) aggregation(n *parser.AggregateExpr) {
	if n.Without {
		n.Grouping = slices.DeleteFunc(n.Grouping, w.isBy)
	} else {
		n.Grouping = withLabels(n.Grouping, w.by)
	}
	if n.Op == parser.COUNT_VALUES {
		if s, ok := unparen(n.Param).(*parser.StringLiteral); ok && w.isBy(s.Val) {
			w.fail(n, "count_values writes over the entity label %q", s.Val)
		}
	}
}

func (w *walker) matching(m *parser.VectorMatching) {
	if m == nil {
		return
	}
	if m.On {
		m.MatchingLabels = withLabels(m.MatchingLabels, w.by)
	} else {
		m.MatchingLabels = slices.DeleteFunc(m.MatchingLabels, w.isBy)
	}
	// Both sides agree on the By labels now, so copying one is no change, and a label in
	// both lists is an error to the engine.
	m.Include = slices.DeleteFunc(m.Include, w.isBy)
}

// withLabels appends those of by that list lacks, in order.
func withLabels(list, by []string) []string {
	for _, l := range by {
		if !slices.Contains(list, l) {
			list = append(list, l)
		}
	}
	return list
}

func (w *walker) call(n *parser.Call) {
	for _, arg := range n.Args {
		if m, ok := unparen(arg).(*parser.MatrixSelector); ok {
			w.modifier(n, m)
		}
	}
	if len(w.by) == 0 {
		return
	}
	switch n.Func.Name {
	case "absent", "absent_over_time":
		w.fail(n, "%s() has no entity labels, so its result belongs to no entity: use `present`, or `A unless B`", n.Func.Name)
	case "scalar":
		if measured(n) {
			w.fail(n, "scalar() drops the entity labels, so one number would be told of every entity: leave scalar() out")
		}
	case "vector":
		if w.root != parser.Expr(n) {
			w.fail(n, "vector() has no entity labels, so its result belongs to no entity: write the plain number")
		}
	}
}

// modifier checks what the engine would only say when the query runs.
func (w *walker) modifier(n *parser.Call, m *parser.MatrixSelector) {
	vs, ok := m.VectorSelector.(*parser.VectorSelector)
	if !ok {
		return
	}
	safe, name := promql.AnchoredSafeFunctions, "anchored"
	if vs.Smoothed {
		safe, name = promql.SmoothedSafeFunctions, "smoothed"
	} else if !vs.Anchored {
		return
	}
	if _, ok := safe[n.Func.Name]; !ok {
		w.fail(n, "%s goes with %s, not with %s", name, strings.Join(slices.Sorted(maps.Keys(safe)), ", "), n.Func.Name)
	}
}

// measured reports whether n reads any series.
func measured(n parser.Node) bool {
	found := false
	parser.Inspect(n, func(n parser.Node, _ []parser.Node) error {
		if _, ok := n.(*parser.VectorSelector); ok {
			found = true
		}
		return nil
	})
	return found
}

func (w *walker) selector(n *parser.VectorSelector, path []parser.Node) {
	w.reach = max(w.reach, reach(n, path))
	exact := false
	for _, m := range n.LabelMatchers {
		if m.Name != labels.MetricName {
			continue
		}
		switch {
		case m.Type == labels.MatchEqual && m.Value != "":
			exact = true
			w.names[m.Value] = true
		case m.Type == labels.MatchRegexp && len(m.SetMatches()) > 0:
			exact = true
			for _, v := range m.SetMatches() {
				w.names[v] = true
			}
		}
	}
	if !exact {
		w.matchers[(&parser.VectorSelector{LabelMatchers: n.LabelMatchers}).String()] = true
	}
}

// reach adds up the ranges and offsets between the root and a selector. An `@`
// points at an absolute time, which no retention can promise; it counts as nothing.
func reach(n *parser.VectorSelector, path []parser.Node) time.Duration {
	d := n.OriginalOffset + rangeOf(n.OriginalOffsetExpr)
	for _, p := range path {
		switch p := p.(type) {
		case *parser.MatrixSelector:
			d += p.Range + rangeOf(p.RangeExpr)
		case *parser.SubqueryExpr:
			d += p.Range + rangeOf(p.RangeExpr) + p.OriginalOffset + rangeOf(p.OriginalOffsetExpr)
		}
	}
	return max(d, 0)
}

// rangeOf evaluates duration arithmetic for an upper bound of how far it reaches.
// Forms that depend on the query's own step or range are nothing in an instant query.
func rangeOf(e *parser.DurationExpr) time.Duration {
	if e == nil {
		return 0
	}
	seconds := durationValue(e)
	return time.Duration(seconds * float64(time.Second))
}

func durationValue(e parser.Expr) float64 {
	switch e := e.(type) {
	case *parser.NumberLiteral:
		return e.Val
	case *parser.ParenExpr:
		return durationValue(e.Expr)
	case *parser.DurationExpr:
		var l, r float64
		if e.LHS != nil {
			l = durationValue(e.LHS)
		}
		if e.RHS != nil {
			r = durationValue(e.RHS)
		}
		switch e.Op {
		case parser.ADD:
			return l + r
		case parser.SUB:
			return l - r
		case parser.MUL:
			return l * r
		case parser.DIV:
			if r == 0 {
				return 0
			}
			return l / r
		case parser.MIN_OF:
			return min(l, r)
		case parser.MAX_OF:
			return max(l, r)
		case parser.POW:
			return math.Pow(l, r)
		case parser.MOD:
			return max(l, r)
		}
	}
	return 0
}
