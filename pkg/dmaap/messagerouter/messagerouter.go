// Package messagerouter delivers to the DMaaP Message Router over HTTP. ONAP left it for
// Kafka; this is for those who have not yet.
package messagerouter

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the Cambria API defines HMAC-SHA1
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/vesbridge/vesbridge/pkg/dmaap"
	"github.com/vesbridge/vesbridge/pkg/dmaap/internal/gate"
	"github.com/vesbridge/vesbridge/pkg/dmaap/internal/httpx"
	"github.com/vesbridge/vesbridge/pkg/outbox"
)

// Destination is a Message Router. It implements dmaap.Destination.
//
// Its 200 says that the events were read and given to a Kafka producer, no more; the
// count in it is compared with what was sent.
type Destination struct {
	cfg    Config
	log    *slog.Logger
	client *http.Client
	root   string // without a slash at the end
	gate   gate.Gate

	// Publish's own, which is one goroutine at a time.
	dialed   time.Time
	notFound int // 404 in a row
}

// New makes a Destination; it does not connect. log may be nil.
func New(cfg Config, log *slog.Logger) (*Destination, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("message router %q: %w", cfg.URL, err)
	}
	client, err := cfg.Client("messagerouter")
	if err != nil {
		return nil, fmt.Errorf("message router %q: %w", cfg.URL, err)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Destination{
		cfg: cfg, log: log.With("component", "messagerouter"), client: client, root: strings.TrimRight(cfg.URL, "/"),
	}, nil
}

// Limits implements dmaap.Destination: a call is for one topic, hence one domain.
func (d *Destination) Limits() dmaap.Limits {
	return dmaap.Limits{MaxRecords: d.cfg.MaxBatchEvents, MaxBytes: d.cfg.MaxBatchBytes}
}

// Close implements dmaap.Destination.
func (d *Destination) Close(context.Context) error {
	d.gate.Close()
	d.client.CloseIdleConnections()
	return nil
}

// Publish implements dmaap.Destination: one POST, or one per source with JSON framing.
func (d *Destination) Publish(ctx context.Context, recs []outbox.Record) error {
	if len(recs) == 0 {
		return nil
	}
	topic, ok := d.cfg.Topic(recs[0].Domain, recs[0].StndDefinedNamespace)
	if !ok {
		why, _ := d.cfg.Undeliverable(recs[0].Domain, recs[0].StndDefinedNamespace)
		return &dmaap.Error{Class: dmaap.Misconfigured, Reason: "no_topic", Err: errors.New(why)}
	}
	for i := range recs {
		if size := len(recs[i].Body); size > d.cfg.MaxEventBytes {
			return &dmaap.Error{
				Class: dmaap.Permanent, Reason: "too_large",
				Err: fmt.Errorf("event %q has %d bytes, allowed are %d", recs[i].EventID, size, d.cfg.MaxEventBytes),
			}
		}
	}
	ctx, leave, closed := d.gate.Enter(ctx)
	if closed != nil {
		return closed
	}
	defer leave()
	if now := time.Now(); now.Sub(d.dialed) >= time.Duration(d.cfg.ConnectionMaxAge) {
		d.client.CloseIdleConnections() // so that the name is resolved again
		d.dialed = now
	}
	if d.cfg.Framing == FramingJSON {
		return d.publishJSON(ctx, topic, recs)
	}
	if err := d.post(ctx, topic, "", "application/cambria", appendCambria(nil, recs), len(recs)); err != nil {
		return err
	}
	return nil
}

// appendCambria writes keyLength.messageLength.key message for each record; lengths are
// in bytes. The key is the source, which keeps its events in one partition.
func appendCambria(b []byte, recs []outbox.Record) []byte {
	for i := range recs {
		b = strconv.AppendInt(b, int64(len(recs[i].SourceName)), 10)
		b = append(b, '.')
		b = strconv.AppendInt(b, int64(len(recs[i].Body)), 10)
		b = append(b, '.')
		b = append(b, recs[i].SourceName...)
		b = append(b, recs[i].Body...)
	}
	return b
}

// appendJSON writes [{…},{…}] as Message Router's reader wants it: compact, because white
// space after an object ends its reading without a word, and no newline at the end.
func appendJSON(b []byte, recs []outbox.Record) []byte {
	b = append(b, '[')
	for i := range recs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, recs[i].Body...)
	}
	return append(b, ']')
}

// publishJSON makes one call per source, in the order in which the sources appear.
func (d *Destination) publishJSON(ctx context.Context, topic string, recs []outbox.Record) error {
	bySource := map[string][]int{}
	var sources []string
	for i := range recs {
		s := recs[i].SourceName
		if bySource[s] == nil {
			sources = append(sources, s)
		}
		bySource[s] = append(bySource[s], i)
	}
	failed := map[int]*dmaap.Error{}
	var stop *dmaap.Error // no use in going on
	for _, s := range sources {
		group := bySource[s]
		if stop == nil {
			stop = d.postGroup(ctx, topic, s, recs, group, failed)
			continue
		}
		for _, i := range group {
			failed[i] = stop
		}
	}
	switch {
	case len(failed) == 0:
		return nil
	case len(failed) == len(recs) && stop != nil && failed[0] == stop:
		return stop
	default:
		return &dmaap.PartialError{Failed: failed}
	}
}

// postGroup sends recs[i] for i in group, which are of one source: together, and one by
// one where that is refused for good. It notes what failed, and returns the error that
// speaks against going on.
func (d *Destination) postGroup(ctx context.Context, topic, source string, recs []outbox.Record, group []int, failed map[int]*dmaap.Error) *dmaap.Error {
	post := func(group []int) *dmaap.Error {
		part := make([]outbox.Record, 0, len(group))
		for _, i := range group {
			part = append(part, recs[i])
		}
		err := d.post(ctx, topic, source, "application/json", appendJSON(nil, part), len(part))
		if err != nil {
			for _, i := range group {
				failed[i] = err
			}
		}
		return err
	}
	err := post(group)
	if err == nil || err.Class != dmaap.Permanent || len(group) == 1 {
		return unlessPermanent(err)
	}
	for n, i := range group {
		delete(failed, i)
		if err := unlessPermanent(post(group[n : n+1])); err != nil {
			for _, later := range group[n:] {
				failed[later] = err
			}
			return err
		}
	}
	return nil
}

func unlessPermanent(err *dmaap.Error) *dmaap.Error {
	if err != nil && err.Class == dmaap.Permanent {
		return nil
	}
	return err
}

func (d *Destination) post(ctx context.Context, topic, key, contentType string, body []byte, n int) *dmaap.Error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(d.cfg.Timeout))
	defer cancel()
	target := d.root + "/events/" + url.PathEscape(topic)
	if key != "" {
		target += "?partitionKey=" + url.QueryEscape(key) // the name is case-sensitive
	}
	// bytes.Reader gives the request a Content-Length: chunked JSON is refused.
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return &dmaap.Error{Class: dmaap.Misconfigured, Reason: "url", Err: err}
	}
	req.Header.Set("Content-Type", contentType)
	if d.cfg.APIKey != nil {
		if err := sign(req, d.cfg.APIKey, time.Now()); err != nil {
			return &dmaap.Error{Class: dmaap.Misconfigured, Reason: "credentials_file", Err: err}
		}
	}
	reply, failed := httpx.Do(d.client, req)
	if failed != nil {
		return failed
	}
	return d.classify(reply, n)
}

// sign adds the Cambria headers: the HMAC-SHA1 of the date under the key's secret. Their
// names are written as Message Router's own client writes them.
func sign(req *http.Request, k *APIKey, now time.Time) error {
	secret := []byte(k.Secret)
	if k.SecretFile != "" {
		b, err := os.ReadFile(k.SecretFile)
		if err != nil {
			return err
		}
		secret = bytes.TrimSpace(b)
	}
	date := now.UTC().Format(http.TimeFormat)
	mac := hmac.New(sha1.New, secret)
	mac.Write([]byte(date))
	req.Header["X-CambriaAuth"] = []string{k.Key + ":" + base64.StdEncoding.EncodeToString(mac.Sum(nil))}
	req.Header["X-CambriaDate"] = []string{date}
	return nil
}

// classify judges an answer to n events.
func (d *Destination) classify(r *httpx.Reply, n int) *dmaap.Error {
	if r.Status != http.StatusNotFound {
		d.notFound = 0
	}
	e := &dmaap.Error{Reply: r.Body}
	switch r.Status {
	case http.StatusOK:
		var reply struct {
			Count *int `json:"count"`
		}
		if err := json.Unmarshal([]byte(r.Body), &reply); err != nil || reply.Count == nil {
			e.Class, e.Reason = dmaap.Misconfigured, "no_message_router"
			return e
		}
		if *reply.Count != n {
			e.Class, e.Reason, e.Suspect = dmaap.Retryable, "count_mismatch", true
			e.Err = fmt.Errorf("%d events sent, %d taken", n, *reply.Count)
			return e
		}
		return nil
	case http.StatusBadRequest:
		e.Class, e.Reason = dmaap.Permanent, "bad_request"
	case http.StatusUnauthorized:
		e.Class, e.Reason = dmaap.Misconfigured, "unauthorized"
	case http.StatusForbidden:
		e.Class, e.Reason = dmaap.Misconfigured, "forbidden"
	case http.StatusNotFound:
		e.Class, e.Reason = dmaap.Retryable, "not_found"
		if d.notFound++; d.notFound >= d.cfg.NotFoundLimit {
			e.Class = dmaap.Misconfigured
		}
	case http.StatusRequestEntityTooLarge:
		e.Class, e.Reason = dmaap.Permanent, "too_large"
	case http.StatusTooManyRequests:
		e.Class, e.Reason, e.RetryAfter = dmaap.Throttled, "throttled", httpx.RetryAfter(r.Header, time.Now())
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		e.Class, e.Reason = dmaap.Retryable, "timeout"
	case http.StatusConflict:
		e.Class, e.Reason = dmaap.Retryable, "conflict"
	case http.StatusServiceUnavailable:
		e.Class, e.Reason, e.RetryAfter = dmaap.Retryable, "unavailable", httpx.RetryAfter(r.Header, time.Now())
		if e.RetryAfter > 0 {
			e.Class = dmaap.Throttled
		}
	default:
		switch {
		case r.Status >= 500:
			e.Class, e.Reason, e.Suspect = dmaap.Retryable, "server_error", r.Status == http.StatusInternalServerError
		case r.Status >= 400 && r.Status != http.StatusMethodNotAllowed && r.Status != http.StatusUnsupportedMediaType:
			e.Class, e.Reason = dmaap.Permanent, "refused"
		default:
			e.Class, e.Reason = dmaap.Misconfigured, "no_message_router"
		}
	}
	return e
}
