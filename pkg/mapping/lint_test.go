package mapping_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
	"github.com/vesbridge/vesbridge/pkg/mapping"
	"github.com/vesbridge/vesbridge/pkg/series"
)

// TestLint holds every *.lint.yml to its warnings, *.lint.txt beside it: the mappings load
// and each warning has its place and remedy.
func TestLint(t *testing.T) {
	files, err := filepath.Glob("testdata/*.lint.yml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			body, err := os.ReadFile(f)
			require.NoError(t, err)
			set, problems := mapping.Load([]mapping.Source{{Name: filepath.Base(f), Text: body}}, nil, series.NewCompiler(), mapping.LoadOptions{})
			require.NotNil(t, set, "%v", problems)
			var got strings.Builder
			for _, p := range problems {
				require.True(t, p.Warning)
				require.NotEmpty(t, p.Remedy, "%v", p)
				require.Positive(t, p.Line, "%v", p)
				got.WriteString(p.Error() + "\n")
			}
			bridgetest.Golden(t, strings.TrimSuffix(f, ".yml")+".txt", []byte(got.String()))
		})
	}
}
