package scrape

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	promscrape "github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"
)

// livesOptions configure lives.
type livesOptions struct {
	next    storage.AppendableV2
	births  func(metric string) bool // nil: none; the one at the start, see setBirths
	starts  []StartMetric
	logger  *slog.Logger
	metrics *livesMetrics
}

// lives stands between a scrape and the store and writes down where counters began.
//
// # Birth
//
// A cumulative series (by the exposition's TYPE: counters, histograms, the count and
// sum of summaries) that a target did not expose at its previous look began at zero
// since then: a zero sample goes in at the previous look's time, if births says that
// series of that name live with the target's process. A look is a scrape that
// succeeded and was whole: it showed again at least one of the births series of the
// look before, or all its start metrics. So neither a failed scrape nor an exposition
// from which a merging agent left a part out makes anything born.
//
// A births series that was missing from looks and returns is born anew if it (or any of
// its histogram's buckets) came back lower, if most of what came back with it did, or
// after more than an hour. If it came back equal or higher without such company it is
// taken to have gone on, and what it had is put down again at the previous look. Proxies
// that evict idle series (Linkerd) start them at zero, and one that comes back alone and
// above its old value is counted short by that value; a series merely hidden for a
// moment would, the other way about, be counted over by its whole life. Short is counted
// (bridge_scrape_returns_total), over would be invented.
//
// # Restart
//
// When a start metric says that its process restarted, each of the process' counters
// gets a zero at the start time, also those that did not fall. This goes for births
// names and for names under the start metric's own prefixes, but not, for instance, for
// a kubelet's container counters, which outlive it.
//
// # First sight
//
// On a target's first look the base of its counters is unknown, unless the exposition
// tells a series' start (created timestamps), or the process started within the last
// five minutes, which is before anything older could be missing: then births names get
// a zero at that start. State is not kept over a restart of the bridge, nor over a
// change of the job's configuration: after either, a series that is new to the bridge
// may be old.
//
// Samples with timestamps of their own and federated targets have no births.
//
// Everything is bounded by what the targets expose; a target's state goes ten minutes
// after its last scrape. Safe for concurrent use.
type lives struct {
	livesOptions

	mu      sync.Mutex
	targets map[string]*life // guarded by mu
	paused  map[string]bool  // jobs being reconfigured; guarded by mu
	swept   int64            // newest scrape at the last sweep; guarded by mu
	buffers sync.Pool        // of *[]sample
	byName  map[string]*StartMetric
	born    atomic.Pointer[func(string) bool]
}

// stateTTL is how long after its last scrape a target is remembered, in ms.
const stateTTL = 10 * 60 * 1000

func newLives(o livesOptions) *lives {
	if o.logger == nil {
		o.logger = slog.New(slog.DiscardHandler)
	}
	if o.metrics == nil {
		o.metrics = newLivesMetrics(nil)
	}
	l := &lives{livesOptions: o, targets: map[string]*life{}, paused: map[string]bool{}, byName: map[string]*StartMetric{}}
	l.buffers.New = func() any { return new([]sample) }
	l.setBirths(o.births)
	for i := range o.starts {
		l.byName[o.starts[i].Name] = &o.starts[i]
	}
	return l
}

// AppenderV2 implements storage.AppendableV2. Where ctx carries no scrape target the
// samples pass unchanged.
func (l *lives) AppenderV2(ctx context.Context) storage.AppenderV2 {
	t, ok := promscrape.TargetFromContext(ctx)
	if !ok {
		return l.next.AppenderV2(ctx)
	}
	return l.appender(ctx, identify(t))
}

// identity is what tells one target from another.
type identity struct {
	key, job  string
	federated bool
}

func identify(t *promscrape.Target) identity {
	var b strings.Builder
	id := identity{}
	u := t.URL()
	b.WriteString(u.String())
	t.LabelsRange(func(l labels.Label) {
		b.WriteByte(0xff)
		b.WriteString(l.Name)
		b.WriteByte(0xff)
		b.WriteString(l.Value)
		if l.Name == "job" {
			id.job = l.Value
		}
	})
	id.key = b.String()
	id.federated = strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/federate")
	return id
}

func (l *lives) appender(ctx context.Context, id identity) *appender {
	return &appender{lives: l, ctx: ctx, id: id}
}

// life returns the state of a target that is scraped at now (Unix ms), or nil while its
// job is being reconfigured.
func (l *lives) life(id identity, now int64) *life {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.paused[id.job] {
		return nil
	}
	t, ok := l.targets[id.key]
	if !ok {
		t = newLife(l, id, now)
		l.targets[id.key] = t
		l.metrics.targets.Set(float64(len(l.targets)))
	}
	return t
}

// setBirths replaces births and judges the series already known by it. They stay known:
// a series that becomes a births series is not born by that.
func (l *lives) setBirths(births func(string) bool) {
	if births == nil {
		births = func(string) bool { return false }
	}
	l.born.Store(&births)
	l.mu.Lock()
	all := slices.Collect(maps.Values(l.targets))
	l.mu.Unlock()
	// Not under l.mu: an appender takes that while it holds a life.
	for _, t := range all {
		t.mu.Lock()
		t.judge(births)
		t.mu.Unlock()
	}
}

// samples returns how many samples the last look at a target brought.
func (l *lives) samples(id identity) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.targets[id.key]; t != nil {
		return int(t.samples.Load())
	}
	return 0
}

// sweep forgets targets that were not scraped for stateTTL before now.
func (l *lives) sweep(now int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now < l.swept+stateTTL/10 {
		return
	}
	l.swept = now
	for k, t := range l.targets {
		if t.used.Load() < now-stateTTL {
			t.dropped.Store(true)
			delete(l.targets, k)
		}
	}
	l.metrics.targets.Set(float64(len(l.targets)))
}

// pause lets samples of the jobs pass without births until resume, which forgets what
// was known of their targets.
func (l *lives) pause(jobs ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, j := range jobs {
		l.paused[j] = true
	}
}

// resume ends a pause.
func (l *lives) resume(jobs ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, j := range jobs {
		delete(l.paused, j)
		for k, t := range l.targets {
			if t.id.job == j {
				t.dropped.Store(true)
				delete(l.targets, k)
			}
		}
	}
	l.metrics.targets.Set(float64(len(l.targets)))
}

// livesMetrics count what was written besides the samples.
type livesMetrics struct {
	births   prometheus.Counter
	restarts prometheus.Counter
	zeros    *prometheus.CounterVec // reason
	returns  *prometheus.CounterVec // base
	partial  prometheus.Counter
	rejected *prometheus.CounterVec // reason
	targets  prometheus.Gauge
}
