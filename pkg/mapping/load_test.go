package mapping_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
	"github.com/vesbridge/vesbridge/internal/problem"
	"github.com/vesbridge/vesbridge/pkg/mapping"
	"github.com/vesbridge/vesbridge/pkg/series"
)

// TestBadMappings holds every *.bad.yml to its message: *.bad.txt beside it.
func TestBadMappings(t *testing.T) {
	files, err := filepath.Glob("testdata/*.bad.yml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			body, err := os.ReadFile(f)
			require.NoError(t, err)
			name := filepath.Base(f)
			var problems problem.List
			if strings.HasPrefix(name, "identity-") {
				_, problems = mapping.ParseIdentity(name, body)
			} else {
				var set *mapping.Set
				set, problems = mapping.Load([]mapping.Source{{Name: name, Text: body}}, nil, series.NewCompiler(), mapping.LoadOptions{})
				require.Nil(t, set)
			}
			require.True(t, problems.Failed())
			var got strings.Builder
			for _, p := range problems {
				require.NotEmpty(t, p.Remedy, "%v", p)
				got.WriteString(p.Error() + "\n")
			}
			bridgetest.Golden(t, strings.TrimSuffix(f, ".yml")+".txt", []byte(got.String()))
		})
	}
}

// TestAllProblemsInOneRun: a file with several is told of all of them.
func TestAllProblemsInOneRun(t *testing.T) {
	_, problems := mapping.Load([]mapping.Source{
		{Name: "a.yaml", Text: []byte("mapping: a\nbirths: maybe\nfields: {x: 1}\n")},
		{Name: "b.yaml", Text: []byte("mapping: b\nentitty: [a]\n")},
	}, nil, series.NewCompiler(), mapping.LoadOptions{})
	files := map[string]int{}
	for _, p := range problems {
		files[p.File]++
	}
	require.GreaterOrEqual(t, files["a.yaml"], 3)
	require.GreaterOrEqual(t, files["b.yaml"], 3)
}

func TestBirthsZeroFollowsNamesAndExpressions(t *testing.T) {
	load := func(texts ...string) *mapping.Set {
		var files []mapping.Source
		for _, x := range texts {
			files = append(files, mapping.Source{Name: "m", Text: []byte(x)})
		}
		set, problems := mapping.Load(files, nil, series.NewCompiler(), mapping.LoadOptions{})
		require.NotNil(t, set, "%v", problems)
		return set
	}
	zero := head + "births: zero\nfields: {requestRate: 'sum(rate(a_total[1m]))', concurrentSessions: 'sum({__name__=~\"envoy_(.+_)?x\"})'}\n"
	unknown := strings.Replace(head, "mapping: test", "mapping: other", 1) + "fields: {numberOfMediaPortsInUse: sum(a_total)}\n"
	set := load(zero)
	require.True(t, set.BirthsZero("a_total"))
	require.True(t, set.BirthsZero("envoy_y_x"))
	require.False(t, set.BirthsZero("envoy_y"))
	require.False(t, set.BirthsZero("elsewhere"))
	require.False(t, load(zero, unknown).BirthsZero("a_total"), "where two mappings disagree the base is unknown")
}

func TestDefinedTextsStandInExpressions(t *testing.T) {
	set, problems := mapping.Load([]mapping.Source{{Name: "m", Text: []byte(head + `
define: {own: 'cluster!~"zipkin|admin"'}
fields: {requestRate: 'sum(rate(a_total{$own}[$interval]))'}
`)}}, nil, series.NewCompiler(), mapping.LoadOptions{Interval: time.Minute})
	require.NotNil(t, set, "%v", problems)
	require.Contains(t, set.Queries()[1].Text, `cluster!~"zipkin|admin"`)
}

func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/*.bad.yml")
	require.NoError(f, err)
	for _, name := range files {
		body, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		set, problems := mapping.Load([]mapping.Source{{Name: "f", Text: body}}, nil, fakeCompiler{}, mapping.LoadOptions{})
		if (set == nil) != problems.Failed() {
			t.Fatal("a Set comes exactly without errors")
		}
		if _, p := mapping.ParseIdentity("f", body); p == nil && len(body) > 0 {
			return
		}
	})
}
