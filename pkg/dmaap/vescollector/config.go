package vescollector

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/common/model"

	"github.com/vesbridge/vesbridge/pkg/dmaap"
	"github.com/vesbridge/vesbridge/pkg/dmaap/internal/httpx"
)

// Config of one VES collector, or of a pair of which one is used at a time.
type Config struct {
	// Endpoint is the root URL of the collector, without /eventListener. Backup is used
	// while Endpoint fails (VNFRQTS R-84879).
	Endpoint string `yaml:"endpoint"`
	Backup   string `yaml:"backup,omitempty"`
	// Profile names a kind of collector whose missing streams `check` tells: "onap-oom".
	Profile string `yaml:"profile,omitempty"`
	// APIVersion is the version in the URL: v7, or v5 for VES 5.4.1.
	APIVersion string `yaml:"api_version,omitempty"`
	// MaxBatchEvents and MaxBatchBytes bound one call to eventBatch; 1 event means that
	// events go one by one to the single-event URL. VES 7.2 asks for at most 1 MB, and the
	// ONAP collector answers 500 beyond 1 MiB.
	MaxBatchEvents int `yaml:"max_batch_events,omitempty"`
	MaxBatchBytes  int `yaml:"max_batch_bytes,omitempty"`
	// MaxEventBytes is the size of an event beyond which it is refused without asking
	// (VES 7.2: 2 MB).
	MaxEventBytes int `yaml:"max_event_bytes,omitempty"`
	// Timeout of a call. The collector itself waits for its bus 10 s and once more, so that
	// less than 25 s makes duplicates.
	Timeout model.Duration `yaml:"timeout,omitempty"`
	// FailoverAfter is how many calls in a row must fail before the other endpoint is
	// used; FailbackInterval how often the primary is probed meanwhile.
	FailoverAfter    int            `yaml:"failover_after,omitempty"`
	FailbackInterval model.Duration `yaml:"failback_interval,omitempty"`
	// ConnectionMaxAge is how long a connection is used before the name is resolved again
	// (R-130645: respect the DNS TTL).
	ConnectionMaxAge model.Duration `yaml:"connection_max_age,omitempty"`

	Retry              dmaap.RetryConfig `yaml:"retry,omitempty"`
	httpx.ClientConfig `yaml:",inline"`
}

// DefaultConfig is a configuration that lacks only its endpoint.
func DefaultConfig() Config {
	return Config{
		APIVersion:       "v7",
		MaxBatchEvents:   500,
		MaxBatchBytes:    1_000_000,
		MaxEventBytes:    2_000_000,
		Timeout:          model.Duration(25 * time.Second),
		FailoverAfter:    3,
		FailbackInterval: model.Duration(time.Minute),
		ConnectionMaxAge: model.Duration(time.Minute),
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
	errs := []error{httpx.ValidateURL("endpoint", c.Endpoint)}
	if c.Backup != "" {
		errs = append(errs, httpx.ValidateURL("backup", c.Backup))
		if c.Backup == c.Endpoint {
			errs = append(errs, errors.New("backup: is the same as endpoint"))
		}
	}
	if c.Profile != "" && c.Profile != "onap-oom" {
		errs = append(errs, fmt.Errorf("profile: no profile %q; there is onap-oom", c.Profile))
	}
	if c.APIVersion != "v7" && c.APIVersion != "v5" {
		errs = append(errs, fmt.Errorf("api_version: %q is neither v7 nor v5", c.APIVersion))
	}
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"max_batch_events", int64(c.MaxBatchEvents)}, {"max_batch_bytes", int64(c.MaxBatchBytes)}, {"max_event_bytes", int64(c.MaxEventBytes)},
		{"timeout", int64(c.Timeout)}, {"failover_after", int64(c.FailoverAfter)}, {"failback_interval", int64(c.FailbackInterval)},
		{"connection_max_age", int64(c.ConnectionMaxAge)},
	} {
		if n.value <= 0 {
			errs = append(errs, fmt.Errorf("%s: must be more than 0", n.name))
		}
	}
	errs = append(errs, c.ClientConfig.Validate(), c.Retry.Validate())
	return errors.Join(errs...)
}

// Undeliverable says why a collector of the configured profile has no place for the
// events of a domain; ok is false where it has one, or where no profile is set. It is
// what ONAP OOM configures (dcae-ves-collector, streams_publishes and streamid).
func (c *Config) Undeliverable(domain, namespace string) (why string, ok bool) {
	if c.Profile != "onap-oom" {
		return "", false
	}
	if domain == "perf3gpp" {
		return "the collector has no stream id for perf3gpp and answers 400 SVC2000; it is a domain of HV-VES", true
	}
	if _, known := dmaap.ONAPTopics().Topic(domain, namespace); known {
		return "", false
	}
	if domain == "stndDefined" {
		return fmt.Sprintf("the collector has no stream for the namespace %q", namespace), true
	}
	return fmt.Sprintf("the collector has a stream id for %s but no topic behind it, and answers 500", domain), true
}
