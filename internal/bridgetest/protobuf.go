package bridgetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// PythonProtobuf returns a function that makes commands of Python with its protobuf library
// and protoc (`python -m grpc_tools.protoc`): an implementation that shares nothing with
// Go's.
func PythonProtobuf(t testing.TB) func(args ...string) *exec.Cmd {
	t.Helper()
	dir := filepath.Join(cache(), "protobuf")
	python, err := exec.LookPath("python3")
	if _, statErr := os.Stat(filepath.Join(dir, "grpc_tools")); err != nil || statErr != nil {
		Missing(t, "Python's protobuf", "run `make servers`")
	}
	return func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), python, args...)
		cmd.Env = append(os.Environ(), "PYTHONPATH="+dir, "PYTHONDONTWRITEBYTECODE=1")
		return cmd
	}
}
