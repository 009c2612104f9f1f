package scrape

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/model/labels"
	promscrape "github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/logging"
)

// Scraper finds targets and scrapes them into a store.
type Scraper interface {
	// ApplyConfig replaces the whole configuration, keeping the targets that did not
	// change and their counters' lives. It may be called before and during Run. On an
	// error some jobs may already run with the new configuration; apply the old one
	// again to go back.
	ApplyConfig(*Config) error
	// SetBirths replaces Options.Births. Series already seen stay seen: none of them is
	// born by becoming a births series.
	SetBirths(func(metric string) bool)
	// Run scrapes until ctx ends or Stop is called, then waits for scrapes under way.
	// It may be called once.
	Run(ctx context.Context) error
	// Stop ends Run and waits for it.
	Stop()
	// Targets tells of every target found and not dropped by relabelling, by job and URL.
	Targets() []TargetStatus
}

// TargetStatus is what is known of one target.
type TargetStatus struct {
	Job    string            `json:"job"`
	URL    string            `json:"url"`
	Labels map[string]string `json:"labels"`
	// Health is up, down, or unknown before the first scrape.
	Health string `json:"health"`
	// LastError is why the last scrape failed, "" where it did not.
	LastError  string        `json:"lastError,omitempty"`
	LastScrape time.Time     `json:"lastScrape"`
	Duration   time.Duration `json:"duration"` // of the last scrape, nanoseconds
	// Samples is how many the last successful scrape brought, after relabelling.
	Samples int `json:"samples"`
}

// Options configure a Manager.
type Options struct {
	// Appendable is where samples go. Required.
	Appendable storage.AppendableV2
	// Births says which series names live with the process that exposes them, so that a
	// new one began at zero; nil is none. Safe for concurrent use.
	Births func(metric string) bool
	// StartMetrics replace DefaultStartMetrics.
	StartMetrics []StartMetric
	// DiscoveryInterval is the least time between two changes of the target lists;
	// 0 is Prometheus' 5 s.
	DiscoveryInterval time.Duration
	Logger            *slog.Logger
	Registerer        prometheus.Registerer
}

// Manager is a Scraper on Prometheus' own discovery and scrape managers. Safe for
// concurrent use.
type Manager struct {
	options   Options
	lives     *lives
	scrape    *promscrape.Manager
	sdMetrics *discovery.SDMetrics
	registry  prometheus.Registerer

	apply sync.Mutex // serialises ApplyConfig

	mu        sync.Mutex
	config    *Config            // guarded by mu
	discovery *discovery.Manager // nil before Run; guarded by mu
	cancel    context.CancelFunc // guarded by mu
	stopped   bool               // guarded by mu
	done      chan struct{}
}

var _ Scraper = (*Manager)(nil)

// New returns a Manager without targets. It starts nothing.
func New(o Options) (*Manager, error) {
	if o.Appendable == nil {
		return nil, errors.New("making a scraper: no store to append to")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.StartMetrics == nil {
		o.StartMetrics = DefaultStartMetrics()
	}
	reg := o.Registerer
	if reg == nil {
		// Prometheus' managers want one.
		reg = prometheus.NewRegistry()
	}
	m := &Manager{options: o, registry: reg, done: make(chan struct{})}
	m.lives = newLives(livesOptions{
		next: o.Appendable, births: o.Births, starts: o.StartMetrics,
		logger: o.Logger, metrics: newLivesMetrics(o.Registerer),
	})
	var err error
	m.sdMetrics, err = discovery.CreateAndRegisterSDMetrics(reg)
	if err != nil {
		return nil, fmt.Errorf("registering service discovery metrics: %w", err)
	}
	m.scrape, err = promscrape.NewManager(&promscrape.Options{
		PassMetadataInContext:    true, // how lives knows the target
		AppendMetadata:           true, // how lives knows counters from gauges
		ParseST:                  true,
		EnableZstdScrape:         true,
		DiscoveryReloadInterval:  model.Duration(o.DiscoveryInterval),
		DiscoveryReloadOnStartup: true,
	}, o.Logger.With("component", "scrape"), failureLog, nil, m.lives, reg)
	if err != nil {
		return nil, fmt.Errorf("making the scrape manager: %w", err)
	}
	return m, nil
}

// failureLog serves scrape_failure_log_file.
func failureLog(path string) (*logging.JSONFileLogger, error) {
	if path == "" {
		return nil, nil
	}
	return logging.NewJSONFileLogger(path)
}

// ApplyConfig implements Scraper.
func (m *Manager) ApplyConfig(c *Config) error {
	m.apply.Lock()
	defer m.apply.Unlock()
	m.mu.Lock()
	changed := changedJobs(m.config, c)
	m.mu.Unlock()
	// With other relabelling every series of a job looks new: what was known of its
	// targets must not make births of them, neither under the old loops nor the new.
	m.lives.pause(changed...)
	defer m.lives.resume(changed...)
	if err := m.scrape.ApplyConfig(c.prometheus); err != nil {
		return fmt.Errorf("applying the scrape configuration: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.config = c
	return m.discover()
}

// discover hands the present configuration to discovery, once it runs. Called with mu
// held.
func (m *Manager) discover() error {
	if m.discovery == nil || m.config == nil {
		return nil
	}
	byJob := map[string]discovery.Configs{}
	for _, j := range m.config.prometheus.ScrapeConfigs {
		byJob[j.JobName] = j.ServiceDiscoveryConfigs
	}
	if err := m.discovery.ApplyConfig(byJob); err != nil {
		return fmt.Errorf("applying the service discovery configuration: %w", err)
	}
	return nil
}

// changedJobs lists the jobs of b that a does not have exactly so, and those only a has.
func changedJobs(a, b *Config) []string {
	was := map[string]*config.ScrapeConfig{}
	if a != nil {
		for _, j := range a.prometheus.ScrapeConfigs {
			was[j.JobName] = j
		}
	}
	var out []string
	for _, j := range b.prometheus.ScrapeConfigs {
		if !reflect.DeepEqual(was[j.JobName], j) {
			out = append(out, j.JobName)
		}
		delete(was, j.JobName)
	}
	for name := range was {
		out = append(out, name)
	}
	return out
}

// SetBirths implements Scraper.
func (m *Manager) SetBirths(births func(metric string) bool) {
	m.lives.setBirths(births)
}

// Run implements Scraper.
func (m *Manager) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d := discovery.NewManager(ctx, m.options.Logger.With("component", "discovery"), m.registry, m.sdMetrics,
		discovery.Name("scrape"), discovery.Updatert(m.updatePeriod()))
	if d == nil {
		return errors.New("making the discovery manager: its metrics could not be registered")
	}
	m.mu.Lock()
	if m.stopped || m.cancel != nil {
		m.mu.Unlock()
		return errors.New("running the scraper: it ran or was stopped before")
	}
	m.discovery, m.cancel = d, cancel
	err := m.discover()
	m.mu.Unlock()
	defer close(m.done)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = d.Run() }) // its only error is ctx's
	wg.Go(func() { _ = m.scrape.Run(d.SyncCh()) })
	<-ctx.Done()
	m.scrape.Stop()
	wg.Wait()
	return nil
}

func (m *Manager) updatePeriod() time.Duration {
	if m.options.DiscoveryInterval > 0 {
		return m.options.DiscoveryInterval
	}
	return 5 * time.Second
}

// Stop implements Scraper.
func (m *Manager) Stop() {
	m.mu.Lock()
	m.stopped = true
	cancel := m.cancel
	m.mu.Unlock()
	if cancel != nil {
		cancel()
		<-m.done
	}
}

// Targets implements Scraper.
func (m *Manager) Targets() []TargetStatus {
	var out []TargetStatus
	for job, targets := range m.scrape.TargetsActive() {
		for _, t := range targets {
			s := TargetStatus{
				Job: job, URL: t.URL().Redacted(), Labels: map[string]string{},
				Health: string(t.Health()), LastScrape: t.LastScrape(), Duration: t.LastScrapeDuration(),
				Samples: m.lives.samples(identify(t)),
			}
			t.LabelsRange(func(l labels.Label) { s.Labels[l.Name] = l.Value })
			if err := t.LastError(); err != nil {
				s.LastError = err.Error()
			}
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b TargetStatus) int {
		return strings.Compare(a.Job+"\x00"+a.URL, b.Job+"\x00"+b.URL)
	})
	return out
}
