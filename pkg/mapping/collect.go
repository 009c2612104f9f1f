package mapping

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"
)

// presence is which entities one mapping had at one instant.
type presence struct {
	at       time.Time
	entities *tuples
	rows     []int32   // series behind each entity
	young    []int32   // of `started`: those that began at or after the window's start
	latest   []float64 // the latest of `started` in unix seconds, 0 where unknown
	over     int       // entities beyond the limit
}

// mappingData is everything that the queries of one mapping gave for one window.
type mappingData struct {
	m      *Mapping
	err    error
	start  *presence
	end    *presence
	before []int32  // of each entity, its number in start, or -1
	whole  []Reason // ReasonNone where windowed fields are whole, else why not
	who    []*resolved
	blocks []*blockData
	acc    *account
	gone   int
}

// blockData is the columns of one block: a value and a state per member and item.
type blockData struct {
	b      *block
	items  *tuples // nil where each entity is its one item
	vals   [][]float64
	states [][]Reason
	fixed  []float64     // results that are the same for all, NaN where none
	native map[int32]int // latencyBlock: entity → index into buckets
	spans  [][]Bucket    // latencyBlock: native buckets
	order  []int32       // item numbers by entity
	offs   []int32       // of each entity, where its items begin in order
	prev   *blockData    // at the window's start, where births are unknown
}

// cache is what a mapping keeps from one window for the next.
type cache struct {
	presence *presence
	blocks   []*blockData
	who      []*resolved
}

// collector runs the queries of one window.
type collector struct {
	querier Querier
	window  Window
	turns   chan struct{} // bounds how many queries run at once
}

// collect runs every query of one mapping. A query that fails costs its own field only;
// a failed `present` costs the mapping, since nothing is known then.
func (c *collector) collect(ctx context.Context, m *Mapping, old *cache) *mappingData {
	d := &mappingData{m: m, acc: newAccount(m)}
	var prevBlocks []*blockData
	if old != nil && old.presence != nil && old.presence.at.Equal(c.window.Start) {
		d.start, prevBlocks = old.presence, old.blocks
	} else {
		d.start, d.err = c.presence(ctx, m, c.window.Start, nil)
	}
	if d.err == nil {
		d.end, d.err = c.presence(ctx, m, c.window.End, d.start)
	}
	if d.err != nil {
		return d
	}
	d.judge()
	d.identify(old)
	c.blocks(ctx, d, prevBlocks)
	return d
}

// presence finds the entities that are there at an instant.
func (c *collector) presence(ctx context.Context, m *Mapping, at time.Time, like *presence) (*presence, error) {
	room := 16
	if like != nil {
		room = like.entities.len() + like.entities.len()/8 + 16
	}
	p := &presence{at: at, entities: newTuples(len(m.Entity), room)}
	err := c.query(ctx, m.present, at, func(r *Row) {
		i := p.entities.find(0, r.Labels)
		if i < 0 {
			if p.entities.len() >= m.Limits.Entities {
				p.over++
				return
			}
			i, _ = p.entities.add(0, r.Labels)
			p.rows = append(p.rows, 0)
		}
		p.rows[i]++
	})
	if err != nil {
		return nil, fmt.Errorf("querying present of mapping %q: %w", m.Name, err)
	}
	n := p.entities.len()
	p.young, p.latest = make([]int32, n), make([]float64, n)
	if m.started == nil {
		return p, nil
	}
	begin := float64(c.window.Start.UnixMilli()) / 1000
	err = c.query(ctx, m.started, at, func(r *Row) {
		i := p.entities.find(0, r.Labels)
		if i < 0 || math.IsNaN(r.Value) || math.IsInf(r.Value, 0) {
			return
		}
		if r.Value >= begin {
			p.young[i]++
		}
		p.latest[i] = max(p.latest[i], r.Value)
	})
	if err != nil {
		return nil, fmt.Errorf("querying started of mapping %q: %w", m.Name, err)
	}
	return p, nil
}

// startSlack is by how much a process start must move to count as a restart: exporters
// tell uptime in whole seconds.
const startSlack = 2 // seconds

// judge decides of each entity whether windowed fields are whole.
func (d *mappingData) judge() {
	n := d.end.entities.len()
	d.before, d.whole = make([]int32, n), make([]Reason, n)
	stayed := 0
	for i := range int32(n) {
		k := d.start.entities.find(0, d.end.entities.labels(i))
		d.before[i] = k
		was := int32(0)
		restarted := d.end.young[i]
		if k >= 0 {
			stayed++
			was = d.start.rows[k]
			if d.start.latest[k] > 0 && d.end.latest[i] < d.start.latest[k]+startSlack {
				restarted = 0 // the same processes; uptime was merely rounded
			}
		}
		d.whole[i] = judgeOne(was, d.end.rows[i], restarted, d.m.BirthsZero, d.m.countRestarts)
	}
	d.gone = d.start.entities.len() - stayed
}

// judgeOne compares how many series stood behind an entity at both ends of the window.
// young is how many of them began within it: those are whole where births are zero,
// since the scraper gave each of their counters its zero. More of them than the entity
// gained means that some began anew, and what the old ones counted after their last
// scrape is lost.
func judgeOne(was, is, young int32, birthsZero, countRestarts bool) Reason {
	rise := is - was
	switch {
	case rise < 0:
		return ReasonShrunk
	case rise > 0 && (!birthsZero || young < rise):
		if was == 0 {
			return ReasonFirstSeen
		}
		return ReasonGrew
	case young > rise && !countRestarts:
		return ReasonRestart
	}
	return ReasonNone
}

// identify resolves who each entity is, keeping the answers of the last window.
func (d *mappingData) identify(old *cache) {
	n := d.end.entities.len()
	d.who = make([]*resolved, n)
	for i := range int32(n) {
		if k := d.before[i]; k >= 0 && old != nil && old.presence == d.start {
			d.who[i] = old.who[k]
			continue
		}
		d.who[i] = d.m.identity.resolve(d.end.entities.labels(i))
	}
}

// query runs one query within the bound on concurrency.
func (c *collector) query(ctx context.Context, q *Query, at time.Time, row func(*Row)) error {
	select {
	case c.turns <- struct{}{}:
		defer func() { <-c.turns }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return c.querier.Query(ctx, q, at, row)
}

// blocks runs the queries of all fields, blocks side by side.
func (c *collector) blocks(ctx context.Context, d *mappingData, prev []*blockData) {
	d.blocks = make([]*blockData, len(d.m.blocks))
	var wg sync.WaitGroup
	for i, b := range d.m.blocks {
		bd := newBlockData(b, d.end.entities.len())
		d.blocks[i] = bd
		switch b.kind {
		case scalarBlock, hashBlock:
			// Columns of their own: members run side by side.
			for k := range b.numbers {
				wg.Go(func() { c.number(ctx, d, bd, k, d.end, nil) })
			}
		case latencyBlock:
			wg.Go(func() { c.latency(ctx, d, bd) })
		case itemBlock, groupBlock:
			if prev != nil {
				bd.prev = prev[i]
			}
			wg.Go(func() { c.items(ctx, d, bd) })
		}
	}
	wg.Wait()
}

func newBlockData(b *block, entities int) *blockData {
	n := len(b.numbers)
	bd := &blockData{b: b, vals: make([][]float64, n), states: make([][]Reason, n), fixed: make([]float64, n)}
	if len(b.from) > 0 {
		bd.items = newTuples(len(b.from), entities)
		entities = 0
	}
	for k := range n {
		bd.vals[k], bd.states[k], bd.fixed[k] = make([]float64, entities), make([]Reason, entities), math.NaN()
	}
	return bd
}

// items fills the columns of a block whose members share their items, one member after
// the other.
func (c *collector) items(ctx context.Context, d *mappingData, bd *blockData) {
	for k := range bd.b.numbers {
		c.number(ctx, d, bd, k, d.end, nil)
	}
	if bd.items == nil {
		bd.prev = nil // the entity is the item: whether it is whole says it all
		return
	}
	for k, v := range bd.fixed {
		for i := range bd.states[k] {
			if !math.IsNaN(v) && bd.states[k][i] == ReasonMissing {
				bd.vals[k][i], bd.states[k][i] = v, ReasonNone
			}
		}
	}
	bd.group(d.end.entities.len())
	if d.m.BirthsZero || !slices.ContainsFunc(bd.b.numbers, func(n number) bool { return n.query.Windowed }) {
		bd.prev = nil
		return
	}
	if bd.prev != nil {
		return
	}
	// The first window: ask what was there when it began.
	bd.prev = newBlockData(bd.b, d.start.entities.len())
	for k := range bd.b.numbers {
		if bd.b.numbers[k].query.Windowed {
			c.number(ctx, d, bd.prev, k, d.start, bd)
		}
	}
}

// number runs the query of one member into its column. After a failure the column says
// so, and rows that came before it are forgotten. owner is nil except for the look back
// at a window's start, whose failure also makes the base unknown.
func (c *collector) number(ctx context.Context, d *mappingData, bd *blockData, k int, at *presence, owner *blockData) {
	n := &bd.b.numbers[k]
	width := len(d.m.Entity)
	fixed := len(n.query.Names) == 0 && len(n.query.Matchers) == 0
	err := c.query(ctx, n.query, at.at, func(r *Row) {
		if fixed && !slices.ContainsFunc(r.Labels, func(l string) bool { return l != "" }) {
			bd.fixed[k] = r.Value
			return
		}
		e := at.entities.find(0, r.Labels[:width])
		if e < 0 {
			return // not present: nothing is told of it
		}
		bd.put(k, bd.item(e, r.Labels[width:]), r, n)
	})
	if bd.items == nil && !math.IsNaN(bd.fixed[k]) {
		for i := range bd.states[k] {
			bd.vals[k][i], bd.states[k][i] = bd.fixed[k], ReasonNone
		}
	}
	if err == nil {
		return
	}
	for i := range bd.states[k] {
		bd.states[k][i] = ReasonQueryFailed
	}
	bd.fixed[k] = math.NaN()
	if owner == nil {
		d.acc.errs[n.line] = fmt.Errorf("querying %s of mapping %q: %w", d.m.fields[n.line].path, d.m.Name, err)
	}
}

// item returns the number of an entity's item, making room in every column.
func (bd *blockData) item(entity int32, labels []string) int32 {
	if bd.items == nil {
		return entity
	}
	i, fresh := bd.items.add(entity, labels)
	if fresh {
		for k := range bd.vals {
			bd.vals[k], bd.states[k] = append(bd.vals[k], 0), append(bd.states[k], ReasonMissing)
		}
	}
	return i
}

// put stores one result and judges it.
func (bd *blockData) put(k int, i int32, r *Row, n *number) {
	if bd.states[k][i] != ReasonMissing {
		bd.states[k][i] = ReasonAmbiguous
		return
	}
	v := r.Value
	switch {
	case r.Histogram != nil:
		bd.states[k][i] = ReasonHistogram
	case math.IsNaN(v):
		bd.states[k][i] = ReasonNaN
	case math.IsInf(v, 0):
		bd.states[k][i] = ReasonInfinite
	case v < 0 && !n.signed && (n.field != nil || n.query.Windowed):
		bd.states[k][i] = ReasonNegative
	default:
		bd.vals[k][i], bd.states[k][i] = v, ReasonNone
	}
}

// group sorts the items by entity, and within one by their labels.
func (bd *blockData) group(entities int) {
	n := bd.items.len()
	bd.order, bd.offs = make([]int32, n), make([]int32, entities+1)
	for _, e := range bd.items.owners {
		bd.offs[e+1]++
	}
	for e := range entities {
		bd.offs[e+1] += bd.offs[e]
	}
	at := slices.Clone(bd.offs)
	for i, e := range bd.items.owners {
		bd.order[at[e]] = int32(i)
		at[e]++
	}
	for e := range entities {
		if own := bd.order[bd.offs[e]:bd.offs[e+1]]; len(own) > 1 {
			slices.SortFunc(own, func(a, b int32) int {
				return slices.CompareFunc(bd.items.labels(a), bd.items.labels(b), compareNatural)
			})
		}
	}
}

// compareNatural puts "2" before "10": cpu, bucket and port labels are numbers.
func compareNatural(a, b string) int {
	if len(a) != len(b) && digits(a) && digits(b) {
		return cmp.Compare(len(a), len(b))
	}
	return cmp.Compare(a, b)
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// itemsOf returns an entity's items in order. Without from labels that is the entity.
func (bd *blockData) itemsOf(e int32, scratch []int32) []int32 {
	if bd.items == nil {
		return append(scratch[:0], e)
	}
	return bd.order[bd.offs[e]:bd.offs[e+1]]
}

// latency runs the queries of a histogram: the classic form's cumulative buckets become
// one item per bound, the native form's buckets are kept as they are.
func (c *collector) latency(ctx context.Context, d *mappingData, bd *blockData) {
	b, width := bd.b, len(d.m.Entity)
	bd.vals, bd.states = [][]float64{nil}, [][]Reason{nil}
	fail := func(err error) {
		d.acc.errs[b.overflow] = fmt.Errorf("querying %s of mapping %q: %w", b.name, d.m.Name, err)
		bd.items = newTuples(1, 0)
		bd.native, bd.spans = nil, nil
	}
	at := d.end
	if b.classic != nil {
		n := number{signed: true}
		err := c.query(ctx, b.classic, at.at, func(r *Row) {
			if e := at.entities.find(0, r.Labels[:width]); e >= 0 {
				bd.put(0, bd.item(e, r.Labels[width:]), r, &n)
			}
		})
		if err != nil {
			fail(err)
		}
	}
	if b.native != nil && d.acc.errs[b.overflow] == nil {
		bd.native = map[int32]int{}
		err := c.query(ctx, b.native, at.at, func(r *Row) {
			if e := at.entities.find(0, r.Labels[:width]); e >= 0 && r.Histogram != nil {
				bd.native[e] = len(bd.spans)
				bd.spans = append(bd.spans, slices.Clone(r.Histogram.Buckets))
			}
		})
		if err != nil {
			fail(err)
		}
	}
	bd.group(at.entities.len())
}

// bound is one cumulative bucket.
type bound struct{ le, count float64 }

// bounds returns an entity's cumulative buckets in ascending order; a bound that is no
// number, or given twice, makes all of them unusable.
func (bd *blockData) bounds(e int32, into []bound) ([]bound, Reason) {
	into = into[:0]
	for _, i := range bd.order[bd.offs[e]:bd.offs[e+1]] {
		le, err := strconv.ParseFloat(bd.items.labels(i)[0], 64)
		if err != nil || math.IsNaN(le) {
			continue // a series of the family without le, such as its _count
		}
		if s := bd.states[0][i]; s != ReasonNone {
			return nil, s
		}
		into = append(into, bound{le, bd.vals[0][i]})
	}
	slices.SortFunc(into, func(a, b bound) int { return cmp.Compare(a.le, b.le) })
	for k := 1; k < len(into); k++ {
		if into[k].le == into[k-1].le {
			return nil, ReasonAmbiguous
		}
	}
	return into, ReasonNone
}
