package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
)

// hostile answers a scrape by path with what no exporter should send.
func hostile(t *testing.T) string {
	t.Helper()
	stop := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		switch r.URL.Path {
		case "/hangs":
			select {
			case <-stop:
			case <-r.Context().Done():
			}
		case "/garbage":
			w.Write([]byte("envoy_server_live{ 1\n\x00\x01\xff{{{}}}\n"))
		case "/bad-utf8":
			w.Write([]byte("envoy_server_live{pod=\"\xff\xfe\"} 1\n"))
		case "/endless-line":
			flood(w, stop, bytes.Repeat([]byte("a"), 64<<10), 100<<20)
		case "/huge":
			flood(w, stop, bytes.Repeat([]byte("filler_metric{with=\"a label\"} 1\n"), 2<<10), 100<<20)
		case "/many-labels":
			var b strings.Builder
			b.WriteString("envoy_server_live{")
			for i := range 5000 {
				fmt.Fprintf(&b, "label_%d=%q,", i, strings.Repeat("v", 200))
			}
			b.WriteString("} 1\n")
			io.WriteString(w, b.String())
		case "/nan":
			io.WriteString(w, "envoy_server_live 1\nenvoy_cluster_upstream_rq_completed{envoy_cluster_name=\"x\"} NaN\n"+
				"envoy_http_downstream_rq_total{envoy_http_conn_manager_prefix=\"x\"} +Inf\n")
		}
	}))
	t.Cleanup(func() { close(stop); s.Close() })
	return s.Listener.Addr().String()
}

// flood writes a chunk over and over until it has written size bytes or nobody reads.
func flood(w io.Writer, stop <-chan struct{}, chunk []byte, size int) {
	for n := 0; n < size; n += len(chunk) {
		select {
		case <-stop:
			return
		default:
		}
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// TestHostileTargetsHarmNobody scrapes a sidecar under load beside targets that hang, send
// garbage, 100 MB, an endless line and impossible numbers. The sidecar's numbers stay exact,
// no invalid event leaves the bridge, and its memory stays bounded.
func TestHostileTargetsHarmNobody(t *testing.T) {
	short(t)
	s := &sidecar{mesh: newMesh(t), pod: "catalog-v1-0", version: "v1"}
	addr := hostile(t)
	col := startCollector(t, bridgetest.FreeAddr(t))
	config := configuration([]string{s.target()}, toCollector(col.addr))
	var jobs strings.Builder
	paths := []string{"hangs", "garbage", "bad-utf8", "endless-line", "huge", "many-labels", "nan"}
	for _, p := range paths {
		fmt.Fprintf(&jobs, "  - {job_name: %s, metrics_path: /%s, static_configs: [{targets: [%q], labels: {namespace: hostile, pod: %s}}]}\n", p, p, addr, p)
	}
	config = strings.Replace(config, "mappings:", jobs.String()+"mappings:", 1)
	// Not the race detector's binary: memory is what is looked at.
	plain, err := binary()
	require.NoError(t, err)
	b := newBridge(t, config)
	b.start(t, exec.Command(plain))
	waitForWindow(t, b.Process, col, s.source(), time.Time{})
	drive(t, []*sidecar{s}, 3*interval)
	s.requireMixed(t, s.load)
	s.settled(t, s.load)
	waitForWindow(t, b.Process, col, s.source(), time.Now())

	peak := peakMemory(t, b.Pid())
	t.Logf("peak resident memory %d MiB", peak>>20)
	// Two targets send 100 MB each second, some 6 GB in all: what was kept of them would show.
	require.Less(t, peak, 2<<30, "bytes resident at the peak")
	requireStates(t, b, paths)
	b.endsCleanly(t)

	all := col.events(t)
	requireValid(t, all)
	of := measurements(all, s.source())
	requireWhole(t, of)
	requireExact(t, s, sums(t, of))
	for _, e := range all {
		if p, ok := strings.CutPrefix(e.Header.SourceName, "hostile/"); ok {
			require.Equal(t, "nan", p, "a target that cannot be scraped has no events")
			require.NotContains(t, string(e.raw), "NaN")
			require.NotContains(t, string(e.raw), "Inf")
		}
	}
}

// requireStates checks that the bridge says of each hostile target that it is down and why,
// of the others that they are up.
func requireStates(t *testing.T, b *bridge, paths []string) {
	t.Helper()
	body, err := b.get("/api/v1/bridge/targets")
	require.NoError(t, err)
	var doc struct {
		Data []struct {
			Job, Error string
			Up         bool
		}
	}
	require.NoError(t, json.Unmarshal([]byte(body), &doc), "%s", body)
	require.Len(t, doc.Data, len(paths)+1)
	for _, target := range doc.Data {
		up := target.Job == "sidecars" || target.Job == "nan"
		require.Equal(t, up, target.Up, "%s is up: %s", target.Job, target.Error)
		require.Equal(t, up, target.Error == "", "%s says why: %q", target.Job, target.Error)
	}
}

// peakMemory is the most that a process has had resident, in bytes.
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skip("needs Linux: ", err)
	}
	for line := range strings.Lines(string(status)) {
		if kib, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(kib), " kB"))
			require.NoError(t, err)
			return n << 10
		}
	}
	t.Fatal("no VmHWM in the process's status")
	return 0
}
