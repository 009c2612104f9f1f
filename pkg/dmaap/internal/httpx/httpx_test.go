package httpx

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/dmaap"
)

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		err    error
		class  dmaap.Class
		reason string
	}{
		{context.DeadlineExceeded, dmaap.Retryable, "timeout"},
		{context.Canceled, dmaap.Retryable, "canceled"},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, dmaap.Retryable, "connection"},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}, dmaap.Retryable, "dns"},
		{&net.OpError{Op: "remote error", Err: errors.New("tls: bad certificate")}, dmaap.Misconfigured, "tls"},
		{x509.UnknownAuthorityError{}, dmaap.Misconfigured, "tls"},
		{errors.New("http: server gave HTTP response to HTTPS client"), dmaap.Misconfigured, "tls"},
		{&fs.PathError{Op: "open", Path: "/x", Err: fs.ErrNotExist}, dmaap.Misconfigured, "credentials_file"},
	} {
		e := Classify(fmt.Errorf("posting: %w", c.err))
		require.Equal(t, c.class, e.Class, c.err)
		require.Equal(t, c.reason, e.Reason, c.err)
		require.False(t, e.Suspect, "nobody answered: it cannot be about the event")
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, "0": 0, "-1": 0, "soon": 0, "99999999999999999999": 0,
		"Mon, 23 Nov 2026 12:01:00 GMT": time.Minute, "Mon, 23 Nov 2026 11:00:00 GMT": 0,
	} {
		require.Equal(t, want, RetryAfter(http.Header{"Retry-After": {value}}, now), value)
	}
}
