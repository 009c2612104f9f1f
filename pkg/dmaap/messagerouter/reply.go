package messagerouter

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/vesbridge/vesbridge/pkg/dmaap"
	"github.com/vesbridge/vesbridge/pkg/dmaap/internal/httpx"
	"github.com/vesbridge/vesbridge/pkg/outbox"
)

// fromRouter tells Message Router's own errors from those of proxies and other servers.
// Its code writes mrstatus, its documentation says mrErrorCode, and its size check writes
// the text ErrorResponse {…}. A long body is cut, hence no JSON decoder.
func fromRouter(body string) bool {
	return strings.Contains(body, `"mrstatus"`) || strings.Contains(body, `"mrErrorCode"`) ||
		strings.HasPrefix(body, "ErrorResponse")
}

// classify judges an answer to n events. notFound is how many 404 there were in a row for
// the topic, this one included; at limit it counts as missing.
//
// Permanent, which makes dead letters, is only what Message Router itself says of the
// bytes, or anybody of their size. All other 4xx are about the way there.
func classify(r *httpx.Reply, n, notFound, limit int, now time.Time) *dmaap.Error {
	e := &dmaap.Error{Reply: r.Body}
	own := fromRouter(r.Body)
	switch r.Status {
	case http.StatusOK:
		return taken(r, n)
	case http.StatusBadRequest:
		// From elsewhere it is e.g. plain HTTP on a TLS port.
		if e.Class, e.Reason = dmaap.Misconfigured, "no_message_router"; own {
			e.Class, e.Reason = dmaap.Permanent, "bad_request"
		}
	case http.StatusUnauthorized:
		if e.Class, e.Reason = dmaap.Misconfigured, "unauthorized"; own {
			e.Reason = reasonNoPermission
		}
	case http.StatusForbidden:
		e.Class, e.Reason = dmaap.Misconfigured, "forbidden"
	case http.StatusNotFound:
		// Any failure behind Message Router: most often the topic or Kafka, hence no
		// suspicion against the events.
		e.Class, e.Reason = dmaap.Retryable, reasonNotFound
		if notFound >= limit {
			e.Class = dmaap.Misconfigured
		}
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		e.Class, e.Reason = dmaap.Retryable, "timeout"
	case http.StatusConflict:
		e.Class, e.Reason = dmaap.Retryable, "conflict"
	case http.StatusRequestEntityTooLarge:
		e.Class, e.Reason = dmaap.Permanent, "too_large"
	case http.StatusTooManyRequests:
		e.Class, e.Reason, e.RetryAfter = dmaap.Throttled, "throttled", httpx.RetryAfter(r.Header, now)
	case http.StatusServiceUnavailable:
		e.Class, e.Reason, e.RetryAfter = dmaap.Retryable, "unavailable", httpx.RetryAfter(r.Header, now)
		if e.RetryAfter > 0 {
			e.Class = dmaap.Throttled
		}
	default:
		if e.Class, e.Reason = dmaap.Misconfigured, "no_message_router"; r.Status >= 500 {
			e.Class, e.Reason, e.Suspect = dmaap.Retryable, "server_error", r.Status == http.StatusInternalServerError
		}
	}
	return e
}

// taken checks the count of a 200.
func taken(r *httpx.Reply, n int) *dmaap.Error {
	var reply struct {
		Count *int `json:"count"`
	}
	if err := json.Unmarshal([]byte(r.Body), &reply); err != nil || reply.Count == nil {
		return &dmaap.Error{Class: dmaap.Misconfigured, Reason: "no_message_router", Reply: r.Body}
	}
	if *reply.Count != n {
		return &dmaap.Error{
			Class: dmaap.Retryable, Reason: "count_mismatch", Reply: r.Body, Suspect: true,
			Err: fmt.Errorf("%d events sent, %d taken", n, *reply.Count),
		}
	}
	return nil
}

// Reasons that concern one topic only.
const (
	reasonNoTopic      = "no_topic"
	reasonNotFound     = "not_found"
	reasonNoPermission = "no_permission"
)

// byTopic gives an error that concerns one topic the form of an answer about each of
// recs, so that the caller sets them aside and goes on with other topics: else events
// without a topic would hold up the alarms behind them.
func byTopic(recs []outbox.Record, err *dmaap.Error) error {
	if err.Class != dmaap.Misconfigured || (err.Reason != reasonNoTopic && err.Reason != reasonNotFound && err.Reason != reasonNoPermission) {
		return err
	}
	failed := make(map[int]*dmaap.Error, len(recs))
	for i := range recs {
		failed[i] = err
	}
	return &dmaap.PartialError{Failed: failed}
}
