package messagerouter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"

	"github.com/vesbridge/vesbridge/pkg/dmaap"
	"github.com/vesbridge/vesbridge/pkg/dmaap/dmaaptest"
	"github.com/vesbridge/vesbridge/pkg/outbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type message struct{ topic, key, value string }

// router is a Message Router as its sources read: exact content types, no chunked JSON, a
// reader that stops at white space behind an object.
type router struct {
	*httptest.Server

	mu      sync.Mutex // guards the fields below
	got     []message
	headers []http.Header
	fault   func(w http.ResponseWriter) bool
	refuse  string // a message with this text is bad framing
	echo    bool   // answers with the credentials
	hanging chan struct{}
}

func newRouter(t testing.TB) *router {
	r := &router{}
	r.Server = httptest.NewServer(r)
	t.Cleanup(func() {
		r.CloseClientConnections()
		r.mu.Lock()
		if r.hanging != nil {
			close(r.hanging)
		}
		r.mu.Unlock()
		r.Close()
	})
	return r
}

func (r *router) set(fault func(http.ResponseWriter) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fault = fault
}

func (r *router) received() []message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]message{}, r.got...)
}

func (r *router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	r.mu.Lock()
	hanging, fault := r.hanging, r.fault
	r.mu.Unlock()
	if hanging != nil {
		select {
		case <-hanging:
		case <-req.Context().Done():
		}
		return
	}
	if fault != nil && fault(w) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.headers = append(r.headers, req.Header)
	if r.echo {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprintf(w, "you said %s", req.Header["X-Cambriaauth"][0])
		return
	}
	topic := strings.TrimPrefix(req.URL.Path, "/events/")
	var msgs []message
	switch {
	case req.Method != http.MethodPost || req.ContentLength < 0:
		err = errors.New("chunked")
	case req.Header.Get("Content-Type") == "application/cambria":
		msgs, err = parseCambria(topic, body)
	case req.Header.Get("Content-Type") == "application/json":
		msgs, err = parseJSON(topic, req.URL.Query().Get("partitionKey"), body)
	default:
		msgs = []message{{topic, "", string(body)}} // a raw message, as the real one does
	}
	if err != nil || (r.refuse != "" && bytes.Contains(body, []byte(r.refuse))) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"mrstatus":5007,"message":"%v","status":400}`, err)
		return
	}
	r.got = append(r.got, msgs...)
	_, _ = fmt.Fprintf(w, `{"count":%d,"serverTimeMs":3}`, len(msgs))
}

// parseCambria reads as CambriaRawStreamReader does: lengths in bytes, a newline between
// messages allowed.
func parseCambria(topic string, b []byte) (out []message, err error) {
	number := func() int {
		digits, rest, ok := bytes.Cut(b, []byte("."))
		n, bad := strconv.Atoi(string(digits))
		if !ok || bad != nil || n < 0 {
			err = errors.New("bad length")
			return 0
		}
		b = rest
		return n
	}
	take := func(n int) string {
		if err == nil && n > len(b) {
			err = errors.New("short")
		}
		if err != nil {
			return ""
		}
		s := string(b[:n])
		b = b[n:]
		return s
	}
	for len(b) > 0 && err == nil {
		k, v := number(), number()
		m := message{topic: topic, key: take(k), value: take(v)}
		out = append(out, m)
		b = bytes.TrimPrefix(b, []byte("\n"))
	}
	return out, err
}

// parseJSON reads an array as CambriaJsonStreamReader does: the byte behind an object must
// be a comma or the end.
func parseJSON(topic, key string, b []byte) ([]message, error) {
	if len(b) == 0 || b[0] != '[' {
		return nil, errors.New("no array")
	}
	b = b[1:]
	var out []message
	for {
		dec := json.NewDecoder(bytes.NewReader(b))
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil || raw[0] != '{' {
			return nil, errors.New("no object")
		}
		out = append(out, message{topic, key, string(raw)})
		b = b[dec.InputOffset():]
		switch {
		case string(b) == "]":
			return out, nil
		case b[0] != ',':
			return nil, fmt.Errorf("byte %q behind an object", b[0])
		}
		b = b[1:]
	}
}

func (r *router) config() Config {
	cfg := DefaultConfig()
	cfg.URL = r.URL
	cfg.Topics = dmaap.ONAPTopics()
	return cfg
}

func destination(t testing.TB, cfg Config) *Destination {
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

func mr(status, code int) func(http.ResponseWriter) bool {
	return answer(status, fmt.Sprintf(`{"mrstatus":%d,"helpURL":"http://onap.readthedocs.io","message":"x","status":%d}`, code, status))
}

func TestContract(t *testing.T) {
	for _, framing := range []string{FramingCambria, FramingJSON} {
		t.Run(framing, func(t *testing.T) {
			routers := map[*dmaaptest.Peer]*router{}
			h := dmaaptest.Harness{Start: func(t *testing.T) *dmaaptest.Peer {
				r := newRouter(t)
				cfg := r.config()
				cfg.Framing = framing
				cfg.Timeout = model.Duration(300 * time.Millisecond)
				p := &dmaaptest.Peer{
					Destination: destination(t, cfg),
					Received: func() []string {
						var out []string
						for _, m := range r.received() {
							out = append(out, m.value)
						}
						return out
					},
					Hang: func() {
						r.mu.Lock()
						defer r.mu.Unlock()
						r.hanging = make(chan struct{})
					},
				}
				routers[p] = r
				return p
			}}
			for _, f := range []struct {
				name   string
				answer func(http.ResponseWriter) bool
				class  dmaap.Class
				reason string
			}{
				{"bad framing", mr(400, 5007), dmaap.Permanent, "bad_request"},
				{"framing refused by another server", answer(400, "The plain HTTP request was sent to HTTPS port"), dmaap.Misconfigured, "no_message_router"},
				{"bad framing as documented", answer(400, `{"httpStatusCode":400,"mrErrorCode":3001,"errorMessage":"x"}`), dmaap.Permanent, "bad_request"},
				{"bad framing at length", answer(400, `{"mrstatus":5007,"message":"`+strings.Repeat("x", 10_000)+`"}`), dmaap.Permanent, "bad_request"},
				{"bad password", answer(401, "<html>"), dmaap.Misconfigured, "unauthorized"},
				{"no permission", mr(401, 4002), dmaap.Misconfigured, "no_permission"},
				{"blacklisted", mr(403, 4002), dmaap.Misconfigured, "forbidden"},
				{"back end fails as 404", mr(404, 5007), dmaap.Retryable, "not_found"},
				{"wrong path", answer(404, "<html>"), dmaap.Retryable, "not_found"},
				{"method", answer(405, ""), dmaap.Misconfigured, "no_message_router"},
				{"a proxy wants credentials", answer(407, ""), dmaap.Misconfigured, "no_message_router"},
				{"request timeout", answer(408, ""), dmaap.Retryable, "timeout"},
				{"conflict", mr(409, 5012), dmaap.Retryable, "conflict"},
				{"too large", answer(413, "ErrorResponse {not JSON}"), dmaap.Permanent, "too_large"},
				{"throttled", answer(429, "", "Retry-After", "3"), dmaap.Throttled, "throttled"},
				{"server error", mr(500, 5005), dmaap.Retryable, "server_error"},
				{"unavailable", mr(503, 3002), dmaap.Retryable, "unavailable"},
				{"gateway timeout", mr(504, 5006), dmaap.Retryable, "timeout"},
				{"count differs", answer(200, `{"count":0,"serverTimeMs":1}`), dmaap.Retryable, "count_mismatch"},
				{"another server", answer(200, "<html>It works!</html>"), dmaap.Misconfigured, "no_message_router"},
				{"redirect", answer(302, "", "Location", "/login"), dmaap.Misconfigured, "no_message_router"},
				{"reset", func(http.ResponseWriter) bool { panic(http.ErrAbortHandler) }, dmaap.Retryable, "connection"},
			} {
				h.Faults = append(h.Faults, dmaaptest.Fault{
					Name: f.name, Class: f.class, Reason: f.reason,
					Set: func(p *dmaaptest.Peer, on bool) {
						if routers[p].set(nil); on {
							routers[p].set(f.answer)
						}
					},
				})
			}
			dmaaptest.Run(t, h)
		})
	}
}

// TestTrap24CambriaFraming: the exact bytes; lengths are in bytes, the key is the source.
func TestTrap24CambriaFraming(t *testing.T) {
	recs := []outbox.Record{
		{SourceName: "a", Body: []byte("Hello World!")}, {SourceName: "", Body: []byte("Hello World!")}, {SourceName: "ü", Body: []byte("é")},
	}
	require.Equal(t, "1.12.aHello World!0.12.Hello World!2.2.üé", string(appendCambria(nil, recs)))
}

// TestTrap23JSONFraming: compact, without a newline, of one source per call.
func TestTrap23JSONFraming(t *testing.T) {
	r := newRouter(t)
	cfg := r.config()
	cfg.Framing = FramingJSON
	d := destination(t, cfg)
	recs := dmaaptest.Records("fault", 7)
	recs[0].SourceName = "a b&c=ü"
	require.NoError(t, d.Publish(t.Context(), recs))
	require.Len(t, r.received(), 7)
	require.Equal(t, message{"unauthenticated.SEC_FAULT_OUTPUT", "a b&c=ü", string(recs[0].Body)}, r.received()[0])
	require.Len(t, r.headers, 4)
	for _, h := range r.headers {
		require.Equal(t, []string{"application/json"}, h["Content-Type"], "exactly")
	}
	two := []outbox.Record{{Body: []byte(`{"event":{}}`)}, {Body: []byte(`{"event":{}}`)}}
	want := "[" + string(two[0].Body) + "," + string(two[1].Body) + "]" // to the byte
	require.Equal(t, want, string(appendJSON(nil, two)))
}

func TestKeysWithCambriaFraming(t *testing.T) {
	r := newRouter(t)
	d := destination(t, r.config())
	recs := dmaaptest.Records("measurement", 9)
	require.NoError(t, d.Publish(t.Context(), recs))
	require.Len(t, r.headers, 1, "one call for many sources")
	for i, m := range r.received() {
		require.Equal(t, message{"unauthenticated.VES_MEASUREMENT_OUTPUT", recs[i].SourceName, string(recs[i].Body)}, m)
	}
}

func TestJSONGroupRefusedForOneEvent(t *testing.T) {
	r := newRouter(t)
	cfg := r.config()
	cfg.Framing = FramingJSON
	d := destination(t, cfg)
	recs := dmaaptest.Records("fault", 9) // sources 0 1 2 0 1 2 …
	r.refuse = `"fault-0003"`
	partial, ok := errors.AsType[*dmaap.PartialError](d.Publish(t.Context(), recs))
	require.True(t, ok)
	require.Len(t, partial.Failed, 1)
	require.Equal(t, dmaap.Permanent, partial.Failed[3].Class)
	require.Len(t, r.received(), 8)
}

// only returns the error that all events of a call have.
func only(t *testing.T, err error) *dmaap.Error {
	t.Helper()
	if e, ok := errors.AsType[*dmaap.Error](err); ok {
		return e
	}
	partial, ok := errors.AsType[*dmaap.PartialError](err)
	require.True(t, ok, "%v", err)
	for _, e := range partial.Failed {
		require.Equal(t, partial.Failed[0], e)
	}
	return partial.Failed[0]
}

func TestNotFoundIsBounded(t *testing.T) {
	r := newRouter(t)
	d := destination(t, r.config())
	one := dmaaptest.Records("fault", 1)
	class := func() dmaap.Class { return only(t, d.Publish(t.Context(), one)).Class }
	for range 4 {
		r.set(mr(404, 5007))
		require.Equal(t, dmaap.Retryable, class())
		r.set(nil)
		require.NoError(t, d.Publish(t.Context(), dmaaptest.Records("heartbeat", 1)), "another topic's success changes nothing")
	}
	r.set(mr(404, 5007))
	require.Equal(t, dmaap.Misconfigured, class())
	require.ErrorContains(t, d.Publish(t.Context(), one), "SEC_FAULT_OUTPUT", "which topic")
	r.set(nil)
	require.NoError(t, d.Publish(t.Context(), one))
	r.set(mr(404, 5007))
	require.Equal(t, dmaap.Retryable, class())
}

// exact returns a header by the name as it is written on the wire.
func exact(req *http.Request, name string) []string { return req.Header[name] }

func TestAPIKeySignature(t *testing.T) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://mr", http.NoBody)
	require.NoError(t, err)
	now := time.Date(2026, 11, 23, 13, 0, 0, 0, time.FixedZone("x", 3600))
	signature, err := sign(req, &APIKey{Key: "key", Secret: "secret"}, now)
	require.NoError(t, err)
	require.Equal(t, "YnAaV67Ati+5sZ7D9B5Vyt7VFEY=", signature)
	require.Equal(t, []string{"Mon, 23 Nov 2026 12:00:00 GMT"}, exact(req, "X-CambriaDate"))
	// printf '%s' 'Mon, 23 Nov 2026 12:00:00 GMT' | openssl dgst -sha1 -hmac secret -binary | base64
	require.Equal(t, []string{"key:YnAaV67Ati+5sZ7D9B5Vyt7VFEY="}, exact(req, "X-CambriaAuth"))

	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte("secret\n"), 0o600))
	other := req.Clone(t.Context())
	_, err = sign(other, &APIKey{Key: "key", SecretFile: file}, now)
	require.NoError(t, err)
	require.Equal(t, exact(req, "X-CambriaAuth"), exact(other, "X-CambriaAuth"))

	r := newRouter(t)
	cfg := r.config()
	cfg.APIKey = &APIKey{Key: "key", SecretFile: file}
	d := destination(t, cfg)
	require.NoError(t, d.Publish(t.Context(), dmaaptest.Records("fault", 1)))
	require.NotEmpty(t, r.headers[0].Get("X-CambriaAuth"))
	require.NoError(t, os.WriteFile(file, []byte("\n"), 0o600))
	require.ErrorContains(t, d.Publish(t.Context(), dmaaptest.Records("fault", 1)), "is empty")
	require.NoError(t, os.Remove(file))
	e, ok := errors.AsType[*dmaap.Error](d.Publish(t.Context(), dmaaptest.Records("fault", 1)))
	require.True(t, ok)
	require.Equal(t, dmaap.Misconfigured, e.Class)
}

func TestDomainWithoutTopic(t *testing.T) {
	d := destination(t, newRouter(t).config())
	e := only(t, d.Publish(t.Context(), dmaaptest.Records("syslog", 2)))
	require.Equal(t, dmaap.Misconfigured, e.Class)
	require.ErrorContains(t, e, "syslog")
}

func TestConfig(t *testing.T) {
	parse := func(s string) error {
		dec := yaml.NewDecoder(strings.NewReader(s))
		dec.KnownFields(true)
		var c Config
		if err := dec.Decode(&c); err != nil {
			return err
		}
		return c.Validate()
	}
	require.NoError(t, parse("url: https://message-router:3905\ntopics: onap\napi_key: {key: k, secret: s}\nbasic_auth: {username: u, password: p}"))
	for text, want := range map[string]string{
		"{}":                    "url: missing",
		"url: https://u:p@host": "credentials do not belong into a URL",
		"url: http://mr":        "topics: none given",
		"url: http://mr\ntopics: onap\nframing: text":                    "neither cambria nor json",
		"url: http://mr\ntopics: onap\napi_key: {key: 'a:b', secret: s}": "colon",
		"url: http://mr\ntopics: onap\napi_key: {key: a}":                "either secret or secret_file",
		"url: http://mr\ntopics: onap\nnot_found_limit: 0":               "must be more than 0",
		"url: http://mr\ntopics: onap\nmax_event_bytes: 5000000":         "at most 4096000",
		"url: http://mr\ntopics: onap\nurls: x":                          "field urls not found",
	} {
		require.ErrorContains(t, parse(text), want, text)
	}
}
