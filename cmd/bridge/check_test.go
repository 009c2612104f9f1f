package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// goodConfig is a configuration without a finding.
const goodConfig = `global: {scrape_interval: 15s, measurement_interval: 60s}
scrape_configs:
  - {job_name: sidecars, static_configs: [{targets: ["127.0.0.1:15000"]}]}
mappings: [envoy]
destinations:
  - {name: dcae, ves: {endpoint: "http://127.0.0.1:8080"}}
`

func TestCheckOfAGoodConfiguration(t *testing.T) {
	path := file(t, t.TempDir(), "bridge.yaml", goodConfig)
	r := bridge(t, "check", "--config", path)
	require.Equal(t, exitFine, r.code, r.stdout)
	require.Empty(t, r.stderr)
	require.Regexp(t, `^`+regexp.QuoteMeta(path)+`: fine: 1 scrape job, 1 mapping using \d+ metric names?, 1 destination; 0 warnings\n$`, r.stdout)

	r = bridge(t, "check", "--config", path, "--output", "json")
	require.Equal(t, exitFine, r.code)
	var report map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &report))
	require.Equal(t, []any{}, report["problems"], "a script may always count them")
	require.EqualValues(t, 1, report["mappings"])
}

func TestCheckWarns(t *testing.T) {
	path := file(t, t.TempDir(), "bridge.yaml", "mappings: [envoy]\n")
	r := bridge(t, "check", "--config", path)
	require.Equal(t, exitFine, r.code, "a warning alone is no problem")
	require.Contains(t, r.stdout, "warning: no destination is configured")
}

// wrong is one file of a configuration and what must be said of it, line by line.
const (
	wrongMapping = `mapping: first
entity: [instance]
present: up == 1
event: {domain: measurement, eventName: Measurement_A-B_C}
fields:
  requestRate: sum(rate(requests_total[1m])
  requestRat: sum(rate(requests_total[1m]))
  concurrentSessions: sum(sessions)
---
mapping: second
entity: [instance]
present: up == 1
event: {domain: measurement, eventName: Measurement_A-B_C}
fields:
  concurrentSessions: sum(other_sessions)
`
	wrongIdentity = `identity:
  - match: {instance: a}
    set: {sourceName: one}
  - match: {instance: a}
    set: {sourceName: two}
`
	wrongConfig = `global: {scrape_interval: 15s, measurement_interval: 500ms}
scrape_configs:
  - {job_name: sidecars, scrape_intervall: 5s}
mappings: [./first.yaml, envoi]
identity: ./identity.yaml
destinations:
  - {name: dcae}
  - {name: dcae, ves: {endpoint: "ftp://x"}}
surprise: 1
`
)

func TestCheckTellsEverythingAtOnce(t *testing.T) {
	dir := t.TempDir()
	path := file(t, dir, "bridge.yaml", wrongConfig)
	file(t, dir, "first.yaml", wrongMapping)
	file(t, dir, "identity.yaml", wrongIdentity)
	r := bridge(t, "check", "--config", path)
	require.Equal(t, exitProblems, r.code)
	require.Empty(t, r.stderr, "problems are the result, not a failure")
	t.Log(r.stdout)
	for _, want := range []string{
		`bridge\.yaml:1: measurement interval 500ms`,
		`bridge\.yaml:3: .*scrape_intervall`,
		`bridge\.yaml:4: no shipped profile is named "envoi"`,
		`bridge\.yaml:7: destination "dcae" has 0 kinds`,
		`bridge\.yaml:8: destination "dcae" is already on line 7`,
		`bridge\.yaml:8: destination "dcae": endpoint`,
		`bridge\.yaml:9: unknown key "surprise"`,
		`first\.yaml:6: .*requestRate`,
		`first\.yaml:7: .*requestRat`,
		`first\.yaml:15: .*concurrentSessions`,
		`identity\.yaml:\d: .*`,
	} {
		require.Regexp(t, `(?m)^\S*`+want+`.*: \S`, r.stdout, "the place, what is wrong and what to do")
	}
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	require.Contains(t, lines[len(lines)-1], "problems")

	r = bridge(t, "check", "--config", path, "--output", "json")
	require.Equal(t, exitProblems, r.code)
	var report struct {
		Problems []struct {
			File, Text, Remedy string
			Line               int
			Warning            bool
		}
	}
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &report))
	require.Len(t, report.Problems, len(lines)-1)
	for _, p := range report.Problems {
		require.NotEmpty(t, p.File)
		require.NotEmpty(t, p.Text)
	}
}
