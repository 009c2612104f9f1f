package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
)

// The binaries under test, each built once per run of the test binary and only if a test asks
// for it. BRIDGE_BINARY names one to test instead of both, such as a release's.
var (
	binary      = sync.OnceValues(func() (string, error) { return build("bridge") })
	binaryRaced = sync.OnceValues(func() (string, error) { return build("bridge-race", "-race") })
	builds      = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "bridge-e2e-") })
)

func build(name string, flags ...string) (string, error) {
	if path := os.Getenv("BRIDGE_BINARY"); path != "" {
		return path, nil
	}
	dir, err := builds()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	defer cancel()
	args := append([]string{"build", "-o", path}, flags...)
	out, err := exec.CommandContext(ctx, "go", append(args, "../../cmd/bridge")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the bridge: %w\n%s", err, out)
	}
	return path, nil
}

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := builds(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// command is the bridge's command line with args.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	built := binary
	if raceDetector {
		built = binaryRaced
	}
	path, err := built()
	require.NoError(t, err)
	return exec.Command(path, args...)
}

// A bridge is a running `bridge run`.
type bridge struct {
	*bridgetest.Process
	config string // path of the configuration file
	web    string // host:port
}

// startBridge runs the bridge with a configuration and returns when it says that it is
// alive. Its data is in a folder of the test's own.
func startBridge(t *testing.T, config string) *bridge {
	t.Helper()
	b := newBridge(t, config)
	b.start(t, command(t))
	return b
}

func newBridge(t *testing.T, config string) *bridge {
	t.Helper()
	b := &bridge{config: filepath.Join(t.TempDir(), "bridge.yaml"), web: bridgetest.FreeAddr(t)}
	b.write(t, config)
	return b
}

// start runs the bridge by a command line without arguments.
func (b *bridge) start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	cmd.Args = append(cmd.Args, "run", "--config", b.config, "--web.listen", b.web)
	b.Process = bridgetest.Start(t, "bridge", cmd)
	b.WaitUntil(time.Minute, "is healthy", func() error { _, err := b.get("/-/healthy"); return err })
}

// write replaces the configuration file as an editor does, by a rename.
func (b *bridge) write(t *testing.T, config string) {
	t.Helper()
	config += fmt.Sprintf("\nstorage: {dir: %q}\n", filepath.Join(filepath.Dir(b.config), "data"))
	require.NoError(t, os.WriteFile(b.config+".new", []byte(config), 0o600))
	require.NoError(t, os.Rename(b.config+".new", b.config))
}

func (b *bridge) get(path string) (string, error) { return fetch(http.MethodGet, b.web, path) }

func fetch(method, addr, path string) (string, error) {
	req, err := http.NewRequest(method, "http://"+addr+path, nil)
	if err != nil {
		return "", err
	}
	resp, err := (&http.Client{Timeout: 10 * time.Second}).Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, body)
	}
	return string(body), err
}

// metrics sums the bridge's own series by name and by the labels of which every
// `name="value"` in labels is found.
func (b *bridge) metric(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	body, err := b.get("/metrics")
	require.NoError(t, err)
	sum := 0.0
	for series, v := range samples(t, []byte(body)) {
		if series != name && !strings.HasPrefix(series, name+"{") {
			continue
		}
		matches := true
		for _, l := range labels {
			matches = matches && strings.Contains(series, l)
		}
		if matches {
			sum += v
		}
	}
	return sum
}

// endsCleanly sends SIGTERM and requires exit code 0.
func (b *bridge) endsCleanly(t *testing.T) {
	t.Helper()
	require.Equal(t, 0, b.Stop(), "exit code after SIGTERM")
}

// A collector is a running `bridge collector` that prints what it accepts.
type collector struct {
	*bridgetest.Process
	addr string
}

func startCollector(t *testing.T, addr string) *collector {
	t.Helper()
	c := &collector{addr: addr}
	c.Process = bridgetest.Start(t, "collector", command(t, "collector", "--listen", addr))
	c.WaitUntil(time.Minute, "is healthy", func() error { _, err := fetch(http.MethodGet, addr, "/healthcheck"); return err })
	return c
}

// events are the events that the collector has accepted until now.
func (c *collector) events(t *testing.T) []event {
	t.Helper()
	out, err := os.ReadFile(c.Stdout)
	require.NoError(t, err)
	return parseLines(t, out)
}

// parseLines reads events of one a line; a last line that is not whole yet is left.
func parseLines(t *testing.T, out []byte) []event {
	t.Helper()
	var all []event
	for line := range bytes.Lines(out) {
		if line[len(line)-1] != '\n' {
			break
		}
		all = append(all, parseEvent(t, line))
	}
	return all
}

// An event is one VES message with what the tests look at.
type event struct {
	raw    []byte // {"event":…}
	Header struct {
		Domain, EventID, EventName, SourceName, ReportingEntityName string
		StartEpochMicrosec, LastEpochMicrosec                       int64
	}
	Measurement *struct {
		LatencyDistribution []struct {
			CountsInTheBucket float64
		}
		AdditionalMeasurements []struct {
			Name    string
			HashMap map[string]string
		}
		NicPerformanceArray   []map[string]any
		MeasurementInterval   float64
		MeanRequestLatency    *float64
		CPUUsageArray         []map[string]any
		MemoryUsageArray      []map[string]any
		FilesystemUsageArray  []map[string]any
		LoadArray             []map[string]any
		ConcurrentSessions    *float64
		RequestRate           *float64
		ConfiguredEntities    *float64
		DiskUsageArray        []map[string]any
		ProcessStatsArray     []map[string]any
		FeatureUsageArray     map[string]string
		AdditionalFields      map[string]string
		MeasurementFieldsVers string `json:"measurementFieldsVersion"`
	}
}

func parseEvent(t *testing.T, line []byte) event {
	t.Helper()
	e := event{raw: bytes.TrimSpace(line)}
	var doc struct {
		Event struct {
			CommonEventHeader json.RawMessage
			MeasurementFields json.RawMessage
		}
	}
	require.NoError(t, json.Unmarshal(line, &doc), "%s", line)
	require.NoError(t, json.Unmarshal(doc.Event.CommonEventHeader, &e.Header), "%s", line)
	if doc.Event.MeasurementFields != nil {
		require.NoError(t, json.Unmarshal(doc.Event.MeasurementFields, &e.Measurement), "%s", line)
	}
	return e
}

// canonical is the event without what a collector sets itself, in one order of members.
func (e event) canonical(t *testing.T) string {
	t.Helper()
	var doc map[string]map[string]any
	d := json.NewDecoder(bytes.NewReader(e.raw))
	d.UseNumber()
	require.NoError(t, d.Decode(&doc))
	header, ok := doc["event"]["commonEventHeader"].(map[string]any)
	require.True(t, ok, "%s", e.raw)
	delete(header, "internalHeaderFields")
	out, err := json.Marshal(doc)
	require.NoError(t, err)
	return string(out)
}

func (e event) start() time.Time { return time.UnixMicro(e.Header.StartEpochMicrosec) }
func (e event) end() time.Time   { return time.UnixMicro(e.Header.LastEpochMicrosec) }

// measurements are the measurement events of one source in the order of their windows.
func measurements(all []event, source string) []event {
	var of []event
	for _, e := range all {
		if e.Measurement != nil && e.Header.SourceName == source {
			of = append(of, e)
		}
	}
	return of
}

// requireValid holds every event against the official schema.
func requireValid(t *testing.T, all []event) {
	t.Helper()
	require.NotEmpty(t, all)
	oracle := bridgetest.OracleVES721(t)
	for _, e := range all {
		require.NoError(t, oracle.Check(e.raw), "%s", e.raw)
	}
}
