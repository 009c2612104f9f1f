package vescollector

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/vesbridge/vesbridge/pkg/dmaap"
	"github.com/vesbridge/vesbridge/pkg/dmaap/internal/httpx"
	"github.com/vesbridge/vesbridge/pkg/dmaap/profile"
	"github.com/vesbridge/vesbridge/pkg/ves"
)

// Config of one VES collector, or of a pair of which one is used at a time.
type Config struct {
	// Endpoint is the root URL of the collector, without /eventListener. Backup is used
	// while Endpoint fails (VNFRQTS R-84879).
	Endpoint string `yaml:"endpoint"`
	Backup   string `yaml:"backup,omitempty"`
	// Profile says what the collector accepts: a name of package profile, such as onap-oom,
	// or the path of a profile file. What it refuses `check` tells, and no call is made for.
	Profile string `yaml:"profile,omitempty"`
	// VESVersion is the version of VES that the collector is spoken to in: 5.4.1 or
	// 7.0.1 to 7.2.1.
	// Events are converted on their way out, and those that the version cannot say are set
	// aside. Empty sends them as they are.
	VESVersion string `yaml:"ves_version,omitempty"`
	// APIVersion is the version in the URL, v7 or v5. By default it is that of VESVersion.
	APIVersion string `yaml:"api_version,omitempty"`
	// Schemas is a folder with the collector's schema-map.json and the OpenAPI documents
	// that it names: the data of stndDefined events is judged by them before it is sent, so
	// that a dead letter names the member which the collector's answer does not.
	Schemas string `yaml:"schemas,omitempty"`
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

	// read is the profile as it was when Validate read it, so that a changed file makes a
	// changed Config; nil before, and without a profile.
	read *profile.Profile
}

// DefaultConfig is a configuration that lacks only its endpoint.
func DefaultConfig() Config {
	return Config{
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

// Validate says everything that is wrong with c. It reads the profile's file, where one is
// named, and no other.
func (c *Config) Validate() error {
	errs := []error{httpx.ValidateURL("endpoint", c.Endpoint)}
	if c.Backup != "" {
		errs = append(errs, httpx.ValidateURL("backup", c.Backup))
		if c.Backup == c.Endpoint {
			errs = append(errs, errors.New("backup: is the same as endpoint"))
		}
	}
	errs = append(errs, c.validateVersions())
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

// validateVersions reads the profile and says what is wrong with it and with the versions.
func (c *Config) validateVersions() error {
	var errs []error
	p, err := c.openProfile()
	if err != nil {
		errs = append(errs, fmt.Errorf("profile: %w", err))
	}
	c.read = p
	want := ""
	if c.VESVersion != "" {
		v, err := ves.ParseVersion(c.VESVersion)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("ves_version: %w", err))
		case p != nil && !p.Speaks(v):
			errs = append(errs, fmt.Errorf("ves_version: a collector of profile %s does not take %s, only %s", p.Name, v, strings.Join(p.Versions, ", ")))
		}
		want = apiVersion(v)
	}
	switch {
	case c.APIVersion != "" && c.APIVersion != "v7" && c.APIVersion != "v5":
		errs = append(errs, fmt.Errorf("api_version: %q is neither v7 nor v5", c.APIVersion))
	case c.APIVersion != "" && want != "" && c.APIVersion != want:
		errs = append(errs, fmt.Errorf("api_version: %s does not take VES %s; leave it out", c.APIVersion, c.VESVersion))
	}
	return errors.Join(errs...)
}

// apiVersion is the URL's version for a version of VES.
func apiVersion(v ves.Version) string {
	if v == ves.V5_4_1 {
		return "v5"
	}
	return "v7"
}

// version is VESVersion; 7.2.1, which the bridge builds, where it is empty or wrong.
func (c *Config) version() ves.Version {
	v, err := ves.ParseVersion(c.VESVersion)
	if err != nil {
		return ves.V7_2_1
	}
	return v
}

// openProfile returns the profile, nil where none is named.
func (c *Config) openProfile() (*profile.Profile, error) {
	if c.read != nil || c.Profile == "" {
		return c.read, nil
	}
	return profile.Open(c.Profile)
}

// Collector is the profile that Validate read; nil where none is named.
func (c *Config) Collector() *profile.Profile { return c.read }

// Undeliverable says why the destination has no place for the events of a domain, by the
// version that it speaks and by its profile; ok is false where it has one. domain is as of
// VES 7.2.1.
func (c *Config) Undeliverable(domain, namespace string) (why string, ok bool) {
	v := c.version()
	if domain = domainIn(v, domain); !slices.Contains(ves.Domains(v), ves.Domain(domain)) {
		return fmt.Sprintf("VES %s has no domain %s", v, domain), true
	}
	p, err := c.openProfile()
	if err != nil || p == nil {
		return "", false // Validate tells of the error
	}
	return p.Refuses(domain, namespace)
}

// domainIn is the name in version v of a domain of VES 7.2.1.
func domainIn(v ves.Version, domain string) string {
	if v == ves.V5_4_1 && domain == string(ves.DomainMeasurement) {
		return string(ves.DomainMeasurementsForVFScaling)
	}
	return domain
}

// Address implements dmaap.Settings.
func (c *Config) Address() string { return c.Endpoint }

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
