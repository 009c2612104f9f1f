package web

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"
)

//go:embed assets
var assets embed.FS

const (
	maxTargetsShown = 200 // those that are down come first
	eventsPerDomain = 10
)

// finding is something that a person should look at.
type finding struct{ Anchor, Text string }

type statusView struct {
	Now          time.Time
	Findings     []finding
	Targets      []Target
	Up, Total    int
	Mappings     []Mapping
	Events       []Event
	Destinations []Destination
	Pending      map[string]uint64 // by destination
	Ledger       []LedgerRow
	Sum          LedgerRow
	Config       Config
}

func parsePages() (*template.Template, error) {
	funcs := template.FuncMap{
		"ago": ago, "utc": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"labels": labelText, "reasons": byReason, "count": func(n uint64) string { return group(fmt.Sprint(n)) },
	}
	t, err := template.New("").Funcs(funcs).ParseFS(assets, "assets/*.html")
	if err != nil {
		return nil, fmt.Errorf("parsing the pages: %w", err)
	}
	return t, nil
}

func serveAsset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	types := map[string]string{"style.css": "text/css; charset=utf-8", "refresh.js": "text/javascript; charset=utf-8"}
	body, err := assets.ReadFile("assets/" + name)
	if err != nil || types[name] == "" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", types[name])
	_, _ = w.Write(body)
}

func (s *Server) statusPage(w http.ResponseWriter, _ *http.Request) {
	s.render(w, "status.html", s.view())
}

func (s *Server) eventPage(w http.ResponseWriter, r *http.Request) {
	e, ok := s.o.Recent.Get(r.PathValue("id"))
	if !ok {
		writeText(w, http.StatusNotFound, "not among the recent events\n")
		return
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, e.Body, "", "  "); err != nil {
		pretty.Reset()
		pretty.Write(e.Body) // shown as it is rather than not at all
	}
	s.render(w, "event.html", map[string]any{"Event": e, "Body": pretty.String(), "Now": s.o.Now()})
}

func (s *Server) render(w http.ResponseWriter, name string, data any) {
	var b bytes.Buffer // a template that fails midway must not look like a whole page
	if err := s.pages.ExecuteTemplate(&b, name, data); err != nil {
		s.o.Logger.Error("rendering a page", "component", "web", "page", name, "err", err)
		writeText(w, http.StatusInternalServerError, "rendering the page: "+err.Error()+"\n")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(b.Bytes())
}

func (s *Server) view() statusView {
	src := s.o.Source
	v := statusView{
		Now: s.o.Now(), Targets: src.Targets(), Mappings: src.Mappings(), Events: s.o.Recent.LastByDomain(eventsPerDomain),
		Destinations: src.Destinations(), Ledger: src.Ledger(), Config: src.Config(), Pending: map[string]uint64{},
	}
	add := func(anchor, format string, args ...any) {
		v.Findings = append(v.Findings, finding{anchor, fmt.Sprintf(format, args...)})
	}
	for _, reason := range src.Ready() {
		add("config", "not ready: %s", reason)
	}
	v.Total = len(v.Targets)
	var down int
	for _, t := range v.Targets {
		switch {
		case t.Up:
			v.Up++
		case !t.LastScrape.IsZero():
			down++
		}
	}
	if down > 0 {
		add("targets", "%d of %d targets down", down, v.Total)
	}
	slices.SortStableFunc(v.Targets, func(a, b Target) int { return cmp.Compare(rank(a), rank(b)) })
	v.Targets = v.Targets[:min(len(v.Targets), maxTargetsShown)]
	for _, m := range v.Mappings {
		if m.Error != "" {
			add("mappings", "mapping %s: %s", m.Name, m.Error)
		}
	}
	for _, r := range v.Ledger {
		v.Pending[r.Destination] += r.Pending
		v.Sum.Built += r.Built
		v.Sum.Delivered += r.Delivered
		v.Sum.DeadLettered += r.DeadLettered
		v.Sum.Expired += r.Expired
		v.Sum.Pending += r.Pending
		if r.DeadLettered > 0 {
			add("ledger", "%s refused %s %s events for good: see the log, \"event refused for good\"", r.Destination, group(fmt.Sprint(r.DeadLettered)), r.Domain)
		}
		if r.Expired > 0 {
			add("ledger", "%s %s events for %s were dropped undelivered: it was down for longer than the outbox holds", group(fmt.Sprint(r.Expired)), r.Domain, r.Destination)
		}
		if !r.Balances() {
			add("ledger", "ledger of %s, %s does not balance", r.Destination, r.Domain)
		}
	}
	if n := v.Config.WindowsMissed; n > 0 {
		add("mappings", "%s measurement windows missed since the start: see the log, \"measurement windows missed\"", group(fmt.Sprint(n)))
	}
	for _, d := range v.Destinations {
		if d.Error != "" || !d.Ready {
			add("destinations", "destination %s failing%s, %s events wait: %s", d.Name, since(v.Now, d.FailingSince), group(fmt.Sprint(v.Pending[d.Name])), cmp.Or(d.Error, "not ready"))
		}
	}
	if v.Config.ReloadError != "" {
		add("config", "last reload refused %s, the config before it stays", ago(v.Now, v.Config.ReloadAt))
	}
	return v
}

// rank puts targets that are down first, then those not scraped yet.
func rank(t Target) int {
	switch {
	case t.Up:
		return 2
	case t.LastScrape.IsZero():
		return 1
	}
	return 0
}

func since(now, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " for " + strings.TrimSuffix(ago(now, t), " ago")
}

// ago tells how long before now t was, in the largest unit that fits.
func ago(now, t time.Time) string {
	d := now.Sub(t)
	switch {
	case t.IsZero():
		return "never"
	case d < 0:
		return "in the future"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s ago", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min ago", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", d/time.Hour)
	}
	return fmt.Sprintf("%d d ago", d/(24*time.Hour))
}

// group puts thin spaces between groups of three digits.
func group(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "\u202f" + digits[i:]
	}
	return digits
}

func labelText(labels map[string]string) string {
	var parts []string
	for k, v := range labels {
		parts = append(parts, k+"="+v)
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

// reasonGroup is the fields that were left out for one reason.
type reasonGroup struct {
	Reason string
	Fields []LeftOut
}

// byReason groups what was left out, the reason with the fewest fields first: an exporter
// that lacks many optional statistics must not hide the one field that went wrong.
func byReason(all []LeftOut) []reasonGroup {
	var groups []reasonGroup
	for _, l := range all {
		i := slices.IndexFunc(groups, func(g reasonGroup) bool { return g.Reason == l.Reason })
		if i < 0 {
			i = len(groups)
			groups = append(groups, reasonGroup{Reason: l.Reason})
		}
		groups[i].Fields = append(groups[i].Fields, l)
	}
	slices.SortStableFunc(groups, func(a, b reasonGroup) int { return cmp.Compare(len(a.Fields), len(b.Fields)) })
	return groups
}
