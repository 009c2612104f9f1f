package listener

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/vesbridge/vesbridge/pkg/dmaap/stnddefined"
	"github.com/vesbridge/vesbridge/pkg/outbox"
	"github.com/vesbridge/vesbridge/pkg/ves"
)

// endpoint is where a request went.
type endpoint struct {
	name    string // the URL's version segment, e.g. "v7"
	version ves.Version
	batch   bool
}

func (l *Listener) serveHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	a := l.answer(w, r)
	a.write(w, r)
	l.metrics.requests.WithLabelValues(strconv.Itoa(a.status)).Inc()
	l.metrics.duration.Observe(time.Since(start).Seconds())
}

// answer does all that a request asks for, short of writing the reply.
func (l *Listener) answer(w http.ResponseWriter, r *http.Request) reply {
	if l.control != nil {
		if status, body, handled := l.control(r); handled {
			return reply{status: status, contentType: typeJSON, body: body}
		}
	}
	get := r.Method == http.MethodGet || r.Method == http.MethodHead
	if get && r.URL.Path == "/healthcheck" {
		return reply{status: http.StatusOK, contentType: typeText, body: "I'm good"}
	}
	v := l.admit(r)
	if v.reason == "" && get && r.URL.Path == "/" {
		return reply{status: http.StatusOK, contentType: typeText, body: "Welcome to VESCollector"}
	}
	var ep endpoint
	if v.reason == "" {
		ep, v = l.take(w, r)
	}
	a := l.phrase(r, ep, v)
	if v.reason != "" {
		l.metrics.refused.WithLabelValues(string(v.reason)).Inc()
		l.tell(r, v, a.status)
	}
	return a
}

// take reads, judges and hands over the events of a request. The zero verdict means that
// the sink has them.
func (l *Listener) take(w http.ResponseWriter, r *http.Request) (endpoint, verdict) {
	ep, v := l.route(r)
	if v.reason != "" {
		return ep, v
	}
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	default:
		return ep, refuse(reasonBusy, "all places for requests are taken, send again a little later")
	}
	l.metrics.inFlight.Inc()
	defer l.metrics.inFlight.Dec()
	body, v := l.read(w, r)
	if v.reason != "" {
		return ep, v
	}
	if ep.version == 0 { // a collector reads the body first, so an empty one is told first
		return ep, refuse(reasonVersion, "use /eventListener/v7 or /eventListener/v5")
	}
	recs, v := l.judge(body, ep)
	if v.reason != "" {
		return ep, v
	}
	ctx, cancel := context.WithTimeout(r.Context(), l.config.SinkTimeout)
	defer cancel()
	domain, n := recs[0].Domain, len(recs) // the records are the sink's from here on
	if err := l.sink(ctx, recs); err != nil {
		return ep, verdict{reason: reasonSink, err: err, details: []string{"the events were not taken over, send them again"}}
	}
	l.metrics.accepted.WithLabelValues(domain).Add(float64(n))
	return ep, verdict{}
}

// route finds the endpoint. ep.version is 0 for a version that is not served.
func (l *Listener) route(r *http.Request) (ep endpoint, v verdict) {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
	known := parts[0] == "eventListener" && (len(parts) == 2 || len(parts) == 3 && parts[2] == "eventBatch") && parts[1] != ""
	if !known {
		if r.URL.Path == "/" || r.URL.Path == "/healthcheck" {
			return ep, refuse(reasonMethod, "use GET")
		}
		return ep, refuse(reasonPath, "use /eventListener/v7 or /eventListener/v7/eventBatch")
	}
	ep = endpoint{name: parts[1], batch: len(parts) == 3}
	switch ep.name {
	case "v7":
		ep.version = ves.V7_2_1
	case "v5":
		ep.version = ves.V5_4_1
	}
	if r.Method != http.MethodPost {
		return ep, refuse(reasonMethod, "use POST")
	}
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) || mediaType != "application/json" {
		return ep, refuse(reasonMediaType, "send Content-Type: application/json")
	}
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") && l.config.Compat == "" {
		return ep, refuse(reasonEncoding, "send the events without Content-Encoding")
	}
	return ep, verdict{}
}

// read reads the body, no more than the limit and no longer than the timeout.
func (l *Listener) read(w http.ResponseWriter, r *http.Request) ([]byte, verdict) {
	limit := int64(l.config.MaxBodyBytes)
	tooLarge := refuse(reasonSize, fmt.Sprintf("the limit is %d bytes, send fewer events at a time", limit))
	if r.ContentLength > limit {
		return nil, tooLarge
	}
	// The server lifts the deadline once the body has ended, before the sink begins. Writers
	// that are no connection support none.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(l.config.ReadTimeout))
	var buf bytes.Buffer
	// Grows as bytes come: a header alone does not make us reserve the limit.
	buf.Grow(int(max(min(r.ContentLength, 64<<10), 0)) + bytes.MinRead)
	_, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		var netErr net.Error
		switch _, over := errors.AsType[*http.MaxBytesError](err); {
		case over:
			return nil, tooLarge
		case errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &netErr) && netErr.Timeout():
			return nil, refuse(reasonSlow, fmt.Sprintf("the body did not come within %s", l.config.ReadTimeout))
		case errors.Is(err, io.ErrUnexpectedEOF):
			return nil, refuse(reasonAborted, "the body ended early")
		}
		return nil, verdict{reason: reasonAborted, err: err, details: []string{"the body could not be read"}}
	}
	if buf.Len() == 0 {
		return nil, refuse(reasonEmpty, "the body is empty, send an event")
	}
	return buf.Bytes(), verdict{}
}

// maxFindings is how many violations a reply tells at most.
const maxFindings = 20

// judge turns a body into records, at least one, or says why not. The records hold nothing
// of body.
func (l *Listener) judge(body []byte, ep endpoint) ([]outbox.Record, verdict) {
	// The check comes first: it is the one that gathers nothing from a hostile body, whereas
	// an envelope keeps a little for each item of a list.
	found := ves.CheckJSON(body, ep.version, ves.CheckOptions{Max: maxFindings, Strict: l.config.Strict})
	if len(found) > 0 {
		if root := firstByte(body); root != '{' || malformed(found[len(found)-1].Code) {
			return nil, verdict{reason: reasonMalformed, found: found[len(found)-1:]}
		}
		if v := wrongWrapper(found, ep); v.reason != "" {
			return nil, v
		}
		return nil, verdict{reason: findingReason(found), found: found}
	}
	if l.config.Compat == "" && !l.config.Strict {
		for _, f := range ves.CheckJSON(body, ep.version, ves.CheckOptions{Max: maxFindings, Strict: true}) {
			if refusedByCollectors(f.Code) {
				continue // told below, in the words of a collector
			}
			l.metrics.tolerated.WithLabelValues(string(f.Code)).Inc()
		}
	}
	env, err := ves.ParseEnvelope(body)
	if err != nil {
		return nil, verdict{reason: reasonMalformed, err: err, details: []string{clip(err.Error(), maxDetail)}}
	}
	if env.InvalidUTF8 {
		// A collector lets it pass with replacement characters; what goes on from here must
		// be JSON for every reader. Where the text is replaced the spans move.
		if env, err = ves.ParseEnvelope(bytes.ToValidUTF8(body, []byte("\uFFFD"))); err != nil {
			return nil, verdict{reason: reasonMalformed, err: err, details: []string{clip(err.Error(), maxDetail)}}
		}
	}
	if v := l.judgeEnvelope(&env, ep); v.reason != "" {
		return nil, v
	}
	return records(env.Events), verdict{}
}

// judgeEnvelope applies the rules of a collector that its schema does not state.
func (l *Listener) judgeEnvelope(env *ves.Envelope, ep endpoint) verdict {
	switch {
	case env.HasEvent == env.HasEventList:
		return refuse(reasonWrapper, "send either event or eventList")
	case env.Batch != ep.batch:
		return misplaced(ep)
	case len(env.Events) == 0:
		return refuse(reasonDomains, "/eventList: must hold at least one event")
	}
	if v := l.judgeData(env); v.reason != "" {
		return v // a collector comes to this before it compares the domains of a batch
	}
	first := &env.Events[0]
	for i := range env.Events {
		e := &env.Events[i]
		at := "/event/commonEventHeader"
		if env.Batch {
			at = "/eventList/" + strconv.Itoa(i) + "/commonEventHeader"
		}
		switch {
		case e.Domain != first.Domain:
			return refuse(reasonDomains, fmt.Sprintf("%s/domain: must be the domain of the batch's first event, %s, got %q (send one batch per domain)", at, first.Domain, e.Domain))
		case e.Domain != string(ves.DomainStndDefined):
		case e.StndDefinedNamespace == "":
			return refuse(reasonNamespace, at+"/stndDefinedNamespace: is required for domain stndDefined (name the namespace, e.g. 3GPP-FaultSupervision)")
		case e.StndDefinedNamespace != first.StndDefinedNamespace:
			return refuse(reasonNamespaces, fmt.Sprintf("%s/stndDefinedNamespace: must be that of the batch's first event, %q, got %q", at,
				clip(first.StndDefinedNamespace, 100), clip(e.StndDefinedNamespace, 100)))
		}
	}
	if l.config.Compat == "" {
		return verdict{}
	}
	return onapLimits(env)
}

// judgeData is the second stage of stndDefined events.
func (l *Listener) judgeData(env *ves.Envelope) verdict {
	if l.schemas == nil {
		return verdict{}
	}
	var v verdict
	for _, f := range l.schemas.CheckEnvelope(env) {
		if v.reason == "" {
			v.reason = dataReason(f)
		}
		v.details = append(v.details, clip(f.Error(), maxDetail))
	}
	return v
}

func dataReason(v stnddefined.Violation) reason {
	switch {
	case v.MessageID == stnddefined.UnknownDocument:
		return reasonDocument
	case v.MessageID == stnddefined.NoNamespace:
		return reasonNamespace
	case strings.HasSuffix(v.Pointer, "/stndDefinedFields/schemaReference"):
		return reasonFragment
	}
	return reasonData
}

// records copies events out of a request's body. Raw texts of an envelope are strings of
// their own already.
func records(events []ves.EnvelopeEvent) []outbox.Record {
	now := time.Now()
	recs := make([]outbox.Record, len(events))
	for i := range events {
		e := &events[i]
		recs[i] = outbox.Record{
			EventID:              e.EventID,
			Domain:               e.Domain,
			EventName:            e.EventName,
			SourceName:           e.SourceName,
			StndDefinedNamespace: e.StndDefinedNamespace,
			Body:                 e.Message(),
			Built:                now,
		}
		if e.Domain == string(ves.DomainFault) {
			recs[i].Severity = e.Severity
		}
	}
	return recs
}

// firstByte is the first byte of the message's root, 0 where there is none.
func firstByte(body []byte) byte {
	if body = bytes.TrimLeft(body, " \t\r\n"); len(body) == 0 {
		return 0
	}
	return body[0]
}

// malformed says that a code is about JSON rather than about events.
func malformed(c ves.Code) bool {
	return c == ves.CodeJSON || c == ves.CodeDuplicateKey || c == ves.CodeDepth
}

// refusedByCollectors says of a rule beyond the schema that collectors keep it too.
func refusedByCollectors(c ves.Code) bool {
	return c == ves.CodeWrapper || c == ves.CodeMixedBatch || c == ves.CodeNamespace
}

// misplaced refuses a message that belongs to the other URL.
func misplaced(ep endpoint) verdict {
	if ep.batch {
		return refuse(reasonWrapper, "send a single event to /eventListener/"+ep.name)
	}
	return refuse(reasonWrapper, "send an eventList to /eventListener/"+ep.name+"/eventBatch")
}

// wrongWrapper says whether all findings are in what the URL is not for: then the URL is
// the first thing to mend, and a collector tells of nothing else.
func wrongWrapper(found []ves.Violation, ep endpoint) verdict {
	other := "/eventList"
	if ep.batch {
		other = "/event"
	}
	for _, f := range found {
		if f.Pointer != other && !strings.HasPrefix(f.Pointer, other+"/") {
			return verdict{}
		}
	}
	v := misplaced(ep)
	v.found = found
	return v
}

// findingReason is schema, unless strictness alone found something of a batch's making.
func findingReason(found []ves.Violation) reason {
	for _, f := range found {
		if !refusedByCollectors(f.Code) {
			return reasonSchema
		}
	}
	switch found[0].Code {
	case ves.CodeMixedBatch:
		return reasonDomains
	case ves.CodeNamespace:
		return reasonNamespace
	}
	return reasonWrapper
}
