package mapping_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
	"github.com/vesbridge/vesbridge/pkg/mapping"
	"github.com/vesbridge/vesbridge/pkg/series"
	"github.com/vesbridge/vesbridge/pkg/ves"
	"github.com/vesbridge/vesbridge/profiles"
)

func registrationOptions() mapping.RegistrationOptions {
	return mapping.RegistrationOptions{HeartbeatInterval: 20 * time.Second, ReportingEntityName: "bridge-1"}
}

// registrationSet loads testdata/registration.yml with its identity table.
func registrationSet(t *testing.T, o mapping.LoadOptions) *mapping.Set {
	t.Helper()
	table, err := os.ReadFile("testdata/registration-identity.yml")
	require.NoError(t, err)
	identity, problems := mapping.ParseIdentity("identity", table)
	require.Empty(t, problems)
	text, err := os.ReadFile("testdata/registration.yml")
	require.NoError(t, err)
	set, problems := mapping.Load([]mapping.Source{{Name: "registration.yml", Text: text}}, identity, series.NewCompiler(), o)
	require.Empty(t, problems)
	return set
}

func profileSet(t *testing.T, names ...string) *mapping.Set {
	t.Helper()
	var files []mapping.Source
	for _, name := range names {
		text, err := profiles.Open(name)
		require.NoError(t, err)
		files = append(files, mapping.Source{Name: name, Text: text})
	}
	set, problems := mapping.Load(files, nil, series.NewCompiler(), mapping.LoadOptions{})
	require.Empty(t, problems)
	return set
}

func TestRegistrationIsStable(t *testing.T) {
	got := registrationSet(t, mapping.LoadOptions{}).Registration(registrationOptions())
	bridgetest.Golden(t, "testdata/registration.golden.yml", got)
	for range 20 {
		require.Equal(t, string(got), string(registrationSet(t, mapping.LoadOptions{}).Registration(registrationOptions())))
	}
}

func TestNoHeartbeatsAreRegisteredWhereNoneAreSent(t *testing.T) {
	set := registrationSet(t, mapping.LoadOptions{})
	require.NotContains(t, string(set.Registration(mapping.RegistrationOptions{})), "Heartbeat")
	require.Equal(t, 1, strings.Count(string(set.Only("gateway-memory", "tenants").Registration(registrationOptions())), "value: heartbeat}"), "mappings may do without")
}

// TestSamplesAreWhatIsRegistered holds every sample to the schemas and to its registration,
// and every registration to what the sample shows: nothing is sent that is not
// registered, nothing registered that cannot be sent.
func TestSamplesAreWhatIsRegistered(t *testing.T) {
	oracle := bridgetest.OracleVES721(t)
	for name, set := range map[string]*mapping.Set{
		"everything": registrationSet(t, mapping.LoadOptions{}),
		"older":      registrationSet(t, mapping.LoadOptions{Version: ves.V7_1_1}),
		"envoy":      profileSet(t, "envoy"),
		"node":       profileSet(t, "node"),
		"both":       profileSet(t, "envoy", "node"),
	} {
		t.Run(name, func(t *testing.T) {
			docs := registrations(t, set.Registration(registrationOptions()))
			shown := make([]map[string]bool, len(docs))
			n := 0
			require.NoError(t, set.Samples(t.Context(), registrationOptions(), func(e *ves.Event) error {
				body, err := e.AppendJSON(nil, set.Version())
				require.NoError(t, err)
				require.Empty(t, ves.CheckJSON(body, set.Version(), ves.CheckOptions{Strict: true}))
				require.NoError(t, oracle.Check(body))
				i := slices.IndexFunc(docs, func(d *qualifier) bool { return d.describes(body) })
				require.GreaterOrEqual(t, i, 0, "no registration of %s", e.Header.EventName)
				if shown[i] == nil {
					shown[i] = map[string]bool{}
				}
				var message map[string]any
				require.NoError(t, json.Unmarshal(body, &message))
				docs[i].check(t, "event", message["event"], shown[i])
				n++
				return nil
			}))
			require.GreaterOrEqual(t, n, len(docs))
			for i, d := range docs {
				for _, path := range d.paths("event") {
					if strings.HasSuffix(path, "mitted") || shown[i][path] {
						continue // omitted and cpuUsageArrayOmitted: only where an event has no room
					}
					require.Contains(t, []string{
						"event.measurementFields.additionalFields",                                     // profiles: only where an event has no room
						"event.commonEventHeader.nfNamingCode", "event.commonEventHeader.nfVendorName", // of an identity that no placeholder matches
						"event.commonEventHeader.sourceId", // of sources that only the second mapping has
					}, path, "registered, yet not in the sample")
				}
			}
		})
	}
}

// qualifier is an element of a registration as a reader sees it.
type qualifier struct {
	presence string
	values   []string
	pairs    bool // a hashMap: children by key
	list     bool
	children map[string]*qualifier
	groups   []*qualifier // of additionalMeasurements
}

// registrations reads documents back and insists on the specification's keywords.
func registrations(t *testing.T, text []byte) []*qualifier {
	t.Helper()
	var out []*qualifier
	for dec := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		root := doc.Content[0]
		require.Equal(t, "event", root.Content[0].Value)
		require.Len(t, root.Content, 2)
		out = append(out, readQualifier(t, root.Content[1]))
	}
}

func readQualifier(t *testing.T, n *yaml.Node) *qualifier {
	t.Helper()
	require.Equal(t, yaml.MappingNode, n.Kind)
	q := &qualifier{children: map[string]*qualifier{}}
	keywords := map[string]func(v *yaml.Node){
		"presence": func(v *yaml.Node) {
			require.Contains(t, []string{"required", "optional"}, v.Value)
			q.presence = v.Value
		},
		"action":          func(v *yaml.Node) { require.Len(t, v.Content, 4) },
		"heartbeatAction": func(v *yaml.Node) { require.Equal(t, "!!int", v.Content[0].Tag) },
		"value": func(v *yaml.Node) {
			for _, c := range append([]*yaml.Node{v}, v.Content...) {
				if c.Kind == yaml.ScalarNode {
					require.Contains(t, []string{"!!str", "!!int", "!!float"}, c.Tag, c.Value)
					q.values = append(q.values, c.Value)
				}
			}
		},
		"range":  func(v *yaml.Node) { require.Equal(t, "unbounded", v.Content[1].Value) },
		"units":  func(v *yaml.Node) { require.Regexp(t, `^[A-Za-z]+$`, v.Value) },
		"castTo": func(v *yaml.Node) { require.Equal(t, "number", v.Value) },
		"aggregationRole": func(v *yaml.Node) {
			require.Contains(t, []string{"index", "reference", "gauge", "cumulativeCounter"}, v.Value)
		},
		"comment": func(v *yaml.Node) { require.Equal(t, yaml.DoubleQuotedStyle, v.Style) },
		"structure": func(v *yaml.Node) {
			for i := 0; i < len(v.Content); i += 2 {
				q.children[v.Content[i].Value] = readQualifier(t, v.Content[i+1])
			}
		},
		"array": func(v *yaml.Node) { readArray(t, q, v) },
	}
	for i := 0; i < len(n.Content); i += 2 {
		read := keywords[n.Content[i].Value]
		require.NotNil(t, read, "%q is no keyword of VES Event Registration 3.2.1", n.Content[i].Value)
		read(n.Content[i+1])
	}
	return q
}

func readArray(t *testing.T, q *qualifier, v *yaml.Node) {
	t.Helper()
	require.Equal(t, yaml.SequenceNode, v.Kind)
	q.list = true
	for _, c := range v.Content {
		require.Len(t, c.Content, 2, "elements are declared by name")
		e := readQualifier(t, c.Content[1])
		switch c.Content[0].Value {
		case "keyValuePair":
			key := e.children["key"].values
			require.Len(t, key, 1)
			require.Nil(t, q.children[key[0]], "key %s twice", key[0])
			value := e.children["value"]
			value.presence = e.presence
			q.pairs, q.children[key[0]] = true, value
		case "namedHashMap":
			q.groups = append(q.groups, e)
		default:
			q.children = e.children
		}
	}
}

// describes says whether a message is of this eventName and domain.
func (q *qualifier) describes(body []byte) bool {
	var m struct {
		Event struct {
			Header struct{ Domain, EventName string } `json:"commonEventHeader"`
		}
	}
	if json.Unmarshal(body, &m) != nil {
		return false
	}
	h := q.children["commonEventHeader"].children
	return h["domain"].allows(m.Event.Header.Domain) && h["eventName"].allows(m.Event.Header.EventName)
}

func (q *qualifier) allows(v string) bool { return len(q.values) == 0 || slices.Contains(q.values, v) }

// check holds a JSON value to what is registered of it, and notes what was seen.
func (q *qualifier) check(t *testing.T, path string, v any, shown map[string]bool) {
	t.Helper()
	shown[path] = true
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			c := q.children[name]
			require.NotNil(t, c, "%s.%s is not registered", path, name)
			c.check(t, path+"."+name, member, shown)
		}
		for name, c := range q.children {
			require.False(t, c.presence == "required" && v[name] == nil, "%s.%s is missing", path, name)
		}
	case []any:
		require.True(t, q.list)
		for _, item := range v {
			if q.groups == nil {
				(&qualifier{children: q.children}).check(t, path, item, shown)
				continue
			}
			name := item.(map[string]any)["name"].(string)
			i := slices.IndexFunc(q.groups, func(g *qualifier) bool { return slices.Contains(g.children["name"].values, name) })
			if i < 0 { // a name made of labels
				i = slices.IndexFunc(q.groups, func(g *qualifier) bool { return g.children["name"].allows(name) })
			}
			require.GreaterOrEqual(t, i, 0, "group %s is not registered", name)
			q.groups[i].check(t, path+strconv.Itoa(i), item, shown)
		}
	case string:
		require.True(t, q.allows(v), "%s is %q", path, v)
	case float64:
		require.True(t, q.allows(strconv.FormatFloat(v, 'f', -1, 64)), "%s is %v", path, v)
		require.GreaterOrEqual(t, v, 0.0)
	}
}

// paths lists everything below a path.
func (q *qualifier) paths(path string) []string {
	out := []string{path}
	for name, c := range q.children {
		out = append(out, c.paths(path+"."+name)...)
	}
	for i, g := range q.groups {
		out = append(out, g.paths(path+strconv.Itoa(i))...)
	}
	return out
}

// TestOverflowIsRegistered: what an event tells of items that it has no room for is in the
// registration too.
func TestOverflowIsRegistered(t *testing.T) {
	set := loadSet(t, head+`
limits: {items: 1, groups: 1}
fields:
  cpuUsageArray:
    - {key: cpuIdentifier, from: cpu, percentUsage: {expr: cpu, other: sum}}
  nicPerformanceArray:
    - {key: nicIdentifier, from: dev, valuesAreSuspect: "false", receivedOctetsDelta: {expr: rx, other: sum}}
  additionalMeasurements:
    upstream: {by: cluster, requests: {expr: rq, other: sum}}
    route: {by: route, name: fixed, hits: hits}
    routes: {by: route, name: '{{ .route }}', hits: hits}
`)
	f := newFake(origin())
	f.set("up", 1, "ns", "a")
	for _, item := range []string{"x", "y", "z"} {
		for _, expr := range []string{"cpu", "rx", "rq", "hits"} {
			f.set(expr, 3, "ns", "a", item)
		}
	}
	docs := registrations(t, set.Registration(mapping.RegistrationOptions{ReportingEntityName: "vesbridge"}))
	require.Len(t, docs, 1)
	var c collected
	e, err := mapping.New(set, f, c.sink, mapping.Options{})
	require.NoError(t, err)
	_, err = e.Evaluate(t.Context(), minute(0))
	require.NoError(t, err)
	require.Len(t, c.bodies, 1)
	shown := map[string]bool{}
	var message map[string]any
	require.NoError(t, json.Unmarshal([]byte(c.bodies[0]), &message))
	docs[0].check(t, "event", message["event"], shown)
	for _, path := range docs[0].paths("event") {
		require.True(t, shown[path], "%s is registered and not there: %s", path, c.bodies[0])
	}
}
