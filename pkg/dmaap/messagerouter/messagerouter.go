// Package messagerouter delivers to the DMaaP Message Router over HTTP. ONAP left it for
// Kafka; this is for those who have not yet.
package messagerouter

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the Cambria API defines HMAC-SHA1
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
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
	notFound map[string]int // 404 in a row, by topic: one that works says nothing of another
}

// New makes a Destination; it does not connect. log may be nil.
func New(cfg Config, log *slog.Logger) (*Destination, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("message router: %w", err) // the URL may hold a password
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
		notFound: map[string]int{},
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
	topic, ok := d.cfg.Topics.Topic(recs[0].Domain, recs[0].StndDefinedNamespace)
	if !ok {
		why, _ := d.cfg.Undeliverable(recs[0].Domain, recs[0].StndDefinedNamespace)
		return byTopic(recs, &dmaap.Error{Class: dmaap.Misconfigured, Reason: reasonNoTopic, Err: errors.New(why)})
	}
	recs = ascii(recs)
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
		return byTopic(recs, err)
	}
	return nil
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
		return byTopic(recs, stop)
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
	signature := ""
	if d.cfg.APIKey != nil {
		if signature, err = sign(req, d.cfg.APIKey, time.Now()); err != nil {
			return &dmaap.Error{Class: dmaap.Misconfigured, Reason: "credentials_file", Err: err}
		}
	}
	reply, failed := httpx.Do(d.client, req)
	if failed != nil {
		return failed
	}
	if signature != "" {
		reply.Body = strings.ReplaceAll(reply.Body, signature, "<secret>")
	}
	if reply.Status == http.StatusNotFound {
		d.notFound[topic]++
	} else {
		delete(d.notFound, topic)
	}
	e := classify(reply, n, d.notFound[topic], d.cfg.NotFoundLimit, time.Now())
	switch {
	case e == nil:
		return nil
	case e.Err == nil:
		e.Err = fmt.Errorf("topic %q: HTTP %d", topic, reply.Status)
	default:
		e.Err = fmt.Errorf("topic %q: %w", topic, e.Err)
	}
	return e
}

// sign adds the Cambria headers: the HMAC-SHA1 of the date under the key's secret, which
// it returns. Their names are written as Message Router's own client writes them.
func sign(req *http.Request, k *APIKey, now time.Time) (string, error) {
	secret := []byte(k.Secret)
	if k.SecretFile != "" {
		b, err := os.ReadFile(k.SecretFile)
		if err != nil {
			return "", err
		}
		if secret = bytes.TrimSpace(b); len(secret) == 0 {
			return "", fmt.Errorf("secret file %q is empty", k.SecretFile)
		}
	}
	date := now.UTC().Format(http.TimeFormat)
	mac := hmac.New(sha1.New, secret)
	mac.Write([]byte(date))
	signature := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	req.Header["X-CambriaAuth"] = []string{k.Key + ":" + signature}
	req.Header["X-CambriaDate"] = []string{date}
	return signature, nil
}
