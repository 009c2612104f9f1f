package mapping

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vesbridge/vesbridge/pkg/ves"
)

// Sink takes built events. The events and all they hold are the caller's again when it
// returns: a sink encodes or copies. After an error the same events are handed over
// again, so it takes all of them or none, or tells them apart by EventID.
type Sink func(ctx context.Context, events []*ves.Event) error

// Options configure an Engine. Zero values mean the defaults.
type Options struct {
	// Grace is how long after a window's end it is evaluated, so that scrapes which began
	// before the end are in: at least the scrape timeout. Default 10 s; negative means none.
	Grace time.Duration
	// HeartbeatInterval is how often each present entity's heartbeat is sent; 0 sends none.
	HeartbeatInterval time.Duration
	// ReportingEntityName is who sends: the bridge itself. Default "vesbridge".
	ReportingEntityName string
	// MaxCatchUp is how far back windows that fell due while the bridge was down or
	// suspended are still evaluated. Default 1 h; older ones are named and counted.
	MaxCatchUp time.Duration
	// MaxEventBytes bounds one encoded event; default 1,000,000 (VES: at most 1 MB).
	MaxEventBytes int
	// Batch is how many events a Sink gets at once; default 256.
	Batch int
	// Concurrency bounds the queries under way at once; default 2.
	Concurrency int
	// AllowSeveralEventNames sends several measurement events per source and window where
	// mappings use several eventNames, against R-146931.
	AllowSeveralEventNames bool
	// State remembers what was told over restarts; nil forgets.
	State State
	// Now is the wall clock; default time.Now.
	Now        func() time.Time
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

func (o *Options) defaults() {
	if o.Grace == 0 {
		o.Grace = 10 * time.Second
	}
	o.Grace = max(o.Grace, 0)
	if o.ReportingEntityName == "" {
		o.ReportingEntityName = "vesbridge"
	}
	if o.MaxCatchUp <= 0 {
		o.MaxCatchUp = time.Hour
	}
	if o.MaxEventBytes <= 0 {
		o.MaxEventBytes = 1_000_000
	}
	if o.Batch <= 0 {
		o.Batch = 256
	}
	if o.Concurrency <= 0 {
		o.Concurrency = 2
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// Engine evaluates a Set window by window. Make one with New. Swap, Set and Status are
// safe for concurrent use; Evaluate and Run are not, with each other or themselves.
type Engine struct {
	querier Querier
	sink    Sink
	o       Options
	log     *slog.Logger
	metrics *metrics
	set     atomic.Pointer[Set]
	wake    chan struct{}
	caches  map[*Mapping]*cache
	events  []*ves.Event // reused from batch to batch
	noted   map[string]bool

	mu     sync.Mutex
	status Status // guarded by mu
}

// New returns an Engine. It starts nothing.
func New(set *Set, querier Querier, sink Sink, o Options) (*Engine, error) {
	switch {
	case set == nil || querier == nil || sink == nil:
		return nil, errors.New("making a mapping engine: set, querier and sink are required")
	case o.HeartbeatInterval < 0 || o.HeartbeatInterval%time.Second != 0:
		return nil, fmt.Errorf("making a mapping engine: heartbeat interval %s is not whole seconds (VES heartbeatInterval)", o.HeartbeatInterval)
	}
	o.defaults()
	e := &Engine{
		querier: querier, sink: sink, o: o, log: o.Logger.With("component", "mapping"), metrics: newMetrics(o.Registerer),
		wake: make(chan struct{}, 1), caches: map[*Mapping]*cache{}, noted: map[string]bool{},
	}
	e.set.Store(set)
	return e, nil
}

// Set returns the mappings in force.
func (e *Engine) Set() *Set { return e.set.Load() }

// Swap puts another Set in force from the next window on.
func (e *Engine) Swap(set *Set) {
	if set == nil {
		return
	}
	e.set.Store(set)
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// Evaluate runs all mappings whose interval is the window's length and hands their
// events to the sink. It needs no Run and keeps no state but the presence at the
// window's end, which the next window would ask for. The Report is whole unless the
// error is from ctx or the sink.
func (e *Engine) Evaluate(ctx context.Context, w Window) (Report, error) {
	return e.evaluate(ctx, w, e.sink)
}

func (e *Engine) evaluate(ctx context.Context, w Window, sink Sink) (Report, error) {
	began := time.Now()
	r := Report{Window: w}
	data := e.collect(ctx, w)
	if err := ctx.Err(); err != nil {
		return r, fmt.Errorf("evaluating the window that ends at %s: %w", w.End.Format(time.RFC3339), err)
	}
	err := e.build(ctx, w, data, &r, sink)
	r.Mappings = make([]MappingReport, 0, len(data))
	for _, d := range data {
		r.Mappings = append(r.Mappings, d.report())
		r.Entities += r.Mappings[len(r.Mappings)-1].Entities
	}
	r.Duration = time.Since(began)
	return r, err
}

// collect runs the queries of a window and keeps what the next one needs.
func (e *Engine) collect(ctx context.Context, w Window) []*mappingData {
	c := &collector{querier: e.querier, window: w, turns: make(chan struct{}, e.o.Concurrency)}
	var data []*mappingData
	set := e.set.Load()
	current := make(map[*Mapping]*cache, len(set.mappings))
	for _, m := range set.mappings {
		if m.Interval != w.Interval() {
			current[m] = e.caches[m]
			continue
		}
		d := c.collect(ctx, m, e.caches[m])
		data = append(data, d)
		if d.err == nil {
			current[m] = &cache{presence: d.end, blocks: d.blocks, who: d.who}
			for _, b := range d.blocks {
				b.prev = dropPrev(b.prev)
			}
		}
	}
	e.caches = current
	return data
}

// dropPrev cuts the chain of earlier windows, of which only the last is needed.
func dropPrev(prev *blockData) *blockData {
	if prev != nil {
		prev.prev = nil
	}
	return prev
}

// build makes the events of a window, batch by batch.
func (e *Engine) build(ctx context.Context, w Window, data []*mappingData, r *Report, sink Sink) error {
	slots := plan(data, e.o.AllowSeveralEventNames)
	version := e.set.Load().version
	f := &filler{window: w, reporter: e.o.ReportingEntityName, maxBytes: e.o.MaxEventBytes, version: version, seen: map[string]struct{}{}}
	n := 0
	flush := func() error {
		if n == 0 {
			return nil
		}
		err := sink(ctx, e.events[:n])
		if err != nil {
			return fmt.Errorf("handing over %d events: %w", n, err)
		}
		r.Events += n
		n = 0
		return nil
	}
	for i := range slots {
		if n == len(e.events) {
			e.events = append(e.events, &ves.Event{})
		}
		ev := e.events[n]
		if !f.fill(ev, &slots[i]) {
			r.Empty++
			continue
		}
		if err := ev.Validate(version); err != nil {
			r.Invalid++
			slots[i].parts[0].data.acc.note(err.Error())
			continue
		}
		if n++; n == e.o.Batch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

func (d *mappingData) report() MappingReport {
	r := MappingReport{Mapping: d.m.Name, Err: d.err, Gone: d.gone, Fields: d.acc.report(d.m)}
	if d.err == nil {
		r.Entities, r.OverLimit = d.end.entities.len(), d.end.over
		for i, who := range d.who {
			if who.byDefault {
				r.ByDefault++
			}
			if who.conflict != "" {
				if r.Conflicts++; r.Conflicts == 1 {
					d.acc.note(fmt.Sprintf("two identities for entity %s: %s; the first wins", d.describe(int32(i)), who.conflict))
				}
			}
			if who.err != nil {
				d.acc.note(fmt.Sprintf("identity of entity %s: %v", d.describe(int32(i)), who.err))
			}
		}
		if r.OverLimit > 0 {
			d.acc.note(fmt.Sprintf("%d series of entities beyond limits.entities=%d are left out", r.OverLimit, d.m.Limits.Entities))
		}
	}
	r.Notes = d.acc.notes
	return r
}
