package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// service is a command that runs until its context ends.
type service struct {
	out, log *safeBuffer
	cancel   context.CancelFunc
	done     chan int
}

func serve(t *testing.T, args ...string) *service {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := &service{out: &safeBuffer{}, log: &safeBuffer{}, cancel: cancel, done: make(chan int, 1)}
	go func() { s.done <- run(ctx, args, strings.NewReader(""), s.out, s.log) }()
	t.Cleanup(cancel)
	return s
}

// address waits for the service to say where it listens.
func (s *service) address(t *testing.T) string {
	t.Helper()
	said := regexp.MustCompile(`"address":"([^"]+)"`)
	var g []string
	eventually(t, "it says where it listens", func() bool {
		select {
		case code := <-s.done:
			t.Fatalf("ended with %d before it listened: %s", code, s.log.String())
		default:
		}
		g = said.FindStringSubmatch(s.log.String())
		return g != nil
	})
	return g[1]
}

func (s *service) end(t *testing.T) int {
	t.Helper()
	s.cancel()
	return <-s.done
}

func post(t *testing.T, url, body string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	return resp.StatusCode
}

func TestCollectorPrintsEvents(t *testing.T) {
	s := serve(t, "collector", "--listen", "127.0.0.1:0", "--log.format", "json")
	addr := s.address(t)
	one, two := `{"event":`+heartbeat("a")+`}`, `{"event":`+heartbeat("b")+`}`
	require.Equal(t, http.StatusAccepted, post(t, "http://"+addr+"/eventListener/v7", one))
	require.Equal(t, http.StatusAccepted, post(t, "http://"+addr+"/eventListener/v7/eventBatch", `{"eventList":[`+heartbeat("b")+`]}`))
	require.Equal(t, http.StatusBadRequest, post(t, "http://"+addr+"/eventListener/v7", `{"event":{}}`))
	require.Equal(t, one+"\n"+two+"\n", s.out.String(), "acknowledged events, one a line, and nothing else")
	require.Equal(t, exitFine, s.end(t))
	require.Equal(t, exitFine, bridgeWith(t.Context(), s.out.String(), "validate", "-").code)
}

func TestCollectorOnATakenAddress(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	r := bridge(t, "collector", "--listen", ln.Addr().String())
	require.Equal(t, exitCannot, r.code)
	require.Contains(t, r.stderr, ln.Addr().String())
}

const reloaded = "bridge_app_config_last_reload_successful"

func get(t *testing.T, url string) string {
	t.Helper()
	defer http.DefaultClient.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(body)
}

// eventually waits for a condition; how long it may take judges nothing.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-deadline.C:
			t.Fatalf("waited in vain: %s", what)
		case <-tick.C:
		}
	}
}

func TestRunUntilTheSignal(t *testing.T) {
	dir := t.TempDir()
	config := file(t, dir, "bridge.yaml", goodConfig+fmt.Sprintf("storage: {dir: %q}\nweb: {listen: \"127.0.0.1:0\"}\n", dir+"/data"))
	s := serve(t, "run", "--config", config, "--log.format", "json")
	addr := s.address(t)
	for path, want := range map[string]string{"/-/healthy": "healthy\n", "/healthcheck": "I'm good\n", "/-/ready": "ready\n", "/metrics": reloaded + " 1\n"} {
		require.Contains(t, get(t, "http://"+addr+path), want)
	}
	file(t, dir, "bridge.yaml", "surprise: 1\n")
	self, err := os.FindProcess(os.Getpid())
	require.NoError(t, err)
	require.NoError(t, self.Signal(syscall.SIGHUP)) // run asked for it before it said that it runs
	eventually(t, "the signal reloads", func() bool { return strings.Contains(get(t, "http://"+addr+"/metrics"), reloaded+" 0\n") })
	require.Contains(t, s.log.String(), "surprise")
	require.Equal(t, exitFine, s.end(t))
	require.Empty(t, s.out.String(), "the service has no result to print")
}

func TestRunRefusesABadConfiguration(t *testing.T) {
	config := file(t, t.TempDir(), "bridge.yaml", "mappings: [envoi]\nsurprise: 1\n")
	r := bridge(t, "run", "--config", config)
	require.Equal(t, exitCannot, r.code)
	require.Empty(t, r.stdout)
	require.Contains(t, r.stderr, "envoi")
	require.Contains(t, r.stderr, "surprise")
}

func TestDemoShowsTheWholePipeline(t *testing.T) {
	if testing.Short() {
		t.Skip("runs for some seconds")
	}
	t.Setenv("TMPDIR", t.TempDir())
	r := bridge(t, "demo", "--for", "8s", "--interval", "2s", "--web.listen", "127.0.0.1:0")
	require.Equal(t, exitFine, r.code, r.stderr)
	g := regexp.MustCompile(`accepted (\d+) measurements and (\d+) heartbeats of (\d+) sources`).FindStringSubmatch(r.stdout)
	require.NotNil(t, g, r.stdout)
	for i, what := range []string{"measurements", "heartbeats", "sources"} {
		n, err := strconv.Atoi(g[i+1])
		require.NoError(t, err)
		require.Positive(t, n, what)
	}
	require.Contains(t, r.stdout, "ledger collector/measurement: built ")
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	v := bridgeWith(t.Context(), lines[len(lines)-1], "validate", "-")
	require.Equal(t, exitFine, v.code, "the event that it shows is a good one: %s", v.stdout)
	require.Contains(t, r.stderr, "http://127.0.0.1:", "where to look")
	require.NotContains(t, r.stderr, "level=ERROR")
	require.Zero(t, demoFolders(t), "it cleans up")
}

func demoFolders(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir(os.TempDir())
	require.NoError(t, err)
	n := 0
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "bridge-demo-") {
			n++
		}
	}
	return n
}
