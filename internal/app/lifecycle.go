package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// teardown is a stack of named clean-ups, pushed beside each acquisition and run in the
// reverse order. The zero value is ready; it is not safe for concurrent use.
type teardown struct{ steps []teardownStep }

type teardownStep struct {
	name string
	fn   func(context.Context) error
}

// push adds the clean-up of what was just acquired.
func (t *teardown) push(name string, fn func(context.Context) error) {
	t.steps = append(t.steps, teardownStep{name, fn})
}

// run unwinds the stack once; every step runs, whatever the others return.
func (t *teardown) run(ctx context.Context) error {
	var errs []error
	for _, s := range slices.Backward(t.steps) {
		if err := s.fn(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stopping %s: %w", s.name, err))
		}
	}
	t.steps = nil
	return errors.Join(errs...)
}
