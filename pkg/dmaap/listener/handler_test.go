package listener_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/dmaap/listener"
	"github.com/vesbridge/vesbridge/pkg/outbox"
)

func TestAccepted(t *testing.T) {
	s := &sink{}
	h := newListener(t, listener.Config{}, s).Handler()
	w := do(h, request("POST", v7, "\n {\"event\" : "+fault("f1")+" }\n"))
	require.Equal(t, 202, w.Code, w.Body)
	require.Empty(t, w.Body.String())
	require.Equal(t, []string{"X-LatestVersion: 7.2.1", "X-MinorVersion: 2", "X-PatchVersion: 1"}, versions(w))

	w = do(h, request("POST", v7Batch, batch(stndDefined("s1", "3GPP-Heartbeat"), stndDefined("s2", "3GPP-Heartbeat"))))
	require.Equal(t, 202, w.Code, w.Body)
	for _, e := range []string{notification("n1"), perf3gpp("p1"), heartbeat("h1")} { // every domain is taken
		require.Equal(t, 202, do(h, request("POST", v7, single(e))).Code)
	}

	recs := s.taken()
	require.Len(t, recs, 6)
	require.NotZero(t, recs[0].Built)
	recs[0].Built = recs[1].Built
	require.Equal(t, outbox.Record{
		EventID: "f1", Domain: "fault", EventName: "Test_fault", SourceName: "ran-1", Severity: "CRITICAL",
		Body: []byte(single(fault("f1"))), Built: recs[1].Built,
	}, recs[0])
	require.Equal(t, "3GPP-Heartbeat", recs[1].StndDefinedNamespace)
	require.Equal(t, outbox.LaneHeartbeat, recs[1].Lane())
	require.Equal(t, single(stndDefined("s1", "3GPP-Heartbeat")), string(recs[1].Body))
	require.Equal(t, single(stndDefined("s2", "3GPP-Heartbeat")), string(recs[2].Body))
	require.Equal(t, stndDefined("s2", "3GPP-Heartbeat"), string(recs[2].Inside()))
}

// Records must not share memory with each other: each leaves the outbox at its own time,
// and one that is cut or appended to must leave its neighbour alone.
func TestRecordsOwnTheirBytes(t *testing.T) {
	s := &sink{}
	h := newListener(t, listener.Config{}, s).Handler()
	require.Equal(t, 202, do(h, request("POST", v7Batch, batch(fault("f1"), fault("f2")))).Code)
	recs := s.taken()
	want := bytes.Clone(recs[1].Body)
	clear(recs[0].Body[:cap(recs[0].Body)])
	require.Equal(t, want, recs[1].Body)
	require.Equal(t, "f1", recs[0].EventID)
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name      string
		r         *http.Request
		status    int
		id, text  string
		variables []string // each the beginning of what is told
	}{
		{
			name: "schema", r: request("POST", v7, single(strings.Replace(fault("f"), `"CRITICAL"`, `"CRITCAL"`, 1))), status: 400,
			id: "SVC0002", text: "Bad Parameter (JSON does not conform to schema)",
			variables: []string{`/event/faultFields/eventSeverity: must be one of CRITICAL, MAJOR, MINOR, WARNING, NORMAL, got "CRITCAL"`},
		},
		{
			name: "bad item of a batch", r: request("POST", v7Batch, batch(fault("f1"), strings.Replace(fault("f2"), `"sequence":0,`, "", 1))), status: 400,
			id: "SVC0002", text: "Bad Parameter (JSON does not conform to schema)", variables: []string{"/eventList/1/commonEventHeader/sequence: is required"},
		},
		{name: "malformed", r: request("POST", v7, `{"event":`), status: 400, id: "SVC0002", text: "Incorrect JSON payload", variables: []string{"must be JSON that every reader understands, got line 1, offset 9"}},
		{name: "duplicate key", r: request("POST", v7, `{"event":{},"event":{}}`), status: 400, id: "SVC0002", text: "Incorrect JSON payload", variables: []string{"must be JSON that every reader understands"}},
		{name: "array", r: request("POST", v7, `[1]`), status: 400, id: "SVC0002", text: "Incorrect JSON payload", variables: []string{"must be an object, got array [1]"}},
		{name: "white space", r: request("POST", v7, " \n"), status: 400, id: "SVC0002", text: "Incorrect JSON payload", variables: []string{"must be JSON"}},
		{name: "empty", r: request("POST", v7, ""), status: 400, id: "SVC0002", text: "Incorrect JSON payload", variables: []string{"the body is empty"}},
		{name: "wrong wrapper", r: request("POST", v7, batch(fault("f1"))), status: 400, id: "SVC0002", text: "Incorrect JSON payload", variables: []string{"send an eventList to /eventListener/v7/eventBatch"}},
		{
			name: "wrong wrapper, invalid", r: request("POST", v7Batch, `{"event":{}}`), status: 400, id: "SVC0002", text: "Incorrect JSON payload",
			variables: []string{"send a single event to /eventListener/v7", "/event/commonEventHeader: is required"},
		},
		{name: "no wrapper", r: request("POST", v7, fault("f1")), status: 400, id: "SVC0002", text: "Incorrect JSON payload", variables: []string{"send either"}},
		{name: "both wrappers", r: request("POST", v7, `{"event":`+fault("f1")+`,"eventList":[`+fault("f2")+`]}`), status: 400, id: "SVC0002", text: "Incorrect JSON payload", variables: []string{"send either"}},
		{name: "two domains", r: request("POST", v7Batch, batch(fault("f1"), heartbeat("h1"))), status: 400, id: "SVC0001", text: "Different value of domain fields in Batch Event", variables: []string{"/eventList/1/commonEventHeader/domain: must be the domain of the batch's first event, fault"}},
		{name: "empty list", r: request("POST", v7Batch, batch()), status: 400, id: "SVC0001", text: "Different value of domain fields in Batch Event", variables: []string{"/eventList: must hold at least one event"}},
		{name: "no namespace", r: request("POST", v7, single(stndDefined("s1", ""))), status: 400, id: "SVC2006", text: "Mandatory input attribute event.commonEventHeader.stndDefinedNamespace is missing from request", variables: []string{"/event/commonEventHeader/stndDefinedNamespace"}},
		{name: "two namespaces", r: request("POST", v7Batch, batch(stndDefined("s1", "A"), stndDefined("s2", "B"))), status: 400, id: "SVC0001", text: "Value of stndDefinedNamespace fields have to be same when domain is stndDefined", variables: []string{"/eventList/1/"}},
		{name: "content type", r: request("POST", v7, single(fault("f1")), "Content-Type", "text/xml"), status: 415, id: "SVC0002", text: "Bad Parameter (Incorrect request Content-Type)", variables: []string{"send Content-Type: application/json"}},
		{name: "gzip", r: request("POST", v7, gzipped(t, single(fault("f1"))), "Content-Encoding", "gzip"), status: 415, id: "SVC0002", text: "Bad Parameter (Content-Encoding is not supported)", variables: []string{"send the events without"}},
		{name: "v4", r: request("POST", "/eventListener/v4", single(fault("f1"))), status: 404, id: "SVC0002", text: "API version v4 is not supported", variables: []string{"use /eventListener/v7"}},
		{name: "path", r: request("POST", "/events/v7", single(fault("f1"))), status: 404, id: "SVC0002", text: "Not Found. The requested resource is not available.", variables: []string{"use"}},
		{name: "method", r: request("PUT", v7, single(fault("f1"))), status: 405, id: "SVC0002", text: "Method Not Allowed", variables: []string{"use POST"}},
		{name: "root", r: request("POST", "/", single(fault("f1"))), status: 405, id: "SVC0002", text: "Method Not Allowed", variables: []string{"use GET"}},
		{name: "too large", r: request("POST", v7, single(large("o1", 2<<20))), status: 413, id: "POL9003", text: "Message content size exceeds the allowable limit", variables: []string{"the limit is 2097152 bytes"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, l, reg := &sink{}, &logs{}, prometheus.NewPedanticRegistry()
			lis, err := listener.New(listener.Options{Sink: s.take, Logger: l.logger(), Registerer: reg})
			require.NoError(t, err)
			w := do(lis.Handler(), c.r)
			require.Equal(t, c.status, w.Code, w.Body)
			require.Equal(t, mediaType, w.Header().Get("Content-Type"))
			kind, id, text, variables := parseError(t, w.Body.Bytes())
			require.Equal(t, strings.HasPrefix(id, "POL"), kind == "PolicyException")
			require.Equal(t, []string{c.id, c.text}, []string{id, text})
			require.Len(t, variables, len(c.variables), variables)
			for i := range c.variables {
				require.True(t, strings.HasPrefix(variables[i], c.variables[i]), variables[i])
			}
			require.Empty(t, s.taken())
			require.Contains(t, l.String(), "request refused")
			n, err := testutil.GatherAndCount(reg, "bridge_listener_requests_refused_total")
			require.NoError(t, err)
			require.Equal(t, 1, n)
		})
	}
}

func TestReplyHeaders(t *testing.T) {
	h := newListener(t, listener.Config{}, &sink{err: errSink}).Handler()
	require.Equal(t, "POST", do(h, request("GET", v7, "")).Header().Get("Allow"))
	require.Equal(t, "GET, HEAD", do(h, request("DELETE", "/healthcheck", "")).Header().Get("Allow"))
	w := do(h, request("HEAD", "/healthcheck", ""))
	require.Equal(t, 200, w.Code)
	require.Empty(t, w.Body.String())
}

// The client learns that it must send again, but nothing of what is behind us.
func TestSinkError(t *testing.T) {
	s, l := &sink{err: fmt.Errorf("appending: %w", errSink)}, &logs{}
	lis, err := listener.New(listener.Options{Sink: s.take, Logger: l.logger()})
	require.NoError(t, err)
	w := do(lis.Handler(), request("POST", v7, single(fault("f1"))))
	require.Equal(t, 503, w.Code)
	require.Equal(t, "5", w.Header().Get("Retry-After"))
	_, id, _, variables := parseError(t, w.Body.Bytes())
	require.Equal(t, "SVC2000", id)
	require.Equal(t, []string{"the events were not taken over, send them again", "503"}, variables)
	require.NotContains(t, w.Body.String(), "10.0.0.7")
	require.Contains(t, l.String(), "10.0.0.7")
	require.Contains(t, l.String(), "level=ERROR")
}

func TestNothingIsAcknowledgedBeforeTheSinkHasIt(t *testing.T) {
	w := &watched{header: http.Header{}}
	lis, err := listener.New(listener.Options{Sink: func(_ context.Context, recs []outbox.Record) error {
		require.Len(t, recs, 1)
		require.Zero(t, w.status)
		require.Zero(t, w.written)
		return nil
	}})
	require.NoError(t, err)
	lis.Handler().ServeHTTP(w, request("POST", v7, single(fault("f1"))))
	require.Equal(t, 202, w.status)
}

type watched struct {
	header          http.Header
	status, written int
}

func (w *watched) Header() http.Header { return w.header }

func (w *watched) WriteHeader(status int) { w.status = status }

func (w *watched) Write(p []byte) (int, error) {
	w.written += len(p)
	return len(p), nil
}

// What the schema allows and receivers trip over is taken, counted, and refused on demand.
func TestTolerance(t *testing.T) {
	body := single(strings.ReplaceAll(fault("f1"), "1790000000000000", "1790000000000"))
	reg := prometheus.NewPedanticRegistry()
	s := &sink{}
	lis, err := listener.New(listener.Options{Sink: s.take, Registerer: reg})
	require.NoError(t, err)
	require.Equal(t, 202, do(lis.Handler(), request("POST", v7, body)).Code)
	require.Len(t, s.taken(), 1)
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP bridge_listener_findings_tolerated_total Findings in accepted events that the schema allows but receivers trip over, by code.
# TYPE bridge_listener_findings_tolerated_total counter
bridge_listener_findings_tolerated_total{code="epoch"} 2
# HELP bridge_listener_events_accepted_total Events that the sink took over.
# TYPE bridge_listener_events_accepted_total counter
bridge_listener_events_accepted_total{domain="fault"} 1
`), "bridge_listener_findings_tolerated_total", "bridge_listener_events_accepted_total"))

	w := do(newListener(t, listener.Config{Strict: true}, s).Handler(), request("POST", v7, body))
	require.Equal(t, 400, w.Code)
	_, _, _, variables := parseError(t, w.Body.Bytes())
	require.Contains(t, variables[0], "this looks like milliseconds: multiply by 1000")
	w = do(newListener(t, listener.Config{Strict: true}, s).Handler(), request("POST", v7Batch, batch(fault("f1"), heartbeat("h1"))))
	_, id, _, _ := parseError(t, w.Body.Bytes())
	require.Equal(t, "SVC0001", id)
	require.Len(t, s.taken(), 1)
}

// Text that is not UTF-8 passes collectors; what we hand on must be JSON for everyone.
func TestInvalidUTF8(t *testing.T) {
	s := &sink{}
	body := single(strings.Replace(fault("f1"), "no light", "no \xff\xfelight \xe9", 1))
	require.Equal(t, 202, do(newListener(t, listener.Config{}, s).Handler(), request("POST", v7, body)).Code)
	require.Contains(t, string(s.taken()[0].Body), "no \uFFFDlight \uFFFD")
	require.True(t, json.Valid(s.taken()[0].Body))
	require.Equal(t, 400, do(newListener(t, listener.Config{Strict: true}, s).Handler(), request("POST", v7, body)).Code)
}

func TestFindingsAreBounded(t *testing.T) {
	bad := make([]string, 100)
	for i := range bad {
		bad[i] = `{"` + strings.Repeat("k", 10_000) + `":1}`
	}
	w := do(newListener(t, listener.Config{}, &sink{}).Handler(), request("POST", v7Batch, batch(bad...)))
	require.Equal(t, 400, w.Code)
	require.Less(t, w.Body.Len(), 20*600)
	require.True(t, json.Valid(w.Body.Bytes()))
}

func TestControl(t *testing.T) {
	s := &sink{}
	lis, err := listener.New(listener.Options{Sink: s.take, Control: func(r *http.Request) (int, string, bool) {
		return 429, "slowly", r.Header.Get("X-Misbehave") != ""
	}})
	require.NoError(t, err)
	w := do(lis.Handler(), request("POST", v7, single(fault("f1")), "X-Misbehave", "1"))
	require.Equal(t, 429, w.Code)
	require.Equal(t, "slowly", w.Body.String())
	require.Empty(t, s.taken())
	require.Equal(t, 202, do(lis.Handler(), request("POST", v7, single(fault("f1")))).Code)
}

// A client that is wrong all the time costs one line, not a thousand.
func TestRefusalsAreLoggedSparingly(t *testing.T) {
	l := &logs{}
	lis, err := listener.New(listener.Options{Sink: (&sink{}).take, Logger: l.logger()})
	require.NoError(t, err)
	for range 50 {
		do(lis.Handler(), request("POST", v7, "{"))
		do(lis.Handler(), request("POST", "/x", "{"))
	}
	require.Equal(t, 2, strings.Count(l.String(), "\n"))
}
