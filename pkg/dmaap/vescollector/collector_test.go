package vescollector

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"

	"github.com/vesbridge/vesbridge/pkg/dmaap"
	"github.com/vesbridge/vesbridge/pkg/dmaap/dmaaptest"
	"github.com/vesbridge/vesbridge/pkg/outbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collector is a VES collector that checks what the real one checks of the transport.
type collector struct {
	*httptest.Server
	t testing.TB

	mu      sync.Mutex // guards the fields below
	got     []string   // {"event":…}, in order
	paths   []string
	auth    []string
	fault   func(w http.ResponseWriter) bool // answered
	hanging chan struct{}
}

func newCollector(t testing.TB) *collector {
	c := &collector{t: t}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.end)
	return c
}

func (c *collector) end() {
	c.CloseClientConnections()
	c.mu.Lock()
	if c.hanging != nil {
		close(c.hanging)
		c.hanging = nil
	}
	c.mu.Unlock()
	c.Close()
}

func (c *collector) set(fault func(http.ResponseWriter) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault = fault
}

func (c *collector) received() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string{}, c.got...)
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	c.mu.Lock()
	hanging, fault := c.hanging, c.fault
	c.mu.Unlock()
	if hanging != nil {
		select {
		case <-hanging:
		case <-r.Context().Done():
		}
		return
	}
	if fault != nil && fault(w) {
		return
	}
	if r.URL.Path == "/healthcheck" {
		_, _ = io.WriteString(w, "I'm good")
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paths = append(c.paths, r.URL.Path)
	c.auth = append(c.auth, r.Header.Get("Authorization"))
	switch {
	case r.Method != http.MethodPost, r.Header.Get("Content-Type") != "application/json", r.Header.Get("Content-Encoding") != "":
		w.WriteHeader(http.StatusUnsupportedMediaType)
		return
	case strings.HasSuffix(r.URL.Path, "/eventBatch"):
		var batch struct{ EventList []json.RawMessage }
		if json.Unmarshal(body, &batch) != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		for _, e := range batch.EventList {
			c.got = append(c.got, `{"event":`+string(e)+`}`)
		}
	default:
		c.got = append(c.got, string(body))
	}
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, "Successfully send event")
}

func (c *collector) settings() Config {
	cfg := DefaultConfig()
	cfg.Endpoint = c.URL
	return cfg
}

func make1(t testing.TB, cfg Config) *Destination {
	t.Helper()
	d, err := New(cfg, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close(context.Background())) })
	return d
}

func answer(status int, body string, headers ...string) func(http.ResponseWriter) bool {
	return func(w http.ResponseWriter) bool {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		return true
	}
}

func svc(id string, variables ...string) string {
	x := map[string]any{"messageId": id, "text": "text"}
	if variables != nil {
		x["variables"] = variables
	}
	b, _ := json.Marshal(map[string]any{"requestError": map[string]any{"ServiceException": x}})
	return string(b)
}

// replies are the answers of FACTS on the VES collector 1.12.5 and of the specification,
// with what each must be taken for.
var replies = []struct {
	name   string
	answer func(http.ResponseWriter) bool
	class  dmaap.Class
	reason string
}{
	{"schema", answer(400, svc("SVC0002")), dmaap.Permanent, "schema"},
	{"schema in the specification's spelling", answer(400, `{"requestError":{"serviceException":{"messageId":"SVC0002","text":"x"}}}`), dmaap.Permanent, "schema"},
	{"two domains", answer(400, svc("SVC0001")), dmaap.Permanent, "mixed_batch"},
	{"perf3gpp has no stream", answer(400, svc("SVC2000", "No domain defined for stream id", "400")), dmaap.Permanent, "no_stream"},
	{"unknown schemaReference", answer(400, svc("SVC2004")), dmaap.Permanent, "stnd_defined"},
	{"too large by policy", answer(400, `{"requestError":{"policyException":{"messageId":"POL9003"}}}`), dmaap.Permanent, "too_large"},
	{"spring 400", answer(400, `{"timestamp":1,"status":400}`), dmaap.Retryable, "bad_request"},
	{"400 of a proxy", answer(400, "<html>plain HTTP request sent to an HTTPS port</html>"), dmaap.Retryable, "bad_request"},
	{"407 of a proxy", answer(407, ""), dmaap.Misconfigured, "no_collector"},
	{"api version", answer(400, "API version v7 is not supported"), dmaap.Misconfigured, "no_collector"},
	{"plain port with auth", answer(400, "Operation not permitted"), dmaap.Misconfigured, "no_collector"},
	{"unauthorized", answer(401, `{"requestError":{"PolicyException":{"messageId":"POL2000","text":"Unauthorized user"}}}`), dmaap.Misconfigured, "unauthorized"},
	{"forbidden", answer(403, ""), dmaap.Misconfigured, "forbidden"},
	{"not found", answer(404, ""), dmaap.Misconfigured, "not_found"},
	{"method", answer(405, ""), dmaap.Misconfigured, "no_collector"},
	{"media type", answer(415, ""), dmaap.Misconfigured, "no_collector"},
	{"request timeout", answer(408, ""), dmaap.Retryable, "timeout"},
	{"too large", answer(413, strings.Repeat("x", 100_000)), dmaap.Permanent, "too_large"},
	{"throttled", answer(429, "", "Retry-After", "7"), dmaap.Throttled, "throttled"},
	{"bus down", answer(500, svc("SVC2000", "Internal Server Error", "500")), dmaap.Retryable, "server_error"},
	{"bad gateway", answer(502, "<html>"), dmaap.Retryable, "server_error"},
	{"unavailable", answer(503, ""), dmaap.Retryable, "unavailable"},
	{"unavailable for a while", answer(503, "", "Retry-After", "7"), dmaap.Throttled, "unavailable"},
	{"redirect", answer(301, "", "Location", "/elsewhere"), dmaap.Misconfigured, "no_collector"},
	{"broken off", func(w http.ResponseWriter) bool {
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "half")
		panic(http.ErrAbortHandler)
	}, dmaap.Retryable, "connection"},
	{"reset", func(http.ResponseWriter) bool { panic(http.ErrAbortHandler) }, dmaap.Retryable, "connection"},
}

func TestContract(t *testing.T) {
	collectors := map[*dmaaptest.Peer]*collector{}
	h := dmaaptest.Harness{Start: func(t *testing.T) *dmaaptest.Peer {
		c := newCollector(t)
		cfg := c.settings()
		cfg.Timeout = model.Duration(300 * time.Millisecond)
		p := &dmaaptest.Peer{
			Destination: make1(t, cfg), Received: c.received,
			Hang: func() {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.hanging = make(chan struct{})
			},
		}
		collectors[p] = c
		return p
	}}
	for _, r := range replies {
		h.Faults = append(h.Faults, dmaaptest.Fault{
			Name: r.name, Class: r.class, Reason: r.reason,
			Set: func(p *dmaaptest.Peer, on bool) {
				if collectors[p].set(nil); on {
					collectors[p].set(r.answer)
				}
			},
		})
	}
	dmaaptest.Run(t, h)
}

func TestURLsAndFraming(t *testing.T) {
	for version, cfg := range map[string]func(*Config){"v7": func(*Config) {}, "v5": func(c *Config) { c.APIVersion = "v5"; c.Endpoint += "/" }} {
		c := newCollector(t)
		conf := c.settings()
		cfg(&conf)
		d := make1(t, conf)
		require.NoError(t, d.Publish(t.Context(), dmaaptest.Records("fault", 1)))
		require.NoError(t, d.Publish(t.Context(), dmaaptest.Records("fault", 2)))
		require.Equal(t, []string{"/eventListener/" + version, "/eventListener/" + version + "/eventBatch"}, c.paths)
		require.NoError(t, d.Publish(t.Context(), nil))
		require.Len(t, c.received(), 3)
	}
}

func TestEventOverTheLimitIsNotSent(t *testing.T) {
	c := newCollector(t)
	d := make1(t, c.settings())
	r := dmaaptest.Record("measurement", "s", "1")
	r.Body = []byte(`{"event":{"x":"` + strings.Repeat("x", 2_000_000) + `"}}`)
	err := d.Publish(t.Context(), []outbox.Record{r})
	e, ok := errors.AsType[*dmaap.Error](err)
	require.True(t, ok)
	require.Equal(t, dmaap.Permanent, e.Class)
	require.Equal(t, "too_large", e.Reason)
	require.ErrorContains(t, err, "2000018 bytes")
	require.Empty(t, c.paths)
}

func TestRetryAfterAndSuspicion(t *testing.T) {
	c := newCollector(t)
	d := make1(t, c.settings())
	publish := func(f func(http.ResponseWriter) bool) *dmaap.Error {
		c.set(f)
		e, ok := errors.AsType[*dmaap.Error](d.Publish(t.Context(), dmaaptest.Records("fault", 1)))
		require.True(t, ok)
		return e
	}
	require.Equal(t, 7*time.Second, publish(answer(429, "", "Retry-After", "7")).RetryAfter)
	date := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	require.InDelta(t, 3600, publish(answer(503, "", "Retry-After", date)).RetryAfter.Seconds(), 60)
	require.Zero(t, publish(answer(503, "", "Retry-After", "soon")).RetryAfter)
	require.True(t, publish(answer(500, "")).Suspect)
	require.True(t, publish(answer(503, "")).Suspect)
	require.False(t, publish(answer(502, "")).Suspect, "a proxy's answer is not about the event")
	require.False(t, publish(func(http.ResponseWriter) bool { panic(http.ErrAbortHandler) }).Suspect)
}

func TestFailOverAndBack(t *testing.T) {
	a, b := newCollector(t), newCollector(t)
	cfg := a.settings()
	cfg.Backup = b.URL
	cfg.FailbackInterval = model.Duration(time.Nanosecond)
	d := make1(t, cfg)
	one := dmaaptest.Records("fault", 1)
	a.set(answer(503, ""))
	for range 3 {
		require.Error(t, d.Publish(t.Context(), one))
		require.Empty(t, b.received(), "one at a time")
	}
	require.NoError(t, d.Publish(t.Context(), one))
	require.Len(t, b.received(), 1)
	require.Equal(t, b.URL, d.Active())
	a.set(nil)
	require.NoError(t, d.Publish(t.Context(), one))
	require.Len(t, a.received(), 1, "back as soon as the primary answers a probe")
	require.Equal(t, a.URL, d.Active())

	a.set(answer(400, svc("SVC0002")))
	for range 9 {
		require.Error(t, d.Publish(t.Context(), one))
	}
	a.set(answer(429, ""))
	for range 9 {
		require.Error(t, d.Publish(t.Context(), one))
	}
	require.Equal(t, a.URL, d.Active(), "a collector that refuses an event works")
}

// TestConnectionsAreRenewed: R-130645, a name is resolved again after a while; until then
// a connection is kept.
func TestConnectionsAreRenewed(t *testing.T) {
	for age, want := range map[time.Duration]int64{time.Hour: 1, time.Nanosecond: 3} {
		c := &collector{t: t}
		var opened atomic.Int64
		c.Server = httptest.NewUnstartedServer(c)
		c.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				opened.Add(1)
			}
		}
		c.Start()
		t.Cleanup(c.end)
		cfg := c.settings()
		cfg.ConnectionMaxAge = model.Duration(age)
		d := make1(t, cfg)
		for range 3 {
			require.NoError(t, d.Publish(t.Context(), dmaaptest.Records("fault", 1)))
		}
		require.Equal(t, want, opened.Load(), "%s", age)
	}
}

func TestBasicAuthFromFileIsReadAgain(t *testing.T) {
	c := newCollector(t)
	file := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(file, []byte("first"), 0o600))
	cfg := c.settings()
	cfg.BasicAuth = &config.BasicAuth{Username: "u", PasswordFile: file}
	d := make1(t, cfg)
	require.NoError(t, d.Publish(t.Context(), dmaaptest.Records("fault", 1)))
	require.NoError(t, os.WriteFile(file, []byte("second"), 0o600))
	require.NoError(t, d.Publish(t.Context(), dmaaptest.Records("fault", 1)))
	require.Equal(t, []string{"Basic dTpmaXJzdA==", "Basic dTpzZWNvbmQ="}, c.auth)
}

func TestReplyNeverHoldsTheCredential(t *testing.T) {
	c := newCollector(t)
	cfg := c.settings()
	cfg.BasicAuth = &config.BasicAuth{Username: "u", Password: "topsecret"}
	d := make1(t, cfg)
	c.set(answer(401, "you said Basic dTp0b3BzZWNyZXQ= that is topsecret"))
	err := d.Publish(t.Context(), dmaaptest.Records("fault", 1))
	require.ErrorContains(t, err, "you said")
	require.NotContains(t, err.Error(), "topsecret")
	require.NotContains(t, err.Error(), "dTp0b3BzZWNyZXQ=")
}

func TestMutualTLS(t *testing.T) {
	c := &collector{t: t}
	c.Server = httptest.NewUnstartedServer(c)
	c.Server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	c.StartTLS()
	t.Cleanup(c.end)
	// httptest's own certificate serves both sides.
	own := c.Server.TLS.Certificates[0]
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		var b bytes.Buffer
		require.NoError(t, pem.Encode(&b, &pem.Block{Type: kind, Bytes: der}))
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
		return path
	}
	cert := write("cert.pem", "CERTIFICATE", own.Certificate[0])
	key := write("key.pem", "PRIVATE KEY", pkcs8(t, own.PrivateKey))
	cfg := c.settings()
	cfg.TLSConfig = config.TLSConfig{CAFile: cert, CertFile: cert, KeyFile: key}
	require.NoError(t, make1(t, cfg).Publish(t.Context(), dmaaptest.Records("fault", 1)))

	for name, broken := range map[string]config.TLSConfig{
		"no client certificate": {CAFile: cert}, "unknown authority": {CertFile: cert, KeyFile: key},
		"wrong name": {CAFile: cert, CertFile: cert, KeyFile: key, ServerName: "other.test"},
	} {
		cfg.TLSConfig = broken
		err := make1(t, cfg).Publish(t.Context(), dmaaptest.Records("fault", 1))
		e, ok := errors.AsType[*dmaap.Error](err)
		require.True(t, ok)
		require.Equal(t, dmaap.Misconfigured, e.Class, "%s: %v", name, err)
		require.Equal(t, "tls", e.Reason)
	}
	require.Len(t, c.received(), 1)
}

func TestConfig(t *testing.T) {
	parse := func(s string) (Config, error) {
		dec := yaml.NewDecoder(strings.NewReader(s))
		dec.KnownFields(true)
		var c Config
		if err := dec.Decode(&c); err != nil {
			return c, err
		}
		return c, c.Validate()
	}
	c, err := parse("endpoint: https://ves:8443\nbackup: https://ves2:8443\nprofile: onap-oom\nbasic_auth: {username: u, password: p}\ntls_config: {insecure_skip_verify: true}\nretry: {max_backoff: 10s}")
	require.NoError(t, err)
	require.Equal(t, model.Duration(25*time.Second), c.Timeout)
	require.Equal(t, model.Duration(10*time.Second), c.Retry.MaxBackoff)
	require.Equal(t, 20, c.Retry.PoisonAttempts)
	out, err := yaml.Marshal(c)
	require.NoError(t, err)
	require.Contains(t, string(out), "<secret>")

	for text, want := range map[string]string{
		"{}":                                                        "endpoint: missing",
		"endpoint: ves:8443":                                        "no http or https URL",
		"endpoint: https://u:p@ves":                                 "credentials do not belong into a URL",
		"endpoint: https://ves?a=b":                                 "query",
		"endpoint: http://a\nbackup: http://a":                      "same as endpoint",
		"endpoint: http://a\nprofile: x":                            "there is onap-oom",
		"endpoint: http://a\nprofile: ./x.yaml":                     "no such file",
		"endpoint: http://a\napi_version: v6":                       "neither v7 nor v5",
		"endpoint: http://a\nves_version: 7.3":                      `unknown VES version "7.3"`,
		"endpoint: http://a\nves_version: 7.2.1\napi_version: v5":   "v5 does not take VES 7.2.1",
		"endpoint: http://a\nves_version: 5.4.1\nprofile: oran-smo": "ves_version: ",
		"endpoint: http://a\ntimeout: 0s":                           "timeout: must be more than 0",
		"endpoint: http://a\nretry: {min_backoff: 1h}":              "min_backoff 1h is more than",
		"endpoint: http://a\nendpiont: http://b":                    "field endpiont not found",
		"endpoint: http://a\nbasic_auth: {usr: b}":                  "field usr not found",
		"endpoint: http://a\nbasic_auth: {username: a, password: b}\nauthorization: {credentials: c}": "at most one of",
	} {
		_, err := parse(text)
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), "u:p@")
	}
}
