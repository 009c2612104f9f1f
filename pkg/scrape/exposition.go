package scrape

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
)

// Exposition is one answer of a target, kept in a file.
type Exposition struct {
	// At is when the scrape began.
	At time.Time
	// Body is what the target answered. nil stands for a scrape that failed.
	Body []byte
	// ContentType is the answer's; "" guesses from the body: OpenMetrics by its `# EOF`,
	// delimited protobuf by not being text, the text format otherwise.
	ContentType string
}

// LoadOptions configure LoadExpositions.
type LoadOptions struct {
	// Target are the labels that the target would have, job and instance among them.
	Target labels.Labels
	// Births and StartMetrics are as in Options.
	Births       func(metric string) bool
	StartMetrics []StartMetric
	// ClassicHistograms drops native histograms in favour of classic ones, as
	// scrape_native_histograms: false does.
	ClassicHistograms bool
}

// TargetLabels makes LoadOptions.Target for callers that know nothing of Prometheus'
// types.
func TargetLabels(m map[string]string) labels.Labels { return labels.FromMap(m) }

// LoadExpositions appends expositions of one target, in the order of their times, as if
// they had been scraped then: Prometheus' parsers, target labels, staleness markers and
// the report series (`up` …), births and restarts, one commit each. An exposition that
// cannot be parsed is a failed scrape and an error that names its position in es, after
// which nothing more is loaded.
func LoadExpositions(ctx context.Context, next storage.AppendableV2, es []Exposition, o LoadOptions) error {
	if o.StartMetrics == nil {
		o.StartMetrics = DefaultStartMetrics()
	}
	p := &player{
		options: o,
		lives:   newLives(livesOptions{next: next, births: o.Births, starts: o.StartMetrics}),
		symbols: labels.NewSymbolTable(),
		id:      identity{key: o.Target.String(), job: o.Target.Get(model.JobLabel)},
	}
	last := int64(math.MinInt64)
	for i, e := range es {
		at := e.At.UnixMilli()
		if at <= last {
			return fmt.Errorf("loading exposition %d: its time is not after the one before", i+1)
		}
		last = at
		if err := p.scrape(ctx, e, at); err != nil {
			return fmt.Errorf("loading exposition %d: %w", i+1, err)
		}
	}
	return nil
}

// player does to bodies what Prometheus' scrape loop does to answers.
type player struct {
	options LoadOptions
	lives   *lives
	symbols *labels.SymbolTable
	id      identity
	exposed map[string]labels.Labels // by the last scrape, final labels by their bytes
}

func (p *player) scrape(ctx context.Context, e Exposition, at int64) error {
	app := p.lives.appender(ctx, p.id)
	var (
		exposed map[string]labels.Labels
		samples int
		failure error
	)
	if e.Body != nil {
		exposed, samples, failure = p.parse(app, e, at)
		if failure != nil {
			_ = app.Rollback()
			app, exposed = p.lives.appender(ctx, p.id), nil
		}
	}
	for k, lset := range p.exposed {
		if _, ok := exposed[k]; !ok {
			_, _ = app.Append(0, lset, 0, at, math.Float64frombits(value.StaleNaN), nil, nil, storage.AOptions{RejectOutOfOrder: true})
		}
	}
	p.exposed = exposed
	up := 0.0
	if e.Body != nil && failure == nil {
		up = 1
	}
	for name, v := range map[string]float64{"up": up, "scrape_samples_scraped": float64(samples)} {
		b := labels.NewBuilder(p.options.Target)
		b.Set(model.MetricNameLabel, name)
		// The byte is Prometheus' own mark of its report samples.
		if _, err := app.Append(0, b.Labels(), 0, at, v, nil, nil, storage.AOptions{MetricFamilyName: name + "\xff"}); err != nil {
			return errors.Join(failure, err, app.Rollback())
		}
	}
	return errors.Join(failure, app.Commit())
}

func (p *player) parse(app storage.AppenderV2, e Exposition, at int64) (map[string]labels.Labels, int, error) {
	contentType := e.ContentType
	if contentType == "" {
		contentType = GuessContentType(e.Body)
	}
	parser, err := textparse.New(e.Body, contentType, p.symbols, textparse.ParserOptions{
		IgnoreNativeHistograms:  p.options.ClassicHistograms,
		OpenMetricsSkipSTSeries: true,
		FallbackContentType:     config.PrometheusText0_0_4.HeaderMediaType(),
	})
	if parser == nil {
		return nil, 0, err
	}
	var (
		exposed = map[string]labels.Labels{}
		samples int
		family  string
		typ     = model.MetricTypeUnknown
		lset    labels.Labels
	)
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			return exposed, samples, nil
		}
		if err != nil {
			return nil, 0, err
		}
		var (
			ts *int64
			v  float64
			h  *histogram.Histogram
			fh *histogram.FloatHistogram
		)
		switch entry {
		case textparse.EntryType:
			name, t := parser.Type()
			family, typ = string(name), t
			continue
		case textparse.EntrySeries:
			_, ts, v = parser.Series()
		case textparse.EntryHistogram:
			_, ts, h, fh = parser.Histogram()
		default:
			continue
		}
		samples++
		parser.Labels(&lset)
		final := p.target(lset)
		if !final.IsValid(model.UTF8Validation) {
			return nil, 0, fmt.Errorf("invalid metric name or label names: %s", final)
		}
		t := at
		if ts != nil {
			t = *ts
		}
		opts := storage.AOptions{}
		if name := final.Get(model.MetricNameLabel); partOf(name, family, typ) {
			opts.MetricFamilyName, opts.Metadata = family, metadata.Metadata{Type: typ}
		}
		key := string(final.Bytes(nil))
		if _, dup := exposed[key]; dup && ts == nil {
			continue // the first counts, as in Prometheus
		}
		_, err = app.Append(0, final, parser.StartTimestamp(), t, v, h, fh, opts)
		if err != nil && refusal(err) == "" {
			return nil, 0, err
		}
		if ts == nil {
			exposed[key] = final
		}
	}
}

// target adds the target's labels; an exposed label of the same name is kept as
// exported_NAME.
func (p *player) target(lset labels.Labels) labels.Labels {
	b := labels.NewBuilder(lset)
	p.options.Target.Range(func(l labels.Label) {
		if was := lset.Get(l.Name); was != "" {
			name := model.ExportedLabelPrefix + l.Name
			for lset.Has(name) {
				name = model.ExportedLabelPrefix + name
			}
			b.Set(name, was)
		}
		b.Set(l.Name, l.Value)
	})
	return b.Labels()
}

// partOf reports whether a series' name belongs to the family whose TYPE was last read.
func partOf(name, family string, typ model.MetricType) bool {
	rest, ok := strings.CutPrefix(name, family)
	if !ok || family == "" {
		return false
	}
	switch typ {
	case model.MetricTypeCounter:
		return rest == "" || rest == "_total"
	case model.MetricTypeHistogram:
		return rest == "" || rest == "_bucket" || rest == "_sum" || rest == "_count"
	case model.MetricTypeSummary:
		return rest == "" || rest == "_sum" || rest == "_count"
	default:
		return rest == ""
	}
}

// GuessContentType tells the format of an exposition whose headers were not kept.
func GuessContentType(body []byte) string {
	switch {
	case bytes.HasSuffix(bytes.TrimRight(body, "\n"), []byte("# EOF")):
		return "application/openmetrics-text; version=1.0.0; charset=utf-8"
	case bytes.IndexByte(body, 0) >= 0 || !utf8.Valid(body):
		return "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
	default:
		return "text/plain; version=0.0.4; charset=utf-8"
	}
}
