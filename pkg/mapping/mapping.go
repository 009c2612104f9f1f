package mapping

import (
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/vesbridge/vesbridge/pkg/ves"
)

// Source is one mapping file.
type Source struct {
	Name string // as the user named it, for problems
	Text []byte
}

// LoadOptions say in which setting mappings are compiled.
type LoadOptions struct {
	// Interval is the measurement interval, Scrape the scrape interval, of mappings that
	// name none. Whole milliseconds; defaults 60 s and 15 s.
	Interval, Scrape time.Duration
	// Version is the VES version whose fields may be named; default 7.2.1.
	Version ves.Version
	// ForceInterval makes Interval win over mappings that name their own, as a preview of
	// two expositions needs.
	ForceInterval bool
}

// Limits bound what one mapping may put into memory and into one event.
type Limits struct {
	Entities int // entities at a time
	Items    int // items of one array in one event
	Groups   int // named hashMaps of one group in one event
}

func defaultLimits() Limits { return Limits{Entities: 100_000, Items: 200, Groups: 200} }

// Mapping is one compiled mapping. It is immutable after Load and safe for concurrent
// use; the exported fields are for display.
type Mapping struct {
	Name, Description string
	File              string
	Line              int
	Entity            []string
	EventName         string // as written, possibly a template
	Interval, Scrape  time.Duration
	BirthsZero        bool // counters live with the target's process: a new series began at 0
	Heartbeat         bool
	Limits            Limits
	// Settings are the mapping's notes on what its exporter must be set to, as YAML
	// decoded them.
	Settings any

	countRestarts bool
	present       *Query
	started       *Query // nil where the mapping has none
	identity      *resolver
	eventName     *labelTemplate
	priority      *labelTemplate // nil for Normal
	blocks        []*block
	fields        []fieldInfo // every account line, in file order
	retained      []*Query
}

// FieldPath is a typed VES field that a mapping fills, and where it says so.
type FieldPath struct {
	Path string // as ves.FieldAt takes it
	Line int
}

// Typed returns the typed fields that the mapping fills, in file order; not the entries of
// hashMaps, which every version has room for.
func (m *Mapping) Typed() []FieldPath {
	var out []FieldPath
	for _, f := range m.fields {
		if _, err := ves.FieldAt(ves.V7_2_1, ves.DomainMeasurement, f.path); err == nil {
			out = append(out, FieldPath{f.path, f.line})
		}
	}
	return out
}

// fieldInfo is one line of the account: one field, or one member of an array or group.
type fieldInfo struct {
	path string // "requestRate", "cpuUsageArray.percentUsage", "additionalMeasurements.upstream.retries"
	line int
}

type blockKind uint8

const (
	scalarBlock  blockKind = iota // numbers and strings of the measurement itself
	itemBlock                     // items of an array
	groupBlock                    // named hashMaps of additionalMeasurements
	hashBlock                     // entries of one hashMap field
	latencyBlock                  // latencyDistribution
)

// block is a set of members whose rows are told apart by the same labels: one item per
// entity and combination of the `from` labels. Without such labels there is one item
// per entity.
type block struct {
	kind       blockKind
	name       string         // path of the field, for overflow counts: "cpuUsageArray", "additionalMeasurements.upstream"
	field      *ves.Field     // array or hashMap; nil otherwise
	group      string         // name of a groupBlock
	from       []string       // labels beside the entity's
	index      []string       // groupBlock: hashMap keys that carry the from labels
	keyText    *labelTemplate // itemBlock: identifier; nil: the from labels joined
	nameText   *labelTemplate // groupBlock: the namedHashMap's name; nil: group
	suspect    *ves.Field     // itemBlock: the array's valuesAreSuspect, where it has one
	ownSuspect bool           // the mapping sets valuesAreSuspect itself
	overflow   int            // account line for what the cap leaves out
	limit      int
	shared     bool       // itemBlock: several blocks or a template may give one key twice
	omitted    *ves.Field // itemBlock: additionalFields, to tell of items beyond the limit
	numbers    []number
	strings    []stringMember

	classic, native *Query // latencyBlock; either may be nil
	latency         scale
}

// number is a member filled by a query.
type number struct {
	line   int        // index into Mapping.fields
	field  *ves.Field // nil in hashMaps
	key    string     // hashMap key
	query  *Query
	scale  scale
	unit   string             // hashMap entries: the unit that is told, "" where the mapping names none
	values map[float64]string // for text: what each number means
	signed bool               // negative values make sense
	fold   bool               // may be summed into the `other` bucket
}

// stringMember is a member filled by a template over entity and from labels.
type stringMember struct {
	line  int
	field *ves.Field
	key   string
	tmpl  *labelTemplate
	index bool // groupBlock: carries a label of `by`
}

// Set is all mappings of one configuration. It is immutable and safe for concurrent use.
type Set struct {
	mappings []*Mapping
	version  ves.Version
	births   *births
}

// Mappings returns the mappings in file order. The slice is the caller's, the mappings
// are shared.
func (s *Set) Mappings() []*Mapping { return slices.Clone(s.mappings) }

// Version is the VES version that the mappings were checked against.
func (s *Set) Version() ves.Version { return s.version }

// Mapping returns the mapping of that name.
func (s *Set) Mapping(name string) (*Mapping, bool) {
	for _, m := range s.mappings {
		if m.Name == name {
			return m, true
		}
	}
	return nil, false
}

// Only returns a Set with just the mappings of these names, in file order; a name that
// is not there is ignored.
func (s *Set) Only(names ...string) *Set {
	out := &Set{version: s.version, births: s.births}
	for _, m := range s.mappings {
		if slices.Contains(names, m.Name) {
			out.mappings = append(out.mappings, m)
		}
	}
	return out
}

// Queries returns every query that any mapping runs, and those of `retain`.
func (s *Set) Queries() []*Query {
	var out []*Query
	for _, m := range s.mappings {
		out = append(out, m.queries()...)
	}
	return out
}

// queries lists all queries of a mapping, those of retain last.
func (m *Mapping) queries() []*Query {
	var out []*Query
	add := func(q *Query) {
		if q != nil {
			out = append(out, q)
		}
	}
	add(m.present)
	add(m.started)
	for _, b := range m.blocks {
		add(b.classic)
		add(b.native)
		for i := range b.numbers {
			add(b.numbers[i].query)
		}
	}
	return append(out, m.retained...)
}

// Names returns the exact metric names that the mappings can touch, sorted: what
// selection pushdown keeps. See Matchers for what has no exact name.
func (s *Set) Names() []string {
	return s.collect(func(q *Query) []string { return q.Names })
}

// Matchers returns the series selectors without an exact metric name, sorted.
func (s *Set) Matchers() []string {
	return s.collect(func(q *Query) []string { return q.Matchers })
}

// Reach is the longest stretch that any query reads before its instant, the engine's own
// lookback left out: what the store must keep at least.
func (s *Set) Reach() time.Duration {
	var most time.Duration
	for _, q := range s.Queries() {
		most = max(most, q.Reach)
	}
	return most
}

// BirthsZero says whether a counter or histogram of that name which is first seen on a
// target scraped before began at 0. A name that two mappings disagree about did not:
// an unknown base leaves a window out, a wrong one invents a number.
func (s *Set) BirthsZero(metric string) bool { return s.births.zero(metric) }

// Intervals returns the distinct measurement intervals, ascending.
func (s *Set) Intervals() []time.Duration {
	var out []time.Duration
	for _, m := range s.mappings {
		out = append(out, m.Interval)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (s *Set) collect(of func(*Query) []string) []string {
	var out []string
	for _, q := range s.Queries() {
		out = append(out, of(q)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// births answers BirthsZero.
type births struct {
	names             map[string]bool // false where any mapping says unknown
	zeroRE, unknownRE []*regexp.Regexp

	mu      sync.Mutex
	answers map[string]bool // guarded by mu; matching a hundred expressions costs too much per series
}

// maxAnswers bounds the names that births remembers; a scrape has a few hundred.
const maxAnswers = 20_000

var nameMatcher = regexp.MustCompile(`__name__=~("(?:[^"\\]|\\.)*")`)

func newBirths(mappings []*Mapping) *births {
	b := &births{names: map[string]bool{}, answers: map[string]bool{}}
	for _, m := range mappings {
		for _, q := range m.queries() {
			for _, n := range q.Names {
				was, seen := b.names[n]
				b.names[n] = m.BirthsZero && (was || !seen)
			}
			for _, sel := range q.Matchers {
				for _, found := range nameMatcher.FindAllStringSubmatch(sel, -1) {
					expr, err := strconv.Unquote(found[1])
					if err != nil {
						continue
					}
					re, err := regexp.Compile("^(?s:" + expr + ")$")
					if err != nil {
						continue
					}
					if m.BirthsZero {
						b.zeroRE = append(b.zeroRE, re)
					} else {
						b.unknownRE = append(b.unknownRE, re)
					}
				}
			}
		}
	}
	return b
}

func (b *births) zero(metric string) bool {
	known, seen := b.names[metric]
	if seen && !known {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if zero, ok := b.answers[metric]; ok {
		return zero
	}
	matches := func(re *regexp.Regexp) bool { return re.MatchString(metric) }
	zero := (known || slices.ContainsFunc(b.zeroRE, matches)) && !slices.ContainsFunc(b.unknownRE, matches)
	if len(b.answers) >= maxAnswers {
		clear(b.answers)
	}
	b.answers[metric] = zero
	return zero
}
