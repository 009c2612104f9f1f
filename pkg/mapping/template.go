package mapping

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"text/template"
	"text/template/parse"
)

// maxRendered bounds what one template may write, in bytes: no VES header field or key
// is sensibly longer, and an event must not be blown up by a label.
const maxRendered = 1024

// labelTemplate is a Go text/template over label values, checked at load. The two
// usual cases, plain text and a lone {{ .label }}, never reach text/template. It is
// immutable and safe for concurrent use.
type labelTemplate struct {
	source string
	line   int
	label  int // index into names, or -1
	names  []string
	parsed *template.Template // nil where label >= 0 or the source is plain text
}

var loneLabel = regexp.MustCompile(`^\{\{\s*\.([a-zA-Z_][a-zA-Z0-9_]*)\s*\}\}$`)

// templateFuncs are the functions beyond Go's own; arguments are in the order that
// makes the label come last, as in sprig, so that they work in a pipeline.
func templateFuncs() template.FuncMap {
	return template.FuncMap{
		"lower": strings.ToLower,
		"upper": strings.ToUpper,
		"trim":  strings.TrimSpace,
		"trunc": func(n int, s string) string {
			r := []rune(s)
			switch {
			case n >= 0 && n < len(r):
				return string(r[:n])
			case n < 0 && -n < len(r):
				return string(r[len(r)+n:])
			}
			return s
		},
		"replace":    func(old, with, s string) string { return strings.ReplaceAll(s, old, with) },
		"trimPrefix": func(prefix, s string) string { return strings.TrimPrefix(s, prefix) },
		"trimSuffix": func(suffix, s string) string { return strings.TrimSuffix(s, suffix) },
		"hasPrefix":  func(prefix, s string) bool { return strings.HasPrefix(s, prefix) },
		"hasSuffix":  func(suffix, s string) bool { return strings.HasSuffix(s, suffix) },
		"contains":   func(part, s string) bool { return strings.Contains(s, part) },
		"default": func(otherwise, s string) string {
			if s == "" {
				return otherwise
			}
			return s
		},
		"before": func(sep, s string) string { head, _, _ := strings.Cut(s, sep); return head },
		"after":  func(sep, s string) string { _, tail, _ := strings.Cut(s, sep); return tail },
	}
}

// newTemplate parses source over the label names; one that names another label, loops
// or defines templates is an error.
func newTemplate(source text, names []string) (*labelTemplate, error) {
	t := &labelTemplate{source: source.Value, line: source.Line, label: -1, names: names}
	if !strings.Contains(source.Value, "{{") {
		return t, nil
	}
	if m := loneLabel.FindStringSubmatch(source.Value); m != nil {
		for i, n := range names {
			if n == m[1] {
				t.label = i
				return t, nil
			}
		}
		return nil, fmt.Errorf("template %q uses label %q, which is not known here", source.Value, m[1])
	}
	parsed, err := template.New("").Option("missingkey=zero").Funcs(templateFuncs()).Parse(source.Value)
	if err != nil {
		return nil, fmt.Errorf("parsing template: %s", strings.TrimPrefix(err.Error(), "template: "))
	}
	if len(parsed.Templates()) > 1 {
		return nil, errors.New("a template may not define others")
	}
	if err := checkTree(parsed.Tree, names); err != nil {
		return nil, fmt.Errorf("template %q %w", source.Value, err)
	}
	t.parsed = parsed
	// A dry run finds wrong argument types and unknown fields now rather than at night.
	if _, err := t.render(make([]string, len(names))); err != nil {
		return nil, err
	}
	return t, nil
}

func checkTree(tree *parse.Tree, names []string) error {
	if tree == nil || tree.Root == nil {
		return nil
	}
	return checkNode(tree.Root, names)
}

// checkNode allows text, actions, if and with; loops could run for ever and hold the
// window up.
func checkNode(n parse.Node, names []string) error {
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil {
			return nil
		}
		for _, c := range n.Nodes {
			if err := checkNode(c, names); err != nil {
				return err
			}
		}
		return nil
	case *parse.ActionNode:
		return checkNode(n.Pipe, names)
	case *parse.IfNode:
		return errors.Join(checkNode(n.Pipe, names), checkNode(n.List, names), checkNode(n.ElseList, names))
	case *parse.WithNode:
		return errors.Join(checkNode(n.Pipe, names), checkNode(n.List, names), checkNode(n.ElseList, names))
	case *parse.PipeNode:
		for _, c := range n.Cmds {
			for _, a := range c.Args {
				if err := checkNode(a, names); err != nil {
					return err
				}
			}
		}
		return nil
	case *parse.FieldNode:
		for _, have := range names {
			if len(n.Ident) == 1 && n.Ident[0] == have {
				return nil
			}
		}
		return fmt.Errorf("uses label %q, which is not known here", strings.Join(n.Ident, "."))
	case *parse.RangeNode, *parse.TemplateNode, *parse.BreakNode, *parse.ContinueNode:
		return errors.New("may not loop or call other templates")
	}
	return nil
}

// render executes the template on label values in the order of its names.
func (t *labelTemplate) render(values []string) (string, error) {
	switch {
	case t.label >= 0:
		return clip(values[t.label]), nil
	case t.parsed == nil:
		return t.source, nil
	}
	data := make(map[string]string, len(t.names))
	for i, n := range t.names {
		data[n] = values[i]
	}
	var w boundedWriter
	if err := t.parsed.Execute(&w, data); err != nil && !errors.Is(err, errTooLong) {
		return "", fmt.Errorf("executing template %q: %w", t.source, err)
	}
	return w.b.String(), nil
}

// constant returns the text of a template that has no labels in it.
func (t *labelTemplate) constant() (string, bool) {
	return t.source, t.label < 0 && t.parsed == nil
}

var errTooLong = errors.New("output too long")

// boundedWriter keeps the first maxRendered bytes and then stops the template.
type boundedWriter struct{ b strings.Builder }

func (w *boundedWriter) Write(p []byte) (int, error) {
	room := maxRendered - w.b.Len()
	if len(p) > room {
		w.b.WriteString(clipTo(string(p), room))
		return room, errTooLong
	}
	return w.b.Write(p)
}

func clip(s string) string { return clipTo(s, maxRendered) }

// clipTo cuts at a character boundary, so that the result stays valid UTF-8.
func clipTo(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}
