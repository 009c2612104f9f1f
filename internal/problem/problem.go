// Package problem carries what is wrong with a file that a person wrote: where it
// is, what it is, and what to do about it. Every loader of the project (config,
// mappings, identity tables, scrape configs) reports through it, so that one run of
// `bridge check` can list all problems of all files in one shape.
//
// It is a leaf: it imports nothing of the project, and any package may import it
// except pkg/ves and pkg/outbox, which are standard library only.
package problem

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Problem is one finding in one file.
type Problem struct {
	File   string `json:"file,omitempty"`   // as the user named it; "" where there is none (a flag, a default)
	Line   int    `json:"line,omitempty"`   // 1-based; 0 where the line is unknown
	Text   string `json:"text"`             // what is wrong, lower case, no full stop
	Remedy string `json:"remedy,omitempty"` // what to do, an imperative clause; may be empty
	// Warning marks a finding that does not stop the file from being used.
	Warning bool `json:"warning"`
}

// Error prints `file:line: text (remedy)`, leaving out what is unknown.
func (p Problem) Error() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		b.WriteByte(':')
	}
	if p.Line > 0 {
		fmt.Fprintf(&b, "%d:", p.Line)
	}
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	if p.Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(p.Text)
	if p.Remedy != "" {
		b.WriteString(": ")
		b.WriteString(p.Remedy)
	}
	return b.String()
}

// List collects problems. The zero value is ready to use. It is not safe for
// concurrent use.
type List []Problem

// Addf appends an error-level problem.
func (l *List) Addf(file string, line int, remedy, format string, args ...any) {
	*l = append(*l, Problem{File: file, Line: line, Text: fmt.Sprintf(format, args...), Remedy: remedy})
}

// Warnf appends a warning.
func (l *List) Warnf(file string, line int, remedy, format string, args ...any) {
	*l = append(*l, Problem{File: file, Line: line, Text: fmt.Sprintf(format, args...), Remedy: remedy, Warning: true})
}

// Failed reports whether any finding is more than a warning.
func (l List) Failed() bool {
	return slices.ContainsFunc(l, func(p Problem) bool { return !p.Warning })
}

// Sort orders by file and line, keeping the order of findings on one line.
func (l List) Sort() {
	slices.SortStableFunc(l, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
}

// Err joins the error-level problems into one error, or returns nil.
func (l List) Err() error {
	var errs []error
	for _, p := range l {
		if !p.Warning {
			errs = append(errs, p)
		}
	}
	return errors.Join(errs...)
}
