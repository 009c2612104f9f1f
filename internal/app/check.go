package app

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vesbridge/vesbridge/internal/config"
	"github.com/vesbridge/vesbridge/internal/problem"
	"github.com/vesbridge/vesbridge/pkg/mapping"
	"github.com/vesbridge/vesbridge/pkg/outbox"
	"github.com/vesbridge/vesbridge/pkg/series"
	"github.com/vesbridge/vesbridge/pkg/ves"
)

// ErrProblems ends an operation that ran and found problems, which it has told.
var ErrProblems = errors.New("problems found")

// loaded is one configuration with all that it names, compiled.
type loaded struct {
	cfg *config.Config
	set *mapping.Set
}

// load reads and compiles everything behind a configuration file, and returns every
// problem of every file. loaded is nil where any is more than a warning.
func load(path string) (*loaded, problem.List) {
	cfg, problems := config.Read(path)
	if cfg == nil {
		return nil, problems
	}
	// The mappings are looked at whatever is wrong with the rest: all problems in one run.
	set, more := compile(cfg)
	problems = append(problems, more...)
	undeliverable(cfg, &problems)
	if set != nil {
		lacking(cfg, set, &problems)
	}
	if problems.Failed() {
		return nil, problems
	}
	return &loaded{cfg: cfg, set: set}, problems
}

// compile loads the identity table and all mappings of cfg.
func compile(cfg *config.Config) (*mapping.Set, problem.List) {
	sources := make([]mapping.Source, 0, len(cfg.Mappings))
	for _, m := range cfg.Mappings {
		sources = append(sources, mapping.Source{Name: m.Path, Text: m.Text})
	}
	return compileSources(cfg, sources, loadOptions(cfg))
}

// loadOptions is the setting that cfg gives its mappings; without one, the defaults.
func loadOptions(cfg *config.Config) mapping.LoadOptions {
	if cfg == nil {
		return mapping.LoadOptions{}
	}
	o := mapping.LoadOptions{Interval: cfg.Global.MeasurementInterval, Version: cfg.Global.VESVersion}
	if cfg.Scrape != nil {
		o.Scrape = cfg.Scrape.ScrapeInterval()
	}
	return o
}

// compileSources loads mappings with the identity table of cfg, which may be nil. The Set is
// nil where a problem is more than a warning.
func compileSources(cfg *config.Config, sources []mapping.Source, o mapping.LoadOptions) (*mapping.Set, problem.List) {
	var problems problem.List
	var identity *mapping.Identity
	if cfg != nil && cfg.Identity != nil {
		identity, problems = mapping.ParseIdentity(cfg.Identity.Path, cfg.Identity.Text)
	}
	set, more := mapping.Load(sources, identity, series.NewCompiler(), o)
	problems = append(problems, more...)
	if problems.Failed() {
		return nil, problems
	}
	return set, problems
}

// undeliverable warns of the domains that are routed to a destination which will refuse
// them: a VES collector by its version and profile, a bus by its topics.
func undeliverable(cfg *config.Config, problems *problem.List) {
	router, err := cfg.Router()
	if err != nil {
		return // config.Load has told it
	}
	for _, d := range cfg.Destinations {
		settings := d.Settings()
		if settings == nil {
			continue // config.Read has told it
		}
		to := router.Filter(d.Name)
		var idle []string
		for _, domain := range ves.Domains(cfg.Global.VESVersion) {
			if domain == ves.DomainStndDefined || !to(&outbox.Record{Domain: string(domain)}) {
				continue // stndDefined events go by their namespace, which no record has yet
			}
			why, refused := settings.Undeliverable(string(domain), "")
			switch {
			case !refused:
			case sends(cfg, domain):
				problems.Warnf(cfg.Path, d.Line, "route "+string(domain)+" elsewhere, or change the destination",
					"destination %q will get none of the %s events that the mappings send: %s", d.Name, domain, why)
			default:
				idle = append(idle, string(domain)+" ("+why+")")
			}
		}
		if len(idle) > 0 {
			problems.Warnf(cfg.Path, d.Line, "route these domains elsewhere before anything sends them",
				"destination %q refuses %s", d.Name, strings.Join(idle, "; "))
		}
		rewritten(cfg, &d, to, problems)
	}
}

// sends says whether the configuration makes events of a domain: mappings make measurements
// and heartbeats.
func sends(cfg *config.Config, domain ves.Domain) bool {
	return len(cfg.Mappings) > 0 && (domain == ves.DomainMeasurement || domain == ves.DomainHeartbeat)
}

// rewritten warns of a collector that publishes other events than it was sent.
func rewritten(cfg *config.Config, d *config.Destination, to func(*outbox.Record) bool, problems *problem.List) {
	if d.VES == nil || !sends(cfg, ves.DomainMeasurement) || !to(&outbox.Record{Domain: string(ves.DomainMeasurement)}) {
		return
	}
	if p := d.VES.Collector(); p != nil && p.Transform && d.VES.VESVersion != ves.V5_4_1.String() {
		problems.Warnf(cfg.Path, d.Line, "set event.transform.flag=0 there, or let the consumers take both shapes",
			"destination %q: a collector of profile %s publishes measurements as measurementsForVfScaling, in the shape of VES 5", d.Name, p.Name)
	}
}

// CheckReport is what Check found.
type CheckReport struct {
	File     string       `json:"file"`
	Problems problem.List `json:"problems"`
	Mappings int          `json:"mappings"`
	Jobs     int          `json:"scrape_jobs"`
	Dests    int          `json:"destinations"`
	Metrics  int          `json:"metric_names"` // names that the mappings use
}

// Check reads a configuration and all that it names, and reports every problem at once.
func Check(path string) CheckReport {
	r := CheckReport{File: path}
	l, problems := load(path)
	r.Problems = problems
	if r.Problems == nil {
		r.Problems = problem.List{}
	}
	if l != nil {
		r.Mappings = len(l.set.Mappings())
		r.Jobs = len(l.cfg.Scrape.Jobs())
		r.Dests = len(l.cfg.Destinations)
		r.Metrics = len(l.set.Names())
	}
	return r
}

// Failed says whether any problem is more than a warning.
func (r CheckReport) Failed() bool { return r.Problems.Failed() }

// Summary is the last line for a person.
func (r CheckReport) Summary() string {
	errs, warns := 0, 0
	for _, p := range r.Problems {
		if p.Warning {
			warns++
		} else {
			errs++
		}
	}
	if errs > 0 {
		return fmt.Sprintf("%s: %s, %s", r.File, plural(errs, "problem"), plural(warns, "warning"))
	}
	return fmt.Sprintf("%s: fine: %s, %s using %s, %s; %s", r.File, plural(r.Jobs, "scrape job"),
		plural(r.Mappings, "mapping"), plural(r.Metrics, "metric name"), plural(r.Dests, "destination"), plural(warns, "warning"))
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// told writes problems into one error, for callers that have no list to show.
func told(problems problem.List) error {
	n := 0
	for _, p := range problems {
		if !p.Warning {
			n++
		}
	}
	return fmt.Errorf("the configuration has %s:\n%w", plural(n, "problem"), problems.Err())
}

// maxScrapeTimeout is the least grace with which windows are exact: a scrape that began
// before the boundary may be appended this much later.
func maxScrapeTimeout(cfg *config.Config) time.Duration {
	longest := time.Second
	for _, j := range cfg.Scrape.Jobs() {
		longest = max(longest, j.Timeout)
	}
	return longest
}
