package app

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"text/template"
	"time"

	"github.com/vesbridge/vesbridge/internal/demo"
	"github.com/vesbridge/vesbridge/pkg/dmaap/listener"
	"github.com/vesbridge/vesbridge/pkg/outbox"
)

// DemoOptions are what Demo takes.
type DemoOptions struct {
	For      time.Duration // 0: until ctx ends
	Interval time.Duration // measurement interval; default 10 s
	Listen   string        // of the web page; a free port where it is taken
	Logger   *slog.Logger
	Stdout   io.Writer // the summary
	Stderr   io.Writer // progress
}

// demoConfig is the configuration of the demo, in the words a user would write.
const demoConfig = `global:
  scrape_interval: 1s
  scrape_timeout: 1s
  measurement_interval: {{ .Interval }}
  heartbeat_interval: {{ .Interval }}
  reporting_entity_name: vesbridge-demo
scrape_configs:
  - job_name: sidecars
    metrics_path: /stats/prometheus
    static_configs:
{{- range .Targets }}
      - targets: ["{{ .Address }}"]
        labels: { {{- range $k, $v := .Labels }}{{ $k }}: "{{ $v }}", {{ end -}} }
{{- end }}
mappings: [envoy]
destinations:
  - name: collector
    ves: {endpoint: "http://{{ .Collector }}"}
storage: {dir: "{{ .Dir }}", retention: 1h}
web: {listen: "{{ .Listen }}"}
`

// Demo runs the whole pipeline in this process: a mesh with real traffic, an App, and an
// embedded VES collector that takes its events. It returns when For is over or ctx ends;
// an error says that something did not work as shown.
func Demo(ctx context.Context, o DemoOptions) (err error) {
	o.Interval = cmp.Or(o.Interval, 10*time.Second)
	if o.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.For)
		defer cancel()
	}
	var down teardown
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		err = errors.Join(err, down.run(stop))
	}()
	dir, err := os.MkdirTemp("", "bridge-demo-")
	if err != nil {
		return fmt.Errorf("making a folder for the demo: %w", err)
	}
	down.push("demo folder", func(context.Context) error { return os.RemoveAll(dir) })

	got := &taken{}
	collector, err := startDemoCollector(ctx, o, got, &down)
	if err != nil {
		return err
	}
	mesh, err := demo.Start(ctx, demo.Options{Logger: o.Logger})
	if err != nil {
		return fmt.Errorf("starting the mesh: %w", err)
	}
	down.push("mesh", mesh.Stop)
	a, err := startDemoBridge(ctx, o, dir, collector, mesh)
	if err != nil {
		return err
	}
	down.push("bridge", a.Stop)

	fmt.Fprintf(o.Stderr, "A mesh of %d sidecars runs in this process; the bridge scrapes it each second and tells a VES collector every %s.\n", len(mesh.Targets()), o.Interval)
	fmt.Fprintf(o.Stderr, "  page       http://%s/\n  collector  http://%s/eventListener/v7\n  config     %s\nEnd with Ctrl-C.\n", a.Addr(), collector, filepath.Join(dir, "bridge.yaml"))
	err = showProgress(ctx, o, a, mesh, got)
	summary(o.Stdout, mesh, got, a)
	return err
}

// taken counts what the embedded collector acknowledged. Safe for concurrent use.
type taken struct {
	mu       sync.Mutex // guards the fields below
	byDomain map[string]int
	sources  map[string]bool
	last     []byte
}

func (t *taken) sink(_ context.Context, recs []outbox.Record) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byDomain == nil {
		t.byDomain, t.sources = map[string]int{}, map[string]bool{}
	}
	for _, r := range recs {
		t.byDomain[r.Domain]++
		t.sources[r.SourceName] = true
		if r.Domain == "measurement" {
			t.last = r.Body
		}
	}
	return nil
}

func (t *taken) counts() (measurements, heartbeats, sources int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byDomain["measurement"], t.byDomain["heartbeat"], len(t.sources)
}

func startDemoCollector(ctx context.Context, o DemoOptions, got *taken, down *teardown) (string, error) {
	l, err := listener.New(listener.Options{Sink: got.sink, Logger: o.Logger})
	if err != nil {
		return "", fmt.Errorf("preparing the collector: %w", err)
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listening for the collector: %w", err)
	}
	go func() { _ = l.Serve(ln) }() // ends with Shutdown below
	down.push("collector", l.Shutdown)
	return ln.Addr().String(), nil
}

func startDemoBridge(ctx context.Context, o DemoOptions, dir, collector string, mesh *demo.Mesh) (*App, error) {
	listen := o.Listen
	if ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen); err != nil {
		listen = "127.0.0.1:0" // taken, by another bridge most likely
	} else if err := ln.Close(); err != nil {
		return nil, fmt.Errorf("trying %q: %w", listen, err)
	}
	var text bytes.Buffer
	err := template.Must(template.New("config").Parse(demoConfig)).Execute(&text, map[string]any{
		"Interval": o.Interval, "Targets": mesh.Targets(), "Collector": collector, "Dir": filepath.ToSlash(dir), "Listen": listen,
	})
	if err != nil {
		return nil, fmt.Errorf("writing the demo's configuration: %w", err)
	}
	path := filepath.Join(dir, "bridge.yaml")
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		return nil, fmt.Errorf("writing the demo's configuration: %w", err)
	}
	a, err := New(Options{ConfigFile: path, Logger: o.Logger})
	if err != nil {
		return nil, err
	}
	return a, a.Start(ctx)
}

// showProgress tells every second, in one line on a terminal, how far things are.
func showProgress(ctx context.Context, o DemoOptions, a *App, mesh *demo.Mesh, got *taken) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	tty := isTerminal(o.Stderr)
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			if tty {
				fmt.Fprintln(o.Stderr)
			}
			return nil
		case err := <-a.Fatal():
			return err
		case <-tick.C:
			m, h, s := got.counts()
			line := fmt.Sprintf("requests %d  sidecars up %d/%d  VES accepted: %d measurements, %d heartbeats of %d sources",
				mesh.Counts().Generated.Requests, a.up(), len(mesh.Targets()), m, h, s)
			switch {
			case tty:
				fmt.Fprintf(o.Stderr, "\r\033[K%s", line)
			case n%5 == 0:
				fmt.Fprintln(o.Stderr, line)
			}
		}
	}
}

// summary is the demo's result: counts, one whole event, and what to try next.
func summary(w io.Writer, mesh *demo.Mesh, got *taken, a *App) {
	m, h, s := got.counts()
	fmt.Fprintf(w, "%d requests went through the mesh; the collector accepted %d measurements and %d heartbeats of %d sources.\n", mesh.Counts().Generated.Requests, m, h, s)
	for _, r := range a.Ledger() {
		fmt.Fprintf(w, "ledger %s/%s: built %d = delivered %d + dead-lettered %d + expired %d + pending %d\n",
			r.Destination, r.Domain, r.Built, r.Delivered, r.DeadLettered, r.Expired, r.Pending)
	}
	got.mu.Lock()
	defer got.mu.Unlock()
	if got.last != nil {
		fmt.Fprintf(w, "the last measurement:\n%s\n", got.last)
	}
}

// isTerminal says whether w is a terminal, without a dependency for it.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}
