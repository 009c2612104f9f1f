package mapping

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vesbridge/vesbridge/pkg/ves"
)

// Samples builds an event of every eventName that Registration describes, in its order,
// and calls each with it; mappings of one eventName that tell of different sources give one
// each. They are built by the Engine itself from made-up series that
// answer every query of the mappings once, so that every field is there that one source
// can have; names and numbers are placeholders and the window is the first of the year
// 2026. The event is valid during the call only. ctx bounds the evaluation.
func (s *Set) Samples(ctx context.Context, o RegistrationOptions, each func(*ves.Event) error) error {
	if err := s.sampleAll(ctx, o, false, each); err != nil || o.HeartbeatInterval <= 0 {
		return err
	}
	return s.sampleAll(ctx, o, true, each)
}

func (s *Set) sampleAll(ctx context.Context, o RegistrationOptions, heartbeat bool, each func(*ves.Event) error) error {
	for _, r := range s.registered() {
		if heartbeat {
			if r.mappings = r.heartbeats(); len(r.mappings) == 0 {
				continue
			}
		}
		n, err := s.sample(ctx, r, o, heartbeat, each)
		if err != nil {
			return fmt.Errorf("making a sample of %s: %w", r.name, err)
		}
		if n == 0 {
			return fmt.Errorf("making a sample of %s: its mappings give no event even where every query has a result", r.name)
		}
	}
	return nil
}

// sample evaluates the mappings of one eventName over one window.
func (s *Set) sample(ctx context.Context, r *registered, o RegistrationOptions, heartbeat bool, each func(*ves.Event) error) (int, error) {
	n := 0
	sink := func(_ context.Context, events []*ves.Event) error {
		for _, ev := range events {
			n++
			if err := each(ev); err != nil {
				return err
			}
		}
		return nil
	}
	set := &Set{mappings: r.mappings, version: s.version, births: s.births}
	e, err := New(set, newSampler(r.mappings), sink, Options{
		HeartbeatInterval: o.HeartbeatInterval, ReportingEntityName: o.ReportingEntityName, Concurrency: 1,
	})
	if err != nil {
		return 0, err
	}
	w := Window{Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	if heartbeat {
		w.End = w.Start.Add(o.HeartbeatInterval)
		_, err := e.Heartbeats(ctx, w)
		return n, err
	}
	w.End = w.Start.Add(r.mappings[0].Interval)
	_, err = e.Evaluate(ctx, w)
	return n, err
}

// sampler is a Querier that answers every query with one row, and histograms with three
// buckets.
type sampler struct {
	values map[*Query]float64
}

func newSampler(mappings []*Mapping) *sampler {
	s := &sampler{values: map[*Query]float64{}}
	for _, m := range mappings {
		for _, b := range m.blocks {
			for i := range b.numbers {
				s.values[b.numbers[i].query] = b.numbers[i].sampleValue()
			}
		}
		s.values[m.present] = 1
		if m.started != nil {
			s.values[m.started] = 1 // long ago, in Unix seconds
		}
	}
	return s
}

// sampleNumber is what samples have for a number.
const sampleNumber = 12

// sampleValue is a result that becomes sampleNumber in the event, or one of the texts.
func (n *number) sampleValue() float64 {
	if n.values != nil {
		keys := make([]float64, 0, len(n.values))
		for k := range n.values {
			keys = append(keys, k)
		}
		return slices.Min(keys)
	}
	if v := sampleNumber * n.scale.div / n.scale.mul; n.scale.apply(v) == sampleNumber {
		return v
	}
	return sampleNumber
}

// Query answers for the entity and item that sampleLabel names.
func (s *sampler) Query(_ context.Context, q *Query, _ time.Time, row func(*Row)) error {
	labels := make([]string, len(q.Labels))
	le := -1
	for i, name := range q.Labels {
		labels[i] = sampleLabel(name)
		if name == "le" {
			le = i
		}
	}
	if v, ok := s.values[q]; ok {
		row(&Row{Labels: labels, Value: v})
		return nil
	}
	if le < 0 {
		return nil // the native form of a histogram; one form is enough
	}
	for i, bound := range []string{"0.5", "1", "+Inf"} {
		labels[le] = bound
		row(&Row{Labels: labels, Value: float64(sampleNumber * (i + 1))})
	}
	return nil
}

// sampleLabel is a label's value in samples.
func sampleLabel(name string) string {
	if name == "instance" {
		return "192.0.2.1:9100" // a documentation address (RFC 5737)
	}
	return strings.ReplaceAll(name, "_", "-") + "-1"
}
