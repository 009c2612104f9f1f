package messagerouter

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/vesbridge/vesbridge/pkg/dmaap"
	"github.com/vesbridge/vesbridge/pkg/dmaap/internal/httpx"
)

// Framings of a POST.
const (
	// FramingCambria is application/cambria: every message has its own partition key, so
	// that one call keeps the order of many sources, and Message Router hands the event
	// on as it is. The default.
	FramingCambria = "cambria"
	// FramingJSON is application/json: the key is a query parameter, so that a call holds
	// the events of one source only, and Message Router writes them anew.
	FramingJSON = "json"
)

// maxCambriaBytes is the length that Message Router's reader of that framing still takes.
const maxCambriaBytes = 4_096_000

// Config of a DMaaP Message Router.
type Config struct {
	// URL is the root, e.g. https://message-router:3905; /events/TOPIC is appended.
	URL string `yaml:"url"`
	// Topics is `onap` or a map from domains to topics.
	Topics  dmaap.Topics `yaml:"topics"`
	Framing string       `yaml:"framing,omitempty"`
	// APIKey signs requests for topics that are owned by a UEB API key.
	APIKey *APIKey `yaml:"api_key,omitempty"`
	// MaxBatchEvents and MaxBatchBytes bound one POST; Message Router itself refuses bodies
	// over its maxcontentlength where that is enforced, and Kafka events over about 1 MB.
	MaxBatchEvents int `yaml:"max_batch_events,omitempty"`
	MaxBatchBytes  int `yaml:"max_batch_bytes,omitempty"`
	MaxEventBytes  int `yaml:"max_event_bytes,omitempty"`
	// Timeout of a POST.
	Timeout model.Duration `yaml:"timeout,omitempty"`
	// ConnectionMaxAge is how long a connection is used before the name is resolved again.
	ConnectionMaxAge model.Duration `yaml:"connection_max_age,omitempty"`
	// NotFoundLimit is after how many 404 in a row a topic counts as missing. Message
	// Router answers 404 to a POST for any failure of its back end.
	NotFoundLimit int `yaml:"not_found_limit,omitempty"`

	Retry              dmaap.RetryConfig `yaml:"retry,omitempty"`
	httpx.ClientConfig `yaml:",inline"`
}

// APIKey is a UEB/Cambria API key and its secret. A secret file is read again with each
// request.
type APIKey struct {
	Key        string        `yaml:"key"`
	Secret     config.Secret `yaml:"secret,omitempty"`
	SecretFile string        `yaml:"secret_file,omitempty"`
}

// DefaultConfig lacks only URL and topics.
func DefaultConfig() Config {
	return Config{
		Framing:          FramingCambria,
		MaxBatchEvents:   500,
		MaxBatchBytes:    1_000_000,
		MaxEventBytes:    1_000_000,
		Timeout:          model.Duration(25 * time.Second),
		ConnectionMaxAge: model.Duration(time.Minute),
		NotFoundLimit:    5,
		Retry:            dmaap.DefaultRetryConfig(),
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
	errs := []error{httpx.ValidateURL("url", c.URL), c.Topics.Validate()}
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Framing != FramingCambria && c.Framing != FramingJSON {
		bad("framing: %q is neither %s nor %s", c.Framing, FramingCambria, FramingJSON)
	}
	if c.Framing == FramingCambria && c.MaxEventBytes > maxCambriaBytes {
		bad("max_event_bytes: must be at most %d with framing %s", maxCambriaBytes, FramingCambria)
	}
	if k := c.APIKey; k != nil {
		if k.Key == "" || strings.ContainsAny(k.Key, ": \r\n") {
			bad("api_key: key is missing or has a colon or white space")
		}
		if (k.Secret == "") == (k.SecretFile == "") {
			bad("api_key: give either secret or secret_file")
		}
	}
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"max_batch_events", int64(c.MaxBatchEvents)}, {"max_batch_bytes", int64(c.MaxBatchBytes)}, {"max_event_bytes", int64(c.MaxEventBytes)},
		{"timeout", int64(c.Timeout)}, {"connection_max_age", int64(c.ConnectionMaxAge)}, {"not_found_limit", int64(c.NotFoundLimit)},
	} {
		if n.value <= 0 {
			bad("%s: must be more than 0", n.name)
		}
	}
	errs = append(errs, c.ClientConfig.Validate(), c.Retry.Validate())
	return errors.Join(errs...)
}

// Undeliverable implements dmaap.Settings.
func (c *Config) Undeliverable(domain, namespace string) (why string, refused bool) {
	return c.Topics.Undeliverable(domain, namespace)
}

// Address implements dmaap.Settings.
func (c *Config) Address() string { return c.URL }

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
