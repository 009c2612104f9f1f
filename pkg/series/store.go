package series

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/compression"
)

// DefaultRetention is how long the store keeps samples unless told otherwise.
const DefaultRetention = time.Hour

// Bounds of one block. Below five minutes compaction would be busier than the data is
// worth; above two hours nothing is gained over Prometheus' own default.
const (
	minBlock = 5 * time.Minute
	maxBlock = 2 * time.Hour
)

// StoreOptions configure a Store.
type StoreOptions struct {
	// Dir is created where it is missing. One process at a time may have it open.
	Dir string
	// Retention is how long samples stay, at least; the default is DefaultRetention.
	// SetReach can only lengthen it.
	Retention time.Duration
	// WALSegmentSize in bytes, a multiple of 32 KiB; 0 is Prometheus' 128 MiB. On a disk
	// of bounded size a smaller one lets the log shrink sooner.
	WALSegmentSize int
	Logger         *slog.Logger
	Registerer     prometheus.Registerer
}

// Store is an embedded Prometheus database for the short past that windows and alerting
// rules look at. Samples are in the write-ahead log before Commit returns; a restart
// replays it, so windows that span the restart stay whole. It is not fsynced per
// commit: kill -9 loses nothing, a power cut may lose the last seconds. Out-of-order
// samples are refused.
//
// Memory holds one to one and a half blocks of a quarter of the retention (bounded to
// 5 min … 2 h); the rest is on disk and mapped.
//
// It is a storage.AppendableV2 and a storage.Queryable. Safe for concurrent use.
type Store struct {
	db    *tsdb.DB
	block time.Duration
	floor time.Duration // configured retention
	// retention in milliseconds; read by the database's own goroutine
	retention atomic.Int64
	metrics   *storeMetrics
}

var (
	_ storage.AppendableV2 = (*Store)(nil)
	_ storage.Queryable    = (*Store)(nil)
)

// OpenStore opens or creates the store, replaying its log. A torn or corrupt tail of the
// log is cut off, logged and counted (prometheus_tsdb_wal_corruptions_total). A store
// that cannot be read at all is moved aside to DIR.unreadable, replacing an older one,
// logged and counted, and an empty one is begun: an hour of samples is worth less than a
// bridge that starts. A directory in use, without permission or on a full disk is an
// error and is left alone.
func OpenStore(o StoreOptions) (*Store, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Retention <= 0 {
		o.Retention = DefaultRetention
	}
	s := &Store{
		block:   min(max((o.Retention/4).Truncate(time.Second), minBlock), maxBlock),
		floor:   o.Retention,
		metrics: newStoreMetrics(o.Registerer),
	}
	s.SetReach(0)
	logger := o.Logger.With("component", "series")
	// The database registers its metrics before it may fail, and a second attempt would
	// meet them again: they go through a registerer that can be undone.
	reg := newUndoRegisterer(o.Registerer)
	db, err := tsdb.Open(o.Dir, logger, reg.orNil(), s.options(o), nil)
	if err != nil && replaceable(err) {
		aside := filepath.Clean(o.Dir) + ".unreadable"
		logger.Error("series store is unreadable and moved aside, windows begin anew", "dir", o.Dir, "aside", aside, "err", err)
		s.metrics.discarded.Inc()
		reg.undo()
		if err := errors.Join(os.RemoveAll(aside), os.Rename(o.Dir, aside)); err != nil {
			return nil, fmt.Errorf("moving the unreadable series store %q aside: %w", o.Dir, err)
		}
		db, err = tsdb.Open(o.Dir, logger, reg.orNil(), s.options(o), nil)
	}
	if err != nil {
		reg.undo()
		return nil, fmt.Errorf("opening the series store %q: %w", o.Dir, err)
	}
	s.db = db
	return s, nil
}

func (s *Store) options(o StoreOptions) *tsdb.Options {
	t := tsdb.DefaultOptions()
	t.MinBlockDuration = s.block.Milliseconds()
	t.MaxBlockDuration = t.MinBlockDuration
	t.RetentionDuration = o.Retention.Milliseconds()
	t.BlocksToDelete = s.expired
	t.WALCompression = compression.Snappy
	t.WALSegmentSize = o.WALSegmentSize
	t.StripeSize = 2048 // the default is for millions of series and costs memory at rest
	return t
}

// replaceable reports whether an empty store is the right answer to an open error.
func replaceable(err error) bool {
	for _, keep := range []error{fs.ErrPermission, syscall.ENOSPC, syscall.EROFS, syscall.EMFILE, syscall.ENFILE, syscall.EAGAIN, syscall.EDQUOT, syscall.ENOMEM, syscall.EIO, syscall.ENOTDIR} {
		if errors.Is(err, keep) {
			return false
		}
	}
	return true
}

// expired chooses the blocks whose newest sample is older than the retention, counted
// from the newest block, so a quiet time deletes nothing.
func (s *Store) expired(blocks []*tsdb.Block) map[ulid.ULID]struct{} {
	out := map[ulid.ULID]struct{}{}
	newest := int64(math.MinInt64)
	for _, b := range blocks {
		newest = max(newest, b.Meta().MaxTime)
	}
	for _, b := range blocks {
		m := b.Meta()
		if m.Compaction.Deletable || newest-m.MaxTime >= s.retention.Load() {
			out[m.ULID] = struct{}{}
		}
	}
	return out
}

// SetReach tells the store how far back the expressions in use look
// (mapping.Query.Reach). The retention becomes the longer of the configured one and
// this, with the default lookback and one block to spare.
func (s *Store) SetReach(reach time.Duration) {
	want := s.floor
	if reach > 0 {
		want = max(want, reach+DefaultLookbackDelta+s.block)
	}
	s.retention.Store(want.Milliseconds())
	s.metrics.retention.Set(want.Seconds())
}

// AppenderV2 implements storage.AppendableV2.
func (s *Store) AppenderV2(ctx context.Context) storage.AppenderV2 { return s.db.AppenderV2(ctx) }

// Querier implements storage.Queryable; times are in milliseconds, both inclusive.
func (s *Store) Querier(mint, maxt int64) (storage.Querier, error) { return s.db.Querier(mint, maxt) }

// AppendableFrom returns the oldest time in Unix milliseconds at which a new sample
// would still be taken, or false where the store is empty.
func (s *Store) AppendableFrom() (int64, bool) { return s.db.Head().AppendableMinValidTime() }

// Compact writes the older part of memory to disk and deletes what has expired, where
// either is due. The store does it by itself once a minute.
func (s *Store) Compact(ctx context.Context) error {
	if err := s.db.Compact(ctx); err != nil {
		return fmt.Errorf("compacting the series store: %w", err)
	}
	return nil
}

// Close flushes the log and releases the directory. Appenders and queriers must be done.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("closing the series store: %w", err)
	}
	return nil
}

// undoRegisterer remembers what was registered through it.
type undoRegisterer struct {
	prometheus.Registerer
	done []prometheus.Collector
}

func newUndoRegisterer(reg prometheus.Registerer) *undoRegisterer {
	return &undoRegisterer{Registerer: reg}
}

// orNil keeps a nil Registerer nil, as the database takes that for "none".
func (u *undoRegisterer) orNil() prometheus.Registerer {
	if u.Registerer == nil {
		return nil
	}
	return u
}

func (u *undoRegisterer) Register(c prometheus.Collector) error {
	if err := u.Registerer.Register(c); err != nil {
		return err
	}
	u.done = append(u.done, c)
	return nil
}

func (u *undoRegisterer) MustRegister(cs ...prometheus.Collector) {
	for _, c := range cs {
		if err := u.Register(c); err != nil {
			panic(err) // as prometheus.Registerer's contract says
		}
	}
}

func (u *undoRegisterer) undo() {
	for _, c := range u.done {
		u.Unregister(c)
	}
	u.done = nil
}
