package archtest

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
)

const (
	maxFileLines     = 600
	maxFunctionLines = 80
)

// longFiles and longFunctions may be longer than the rest, each for the reason given. A
// function is named file:name; one of a single statement is a table, and tables read better
// whole.
var (
	longFiles     = map[string]string{}
	longFunctions = map[string]string{}
)

// A source is one Go file of the repository.
type source struct {
	path      string // relative to the root, with slashes
	text      []byte
	file      *ast.File
	set       *token.FileSet
	generated bool
}

func (s source) test() bool { return strings.HasSuffix(s.path, "_test.go") }

func (s source) line(p token.Pos) int { return s.set.Position(p).Line }

// tracked are the paths of all files that are committed or would be.
func tracked(t *testing.T, root string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Skip("not a git working tree: ", err)
	}
	var paths []string
	for p := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		if _, err := os.Stat(filepath.Join(root, p)); err == nil { // not one deleted and not yet committed
			paths = append(paths, p)
		}
	}
	require.NotEmpty(t, paths)
	return paths
}

func sources(t *testing.T) []source {
	t.Helper()
	root := bridgetest.Root(t)
	var all []source
	for _, p := range tracked(t, root) {
		if path.Ext(p) != ".go" || strings.Contains(p, "testdata/") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, p))
		require.NoError(t, err)
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, p, text, parser.ParseComments)
		require.NoError(t, err)
		all = append(all, source{path: p, text: text, file: file, set: set, generated: ast.IsGenerated(file)})
	}
	require.NotEmpty(t, all)
	return all
}

func TestEveryPackageHasOnePackageComment(t *testing.T) {
	comments := map[string][]string{}
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		dir := path.Dir(s.path)
		comments[dir] = append(comments[dir], "")[:len(comments[dir])]
		if s.file.Doc == nil || isDirective(s.file.Doc) {
			continue
		}
		comments[dir] = append(comments[dir], s.path)
		want := "Package " + s.file.Name.Name + " "
		if s.file.Name.Name == "main" {
			want = "Command "
		}
		if text := s.file.Doc.Text(); !strings.HasPrefix(text, want) && s.file.Name.Name != "main" {
			t.Errorf("%s: the package comment does not begin with %q", s.path, want)
		}
	}
	for dir, files := range comments {
		if len(files) != 1 {
			t.Errorf("%s has %d package comments, want one: %v", dir, len(files), files)
		}
	}
}

// isDirective reports a comment group that go doc does not print: `//go:build …`.
func isDirective(g *ast.CommentGroup) bool { return strings.TrimSpace(g.Text()) == "" }

func TestNoInitAndNoDotImports(t *testing.T) {
	for _, s := range sources(t) {
		if s.generated {
			continue // protobuf's messages register their descriptors in init; nothing depends on the order
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s:%d: init(): state that a package makes by being imported cannot be configured or tested", s.path, s.line(f.Pos()))
			}
		}
		for _, i := range s.file.Imports {
			if i.Name != nil && i.Name.Name == "." {
				t.Errorf("%s:%d: dot import", s.path, s.line(i.Pos()))
			}
		}
	}
}

// TestNoContextOfItsOwnBelowTheProcess: below internal/app a context comes from the caller,
// else nothing can be stopped.
func TestNoContextOfItsOwnBelowTheProcess(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() || !under(s.path, "pkg", "internal/web", "internal/demo") || testPackage(path.Dir(s.path)) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok || (sel.Sel.Name != "Background" && sel.Sel.Name != "TO"+"DO") {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "context" {
				t.Errorf("%s:%d: context.%s() below internal/app", s.path, s.line(n.Pos()), sel.Sel.Name)
			}
			return true
		})
	}
}

func TestSizes(t *testing.T) {
	usedFiles, usedFunctions := map[string]bool{}, map[string]bool{}
	for _, s := range sources(t) {
		if s.generated {
			continue
		}
		if n := bytes.Count(s.text, []byte("\n")); n > maxFileLines {
			usedFiles[s.path] = true
			if longFiles[s.path] == "" {
				t.Errorf("%s has %d lines, more than %d: split it, or say in longFiles why not", s.path, n, maxFileLines)
			}
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil || s.test() || len(f.Body.List) == 1 {
				continue
			}
			if n := s.line(f.End()) - s.line(f.Pos()) + 1; n > maxFunctionLines {
				name := s.path + ":" + f.Name.Name
				usedFunctions[name] = true
				if longFunctions[name] == "" {
					t.Errorf("%s has %d lines, more than %d: split it, or say in longFunctions why not", name, n, maxFunctionLines)
				}
			}
		}
	}
	for p := range longFiles {
		if !usedFiles[p] {
			t.Errorf("longFiles: %s needs no exception any more", p)
		}
	}
	for f := range longFunctions {
		if !usedFunctions[f] {
			t.Errorf("longFunctions: %s needs no exception any more", f)
		}
	}
}

func TestGoModHasNoReplace(t *testing.T) {
	for _, mod := range []string{"go.mod", "tools/go.mod"} {
		text, err := os.ReadFile(filepath.Join(bridgetest.Root(t), mod))
		require.NoError(t, err)
		require.NotRegexp(t, `(?m)^\s*replace\b`, string(text), "%s: a replace line is not seen by who imports the module", mod)
	}
}

// forbidden texts name a machine or a registry that is not the public's, or promise what is
// not there. The patterns are split so that this file does not match itself.
var forbidden = []struct {
	why     string
	pattern *regexp.Regexp
	only    *regexp.Regexp // files looked at; nil for all
}{
	{why: "a path of one machine", pattern: regexp.MustCompile(`(^|[^\w.}])/(wo` + `rk|fa` + `rm|ro` + `ot|tm` + `p/br` + `ief)/`)},
	{why: "a registry or mirror by host name", pattern: regexp.MustCompile(`https?://(pro` + `xy|regi` + `stry|rep` + `o1?|d` + `eb|ind` + `ex|sta` + `tic|mir` + `ror)\.[a-z.]+`)},
	{
		why:     "a promise instead of work",
		pattern: regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b|not ` + `yet implemented`),
		only:    regexp.MustCompile(`\.(go|md|ya?ml|sh)$`),
	},
}

func TestForbiddenTexts(t *testing.T) {
	root := bridgetest.Root(t)
	for _, p := range tracked(t, root) {
		if path.Base(p) == "go.sum" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, p))
		require.NoError(t, err)
		if bytes.IndexByte(text[:min(len(text), 8000)], 0) >= 0 {
			continue // binary
		}
		for _, f := range forbidden {
			if f.only != nil && !f.only.MatchString(p) {
				continue
			}
			if at := f.pattern.FindIndex(text); at != nil {
				t.Errorf("%s:%d: %s: %q", p, 1+bytes.Count(text[:at[0]], []byte("\n")), f.why, text[at[0]:at[1]])
			}
		}
	}
}

func TestEveryPackageHasATest(t *testing.T) {
	has, hasCode := map[string]bool{}, map[string]bool{}
	for _, s := range sources(t) {
		dir := path.Dir(s.path)
		if s.test() {
			has[dir] = true
		} else if len(s.file.Decls) > 0 && !s.generated && s.file.Name.Name != "main" {
			hasCode[dir] = true
		}
	}
	for dir := range hasCode {
		// Contract tests are exercised by the packages that they test, and what is below a
		// package's own internal folder by that package.
		above, _, below := strings.Cut(dir, "/internal/")
		if !has[dir] && !testPackage(dir) && !(below && has[above]) {
			t.Errorf("%s has no test", dir)
		}
	}
}
