// Package vescollector delivers to a VES event listener over HTTP, as VES 5.4.1 and 7.x
// define it and as the ONAP DCAE VES collector behaves.
package vescollector

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/vesbridge/vesbridge/pkg/dmaap"
	"github.com/vesbridge/vesbridge/pkg/dmaap/internal/gate"
	"github.com/vesbridge/vesbridge/pkg/dmaap/internal/httpx"
	"github.com/vesbridge/vesbridge/pkg/outbox"
	"github.com/vesbridge/vesbridge/pkg/ves"
)

// Destination is a VES collector. It implements dmaap.Destination.
//
// A batch is answered as a whole. A 202 does not mean that the event is on the bus, and a
// timeout does not mean that it is not (traps 14 and 17 of the API): consumers remove
// duplicates by eventId, which a retry repeats.
type Destination struct {
	cfg       Config
	log       *slog.Logger
	client    *http.Client
	endpoints []string // root URLs without a slash at the end; the primary first
	path      string   // below them, with the version
	door      door
	gate      gate.Gate

	// Publish's own, which is one goroutine at a time.
	active   int // index into endpoints
	failures int // in a row, of the active one
	probed   time.Time
	dialed   time.Time

	mu  sync.Mutex // guards the field below
	now string     // URL of the active endpoint
}

// New makes a Destination; it does not connect. log may be nil.
func New(cfg Config, log *slog.Logger) (*Destination, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("VES collector: %w", err) // the endpoint may hold a password
	}
	client, err := cfg.Client("vescollector")
	if err != nil {
		return nil, fmt.Errorf("VES collector: %w", err) // the endpoint may hold a password
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	d := &Destination{cfg: cfg, log: log.With("component", "vescollector"), client: client}
	d.path = "/eventListener/" + cmp.Or(cfg.APIVersion, apiVersion(cfg.version()))
	notes, err := d.door.open(&cfg, d.log)
	if err != nil {
		return nil, fmt.Errorf("VES collector: %w", err)
	}
	for _, note := range notes {
		d.log.Warn("a schema of stndDefined events cannot be used as it is", "note", note)
	}
	for _, e := range []string{cfg.Endpoint, cfg.Backup} {
		if e != "" {
			d.endpoints = append(d.endpoints, strings.TrimRight(e, "/"))
		}
	}
	d.now = d.endpoints[0]
	return d, nil
}

// Limits implements dmaap.Destination: a batch has one domain (VES 7.2 §eventBatch).
func (d *Destination) Limits() dmaap.Limits {
	l := dmaap.Limits{MaxRecords: d.cfg.MaxBatchEvents, MaxBytes: d.cfg.MaxBatchBytes}
	if p := d.door.profile; p != nil && p.NoBatch {
		l.MaxRecords = 1
	}
	if d.door.convert && d.door.version == ves.V5_4_1 {
		l.MaxBytes /= 2 // {"name":…,"value":…} is longer than a member of a hashMap
	}
	return l
}

// Active is the root URL that is in use now, the endpoint's or the backup's. Safe for
// concurrent use.
func (d *Destination) Active() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

// Close implements dmaap.Destination.
func (d *Destination) Close(context.Context) error {
	d.gate.Close()
	d.client.CloseIdleConnections()
	return nil
}

// Publish implements dmaap.Destination: one call to the collector.
func (d *Destination) Publish(ctx context.Context, recs []outbox.Record) error {
	if len(recs) == 0 {
		return nil
	}
	messages, refused := d.door.pass(recs)
	if refused != nil {
		return refused
	}
	ctx, leave, closed := d.gate.Enter(ctx)
	if closed != nil {
		return closed
	}
	defer leave()
	d.renewConnections()
	d.failBack(ctx)
	err := d.post(ctx, messages)
	d.failOver(err)
	if err != nil {
		return err
	}
	return nil
}

// post sends messages with one event each.
func (d *Destination) post(ctx context.Context, messages [][]byte) *dmaap.Error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(d.cfg.Timeout))
	defer cancel()
	url := d.endpoints[d.active] + d.path
	body := messages[0]
	if len(messages) > 1 {
		url += "/eventBatch"
		body = batch(messages)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return &dmaap.Error{Class: dmaap.Misconfigured, Reason: "url", Err: err}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	reply, failed := httpx.Do(d.client, req)
	if failed != nil {
		return failed
	}
	return classify(reply, time.Now())
}

// batch joins the events' insides (trap 13 of the API: items have no event wrapper).
func batch(messages [][]byte) []byte {
	// A new buffer each time: the transport may still read the one of a call that timed out.
	size := len(`{"eventList":[]}`)
	for _, m := range messages {
		size += len(m)
	}
	b := make([]byte, 0, size)
	b = append(b, `{"eventList":[`...)
	for i, m := range messages {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, (&outbox.Record{Body: m}).Inside()...)
	}
	return append(b, "]}"...)
}

// renewConnections gives connections up that are too old, so that the collector's name
// is resolved again. Nothing is under way: Publish is called by one goroutine.
func (d *Destination) renewConnections() {
	now := time.Now()
	if now.Sub(d.dialed) < time.Duration(d.cfg.ConnectionMaxAge) {
		return
	}
	if !d.dialed.IsZero() {
		d.client.CloseIdleConnections()
	}
	d.dialed = now
}

// failOver counts what says that the active endpoint does not work, and changes to the
// other one after enough of it. Refused events and requests for a pause do not count:
// they are answers of a collector that works.
func (d *Destination) failOver(err *dmaap.Error) {
	if err == nil || err.Class == dmaap.Permanent || err.Class == dmaap.Throttled || err.Reason == "canceled" {
		if err == nil {
			d.failures = 0
		}
		return
	}
	d.failures++
	if d.failures < d.cfg.FailoverAfter || len(d.endpoints) < 2 {
		return
	}
	d.use(1 - d.active)
	d.log.Warn("collector fails, changing to the other endpoint", "endpoint", d.endpoints[d.active], "reason", err.Reason, "err", err)
}

func (d *Destination) use(i int) {
	d.active, d.failures, d.probed = i, 0, time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = d.endpoints[i]
}

// probeTimeout bounds a probe of the primary: events wait for it.
const probeTimeout = 2 * time.Second

// failBack returns to the primary once it answers its health check again.
func (d *Destination) failBack(ctx context.Context) {
	if d.active == 0 || time.Since(d.probed) < time.Duration(d.cfg.FailbackInterval) {
		return
	}
	d.probed = time.Now()
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.endpoints[0]+"/healthcheck", http.NoBody)
	if err != nil {
		return
	}
	reply, failed := httpx.Do(d.client, req)
	if failed != nil || reply.Status >= 500 || reply.Status == http.StatusUnauthorized || reply.Status == http.StatusForbidden {
		return
	}
	d.use(0)
	d.log.Info("primary collector answers again, changing back", "endpoint", d.endpoints[0])
}
