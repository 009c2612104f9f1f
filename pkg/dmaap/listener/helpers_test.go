package listener_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/vesbridge/vesbridge/pkg/dmaap/listener"
	"github.com/vesbridge/vesbridge/pkg/outbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sink keeps what it is given, or fails.
type sink struct {
	mu   sync.Mutex // guards recs and err
	recs []outbox.Record
	err  error
}

func (s *sink) take(_ context.Context, recs []outbox.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	s.recs = append(s.recs, recs...)
	return nil
}

func (s *sink) taken() []outbox.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]outbox.Record(nil), s.recs...)
}

var errSink = errors.New("outbox at 10.0.0.7 is full")

func newListener(t testing.TB, c listener.Config, s *sink) *listener.Listener {
	t.Helper()
	l, err := listener.New(listener.Options{Config: c, Sink: s.take})
	require.NoError(t, err)
	return l
}

// header is a commonEventHeader of VES 7.2.1 for a domain, with more members after it.
func header(domain, id, more string) string {
	return fmt.Sprintf(`"commonEventHeader":{"version":"4.1","vesEventListenerVersion":"7.2.1","domain":%q,"eventName":"Test_%s",`+
		`"eventId":%q,"sequence":0,"priority":"Normal","sourceName":"ran-1","reportingEntityName":"bridge",`+
		`"startEpochMicrosec":1790000000000000,"lastEpochMicrosec":1790000000000000%s}`, domain, domain, id, more)
}

func fault(id string) string {
	return `{` + header("fault", id, "") + `,"faultFields":{"faultFieldsVersion":"4.0","alarmCondition":"linkDown","eventSeverity":"CRITICAL",` +
		`"eventSourceType":"other","specificProblem":"no light","vfStatus":"Active"}}`
}

func heartbeat(id string) string { return `{` + header("heartbeat", id, "") + `}` }

func notification(id string) string {
	return `{` + header("notification", id, "") + `,"notificationFields":{"notificationFieldsVersion":"2.0","changeIdentifier":"x","changeType":"y"}}`
}

func perf3gpp(id string) string {
	return `{` + header("perf3gpp", id, "") + `,"perf3gppFields":{"perf3gppFieldsVersion":"1.0","measDataCollection":{"granularityPeriod":900,` +
		`"measuredEntityUserName":"u","measuredEntityDn":"dn","measuredEntitySoftwareVersion":"1","measInfoList":[{"measInfoId":{"sMeasInfoId":"a"},` +
		`"measTypes":{"sMeasTypesList":["b"]},"measValuesList":[{"measObjInstId":"c","measResults":[{"p":1,"sValue":"2"}]}]}]}}}`
}

func stndDefined(id, namespace string) string {
	return `{` + header("stndDefined", id, `,"stndDefinedNamespace":"`+namespace+`"`) +
		`,"stndDefinedFields":{"stndDefinedFieldsVersion":"1.0","data":{"a":1}}}`
}

// large is a valid event of domain other whose text has n bytes.
func large(id string, n int) string {
	return `{` + header("other", id, "") + `,"otherFields":{"otherFieldsVersion":"3.0","hashMap":{"t":"` + strings.Repeat("x", n) + `"}}}`
}

func single(event string) string { return `{"event":` + event + `}` }

func batch(events ...string) string { return `{"eventList":[` + strings.Join(events, ",") + `]}` }

const (
	v7      = "/eventListener/v7"
	v7Batch = "/eventListener/v7/eventBatch"
	v5      = "/eventListener/v5"
)

// request makes a POST of JSON; headers are key, value pairs, and an empty value removes.
func request(method, path, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		} else {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	return r
}

func do(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// versions are the headers that tell VES versions, as they are spelt.
func versions(w *httptest.ResponseRecorder) []string {
	var all []string
	for key, values := range w.Header() {
		if strings.HasPrefix(key, "X-") && strings.HasSuffix(key, "Version") {
			all = append(all, key+": "+strings.Join(values, ","))
		}
	}
	slices.Sort(all)
	return all
}

// vesError is the body of a VES error.
type vesError struct {
	RequestError map[string]struct {
		MessageID string   `json:"messageId"`
		Text      string   `json:"text"`
		Variables []string `json:"variables"`
	} `json:"requestError"`
}

func parseError(t testing.TB, body []byte) (kind, id, text string, variables []string) {
	t.Helper()
	var e vesError
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&e), "%s", body)
	require.Len(t, e.RequestError, 1)
	for k, v := range e.RequestError {
		kind, id, text, variables = k, v.MessageID, v.Text, v.Variables
	}
	return kind, id, text, variables
}

// pipes is a listener whose connections are net.Pipes, for tests in virtual time.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

// logs is a log that tests read.
type logs struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logs) logger() *slog.Logger { return slog.New(slog.NewTextHandler(io.Writer(l), nil)) }
