package archtest

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
)

const module = "github.com/vesbridge/vesbridge"

// A listed is one package as `go list` tells of it.
type listed struct {
	ImportPath string
	Imports    []string
}

// path is the package's place in the repository: "pkg/ves", "." for the root.
func (p listed) path() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Imports", "./...")
	cmd.Dir = bridgetest.Root(t)
	out, err := cmd.Output()
	require.NoError(t, err)
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			require.NotEmpty(t, all)
			return all
		}
		require.NoError(t, err)
		all = append(all, p)
	}
}

// under reports whether a package path is at or below one of the folders.
func under(path string, folders ...string) bool {
	for _, f := range folders {
		if path == f || strings.HasPrefix(path, f+"/") {
			return true
		}
	}
	return false
}

// A rule about imports. It says nothing of test files, which may use more.
type rule struct {
	why string
	// importing says which packages, by their path in the repository, the rule is about.
	importing func(path string) bool
	// forbidden says which imports break it.
	forbidden func(imported string) bool
}

func ours(folders ...string) func(string) bool {
	return func(imported string) bool {
		path, ok := strings.CutPrefix(imported, module+"/")
		return ok && under(path, folders...)
	}
}

func foreign(modules ...string) func(string) bool {
	return func(imported string) bool { return under(imported, modules...) }
}

func in(folders ...string) func(string) bool {
	return func(path string) bool { return under(path, folders...) }
}

func notIn(folders ...string) func(string) bool {
	return func(path string) bool { return !under(path, folders...) }
}

// standard reports whether an import is of the standard library.
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

var rules = []rule{
	{
		why:       "packages below pkg are libraries: they know neither the process nor its configuration",
		importing: in("pkg"),
		forbidden: ours("internal/app", "internal/config", "internal/web", "internal/demo", "cmd"),
	},
	{
		why:       "pkg/ves is pure data: the standard library only",
		importing: func(p string) bool { return under(p, "pkg/ves") && !under(p, "pkg/ves/hvpb") },
		forbidden: func(i string) bool { return !standard(i) && !ours("pkg/ves")(i) },
	},
	{
		why:       "pkg/ves does no I/O",
		importing: func(p string) bool { return p == "pkg/ves" },
		forbidden: func(i string) bool { return i == "net" || under(i, "os", "net/http", "log", "syscall") },
	},
	{
		why:       "pkg/outbox keeps bytes and knows no one: the standard library only",
		importing: in("pkg/outbox"),
		forbidden: func(i string) bool { return !standard(i) && !ours("pkg/outbox")(i) && !testKit(i) },
	},
	{
		why:       "pkg/mapping knows events and a querier that it declares, and no engine",
		importing: in("pkg/mapping"),
		forbidden: func(i string) bool {
			return strings.HasPrefix(i, module) && !ours("pkg/mapping", "pkg/ves", "internal/problem")(i)
		},
	},
	{
		why:       "Prometheus' own packages belong to pkg/scrape, pkg/series and pkg/alarm",
		importing: notIn("pkg/scrape", "pkg/series", "pkg/alarm"),
		forbidden: foreign("github.com/prometheus/prometheus"),
	},
	{
		why:       "OpenTelemetry Collector packages belong to pkg/trace",
		importing: notIn("pkg/trace"),
		forbidden: foreign("go.opentelemetry.io/collector", "github.com/open-telemetry/opentelemetry-collector-contrib"),
	},
	{
		why:       "the Kafka client belongs to pkg/dmaap/kafka and the span intake",
		importing: notIn("pkg/dmaap/kafka", "pkg/trace"),
		forbidden: foreign("github.com/twmb/franz-go"),
	},
	{
		why:       "sarama is the independent consumer of the end-to-end tests and nothing else",
		importing: func(string) bool { return true },
		forbidden: foreign("github.com/IBM/sarama"),
	},
	{
		why:       "the process is put together in internal/app; nobody else knows it but the commands",
		importing: notIn("internal/app", "cmd"),
		forbidden: ours("internal/app"),
	},
	{
		why:       "the configuration tree is read by the process and the commands",
		importing: notIn("internal/app", "internal/config", "cmd"),
		forbidden: ours("internal/config"),
	},
	{
		why:       "the web page and the demo are parts of the process",
		importing: notIn("internal/app", "internal/web", "internal/demo", "cmd"),
		forbidden: ours("internal/web", "internal/demo"),
	},
	{
		why:       "internal/problem is a leaf",
		importing: in("internal/problem"),
		forbidden: func(i string) bool { return strings.HasPrefix(i, module) },
	},
	{
		why:       "nobody imports a command",
		importing: func(string) bool { return true },
		forbidden: func(i string) bool { return ours("cmd")(i) },
	},
	{
		why:       "test helpers stay in tests, and in the packages that exist for tests",
		importing: func(p string) bool { return !testPackage(p) },
		forbidden: func(i string) bool { return testKit(i) || ours("internal/bridgetest")(i) },
	},
}

// testPackage reports whether a package exists for tests only: bridgetest, and those named
// after the package whose contract they test (outboxtest, dmaaptest).
func testPackage(path string) bool {
	return under(path, "internal/bridgetest", "internal/archtest", "test") || strings.HasSuffix(path, "test")
}

func testKit(imported string) bool {
	return under(imported, "testing", "github.com/stretchr/testify", "github.com/google/go-cmp", "go.uber.org/goleak",
		"github.com/twmb/franz-go/pkg/kfake", "net/http/httptest")
}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		for _, broken := range violations(p) {
			t.Error(broken)
		}
	}
}

func violations(p listed) (found []string) {
	for _, r := range rules {
		if !r.importing(p.path()) {
			continue
		}
		for _, i := range p.Imports {
			if r.forbidden(i) {
				found = append(found, p.path()+" imports "+i+": "+r.why)
			}
		}
	}
	return found
}

func TestImportRulesCatchWhatTheyName(t *testing.T) {
	for _, c := range []struct{ importing, imported string }{
		{"pkg/mapping", module + "/internal/app"},
		{"pkg/ves", module + "/internal/config"},
		{"pkg/ves", "github.com/prometheus/client_golang/prometheus"},
		{"pkg/ves", "net/http"},
		{"pkg/outbox", module + "/internal/problem"},
		{"pkg/outbox", "go.yaml.in/yaml/v3"},
		{"pkg/mapping", module + "/pkg/series"},
		{"pkg/mapping", "github.com/prometheus/prometheus/promql"},
		{"internal/web", "github.com/prometheus/prometheus/model/labels"},
		{"internal/app", "go.opentelemetry.io/collector/receiver"},
		{"pkg/dmaap/vescollector", "github.com/twmb/franz-go/pkg/kgo"},
		{"pkg/dmaap/kafka", "github.com/IBM/sarama"},
		{"internal/web", module + "/internal/app"},
		{"internal/problem", module + "/pkg/ves"},
		{"internal/app", module + "/cmd/bridge"},
		{"pkg/scrape", "github.com/stretchr/testify/require"},
		{"pkg/scrape", module + "/internal/bridgetest"},
	} {
		require.NotEmpty(t, violations(listed{ImportPath: module + "/" + c.importing, Imports: []string{c.imported}}),
			"%s may import %s", c.importing, c.imported)
	}
	for _, c := range []struct{ importing, imported string }{
		{"cmd/bridge", module + "/internal/app"},
		{"internal/app", module + "/internal/web"},
		{"internal/app", module + "/pkg/dmaap/kafka"},
		{"internal/config", module + "/pkg/mapping"},
		{"pkg/mapping", module + "/pkg/ves"},
		{"pkg/mapping", "go.yaml.in/yaml/v3"},
		{"pkg/series", "github.com/prometheus/prometheus/promql"},
		{"pkg/dmaap/kafka", "github.com/twmb/franz-go/pkg/kgo"},
		{"pkg/dmaap", "github.com/prometheus/client_golang/prometheus"},
		{"pkg/outbox/outboxtest", "github.com/stretchr/testify/require"},
	} {
		require.Empty(t, violations(listed{ImportPath: module + "/" + c.importing, Imports: []string{c.imported}}))
	}
}
