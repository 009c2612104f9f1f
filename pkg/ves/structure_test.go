package ves_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
	"github.com/vesbridge/vesbridge/pkg/ves"
	"github.com/vesbridge/vesbridge/schemas"
)

// Every member that can stand in a message is declared the same by our schema and by the
// official one: type, enumeration, format, requirement, closedness, item by item. What the
// random messages reach only now and then is compared here in full.
func TestSchemasAreStructurallyEqual(t *testing.T) {
	for _, v := range versions() {
		raw, err := os.ReadFile(bridgetest.Shared(t, "ves", "schemas", official[v]))
		require.NoError(t, err)
		mine, ok := schemas.VES(v.String())
		require.True(t, ok)
		c := structure{theirs: parse(t, raw), ours: parse(t, mine), seen: map[string]bool{}}
		c.compare(c.theirs, c.ours, "#")
		require.Empty(t, c.diffs, "VES %s", v)
		require.Greater(t, len(c.seen), 25, "the walk must reach the types of VES %s", v)
		t.Logf("VES %s: %d members compared", v, c.members)
	}
}

func parse(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	var doc map[string]any
	require.NoError(t, json.Unmarshal(raw, &doc))
	return doc
}

type structure struct {
	theirs, ours map[string]any
	seen         map[string]bool // pairs of references on the way or done: schemas recurse
	diffs        []string
	members      int
}

// deref follows references and allOf of one, which our schemas use beside descriptions.
func deref(root map[string]any, schema any) (map[string]any, string) {
	s, name := schema.(map[string]any), ""
	for {
		if all, ok := s["allOf"].([]any); ok && len(all) == 1 {
			s = all[0].(map[string]any)
			continue
		}
		ref, ok := s["$ref"].(string)
		if !ok {
			return s, name
		}
		name = strings.TrimPrefix(ref, "#/definitions/")
		s = root["definitions"].(map[string]any)[name].(map[string]any)
	}
}

func (c *structure) compare(theirs, ours any, at string) {
	a, refA := deref(c.theirs, theirs)
	b, refB := deref(c.ours, ours)
	if refA != "" && refB != "" {
		pair := refA + "=" + refB
		if c.seen[pair] {
			return
		}
		c.seen[pair] = true
	}
	for _, k := range []string{"type", "format"} {
		c.same(a[k], b[k], at+" "+k)
	}
	for _, k := range []string{"required", "enum"} {
		c.same(set(a[k]), set(b[k]), at+" "+k)
	}
	c.extra(a["additionalProperties"], b["additionalProperties"], at)
	pa, _ := a["properties"].(map[string]any)
	pb, _ := b["properties"].(map[string]any)
	c.same(slices.Sorted(maps.Keys(pa)), slices.Sorted(maps.Keys(pb)), at+" properties")
	for k := range pa {
		if pb[k] != nil {
			c.members++
			c.compare(pa[k], pb[k], at+"/"+k)
		}
	}
	c.lists(a["oneOf"], b["oneOf"], at+" oneOf")
	if la, ok := a["items"].([]any); ok {
		c.lists(la, b["items"], at+" items")
	} else if a["items"] != nil || b["items"] != nil {
		if a["items"] == nil || b["items"] == nil {
			c.same(a["items"], b["items"], at+" items")
			return
		}
		c.compare(a["items"], b["items"], at+"[]")
	}
}

func (c *structure) extra(a, b any, at string) {
	_, isSchema := a.(map[string]any)
	if _, too := b.(map[string]any); isSchema && too {
		c.compare(a, b, at+"/*")
		return
	}
	c.same(a, b, at+" additionalProperties")
}

func (c *structure) lists(a, b any, at string) {
	la, _ := a.([]any)
	lb, _ := b.([]any)
	if len(la) != len(lb) {
		c.same(a, b, at)
		return
	}
	for i := range la {
		c.compare(la[i], lb[i], fmt.Sprintf("%s[%d]", at, i))
	}
}

func (c *structure) same(a, b any, at string) {
	if x, y := fmt.Sprint(a), fmt.Sprint(b); x != y {
		c.diffs = append(c.diffs, fmt.Sprintf("%s: official %s, ours %s", at, x, y))
	}
}

// set sorts a list of strings, whose order means nothing.
func set(v any) []string {
	var out []string
	list, _ := v.([]any)
	for _, x := range list {
		out = append(out, x.(string))
	}
	slices.Sort(out)
	return out
}

// Where an official description names a unit, ours is that one: a wrong unit is a wrong
// number on somebody's screen.
func TestUnitsAgreeWithOfficialDescriptions(t *testing.T) {
	words := []struct {
		word  string
		units []string
	}{
		{"kilobytes per second", []string{"kB/s"}},
		{"octets per second", []string{"B/s"}},
		{"milliseconds spent doing", []string{"ms/s"}},
		{"ms over 1 sec", []string{"ms/s"}},
		{"per second", []string{"1/s", ""}}, // "queue size … per second" is a plain size
		{"milliseconds", []string{"ms"}},
		{"nanoseconds", []string{"ns"}},
		{"kibibytes", []string{"KiB"}},
		{"kilobytes", []string{"kB"}},
		{"hugepages in bytes", []string{"B"}},
		{"celsius", []string{"°C", "%"}}, // processorThermalControlPercent has another member's description
		{"watts", []string{"W"}},
		{"rpm", []string{"rpm"}},
		{"cfm", []string{"ft³/min"}},
		{"mbps", []string{"Mbit/s"}},
		{"megahertz", []string{"MHz"}},
		{"percentage", []string{"%"}},
		{"seconds", []string{"s", "µs"}}, // epochs are told as "seconds" with microseconds in them
		{"millisecs", []string{"ms"}},
	}
	checked := 0
	for _, v := range []ves.Version{ves.V5_4_1, ves.V7_2_1} {
		raw, err := os.ReadFile(bridgetest.Shared(t, "ves", "schemas", official[v]))
		require.NoError(t, err)
		root := parse(t, raw)
		for _, d := range ves.Domains(v) {
			for f := range ves.Fields(v, d) {
				if f.Kind != ves.KindNumber && f.Kind != ves.KindInteger {
					require.Equal(t, ves.UnitNone, f.Unit, f.Path)
					continue
				}
				text := strings.ToLower(description(root, d, f.Path))
				for _, w := range words {
					if strings.Contains(text, w.word) {
						checked++
						require.Contains(t, w.units, f.Unit.String(), "%s %s: %s", v, f.Path, text)
						break
					}
				}
			}
		}
	}
	require.Greater(t, checked, 150)
}

// description follows a field's path through the official schema.
func description(root map[string]any, d ves.Domain, path string) string {
	block := string(d) + "Fields"
	s, _ := deref(root, map[string]any{"$ref": "#/definitions/" + block})
	for _, name := range strings.Split(path, ".") {
		if items, ok := s["items"]; ok {
			s, _ = deref(root, items)
		}
		next := s["properties"].(map[string]any)[name].(map[string]any)
		s, _ = deref(root, next)
		if s["description"] == nil || next["description"] != nil {
			s = maps.Clone(s)
			s["description"] = next["description"]
		}
	}
	text, _ := s["description"].(string)
	return text
}
