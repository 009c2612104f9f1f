package profile

import (
	"encoding/json"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
	"github.com/vesbridge/vesbridge/pkg/ves"
)

// streamsOf joins a collector's streamid (KEY=STREAM|…) with the topic URLs of its streams, as
// the collector does when it publishes.
func streamsOf(streamid string, topicURLs map[string]string) map[string]string {
	out := map[string]string{}
	for pair := range strings.SplitSeq(streamid, "|") {
		key, stream, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(key, "3GPP-") {
			key = "stndDefined/" + key
		}
		out[key] = ""
		if url := topicURLs[stream]; url != "" {
			out[key] = path.Base(strings.TrimRight(url, "/"))
		}
	}
	return out
}

func TestONAPOOMIsWhatItsChartConfigures(t *testing.T) {
	text, err := os.ReadFile(bridgetest.Shared(t, "ves", "schemas", "collector-config", "oom-dcae-ves-collector-values.yaml"))
	require.NoError(t, err)
	var chart struct {
		ApplicationConfig struct {
			StreamID  string `yaml:"collector.dmaap.streamid"`
			Transform string `yaml:"event.transform.flag"`
			Streams   map[string]struct {
				Info struct {
					URL string `yaml:"topic_url"`
				} `yaml:"dmaap_info"`
			} `yaml:"streams_publishes"`
		} `yaml:"applicationConfig"`
	}
	require.NoError(t, yaml.Unmarshal(text, &chart))
	urls := map[string]string{}
	for name, s := range chart.ApplicationConfig.Streams {
		urls[name] = s.Info.URL
	}
	p, err := Open("onap-oom")
	require.NoError(t, err)
	require.Equal(t, streamsOf(chart.ApplicationConfig.StreamID, urls), p.Streams)
	require.Equal(t, chart.ApplicationConfig.Transform == "1", p.Transform)
}

func TestONAPStandaloneIsWhatItsImageConfigures(t *testing.T) {
	folder := bridgetest.Shared(t, "ves", "schemas", "collector-config")
	text, err := os.ReadFile(filepath.Join(folder, "collector.properties"))
	require.NoError(t, err)
	properties := map[string]string{}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		properties[key] = value
	}
	text, err = os.ReadFile(filepath.Join(folder, "ves-dmaap-config.json"))
	require.NoError(t, err)
	var config map[string]struct {
		Info struct {
			URL string `json:"topic_url"`
		} `json:"dmaap_info"`
	}
	require.NoError(t, json.Unmarshal(text, &config))
	urls := map[string]string{}
	for name, s := range config {
		urls[name] = s.Info.URL
	}
	want := streamsOf(properties["collector.dmaap.streamid"], urls)
	require.NotContains(t, want, "measurement")
	want["measurement"] = want["measurementsForVfScaling"] // transformed before it is looked up
	p, err := Open("onap-standalone")
	require.NoError(t, err)
	require.Equal(t, want, p.Streams)
	require.Equal(t, properties["event.transform.flag"] == "1", p.Transform)
}

func TestONAPSchemaMapIsTheOneItShips(t *testing.T) {
	text, err := os.ReadFile(bridgetest.Shared(t, "ves", "schemas", "stndDefined", "schema-map.json"))
	require.NoError(t, err)
	var entries []struct{ PublicURL string }
	require.NoError(t, json.Unmarshal(text, &entries))
	var want []string
	for _, e := range entries {
		want = append(want, e.PublicURL)
	}
	for _, name := range []string{"onap-oom", "onap-standalone"} {
		p, err := Open(name)
		require.NoError(t, err)
		require.Equal(t, want, p.SchemaMap, name)
	}
}

// TestTrap21UndeliverableDomains: events valid by the schema that a collector has no place
// for, as observed on running ones.
func TestTrap21UndeliverableDomains(t *testing.T) {
	tests := map[string]map[string]string{ // profile → domain[/namespace] → what the reason says; "" is accepted
		"onap-oom": {
			"perf3gpp": "400 SVC2000", "syslog": "answers 500", "thresholdCrossingAlert": "answers 500", "stateChange": "answers 500",
			"mobileFlow": "answers 500", "sipSignaling": "answers 500", "voiceQuality": "answers 500",
			"fault": "", "measurement": "", "measurementsForVfScaling": "", "heartbeat": "", "other": "", "notification": "", "pnfRegistration": "",
			"stndDefined": "", "stndDefined/3GPP-Heartbeat": "", "stndDefined/ours": `namespace "ours"`, "nonsense": "no domain of VES",
		},
		"onap-standalone": {
			"perf3gpp": "400 SVC2000", "notification": "answers 500",
			"fault": "", "measurement": "", "heartbeat": "", "syslog": "", "stndDefined/3GPP-Provisioning": "",
		},
		"strict-spec": {"perf3gpp": "", "syslog": "", "stndDefined/ours": "", "measurementsForVfScaling": "no domain of VES"},
		"oran-smo":    {"perf3gpp": "", "syslog": "", "fault": "", "stndDefined/ours": "", "measurementsForVfScaling": "no domain of VES"},
	}
	require.Equal(t, Names(), slices.Sorted(maps.Keys(tests)))
	for name, domains := range tests {
		p, err := Open(name)
		require.NoError(t, err)
		for key, want := range domains {
			domain, namespace, _ := strings.Cut(key, "/")
			why, refused := p.Refuses(domain, namespace)
			require.Equal(t, want != "", refused, "%s %s: %s", name, key, why)
			require.Contains(t, why, want, "%s %s", name, key)
		}
	}
}

// TestTrap28ReferencesToTheLetter: http for https, another release, a slash at the end.
func TestTrap28ReferencesToTheLetter(t *testing.T) {
	p, err := Open("onap-oom")
	require.NoError(t, err)
	const url = "https://forge.3gpp.org/rep/sa5/MnS/blob/SA88-Rel16/OpenAPI/faultMnS.yaml"
	for _, ok := range []string{"", url, url + "#/components/schemas/NotifyNewAlarm", url + "#components/schemas/NotifyNewAlarm"} {
		why, refused := p.RefusesReference(ok)
		require.False(t, refused, "%s: %s", ok, why)
	}
	for _, bad := range []string{strings.Replace(url, "https", "http", 1), url + "/#/x", strings.Replace(url, "16", "17", 1), "x"} {
		why, refused := p.RefusesReference(bad)
		require.True(t, refused, bad)
		require.Contains(t, why, "SVC2004")
	}
	strict, err := Open("strict-spec")
	require.NoError(t, err)
	_, refused := strict.RefusesReference("https://example.org/own.yaml#/x")
	require.False(t, refused)
}

func TestVersionsOfProfiles(t *testing.T) {
	oom, err := Open("onap-oom")
	require.NoError(t, err)
	smo, err := Open("oran-smo")
	require.NoError(t, err)
	require.True(t, oom.Speaks(ves.V5_4_1))
	require.True(t, oom.Speaks(ves.V7_0_1))
	require.False(t, smo.Speaks(ves.V5_4_1))
	require.True(t, smo.NoBatch, "it answers 202 to a batch and drops it")
}

func TestUserProfiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lab.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`
name: lab
versions: ["7.1.1"]
streams: {fault: F, measurement: M, perf3gpp: P}
max_event_bytes: 500000
no_batch: true
`), 0o600))
	p, err := Open(file)
	require.NoError(t, err)
	require.Equal(t, 500_000, p.MaxEventBytes)
	_, refused := p.Refuses("perf3gpp", "")
	require.False(t, refused)
	why, refused := p.Refuses("stndDefined", "")
	require.True(t, refused)
	require.Contains(t, why, "no domain of VES 7.1.1")

	_, err = Open(file + "x")
	require.ErrorContains(t, err, "no such file")
	_, err = Open("lab")
	require.ErrorContains(t, err, `no profile "lab"; there is onap-oom, onap-standalone, oran-smo, strict-spec`)
	for text, want := range map[string]string{
		"name: a":                         "versions: none given",
		"versions: [7.2.1]":               "name: is missing",
		"name: onap-oom\nversions: [7.2]": "is a built-in profile's",
		"name: a\nversions: [\"6\"]":      "versions: ",
		"name: a\nversions: [7.2.1]\nstreams: {measurementsForVfScaling: x}": "no domain of the versions",
		"name: a\nversions: [7.2.1]\nstreams: {stndDefined: x}":              `write "stndDefined/NAMESPACE"`,
		"name: a\nversions: [7.2.1]\nstreams: {fault/x: x}":                  "only stndDefined has namespaces",
		"name: a\nversions: [7.2.1]\nmax_event_bytes: -1":                    "must not be negative",
		"name: a\nversion: [7.2.1]":                                          "field version not found",
		"":                                                                   "EOF",
	} {
		_, err := Parse([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
}
