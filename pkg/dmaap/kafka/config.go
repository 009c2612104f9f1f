package kafka

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/vesbridge/vesbridge/pkg/dmaap"
)

// Config of a Kafka cluster.
type Config struct {
	// Brokers to ask first, host:port.
	Brokers []string `yaml:"brokers"`
	// Topics is `onap` or a map from domains to topics.
	Topics dmaap.Topics `yaml:"topics"`
	SASL   *SASL        `yaml:"sasl,omitempty"`
	// TLSConfig, if given even as {}, means TLS. Its files are read again with each
	// connection.
	TLSConfig *config.TLSConfig `yaml:"tls_config,omitempty"`
	ClientID  string            `yaml:"client_id,omitempty"`
	// Compression is none, gzip, snappy, lz4 or zstd.
	Compression string `yaml:"compression,omitempty"`
	// AutoCreateTopics lets the broker create a topic that does not exist, if it is
	// willing to.
	AutoCreateTopics bool `yaml:"auto_create_topics,omitempty"`
	// EventIDHeader adds a record header eventId, for consumers that remove duplicates
	// without parsing.
	EventIDHeader bool `yaml:"event_id_header,omitempty"`
	// MaxMessageBytes is the topic's max.message.bytes; larger events are refused.
	MaxMessageBytes int32 `yaml:"max_message_bytes,omitempty"`
	// MaxBatchEvents and MaxBatchBytes bound what is on the way at a time.
	MaxBatchEvents int `yaml:"max_batch_events,omitempty"`
	MaxBatchBytes  int `yaml:"max_batch_bytes,omitempty"`
	// Timeout is how long an event may wait for the acknowledgement of all in-sync
	// replicas.
	Timeout model.Duration `yaml:"timeout,omitempty"`

	Retry dmaap.RetryConfig `yaml:"retry,omitempty"`
}

// SASL credentials. A password file is read again with each connection.
type SASL struct {
	Mechanism    string        `yaml:"mechanism"` // SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN
	Username     string        `yaml:"username"`
	Password     config.Secret `yaml:"password,omitempty"`
	PasswordFile string        `yaml:"password_file,omitempty"`
}

func mechanisms() []string { return []string{"SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"} }

func compressions() []string { return []string{"none", "gzip", "snappy", "lz4", "zstd"} }

// DefaultConfig lacks only brokers and topics.
func DefaultConfig() Config {
	return Config{
		ClientID:        "vesbridge",
		Compression:     "none", // every consumer reads it
		MaxMessageBytes: 1_000_000,
		MaxBatchEvents:  20_000,
		MaxBatchBytes:   32 << 20,
		Timeout:         model.Duration(20 * time.Second),
		Retry:           dmaap.DefaultRetryConfig(),
	}
}

// UnmarshalYAML fills what is not given with the defaults.
func (c *Config) UnmarshalYAML(unmarshal func(any) error) error {
	*c = DefaultConfig()
	type plain Config
	return unmarshal((*plain)(c))
}

// Validate says everything that is wrong with c.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(c.Brokers) == 0 {
		bad("brokers: missing; give at least one host:port")
	}
	for _, b := range c.Brokers {
		if _, port, err := net.SplitHostPort(b); err != nil || port == "" {
			bad("brokers: %q is not host:port", b)
		}
	}
	errs = append(errs, c.Topics.Validate())
	if s := c.SASL; s != nil {
		if !slices.Contains(mechanisms(), s.Mechanism) {
			bad("sasl: mechanism %q is none of %s", s.Mechanism, strings.Join(mechanisms(), ", "))
		}
		if s.Username == "" {
			bad("sasl: username is missing")
		}
		if (s.Password == "") == (s.PasswordFile == "") {
			bad("sasl: give either password or password_file")
		}
	}
	if c.TLSConfig != nil {
		errs = append(errs, c.TLSConfig.Validate())
	}
	if !slices.Contains(compressions(), c.Compression) {
		bad("compression: %q is none of %s", c.Compression, strings.Join(compressions(), ", "))
	}
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"max_message_bytes", int64(c.MaxMessageBytes)}, {"max_batch_events", int64(c.MaxBatchEvents)},
		{"max_batch_bytes", int64(c.MaxBatchBytes)}, {"timeout", int64(c.Timeout)},
	} {
		if n.value <= 0 {
			bad("%s: must be more than 0", n.name)
		}
	}
	errs = append(errs, c.Retry.Validate())
	return errors.Join(errs...)
}

// Undeliverable implements dmaap.Settings.
func (c *Config) Undeliverable(domain, namespace string) (why string, refused bool) {
	return c.Topics.Undeliverable(domain, namespace)
}

// Address implements dmaap.Settings.
func (c *Config) Address() string { return strings.Join(c.Brokers, ",") }

// RetryPolicy implements dmaap.Settings.
func (c *Config) RetryPolicy() dmaap.RetryConfig { return c.Retry }

// Open implements dmaap.Settings.
func (c *Config) Open(log *slog.Logger) (dmaap.Destination, error) {
	d, err := New(*c, log)
	if err != nil {
		return nil, err
	}
	return d, nil
}
