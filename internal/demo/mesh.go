package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"sync"
	"time"
)

const (
	defaultRate = 30 // requests a second, on average
	workers     = 16 // requests of the load generator under way at once, at most
)

// Options say how the mesh is driven.
type Options struct {
	Logger *slog.Logger // nil: silent
	// Rate is the average number of requests a second; 0 means 30. The rate swings by
	// half around it once a minute, so that a peak differs from a mean.
	Rate float64
	// Requests ends the load after so many; 0 means never.
	Requests uint64
}

// Target is one sidecar to scrape.
type Target struct {
	Address string            // host:port of the admin listener
	Path    string            // "/stats/prometheus"
	Labels  map[string]string // namespace, pod, app, version
}

// Counts are what the applications and the load generator counted themselves.
type Counts struct {
	// Generated is the load generator's view: what it asked checkout.
	Generated Tally
	// Received is, by pod, what its application answered.
	Received map[string]Tally
	// Called is, by pod, what its application asked through its own sidecar. A retry by
	// the sidecar is no call of the application.
	Called map[string]Tally
}

// Mesh is the running mesh. Its methods are safe for concurrent use.
type Mesh struct {
	logger    *slog.Logger
	pods      []*pod
	generated tally
	client    *http.Client
	cancel    context.CancelFunc
	done      chan struct{} // closed when the load has ended
}

// Start opens the mesh on free loopback ports and begins the load. When ctx ends, so does
// the load; Stop is needed all the same.
func Start(ctx context.Context, o Options) (*Mesh, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("starting the demo mesh: %w", err)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Rate == 0 {
		o.Rate = defaultRate
	}
	if !(o.Rate > 0) || o.Rate > 10000 {
		return nil, fmt.Errorf("starting the demo mesh: rate %v is not within 0..10000 requests a second", o.Rate)
	}
	m := &Mesh{
		logger: o.Logger.With("component", "demo"),
		client: &http.Client{
			Transport: &http.Transport{MaxIdleConnsPerHost: workers},
			Timeout:   20 * time.Second,
		},
		done: make(chan struct{}),
	}
	loadCtx, cancel := context.WithCancel(ctx)
	m.cancel = cancel
	if err := m.deploy(ctx); err != nil {
		close(m.done)
		// ctx may be what failed it; nothing runs yet that could make this wait.
		stopErr := m.Stop(context.WithoutCancel(ctx))
		return nil, fmt.Errorf("starting the demo mesh: %w", errors.Join(err, stopErr))
	}
	go m.load(loadCtx, o)
	return m, nil
}

// deploy starts the pods and wires their routes.
func (m *Mesh) deploy(ctx context.Context) error {
	cart := newPod("checkout-v1-0", "checkout", "v1", m.logger, checkout)
	v1 := newPod("catalog-v1-0", "catalog", "v1", m.logger, catalog)
	v2 := newPod("catalog-v2-0", "catalog", "v2", m.logger, catalog)
	stock := newPod("inventory-v1-0", "inventory", "v1", m.logger, inventory)
	m.pods = []*pod{cart, v1, v2, stock}
	for _, p := range m.pods {
		if err := p.start(ctx); err != nil {
			return fmt.Errorf("pod %q: %w", p.name, err)
		}
	}

	cart.calls = "catalog"
	toV1 := cart.sidecar.cluster("catalog-v1", v1.sidecar.inbound.addr(), 1)
	toV2 := cart.sidecar.cluster("catalog-v2", v2.sidecar.inbound.addr(), 1)
	cart.sidecar.addRoute("catalog", toV1, toV1, toV2, toV1, toV1)
	for _, p := range []*pod{v1, v2} {
		p.calls = "inventory"
		p.sidecar.addRoute("inventory", p.sidecar.cluster("inventory", stock.sidecar.inbound.addr(), 0))
	}
	return nil
}

// load sends requests until ctx ends or they have all been sent, and waits for the last
// answer.
func (m *Mesh) load(ctx context.Context, o Options) {
	defer close(m.done)
	var wg sync.WaitGroup
	defer wg.Wait()
	slots := make(chan struct{}, workers)
	begin := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	base := "http://" + m.pods[0].sidecar.inbound.addr() + "/checkout/"
	for n := uint64(1); o.Requests == 0 || n <= o.Requests; n++ {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		// A mesh that cannot keep up gets less load: the generator waits for a free slot.
		select {
		case <-ctx.Done():
			return
		case slots <- struct{}{}:
		}
		wg.Go(func() {
			defer func() { <-slots }()
			m.send(ctx, base, n)
		})
		swing := 1 + 0.5*math.Sin(2*math.Pi*time.Since(begin).Seconds()/60)
		timer.Reset(time.Duration(float64(time.Second) / (o.Rate * swing)))
	}
}

func (m *Mesh) send(ctx context.Context, base string, n uint64) {
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, fmt.Sprint(base, n), nil)
	if err != nil {
		m.logger.Error("building a request", "err", err)
		return
	}
	req.Host = "checkout"
	m.generated.add(do(m.client, req))
}

// Targets returns the sidecars, in a fixed order.
func (m *Mesh) Targets() []Target {
	targets := make([]Target, len(m.pods))
	for i, p := range m.pods {
		targets[i] = Target{
			Address: p.sidecar.admin.addr(),
			Path:    "/stats/prometheus",
			Labels:  map[string]string{"namespace": "demo", "pod": p.name, "app": p.app, "version": p.version},
		}
	}
	return targets
}

// Counts returns what has been counted so far. While the load runs, the views differ by
// the requests under way.
func (m *Mesh) Counts() Counts {
	c := Counts{Generated: m.generated.read(), Received: map[string]Tally{}, Called: map[string]Tally{}}
	for _, p := range m.pods {
		c.Received[p.name] = p.received.read()
		if p.calls != "" {
			c.Called[p.name] = p.called.read()
		}
	}
	return c
}

// Done is closed when the load has ended: all Requests answered, StopLoad, Stop or the
// end of Start's context.
func (m *Mesh) Done() <-chan struct{} { return m.done }

// StopLoad ends the load, carries the requests under way through and closes the
// connections, so that from then on the sidecars have counted all that was sent and their
// counters stand still. They can still be scraped. An error says that ctx ended before.
func (m *Mesh) StopLoad(ctx context.Context) error {
	m.cancel()
	select {
	case <-m.done:
	case <-ctx.Done():
		return fmt.Errorf("waiting for the load's last answers: %w", context.Cause(ctx))
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		// Idle connections show up behind one another along the chain, so each round
		// closes those that have become idle.
		m.client.CloseIdleConnections()
		idle := true
		for _, p := range m.pods {
			p.client.CloseIdleConnections()
			p.sidecar.closeIdle()
			idle = idle && p.sidecar.idle()
		}
		if idle {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for the sidecars to fall idle: %w", context.Cause(ctx))
		}
	}
}

// Stop ends the load and the mesh and waits for its goroutines. When ctx ends before the
// requests under way have been answered, their connections are cut and the error says so.
// It may be called more than once.
func (m *Mesh) Stop(ctx context.Context) error {
	err := m.StopLoad(ctx)
	for _, p := range m.pods {
		p.stop(ctx)
	}
	m.client.CloseIdleConnections()
	<-m.done
	return err
}
