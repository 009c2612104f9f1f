package mapping

import "time"

// Window is a half-open stretch of time, (Start, End] in samples as PromQL ranges are,
// [Start, End) in the events' own epochs.
type Window struct{ Start, End time.Time }

// Interval is the window's length.
func (w Window) Interval() time.Duration { return w.End.Sub(w.Start) }

// Reason says why a field, an array item or a whole event was left out. It is bounded
// and its String a metric label.
type Reason uint8

// The reasons. ReasonNone means that the field was filled.
const (
	ReasonMissing           Reason = iota // the expression had no result
	ReasonNone                            // filled
	ReasonNaN                             // the result is not a number
	ReasonInfinite                        // the result is infinite
	ReasonNegative                        // an amount came out below zero
	ReasonAmbiguous                       // several results for one entity: the expression is not aggregated
	ReasonHistogram                       // the result is a histogram where a number is wanted
	ReasonFirstSeen                       // the entity was not there when the window began
	ReasonGrew                            // more series stand behind the entity than when the window began
	ReasonShrunk                          // fewer do
	ReasonRestart                         // the process began anew within the window
	ReasonGone                            // the entity was not there when the window ended
	ReasonItemFirstSeen                   // the item was not there when the window began, and its base is unknown
	ReasonQueryFailed                     // the query failed
	ReasonRefused                         // the VES model refused the value
	ReasonUnknownValue                    // `values` has no text for the number
	ReasonIncomplete                      // a required member of the same item is unknown
	ReasonIncompleteBuckets               // a histogram without its +Inf bucket
	ReasonNoObservations                  // a histogram in which nothing was observed
	ReasonOverflow                        // beyond the mapping's limits
	ReasonCollision                       // another entity with the same sourceName filled it
	ReasonSecondEventName                 // the source already has an event of another name
	ReasonNoSource                        // the identity gives an empty sourceName
	numReasons
)

// String returns the reason as a metric label.
func (r Reason) String() string {
	names := [numReasons]string{
		"missing", "none", "not_a_number", "infinite", "negative", "ambiguous", "histogram", "first_seen", "grew", "shrunk",
		"restart", "gone", "item_first_seen", "query_failed", "refused", "unknown_value", "incomplete",
		"incomplete_buckets", "no_observations", "overflow", "collision", "second_event_name", "no_source",
	}
	if r < numReasons {
		return names[r]
	}
	return "unknown"
}

// Report is the account of one evaluated window.
type Report struct {
	Window   Window
	Duration time.Duration
	// Entities were present at the window's end, over all mappings.
	Entities int
	// Events were built; Empty ones had no field to tell and were not.
	Events, Empty int
	// Invalid events were refused by the model's own validation and dropped: a defect.
	Invalid  int
	Mappings []MappingReport
}

// MappingReport is one mapping's part of a Report.
type MappingReport struct { //nolint:revive // a report of one Mapping, beside Report of a window
	Mapping  string
	Entities int
	// Gone entities were there when the window began and not when it ended; nothing is
	// told of them.
	Gone int
	// ByDefault entities got their sourceName from no table: the coverage of identity.
	ByDefault int
	// Conflicts are entities that two identity entries of one priority tell of.
	Conflicts int
	// OverLimit entities were left out by limits.entities.
	OverLimit int
	// Err is why nothing at all could be told, nil otherwise.
	Err    error
	Fields []FieldReport // in file order
	// Notes name the first few entities behind each kind of trouble.
	Notes []string
}

// FieldReport is the account of one field of a mapping: over all entities and items.
type FieldReport struct {
	Field   string // path, such as "cpuUsageArray.percentUsage"
	Line    int    // in the mapping file
	Filled  uint64
	Rounded uint64    // filled, after rounding to a whole number as VES wants it
	LeftOut []LeftOut // by reason, those that occurred
	Err     error     // of the query, nil where it worked
}

// LeftOut counts one reason.
type LeftOut struct {
	Reason Reason
	Count  uint64
}

// LeftOutBy returns the count of one reason.
func (f *FieldReport) LeftOutBy(r Reason) uint64 {
	for _, l := range f.LeftOut {
		if l.Reason == r {
			return l.Count
		}
	}
	return 0
}

// Field returns the account of a field by path, or nil.
func (m *MappingReport) Field(path string) *FieldReport {
	for i := range m.Fields {
		if m.Fields[i].Field == path {
			return &m.Fields[i]
		}
	}
	return nil
}

// maxNotes bounds the notes of one mapping and window.
const maxNotes = 10

// account gathers what happens to the fields of one mapping in one window.
type account struct {
	counts  [][numReasons]uint64
	rounded []uint64
	errs    []error
	notes   []string
}

func newAccount(m *Mapping) *account {
	n := len(m.fields)
	return &account{counts: make([][numReasons]uint64, n), rounded: make([]uint64, n), errs: make([]error, n)}
}

func (a *account) note(s string) {
	if len(a.notes) < maxNotes {
		a.notes = append(a.notes, s)
	}
}

func (a *account) report(m *Mapping) []FieldReport {
	out := make([]FieldReport, 0, len(m.fields))
	for i, f := range m.fields {
		r := FieldReport{Field: f.path, Line: f.line, Filled: a.counts[i][ReasonNone], Rounded: a.rounded[i], Err: a.errs[i]}
		for reason := range numReasons {
			if n := a.counts[i][reason]; n > 0 && reason != ReasonNone {
				r.LeftOut = append(r.LeftOut, LeftOut{reason, n})
			}
		}
		out = append(out, r)
	}
	return out
}
