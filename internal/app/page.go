package app

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/vesbridge/vesbridge/internal/problem"
	"github.com/vesbridge/vesbridge/internal/web"
	"github.com/vesbridge/vesbridge/pkg/mapping"
	"github.com/vesbridge/vesbridge/pkg/outbox"
)

// Bounds of the events that the page shows.
const (
	recentEvents = 200
	recentBytes  = 16 << 20
)

// openWeb listens last, so that a bridge that answers is one that works.
func (a *App) openWeb(ctx context.Context, l *loaded) error {
	addr := l.cfg.Web.Listen
	if a.opts.Listen != "" {
		addr = a.opts.Listen
	}
	srv, err := web.New(web.Options{
		Source: page{a}, Recent: a.recent, Gatherer: a.reg, Reload: a.Reload, Logger: a.log, WebConfigFile: l.cfg.Web.WebConfigFile,
	})
	if err != nil {
		return err
	}
	if a.ln, err = (&net.ListenConfig{}).Listen(ctx, "tcp", addr); err != nil {
		return fmt.Errorf("listening on %q: %w", addr, err)
	}
	serve, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := srv.Serve(serve, a.ln); err != nil {
			a.fail(fmt.Errorf("serving the web page: %w", err))
		}
	}()
	a.down.push("web", func(context.Context) error { cancel(); <-done; return nil })
	return nil
}

// show keeps records for the page. What was left out of a measurement is the account of
// its mapping, on the page's table of mappings.
func (a *App) show(recs []outbox.Record) {
	for _, r := range recs {
		a.recent.Add(web.Event{
			ID: r.EventID, Domain: r.Domain, EventName: r.EventName, SourceName: r.SourceName, Severity: r.Severity,
			Built: r.Built, Body: r.Body,
		})
	}
}

// up counts the targets whose last scrape worked.
func (a *App) up() int {
	n := 0
	for _, t := range a.scraper.Targets() {
		if t.Health == healthUp {
			n++
		}
	}
	return n
}

const healthUp = "up"

// page shows an App to internal/web in plain values.
type page struct{ a *App }

// Ready implements web.Source.
func (p page) Ready() []string {
	var why []string
	for name, s := range p.a.delivery.states() {
		if !s.Ready {
			why = append(why, fmt.Sprintf("destination %s accepts nothing until somebody changes a configuration: %v", name, s.Problem))
		}
	}
	return why
}

// Targets implements web.Source.
func (p page) Targets() []web.Target {
	ts := p.a.scraper.Targets()
	out := make([]web.Target, len(ts))
	for i, t := range ts {
		out[i] = web.Target{
			Job: t.Job, URL: withoutUser(t.URL), Labels: t.Labels, Up: t.Health == healthUp,
			LastScrape: t.LastScrape, Duration: t.Duration, Samples: t.Samples, Error: t.LastError,
		}
	}
	return out
}

// Mappings implements web.Source.
func (p page) Mappings() []web.Mapping {
	last := map[string]mapping.MappingStatus{}
	for _, s := range p.a.engine.Status().Last {
		last[s.Mapping] = s
	}
	var out []web.Mapping
	for _, m := range p.a.engine.Set().Mappings() {
		w := web.Mapping{Name: m.Name, EventName: m.EventName}
		if s, ok := last[m.Name]; ok {
			w.WindowEnd, w.Entities = s.Window.End, s.Entities
			w.Error = errText(s.Err)
			for _, f := range s.Fields {
				w.Filled += int(f.Filled)
				for _, lo := range f.LeftOut {
					w.LeftOut = append(w.LeftOut, web.LeftOut{Field: f.Field, Reason: lo.Reason.String(), Count: int(lo.Count)})
				}
				if f.Err != nil && w.Error == "" {
					w.Error = fmt.Sprintf("%s (line %d): %v", f.Field, f.Line, f.Err)
				}
			}
		}
		out = append(out, w)
	}
	return out
}

// Destinations implements web.Source.
func (p page) Destinations() []web.Destination {
	states := p.a.delivery.states()
	var out []web.Destination
	for _, d := range p.a.cur.Load().cfg.Destinations {
		s := states[d.Name]
		w := web.Destination{Name: d.Name, Type: d.Kind(), Address: d.Settings().Address(), Ready: s.Ready, FailingSince: s.FailingSince, LastSuccess: s.LastSuccess}
		if s.Problem != nil {
			w.Error = s.Problem.Error()
		}
		out = append(out, w)
	}
	return out
}

// Ledger implements web.Source.
func (p page) Ledger() []web.LedgerRow {
	rows := p.a.box.Ledger()
	out := make([]web.LedgerRow, len(rows))
	for i, r := range rows {
		out[i] = web.LedgerRow(r)
	}
	return out
}

// Config implements web.Source.
func (p page) Config() web.Config {
	last := p.a.lastReload.Load()
	c := web.Config{File: p.a.opts.ConfigFile, LoadedAt: last.took, Version: Version(), Started: p.a.started, WindowsMissed: p.a.engine.Status().Missed}
	if last.err != nil {
		c.ReloadError, c.ReloadAt = errText(last.err), last.at
	}
	for _, pr := range last.problems {
		c.Problems = append(c.Problems, pr.Error())
	}
	return c
}

// withoutUser drops user and password from a URL.
func withoutUser(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	u.User = nil
	return u.String()
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// reloadResult is what became of the last reading of the configuration.
type reloadResult struct {
	at       time.Time
	took     time.Time // when the configuration in force was taken
	err      error
	problems problem.List
}
