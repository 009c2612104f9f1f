package scrape

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseConfigGood(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "targets.json"), []byte(`[]`), 0o600))
	cfg, problems := ParseConfig([]byte(`
global:
  scrape_interval: 15s
  evaluation_interval: 20s
  external_labels: {site: a}
rule_files: [alerts/*.yml]
scrape_configs:
  - job_name: static
    static_configs: [{targets: ['127.0.0.1:1']}]
  - job_name: files
    scrape_interval: 5s
    scrape_timeout: 2s
    sample_limit: 10
    file_sd_configs: [{files: [targets.json]}]
  - job_name: http
    http_sd_configs: [{url: 'http://127.0.0.1:2/sd'}]
  - job_name: dns
    dns_sd_configs: [{names: [_x._tcp.example.org]}]
  - job_name: kubernetes
    kubernetes_sd_configs: [{role: pod, api_server: 'http://127.0.0.1:3'}]
    relabel_configs:
      - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape]
        action: keep
        regex: 'true'
  - job_name: consul
    consul_sd_configs: [{server: '127.0.0.1:4'}]
`), filepath.Join(dir, "bridge.yaml"))
	require.Empty(t, problems)
	jobs := cfg.Jobs()
	require.Len(t, jobs, 6)
	require.Equal(t, Job{Name: "static", Interval: 15 * time.Second, Timeout: 10 * time.Second}, jobs[0])
	require.Equal(t, Job{Name: "files", Interval: 5 * time.Second, Timeout: 2 * time.Second}, jobs[1])
	require.Equal(t, 20*time.Second, cfg.EvaluationInterval())
	require.Equal(t, 15*time.Second, cfg.ScrapeInterval())
	require.Equal(t, map[string]string{"site": "a"}, cfg.ExternalLabels())
	require.Equal(t, []string{filepath.Join(dir, "alerts/*.yml")}, cfg.RuleFiles())
	require.EqualValues(t, DefaultBodySizeLimit, cfg.prometheus.ScrapeConfigs[0].BodySizeLimit)
	require.EqualValues(t, DefaultSampleLimit, cfg.prometheus.ScrapeConfigs[0].SampleLimit)
	require.EqualValues(t, 10, cfg.prometheus.ScrapeConfigs[1].SampleLimit, "the user's limit stays")
}

func TestParseConfigEmpty(t *testing.T) {
	t.Parallel()
	cfg, problems := ParseConfig([]byte("\n\n"), "bridge.yaml")
	require.Empty(t, problems)
	require.Empty(t, cfg.Jobs())
}

func TestParseConfigProblems(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		want       []string
		fatal      bool
	}{
		{"not yaml", "global: [", []string{"b.yaml:1: did not find expected node content"}, true},
		{
			"unknown field", "scrape_configs:\n  - job_name: a\n    scrape_intervall: 5s\n",
			[]string{"b.yaml:3: field scrape_intervall not found: remove it or correct its name"}, true,
		},
		{
			"every job's own problem",
			"scrape_configs:\n  - job_name: a\n    scrape_intervall: 5s\n  - job_name: b\n    scrape_interval: 5s\n    scrape_timeout: 10s\n  - job_name: c\n    relabel_configs: [{action: nope}]\n",
			[]string{
				"b.yaml:3: field scrape_intervall not found: remove it or correct its name",
				`b.yaml:4: scrape timeout greater than scrape interval for scrape config with job name "b"`,
				`b.yaml:7: unknown relabel action "nope"`,
			}, true,
		},
		{
			"global", "global: {scrape_interval: 5s, scrape_timeout: 10s}\nscrape_configs:\n  - job_name: a\n  - job_name: b\n",
			[]string{"b.yaml: global scrape timeout greater than scrape interval"}, true,
		},
		{
			"two jobs of one name", "scrape_configs:\n  - job_name: a\n    static_configs: []\n  - job_name: a\n    static_configs: []\n",
			[]string{`b.yaml:4: found multiple scrape configs with job name "a"`}, true,
		},
		{
			"not ours", "global: {}\nremote_write:\n  - url: http://127.0.0.1:1/\n",
			[]string{"b.yaml:2: remote_write is Prometheus' own and not used by the bridge: remove it"}, true,
		},
		{
			"missing files",
			"scrape_configs:\n  - job_name: a\n    static_configs: [{targets: ['127.0.0.1:1']}]\n    basic_auth: {username: x, password_file: no/pw}\n    tls_config: {ca_file: no/ca}\n  - job_name: b\n    file_sd_configs: [{files: ['no/*.json']}]\n",
			[]string{
				`b.yaml:2: warning: job "a": tls_config.ca_file "no/ca": no such file or directory: create it or correct the path`,
				`b.yaml:2: warning: job "a": basic_auth.password_file "no/pw": no such file or directory: create it or correct the path`,
				`b.yaml:6: warning: job "b": file_sd_configs: no file matches "no/*.json": create one or correct the pattern`,
			}, false,
		},
		{
			"no targets", "scrape_configs:\n  - job_name: a\n",
			[]string{`b.yaml:2: warning: job "a" has no targets`}, false,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cfg, problems := ParseConfig([]byte(tc.text), "b.yaml")
			var got []string
			for _, p := range problems {
				got = append(got, p.Error())
			}
			require.Len(t, got, len(tc.want), strings.Join(got, "\n"))
			for i := range tc.want {
				require.Contains(t, got[i], tc.want[i])
			}
			require.Equal(t, tc.fatal, problems.Failed())
			require.Equal(t, tc.fatal, cfg == nil)
		})
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add("scrape_configs:\n  - job_name: a\n    scrape_intervall: 5s\n  - job_name: b\n")
	f.Add("global: {scrape_interval: 5s}\nscrape_configs: [{job_name: a}, {job_name: a}]")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "scrape_config_files") {
			t.Skip("reads files")
		}
		cfg, problems := ParseConfig([]byte(text), "b.yaml")
		require.Equal(t, problems.Failed(), cfg == nil)
		for _, p := range problems {
			require.NotEmpty(t, p.Text)
			require.LessOrEqual(t, p.Line, len(text)+2)
		}
	})
}
