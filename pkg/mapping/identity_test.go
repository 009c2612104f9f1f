package mapping_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/mapping"
)

func identified(t testing.TB, table string) (map[string]map[string]any, mapping.Report) {
	t.Helper()
	id, problems := mapping.ParseIdentity("identity.yaml", []byte(table))
	require.Empty(t, problems)
	set, problems := mapping.Load([]mapping.Source{{Name: "m", Text: []byte(head + "fields: {requestRate: rate}\n")}}, id, fakeCompiler{}, mapping.LoadOptions{})
	require.NotNil(t, set, "%v", problems)
	q := newFake(origin())
	for _, pod := range []string{"bono-1", "sprout-1"} {
		q.set("up", 1, "ims", pod)
		q.set("rate", 1, "ims", pod)
	}
	return evaluate(t, set, q, minute(0))
}

func TestIdentityPrecedence(t *testing.T) {
	got, r := identified(t, `
identity:
  - match: {namespace: ims}
    set: {sourceName: '{{ .namespace }}-{{ .pod | before "-" }}', nfNamingCode: imsx}
  - match: {pod: =~bono-.*}
    set: {sourceName: vBono}
    priority: 10
`)
	require.Contains(t, got, "vBono")
	require.Contains(t, got, "ims-sprout")
	require.Zero(t, r.Mappings[0].ByDefault)
	require.Zero(t, r.Mappings[0].Conflicts)
}

func TestIdentityConflictsAtRunTimeAreVisible(t *testing.T) {
	got, r := identified(t, `
- {match: {pod: =~bono.*}, set: {sourceName: first}}
- {match: {pod: =~.*-1}, set: {sourceName: '{{ .pod }}'}}
`)
	require.Contains(t, got, "first", "the first in file order wins")
	require.Contains(t, got, "sprout-1")
	require.Equal(t, 1, r.Mappings[0].Conflicts)
	require.Contains(t, r.Mappings[0].Notes[0], "lines 2 and 3 both set sourceName")
}

func TestEmptySourceNameIsCountedAndNamed(t *testing.T) {
	got, r := identified(t, "- {match: {pod: bono-1}, set: {sourceName: '{{ .pod | trunc 0 }}'}}\n")
	require.Len(t, got, 1)
	require.EqualValues(t, 1, r.Mappings[0].Field("requestRate").LeftOutBy(mapping.ReasonNoSource))
	require.Contains(t, r.Mappings[0].Notes[0], `pod="bono-1"`)
}
