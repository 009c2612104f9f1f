// Package docs holds the tests of the documents: commands that they show are run,
// configurations are checked, and what they list is compared with the program.
package docs

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
)

// pages are the documents for users, relative to the root.
var pages = []string{
	"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/benchmarks.md", "docs/collectors.md", "docs/configuration.md",
	"docs/getting-started.md", "docs/mapping-guide.md", "docs/metrics.md", "docs/operations.md", "docs/registration.md",
}

// binary builds cmd/bridge once; BRIDGE_BINARY names one to use instead.
var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("BRIDGE_BINARY"); path != "" {
		return path, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	path := filepath.Join(buildDir, "bridge")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "../../cmd/bridge").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the bridge: %w\n%s", err, out)
	}
	return path, nil
})

var buildDir string // set by TestMain

func TestMain(m *testing.M) {
	var err error
	if buildDir, err = os.MkdirTemp("", "bridge-docs-"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(buildDir)
	os.Exit(code)
}

func bridge(t *testing.T) string {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	return path
}

func read(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(bridgetest.Root(t), page))
	require.NoError(t, err)
	return string(text)
}

// A block is fenced text of a page.
type block struct {
	line int
	lang string
	// words after the language: what the test does with the block.
	//   sh test [exit=N]       run it; its exit code is 0, or N
	//   text output            what the run before it prints, … standing for anything
	//   yaml config            `bridge check` takes it, with expected warnings only
	//   LANG file=NAME         it is the file NAME for all that follows on the page
	words []string
	text  string
}

var fence = regexp.MustCompile("(?m)^```([a-z]*)(.*)\n((?s:.*?))^```$")

func blocks(text string) []block {
	var out []block
	for _, m := range fence.FindAllStringSubmatchIndex(text, -1) {
		out = append(out, block{
			line: 1 + strings.Count(text[:m[0]], "\n"), lang: text[m[2]:m[3]],
			words: strings.Fields(text[m[4]:m[5]]), text: text[m[6]:m[7]],
		})
	}
	return out
}

func (b *block) has(word string) bool { return slices.Contains(b.words, word) }

// value of a word NAME=VALUE.
func (b *block) value(name string) string {
	for _, w := range b.words {
		if v, ok := strings.CutPrefix(w, name+"="); ok {
			return v
		}
	}
	return ""
}

// TestBlocksDoWhatThePageSays runs the blocks of each page in their order, in one folder.
func TestBlocksDoWhatThePageSays(t *testing.T) {
	ran := 0
	for _, page := range pages {
		bs := blocks(read(t, page))
		t.Run(strings.TrimSuffix(filepath.Base(page), ".md"), func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.Mkdir(filepath.Join(dir, "bin"), 0o755))
			require.NoError(t, os.Symlink(bridge(t), filepath.Join(dir, "bin", "bridge")))
			var stdout string
			for _, b := range bs {
				at := fmt.Sprintf("%s:%d", page, b.line)
				if name := b.value("file"); name != "" {
					require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(b.text), 0o600), at)
				}
				switch {
				case b.has("config"):
					ran++
					checkConfig(t, dir, at, b.text)
				case b.lang == "sh" && b.has("test"):
					ran++
					stdout = runBlock(t, dir, at, b)
				case b.has("output"):
					ran++
					want := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(b.text)), "…", ".*")
					require.Regexp(t, `\A`+want+`\z`, strings.TrimSpace(stdout), at)
				}
			}
		})
	}
	require.GreaterOrEqual(t, ran, 12, "the pages have runnable blocks")
}

// expected are the warnings that an example may give: its passwords are not here, and a bus
// need not have a topic for what nobody sends.
var expected = regexp.MustCompile(`refuses |no such file or directory`)

func checkConfig(t *testing.T, dir, at, text string) {
	t.Helper()
	path := filepath.Join(dir, "of-the-page.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	out, err := exec.CommandContext(t.Context(), bridge(t), "check", "--config", path).CombinedOutput()
	require.NoError(t, err, "%s: bridge check:\n%s", at, out)
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "warning: ") {
			require.Regexp(t, expected, line, at)
		}
	}
}

func runBlock(t *testing.T, dir, at string, b block) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", b.text)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // its exit code is looked at
	require.NotNil(t, cmd.ProcessState, at)
	want := b.value("exit")
	if want == "" {
		want = "0"
	}
	require.Equal(t, want, fmt.Sprint(cmd.ProcessState.ExitCode()), "%s: exit code\n%s%s", at, stdout.String(), stderr.String())
	return stdout.String()
}

var commandLine = regexp.MustCompile(`(?:^|[|&;(\s])(?:bin/)?bridge ([a-z]+(?: [a-z]+)?)([^|\n]*)`)
var flag = regexp.MustCompile(`(?:^|\s)(--[a-z][a-z.-]*)`)

// TestCommandsAndFlagsExist looks also at the commands that need a server and are not run.
func TestCommandsAndFlagsExist(t *testing.T) {
	help := map[string]string{}
	found := 0
	for _, page := range pages {
		for _, b := range blocks(read(t, page)) {
			if b.lang != "sh" {
				continue
			}
			for _, m := range commandLine.FindAllStringSubmatch(strings.ReplaceAll(b.text, "\\\n", " "), -1) {
				found++
				name := m[1]
				if help[name] == "" {
					out, err := exec.CommandContext(t.Context(), bridge(t), append(strings.Fields(name), "--help")...).CombinedOutput()
					require.NoError(t, err, "%s:%d: bridge %s", page, b.line, name)
					help[name] = string(out)
				}
				require.Contains(t, help[name], "bridge "+strings.Fields(name)[0], "%s:%d: no command %s", page, b.line, name)
				for _, f := range flag.FindAllStringSubmatch(m[2], -1) {
					require.Regexp(t, regexp.QuoteMeta(f[1])+`\b`, help[name], "%s:%d: bridge %s has no %s", page, b.line, name, f[1])
				}
			}
		}
	}
	require.Greater(t, found, 10)
}

// TestEveryGuideIsTested: a page that nobody lists is a page that nobody runs.
func TestEveryGuideIsTested(t *testing.T) {
	guides, err := filepath.Glob(filepath.Join(bridgetest.Root(t), "docs", "*.md"))
	require.NoError(t, err)
	for _, g := range guides {
		require.Contains(t, pages, "docs/"+filepath.Base(g))
	}
}

// TestEveryCommandIsInTheReadme keeps the table of commands whole.
func TestEveryCommandIsInTheReadme(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), bridge(t), "--help").Output()
	require.NoError(t, err)
	_, list, ok := strings.Cut(string(out), "Available Commands:\n")
	require.True(t, ok)
	list, _, _ = strings.Cut(list, "\n\n")
	readme := read(t, "README.md")
	for line := range strings.Lines(list) {
		if name := strings.Fields(line)[0]; name != "help" {
			require.Contains(t, readme, "`bridge "+name, "README.md: the command %s is missing", name)
		}
	}
}

// property is one level of `bridge schema config`.
type property struct {
	Properties map[string]property
	Items      *property
}

// of Prometheus' libraries: named in the reference, described in Prometheus' own.
var prometheusBlocks = []string{"tls_config", "basic_auth", "authorization", "proxy_url"}

func (p property) keys(into map[string]bool) {
	for name, child := range p.Properties {
		into[name] = true
		if !slices.Contains(prometheusBlocks, name) {
			child.keys(into)
		}
	}
	if p.Items != nil {
		p.Items.keys(into)
	}
}

var rowKey = regexp.MustCompile("(?m)^\\| `([a-z_A-Z0-9]+)` \\|")

// TestConfigurationReferenceNamesEveryKeyAndNoOther compares the page with the schema, which
// is made from the types that decode the file.
func TestConfigurationReferenceNamesEveryKeyAndNoOther(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), bridge(t), "schema", "config").Output()
	require.NoError(t, err)
	var schema property
	require.NoError(t, json.Unmarshal(out, &schema))
	keys := map[string]bool{}
	schema.keys(keys)
	require.Greater(t, len(keys), 50)
	page := read(t, "docs/configuration.md")
	documented := map[string]bool{}
	for _, m := range rowKey.FindAllStringSubmatch(page, -1) {
		documented[m[1]] = true
		require.True(t, keys[m[1]], "docs/configuration.md: there is no key %s", m[1])
	}
	for key := range keys {
		require.True(t, documented[key], "docs/configuration.md: no row for the key %s", key)
	}
}
