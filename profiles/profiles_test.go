package profiles_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
	"github.com/vesbridge/vesbridge/pkg/mapping"
	"github.com/vesbridge/vesbridge/pkg/series"
	"github.com/vesbridge/vesbridge/profiles"
)

func load(t testing.TB, o mapping.LoadOptions, names ...string) *mapping.Set {
	t.Helper()
	var files []mapping.Source
	for _, name := range names {
		text, err := profiles.Open(name)
		require.NoError(t, err)
		files = append(files, mapping.Source{Name: name + ".yaml", Text: text})
	}
	set, problems := mapping.Load(files, nil, series.NewCompiler(), o)
	require.Empty(t, problems)
	return set
}

func TestEveryProfileIsListedAndLoadsWithoutAWarning(t *testing.T) {
	var listed, embedded []string
	for _, p := range profiles.List() {
		listed = append(listed, p.Name)
		require.NotEmpty(t, p.Plane)
		require.NotEmpty(t, p.Vantage)
		m, ok := load(t, mapping.LoadOptions{}, p.Name).Mapping(p.Name)
		require.True(t, ok, "profile %s names its mapping otherwise", p.Name)
		require.NotEmpty(t, p.Description)
		require.Equal(t, p.Description, m.Description)
		require.NotEmpty(t, p.Settings)
		require.Len(t, m.Settings, len(p.Settings))
	}
	files, err := filepath.Glob("*.yaml")
	require.NoError(t, err)
	for _, f := range files {
		embedded = append(embedded, strings.TrimSuffix(f, ".yaml"))
	}
	require.Equal(t, embedded, listed)
	load(t, mapping.LoadOptions{}, listed...) // together: no field filled by two, no warning
}

func TestOpenNamesWhatThereIs(t *testing.T) {
	_, err := profiles.Open("envoi")
	require.ErrorIs(t, err, profiles.ErrUnknown)
	require.ErrorContains(t, err, `"envoi"`)
	require.ErrorContains(t, err, "envoy, node")
	_, err = profiles.Open("../go")
	require.ErrorIs(t, err, profiles.ErrUnknown)
}

func TestBirthsAreZeroForEnvoyOnly(t *testing.T) {
	set := load(t, mapping.LoadOptions{}, "envoy", "node")
	for _, name := range []string{
		"envoy_http_downstream_rq_total", "envoy_http_inbound_0_0_0_0_8080_downstream_rq_time_bucket",
		"envoy_cluster_default_svc_cluster_local_upstream_rq", "envoy_cluster_endpoint_rq_total", "envoy_tcp_downstream_cx_total",
	} {
		require.True(t, set.BirthsZero(name), name)
	}
	for _, name := range []string{"node_network_receive_bytes_total", "node_cpu_seconds_total", "up", "envoyage_total"} {
		require.False(t, set.BirthsZero(name), name)
	}
}

func TestExamplesOfTheGuideLoad(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(bridgetest.Root(t), "docs", "mapping-guide.md"))
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(blocks), 4)
	for _, b := range blocks {
		head, _, _ := strings.Cut(b[1], ":")
		switch head {
		case "mapping":
			_, problems := mapping.Load([]mapping.Source{{Name: "guide", Text: []byte(b[1])}}, nil, series.NewCompiler(), mapping.LoadOptions{})
			require.Empty(t, problems, b[1])
		case "identity":
			_, problems := mapping.ParseIdentity("guide", []byte(b[1]))
			require.Empty(t, problems, b[1])
		default:
			t.Errorf("a block of the guide is neither a mapping nor an identity table:\n%s", b[1])
		}
	}
}
