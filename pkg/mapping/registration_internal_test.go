package mapping

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/vesbridge/vesbridge/pkg/ves"
	"github.com/vesbridge/vesbridge/schemas"
)

// Units are one word each (VES Event Registration 3.2.1, Units), whoever names them.
func TestEveryUnitIsOneWord(t *testing.T) {
	word := regexp.MustCompile(`^[A-Za-z]+$`)
	for symbol := range units() {
		if symbol != "count" {
			require.Regexp(t, word, unitWord(symbol), symbol)
		}
	}
	for f := range ves.Fields(ves.V7_2_1, ves.DomainMeasurement) {
		if f.Unit != ves.UnitUnstated && f.Unit.String() != "" {
			require.Regexp(t, word, unitWord(f.Unit.String()), f.Path)
		}
	}
	require.Equal(t, "bitsPerSecond", unitWord("bps"))
	require.Equal(t, "megabitsPerSecond", unitWord("Mbps"))
	require.Equal(t, "mebibytesPerSecond", unitWord("MiB/s"))
	require.Empty(t, unitWord("count"))
	require.Empty(t, unitWord(ves.UnitUnstated.String()))
}

// TestItemNames holds the names of array elements to the schema's definitions.
func TestItemNames(t *testing.T) {
	text, ok := schemas.VES("7.2.1")
	require.True(t, ok)
	var schema struct {
		Definitions map[string]struct {
			Properties map[string]struct {
				Items struct {
					Ref string `json:"$ref"`
				} `json:"items"`
			} `json:"properties"`
		} `json:"definitions"`
	}
	require.NoError(t, json.Unmarshal(text, &schema))
	names := map[string]string{}
	for _, d := range schema.Definitions {
		for name, p := range d.Properties {
			if p.Items.Ref != "" {
				names[name] = p.Items.Ref[strings.LastIndexByte(p.Items.Ref, '/')+1:]
			}
		}
	}
	n := 0
	for f := range ves.Fields(ves.V7_2_1, ves.DomainMeasurement) {
		if f.Kind == ves.KindItems && f.Settable() {
			require.Equal(t, names[f.Name], itemName(f), f.Path)
			n++
		}
	}
	require.Greater(t, n, 10)
}

func TestRoles(t *testing.T) {
	for text, want := range map[string]string{
		"a_total":                  roleCumulativeCounter,
		`a_total{x="}(",y=~"\"."}`: roleCumulativeCounter,
		`sum by (namespace, pod) (a_total{x="y"})`: roleCumulativeCounter,
		"sum(a_total) by (pod)":                    roleCumulativeCounter,
		"max(a_total)":                             roleCumulativeCounter,
		"avg(a_total)":                             roleGauge,
		"rate(a_total[1m])":                        roleGauge,
		"a_total - a_total offset 1m":              roleGauge,
		"sum(a_total) / sum(a_total)":              roleGauge,
		"count(a_total)":                           roleGauge,
	} {
		n := number{query: &Query{Text: text, Names: []string{"a_total"}}}
		require.Equal(t, want, n.role(), text)
	}
	gauge := number{query: &Query{Text: "sessions", Names: []string{"sessions"}}}
	require.Equal(t, roleGauge, gauge.role())
	unnamed := number{query: &Query{Text: `{x="y"}`, Matchers: []string{`{x="y"}`}}}
	require.Equal(t, roleGauge, unnamed.role())
}

// FuzzText: whatever a file says is read back as it was, in either kind of quotes.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "true", "Yes", "null", "any", "1e3", "0x1f", "it's", "a: b", "a #b", "- a", "2026-01-01", "a\nb", "\t", "{{ .pod }}", "µ°é😀", "\ufeff", "\u0085", "\u2028", "\\x", "'", `"`, "\xff", "~", "a,b]", "=", "<<", "*a", "&a", "!!str a", "%a", "@a", "`a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ToValidUTF8(s, "") != s {
			s = strings.ToValidUTF8(s, "\ufffd")
		}
		var got struct {
			A []string
			B string
		}
		text := "{a: [" + yamlText(s) + ", x], b: " + yamlQuoted(s) + "} # " + yamlComment(s) + "\n"
		require.NoError(t, yaml.Unmarshal([]byte(text), &got), text)
		require.Equal(t, []string{s, "x"}, got.A, text)
		require.Equal(t, s, got.B, text)
		var node yaml.Node
		require.NoError(t, yaml.Unmarshal([]byte("["+yamlText(s)+"]"), &node))
		require.Equal(t, "!!str", node.Content[0].Content[0].Tag, "%q is no string to a reader", s)
	})
}
