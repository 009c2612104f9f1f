package app

import (
	"context"
	"fmt"
	"time"

	"github.com/vesbridge/vesbridge/internal/config"
	"github.com/vesbridge/vesbridge/pkg/outbox"
	"github.com/vesbridge/vesbridge/pkg/ves"
)

// encodeEvents turns built events into records for the outbox. Each body is its own
// allocation, since records of one batch leave memory at different times.
func encodeEvents(events []*ves.Event, v ves.Version, now time.Time) ([]outbox.Record, error) {
	recs := make([]outbox.Record, 0, len(events))
	var buf []byte
	for _, e := range events {
		var err error
		if buf, err = e.AppendJSON(buf[:0], v); err != nil {
			return nil, fmt.Errorf("encoding event %q of %q: %w", e.Header.EventID, e.Header.SourceName, err)
		}
		r := outbox.Record{
			EventID:    e.Header.EventID,
			Domain:     string(e.Header.Domain),
			EventName:  e.Header.EventName,
			SourceName: e.Header.SourceName,
			Body:       append([]byte(nil), buf...),
			Built:      now,
		}
		if e.Fault != nil {
			r.Severity = string(e.Fault.EventSeverity)
		}
		recs = append(recs, r)
	}
	return recs, nil
}

// promise encodes events, appends them to the outbox and shows them on the page.
func (a *App) promise(ctx context.Context, events []*ves.Event) error {
	global := &a.cur.Load().cfg.Global
	for _, e := range events {
		e.Header.ReportingEntityID = global.ReportingEntityID
		if global.HeaderVersions == config.HeaderVersionsWidest {
			ves.WidestAcceptance()(&e.Header)
		}
	}
	recs, err := encodeEvents(events, ves.V7_2_1, time.Now())
	if err != nil {
		return err
	}
	if err := a.box.Append(ctx, recs...); err != nil {
		return fmt.Errorf("promising %d events: %w", len(recs), err)
	}
	a.show(recs)
	return nil
}
