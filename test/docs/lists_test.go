package docs

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/vesbridge/vesbridge/internal/config"
	"github.com/vesbridge/vesbridge/pkg/dmaap"
	"github.com/vesbridge/vesbridge/pkg/dmaap/kafka"
	"github.com/vesbridge/vesbridge/pkg/dmaap/messagerouter"
	"github.com/vesbridge/vesbridge/pkg/dmaap/vescollector"
	"github.com/vesbridge/vesbridge/pkg/mapping"
	"github.com/vesbridge/vesbridge/pkg/outbox"
	"github.com/vesbridge/vesbridge/pkg/scrape"
)

// section is a page's text from one heading to the next of any level.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	_, text, ok := strings.Cut(read(t, page), "\n"+heading+"\n")
	require.True(t, ok, "%s has no heading %q", page, heading)
	if end := regexp.MustCompile(`(?m)^#+ `).FindStringIndex(text); end != nil {
		text = text[:end[0]]
	}
	return text
}

// TestDefaultsAreTrue compares the second column of the reference's tables with the defaults
// in the code.
func TestDefaultsAreTrue(t *testing.T) {
	const page = "docs/configuration.md"
	for heading, defaults := range map[string]any{
		"### VES collector":        vescollector.DefaultConfig(),
		"### Kafka":                kafka.DefaultConfig(),
		"### DMaaP Message Router": messagerouter.DefaultConfig(),
		"### Retry":                dmaap.DefaultRetryConfig(),
	} {
		text, err := yaml.Marshal(defaults)
		require.NoError(t, err)
		var values map[string]any
		require.NoError(t, yaml.Unmarshal(text, &values))
		rows := section(t, page, heading)
		compared := 0
		for key, v := range values {
			switch v.(type) {
			case string, int:
			default:
				continue // a section, with a table of its own
			}
			if v == "" {
				continue
			}
			compared++
			require.Contains(t, rows, fmt.Sprintf("| `%s` | `%v` |", key, v), "%s, %s", page, heading)
		}
		require.Greater(t, compared, 4, heading)
	}
	for key, v := range map[string]any{
		"measurement_interval": "5m", "heartbeat_interval": "60s", "listen": config.DefaultListen, "dir": config.DefaultStorageDir,
		"retention": "1h", "max_records": outbox.DefaultMaxRecords, "max_bytes": "256MiB",
	} {
		require.Contains(t, read(t, page), fmt.Sprintf("| `%s` | `%v` |", key, v))
	}
	cfg, problems := config.Parse("bridge.yaml", []byte("{}"))
	require.NotNil(t, cfg, "%v", problems)
	require.Equal(t, "5m0s 1m0s 1h0m0s 268435456", fmt.Sprint(cfg.Global.MeasurementInterval, " ", cfg.Global.HeartbeatInterval, " ", cfg.Storage.Retention, " ", cfg.Outbox.MaxBytes))
	rails := section(t, page, "## scrape_configs")
	for key, n := range map[string]int{
		"body_size_limit": scrape.DefaultBodySizeLimit >> 20, "sample_limit": scrape.DefaultSampleLimit, "label_limit": scrape.DefaultLabelLimit,
		"label_name_length_limit": scrape.DefaultLabelNameLengthLimit, "label_value_length_limit": scrape.DefaultLabelValueLengthLimit,
		"target_limit": scrape.DefaultTargetLimit,
	} {
		require.Regexp(t, fmt.Sprintf("`%s` %d\\b", key, n), rails, page)
	}
}

// TestEveryTopicOfThePresetIsListed holds the table of `topics: onap` against the code.
func TestEveryTopicOfThePresetIsListed(t *testing.T) {
	rows := section(t, "docs/configuration.md", "### Topics")
	for _, topic := range dmaap.ONAPTopics().All() {
		require.Contains(t, rows, "`"+topic+"`")
	}
}

// TestEveryReasonHasCauseAndRemedy: a number that is missing in the NOC must not send anybody
// into the source.
func TestEveryReasonHasCauseAndRemedy(t *testing.T) {
	table := section(t, "docs/operations.md", "## Fields left out, by reason")
	row := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([^|]+) \\| ([^|]+) \\|$")
	documented := map[string]bool{}
	for _, m := range row.FindAllStringSubmatch(table, -1) {
		documented[m[1]] = true
		require.NotEmpty(t, strings.TrimSpace(m[2]))
		require.NotEmpty(t, strings.TrimSpace(m[3]))
	}
	n := 0
	for r := mapping.Reason(0); r.String() != "unknown"; r++ {
		if r == mapping.ReasonNone {
			continue
		}
		n++
		require.True(t, documented[r.String()], "docs/operations.md: the reason %s is not in the table", r)
	}
	require.Len(t, documented, n, "docs/operations.md: a reason in the table that does not exist")
}

// TestEveryClassIsExplained does the same for the classes of failed deliveries.
func TestEveryClassIsExplained(t *testing.T) {
	table := section(t, "docs/operations.md", "## A destination does not take events")
	for _, c := range []dmaap.Class{dmaap.Retryable, dmaap.Permanent, dmaap.Throttled, dmaap.Misconfigured} {
		require.Contains(t, table, "| `"+c.String()+"` |")
	}
}
