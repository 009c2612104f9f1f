package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vesbridge/vesbridge/internal/config"
	"github.com/vesbridge/vesbridge/internal/problem"
	"github.com/vesbridge/vesbridge/pkg/dmaap"
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
	drain   time.Duration // at a reload; 0 is reloadDrain

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

// openDelivery makes an outbox and starts a sender for each destination of cfg; down gets
// what ends both. ctx is the life of the senders.
func openDelivery(ctx context.Context, cfg *config.Config, reg prometheus.Registerer, log *slog.Logger, down *teardown) (*delivery, error) {
	box := outbox.NewMemory(outbox.Options{MaxRecords: cfg.Outbox.MaxRecords, MaxBytes: cfg.Outbox.MaxBytes})
	down.push("outbox", func(context.Context) error { return box.Close() })
	d := &delivery{box: box, letters: dmaap.NewRing(0, 0), metrics: dmaap.NewMetrics(reg), log: log}
	p, problems := d.prepare(cfg)
	if p == nil {
		return nil, told(problems)
	}
	down.push("delivery", d.stopAll)
	return d, d.apply(ctx, p)
}

// plan is the fallible half of a reload of the destinations: new ones are made, nothing
// runs or stops yet.
type plan struct {
	router *dmaap.Router
	made   map[string]dmaap.Destination // new or changed, by name
	cfgs   map[string]config.Destination
}

// prepare makes the destinations that cfg adds or changes. The plan is nil where any
// cannot be made; the problems name all that cannot.
func (d *delivery) prepare(cfg *config.Config) (*plan, problem.List) {
	var problems problem.List
	router, err := cfg.Router()
	if err != nil {
		problems.Addf(cfg.Path, 0, "correct the routes", "%v", err)
		return nil, problems
	}
	p := &plan{router: router, made: map[string]dmaap.Destination{}, cfgs: map[string]config.Destination{}}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range cfg.Destinations {
		p.cfgs[c.Name] = c
		if o, ok := d.running[c.Name]; ok && same(&o.cfg, &c) {
			continue
		}
		dest, err := c.Settings().Open(d.log.With("destination", c.Name))
		if err != nil {
			problems = append(problems, unmakable(cfg, &c, err))
			continue
		}
		p.made[c.Name] = dest
	}
	if problems.Failed() {
		if err := p.discard(); err != nil {
			d.log.Warn("closing destinations that were prepared", "err", err)
		}
		return nil, problems
	}
	return p, nil
}

func unmakable(cfg *config.Config, c *config.Destination, err error) problem.Problem {
	return problem.Problem{File: cfg.Path, Line: c.Line, Text: fmt.Sprintf("destination %q: %v", c.Name, err), Remedy: "correct the destination"}
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

// apply carries p out. ctx is the life of the senders, not of the call. What cannot be
// carried out is in the error; all else is done. Not together with prepare or stopAll.
func (d *delivery) apply(ctx context.Context, p *plan) error {
	var errs []error
	// The routes first, also of what goes on as it is: nothing waits for a slow stop.
	readers := map[string]outbox.Reader{}
	for _, name := range slices.Sorted(maps.Keys(p.cfgs)) {
		reader, err := d.box.Reader(name, p.router.Filter(name))
		if err != nil {
			errs = append(errs, fmt.Errorf("reading the outbox for %q: %w", name, err))
			continue
		}
		readers[name] = reader
	}
	leaving := d.leaving(p)
	errs = append(errs, d.stopSome(ctx, leaving, cmp.Or(d.drain, reloadDrain)))
	for name := range leaving {
		if _, keep := p.cfgs[name]; !keep {
			d.box.Remove(name)
			d.metrics.Forget(name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.made)) {
		reader, ok := readers[name]
		if !ok {
			errs = append(errs, p.made[name].Close(ctx))
			continue
		}
		if err := d.start(ctx, p.cfgs[name], reader, p.made[name]); err != nil {
			errs = append(errs, err, p.made[name].Close(ctx))
		}
	}
	return errors.Join(errs...)
}

// reloadDrain is how long a destination that a reload takes away or changes may go on
// sending.
const reloadDrain = 5 * time.Second

// leaving are the outlets that do not run on under p.
func (d *delivery) leaving(p *plan) map[string]*outlet {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := map[string]*outlet{}
	for name, o := range d.running {
		_, keep := p.cfgs[name]
		_, replaced := p.made[name]
		if !keep || replaced {
			out[name] = o
		}
	}
	return out
}

func (d *delivery) start(ctx context.Context, cfg config.Destination, reader outbox.Reader, dest dmaap.Destination) error {
	sender, err := dmaap.NewSender(dmaap.SenderOptions{
		Name: cfg.Name, Reader: reader, Destination: dest, Retry: cfg.Settings().RetryPolicy(),
		DeadLetters: d.letters, Metrics: d.metrics, Logger: d.log,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	o := &outlet{cfg: cfg, sender: sender, cancel: cancel, done: make(chan struct{})}
	d.mu.Lock()
	if d.running == nil {
		d.running = map[string]*outlet{}
	}
	d.running[cfg.Name] = o
	d.mu.Unlock()
	go func() {
		defer close(o.done)
		if err := sender.Run(ctx); err != nil {
			d.log.Error("delivery ended", "destination", cfg.Name, "err", err)
		}
	}()
	return nil
}

// stopSome drains outlets side by side for at most limit, and ends them. mu is free
// meanwhile: pages go on, and a destination that hangs holds up no other.
func (d *delivery) stopSome(ctx context.Context, outlets map[string]*outlet, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	return d.halt(ctx, outlets)
}

func (d *delivery) halt(ctx context.Context, outlets map[string]*outlet) error {
	var wg sync.WaitGroup
	var errs []error // guarded by mu
	for name, o := range outlets {
		wg.Go(func() {
			err := o.sender.Stop(ctx)
			o.cancel()
			<-o.done
			d.mu.Lock()
			defer d.mu.Unlock()
			delete(d.running, name)
			errs = append(errs, err)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// stopAll drains every destination at once, within ctx, and says what was not delivered:
// an outbox in memory takes that along.
func (d *delivery) stopAll(ctx context.Context) error {
	d.mu.Lock()
	all := maps.Clone(d.running)
	d.mu.Unlock()
	err := d.halt(ctx, all)
	for _, r := range d.box.Ledger() {
		if r.Pending > 0 {
			d.log.Error("stopped before all events were delivered", "destination", r.Destination, "domain", r.Domain, "events", r.Pending)
		}
	}
	return err
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
