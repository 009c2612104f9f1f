package vescollector

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/vesbridge/vesbridge/pkg/dmaap"
	"github.com/vesbridge/vesbridge/pkg/dmaap/internal/httpx"
)

// requestError is a VES error body. The specification writes serviceException, the ONAP
// collector ServiceException: encoding/json takes either.
type requestError struct {
	RequestError struct {
		ServiceException exception
		PolicyException  exception
	}
}

type exception struct {
	MessageID string
	Text      string
	Variables []string
}

func exceptionOf(body string) exception {
	var e requestError
	if json.Unmarshal([]byte(body), &e) != nil {
		return exception{}
	}
	if e.RequestError.ServiceException.MessageID != "" {
		return e.RequestError.ServiceException
	}
	return e.RequestError.PolicyException
}

// classify judges an answer, by the VES 7.2 status codes and what collectors make of
// them. nil is success; its body is not looked at, because it need not be JSON.
func classify(r *httpx.Reply, now time.Time) *dmaap.Error {
	e := &dmaap.Error{Reply: r.Body}
	switch r.Status {
	case http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent:
		return nil
	case http.StatusBadRequest:
		e.Class, e.Reason = badRequest(r.Body)
		e.Suspect = e.Class == dmaap.Retryable
	case http.StatusUnauthorized:
		e.Class, e.Reason = dmaap.Misconfigured, "unauthorized"
	case http.StatusForbidden:
		e.Class, e.Reason = dmaap.Misconfigured, "forbidden"
	case http.StatusNotFound:
		e.Class, e.Reason = dmaap.Misconfigured, "not_found"
	case http.StatusMethodNotAllowed, http.StatusUnsupportedMediaType:
		e.Class, e.Reason = dmaap.Misconfigured, "no_collector"
	case http.StatusRequestTimeout:
		e.Class, e.Reason = dmaap.Retryable, "timeout"
	case http.StatusRequestEntityTooLarge:
		e.Class, e.Reason = dmaap.Permanent, "too_large"
	case http.StatusTooManyRequests:
		e.Class, e.Reason, e.RetryAfter = dmaap.Throttled, "throttled", httpx.RetryAfter(r.Header, now)
	case http.StatusServiceUnavailable:
		e.Class, e.Reason, e.RetryAfter = dmaap.Retryable, "unavailable", httpx.RetryAfter(r.Header, now)
		// Without a date it is the ONAP collector's word for a full queue, a dead bus and,
		// in one of its modes, an event that is too large.
		if e.Suspect = e.RetryAfter == 0; !e.Suspect {
			e.Class = dmaap.Throttled
		}
	default:
		switch {
		case r.Status >= 500:
			// Malformed for this collector, too large for its bus, or its bus is down.
			e.Class, e.Reason, e.Suspect = dmaap.Retryable, "server_error", r.Status == http.StatusInternalServerError
		case r.Status >= 400:
			e.Class, e.Reason = dmaap.Misconfigured, "no_collector" // e.g. 407 of a proxy
		default: // 1xx and 3xx do not end a VES call, and other 2xx are no collector's
			e.Class, e.Reason = dmaap.Misconfigured, "no_collector"
		}
	}
	return e
}

// badRequest tells what a 400 is about. Of a batch it may be any event.
func badRequest(body string) (dmaap.Class, string) {
	x := exceptionOf(body)
	switch {
	case strings.HasPrefix(body, "API version"), strings.Contains(body, "Operation not permitted"):
		// Plain words: the URL's version, or the plain port of a collector with auth.
		return dmaap.Misconfigured, "no_collector"
	case x.MessageID == "SVC2000" && strings.Contains(strings.Join(x.Variables, " "), "No domain defined for stream id"):
		return dmaap.Permanent, "no_stream"
	case x.MessageID == "SVC0001":
		return dmaap.Permanent, "mixed_batch"
	case x.MessageID == "SVC0002":
		return dmaap.Permanent, "schema"
	case x.MessageID == "SVC2000", x.MessageID == "SVC2004", x.MessageID == "SVC2006":
		return dmaap.Permanent, "stnd_defined"
	case x.MessageID == "POL9003":
		return dmaap.Permanent, "too_large"
	default:
		// Not a VES exception: a proxy's answer to anything, or a foreign collector's to
		// this event. The events must not be given up before their neighbours pass.
		return dmaap.Retryable, "bad_request"
	}
}
