package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// output runs a command of the bridge that ends by itself and returns its standard output.
func output(t *testing.T, exit int, args ...string) []byte {
	t.Helper()
	cmd := command(t, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // the exit code says it
	require.Equal(t, exit, cmd.ProcessState.ExitCode(), "%s\n%s", args, stderr.String())
	return stdout.Bytes()
}

// TestPreviewTellsWhatTheLoadGeneratorCounted saves a sidecar's exposition before and after a
// load: the one event that preview makes of the two has the load's numbers, and validate
// finds nothing wrong with it.
func TestPreviewTellsWhatTheLoadGeneratorCounted(t *testing.T) {
	short(t)
	s := &sidecar{mesh: newMesh(t), pod: "catalog-v1-0", version: "v1"}
	dir := t.TempDir()
	before, after := filepath.Join(dir, "before.prom"), filepath.Join(dir, "after.prom")
	began := time.Now()
	require.NoError(t, os.WriteFile(before, s.Stats(), 0o600))
	s.load = newGenerator(s.Listeners["inbound"]).run(t.Context(), t, 6, 10)
	s.requireMixed(t, s.load)
	s.settled(t, s.load)
	// The true distance of the two, else the sidecar's uptime would tell of a restart.
	took := time.Since(began).Round(time.Millisecond)
	require.NoError(t, os.WriteFile(after, s.Stats(), 0o600))

	out := output(t, 0, "preview", "--mapping", "envoy", "--exposition", before+"@0s", "--exposition", after+"@"+took.String(),
		"--label", "namespace=shop", "--label", "pod="+s.pod, "--label", "app=catalog", "--label", "version=v1")
	all := parseLines(t, out)
	requireValid(t, all)
	of := measurements(all, s.source())
	require.Len(t, of, 1)
	requireExact(t, s, sums(t, of))

	events := filepath.Join(dir, "events.jsonl")
	require.NoError(t, os.WriteFile(events, out, 0o600))
	output(t, 0, "validate", events)
	require.NoError(t, os.WriteFile(events, bytes.Replace(out, []byte(`"sourceName"`), []byte(`"sauceName"`), 1), 0o600))
	require.Contains(t, string(output(t, 1, "validate", events)), "sourceName")
}
