// Package kafka delivers to Kafka: one record per event, {"event":…} as the ONAP VES
// collector writes it, keyed by sourceName so that a source's events keep their order.
package kafka

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/prometheus/common/config"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/vesbridge/vesbridge/pkg/dmaap"
	"github.com/vesbridge/vesbridge/pkg/dmaap/internal/gate"
	"github.com/vesbridge/vesbridge/pkg/outbox"
)

// Destination is a Kafka cluster. It implements dmaap.Destination.
//
// The producer is idempotent and waits for all in-sync replicas. A Publish that times
// out gives its records up although the broker may have taken them: the retry can then
// make duplicates, which carry the same eventId.
type Destination struct {
	cfg    Config
	log    *slog.Logger
	client *kgo.Client
	gate   gate.Gate

	reached bool // Publish's own: the last call got an answer, so that no ping is needed
}

// New makes a Destination; it does not connect. log may be nil.
func New(cfg Config, log *slog.Logger) (*Destination, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("kafka %q: %w", cfg.Brokers, err)
	}
	opts, err := options(&cfg)
	if err != nil {
		return nil, fmt.Errorf("kafka %q: %w", cfg.Brokers, err)
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("kafka %q: %w", cfg.Brokers, err)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Destination{cfg: cfg, log: log.With("component", "kafka"), client: client}, nil
}

func options(cfg *Config) ([]kgo.Opt, error) {
	timeout := time.Duration(cfg.Timeout)
	opts := []kgo.Opt{
		kgo.SeedBrokers(cfg.Brokers...),
		kgo.ClientID(cfg.ClientID),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)), // by key as Kafka's own clients do
		kgo.ProducerBatchMaxBytes(cfg.MaxMessageBytes),
		kgo.ProducerBatchCompression(codec(cfg.Compression)),
		// A call hands over all of its records at once and then waits for them: there is
		// nothing to linger for.
		kgo.ProducerLinger(0),
		kgo.MaxBufferedRecords(cfg.MaxBatchEvents + 1),
		kgo.RecordDeliveryTimeout(max(timeout, time.Second)),
		kgo.ProduceRequestTimeout(max(timeout/2, 100*time.Millisecond)),
		kgo.RetryTimeout(timeout),
		kgo.RequestTimeoutOverhead(min(max(timeout/2, time.Second), 10*time.Second)),
		// A hanging broker must not hold a call up for ever; see Destination on duplicates.
		kgo.AllowIdempotentProduceCancellation(),
		kgo.UnknownTopicRetries(2),
		kgo.MetadataMinAge(500 * time.Millisecond),
		kgo.Dialer(dialer(cfg.TLSConfig, timeout)),
	}
	if cfg.AutoCreateTopics {
		opts = append(opts, kgo.AllowAutoTopicCreation())
	}
	if cfg.SASL != nil {
		opts = append(opts, kgo.SASL(mechanism(*cfg.SASL)))
	}
	if cfg.TLSConfig != nil {
		// Told at start, not at the first event: a file that cannot be read.
		if _, err := config.NewTLSConfig(cfg.TLSConfig); err != nil {
			return nil, err
		}
	}
	return opts, nil
}

func codec(name string) kgo.CompressionCodec {
	switch name {
	case "gzip":
		return kgo.GzipCompression()
	case "snappy":
		return kgo.SnappyCompression()
	case "lz4":
		return kgo.Lz4Compression()
	case "zstd":
		return kgo.ZstdCompression()
	default:
		return kgo.NoCompression()
	}
}

func mechanism(s SASL) sasl.Mechanism {
	password := func() (string, error) {
		if s.PasswordFile == "" {
			return string(s.Password), nil
		}
		b, err := os.ReadFile(s.PasswordFile)
		return string(bytes.TrimSpace(b)), err
	}
	auth := func(context.Context) (scram.Auth, error) {
		p, err := password()
		return scram.Auth{User: s.Username, Pass: p}, err
	}
	switch s.Mechanism {
	case "SCRAM-SHA-512":
		return scram.Sha512(auth)
	case "SCRAM-SHA-256":
		return scram.Sha256(auth)
	default:
		return plain.Plain(func(context.Context) (plain.Auth, error) {
			p, err := password()
			return plain.Auth{User: s.Username, Pass: p}, err
		})
	}
}

// dialer reads the TLS files with each connection, so that a rotated certificate or
// authority is used at once.
func dialer(cfg *config.TLSConfig, timeout time.Duration) func(context.Context, string, string) (net.Conn, error) {
	plain := &net.Dialer{Timeout: min(timeout, 10*time.Second)}
	if cfg == nil {
		return plain.DialContext
	}
	return func(ctx context.Context, network, host string) (net.Conn, error) {
		c, err := config.NewTLSConfig(cfg)
		if err != nil {
			return nil, err
		}
		return (&tls.Dialer{NetDialer: plain, Config: c}).DialContext(ctx, network, host)
	}
}

// Limits implements dmaap.Destination.
func (d *Destination) Limits() dmaap.Limits {
	return dmaap.Limits{MaxRecords: d.cfg.MaxBatchEvents, MaxBytes: d.cfg.MaxBatchBytes, MixedDomains: true}
}

// Close implements dmaap.Destination.
func (d *Destination) Close(context.Context) error {
	if d.gate.Close() {
		d.client.Close()
	}
	return nil
}

// Publish implements dmaap.Destination.
func (d *Destination) Publish(ctx context.Context, recs []outbox.Record) error {
	ctx, leave, closed := d.gate.Enter(ctx)
	if closed != nil {
		return closed
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(d.cfg.Timeout))
	defer cancel()
	if !d.reached {
		// The producer retries inside and would only say that time is up; a ping tells a
		// refused login or certificate from a broker that is away, and at once.
		if err := d.client.Ping(ctx); err != nil {
			return classify(err)
		}
		d.reached = true
	}
	failed := d.produce(ctx, recs)
	if len(failed) == 0 {
		return nil
	}
	d.splitTooLarge(ctx, recs, failed)
	holdFollowers(recs, failed)
	return d.outcome(recs, failed)
}

// batch gathers what failed of the records of one call.
type batch struct {
	wg     sync.WaitGroup
	mu     sync.Mutex // guards failed
	failed map[*kgo.Record]error
}

// done is called once per record by the client.
func (b *batch) done(r *kgo.Record, err error) {
	if err != nil {
		b.mu.Lock()
		if b.failed == nil {
			b.failed = map[*kgo.Record]error{}
		}
		b.failed[r] = err
		b.mu.Unlock()
	}
	b.wg.Done()
}

// produce hands recs to the client and waits for all of them. It returns the errors by
// index.
func (d *Destination) produce(ctx context.Context, recs []outbox.Record) map[int]*dmaap.Error {
	failed := map[int]*dmaap.Error{}
	out := make([]kgo.Record, len(recs))
	b := &batch{}
	done := b.done // one closure for all
	var key []byte
	for i := range recs {
		r := &recs[i]
		topic, ok := d.cfg.Topics.Topic(r.Domain, r.StndDefinedNamespace)
		if !ok {
			why, _ := d.cfg.Undeliverable(r.Domain, r.StndDefinedNamespace)
			failed[i] = &dmaap.Error{Class: dmaap.Misconfigured, Reason: "no_topic", Err: fmt.Errorf("%s", why)}
			continue
		}
		if i == 0 || r.SourceName != recs[i-1].SourceName {
			key = []byte(r.SourceName)
		}
		o := &out[i]
		o.Topic, o.Key, o.Value = topic, key, r.Body
		if d.cfg.EventIDHeader {
			o.Headers = []kgo.RecordHeader{{Key: "eventId", Value: []byte(r.EventID)}}
		}
		b.wg.Add(1)
		d.client.Produce(ctx, o, done)
	}
	b.wg.Wait()
	if len(b.failed) == 0 {
		return failed
	}
	for i := range out {
		if err, ok := b.failed[&out[i]]; ok {
			e := classify(err)
			e.Err = fmt.Errorf("topic %q: %w", out[i].Topic, err)
			failed[i] = e
		}
	}
	return failed
}

// splitTooLarge sends records alone that a broker refused together: its limit is about
// the batch that the client formed, not about each record.
func (d *Destination) splitTooLarge(ctx context.Context, recs []outbox.Record, failed map[int]*dmaap.Error) {
	if len(recs) == 1 {
		return
	}
	for i := range recs {
		if e := failed[i]; e == nil || e.Reason != "too_large" {
			continue
		}
		again := d.produce(ctx, recs[i:i+1])
		if e := again[0]; e != nil {
			failed[i] = e
		} else {
			delete(failed, i)
		}
	}
}

// holdFollowers makes what was accepted behind a failed record of the same source and
// topic fail too: both are sent again, so that the last thing that consumers read of the
// source is the newest.
func holdFollowers(recs []outbox.Record, failed map[int]*dmaap.Error) {
	type key struct{ source, domain, namespace string }
	blocked := map[key]*dmaap.Error{}
	for i := range recs {
		k := key{recs[i].SourceName, recs[i].Domain, recs[i].StndDefinedNamespace}
		if e := failed[i]; e != nil && e.Class != dmaap.Permanent {
			blocked[k] = e
		} else if b := blocked[k]; b != nil && e == nil {
			failed[i] = b
		}
	}
}

// outcome makes one error of it. A call of which nothing was accepted for a reason that
// passes is an error of the whole: which partition was asked first means nothing.
func (d *Destination) outcome(recs []outbox.Record, failed map[int]*dmaap.Error) error {
	var first *dmaap.Error
	whole := len(failed) == len(recs)
	for i := range recs {
		e := failed[i]
		if e == nil {
			continue
		}
		if first == nil {
			first = e
		}
		if e.Class == dmaap.Retryable {
			d.reached = false
		} else if e.Class != dmaap.Throttled {
			whole = false
		}
	}
	switch {
	case first == nil:
		return nil
	case whole:
		return first
	default:
		return &dmaap.PartialError{Failed: failed}
	}
}
