package mapping

import (
	"regexp"
	"slices"
	"strings"
)

// bareSelector is a selector with at most an aggregation around it that keeps a counter
// one.
var bareSelector = regexp.MustCompile(`^(?:(?:sum|max|min)\s*(?:by\s*\([^()]*\)\s*)?\(\s*)?[a-zA-Z_:][a-zA-Z0-9_:]*\s*(?:\{(?:[^"{}]|"(?:[^"\\]|\\.)*")*\})?\s*\)?(?:\s*by\s*\([^()]*\))?$`)

// role is what a receiver may do with a number: a counter told as the exporter has it
// keeps growing over intervals, everything else stands for its own interval or instant.
func (n *number) role() string {
	counters := len(n.query.Names) > 0 && !slices.ContainsFunc(n.query.Names, func(name string) bool { return !strings.HasSuffix(name, "_total") })
	if counters && len(n.query.Matchers) == 0 && bareSelector.MatchString(strings.TrimSpace(n.query.Text)) {
		return roleCumulativeCounter
	}
	return roleGauge
}
