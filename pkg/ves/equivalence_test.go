package ves_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
	"github.com/vesbridge/vesbridge/pkg/ves"
	"github.com/vesbridge/vesbridge/schemas"
)

var seed = flag.Uint64("seed", 20261123, "seed of the generated events")

// official names ONAP's schema files by version.
var official = map[ves.Version]string{
	ves.V5_4_1: "CommonEventFormat_28.4.1.json",
	ves.V7_0_1: "CommonEventFormat_30.0.1.json",
	ves.V7_1_1: "CommonEventFormat_30.1.1.json",
	ves.V7_2:   "CommonEventFormat_30.2_ONAP.json",
	ves.V7_2_1: "CommonEventFormat_30.2.1_ONAP.json",
}

func versions() []ves.Version { return slices.Sorted(maps.Keys(official)) }

// oracles compiles the official schema and ours.
func oracles(t testing.TB, v ves.Version) (theirs, ours *jsonschema.Schema) {
	t.Helper()
	raw, err := os.ReadFile(bridgetest.Shared(t, "ves", "schemas", official[v]))
	require.NoError(t, err)
	mine, ok := schemas.VES(v.String())
	require.True(t, ok)
	return compile(t, raw), compile(t, mine)
}

func compile(t testing.TB, raw []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	c.AssertFormat()
	require.NoError(t, c.AddResource("schema.json", doc))
	s, err := c.Compile("schema.json")
	require.NoError(t, err)
	return s
}

// samples calls f for each JSON sample of the reference material.
func samples(t *testing.T, f func(name string, body []byte)) {
	t.Helper()
	root := bridgetest.Shared(t, "ves", "samples")
	n := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) == ".tsv" {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		n++
		f(filepath.ToSlash(name), body)
		return err
	}))
	require.Greater(t, n, 50, "the samples must be there")
}

// sameVerdict checks CheckJSON and our schema against the official schema.
func sameVerdict(t *testing.T, v ves.Version, theirs, ours *jsonschema.Schema, body []byte, what string) (valid bool) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	got := ves.CheckJSON(body, v, ves.CheckOptions{})
	if err != nil {
		require.NotEmpty(t, got, "%s is no JSON: %v", what, err)
		return false
	}
	doc = draft04(doc)
	want := theirs.Validate(doc)
	require.Equal(t, want == nil, ours.Validate(doc) == nil, "our schema of %s and the official one disagree on %s: official says %v\n%s", v, what, want, body)
	require.Equal(t, want == nil, len(got) == 0, "CheckJSON by %s of %s says %v, the official schema says %v\n%s", v, what, got, want, body)
	return want == nil
}

// draft04 gives numbers with fraction or exponent a value that no draft takes for an
// integer. Draft-04 calls an integer "a JSON number without a fraction or exponent part"; the
// oracle library follows the later drafts for all of them and lets 3.0 pass.
func draft04(doc any) any {
	switch doc := doc.(type) {
	case map[string]any:
		for k, v := range doc {
			doc[k] = draft04(v)
		}
	case []any:
		for i, v := range doc {
			doc[i] = draft04(v)
		}
	case json.Number:
		if strings.ContainsAny(doc.String(), ".eE") {
			return json.Number("0.5")
		}
	}
	return doc
}

func TestOracleTakesFractionlessNumbersForIntegers(t *testing.T) {
	theirs, _ := oracles(t, ves.V7_2_1)
	body := []byte(strings.Replace(string(validHeartbeat), `"heartbeatInterval":60`, `"heartbeatInterval":60.0`, 1))
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	require.NoError(t, err)
	require.NoError(t, theirs.Validate(doc), "if this fails, the library follows draft-04 now and draft04 can go")
	require.Error(t, theirs.Validate(draft04(doc)))
	require.NotEmpty(t, ves.CheckJSON(body, ves.V7_2_1, ves.CheckOptions{}))
}

func TestSamplesEqualOfficialSchemas(t *testing.T) {
	for _, v := range versions() {
		theirs, ours := oracles(t, v)
		valid := 0
		samples(t, func(name string, body []byte) {
			if strings.HasSuffix(name, "zone_index.json") {
				return // TestTrap29_IPv6ZonesAreAccepted
			}
			if sameVerdict(t, v, theirs, ours, body, name) {
				valid++
			}
		})
		require.Greater(t, valid, 5, "some samples must be valid by %s", v)
	}
}

// The verdicts that an independent validator (python-jsonschema, Draft4) gave on the samples.
func TestSamplesEqualRecordedVerdicts(t *testing.T) {
	f, err := os.Open(bridgetest.Shared(t, "ves", "samples", "VALIDATION.tsv"))
	require.NoError(t, err)
	defer f.Close()
	recorded := map[string][]string{}
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if cols := strings.Split(sc.Text(), "\t"); len(cols) >= 3 && !strings.Contains(cols[2], " event") && !strings.Contains(cols[2], "not JSON") {
			recorded[cols[0]] = strings.Fields(cols[2])
		}
	}
	labels := map[ves.Version]string{ves.V5_4_1: "28.4.1", ves.V7_0_1: "30.0.1", ves.V7_1_1: "30.1.1", ves.V7_2: "30.2_ONAP", ves.V7_2_1: "30.2.1_ONAP"}
	n := 0
	samples(t, func(name string, body []byte) {
		valid, ok := recorded[name]
		if !ok || len(valid) == 0 || strings.HasPrefix(valid[0], "no") || strings.HasSuffix(name, "zone_index.json") {
			return
		}
		for v, label := range labels {
			n++
			got := ves.CheckJSON(body, v, ves.CheckOptions{})
			require.Equal(t, slices.Contains(valid, label), len(got) == 0, "%s by %s: %v", name, v, got)
		}
	})
	require.Greater(t, n, 100)
}

// The VES collector's own tests call an address with a zone valid; format libraries differ
// (FACTS trap 29), and refusing it would lose the registration.
func TestTrap29_IPv6ZonesAreAccepted(t *testing.T) {
	body, err := os.ReadFile(bridgetest.Shared(t, "ves", "samples", "collector-tests/valid/ves7_valid_ip_v6_with_zone_index.json"))
	require.NoError(t, err)
	require.Empty(t, ves.CheckJSON(body, ves.V7_2_1, ves.CheckOptions{}))
}

func TestGeneratedEventsEqualOfficialSchemas(t *testing.T) {
	n := 20_000
	if testing.Short() {
		n = 300
	}
	for _, v := range versions() {
		t.Run(v.String(), func(t *testing.T) {
			theirs, ours := oracles(t, v)
			raw, err := os.ReadFile(bridgetest.Shared(t, "ves", "schemas", official[v]))
			require.NoError(t, err)
			g := newEventMaker(t, raw, *seed)
			t.Logf("seed %d", *seed)
			valid, mutated := 0, map[string]int{}
			for i := range n {
				doc := g.message()
				what := fmt.Sprintf("generated message %d of seed %d", i, *seed)
				require.True(t, sameVerdict(t, v, theirs, ours, encode(t, doc), what), "%s must be valid: %s\n%v", what, encode(t, doc), ves.CheckJSON(encode(t, doc), v, ves.CheckOptions{}))
				how := g.mutate(doc)
				mutated[how]++
				if sameVerdict(t, v, theirs, ours, encode(t, doc), what+" after "+how) {
					valid++
				}
			}
			t.Logf("%d messages, %d still valid after a mutation: %v", n, valid, mutated)
			require.Less(t, valid, n*4/5, "mutations must hurt")
		})
	}
}

func encode(t *testing.T, doc any) []byte {
	t.Helper()
	b, err := json.Marshal(doc)
	require.NoError(t, err)
	return b
}

// eventMaker draws valid messages from an official schema and breaks them at random places.
// It knows nothing of the project's model.
type eventMaker struct {
	r    *rand.Rand
	defs map[string]any
}

func newEventMaker(t *testing.T, raw []byte, seed uint64) *eventMaker {
	var doc map[string]any
	require.NoError(t, json.Unmarshal(raw, &doc))
	return &eventMaker{r: rand.New(rand.NewPCG(seed, 1)), defs: doc["definitions"].(map[string]any)}
}

func (g *eventMaker) message() map[string]any {
	if g.r.IntN(4) > 0 {
		return map[string]any{"event": g.event()}
	}
	list := []any{}
	for range g.r.IntN(4) {
		list = append(list, g.event())
	}
	return map[string]any{"eventList": list}
}

// event draws a header and one or two blocks: drawing every optional block would drown them.
func (g *eventMaker) event() map[string]any {
	props := g.defs["event"].(map[string]any)["properties"].(map[string]any)
	e := map[string]any{"commonEventHeader": g.value(props["commonEventHeader"], 0)}
	names := slices.Sorted(maps.Keys(props))
	for range 1 + g.r.IntN(2) {
		if n := names[g.r.IntN(len(names))]; n != "commonEventHeader" {
			e[n] = g.value(props[n], 0)
		}
	}
	return e
}

func (g *eventMaker) value(schema any, depth int) any {
	s := schema.(map[string]any)
	if ref, ok := s["$ref"].(string); ok {
		return g.value(g.defs[strings.TrimPrefix(ref, "#/definitions/")], depth+1)
	}
	if alt, ok := s["oneOf"].([]any); ok {
		return g.value(alt[g.r.IntN(len(alt))], depth+1)
	}
	if vs, ok := s["enum"].([]any); ok {
		return vs[g.r.IntN(len(vs))]
	}
	switch s["type"] {
	case "object":
		return g.object(s, depth)
	case "array":
		return g.array(s, depth)
	case "string":
		return g.text(s["format"])
	case "integer":
		return g.r.Int64N(1_000_000) - 1000
	case "number":
		return [...]any{g.r.Float64(), g.r.Int64N(1000), json.Number("3.0"), json.Number("1e3"), -g.r.Float64() * 1e9}[g.r.IntN(5)]
	}
	panic(fmt.Sprintf("schema of no known type: %v", s))
}

func (g *eventMaker) object(s map[string]any, depth int) any {
	o := map[string]any{}
	props, _ := s["properties"].(map[string]any)
	required, _ := s["required"].([]any)
	share := 3
	if depth > 8 {
		share = 1000 // let recursion end
	}
	for _, name := range slices.Sorted(maps.Keys(props)) {
		if slices.Contains(required, any(name)) || g.r.IntN(share) == 0 {
			o[name] = g.value(props[name], depth+1)
		}
	}
	switch extra := s["additionalProperties"].(type) {
	case map[string]any: // hashMap
		for range g.r.IntN(4) {
			o[g.text(nil).(string)] = g.value(extra, depth+1)
		}
	case nil: // open
		if g.r.IntN(4) == 0 {
			o["extra"+g.text(nil).(string)] = []any{map[string]any{"deep": []any{nil, true, 1.5}}}
		}
	}
	return o
}

func (g *eventMaker) array(s map[string]any, depth int) any {
	a := []any{}
	if tuple, ok := s["items"].([]any); ok {
		for _, it := range tuple[:g.r.IntN(len(tuple)+1)] {
			a = append(a, g.value(it, depth+1))
		}
		return a
	}
	n := g.r.IntN(3)
	if depth > 8 {
		n = 0
	}
	for range n {
		a = append(a, g.value(s["items"], depth+1))
	}
	return a
}

func (g *eventMaker) text(format any) any {
	switch format {
	case "ipv4":
		return fmt.Sprintf("10.%d.%d.1", g.r.IntN(256), g.r.IntN(256))
	case "ipv6":
		return fmt.Sprintf("2001:db8::%x", g.r.IntN(65536))
	case "uri":
		return "https://example.org/a#/components/schemas/X"
	}
	return [...]string{"a", "", "kubernetes", "with \"quotes\" \\ and \n lines", "ümläut ☃ 𝄞", "true", "4.0", "x/y~z"}[g.r.IntN(8)]
}

// spot is a value somewhere in a message and how to replace it.
type spot struct {
	key    string // "" in arrays
	value  any
	set    func(any)
	parent map[string]any
}

func spots(v any, set func(any), key string, parent map[string]any) []spot {
	out := []spot{{key: key, value: v, set: set, parent: parent}}
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out = append(out, spots(v[k], func(x any) { v[k] = x }, k, v)...)
		}
	case []any:
		for i := range v {
			out = append(out, spots(v[i], func(x any) { v[i] = x }, "", nil)...)
		}
	}
	return out
}

// boundaries are values at the edge of what a member may take.
var boundaries = []any{json.Number("0"), json.Number("-0"), json.Number("-1"), json.Number("9223372036854775808"), json.Number("1e308"),
	json.Number("-1E-400"), json.Number("0.1"), "", " ", strings.Repeat("ü", 300), "\u0000", []any{}, map[string]any{}, map[string]any{"": ""}, false}

// mutate changes one place of a message and says how.
func (g *eventMaker) mutate(doc map[string]any) string {
	all := spots(doc, nil, "", nil)[1:]
	if len(all) == 0 {
		doc["event"] = []any{}
		return "event as array"
	}
	s := all[g.r.IntN(len(all))]
	names := []string{"requestRate", "eventId", "name", "hashMap", "surprise", "vNicPerformanceArray", "p"}
	switch how := g.r.IntN(8); {
	case how == 0 && s.parent != nil:
		delete(s.parent, s.key)
		return "drop"
	case how == 1 && s.parent != nil:
		s.parent[names[g.r.IntN(len(names))]] = s.value
		return "add"
	case how == 2 && s.parent != nil:
		delete(s.parent, s.key)
		s.parent[names[g.r.IntN(len(names))]] = s.value
		return "rename"
	case how == 3:
		s.set([...]any{nil, true, "3", 3, 2.5, []any{}, map[string]any{}, []any{"x"}, map[string]any{"x": "y"}}[g.r.IntN(9)])
		return "retype"
	case how == 4:
		if t, ok := s.value.(string); ok {
			s.set(t + "?")
			return "out of enum or format"
		}
		s.set([]any{s.value})
		return "wrap"
	case how == 5:
		s.set(json.Number("3.0"))
		return "3.0"
	case how == 6:
		s.set(boundaries[g.r.IntN(len(boundaries))])
		return "boundary"
	}
	if a, ok := s.value.([]any); ok {
		s.set(append(a, map[string]any{"p": 1}))
		return "append"
	}
	s.set(nil)
	return "null"
}
