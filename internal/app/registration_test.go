package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/internal/app"
	"github.com/vesbridge/vesbridge/internal/bridgetest"
	"github.com/vesbridge/vesbridge/pkg/ves"
)

const registrationConfig = `
global:
  measurement_interval: 5m
  heartbeat_interval: 40s
  reporting_entity_name: bridge-7
scrape_configs:
  - job_name: mesh
    static_configs: [{targets: ['127.0.0.1:15000']}]
mappings: [envoy, own.yaml]
destinations:
  - {name: bus, kafka: {brokers: ['127.0.0.1:9092'], topics: onap}}
`

const ownMapping = `
mapping: own
entity: [job]
present: up == 1
event: {domain: measurement, eventName: Measurement_Shop-Example_Orders}
fields:
  additionalFields: {open_orders: orders}
`

func writeRegistrationConfig(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "own.yaml"), []byte(ownMapping), 0o600))
	file := filepath.Join(dir, "bridge.yaml")
	require.NoError(t, os.WriteFile(file, []byte(registrationConfig), 0o600))
	return file
}

func TestRegistrationOfAConfiguration(t *testing.T) {
	text, problems, err := app.Registration(app.RegistrationOptions{ConfigFile: writeRegistrationConfig(t)})
	require.NoError(t, err)
	for _, want := range []string{
		"eventName Measurement_Mesh-Envoy_Sidecar\n", "eventName Measurement_Shop-Example_Orders\n",
		"eventName Heartbeat_Mesh-Envoy_Sidecar\n", "eventName Heartbeat_Shop-Example_Orders\n",
		"measurementInterval: {presence: required, value: 300,", "heartbeatInterval: {presence: required, value: 40,", "value: bridge-7",
	} {
		require.Contains(t, string(text), want)
	}
	require.Equal(t, 4, strings.Count(string(text), "\n...\n"))
	require.NotEmpty(t, problems, "the warning of a key that is not camelCase is handed on")
}

func TestRegistrationOfOneMapping(t *testing.T) {
	file := writeRegistrationConfig(t)
	for name, o := range map[string]app.RegistrationOptions{
		"of the configuration": {ConfigFile: file, Mapping: "own"},
		"a file":               {Mapping: filepath.Join(filepath.Dir(file), "own.yaml")},
	} {
		t.Run(name, func(t *testing.T) {
			text, _, err := app.Registration(o)
			require.NoError(t, err)
			require.Equal(t, 2, strings.Count(string(text), "\n...\n"))
			require.Contains(t, string(text), "Measurement_Shop-Example_Orders")
			require.Equal(t, o.ConfigFile != "", strings.Contains(string(text), "bridge-7"))
		})
	}
}

// TestRegistrationSamplesAreValid for every shipped profile and an own mapping.
func TestRegistrationSamplesAreValid(t *testing.T) {
	options := []app.RegistrationOptions{{ConfigFile: writeRegistrationConfig(t)}}
	for _, p := range app.Profiles() {
		options = append(options, app.RegistrationOptions{Mapping: p.Name})
	}
	oracle := bridgetest.OracleVES721(t)
	for _, o := range options {
		n := 0
		_, err := app.RegistrationSamples(t.Context(), o, func(event []byte) error {
			n++
			require.Empty(t, ves.CheckJSON(event, ves.V7_2_1, ves.CheckOptions{Strict: true}))
			require.NoError(t, oracle.Check(event))
			return nil
		})
		require.NoError(t, err)
		require.Positive(t, n)
		require.Zero(t, n%2, "a measurement and a heartbeat each")
	}
}

func TestRegistrationNamesWhatIsMissing(t *testing.T) {
	_, _, err := app.Registration(app.RegistrationOptions{})
	require.ErrorContains(t, err, "--mapping")
	_, _, err = app.Registration(app.RegistrationOptions{Mapping: "envoi"})
	require.ErrorContains(t, err, `"envoi"`)
	_, _, err = app.Registration(app.RegistrationOptions{ConfigFile: filepath.Join(t.TempDir(), "none.yaml")})
	require.ErrorContains(t, err, "none.yaml")
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	require.NoError(t, os.WriteFile(bad, []byte("mapping: x\n"), 0o600))
	_, err = app.RegistrationSamples(t.Context(), app.RegistrationOptions{Mapping: bad}, func([]byte) error { return nil })
	require.ErrorContains(t, err, "bad.yaml:1")
}
