package problem_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/internal/problem"
)

func TestErrorLeavesOutWhatIsUnknown(t *testing.T) {
	for want, p := range map[string]problem.Problem{
		"a.yml:3: it is wrong: mend it":    {File: "a.yml", Line: 3, Text: "it is wrong", Remedy: "mend it"},
		"a.yml: it is wrong":               {File: "a.yml", Text: "it is wrong"},
		"it is wrong":                      {Text: "it is wrong"},
		"a.yml:3: warning: it may be fine": {File: "a.yml", Line: 3, Text: "it may be fine", Warning: true},
	} {
		require.Equal(t, want, p.Error())
	}
}

func TestWarningsAloneDoNotFail(t *testing.T) {
	var l problem.List
	l.Warnf("a.yml", 2, "", "a doubt")
	require.False(t, l.Failed())
	require.NoError(t, l.Err())
	l.Addf("a.yml", 1, "mend it", "a mistake of %d", 7)
	require.True(t, l.Failed())
	require.EqualError(t, l.Err(), "a.yml:1: a mistake of 7: mend it")
}

func TestSortIsByFileAndLineAndKeepsTheOrderWithinALine(t *testing.T) {
	l := problem.List{{File: "b", Line: 1, Text: "1"}, {File: "a", Line: 9, Text: "2"}, {File: "a", Line: 2, Text: "3"}, {File: "a", Line: 2, Text: "4"}}
	l.Sort()
	var order string
	for _, p := range l {
		order += p.Text
	}
	require.Equal(t, "3421", order)
}
