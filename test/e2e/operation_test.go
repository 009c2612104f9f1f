package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
)

// TestReloadKeepsTheLastGoodConfiguration: a bad configuration is refused with its place,
// by HTTP, by signal and by a changed file, while events go on; a good one is taken.
func TestReloadKeepsTheLastGoodConfiguration(t *testing.T) {
	short(t)
	one := &sidecar{mesh: newMesh(t), pod: "catalog-v1-0", version: "v1"}
	two := &sidecar{mesh: newMesh(t), pod: "catalog-v2-0", version: "v2"}
	col := startCollector(t, bridgetest.FreeAddr(t))
	good := configuration([]string{one.target()}, toCollector(col.addr))
	b := startBridge(t, good)
	waitForWindow(t, b.Process, col, one.source(), time.Time{})

	b.write(t, strings.Replace(good, "mappings: [envoy]", "mappings: [envoi]", 1))
	_, err := fetch(http.MethodPost, b.web, "/-/reload")
	require.ErrorContains(t, err, "envoi")
	require.Regexp(t, `bridge\.yaml:\d+`, err.Error(), "the problem's place")
	require.Zero(t, b.metric(t, "bridge_app_config_last_reload_successful"))
	waitForWindow(t, b.Process, col, one.source(), time.Now())

	// The file is watched: a good one is taken without anybody asking.
	b.write(t, configuration([]string{one.target(), two.target()}, toCollector(col.addr)))
	b.WaitUntil(time.Minute, "has taken the changed file", func() error {
		if b.metric(t, "bridge_app_config_last_reload_successful") != 1 {
			return fmt.Errorf("the last reload is not successful")
		}
		return nil
	})
	waitForWindow(t, b.Process, col, two.source(), time.Time{})

	b.write(t, good+"\nsurprise: 1\n")
	b.Signal(syscall.SIGHUP)
	b.WaitUntil(time.Minute, "has refused the surprise", func() error {
		if b.metric(t, "bridge_app_config_last_reload_successful") != 0 {
			return fmt.Errorf("the last reload is successful")
		}
		return nil
	})
	waitForWindow(t, b.Process, col, two.source(), time.Now())
	b.endsCleanly(t)
	all := col.events(t)
	requireValid(t, all)
	byID(t, all)
	for _, s := range []*sidecar{one, two} {
		requireWhole(t, measurements(all, s.source()))
	}
}

// TestNothingIsToldTwiceAcrossRestarts ends the bridge, by SIGTERM and by SIGKILL, and starts
// it again on its own data: no window has two different events.
func TestNoWindowHasTwoStoriesAcrossRestarts(t *testing.T) {
	short(t)
	s := &sidecar{mesh: newMesh(t), pod: "catalog-v1-0", version: "v1"}
	col := startCollector(t, bridgetest.FreeAddr(t))
	b := startBridge(t, configuration([]string{s.target()}, toCollector(col.addr)))
	waitForWindow(t, b.Process, col, s.source(), time.Time{})
	b.endsCleanly(t)
	b.start(t, command(t))
	waitForWindow(t, b.Process, col, s.source(), time.Now())
	b.Kill()
	b.start(t, command(t))
	waitForWindow(t, b.Process, col, s.source(), time.Now())
	b.endsCleanly(t)
	windows := measurements(col.events(t), s.source())
	requireValid(t, windows)
	told := map[time.Time]event{}
	for _, e := range windows {
		// A kill may come between an event's delivery and the note of it. It is delivered
		// again then, the same under the same id, so that consumers can tell.
		if before, again := told[e.start()]; again {
			require.Equal(t, before.canonical(t), e.canonical(t), "a window with two events")
		}
		told[e.start()] = e
	}
}

// TestNodeExporter holds what the node profile tells against what the kernel says.
func TestNodeExporter(t *testing.T) {
	short(t)
	node := bridgetest.NodeExporter(t)
	col := startCollector(t, bridgetest.FreeAddr(t))
	b := startBridge(t, fmt.Sprintf(`
global: {scrape_interval: 1s, measurement_interval: %s, heartbeat_interval: %s, reporting_entity_name: e2e}
scrape_configs: [{job_name: node, static_configs: [{targets: [%q]}]}]
mappings: [node]
destinations: [%s]
`, interval, interval, node, toCollector(col.addr)))
	var last event
	b.WaitUntil(time.Minute, "has told two windows", func() error {
		of := measurements(col.events(t), node)
		if len(of) < 3 {
			return fmt.Errorf("%d windows", len(of))
		}
		last = of[len(of)-1]
		return nil
	})
	b.endsCleanly(t)
	requireValid(t, col.events(t))
	requireWhole(t, measurements(col.events(t), node))

	stat, err := os.ReadFile("/proc/stat")
	require.NoError(t, err)
	cpus := regexp.MustCompile(`(?m)^cpu\d+ `).FindAll(stat, -1)
	require.Len(t, last.Measurement.CPUUsageArray, len(cpus))
	for _, c := range last.Measurement.CPUUsageArray {
		require.InDelta(t, 50, c["percentUsage"], 50)
	}
	meminfo, err := os.ReadFile("/proc/meminfo")
	require.NoError(t, err)
	total := regexp.MustCompile(`MemTotal:\s+(\d+) kB`).FindSubmatch(meminfo)
	require.NotEmpty(t, total)
	require.Len(t, last.Measurement.MemoryUsageArray, 1)
	require.Equal(t, string(total[1]), fmt.Sprintf("%.0f", last.Measurement.MemoryUsageArray[0]["memoryConfigured"]), "KiB")
	require.NotEmpty(t, last.Measurement.LoadArray)
}

// TestCheckNamesEveryProblem: file, line and remedy of each, exit code 1, in one run.
func TestCheckNamesEveryProblem(t *testing.T) {
	short(t)
	path := filepath.Join(t.TempDir(), "bad.yaml")
	require.NoError(t, os.WriteFile(path, []byte(`global: {scrape_interval: 1s}
surprise: 1
mappings: [envoi]
destinations:
  - name: dcae
    ves: {endpoint: "ftp://nowhere"}
`), 0o600))
	p := bridgetest.Start(t, "check", command(t, "check", "--config", path))
	<-p.Done()
	require.Equal(t, 1, p.Stop(), p.Output())
	for _, want := range []string{`bad\.yaml:2:.*surprise`, `bad\.yaml:3:.*envoi`, `bad\.yaml:\d+:.*ftp`} {
		require.Regexp(t, want, p.Output())
	}
}

// TestDemoTellsEvents runs what a new user runs first.
func TestDemoTellsEvents(t *testing.T) {
	short(t)
	cmd := command(t, "demo", "--for", "40s")
	cmd.Dir = t.TempDir()
	p := bridgetest.Start(t, "demo", cmd)
	select {
	case <-p.Done():
	case <-time.After(3 * time.Minute):
		t.Fatal("the demo does not end by itself")
	}
	require.Equal(t, 0, p.Stop(), p.Output())
	require.Regexp(t, `[1-9]\d* (measurement|event)`, p.Output())
	left, err := os.ReadDir(cmd.Dir)
	require.NoError(t, err)
	require.Empty(t, left, "the demo leaves nothing behind")
}
