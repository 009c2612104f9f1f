package ves_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
)

// What is committed must be what the model generates.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	root, vesDir, schemaDir := bridgetest.Root(t), t.TempDir(), t.TempDir()
	cmd := exec.Command("go", "run", "./pkg/ves/internal/gen", "-ves", vesDir, "-schemas", schemaDir)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for dir, committed := range map[string]string{vesDir: "pkg/ves", schemaDir: "schemas"} {
		made, err := filepath.Glob(filepath.Join(dir, "*"))
		require.NoError(t, err)
		require.NotEmpty(t, made)
		for _, path := range made {
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			got, err := os.ReadFile(filepath.Join(root, committed, filepath.Base(path)))
			require.NoError(t, err)
			if !bytes.Equal(want, got) { // not require.Equal: the files are long
				t.Errorf("%s/%s is stale: run go generate ./pkg/ves", committed, filepath.Base(path))
			}
		}
	}
}
