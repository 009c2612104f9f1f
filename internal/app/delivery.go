package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/vesbridge/vesbridge/internal/config"
	"github.com/vesbridge/vesbridge/pkg/dmaap"
	"github.com/vesbridge/vesbridge/pkg/dmaap/kafka"
	"github.com/vesbridge/vesbridge/pkg/dmaap/messagerouter"
	"github.com/vesbridge/vesbridge/pkg/dmaap/vescollector"
	"github.com/vesbridge/vesbridge/pkg/outbox"
)

// delivery runs one sender per configured destination over one outbox. A reload replaces
// only the destinations whose configuration changed; what is pending for the others, and
// for a changed one of the same name, stays pending.
type delivery struct {
	box     outbox.Outbox
	letters dmaap.DeadLetters
	metrics *dmaap.Metrics
	log     *slog.Logger

	mu      sync.Mutex // guards running
	running map[string]*outlet
}

// outlet is one destination at work.
type outlet struct {
	cfg    config.Destination
	sender *dmaap.Sender
	cancel context.CancelFunc
	done   chan struct{}
}

// plan is the fallible half of a reload of the destinations: new ones are made, nothing
// runs or stops yet.
type plan struct {
	router *dmaap.Router
	made   map[string]dmaap.Destination // new or changed, by name
	cfgs   map[string]config.Destination
}

// prepare makes the destinations that cfg adds or changes.
func (d *delivery) prepare(cfg *config.Config) (*plan, error) {
	names := make([]string, len(cfg.Destinations))
	for i, c := range cfg.Destinations {
		names[i] = c.Name
	}
	router, err := dmaap.NewRouter(cfg.Routes, names)
	if err != nil {
		return nil, err
	}
	p := &plan{router: router, made: map[string]dmaap.Destination{}, cfgs: map[string]config.Destination{}}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range cfg.Destinations {
		p.cfgs[c.Name] = c
		if o, ok := d.running[c.Name]; ok && same(&o.cfg, &c) {
			continue
		}
		dest, err := newDestination(&c, d.log)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("making destination %q: %w", c.Name, err), p.discard())
		}
		p.made[c.Name] = dest
	}
	return p, nil
}

// discard closes what was made for a plan that is not carried out.
func (p *plan) discard() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	var errs []error
	for _, dest := range p.made {
		errs = append(errs, dest.Close(ctx))
	}
	return errors.Join(errs...)
}

// same says whether two configurations of a destination differ in more than their line.
func same(a, b *config.Destination) bool {
	x, y := *a, *b
	x.Line, y.Line = 0, 0
	return reflect.DeepEqual(x, y)
}

// apply carries p out. ctx is the life of the senders, not of the call.
func (d *delivery) apply(ctx context.Context, p *plan) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running == nil {
		d.running = map[string]*outlet{}
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(d.running)) {
		_, keep := p.cfgs[name]
		_, replaced := p.made[name]
		if keep && !replaced {
			continue
		}
		errs = append(errs, d.stop(ctx, name, 5*time.Second))
		if !keep {
			d.box.Remove(name)
			d.metrics.Forget(name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.cfgs)) {
		cfg := p.cfgs[name]
		reader, err := d.box.Reader(name, p.router.Filter(name))
		if err != nil {
			errs = append(errs, fmt.Errorf("reading the outbox for %q: %w", name, err))
			continue
		}
		dest, made := p.made[name]
		if !made {
			continue // goes on with its reader, whose filter was just replaced
		}
		if err := d.start(ctx, cfg, reader, dest); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (d *delivery) start(ctx context.Context, cfg config.Destination, reader outbox.Reader, dest dmaap.Destination) error {
	sender, err := dmaap.NewSender(dmaap.SenderOptions{
		Name: cfg.Name, Reader: reader, Destination: dest, Retry: retryOf(&cfg),
		DeadLetters: d.letters, Metrics: d.metrics, Logger: d.log,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	o := &outlet{cfg: cfg, sender: sender, cancel: cancel, done: make(chan struct{})}
	d.running[cfg.Name] = o
	go func() {
		defer close(o.done)
		if err := sender.Run(ctx); err != nil {
			d.log.Error("delivery ended", "destination", cfg.Name, "err", err)
		}
	}()
	return nil
}

// stop ends one sender, letting it drain for at most limit. The caller holds mu.
func (d *delivery) stop(ctx context.Context, name string, limit time.Duration) error {
	o := d.running[name]
	delete(d.running, name)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	err := o.sender.Stop(ctx)
	o.cancel()
	<-o.done
	return err
}

// stopAll drains every destination at once, within ctx.
func (d *delivery) stopAll(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var wg sync.WaitGroup
	errs := make([]error, 0, len(d.running))
	var mu sync.Mutex // guards errs
	for _, o := range d.running {
		wg.Go(func() {
			err := o.sender.Stop(ctx)
			o.cancel()
			<-o.done
			mu.Lock()
			errs = append(errs, err)
			mu.Unlock()
		})
	}
	wg.Wait()
	clear(d.running)
	return errors.Join(errs...)
}

// states returns how each destination is doing, by name.
func (d *delivery) states() map[string]dmaap.State {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make(map[string]dmaap.State, len(d.running))
	for name, o := range d.running {
		out[name] = o.sender.State()
	}
	return out
}

func newDestination(c *config.Destination, log *slog.Logger) (dmaap.Destination, error) {
	log = log.With("destination", c.Name)
	switch {
	case c.VES != nil:
		return vescollector.New(*c.VES, log)
	case c.Kafka != nil:
		return kafka.New(*c.Kafka, log)
	case c.DMaaP != nil:
		return messagerouter.New(*c.DMaaP, log)
	}
	return nil, errors.New("it has no kind")
}

func retryOf(c *config.Destination) dmaap.RetryConfig {
	switch {
	case c.VES != nil:
		return c.VES.Retry
	case c.Kafka != nil:
		return c.Kafka.Retry
	case c.DMaaP != nil:
		return c.DMaaP.Retry
	}
	return dmaap.DefaultRetryConfig()
}
