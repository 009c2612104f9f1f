package app

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheckNamesFieldsThatADestinationsVersionLacks(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	write("m.yaml", `mapping: nics
entity: [instance]
present: up == 1
births: unknown
event: {domain: measurement, eventName: Measurement_Lab-Vesbridge_Nic}
fields:
  requestRate: sum(rate(rq_total[$interval] anchored))
  nicPerformanceArray:
    - key: nicIdentifier
      from: device
      speed: {expr: sum(speed_mbps), other: drop}
      receivedOctetsAccumulated: sum(rx_total)
`)
	path := write("b.yaml", `scrape_configs: [{job_name: a}]
mappings: [./m.yaml]
destinations:
  - {name: old, ves: {endpoint: "http://127.0.0.1:1", ves_version: 5.4.1}}
  - {name: new, ves: {endpoint: "http://127.0.0.1:2", ves_version: 7.1.1}}
  - {name: as-built, ves: {endpoint: "http://127.0.0.1:3"}}
`)
	r := Check(path)
	require.False(t, r.Failed(), "%v", r.Problems)
	var said []string
	for _, p := range r.Problems {
		if p.File != path {
			said = append(said, p.Error())
		}
	}
	require.Equal(t, []string{filepath.Join(dir, "m.yaml") + `:11: warning: mapping nics: VES 5.4.1 of destination "old" has no member for nicPerformanceArray.speed; ` +
		"they go as text to the extension point of its events: have the consumers read them there"}, said)
}
