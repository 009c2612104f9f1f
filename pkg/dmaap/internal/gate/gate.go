// Package gate ends a destination's calls when it is closed.
package gate

import (
	"context"
	"errors"
	"sync"

	"github.com/vesbridge/vesbridge/pkg/dmaap"
)

// Gate lets calls through until Close. The zero value is open; safe for concurrent use.
type Gate struct {
	mu     sync.Mutex // guards the fields below
	closed bool
	next   int
	active map[int]context.CancelFunc
}

// Enter begins a call: the context that it returns ends with Close too. leave must be
// called at the call's end.
func (g *Gate) Enter(ctx context.Context) (_ context.Context, leave func(), _ *dmaap.Error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, nil, &dmaap.Error{Class: dmaap.Retryable, Reason: "closed", Err: errors.New("destination is closed")}
	}
	ctx, cancel := context.WithCancel(ctx)
	id := g.next
	g.next++
	if g.active == nil {
		g.active = map[int]context.CancelFunc{}
	}
	g.active[id] = cancel
	return ctx, func() {
		cancel()
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.active, id)
	}, nil
}

// Close ends the calls under way and refuses new ones. Idempotent; true the first time.
func (g *Gate) Close() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	first := !g.closed
	g.closed = true
	for _, cancel := range g.active {
		cancel()
	}
	return first
}
