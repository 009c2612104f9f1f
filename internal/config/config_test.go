package config_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/vesbridge/vesbridge/internal/config"
	"github.com/vesbridge/vesbridge/internal/problem"
)

// wanted reads the `# want LINE: TEXT` lines of a bad configuration.
func wanted(t *testing.T, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	var out []string
	for s := bufio.NewScanner(f); s.Scan(); {
		if w, ok := strings.CutPrefix(s.Text(), "# want "); ok {
			out = append(out, w)
		}
	}
	require.NotEmpty(t, out, "%s says no message that it must give", path)
	return out
}

// said prints problems as the corpus writes them.
func said(ps problem.List) []string {
	var out []string
	for _, p := range ps {
		if p.Warning {
			continue
		}
		s := fmt.Sprintf("%d: %s", p.Line, p.Text)
		if p.Remedy != "" {
			s += ": " + p.Remedy
		}
		out = append(out, s)
	}
	return out
}

func TestBadConfigurationsGiveTheirMessage(t *testing.T) {
	files, err := filepath.Glob("testdata/*.bad.yml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".bad.yml"), func(t *testing.T) {
			cfg, ps := config.Load(f)
			require.Nil(t, cfg)
			require.Equal(t, wanted(t, f), said(ps))
			for _, p := range ps {
				require.Equal(t, f, p.File)
			}
		})
	}
}

func TestGoodConfigurationsAreTaken(t *testing.T) {
	files, err := filepath.Glob("testdata/*.good.yml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".good.yml"), func(t *testing.T) {
			cfg, ps := config.Load(f)
			require.Empty(t, said(ps))
			require.NotNil(t, cfg)
			require.Equal(t, time.Minute, cfg.Global.MeasurementInterval)
			require.Len(t, cfg.Scrape.Jobs(), 1)
			require.Equal(t, "dcae", cfg.Destinations[0].Name)
		})
	}
}

func TestDefaultsAreThoseOfTheRequirements(t *testing.T) {
	cfg, ps := config.Parse("bridge.yaml", []byte("mappings: [envoy]\n"))
	require.NotNil(t, cfg, "%v", ps)
	require.Equal(t, 300*time.Second, cfg.Global.MeasurementInterval, "R-460012")
	require.Equal(t, 60*time.Second, cfg.Global.HeartbeatInterval, "R-460012")
	require.Equal(t, config.DefaultListen, cfg.Web.Listen)
	require.NotEmpty(t, cfg.Global.ReportingEntityName)
	require.Len(t, ps, 1, "no destination is worth a warning")
	require.True(t, ps[0].Warning)
}

// Paths are relative to the file's folder, whatever the working directory is.
func TestPathsAreRelativeToTheFile(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"ca.pem", "ves.pw", "sasl.pw", "ueb.secret", "token", "id.yaml", "own.yaml"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600))
	}
	text := `mappings: [envoy, ./own.yaml]
identity: id.yaml
destinations:
  - {name: a, ves: {endpoint: "https://a", tls_config: {ca_file: ca.pem}, basic_auth: {username: u, password_file: ves.pw}}}
  - {name: b, kafka: {brokers: ["b:1"], topics: onap, tls_config: {ca_file: ca.pem}, sasl: {mechanism: PLAIN, username: u, password_file: sasl.pw}}}
  - {name: c, dmaap: {url: "https://c", topics: onap, api_key: {key: k, secret_file: ueb.secret}}}
  - {name: d, ves: {endpoint: "https://d", authorization: {credentials_file: token}, tls_config: {ca_file: gone.pem}}}
`
	path := filepath.Join(dir, "bridge.yml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	cfg, ps := config.Load(path)
	require.NotNil(t, cfg, "%v", ps)
	d := cfg.Destinations
	for _, got := range []string{
		d[0].VES.TLSConfig.CAFile, d[0].VES.BasicAuth.PasswordFile, d[1].Kafka.TLSConfig.CAFile, d[1].Kafka.SASL.PasswordFile,
		d[2].DMaaP.APIKey.SecretFile, d[3].VES.Authorization.CredentialsFile, cfg.Identity.Path, cfg.Mappings[1].Path,
	} {
		require.Equal(t, dir, filepath.Dir(got))
	}
	require.Len(t, ps, 1, "a file that is not there is worth a warning: it may be where the bridge runs")
	require.True(t, ps[0].Warning)
	require.Equal(t, 7, ps[0].Line)
	require.Contains(t, ps[0].Text, "gone.pem")
}

// The files to watch are those that the file names now, whatever is wrong with it.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "bridge.yml")
	in := func(name string) string { return filepath.Join(dir, name) }
	require.Equal(t, []string{path}, config.Files(path), "not there yet")
	for text, want := range map[string][]string{
		"mappings: [envoy, ./a.yaml, /b.yaml]\nidentity: id.yaml\n": {path, in("a.yaml"), "/b.yaml", in("id.yaml")},
		"mappings: [./a.yaml]\nsurprise: 1\nidentity: [x]\n":        {path, in("a.yaml")},
		"mappings: [./a.yaml\n":                                     {path},
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		require.Equal(t, want, config.Files(path), text)
	}
}

func TestMissingFileNamesTheRemedy(t *testing.T) {
	cfg, ps := config.Load("testdata/nowhere.yml")
	require.Nil(t, cfg)
	require.Contains(t, ps.Err().Error(), "testdata/nowhere.yml: reading the configuration: no such file or directory: name a readable file with --config")
}

func TestSchemaNamesEveryKeyAndNoOther(t *testing.T) {
	text, err := config.Schema()
	require.NoError(t, err)
	var s struct {
		Properties           map[string]json.RawMessage
		AdditionalProperties bool
	}
	require.NoError(t, json.Unmarshal(text, &s))
	for _, key := range []string{"global", "scrape_configs", "mappings", "identity", "destinations", "routes", "outbox", "storage", "web"} {
		require.Contains(t, s.Properties, key)
	}
	require.False(t, s.AdditionalProperties)
	require.NotContains(t, string(s.Properties["destinations"]), "Line")
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.yml")
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		cfg, ps := config.Parse("fuzz.yml", text)
		if (cfg == nil) != ps.Failed() {
			t.Fatalf("a configuration is refused exactly where a problem says why: %v, %v", cfg, ps)
		}
	})
}

// The schema is for editors: what the decoder takes, it must take too.
func TestSchemaTakesTheGoodConfigurations(t *testing.T) {
	text, err := config.Schema()
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("config.json", doc))
	schema, err := c.Compile("config.json")
	require.NoError(t, err)
	files, err := filepath.Glob("testdata/*.good.yml")
	require.NoError(t, err)
	for _, f := range files {
		body, err := os.ReadFile(f)
		require.NoError(t, err)
		var v any
		require.NoError(t, yaml.Unmarshal(body, &v))
		asJSON, err := json.Marshal(v)
		require.NoError(t, err)
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(instance), f)
	}
}

// TestFilesOfACollector: a profile and a folder of schemas are relative to the configuration, read
// with it, and watched like it.
func TestFilesOfACollector(t *testing.T) {
	const file = "testdata/ves_collector.good.yml"
	require.Equal(t, []string{file, filepath.Join("testdata", "lab-collector.yaml"), filepath.Join("testdata", "schemas", "schema-map.json")}, config.Files(file))
	cfg, ps := config.Load(file)
	require.NotNil(t, cfg)
	require.Len(t, ps, 1)
	require.True(t, ps[0].Warning)
	require.Equal(t, 7, ps[0].Line)
	require.Contains(t, ps[0].Text, `destination "lab": schemas: schema-map.json: "https://example.org/gone.yaml" is left out`)

	lab := cfg.Destinations[1]
	require.Equal(t, "lab", lab.VES.Collector().Name)
	_, refused := lab.Settings().Undeliverable("measurement", "")
	require.False(t, refused)
	why, refused := lab.Settings().Undeliverable("syslog", "")
	require.True(t, refused)
	require.Contains(t, why, "no stream id for syslog")

	text := "mappings: [envoy]\ndestinations:\n  - {name: lab, ves: {endpoint: 'http://lab', schemas: testdata}}\n"
	cfg, ps = config.Parse("bridge.yaml", []byte(text))
	require.Nil(t, cfg)
	require.Contains(t, ps.Err().Error(), `bridge.yaml:3: destination "lab": schemas: reading the map of schemas`)
}
