package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/vesbridge/vesbridge/pkg/dmaap"
)

// classify gives an error of the client its class.
func classify(err error) *dmaap.Error {
	e := &dmaap.Error{Class: dmaap.Retryable, Reason: "connection", Err: err}
	var broker *kerr.Error
	switch {
	case isTLS(err):
		e.Class, e.Reason = dmaap.Misconfigured, "tls"
	case errors.As(err, &broker):
		e.Class, e.Reason, e.Suspect = ofBroker(broker)
	case errors.Is(err, context.Canceled), errors.Is(err, kgo.ErrClientClosed), errors.Is(err, kgo.ErrAborting):
		e.Reason = "canceled"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, kgo.ErrRecordTimeout), errors.Is(err, kgo.ErrRecordRetries):
		e.Reason = "timeout"
	case errors.As(err, new(*fs.PathError)):
		e.Class, e.Reason = dmaap.Misconfigured, "credentials_file"
	case errors.As(err, new(*net.DNSError)):
		e.Reason = "dns"
	}
	return e
}

func isTLS(err error) bool {
	var op *net.OpError
	return errors.As(err, new(*tls.CertificateVerificationError)) || errors.As(err, new(x509.UnknownAuthorityError)) ||
		errors.As(err, new(x509.HostnameError)) || errors.As(err, new(tls.RecordHeaderError)) ||
		(errors.As(err, &op) && op.Op == "remote error") // crypto/tls: an alert of the peer
}

// ofBroker judges a Kafka error code. What the client retries by itself, and what is
// unknown, is retryable.
func ofBroker(err *kerr.Error) (class dmaap.Class, reason string, suspect bool) {
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.UnknownTopicID), errors.Is(err, kerr.InvalidTopicException):
		return dmaap.Misconfigured, "unknown_topic", false
	case errors.Is(err, kerr.SaslAuthenticationFailed), errors.Is(err, kerr.UnsupportedSaslMechanism), errors.Is(err, kerr.IllegalSaslState):
		return dmaap.Misconfigured, "unauthenticated", false
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed):
		return dmaap.Misconfigured, "unauthorized", false
	case errors.Is(err, kerr.UnsupportedVersion), errors.Is(err, kerr.InvalidRequiredAcks), errors.Is(err, kerr.PolicyViolation):
		return dmaap.Misconfigured, "unsupported", false
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge):
		return dmaap.Permanent, "too_large", false
	case errors.Is(err, kerr.InvalidRecord), errors.Is(err, kerr.InvalidTimestamp):
		return dmaap.Permanent, "invalid_record", false
	case errors.Is(err, kerr.ThrottlingQuotaExceeded):
		return dmaap.Throttled, "throttled", false
	case errors.Is(err, kerr.NotEnoughReplicas), errors.Is(err, kerr.NotEnoughReplicasAfterAppend):
		return dmaap.Retryable, "replicas", false
	case errors.Is(err, kerr.RequestTimedOut):
		return dmaap.Retryable, "timeout", false
	default:
		return dmaap.Retryable, "broker", errors.Is(err, kerr.UnknownServerError)
	}
}
