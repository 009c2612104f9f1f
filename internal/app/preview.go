package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

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

// previewer carries out a preview.
type previewer struct {
	PreviewOptions
	one oneMapping // found once, compiled for each length of window
}

const (
	// previewBody bounds one exposition.
	previewBody = 256 << 20
	// offsetStep is how exactly offsets are taken: a fifth of each window, the step of
	// peaks, is then whole milliseconds as PromQL has them.
	offsetStep = 5 * time.Millisecond
)

// Preview calls each with every event that the mapping would send, as JSON, and returns
// how many there were.
func Preview(ctx context.Context, opts PreviewOptions, each func(event []byte) error) (int, error) {
	o := previewer{PreviewOptions: opts}
	if o.Interval != 0 && o.Interval < time.Second {
		return 0, fmt.Errorf("--interval %s: write 1s or more", o.Interval)
	}
	var err error
	if o.one, _, err = findMapping(o.ConfigFile, o.Mapping); err != nil {
		return 0, err
	}
	// A mistake in the mapping is told before anything is awaited.
	if _, err := o.compile(cmp.Or(o.Interval, time.Minute), cmp.Or(o.Interval, time.Minute)); err != nil {
		return 0, err
	}
	es, err := o.expositions(ctx)
	if err != nil {
		return 0, err
	}
	if o.Interval > 0 {
		return o.series(ctx, es, each)
	}
	// Placed backwards from now, none over the next: two windows at one time would give two
	// events one eventId. They end on boundaries as a running bridge's do: subqueries step on
	// multiples of a fraction of the scrape interval, so a window that ended elsewhere would
	// miss its own last rate.
	ends := make([]time.Time, len(es))
	before := time.Now()
	for i := len(es) - 1; i > 0; i-- {
		length := es[i].At.Sub(es[i-1].At)
		ends[i] = mapping.Boundary(before, length)
		before = ends[i].Add(-length)
	}
	total := 0
	for i := 1; i < len(es); i++ {
		n, err := o.pair(ctx, es[i-1], es[i], ends[i], each)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// pair previews the one window between two expositions, which ends at end. Each pair has a store of its own,
// since no common time suits pairs of different lengths.
func (o *previewer) pair(ctx context.Context, a, b scrape.Exposition, end time.Time, each func([]byte) error) (int, error) {
	length := b.At.Sub(a.At)
	a.At, b.At = end.Add(-length), end
	return o.preview(ctx, []scrape.Exposition{a, b}, length, each)
}

// series previews one window after the other over all expositions.
func (o *previewer) series(ctx context.Context, es []scrape.Exposition, each func([]byte) error) (int, error) {
	span := es[len(es)-1].At.Sub(es[0].At)
	if span < o.Interval {
		return 0, fmt.Errorf("the expositions span %s, less than one interval of %s", span, o.Interval)
	}
	shift := mapping.Boundary(time.Now().Add(-span), o.Interval).Sub(es[0].At)
	for i := range es {
		es[i].At = es[i].At.Add(shift)
	}
	return o.preview(ctx, es, o.Interval, each)
}

// preview evaluates windows of one length over expositions.
func (o *previewer) preview(ctx context.Context, es []scrape.Exposition, length time.Duration, each func([]byte) error) (n int, err error) {
	gap := length
	for i := 1; i < len(es); i++ {
		gap = min(gap, es[i].At.Sub(es[i-1].At))
	}
	set, err := o.compile(length, gap)
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "bridge-preview-")
	if err != nil {
		return 0, fmt.Errorf("making a folder for the preview: %w", err)
	}
	defer os.RemoveAll(dir)
	span := es[len(es)-1].At.Sub(es[0].At)
	store, err := series.OpenStore(series.StoreOptions{Dir: dir, Retention: span + time.Hour, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return 0, fmt.Errorf("opening a store for the preview: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	err = scrape.LoadExpositions(ctx, store, es, scrape.LoadOptions{Target: scrape.TargetLabels(o.targetLabels()), Births: set.BirthsZero})
	if err != nil {
		return 0, err
	}
	var buf []byte
	sink := func(_ context.Context, events []*ves.Event) error {
		for _, e := range events {
			if buf, err = e.AppendJSON(buf[:0], ves.V7_2_1); err != nil {
				return fmt.Errorf("encoding the event of %q: %w", e.Header.SourceName, err)
			}
			if err := each(buf); err != nil {
				return err
			}
			n++
		}
		return nil
	}
	engine, err := mapping.New(set, series.NewEngine(series.EngineOptions{Queryable: store}), sink, mapping.Options{
		ReportingEntityName: o.reporter(), Logger: o.Logger,
	})
	if err != nil {
		return 0, err
	}
	last := es[len(es)-1].At
	for start := es[0].At; !start.Add(length).After(last); start = start.Add(length) {
		report, err := engine.Evaluate(ctx, mapping.Window{Start: start, End: start.Add(length)})
		if err != nil {
			return n, err
		}
		o.tell(report)
	}
	return n, nil
}

// expositions are the answers of the one target, by time.
func (o *previewer) expositions(ctx context.Context) ([]scrape.Exposition, error) {
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
		offset = offset.Round(offsetStep)
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
	for i := range es {
		es[i].At = time.UnixMilli(offsets[i].Milliseconds())
	}
	return es, nil
}

// fetchTwice scrapes the target now and one interval later.
func (o *previewer) fetchTwice(ctx context.Context) ([]scrape.Exposition, error) {
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
	first.At, second.At = time.UnixMilli(0), time.UnixMilli(o.Interval.Milliseconds())
	return []scrape.Exposition{first, second}, nil
}

func (o *previewer) fetch(ctx context.Context) (scrape.Exposition, error) {
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
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err // it repeats the URL
		}
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

// tell says what was left out of a window and why: a line for each reason.
func (o *previewer) tell(r mapping.Report) {
	for _, m := range r.Mappings {
		if m.Err != nil {
			fmt.Fprintf(o.Progress, "mapping %s: %v\n", m.Mapping, m.Err)
		}
		byReason := map[string][]string{}
		for _, f := range m.Fields {
			if f.Err != nil {
				fmt.Fprintf(o.Progress, "mapping %s line %d, %s: %v\n", m.Mapping, f.Line, f.Field, f.Err)
			}
			for _, l := range f.LeftOut {
				byReason[l.Reason.String()] = append(byReason[l.Reason.String()], fmt.Sprintf("%s ×%d", f.Field, l.Count))
			}
		}
		for _, reason := range slices.Sorted(maps.Keys(byReason)) {
			fmt.Fprintf(o.Progress, "mapping %s left out, %s: %s\n", m.Mapping, reason, strings.Join(byReason[reason], ", "))
		}
		for _, n := range m.Notes {
			fmt.Fprintf(o.Progress, "mapping %s: %s\n", m.Mapping, n)
		}
	}
}

// targetLabels are the labels that the target would have after discovery.
func (o *previewer) targetLabels() map[string]string {
	out := map[string]string{"job": "preview", "instance": "preview"}
	if u, err := url.Parse(o.Target); err == nil && u.Host != "" {
		out["instance"] = u.Host
	}
	for k, v := range o.Labels {
		out[k] = v
	}
	return out
}

// compile compiles the mapping for windows of one length, scraped every gap.
func (o *previewer) compile(interval, gap time.Duration) (*mapping.Set, error) {
	set, problems := o.one.compile(mapping.LoadOptions{Interval: interval, Scrape: gap, Version: ves.V7_2_1, ForceInterval: true})
	if set == nil {
		return nil, told(problems)
	}
	return set, nil
}

// reporter is who would send the events.
func (o *previewer) reporter() string {
	if o.one.cfg == nil {
		return "preview"
	}
	return o.one.cfg.Global.ReportingEntityName
}
