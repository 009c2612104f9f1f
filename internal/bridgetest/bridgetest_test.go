package bridgetest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRootHasTheModule(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(Root(t), "go.mod"))
	require.NoError(t, err)
	require.Contains(t, string(text), "module github.com/vesbridge/vesbridge\n")
}

// recorder is a testing.TB that notes how a helper ended it.
type recorder struct {
	testing.TB
	fatal, skip string
}

type ended struct{}

func (r *recorder) Helper() {}
func (r *recorder) Fatalf(format string, args ...any) {
	r.fatal = format
	panic(ended{})
}
func (r *recorder) Skipf(format string, args ...any) {
	r.skip = format
	panic(ended{})
}

func ending(t *testing.T, f func(testing.TB)) (r *recorder) {
	r = &recorder{TB: t}
	defer func() {
		if p := recover(); p != nil && p != (ended{}) {
			panic(p)
		}
	}()
	f(r)
	return r
}

func TestMissingSkipsExceptInCI(t *testing.T) {
	absent := func(tb testing.TB) { Shared(tb, "no", "such", "file") }
	t.Setenv("CI", "")
	r := ending(t, absent)
	require.NotEmpty(t, r.skip)
	require.Empty(t, r.fatal)
	t.Setenv("CI", "true")
	r = ending(t, absent)
	require.NotEmpty(t, r.fatal)
	require.Empty(t, r.skip)
}

func TestOracleAgreesWithTheOfficialSamples(t *testing.T) {
	o := OracleVES721(t)
	read := func(elem ...string) []byte {
		body, err := os.ReadFile(Shared(t, append([]string{"ves", "samples"}, elem...)...))
		require.NoError(t, err)
		return body
	}
	require.NoError(t, o.Check(read("collector-tests", "valid", "ves7_batch_valid.json")))
	require.NoError(t, o.Check(read("collector-tests", "valid", "measurement7x.json")))
	for name, body := range map[string]string{
		"empty root":     `{}`,
		"both":           `{"event":{},"eventList":[]}`,
		"no header":      `{"event":{}}`,
		"not json":       `{"event":`,
		"trailing bytes": `{"eventList":[]} {}`,
	} {
		require.Error(t, o.Check([]byte(body)), name)
	}
}
