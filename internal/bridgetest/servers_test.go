package bridgetest

import (
	"io"
	"net/http"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

const minimalEnvoy = `{
  "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
  "static_resources": {"listeners": [{
    "name": "echo",
    "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
    "filter_chains": [{"filters": [{"name": "http", "typed_config": {
      "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
      "stat_prefix": "echo",
      "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"],
        "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "hello"}}}]}]},
      "http_filters": [{"name": "router", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]
    }}]}]
  }]}
}`

func TestEnvoyStarts(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a real server")
	}
	e := Envoy(t, []byte(minimalEnvoy))
	resp, err := http.Get("http://" + e.Listeners["echo"] + "/")
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "hello", string(body))
	require.Contains(t, string(e.Stats()), `envoy_http_downstream_rq_total{envoy_http_conn_manager_prefix="echo"} 1`)
	require.Equal(t, 0, e.Stop())
}

func TestKafkaStartsAndKcatReadsWhatItWrote(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a real server")
	}
	b := Kafka(t)
	write := exec.Command(lookPath(t, "kcat", "kcat"), "-P", "-b", b.Plain, "-t", "greetings", "-K", "=")
	in, err := write.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, write.Start())
	_, err = io.WriteString(in, "a=one\nb=two\n")
	require.NoError(t, err)
	require.NoError(t, in.Close())
	require.NoError(t, write.Wait())
	read := []string{"-C", "-q", "-e", "-o", "beginning", "-t", "greetings", "-f", `%k %s\n`}
	require.ElementsMatch(t, []string{"a one", "b two"}, Kcat(t, append(read, "-b", b.Plain)...))
	tls := append(read, "-b", b.TLS, "-X", "security.protocol=ssl", "-X", "ssl.ca.location="+b.CAFile,
		"-X", "ssl.certificate.location="+b.CertFile, "-X", "ssl.key.location="+b.KeyFile)
	require.ElementsMatch(t, []string{"a one", "b two"}, Kcat(t, tls...))
}

func TestNodeExporterStarts(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a real server")
	}
	resp, err := http.Get("http://" + NodeExporter(t) + "/metrics")
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Contains(t, string(body), "node_cpu_seconds_total")
}

func TestAProcessThatEndsOnItsOwnIsNoticed(t *testing.T) {
	p := Start(t, "short", exec.Command("sh", "-c", "echo out; echo err >&2; exit 3"))
	<-p.Done()
	require.Equal(t, "out\nerr\n", p.Output())
	require.ErrorIs(t, p.await(grace, func() error { return io.EOF }), errEnded)
	require.Equal(t, 3, p.Stop())
}
