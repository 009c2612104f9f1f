package listener

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/vesbridge/vesbridge/pkg/dmaap/stnddefined"
	"github.com/vesbridge/vesbridge/pkg/ves"
)

// The observed collector's producer refuses a record above this (Kafka's
// max.request.size), and its client then answers 500.
const onapMaxEventBytes = 1 << 20

// onapLimits refuses what a collector with its standalone configuration
// (collector.properties, ves-dmaap-config.json) has nowhere to send to.
func onapLimits(env *ves.Envelope) verdict {
	for i := range env.Events {
		e := &env.Events[i]
		stream := e.Domain
		if e.Domain == string(ves.DomainStndDefined) {
			stream = e.StndDefinedNamespace
		}
		switch {
		case !onapStream(stream):
			return refuse(reasonNoStream, "no stream id for "+clip(stream, 100))
		case stream == string(ves.DomainNotification):
			return refuse(reasonNoTopic, "the stream of domain notification has no topic")
		case len(e.Raw)+len(`{"event":}`) > onapMaxEventBytes:
			return refuse(reasonSize, "an event is larger than 1 MiB")
		}
	}
	return verdict{}
}

// onapStream says whether collector.dmaap.streamid knows a domain or namespace. measurement
// is there because the default transformation renames it.
func onapStream(stream string) bool {
	switch stream {
	case "fault", "syslog", "heartbeat", "measurement", "measurementsForVfScaling", "mobileFlow", "other", "stateChange",
		"thresholdCrossingAlert", "voiceQuality", "sipSignaling", "notification", "pnfRegistration",
		"3GPP-FaultSupervision", "3GPP-Heartbeat", "3GPP-Provisioning", "3GPP-PerformanceAssurance":
		return true
	}
	return false
}

// onapReply answers as a VES collector 1.12.5 was observed to. none means
// collector.response.compatibility=None.
func onapReply(r *http.Request, ep endpoint, v verdict, none bool) reply {
	service := func(status int, id, text string, variables ...string) reply {
		contentType := "text/plain;charset=ISO-8859-1"
		if strings.Contains(r.Header.Get("Accept"), typeJSON) {
			contentType = typeJSON
		}
		return reply{status: status, contentType: contentType, body: exception(serviceException, id, text, variables...)}
	}
	backend := func() reply { // whatever went wrong behind the collector
		if none {
			return service(http.StatusServiceUnavailable, "SVC2000", serviceError, "Internal Server Error", "500")
		}
		return service(http.StatusInternalServerError, "SVC2000", serviceError, "Internal Server Error", "500")
	}
	switch v.reason {
	case "":
		status := http.StatusAccepted
		if none {
			status = http.StatusOK
		}
		return reply{status: status, contentType: typeJSON, body: "Successfully send event"}
	case reasonSchema:
		return service(http.StatusBadRequest, "SVC0002", "Bad Parameter (JSON does not conform to schema)")
	case reasonWrapper:
		return service(http.StatusBadRequest, "SVC0002", "Incorrect JSON payload")
	case reasonDomains:
		return service(http.StatusBadRequest, "SVC0001", "Different value of domain fields in Batch Event")
	case reasonNamespaces:
		return service(http.StatusBadRequest, "SVC0001", "Value of stndDefinedNamespace fields have to be same when domain is stndDefined")
	case reasonNamespace:
		return service(http.StatusBadRequest, "SVC2006", "Mandatory input %1 %2 is missing from request", "attribute", "event.commonEventHeader.stndDefinedNamespace")
	case reasonDocument:
		return service(http.StatusBadRequest, stnddefined.UnknownDocument, "Invalid input value for %1 %2: %3",
			"attribute", "event.stndDefinedFields.schemaReference", "Referred external schema not present in schema repository")
	case reasonFragment:
		return service(http.StatusBadRequest, stnddefined.InvalidData, serviceError,
			"event.stndDefinedFields.schemaReference value does not correspond to any external event schema file in externalSchema repo", "400")
	case reasonData:
		return service(http.StatusBadRequest, stnddefined.InvalidData, serviceError,
			"event.stndDefinedFields.data invalid against event.stndDefinedFields.schemaReference", "400")
	case reasonNoStream:
		return service(http.StatusBadRequest, "SVC2000", serviceError, "No domain defined for stream id", "400")
	case reasonSize, reasonSink:
		return backend()
	case reasonBusy:
		return service(http.StatusServiceUnavailable, "SVC1000", "No server resources (internal processing queue full)")
	case reasonUnauthorized:
		return reply{status: http.StatusUnauthorized, contentType: typeJSON, body: exception(policyException, "POL2000", "Unauthorized user")}
	case reasonPlainPort:
		return reply{status: http.StatusBadRequest, contentType: typeText, body: "Operation not permitted"}
	case reasonVersion:
		return reply{status: http.StatusBadRequest, contentType: typeJSON, body: unsupported(ep)}
	case reasonPath:
		return springReply(r, http.StatusNotFound)
	case reasonMethod:
		a := springReply(r, http.StatusMethodNotAllowed)
		a.header = map[string]string{"Allow": allowed(r)}
		return a
	case reasonMediaType:
		return springReply(r, http.StatusUnsupportedMediaType)
	case reasonSlow:
		return springReply(r, http.StatusRequestTimeout)
	case reasonEmpty, reasonAborted:
		return springReply(r, http.StatusBadRequest)
	}
	return springReply(r, http.StatusInternalServerError) // malformed JSON, no topic
}

// springReply is the error body of the framework beneath the collector.
func springReply(r *http.Request, status int) reply {
	body, _ := json.Marshal(struct { // strings and numbers always encode
		Timestamp string `json:"timestamp"`
		Status    int    `json:"status"`
		Error     string `json:"error"`
		Path      string `json:"path"`
	}{time.Now().UTC().Format("2006-01-02T15:04:05.000-07:00"), status, http.StatusText(status), clip(r.URL.Path, 500)})
	return reply{status: status, contentType: typeJSON, body: string(body)}
}
