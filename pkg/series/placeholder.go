package series

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/common/model"

	"github.com/vesbridge/vesbridge/pkg/mapping"
)

// substitution is an expression whose placeholders were replaced, with what is needed
// to tell a position of the result as a position of what the user wrote.
type substitution struct {
	user, text string
	edits      []edit
}

// edit says that user[from:to] became text[at:at+length].
type edit struct{ from, to, at, length int }

// substitute replaces $interval and $scrape outside string literals and comments.
func substitute(expr string, o mapping.CompileOptions) (*substitution, error) {
	s := &substitution{user: expr}
	var b strings.Builder
	for i := 0; i < len(expr); {
		switch c := expr[i]; c {
		case '"', '\'', '`':
			end := literalEnd(expr, i)
			b.WriteString(expr[i:end])
			i = end
		case '#':
			end := i + strings.IndexByte(expr[i:], '\n')
			if end < i {
				end = len(expr)
			}
			b.WriteString(expr[i:end])
			i = end
		case '$':
			end := i + 1
			for end < len(expr) && isWord(expr[end]) {
				end++
			}
			var d model.Duration
			switch name := expr[i:end]; name {
			case "$interval":
				d = model.Duration(o.Interval)
			case "$scrape":
				d = model.Duration(o.Scrape)
			default:
				return nil, s.errorAtUser(i, fmt.Sprintf("unknown placeholder %q, there are $interval and $scrape", name))
			}
			if d <= 0 {
				return nil, s.errorAtUser(i, fmt.Sprintf("placeholder %s has no duration here", expr[i:end]))
			}
			text := d.String()
			s.edits = append(s.edits, edit{from: i, to: end, at: b.Len(), length: len(text)})
			b.WriteString(text)
			i = end
		default:
			b.WriteByte(c)
			i++
		}
	}
	s.text = b.String()
	return s, nil
}

// literalEnd returns the index after the string literal that begins at start. An
// unclosed literal runs to the end: the parser says what is wrong with it.
func literalEnd(expr string, start int) int {
	quote := expr[start]
	for i := start + 1; i < len(expr); i++ {
		switch {
		case expr[i] == quote:
			return i + 1
		case expr[i] == '\\' && quote != '`':
			i++
		}
	}
	return len(expr)
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// errorAt makes an error for a byte position of the substituted text.
func (s *substitution) errorAt(pos int, text string) error {
	return s.errorAtUser(s.userPos(pos), text)
}

// userPos maps a byte position of the substituted text to one of the user's text. A
// position inside a replacement is the placeholder's own.
func (s *substitution) userPos(pos int) int {
	shift := 0
	for _, e := range s.edits {
		if pos < e.at {
			break
		}
		if pos < e.at+e.length {
			return e.from
		}
		shift = e.to - (e.at + e.length)
	}
	return min(max(pos+shift, 0), len(s.user))
}

func (s *substitution) errorAtUser(pos int, text string) error {
	before := s.user[:pos]
	line := 1 + strings.Count(before, "\n")
	column := 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	return &ExprError{Expr: s.user, Line: line, Column: column, Text: text}
}

// ExprError says what is wrong with an expression and where.
type ExprError struct {
	Expr         string // as the user wrote it
	Line, Column int    // 1-based; Column counts characters
	Text         string // lower case, no full stop
}

// Error names the column, and the line too where the expression has several.
func (e *ExprError) Error() string {
	if strings.Contains(strings.TrimRight(e.Expr, "\n"), "\n") {
		return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Text)
	}
	return fmt.Sprintf("column %d: %s", e.Column, e.Text)
}
