package listener

import (
	"errors"
	"fmt"
	"time"
)

// The values of Config.Compat.
const (
	// CompatONAP answers as a VES collector 1.12 with collector.response.compatibility=v7.2,
	// its default.
	CompatONAP = "onap-1.12"
	// CompatONAPNone answers as one with collector.response.compatibility=None.
	CompatONAPNone = "onap-1.12-none"
)

// The bounds of Config.MaxBodyBytes. VES 7.2.1 limits a message to 2 MB.
const (
	DefaultMaxBodyBytes = 2 << 20
	minBodyBytes        = 1 << 10
	maxBodyBytes        = 16 << 20
)

// Config is the intake's part of a configuration file. The zero Config is usable: plain
// HTTP, no authentication, default limits.
type Config struct {
	// Listen is the address for whoever opens the net.Listener; Serve does not look at it.
	Listen string `yaml:"listen,omitempty"`

	// TLSCertFile and TLSKeyFile (PEM) turn TLS 1.2+ on. They, ClientCAFile and
	// BasicAuthFile are looked at on every handshake or login, so that a rotation needs no
	// reload; a rotation that cannot be read leaves what was in use, and is logged.
	TLSCertFile string `yaml:"tls_cert_file,omitempty"`
	TLSKeyFile  string `yaml:"tls_key_file,omitempty"`
	// ClientCAFile (PEM) demands a client certificate that it vouches for.
	ClientCAFile string `yaml:"client_ca_file,omitempty"`
	// BasicAuthFile demands HTTP Basic authentication. It is a password file as of
	// `htpasswd -B`: lines of user:bcrypt hash. Together with ClientCAFile either of the
	// two is enough, as with the collector's certBasicAuth.
	BasicAuthFile string `yaml:"basic_auth_file,omitempty"`

	// MaxBodyBytes of one request; default 2 MiB.
	MaxBodyBytes int `yaml:"max_body_bytes,omitempty"`
	// MaxConcurrent requests are read, judged and handed over at a time, default 64; more
	// are refused with 503. Memory is bounded by about twice MaxBodyBytes for each.
	MaxConcurrent int `yaml:"max_concurrent,omitempty"`
	// MaxConnections open at a time, default 1024; more wait to be accepted.
	MaxConnections int `yaml:"max_connections,omitempty"`

	// ReadHeaderTimeout bounds a request's header, default 10 s.
	ReadHeaderTimeout time.Duration `yaml:"read_header_timeout,omitempty"`
	// ReadTimeout bounds the reading of a request's body, default 15 s.
	ReadTimeout time.Duration `yaml:"read_timeout,omitempty"`
	// SinkTimeout bounds the hand-over to the sink, default 20 s.
	SinkTimeout time.Duration `yaml:"sink_timeout,omitempty"`
	// IdleTimeout closes connections that carry no request, default 2 min.
	IdleTimeout time.Duration `yaml:"idle_timeout,omitempty"`

	// Strict refuses what the schema allows but receivers trip over: epochs that are not
	// microseconds, empty names, a block that does not fit the domain, text that is not
	// UTF-8. By default such events are taken, since a collector takes them too, and
	// counted. Not together with Compat.
	Strict bool `yaml:"strict,omitempty"`
	// Compat is "", "onap-1.12" or "onap-1.12-none".
	Compat string `yaml:"compat,omitempty"`
	// Schemas is a folder with schema-map.json and the OpenAPI documents that it names, as a
	// collector's etc/externalRepo: the data of stndDefined events is judged by them. Without
	// it stndDefined events pass by the VES schema alone.
	Schemas string `yaml:"schemas,omitempty"`
}

// withDefaults returns c with defaults in place of zeros.
func (c Config) withDefaults() Config {
	for _, d := range []struct {
		at *int
		n  int
	}{{&c.MaxBodyBytes, DefaultMaxBodyBytes}, {&c.MaxConcurrent, 64}, {&c.MaxConnections, 1024}} {
		if *d.at == 0 {
			*d.at = d.n
		}
	}
	for _, d := range []struct {
		at *time.Duration
		n  time.Duration
	}{
		{&c.ReadHeaderTimeout, 10 * time.Second},
		{&c.ReadTimeout, 15 * time.Second},
		{&c.SinkTimeout, 20 * time.Second},
		{&c.IdleTimeout, 2 * time.Minute},
	} {
		if *d.at == 0 {
			*d.at = d.n
		}
	}
	return c
}

// Validate says everything that is wrong with c, without looking at files.
func (c Config) Validate() error {
	var errs []error
	addf := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	switch {
	case c.TLSCertFile != "" && c.TLSKeyFile == "":
		addf("tls_key_file is missing: tls_cert_file needs its key")
	case c.TLSCertFile == "" && c.TLSKeyFile != "":
		addf("tls_cert_file is missing: tls_key_file needs its certificate")
	}
	if c.ClientCAFile != "" && c.TLSCertFile == "" {
		addf("client_ca_file needs TLS: set tls_cert_file and tls_key_file")
	}
	c = c.withDefaults()
	if c.MaxBodyBytes < minBodyBytes || c.MaxBodyBytes > maxBodyBytes {
		addf("max_body_bytes %d: must be from %d to %d", c.MaxBodyBytes, minBodyBytes, maxBodyBytes)
	}
	if c.MaxConcurrent < 1 {
		addf("max_concurrent %d: must be at least 1", c.MaxConcurrent)
	}
	if c.MaxConnections < 1 {
		addf("max_connections %d: must be at least 1", c.MaxConnections)
	}
	for _, d := range []struct {
		key   string
		value time.Duration
	}{
		{"read_header_timeout", c.ReadHeaderTimeout},
		{"read_timeout", c.ReadTimeout},
		{"sink_timeout", c.SinkTimeout},
		{"idle_timeout", c.IdleTimeout},
	} {
		if d.value < time.Millisecond {
			addf("%s %s: must be at least 1ms", d.key, d.value)
		}
	}
	switch c.Compat {
	case "":
	case CompatONAP, CompatONAPNone:
		if c.Strict {
			addf("strict contradicts compat %q: a collector does not refuse that much; drop one of them", c.Compat)
		}
	default:
		addf("compat %q is not known: use %q, %q, or leave it out", c.Compat, CompatONAP, CompatONAPNone)
	}
	return errors.Join(errs...)
}
