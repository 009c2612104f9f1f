package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// checked writes a configuration with one VES collector and returns what Check tells of it.
func checked(t *testing.T, collector, routes string) (warnings []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "bridge.yaml")
	text := "global: {reporting_entity_name: b}\nmappings: [envoy]\nscrape_configs:\n  - {job_name: a, static_configs: [{targets: ['127.0.0.1:1']}]}\n" +
		"destinations:\n  - {name: dcae, ves: {endpoint: 'http://ves:8080', " + collector + "}}\n" +
		"  - {name: bus, kafka: {brokers: ['k:9092'], topics: onap}}\nroutes: " + routes + "\n"
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	r := Check(file)
	require.False(t, r.Failed(), "%v", r.Problems)
	for _, p := range r.Problems {
		require.True(t, p.Warning)
		if strings.Contains(p.Text, `"dcae"`) {
			require.Equal(t, 6, p.Line)
			warnings = append(warnings, p.Text+": "+p.Remedy)
		}
	}
	return warnings
}

// TestCheckTellsWhatACollectorWillRefuse: before deployment, which domains and why.
func TestCheckTellsWhatACollectorWillRefuse(t *testing.T) {
	const all = "[{to: [dcae]}]"
	require.Empty(t, checked(t, "max_batch_events: 1", all), "nothing is known without a profile")
	require.Empty(t, checked(t, "profile: strict-spec", all))

	got := checked(t, "profile: onap-oom", all)
	require.Len(t, got, 1)
	require.True(t, strings.HasPrefix(got[0], `destination "dcae" refuses `), got[0])
	for _, want := range []string{
		"syslog (it has a stream id for syslog but no topic behind it, and answers 500)",
		"perf3gpp (it has no stream id for perf3gpp and answers 400 SVC2000; it is a domain of HV-VES)",
		"route these domains elsewhere before anything sends them",
	} {
		require.Contains(t, got[0], want)
	}
	require.NotContains(t, got[0], "measurement")

	require.Empty(t, checked(t, "profile: onap-oom", "[{match: {domain: [fault, measurement]}, to: [dcae]}, {to: [bus]}]"), "what is not routed there is no matter")

	got = checked(t, "profile: onap-standalone", all)
	require.Len(t, got, 2)
	require.Contains(t, got[0], "notification (")
	require.Contains(t, got[1], "publishes measurements as measurementsForVfScaling")
}

// TestCheckTellsOfConfiguredDomainsByName: what the mappings send is no matter of the future.
func TestCheckTellsOfConfiguredDomainsByName(t *testing.T) {
	file := filepath.Join(t.TempDir(), "faults.yaml")
	require.NoError(t, os.WriteFile(file, []byte("name: faults-only\nversions: [\"7.2.1\"]\nstreams: {fault: F, heartbeat: H}\n"), 0o600))
	got := checked(t, "profile: "+file, "[{to: [dcae]}]")
	require.Len(t, got, 2)
	require.Equal(t, `destination "dcae" will get none of the measurement events that the mappings send: `+
		`it has no stream id for measurement and answers 400 SVC2000: route measurement elsewhere, or change the destination`, got[0])
	require.Contains(t, got[1], `destination "dcae" refuses `)
	require.NotContains(t, got[1], "heartbeat")
}
