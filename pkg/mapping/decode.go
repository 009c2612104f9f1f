package mapping

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/vesbridge/vesbridge/internal/problem"
)

// decoder walks the YAML nodes of one file and collects everything wrong with it. Nodes
// rather than structs, because each problem must name its line.
type decoder struct {
	file     string
	problems *problem.List
}

// text is a scalar with the line that it was written on.
type text struct {
	Value string
	Line  int
}

func (d *decoder) addf(n *yaml.Node, remedy, format string, args ...any) {
	d.problems.Addf(d.file, lineOf(n), remedy, format, args...)
}

func lineOf(n *yaml.Node) int {
	if n == nil {
		return 0
	}
	return n.Line
}

// resolve follows an alias. YAML allows an alias to an alias only through an anchor on
// it, which the parser refuses, so that one step is enough.
func resolve(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

var yamlLine = regexp.MustCompile(`line (\d+): `)

// documents parses all YAML documents of a file; a syntax error ends it with a problem.
func (d *decoder) documents(body []byte) []*yaml.Node {
	var docs []*yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(body))
	for {
		var n yaml.Node
		err := dec.Decode(&n)
		if errors.Is(err, io.EOF) {
			return docs
		}
		if err != nil {
			msg, line := strings.TrimPrefix(err.Error(), "yaml: "), 0
			if m := yamlLine.FindStringSubmatchIndex(msg); m != nil {
				line, _ = strconv.Atoi(msg[m[2]:m[3]])
				msg = msg[:m[0]] + msg[m[1]:]
			}
			d.problems.Addf(d.file, line, "write valid YAML", "parsing YAML: %s", msg)
			return docs
		}
		if n.Kind == yaml.DocumentNode && len(n.Content) == 1 {
			docs = append(docs, resolve(n.Content[0]))
		}
	}
}

// entry is one key of a YAML mapping with its value.
type entry struct{ key, value *yaml.Node }

// entries returns the keys of a YAML mapping in file order; what is no mapping, a key
// that is no text and a key given twice are problems.
func (d *decoder) entries(n *yaml.Node, what string) []entry {
	n = resolve(n)
	if n == nil || n.Kind != yaml.MappingNode {
		d.addf(n, "write `key: value` lines", "%s is not a YAML mapping", what)
		return nil
	}
	seen := make(map[string]int, len(n.Content)/2)
	out := make([]entry, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], resolve(n.Content[i+1])
		if k.Kind != yaml.ScalarNode {
			d.addf(k, "use plain text as the key", "a key of %s is not text", what)
			continue
		}
		if first, dup := seen[k.Value]; dup {
			d.addf(k, fmt.Sprintf("keep one of the two; the first is on line %d", first), "key %q of %s is given twice", k.Value, what)
			continue
		}
		seen[k.Value] = k.Line
		out = append(out, entry{k, v})
	}
	return out
}

// keys dispatches each key of a YAML mapping to its handler; unknown keys are problems
// that name the nearest known one.
func (d *decoder) keys(n *yaml.Node, what string, handlers map[string]func(*yaml.Node)) {
	for _, e := range d.entries(n, what) {
		if h, ok := handlers[e.key.Value]; ok {
			h(e.value)
			continue
		}
		known := make([]string, 0, len(handlers))
		for k := range handlers {
			known = append(known, k)
		}
		d.unknown(e.key, what, known)
	}
}

func (d *decoder) unknown(key *yaml.Node, what string, known []string) {
	d.addf(key, suggest(key.Value, known), "unknown key %q in %s", key.Value, what)
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// scalar returns a scalar's text as it is written, whatever its YAML type.
func (d *decoder) scalar(n *yaml.Node, what string) (text, bool) {
	if n == nil || n.Kind != yaml.ScalarNode || isNull(n) {
		d.addf(n, "write one value", "%s is not a single value", what)
		return text{}, false
	}
	if strings.TrimSpace(n.Value) == "" {
		d.addf(n, "write a value or remove the key", "%s is empty", what)
		return text{}, false
	}
	return text{Value: n.Value, Line: n.Line}, true
}

func (d *decoder) boolean(n *yaml.Node, what string, into *bool) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
		d.addf(n, "write true or false", "%s is not true or false", what)
		return
	}
	*into = strings.EqualFold(n.Value, "true")
}

func (d *decoder) choice(n *yaml.Node, what string, choices ...string) string {
	t, ok := d.scalar(n, what)
	if !ok {
		return ""
	}
	for _, c := range choices {
		if t.Value == c {
			return c
		}
	}
	d.addf(n, "write "+strings.Join(choices, " or "), "%s is %q", what, t.Value)
	return ""
}

func (d *decoder) integer(n *yaml.Node, what string, low int, into *int) {
	v, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || v < low {
		d.addf(n, fmt.Sprintf("write a whole number, %d or more", low), "%s is not a whole number of at least %d", what, low)
		return
	}
	*into = v
}

func (d *decoder) number(n *yaml.Node, what string, into *int) {
	v, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		d.addf(n, "write a whole number", "%s is not a whole number", what)
		return
	}
	*into = v
}

var durationText = regexp.MustCompile(`^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$`)

// parseDuration reads Prometheus' duration form (1h30m, 15s, 500ms).
func parseDuration(s string) (time.Duration, error) {
	m := durationText.FindStringSubmatch(s)
	if m == nil || s == "" {
		return 0, fmt.Errorf("parsing duration %q: not of the form 1h30m, 15s or 500ms", s)
	}
	var sum time.Duration
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second, time.Millisecond} {
		if m[i+1] == "" {
			continue
		}
		v, err := strconv.ParseInt(m[i+1], 10, 32)
		if err != nil {
			return 0, fmt.Errorf("parsing duration %q: number too large", s)
		}
		sum += time.Duration(v) * unit
	}
	if sum > 366*24*time.Hour {
		return 0, fmt.Errorf("parsing duration %q: longer than a year", s)
	}
	return sum, nil
}

func (d *decoder) duration(n *yaml.Node, what string, into *time.Duration) {
	t, ok := d.scalar(n, what)
	if !ok {
		return
	}
	v, err := parseDuration(t.Value)
	if err != nil || v <= 0 {
		d.addf(n, "write a positive duration such as 15s or 1m30s", "%s %q is not a positive duration", what, t.Value)
		return
	}
	*into = v
}

// texts reads a list of scalars, or one scalar as a list of one.
func (d *decoder) texts(n *yaml.Node, what string) []text {
	if n.Kind == yaml.ScalarNode && !isNull(n) {
		if t, ok := d.scalar(n, what); ok {
			return []text{t}
		}
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		d.addf(n, "write a list, such as [a, b]", "%s is not a list", what)
		return nil
	}
	var out []text
	for _, c := range n.Content {
		if t, ok := d.scalar(resolve(c), "an element of "+what); ok {
			out = append(out, t)
		}
	}
	return out
}

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// labels reads a list of distinct label names.
func (d *decoder) labels(n *yaml.Node, what string) []string {
	var out []string
	for _, t := range d.texts(n, what) {
		switch {
		case !labelName.MatchString(t.Value) || t.Value == "__name__":
			d.problems.Addf(d.file, t.Line, "name a label as PromQL does", "%q in %s is not a label name", t.Value, what)
		case slices.Contains(out, t.Value):
			d.problems.Addf(d.file, t.Line, "name each label once", "label %q is twice in %s", t.Value, what)
		default:
			out = append(out, t.Value)
		}
	}
	return out
}

// suggest words the remedy for an unknown name: the nearest known one, or all of them.
func suggest(name string, known []string) string {
	best, bestDist := "", 1+len(name)/2
	for _, k := range known {
		if dist := editDistance(strings.ToLower(name), strings.ToLower(k)); dist < bestDist || dist == bestDist && k < best {
			best, bestDist = k, dist
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	if len(known) == 0 {
		return "remove it"
	}
	sorted := slices.Clone(known)
	slices.Sort(sorted)
	if len(sorted) > 12 {
		return "remove it"
	}
	return "use one of " + strings.Join(sorted, ", ")
}

// editDistance is Levenshtein's, bounded to names of a sensible length.
func editDistance(a, b string) int {
	const most = 80
	if len(a) > most || len(b) > most {
		return most
	}
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diag := prev[0]
		prev[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diag
			if a[i-1] != b[j-1] {
				cost = 1 + min(diag, prev[j], prev[j-1])
			}
			diag, prev[j] = prev[j], cost
		}
	}
	return prev[len(b)]
}
