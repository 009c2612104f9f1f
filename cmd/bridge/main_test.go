package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// commands calls f with every command that a user can type.
func commands(f func(path []string, c *cobra.Command)) {
	var walk func(path []string, c *cobra.Command)
	walk = func(path []string, c *cobra.Command) {
		f(path, c)
		for _, sub := range c.Commands() {
			walk(append(path[:len(path):len(path)], sub.Name()), sub)
		}
	}
	walk(nil, newRoot())
}

func TestEveryCommandHelps(t *testing.T) {
	seen := map[string]bool{}
	commands(func(path []string, c *cobra.Command) {
		seen[strings.Join(path, " ")] = true
		r := bridge(t, append(path, "--help")...)
		require.Equal(t, exitFine, r.code, path)
		require.Empty(t, r.stderr, path)
		require.NotEmpty(t, c.Short, path)
		require.Contains(t, r.stdout, "Examples:\n", path)
		require.Contains(t, r.stdout, strings.TrimSpace("bridge "+strings.Join(path, " ")), path)
	})
	for _, want := range []string{
		"run", "demo", "check", "preview", "validate", "collector",
		"schema ves", "schema config", "profiles list", "profiles show",
	} {
		require.True(t, seen[want], "the command %q is part of the contract", want)
	}
}

// Exit codes and what goes where are a contract with scripts.
func TestCommandLinesThatCannotRun(t *testing.T) {
	dir := t.TempDir()
	for name, args := range map[string][]string{
		"unknown command":         {"rnu"},
		"unknown flag":            {"check", "--confg", "x"},
		"unknown output":          {"check", "--output", "xml"},
		"unknown log level":       {"collector", "--log.level", "loud"},
		"unknown log format":      {"collector", "--log.format", "xml"},
		"too many arguments":      {"check", "x"},
		"validate nothing":        {"validate"},
		"validate what is absent": {"validate", dir + "/absent.json"},
		"validate unknown version": {
			"validate", "--ves-version", "9", "main_test.go",
		},
		"schema of no version":     {"schema", "ves", "9.9"},
		"profile that is not":      {"profiles", "show", "envoi"},
		"preview without mapping":  {"preview", "--target", "http://127.0.0.1:1"},
		"preview of nothing":       {"preview", "--mapping", "envoy"},
		"certificate without key":  {"collector", "--listen", "127.0.0.1:0", "--tls-cert", "c.pem"},
		"certificate that is not":  {"collector", "--listen", "127.0.0.1:0", "--tls-cert", dir + "/c.pem", "--tls-key", dir + "/k.pem"},
		"run without a file":       {"run", "--config", dir + "/absent.yaml"},
		"collector without a file": {"collector", "--listen", "127.0.0.1:0", "--config", dir + "/absent.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			r := bridge(t, args...)
			require.Equal(t, exitCannot, r.code)
			require.Empty(t, r.stdout)
			require.True(t, strings.HasPrefix(r.stderr, "bridge: "), r.stderr)
		})
	}
}

func TestBareCommandHelps(t *testing.T) {
	for _, args := range [][]string{{}, {"schema"}, {"profiles"}} {
		r := bridge(t, args...)
		require.Equal(t, exitFine, r.code)
		require.Contains(t, r.stdout, "Usage:")
	}
	require.Contains(t, bridge(t, "--version").stdout, "bridge version")
}

func TestSchemasAreJSON(t *testing.T) {
	for _, args := range [][]string{{"schema", "ves", "7.2.1"}, {"schema", "config"}} {
		r := bridge(t, args...)
		require.Equal(t, exitFine, r.code, r.stderr)
		require.Empty(t, r.stderr)
		var schema map[string]any
		require.NoError(t, json.Unmarshal([]byte(r.stdout), &schema))
		require.Contains(t, schema, "$schema")
	}
}

func TestProfiles(t *testing.T) {
	text := bridge(t, "profiles", "list")
	require.Equal(t, exitFine, text.code)
	require.Regexp(t, `(?m)^envoy\s+\S`, text.stdout)
	require.Regexp(t, `(?m)^node\s+\S`, text.stdout)

	var listed []struct{ Name, Description string }
	require.NoError(t, json.Unmarshal([]byte(bridge(t, "profiles", "list", "--output", "json").stdout), &listed))
	require.Len(t, listed, strings.Count(text.stdout, "\n"))
	for _, p := range listed {
		require.NotEmpty(t, p.Description)
		show := bridge(t, "profiles", "show", p.Name)
		require.Equal(t, exitFine, show.code)
		require.Contains(t, show.stdout, "mapping: "+p.Name)
		require.Equal(t, exitFine, bridge(t, "check", "--config", file(t, t.TempDir(), "bridge.yaml", "mappings: ["+p.Name+"]\n")).code,
			"a shipped profile is a good mapping")
	}
}
