// Command gen writes the Go code of the protobuf messages: protoc as grpcio-tools packs it,
// installed by test/servers/install.sh, with the protoc-gen-go that belongs to the protobuf
// runtime in go.mod. Both are pinned, so the same bytes come out everywhere.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

func main() {
	ves := flag.String("ves", "..", "folder pkg/ves, which the imports of the .proto files are relative to")
	out := flag.String("out", "..", "folder that takes hvpb/*.pb.go")
	flag.Parse()
	err := generate(*ves, *out)
	if errors.Is(err, errNoTool) && os.Getenv("CI") != "true" {
		// As install.sh has it: what the machine lacks stops nobody but CI.
		fmt.Fprintln(os.Stderr, "hvpb:", err, "(the generated code is left as it is)")
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "hvpb:", err)
		os.Exit(1)
	}
}

var errNoTool = errors.New("protoc is missing: run test/servers/install.sh protobuf")

func generate(ves, out string) error {
	tools, err := cache()
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(tools, "grpc_tools")); err != nil {
		return errNoTool
	}
	bin, err := os.MkdirTemp("", "hvpb")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(bin) }()
	plugin := filepath.Join(bin, "protoc-gen-go")
	if err := run(exec.Command("go", "build", "-o", plugin, "google.golang.org/protobuf/cmd/protoc-gen-go")); err != nil {
		return fmt.Errorf("building protoc-gen-go: %w", err)
	}
	protos, err := filepath.Glob(filepath.Join(ves, "hvpb", "*.proto"))
	if err != nil {
		return err
	}
	args := []string{
		"-m", "grpc_tools.protoc", "-I", ves, "--plugin=protoc-gen-go=" + plugin,
		"--go_out=" + out, "--go_opt=paths=source_relative",
	}
	protoc := exec.Command("python3", append(args, protos...)...)
	protoc.Env = append(os.Environ(), "PYTHONPATH="+tools)
	if err := run(protoc); err != nil {
		return fmt.Errorf("running protoc: %w", err)
	}
	return nil
}

// cache is where install.sh puts the tools.
func cache() (string, error) {
	dir := os.Getenv("BRIDGE_TEST_CACHE")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(home, ".cache", "vesbridge-test")
	}
	return filepath.Join(dir, "protobuf"), nil
}

func run(cmd *exec.Cmd) error {
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	return cmd.Run()
}
