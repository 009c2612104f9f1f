// Package httpx is what the HTTP destinations have in common: client configuration, the
// class of a failed request, and replies cut to what is worth keeping.
package httpx

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/config"

	"github.com/vesbridge/vesbridge/pkg/dmaap"
)

// MaxReply is how much of a peer's reply is kept, in bytes.
const MaxReply = 2 << 10

// ClientConfig are Prometheus' own HTTP client blocks. Files are read again when they
// change.
type ClientConfig struct {
	BasicAuth     *config.BasicAuth     `yaml:"basic_auth,omitempty"`
	Authorization *config.Authorization `yaml:"authorization,omitempty"`
	TLSConfig     config.TLSConfig      `yaml:"tls_config,omitempty"`
	ProxyURL      config.URL            `yaml:"proxy_url,omitempty"`
}

func (c *ClientConfig) full() config.HTTPClientConfig {
	full := config.HTTPClientConfig{
		BasicAuth: c.BasicAuth, TLSConfig: c.TLSConfig, ProxyConfig: config.ProxyConfig{ProxyURL: c.ProxyURL},
		// A redirected POST becomes a GET, whose 200 would pass for a delivery.
		FollowRedirects: false,
	}
	if c.Authorization != nil {
		a := *c.Authorization // Validate fills its type in
		full.Authorization = &a
	}
	return full
}

// Validate says what is wrong with c.
func (c *ClientConfig) Validate() error {
	full := c.full()
	return errors.Join(full.Validate(), c.TLSConfig.Validate())
}

// Client makes a client without redirects, HTTP/2 or a timeout of its own. name is a
// metric label of the dialer.
func (c *ClientConfig) Client(name string) (*http.Client, error) {
	full := c.full()
	if err := full.Validate(); err != nil {
		return nil, err
	}
	return config.NewClientFromConfig(full, name, config.WithHTTP2Disabled(), config.WithUserAgent("vesbridge"),
		config.WithIdleConnTimeout(time.Minute))
}

// ValidateURL checks a peer's root URL; what names it in the message.
func ValidateURL(what, s string) error {
	u, err := url.Parse(s)
	switch {
	case s == "":
		return fmt.Errorf("%s: missing; give a URL such as https://host:8443", what)
	case err != nil:
		return fmt.Errorf("%s: it is no URL", what) // err may quote a password
	case u.User != nil:
		return fmt.Errorf("%s: credentials do not belong into a URL; use basic_auth", what)
	case (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		return fmt.Errorf("%s: %q is no http or https URL with a host", what, s)
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%s: %q has a query or a fragment", what, s)
	}
	return nil
}

// Reply is a peer's answer.
type Reply struct {
	Status int
	Header http.Header
	Body   string // at most MaxReply, valid UTF-8, without the request's credentials
}

// Do sends req and reads the reply. The error has the class of a request that got no
// answer; a status is the caller's to judge.
func Do(client *http.Client, req *http.Request) (*Reply, *dmaap.Error) {
	resp, err := client.Do(req)
	if err != nil {
		return nil, Classify(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, MaxReply))
	if err != nil {
		return nil, Classify(err) // an answer that breaks off tells nothing
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
	body := string(bytes.ToValidUTF8(raw, []byte("\uFFFD")))
	return &Reply{Status: resp.StatusCode, Header: resp.Header, Body: redact(body, resp.Request)}, nil
}

// redact takes out of a reply what the request proved itself with, should the peer echo
// it.
func redact(body string, req *http.Request) string {
	if req == nil {
		return body
	}
	_, secret, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	secrets := []string{secret}
	if plain, err := base64.StdEncoding.DecodeString(secret); err == nil {
		_, password, _ := strings.Cut(string(plain), ":")
		secrets = append(secrets, password)
	}
	for _, s := range secrets {
		if len(s) >= 4 {
			body = strings.ReplaceAll(body, s, "<secret>")
		}
	}
	return body
}

// Classify gives a failed request its class and reason.
func Classify(err error) *dmaap.Error {
	e := &dmaap.Error{Class: dmaap.Retryable, Reason: "connection", Err: err}
	var (
		dns     *net.DNSError
		record  tls.RecordHeaderError
		verify  *tls.CertificateVerificationError
		op      *net.OpError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		file    *fs.PathError
		timeout net.Error
	)
	switch {
	case errors.Is(err, context.Canceled):
		e.Reason = "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		e.Reason = "timeout"
	case errors.As(err, &verify), errors.As(err, &unknown), errors.As(err, &host), errors.As(err, &record),
		errors.As(err, &op) && op.Op == "remote error",                             // crypto/tls: an alert of the peer
		strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"): // net/http has no type for it
		e.Class, e.Reason = dmaap.Misconfigured, "tls"
	case errors.As(err, &file):
		e.Class, e.Reason = dmaap.Misconfigured, "credentials_file"
	case errors.As(err, &dns):
		e.Reason = "dns"
	case errors.As(err, &timeout) && timeout.Timeout():
		e.Reason = "timeout"
	}
	return e
}

// RetryAfter reads the header of that name (RFC 9110 §10.2.3): seconds or a date. 0 where
// there is none.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if v == "" {
		return 0
	}
	if s, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(s) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
