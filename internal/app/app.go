// Package app is the bridge as a library: New, Start, Reload, Stop, Addr. It is the only
// package that knows the concrete types behind the interfaces; commands give it options
// and nothing else. Several Apps can run in one process.
package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/vesbridge/vesbridge/internal/config"
	"github.com/vesbridge/vesbridge/internal/web"
	"github.com/vesbridge/vesbridge/pkg/mapping"
	"github.com/vesbridge/vesbridge/pkg/outbox"
	"github.com/vesbridge/vesbridge/pkg/scrape"
	"github.com/vesbridge/vesbridge/pkg/series"
)

// Options are what New takes. ConfigFile is required.
type Options struct {
	ConfigFile string
	// Listen replaces web.listen of the configuration where it is not empty.
	Listen string
	// StopTimeout bounds Stop where its context does not; default 20 s.
	StopTimeout time.Duration
	Logger      *slog.Logger // default: discard
}

// App is one bridge. Start is called once; Stop and Reload may be called from any
// goroutine, the readers from any goroutine between Start and Stop.
type App struct {
	opts Options
	log  *slog.Logger
	reg  *prometheus.Registry
	m    *metrics

	started    time.Time
	cur        atomic.Pointer[loaded] // the configuration in force
	lastReload atomic.Pointer[reloadResult]

	store    *series.Store
	querier  *series.Engine
	scraper  scrape.Scraper
	engine   *mapping.Engine
	box      outbox.Outbox
	delivery *delivery
	recent   *web.Recent
	ln       net.Listener

	reload  sync.Mutex // one reload at a time; guards running and stopped
	running bool       // all that a reload changes is there
	stopped bool

	watchEvery time.Duration
	seen       sums // the files as they were before they were first read

	wg    sync.WaitGroup
	stop  sync.Mutex // one Stop at a time; guards down once Start has returned
	down  teardown
	fatal chan error
}

// New reads the configuration and returns an App that is not started. The error lists
// every problem of the configuration.
func New(o Options) (*App, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.StopTimeout = cmp.Or(o.StopTimeout, 20*time.Second)
	seen := look(config.Files(o.ConfigFile)) // before it is read: a change from here on is one
	l, problems := load(o.ConfigFile)
	if l == nil {
		return nil, told(problems)
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	now := time.Now()
	a := &App{
		opts: o, log: o.Logger, reg: reg, m: newMetrics(reg), fatal: make(chan error, 1),
		started: now, recent: web.NewRecent(recentEvents, recentBytes),
		watchEvery: watchInterval, seen: seen,
	}
	a.cur.Store(l)
	a.lastReload.Store(&reloadResult{at: now, took: now, problems: problems})
	a.m.reloaded(true, now)
	return a, nil
}

// Start opens the store and the listeners and begins to scrape, map and deliver. It
// returns once all of it runs; an error leaves nothing running. ctx bounds the start
// only.
func (a *App) Start(ctx context.Context) (err error) {
	a.reload.Lock()
	stopped := a.stopped
	a.reload.Unlock()
	if stopped {
		return errors.New("starting: the bridge was stopped")
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Stop(ctx))
		}
	}()
	l := a.cur.Load()
	for _, p := range a.lastReload.Load().problems {
		a.log.Warn("configuration warning", "problem", p.Error())
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a.down.push("background work", func(context.Context) error { cancel(); a.wg.Wait(); return nil })

	if err := a.openStore(l); err != nil {
		return err
	}
	if err := a.openDelivery(run, l); err != nil {
		return err
	}
	if err := a.openMapping(run, l); err != nil {
		return err
	}
	if err := a.openScrape(run, l); err != nil {
		return err
	}
	a.reload.Lock()
	a.running = true
	a.reload.Unlock()
	if err := a.openWeb(ctx, l); err != nil {
		return err
	}
	a.wg.Go(func() {
		files := func() []string { return config.Files(a.opts.ConfigFile) }
		watch(run, a.watchEvery, a.seen, files, func() { _ = a.Reload(run) }) // told in the log, the metrics and the page
	})
	return nil
}

// Addr is where the web listener listens, once started.
func (a *App) Addr() net.Addr { return a.ln.Addr() }

// Fatal delivers the error of a part without which the bridge cannot go on.
func (a *App) Fatal() <-chan error { return a.fatal }

// Gatherer serves the App's own metrics.
func (a *App) Gatherer() prometheus.Gatherer { return a.reg }

// Ledger accounts for every event promised so far.
func (a *App) Ledger() []outbox.LedgerRow { return a.box.Ledger() }

// Stop ends everything in the reverse order of Start: no more scrapes, the events that
// are built are delivered as far as ctx and StopTimeout allow, then all is closed.
// Idempotent; legal on an App that did not start, which then cannot be started. It waits
// for a reload under way and refuses later ones.
func (a *App) Stop(ctx context.Context) error {
	a.reload.Lock()
	a.running, a.stopped = false, true
	a.reload.Unlock()
	a.stop.Lock()
	defer a.stop.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.opts.StopTimeout)
	defer cancel()
	return a.down.run(ctx)
}

func (a *App) openStore(l *loaded) error {
	dir := filepath.Join(l.cfg.Storage.Dir, "series")
	store, err := series.OpenStore(series.StoreOptions{Dir: dir, Retention: l.cfg.Storage.Retention, Logger: a.log, Registerer: a.reg})
	if err != nil {
		return fmt.Errorf("opening the series store %q: %w", dir, err)
	}
	a.down.push("series store", func(context.Context) error { return store.Close() })
	store.SetReach(l.set.Reach())
	a.store = store
	a.querier = series.NewEngine(series.EngineOptions{Queryable: store, Logger: a.log, Registerer: a.reg})
	return nil
}

func (a *App) openDelivery(run context.Context, l *loaded) error {
	d, err := openDelivery(run, l.cfg, a.reg, a.log, &a.down)
	if err != nil {
		return err
	}
	a.delivery, a.box = d, d.box
	a.reg.MustRegister(ledgerCollector{a.box})
	return nil
}

func (a *App) openMapping(run context.Context, l *loaded) error {
	state, err := mapping.NewFileState(filepath.Join(l.cfg.Storage.Dir, "windows.json"))
	if err != nil {
		return err
	}
	a.engine, err = mapping.New(l.set, a.querier, a.promise, mapping.Options{
		Grace:                  maxScrapeTimeout(l.cfg),
		HeartbeatInterval:      l.cfg.Global.HeartbeatInterval,
		ReportingEntityName:    l.cfg.Global.ReportingEntityName,
		MaxCatchUp:             l.cfg.Storage.Retention,
		AllowSeveralEventNames: l.cfg.Global.SeveralEventNames,
		State:                  state,
		Logger:                 a.log,
		Registerer:             a.reg,
	})
	if err != nil {
		return fmt.Errorf("preparing the mappings: %w", err)
	}
	ctx, cancel := context.WithCancel(run)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := a.engine.Run(ctx); err != nil && ctx.Err() == nil {
			a.fail(fmt.Errorf("mapping: %w", err))
		}
	}()
	a.down.push("mapping", func(context.Context) error { cancel(); <-done; return nil })
	return nil
}

func (a *App) openScrape(run context.Context, l *loaded) error {
	s, err := scrape.New(scrape.Options{
		Appendable: a.store,
		Births:     l.set.BirthsZero,
		Logger:     a.log,
		Registerer: a.reg,
	})
	if err != nil {
		return fmt.Errorf("preparing the scraper: %w", err)
	}
	if err := s.ApplyConfig(l.cfg.Scrape); err != nil {
		return fmt.Errorf("applying scrape_configs: %w", err)
	}
	a.scraper = s
	run, cancel := context.WithCancel(run)
	a.down.push("scraper", func(context.Context) error { cancel(); s.Stop(); return nil })
	a.wg.Go(func() {
		if err := s.Run(run); err != nil && run.Err() == nil {
			a.fail(fmt.Errorf("scraping: %w", err))
		}
	})
	return nil
}

// fail reports the end of a part without which the bridge cannot go on.
func (a *App) fail(err error) {
	select {
	case a.fatal <- err:
	default:
	}
}
