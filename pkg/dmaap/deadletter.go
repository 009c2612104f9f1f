package dmaap

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/vesbridge/vesbridge/pkg/outbox"
)

// Letter is an event that a destination refused for good, with what a person needs to
// decide about it.
type Letter struct {
	ID          uint64 // given by DeadLetters, unique and rising
	Destination string
	Record      outbox.Record
	Class       Class
	Reason      string // Error.Reason, or ReasonPoison
	Reply       string // the peer's words, or the destination's own where it did not ask; at most 2 KiB
	Attempts    int    // tries of this record alone
	At          time.Time
}

// ReasonPoison is the reason of an event that failed retryably again and again while
// others of the same destination were accepted.
const ReasonPoison = "poison"

// DeadLetters keeps what was refused. Safe for concurrent use.
type DeadLetters interface {
	// Put keeps l, whose ID it sets. An error means that l is not kept: the record then
	// stays pending and Put is tried again.
	Put(ctx context.Context, l Letter) error
	// List returns the letters of destination, or of all for "", oldest first.
	List(ctx context.Context, destination string) ([]Letter, error)
	// Take removes and returns a letter, e.g. to replay it.
	Take(ctx context.Context, id uint64) (Letter, bool, error)
}

// Ring is a DeadLetters in memory: it keeps the newest letters and forgets the oldest
// beyond its bounds. Forgotten letters are still counted in the ledger and the metrics.
type Ring struct {
	maxLetters, maxBytes int

	mu      sync.Mutex // guards the fields below
	letters []Letter
	bytes   int
	last    uint64
}

// NewRing makes a Ring of at most maxLetters letters and maxBytes of bodies; at 0 it is
// 1,000 letters and 16 MiB.
func NewRing(maxLetters, maxBytes int) *Ring {
	if maxLetters <= 0 {
		maxLetters = 1000
	}
	if maxBytes <= 0 {
		maxBytes = 16 << 20
	}
	return &Ring{maxLetters: maxLetters, maxBytes: maxBytes}
}

// Put implements DeadLetters; it never fails.
func (r *Ring) Put(_ context.Context, l Letter) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	l.ID = r.last
	r.letters = append(r.letters, l)
	r.bytes += len(l.Record.Body)
	drop := 0
	for len(r.letters)-drop > 1 && (len(r.letters)-drop > r.maxLetters || r.bytes > r.maxBytes) {
		r.bytes -= len(r.letters[drop].Record.Body)
		drop++
	}
	r.letters = slices.Delete(r.letters, 0, drop)
	return nil
}

// List implements DeadLetters.
func (r *Ring) List(_ context.Context, destination string) ([]Letter, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Letter
	for _, l := range r.letters {
		if destination == "" || l.Destination == destination {
			out = append(out, l)
		}
	}
	return out, nil
}

// Take implements DeadLetters.
func (r *Ring) Take(_ context.Context, id uint64) (Letter, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.letters, func(l Letter) bool { return l.ID == id })
	if i < 0 {
		return Letter{}, false, nil
	}
	l := r.letters[i]
	r.letters = slices.Delete(r.letters, i, i+1)
	r.bytes -= len(l.Record.Body)
	return l, true, nil
}
