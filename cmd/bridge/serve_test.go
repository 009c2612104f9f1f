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
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if g := said.FindStringSubmatch(s.log.String()); g != nil {
			return g[1]
		}
		select {
		case code := <-s.done:
			t.Fatalf("ended with %d before it listened: %s", code, s.log.String())
		case <-deadline.C:
			t.Fatalf("does not listen: %s", s.log.String())
		case <-tick.C:
		}
	}
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

func TestRunUntilTheSignal(t *testing.T) {
	dir := t.TempDir()
	config := file(t, dir, "bridge.yaml", goodConfig+fmt.Sprintf("storage: {dir: %q}\nweb: {listen: \"127.0.0.1:0\"}\n", dir+"/data"))
	s := serve(t, "run", "--config", config, "--log.format", "json")
	addr := s.address(t)
	for path, want := range map[string]string{"/-/healthy": "healthy\n", "/healthcheck": "I'm good\n", "/-/ready": "ready\n", "/metrics": "bridge_app_config_last_reload_successful 1\n"} {
		resp, err := http.Get("http://" + addr + path)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Contains(t, string(body), want)
	}
	http.DefaultClient.CloseIdleConnections()
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
