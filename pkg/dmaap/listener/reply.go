package listener

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/vesbridge/vesbridge/pkg/dmaap/stnddefined"
	"github.com/vesbridge/vesbridge/pkg/ves"
)

// reason says why a request was not accepted; "" where it was. It is bounded and a metric
// label.
type reason string

const (
	reasonPath         reason = "path"
	reasonMethod       reason = "method"
	reasonVersion      reason = "api_version"
	reasonMediaType    reason = "media_type"
	reasonEncoding     reason = "encoding"
	reasonUnauthorized reason = "unauthorized"
	reasonPlainPort    reason = "plain_port" // compat: credentials are wanted, and TLS is off
	reasonBusy         reason = "busy"
	reasonSlow         reason = "slow"
	reasonAborted      reason = "aborted"
	reasonEmpty        reason = "empty"
	reasonSize         reason = "too_large"
	reasonMalformed    reason = "malformed"
	reasonWrapper      reason = "wrapper"
	reasonSchema       reason = "schema"
	reasonDomains      reason = "mixed_domains"
	reasonNamespace    reason = "no_namespace"
	reasonNamespaces   reason = "mixed_namespaces"
	reasonDocument     reason = "unknown_document"  // the schemaReference is not in the schema map
	reasonFragment     reason = "unknown_schema"    // its document has no such schema
	reasonData         reason = "stnd_defined_data" // the data does not fit its schema
	reasonNoStream     reason = "no_stream"         // compat: the domain has no stream id
	reasonNoTopic      reason = "no_topic"          // compat: the stream has no topic
	reasonSink         reason = "sink"
)

// verdict is what a request came to, before it is put into words. The zero verdict is
// acceptance.
type verdict struct {
	reason  reason
	details []string // for the client: what is wrong and what to do
	found   []ves.Violation
	err     error // for the log only: it may name what is no client's business
}

// maxDetail is the length of one finding in a reply, in bytes.
const maxDetail = 500

func refuse(why reason, detail string) verdict {
	return verdict{reason: why, details: []string{clip(detail, maxDetail)}}
}

// clip shortens s to at most n bytes, at a rune's border.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

const (
	typeJSON = "application/json"
	typeText = "text/plain;charset=UTF-8"
)

// reply is an HTTP answer.
type reply struct {
	status      int
	contentType string
	body        string
	header      map[string]string // beside the content type
}

func (a reply) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	for k, v := range a.header {
		h[k] = []string{v} // as it is spelt: VES names its headers X-MinorVersion
	}
	if a.contentType != "" {
		h.Set("Content-Type", a.contentType)
	}
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(a.status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, a.body) // nobody is left to tell
	}
}

// phrase puts a verdict into the words of the configured dialect.
func (l *Listener) phrase(r *http.Request, ep endpoint, v verdict) reply {
	for _, f := range v.found {
		// The pointer to the whole message is empty.
		v.details = append(v.details, clip(f.Error(), maxDetail))
	}
	if l.config.Compat != "" {
		return onapReply(r, ep, v, l.config.Compat == CompatONAPNone)
	}
	return clearReply(r, ep, v)
}

// The exceptions of VES 7.2.1 §"Operation: publishAnyEvent", in the spelling of the
// running collectors, which clients know: the specification writes them with a small
// initial.
const (
	serviceException = "ServiceException"
	policyException  = "PolicyException"
)

const serviceError = "The following service error occurred: %1. Error code is %2"

// exception is the body of a VES error.
func exception(kind, id, text string, variables ...string) string {
	type content struct {
		MessageID string   `json:"messageId"`
		Text      string   `json:"text"`
		Variables []string `json:"variables,omitempty"`
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	// Strings in maps and structs always encode.
	_ = enc.Encode(map[string]map[string]content{"requestError": {kind: {id, text, variables}}})
	return strings.TrimSuffix(b.String(), "\n")
}

// clearReply is the default dialect: the collector's messageId and text, so that clients
// recognise them, under the HTTP status that makes a client do the right thing, and with
// the details as variables.
func clearReply(r *http.Request, ep endpoint, v verdict) reply {
	fail := func(status int, kind, id, text string, variables ...string) reply {
		return reply{status: status, contentType: typeJSON, body: exception(kind, id, text, variables...), header: versionHeaders(ep)}
	}
	service := func(status int, id, text string) reply { return fail(status, serviceException, id, text, v.details...) }
	with := func(a reply, key, value string) reply {
		a.header[key] = value
		return a
	}
	switch v.reason {
	case "":
		return reply{status: http.StatusAccepted, header: versionHeaders(ep)} // VES 7.2.1: no content
	case reasonPath:
		return service(http.StatusNotFound, "SVC0002", "Not Found. The requested resource is not available.")
	case reasonVersion:
		// Not 400: nothing is wrong with the event, which a client would throw away.
		return service(http.StatusNotFound, "SVC0002", unsupported(ep))
	case reasonMethod:
		return with(service(http.StatusMethodNotAllowed, "SVC0002", "Method Not Allowed"), "Allow", allowed(r))
	case reasonMediaType:
		return with(service(http.StatusUnsupportedMediaType, "SVC0002", "Bad Parameter (Incorrect request Content-Type)"), "Accept", typeJSON)
	case reasonEncoding:
		return with(service(http.StatusUnsupportedMediaType, "SVC0002", "Bad Parameter (Content-Encoding is not supported)"), "Accept-Encoding", "identity")
	case reasonUnauthorized:
		return with(fail(http.StatusUnauthorized, policyException, "POL2000", "Unauthorized user"), "Www-Authenticate", `Basic realm="VES"`)
	case reasonBusy:
		return with(service(http.StatusServiceUnavailable, "SVC1000", "No server resources (internal processing queue full)"), "Retry-After", "1")
	case reasonSink:
		return with(fail(http.StatusServiceUnavailable, serviceException, "SVC2000", serviceError, v.details[0], "503"), "Retry-After", "5")
	case reasonSlow:
		return fail(http.StatusRequestTimeout, serviceException, "SVC2000", serviceError, v.details[0], "408")
	case reasonSize:
		return fail(http.StatusRequestEntityTooLarge, policyException, "POL9003", "Message content size exceeds the allowable limit", v.details...)
	case reasonSchema:
		return service(http.StatusBadRequest, "SVC0002", "Bad Parameter (JSON does not conform to schema)")
	case reasonDomains:
		return service(http.StatusBadRequest, "SVC0001", "Different value of domain fields in Batch Event")
	case reasonNamespaces:
		return service(http.StatusBadRequest, "SVC0001", "Value of stndDefinedNamespace fields have to be same when domain is stndDefined")
	case reasonNamespace:
		return service(http.StatusBadRequest, "SVC2006", "Mandatory input attribute event.commonEventHeader.stndDefinedNamespace is missing from request")
	case reasonDocument:
		return service(http.StatusBadRequest, stnddefined.UnknownDocument, "Invalid input value for attribute event.stndDefinedFields.schemaReference. Referred external schema not present in schema repository")
	case reasonFragment:
		return service(http.StatusBadRequest, stnddefined.InvalidData, "Event.stndDefinedFields.schemaReference value does not correspond to any external event schema file in externalSchema repo")
	case reasonData:
		return service(http.StatusBadRequest, stnddefined.InvalidData, "Event.stndDefinedFields.data invalid against event.stndDefinedFields.schemaReference")
	}
	return service(http.StatusBadRequest, "SVC0002", "Incorrect JSON payload") // empty, aborted, malformed, wrapper
}

// versionHeaders are what VES 7.2.1 §"API Version" demands of a response.
func versionHeaders(ep endpoint) map[string]string {
	h := map[string]string{"X-LatestVersion": "7.2.1"}
	switch ep.version {
	case ves.V7_2_1:
		h["X-MinorVersion"], h["X-PatchVersion"] = "2", "1"
	case ves.V5_4_1:
		h["X-MinorVersion"], h["X-PatchVersion"] = "4", "1"
	}
	return h
}

func allowed(r *http.Request) string {
	if r.URL.Path == "/" || r.URL.Path == "/healthcheck" {
		return "GET, HEAD"
	}
	return "POST"
}

func unsupported(ep endpoint) string {
	return fmt.Sprintf("API version %s is not supported", clip(ep.name, 50))
}
