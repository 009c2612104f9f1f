package series_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/mapping"
	"github.com/vesbridge/vesbridge/pkg/series"
)

func TestCompileCompletes(t *testing.T) {
	t.Parallel()
	by := []string{"namespace", "pod"}
	for _, tc := range []struct{ name, expr, want string }{
		{"no aggregation", `up`, `up`},
		{"plain sum", `sum(up)`, `sum by (namespace, pod) (up)`},
		{"own list first", `sum by (le) (up)`, `sum by (le, namespace, pod) (up)`},
		{"already there", `sum by (pod, namespace) (up)`, `sum by (pod, namespace) (up)`},
		{"without", `sum without (pod, le) (up)`, `sum without (le) (up)`},
		{"without all", `sum without (pod) (up)`, `sum without () (up)`},
		{"topk", `topk(3, up)`, `topk by (namespace, pod) (3, up)`},
		{"nested", `max(sum by (x) (up))`, `max by (namespace, pod) (sum by (x, namespace, pod) (up))`},
		{
			"subquery", `max_over_time(sum(rate(r_total[$scrape] anchored))[$interval:$scrape])`,
			`max_over_time(sum by (namespace, pod) (rate(r_total[15s] anchored))[1m:15s])`,
		},
		{"on", `sum(a) / on () sum(b)`, `sum by (namespace, pod) (a) / on (namespace, pod) sum by (namespace, pod) (b)`},
		{"on with group", `a * on (x) group_left (pod, v) b`, `a * on (x, namespace, pod) group_left (v) b`},
		{"ignoring", `a / ignoring (pod, code) b`, `a / ignoring (code) b`},
		{"ignoring only by", `a / ignoring (pod) b`, `a / b`},
		{"default matching", `a / b`, `a / b`},
		{"aggregation parameter", `quantile(0.9, a)`, `quantile by (namespace, pod) (0.9, a)`},
		{"duration as a number", `sum(increase(a_total[$interval])) / $interval`, `sum by (namespace, pod) (increase(a_total[1m])) / 1m`},
		{"duration arithmetic", `rate(a_total[4 * $scrape])`, `rate(a_total[4 * 15s])`},
		{"placeholder in a string stays", `a{x="$interval"}`, `a{x="$interval"}`},
		{"constant", `100`, `vector(100)`},
		{"constant in a vector", `vector(100)`, `vector(100)`},
		{"time", `time()`, `vector(time())`},
		{"comment", "sum(a) # $nothing\n", `sum by (namespace, pod) (a)`},
		{"set operator", `a unless on (x) b`, `a unless on (x, namespace, pod) b`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			q, err := series.NewCompiler().Compile(tc.expr, mapping.CompileOptions{By: by, Interval: time.Minute, Scrape: 15 * time.Second})
			require.NoError(t, err)
			require.Equal(t, tc.want, q.Text)
			require.Equal(t, by, q.Labels)
		})
	}
}

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, expr, want string }{
		{"syntax", `sum(`, `column 5: unclosed left parenthesis`},
		{"after a placeholder", `rate(a_total[$interval]) +* b`, `column 27: unexpected <op:*>`},
		{"after two placeholders", `rate(a[$interval]) / rate(a[$interval:$scrape]) }`, `column 49: unexpected character: '}'`},
		{"second line", "sum(a)\n  / * b", `line 2, column 5: unexpected <op:*>`},
		{"characters, not bytes", `a{x="äöü"} }`, `column 12: unexpected character: '}'`},
		{"unknown placeholder", `rate(a[$rate_interval])`, `column 8: unknown placeholder "$rate_interval"`},
		{"type", `rate(a)`, `column 6: expected type range vector in call to function "rate", got instant vector`},
		{"range result", `a[$interval]`, `column 1: the result is a range vector`},
		{"string result", `"a"`, `column 1: the result is a string`},
		{"absent", `sum(a) or absent(a)`, `column 11: absent() has no entity labels`},
		{"scalar", `a / scalar(sum(a))`, `column 5: scalar() drops the entity labels`},
		{"vector", `sum(a) or vector(0)`, `column 11: vector() has no entity labels`},
		{"count_values", `count_values("pod", a)`, `column 1: count_values writes over`},
		{"anchored", `avg_over_time(a[$interval] anchored)`, `column 1: anchored goes with changes, delta, increase, rate, resets, not with avg_over_time`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := series.NewCompiler().Compile(tc.expr, mapping.CompileOptions{By: []string{"pod"}, Interval: time.Minute, Scrape: 15 * time.Second})
			require.ErrorContains(t, err, tc.want)
		})
	}
	_, err := series.NewCompiler().Compile(`rate(a[$interval])`, mapping.CompileOptions{})
	require.ErrorContains(t, err, "$interval has no duration here")
}

func TestCompileGathers(t *testing.T) {
	t.Parallel()
	q, err := series.NewCompiler().Compile(
		`sum(increase(b_total[$interval] offset 10s)) / max_over_time(a[5m:1m]) + {__name__=~"x|y"} * {__name__=~"envoy_.*_rq",k="v"}`,
		mapping.CompileOptions{Interval: time.Minute, Scrape: 15 * time.Second})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b_total", "x", "y"}, q.Names)
	require.Equal(t, []string{`{__name__=~"envoy_.*_rq",k="v"}`}, q.Matchers)
	require.True(t, q.Windowed)
	require.Equal(t, 5*time.Minute, q.Reach)
	require.Empty(t, q.Labels)

	q, err = series.NewCompiler().Compile(`max_over_time(sum(rate(a[4 * $scrape]))[$interval:$scrape] offset 1m)`,
		mapping.CompileOptions{By: []string{"pod"}, Interval: time.Minute, Scrape: 15 * time.Second})
	require.NoError(t, err)
	require.Equal(t, 3*time.Minute, q.Reach)

	q, err = series.NewCompiler().Compile(`sum(a)`, mapping.CompileOptions{By: []string{"pod"}})
	require.NoError(t, err)
	require.False(t, q.Windowed)
	require.Zero(t, q.Reach)
}

func TestCompileHistogramIncrease(t *testing.T) {
	t.Parallel()
	o := mapping.CompileOptions{By: []string{"pod"}, Interval: time.Minute}
	q, err := series.NewCompiler().CompileHistogramIncrease(`rq_time{dir="in"}`, o)
	require.NoError(t, err)
	require.Equal(t, `sum by (pod) (increase(rq_time{dir="in"}[1m] anchored))`, q.Text)
	_, err = series.NewCompiler().CompileHistogramIncrease(`sum(rq_time)`, o)
	require.Error(t, err)
}

func FuzzCompile(f *testing.F) {
	f.Add(`sum(increase(a_total[$interval] anchored)) / on () b`)
	f.Add("a{x=`$interval`} # $scrape\n+ $scrape")
	f.Add(`max_over_time(sum(rate(a[4 * $scrape]))[$interval:$scrape])`)
	c := series.NewCompiler()
	o := mapping.CompileOptions{By: []string{"pod", "namespace"}, Interval: time.Minute, Scrape: 15 * time.Second}
	f.Fuzz(func(t *testing.T, expr string) {
		q, err := c.Compile(expr, o)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		// What was completed is complete: doing it again changes nothing.
		again, err := c.Compile(q.Text, o)
		require.NoError(t, err, q.Text)
		require.Equal(t, q.Text, again.Text)
	})
}
