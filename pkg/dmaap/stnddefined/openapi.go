package stnddefined

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// maxNodes bounds a document once its aliases are written out, and maxNesting its depth.
const (
	maxNodes   = 1_000_000
	maxNesting = 200
)

// document turns a YAML (or JSON) document into the values of encoding/json, its schemas
// into those of JSON Schema draft-04. patterns are the regular expressions that this
// program cannot read; they are taken to match.
func document(text []byte) (doc map[string]any, patterns []string, err error) {
	var n yaml.Node
	if err := yaml.Unmarshal(text, &n); err != nil {
		return nil, nil, err
	}
	if len(n.Content) == 0 {
		return nil, nil, errors.New("the file is empty")
	}
	c := converter{}
	v, err := c.value(n.Content[0], 0)
	if err != nil {
		return nil, nil, err
	}
	doc, ok := v.(map[string]any)
	if !ok {
		return nil, nil, errors.New("the file holds no mapping")
	}
	return doc, c.patterns, nil
}

type converter struct {
	nodes    int
	patterns []string
}

func (c *converter) value(n *yaml.Node, depth int) (any, error) {
	if c.nodes++; c.nodes > maxNodes {
		return nil, fmt.Errorf("more than %d values", maxNodes)
	}
	if depth > maxNesting {
		return nil, fmt.Errorf("line %d: nested deeper than %d", n.Line, maxNesting)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return c.value(n.Alias, depth+1)
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			v, err := c.value(item, depth+1)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return list, nil
	case yaml.MappingNode:
		return c.mapping(n, depth)
	}
	return scalar(n), nil
}

func (c *converter) mapping(n *yaml.Node, depth int) (any, error) {
	m := make(map[string]any, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("line %d: a key is no text", key.Line)
		}
		v, err := c.value(n.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		m[key.Value] = v
	}
	if p, ok := m["pattern"].(string); ok {
		if _, err := regexp.Compile(p); err != nil {
			c.patterns = append(c.patterns, p)
		}
	}
	return nullable(m), nil
}

// nullable writes OpenAPI's `nullable: true` in the words of JSON Schema. The value may then
// be null whatever else the schema says, which is how OpenAPI 3.0.0 to 3.0.2 are mostly
// read; 3.0.3 is narrower where there is no type.
func nullable(m map[string]any) map[string]any {
	if yes, _ := m["nullable"].(bool); !yes {
		return m
	}
	delete(m, "nullable")
	if len(m) == 0 {
		return m
	}
	if t, ok := m["type"].(string); ok && !combined(m) {
		m["type"] = []any{t, "null"} // keeps the pointers to what is inside
		return m
	}
	return map[string]any{"anyOf": []any{map[string]any{"type": "null"}, m}}
}

// combined says that m holds keywords that judge null beside its type.
func combined(m map[string]any) bool {
	for _, key := range []string{"enum", "allOf", "anyOf", "oneOf", "not", "$ref"} {
		if _, ok := m[key]; ok {
			return true
		}
	}
	return false
}

// scalar reads text by its tag. Dates stay text, as they are in JSON.
func scalar(n *yaml.Node) any {
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		var b bool
		if n.Decode(&b) == nil {
			return b
		}
	case "!!int":
		var i int64
		if n.Decode(&i) == nil {
			return json.Number(strconv.FormatInt(i, 10))
		}
	case "!!float":
		var f float64
		if n.Decode(&f) == nil {
			if b, err := json.Marshal(f); err == nil { // not NaN
				return json.Number(b)
			}
		}
	}
	return n.Value
}
