package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vesbridge/vesbridge/internal/config"
	"github.com/vesbridge/vesbridge/internal/problem"
	"github.com/vesbridge/vesbridge/pkg/mapping"
	"github.com/vesbridge/vesbridge/pkg/scrape"
	"github.com/vesbridge/vesbridge/pkg/series"
	"github.com/vesbridge/vesbridge/pkg/ves"
)

// PreviewOptions are what Preview takes: a mapping and either a target or expositions.
type PreviewOptions struct {
	ConfigFile  string
	Mapping     string
	Target      string            // URL
	Expositions []string          // FILE@OFFSET
	Labels      map[string]string // of the target
	Interval    time.Duration
	Logger      *slog.Logger
	Progress    io.Writer // what is awaited, and what was left out and why
}

// previewBody bounds one exposition.
const previewBody = 256 << 20

// Preview calls each with every event that the mapping would send, as JSON, and returns
// how many there were.
func Preview(ctx context.Context, o PreviewOptions, each func(event []byte) error) (int, error) {
	es, err := o.expositions(ctx)
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "bridge-preview-")
	if err != nil {
		return 0, fmt.Errorf("making a folder for the preview: %w", err)
	}
	defer os.RemoveAll(dir)
	store, err := series.OpenStore(series.StoreOptions{Dir: dir, Retention: es[len(es)-1].At.Sub(es[0].At) + time.Hour, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return 0, fmt.Errorf("opening a store for the preview: %w", err)
	}
	defer store.Close()

	windows := o.windows(es)
	if len(windows) == 0 {
		return 0, fmt.Errorf("the expositions span %s, less than one interval of %s", es[len(es)-1].At.Sub(es[0].At), o.Interval)
	}
	p := previewer{o: &o, store: store, es: es}
	n := 0
	for _, w := range windows {
		told, err := p.window(ctx, w, each)
		n += told
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// expositions are the answers of the one target, by time.
func (o *PreviewOptions) expositions(ctx context.Context) ([]scrape.Exposition, error) {
	if o.Target != "" {
		return o.fetchTwice(ctx)
	}
	if len(o.Expositions) < 2 {
		return nil, errors.New("a window needs two expositions: repeat --exposition FILE@OFFSET")
	}
	var es []scrape.Exposition
	offsets := make([]time.Duration, len(o.Expositions))
	for i, arg := range o.Expositions {
		at := strings.LastIndexByte(arg, '@')
		if at < 0 {
			return nil, fmt.Errorf("--exposition %q: write FILE@OFFSET, such as a.prom@0s", arg)
		}
		offset, err := time.ParseDuration(arg[at+1:])
		if err != nil {
			return nil, fmt.Errorf("--exposition %q: the offset: %w", arg, err)
		}
		if i > 0 && offset <= offsets[i-1] {
			return nil, fmt.Errorf("--exposition %q: its offset is not after the one before", arg)
		}
		offsets[i] = offset
		body, err := os.ReadFile(arg[:at])
		if err != nil {
			return nil, err
		}
		es = append(es, scrape.Exposition{Body: body, ContentType: scrape.GuessContentType(body)})
	}
	// The last exposition was taken before now; whole minutes keep the epochs readable.
	base := time.Now().Add(-offsets[len(offsets)-1]).Truncate(time.Minute)
	for i := range es {
		es[i].At = base.Add(offsets[i])
	}
	return es, nil
}

// fetchTwice scrapes the target now and one interval later.
func (o *PreviewOptions) fetchTwice(ctx context.Context) ([]scrape.Exposition, error) {
	o.Interval = cmp.Or(o.Interval, 10*time.Second)
	u, err := url.Parse(o.Target)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("--target %q: write a URL such as http://127.0.0.1:15000/stats/prometheus", o.Target)
	}
	first, err := o.fetch(ctx)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(o.Progress, "scraped %s, %d bytes; once more in %s\n", o.Target, len(first.Body), o.Interval)
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(time.Until(first.At.Add(o.Interval))):
	}
	second, err := o.fetch(ctx)
	if err != nil {
		return nil, err
	}
	second.At = first.At.Add(o.Interval)
	return []scrape.Exposition{first, second}, nil
}

func (o *PreviewOptions) fetch(ctx context.Context) (scrape.Exposition, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	e := scrape.Exposition{At: time.Now().Truncate(time.Millisecond)}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.Target, nil)
	if err != nil {
		return e, fmt.Errorf("scraping %q: %w", o.Target, err)
	}
	req.Header.Set("Accept", "text/plain;version=0.0.4;q=1,*/*;q=0.1")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return e, fmt.Errorf("scraping %q: %w", o.Target, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return e, fmt.Errorf("scraping %q: the target answered %s", o.Target, resp.Status)
	}
	e.ContentType = resp.Header.Get("Content-Type")
	if e.Body, err = io.ReadAll(io.LimitReader(resp.Body, previewBody+1)); err != nil {
		return e, fmt.Errorf("scraping %q: %w", o.Target, err)
	}
	if len(e.Body) > previewBody {
		return e, fmt.Errorf("scraping %q: the answer is larger than %d bytes", o.Target, previewBody)
	}
	return e, nil
}

// windows are what is evaluated: each consecutive pair, or one interval after the other.
func (o *PreviewOptions) windows(es []scrape.Exposition) []mapping.Window {
	var ws []mapping.Window
	if o.Interval == 0 {
		for i := 1; i < len(es); i++ {
			ws = append(ws, mapping.Window{Start: es[i-1].At, End: es[i].At})
		}
		return ws
	}
	last := es[len(es)-1].At
	for start := es[0].At; !start.Add(o.Interval).After(last); start = start.Add(o.Interval) {
		ws = append(ws, mapping.Window{Start: start, End: start.Add(o.Interval)})
	}
	return ws
}

// previewer evaluates windows over one store. Mappings are compiled for each length of
// window, since it is part of their expressions.
type previewer struct {
	o      *PreviewOptions
	store  *series.Store
	es     []scrape.Exposition
	loaded bool
	engine *mapping.Engine
	length time.Duration
	buf    []byte
	each   func([]byte) error
	n      int
}

func (p *previewer) window(ctx context.Context, w mapping.Window, each func([]byte) error) (int, error) {
	p.each, p.n = each, 0
	if p.engine == nil || p.length != w.Interval() {
		if err := p.compile(ctx, w.Interval()); err != nil {
			return 0, err
		}
	}
	report, err := p.engine.Evaluate(ctx, w)
	if err != nil {
		return p.n, err
	}
	p.tell(report)
	return p.n, nil
}

// compile loads the mapping for windows of one length and, once, the expositions.
func (p *previewer) compile(ctx context.Context, length time.Duration) error {
	gap := length
	for i := 1; i < len(p.es); i++ {
		gap = min(gap, p.es[i].At.Sub(p.es[i-1].At))
	}
	set, global, err := p.o.mapping(length, gap)
	if err != nil {
		return err
	}
	if !p.loaded {
		err := scrape.LoadExpositions(ctx, p.store, p.es, scrape.LoadOptions{Target: scrape.TargetLabels(p.o.targetLabels()), Births: set.BirthsZero})
		if err != nil {
			return err
		}
		p.loaded = true
	}
	p.length = length
	p.engine, err = mapping.New(set, series.NewEngine(series.EngineOptions{Queryable: p.store}), p.print, mapping.Options{
		HeartbeatInterval:   global.HeartbeatInterval,
		ReportingEntityName: global.ReportingEntityName,
		Logger:              p.o.Logger,
	})
	return err
}

func (p *previewer) print(_ context.Context, events []*ves.Event) error {
	for _, e := range events {
		var err error
		if p.buf, err = e.AppendJSON(p.buf[:0], ves.V7_2_1); err != nil {
			return fmt.Errorf("encoding the event of %q: %w", e.Header.SourceName, err)
		}
		if err := p.each(p.buf); err != nil {
			return err
		}
		p.n++
	}
	return nil
}

// tell says what was left out of a window and why.
func (p *previewer) tell(r mapping.Report) {
	for _, m := range r.Mappings {
		if m.Err != nil {
			fmt.Fprintf(p.o.Progress, "mapping %s: %v\n", m.Mapping, m.Err)
		}
		for _, f := range m.Fields {
			if f.Err != nil {
				fmt.Fprintf(p.o.Progress, "mapping %s line %d, %s: %v\n", m.Mapping, f.Line, f.Field, f.Err)
			}
			for _, l := range f.LeftOut {
				p.o.Logger.Info("left out", "mapping", m.Mapping, "line", f.Line, "field", f.Field, "reason", l.Reason.String(), "count", l.Count)
			}
		}
		for _, n := range m.Notes {
			fmt.Fprintf(p.o.Progress, "mapping %s: %s\n", m.Mapping, n)
		}
	}
}

// targetLabels are the labels that the target would have after discovery.
func (o *PreviewOptions) targetLabels() map[string]string {
	out := map[string]string{"job": "preview", "instance": "preview"}
	if u, err := url.Parse(o.Target); err == nil && u.Host != "" {
		out["instance"] = u.Host
	}
	for k, v := range o.Labels {
		out[k] = v
	}
	return out
}

// mapping compiles the mapping that is asked for, with the identity and the global keys
// of the configuration where one is given.
func (o *PreviewOptions) mapping(interval, gap time.Duration) (*mapping.Set, config.Global, error) {
	global := config.Global{HeartbeatInterval: config.DefaultHeartbeatInterval, ReportingEntityName: "preview", VESVersion: ves.V7_2_1}
	var cfg *config.Config
	var identity *mapping.Identity
	if o.ConfigFile != "" {
		var problems problem.List
		if cfg, problems = config.Load(o.ConfigFile); cfg == nil {
			return nil, global, told(problems)
		}
		global = cfg.Global
		if cfg.Identity != nil {
			if identity, problems = mapping.ParseIdentity(cfg.Identity.Path, cfg.Identity.Text); problems.Failed() {
				return nil, global, told(problems)
			}
		}
	}
	source, err := o.source(cfg)
	if err != nil {
		return nil, global, err
	}
	set, problems := mapping.Load([]mapping.Source{source}, identity, series.NewCompiler(), mapping.LoadOptions{
		Interval: interval, Scrape: gap, Version: ves.V7_2_1, ForceInterval: true,
	})
	if set == nil {
		return nil, global, told(problems)
	}
	return set, global, nil
}

// source finds the mapping: of the configuration, a shipped profile, or a file.
func (o *PreviewOptions) source(cfg *config.Config) (mapping.Source, error) {
	if cfg != nil {
		for _, m := range cfg.Mappings {
			base := strings.TrimSuffix(filepath.Base(m.Path), filepath.Ext(m.Path))
			if m.Path == o.Mapping || m.Path == config.ProfilePrefix+o.Mapping || base == o.Mapping {
				return mapping.Source{Name: m.Path, Text: m.Text}, nil
			}
		}
	}
	if text, err := Profile(o.Mapping); err == nil {
		return mapping.Source{Name: config.ProfilePrefix + o.Mapping, Text: text}, nil
	}
	text, err := os.ReadFile(o.Mapping)
	if err != nil {
		return mapping.Source{}, fmt.Errorf("--mapping %q is no shipped profile (see `bridge profiles list`), no mapping of the configuration and no readable file", o.Mapping)
	}
	return mapping.Source{Name: o.Mapping, Text: text}, nil
}
