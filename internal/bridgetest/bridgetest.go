// Package bridgetest is what the project's tests share: where the repository and the
// reference material beside it are, golden files, the official VES schema as an oracle, and
// real servers (Envoy, Kafka, node_exporter) started on loopback and ended with the test.
//
// What a machine lacks is named together with how to get it, and skips the test; where
// CI=true it fails the test instead, so that no proof goes missing in silence.
package bridgetest

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// update is set by `go test ./pkg/x -update`. A package that uses Golden does not define
// a flag of this name itself.
var update = flag.Bool("update", false, "write golden files instead of comparing with them")

// Updating reports whether golden files are to be written (-update).
func Updating() bool { return *update }

// Root is the absolute path of the repository: the nearest folder with a go.mod at or
// above the test's working folder.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatalf("locating the repository: %v", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatalf("locating the repository: no go.mod above the working folder")
		}
		dir = parent
	}
}

// Shared is the absolute path of an element of the reference material, the folder `shared`
// beside the repository: schemas, samples, captures. Nothing of it is part of the project.
func Shared(t testing.TB, elem ...string) string {
	t.Helper()
	path := filepath.Join(append([]string{filepath.Dir(Root(t)), "shared"}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		Missing(t, filepath.ToSlash(filepath.Join(append([]string{"../shared"}, elem...)...)),
			"put the reference material beside the repository")
	}
	return path
}

// Missing ends a test for want of something that the machine lacks: it skips with the
// reason, and fails where CI=true.
func Missing(t testing.TB, what, how string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing, and with CI=true no test may skip: %s", what, how)
	}
	t.Skipf("%s is missing: %s", what, how)
}

// Golden compares got with the file at path (relative to the test's package), or writes the
// file with -update.
func Golden(t testing.TB, path string, got []byte) {
	t.Helper()
	if Updating() {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatalf("writing golden file: %v", err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatalf("writing golden file: %v", err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("reading golden file (write it with -update): %v", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-golden +got; accept with -update):\n%s", path, diff)
	}
}
