package bridgetest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// EnvoyProxy is a real Envoy on loopback.
type EnvoyProxy struct {
	*Process
	// Admin is the host:port of its admin interface; metrics are at /stats/prometheus.
	Admin string
	// Listeners holds the host:port of each listener by name.
	Listeners map[string]string
}

// Envoy starts a real Envoy with a bootstrap configuration in JSON. Ports may be 0: the
// addresses in use are read back. It returns when the proxy says that it is ready: its
// listeners then take connections, and nothing was asked of them yet, so that their
// counters are at zero.
func Envoy(t testing.TB, bootstrap []byte) *EnvoyProxy {
	t.Helper()
	binary := filepath.Join(cache(), "envoy", "bin", "envoy")
	if _, err := os.Stat(binary); err != nil {
		Missing(t, "Envoy", "run `make servers`")
	}
	dir := t.TempDir()
	config, adminFile := filepath.Join(dir, "envoy.json"), filepath.Join(dir, "admin")
	if err := os.WriteFile(config, bootstrap, 0o600); err != nil {
		t.Fatalf("starting envoy: %v", err)
	}
	e := &EnvoyProxy{Listeners: map[string]string{}}
	e.Process = Start(t, "envoy", exec.Command(binary, "-c", config, "--admin-address-path", adminFile,
		"--disable-hot-restart", "--concurrency", "2", "--log-level", "warning"))
	e.WaitUntil(time.Minute, "is ready", func() error {
		addr, err := os.ReadFile(adminFile)
		if err != nil {
			return err
		}
		e.Admin = strings.TrimSpace(string(addr))
		if _, err := e.get("/ready"); err != nil {
			return err
		}
		return e.readListeners()
	})
	return e
}

func (e *EnvoyProxy) get(path string) ([]byte, error) {
	c := http.Client{Timeout: 10 * time.Second}
	resp, err := c.Get("http://" + e.Admin + path)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, body)
	}
	return body, err
}

func (e *EnvoyProxy) readListeners() error {
	body, err := e.get("/listeners?format=json")
	if err != nil {
		return err
	}
	var doc struct {
		Statuses []struct {
			Name    string `json:"name"`
			Address struct {
				Socket struct {
					Address string `json:"address"`
					Port    int    `json:"port_value"`
				} `json:"socket_address"`
			} `json:"local_address"`
		} `json:"listener_statuses"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return err
	}
	for _, l := range doc.Statuses {
		e.Listeners[l.Name] = fmt.Sprintf("%s:%d", l.Address.Socket.Address, l.Address.Socket.Port)
	}
	return nil
}

// Stats is the Prometheus exposition that the proxy serves now.
func (e *EnvoyProxy) Stats() []byte {
	e.t.Helper()
	body, err := e.get("/stats/prometheus")
	if err != nil {
		e.t.Fatalf("reading envoy's stats: %v", err)
	}
	return body
}

// Get reads a path of the admin interface.
func (e *EnvoyProxy) Get(path string) ([]byte, error) { return e.get(path) }

// NodeExporter starts a real node_exporter and returns its host:port.
func NodeExporter(t testing.TB, args ...string) string {
	t.Helper()
	path := lookPath(t, "prometheus-node-exporter", "prometheus-node-exporter")
	addr := FreeAddr(t)
	p := Start(t, "node_exporter", exec.Command(path, append([]string{"--web.listen-address=" + addr}, args...)...))
	p.WaitUntil(time.Minute, "listens", func() error { return dialable(addr) })
	return addr
}
