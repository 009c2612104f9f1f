package outbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Defaults of Options, for each destination.
const (
	DefaultMaxRecords = 100_000
	DefaultMaxBytes   = 256 << 20
)

// ErrClosed is what every call gets after Close.
var ErrClosed = errors.New("outbox is closed")

// ErrRemoved is what a reader gets after Remove of its destination.
var ErrRemoved = errors.New("destination was removed from the outbox")

// Options of NewMemory. The zero value means the defaults.
type Options struct {
	// MaxRecords and MaxBytes (of Body) bound what waits for one destination. Beyond them
	// the oldest records expire: measurements first, then heartbeats, notifications and
	// faults. The records of the last Next do not count until the next call to Next: they
	// may be on the wire, and expiring those would make the ledger untrue.
	MaxRecords int
	MaxBytes   int64
	// Clock stamps records that come without Built; time.Now if nil.
	Clock func() time.Time
}

// Memory is an Outbox that forgets with the process: what it promised survives a
// destination's outage, not a restart. Destinations share a record's bytes.
type Memory struct {
	opts Options

	mu     sync.Mutex // guards the fields below and everything inside the destinations
	seq    uint64
	dests  map[string]*memDest
	ledger map[ledgerKey]*LedgerRow // also of destinations that were removed
	closed chan struct{}
	ended  bool
}

type ledgerKey struct{ destination, domain string }

// NewMemory makes an empty in-memory outbox.
func NewMemory(o Options) *Memory {
	if o.MaxRecords <= 0 {
		o.MaxRecords = DefaultMaxRecords
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Memory{
		opts:   o,
		dests:  map[string]*memDest{},
		ledger: map[ledgerKey]*LedgerRow{},
		closed: make(chan struct{}),
	}
}

// Append implements Outbox. It never waits: where a destination's queue is full the
// oldest of the least urgent lane expires.
func (m *Memory) Append(ctx context.Context, recs ...Record) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("appending to outbox: %w", err)
	}
	for i := range recs {
		if err := checkBody(recs[i].Body); err != nil {
			return fmt.Errorf("appending event %q: %w", recs[i].EventID, err)
		}
	}
	kept := slices.Clone(recs) // the caller may reuse its slice, not the bodies
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended {
		return ErrClosed
	}
	for i := range kept {
		r := &kept[i]
		m.seq++
		r.Seq = m.seq
		if r.Built.IsZero() {
			r.Built = m.opts.Clock()
		}
		for _, d := range m.dests {
			if d.filter == nil || d.filter(r) {
				d.push(r)
			}
		}
	}
	for _, d := range m.dests {
		d.shrink()
		d.signal()
	}
	return nil
}

func checkBody(body []byte) error {
	if !bytes.HasPrefix(body, []byte(`{"event":{`)) || !bytes.HasSuffix(body, []byte("}}")) {
		return errors.New(`body is not {"event":{…}}`)
	}
	return nil
}

// Reader implements Outbox. A name's reader stays the same object, so that a reload may
// swap the filter while a sender goes on reading. A nil filter takes every record.
func (m *Memory) Reader(destination string, filter func(*Record) bool) (Reader, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended {
		return nil, ErrClosed
	}
	d, ok := m.dests[destination]
	if !ok {
		d = &memDest{m: m, name: destination, wake: make(chan struct{}, 1)}
		m.dests[destination] = d
	}
	d.filter = filter
	return d, nil
}

// Remove implements Outbox.
func (m *Memory) Remove(destination string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, ok := m.dests[destination]
	if !ok {
		return
	}
	delete(m.dests, destination)
	d.removed = true
	d.inflight = 0
	for l := range d.lanes {
		for d.lanes[l].len() > 0 {
			d.count(d.pop(Lane(l)), Expired)
		}
	}
	d.signal()
}

// Ledger implements Outbox.
func (m *Memory) Ledger() []LedgerRow {
	m.mu.Lock()
	defer m.mu.Unlock()
	rows := make([]LedgerRow, 0, len(m.ledger))
	for _, r := range m.ledger {
		rows = append(rows, *r)
	}
	slices.SortFunc(rows, func(a, b LedgerRow) int {
		if c := strings.Compare(a.Destination, b.Destination); c != 0 {
			return c
		}
		return strings.Compare(a.Domain, b.Domain)
	})
	return rows
}

// Close implements Outbox. What is pending stays pending in the ledger: it was promised
// and not delivered. Idempotent.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.ended {
		m.ended = true
		close(m.closed)
	}
	return nil
}

// memDest is the queues of one destination, and its Reader. m.mu guards all of it but
// wake.
type memDest struct {
	m      *Memory
	name   string
	filter func(*Record) bool
	wake   chan struct{} // one token: something may be there

	lanes    [NumLanes]queue
	records  int // of all lanes
	bytes    int64
	held     [NumLanes]bool
	lane     Lane // of the last Next
	inflight int  // how many of the last Next are not settled, at the head of lane
	inbytes  int64
	removed  bool
}

// Next implements Reader.
func (d *memDest) Next(ctx context.Context, maxRecords, maxBytes int) ([]Record, error) {
	for {
		recs, err := d.take(maxRecords, maxBytes)
		if len(recs) > 0 || err != nil {
			return recs, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		select {
		case <-d.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-d.m.closed:
			return nil, ErrClosed
		}
	}
}

func (d *memDest) take(maxRecords, maxBytes int) ([]Record, error) {
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	switch {
	case d.m.ended:
		return nil, ErrClosed
	case d.removed:
		return nil, ErrRemoved
	}
	d.inflight, d.inbytes = 0, 0
	d.shrink()
	for l := range d.lanes {
		q := &d.lanes[l]
		if d.held[l] || q.len() == 0 {
			continue
		}
		n := min(q.len(), max(maxRecords, 1))
		recs := make([]Record, 0, n)
		size := 0
		for i := range n {
			r := q.at(i)
			if i > 0 && size+len(r.Body) > maxBytes {
				break
			}
			size += len(r.Body)
			recs = append(recs, *r)
		}
		d.lane, d.inflight, d.inbytes = Lane(l), len(recs), int64(size)
		return recs, nil
	}
	return nil, nil
}

// Settle implements Reader.
func (d *memDest) Settle(recs []Record, o Outcome) error {
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	switch {
	case d.m.ended:
		return ErrClosed
	case d.removed:
		return ErrRemoved
	case len(recs) > d.inflight:
		return fmt.Errorf("settling %d events of %q: only %d are handed out", len(recs), d.name, d.inflight)
	}
	for i := range recs {
		if have := d.lanes[d.lane].at(i).Seq; have != recs[i].Seq {
			return fmt.Errorf("settling events of %q: number %d is not a prefix of what was handed out", d.name, recs[i].Seq)
		}
	}
	for range recs {
		r := d.pop(d.lane)
		d.inflight--
		d.inbytes -= int64(len(r.Body))
		d.count(r, o)
	}
	return nil
}

// Hold implements Reader.
func (d *memDest) Hold(lanes ...Lane) {
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	d.held = [NumLanes]bool{}
	for _, l := range lanes {
		d.held[l] = true
	}
	d.signal()
}

func (d *memDest) signal() {
	select {
	case d.wake <- struct{}{}:
	default: // a token is there already
	}
}

func (d *memDest) push(r *Record) {
	row := d.row(r.Domain)
	row.Built++
	row.Pending++
	d.lanes[r.Lane()].push(r)
	d.records++
	d.bytes += int64(len(r.Body))
	if int64(len(r.Body)) > d.m.opts.MaxBytes {
		// It alone is over the bound: it goes, rather than everything else for nothing.
		last := d.lanes[r.Lane()].popTail()
		d.forget(last)
		d.count(last, Expired)
	}
}

// shrink expires the oldest records of the least urgent lanes until the bounds hold for
// what is not on the wire.
func (d *memDest) shrink() {
	for l := NumLanes - 1; l >= 0; l-- {
		onWire := 0
		if Lane(l) == d.lane {
			onWire = d.inflight
		}
		for d.over() && d.lanes[l].len() > onWire {
			r := d.lanes[l].remove(onWire)
			d.forget(r)
			d.count(r, Expired)
		}
	}
}

func (d *memDest) over() bool {
	return d.records-d.inflight > d.m.opts.MaxRecords || d.bytes-d.inbytes > d.m.opts.MaxBytes
}

func (d *memDest) pop(l Lane) *Record {
	r := d.lanes[l].remove(0)
	d.forget(r)
	return r
}

func (d *memDest) forget(r *Record) {
	d.records--
	d.bytes -= int64(len(r.Body))
}

func (d *memDest) count(r *Record, o Outcome) {
	row := d.row(r.Domain)
	row.Pending--
	switch o {
	case Delivered:
		row.Delivered++
	case DeadLettered:
		row.DeadLettered++
	case Expired:
		row.Expired++
	}
}

func (d *memDest) row(domain string) *LedgerRow {
	k := ledgerKey{d.name, domain}
	row, ok := d.m.ledger[k]
	if !ok {
		row = &LedgerRow{Destination: d.name, Domain: domain}
		d.m.ledger[k] = row
	}
	return row
}

// queue is a ring of records, oldest first.
type queue struct {
	buf     []*Record // length is a power of two, or 0
	head, n int
}

func (q *queue) len() int { return q.n }

func (q *queue) at(i int) *Record { return q.buf[(q.head+i)&(len(q.buf)-1)] }

func (q *queue) set(i int, r *Record) { q.buf[(q.head+i)&(len(q.buf)-1)] = r }

func (q *queue) push(r *Record) {
	if q.n == len(q.buf) {
		q.resize(max(16, 2*len(q.buf)))
	}
	q.n++
	q.set(q.n-1, r)
}

func (q *queue) popTail() *Record {
	r := q.at(q.n - 1)
	q.set(q.n-1, nil)
	q.n--
	return r
}

// remove takes the i-th record out. The i records before it move up by one: i is 0, or
// the length of a batch on the wire.
func (q *queue) remove(i int) *Record {
	r := q.at(i)
	for ; i > 0; i-- {
		q.set(i, q.at(i-1))
	}
	q.set(0, nil)
	q.head = (q.head + 1) & (len(q.buf) - 1)
	q.n--
	if len(q.buf) > 1024 && q.n < len(q.buf)/8 {
		q.resize(len(q.buf) / 2) // give an outage's backlog back
	}
	return r
}

func (q *queue) resize(n int) {
	buf := make([]*Record, n)
	for i := range q.n {
		buf[i] = q.at(i)
	}
	q.buf, q.head = buf, 0
}
