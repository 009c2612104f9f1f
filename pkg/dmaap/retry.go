package dmaap

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/prometheus/common/model"
)

// RetryConfig says how a destination is tried again. The zero value is not valid; see
// DefaultRetryConfig.
type RetryConfig struct {
	// MinBackoff doubles with each failure up to MaxBackoff; the pause is between half of
	// that and all of it.
	MinBackoff model.Duration `yaml:"min_backoff,omitempty"`
	MaxBackoff model.Duration `yaml:"max_backoff,omitempty"`
	// MisconfiguredInterval is the pause while the destination refuses everything.
	MisconfiguredInterval model.Duration `yaml:"misconfigured_interval,omitempty"`
	// MaxRetryAfter bounds what a peer's Retry-After may ask for.
	MaxRetryAfter model.Duration `yaml:"max_retry_after,omitempty"`
	// PoisonAttempts is how often an event must fail alone, others passing meanwhile,
	// before it becomes a dead letter.
	PoisonAttempts int `yaml:"poison_attempts,omitempty"`
	// PublishTimeout ends a call that the destination's own timeout did not end.
	PublishTimeout model.Duration `yaml:"publish_timeout,omitempty"`
}

// DefaultRetryConfig is what an empty `retry:` means.
func DefaultRetryConfig() RetryConfig {
	return RetryConfig{
		MinBackoff:            model.Duration(time.Second),
		MaxBackoff:            model.Duration(30 * time.Second),
		MisconfiguredInterval: model.Duration(time.Minute),
		MaxRetryAfter:         model.Duration(5 * time.Minute),
		PoisonAttempts:        20,
		PublishTimeout:        model.Duration(2 * time.Minute),
	}
}

// UnmarshalYAML fills what is not given with the defaults.
func (c *RetryConfig) UnmarshalYAML(unmarshal func(any) error) error {
	*c = DefaultRetryConfig()
	type plain RetryConfig
	return unmarshal((*plain)(c))
}

// Validate says everything that is wrong with c.
func (c *RetryConfig) Validate() error {
	var errs []error
	for _, d := range []struct {
		name  string
		value model.Duration
	}{
		{"min_backoff", c.MinBackoff}, {"max_backoff", c.MaxBackoff}, {"misconfigured_interval", c.MisconfiguredInterval},
		{"max_retry_after", c.MaxRetryAfter}, {"publish_timeout", c.PublishTimeout},
	} {
		if d.value <= 0 {
			errs = append(errs, fmt.Errorf("retry: %s must be more than 0, is %s", d.name, d.value))
		}
	}
	if c.MinBackoff > c.MaxBackoff {
		errs = append(errs, fmt.Errorf("retry: min_backoff %s is more than max_backoff %s", c.MinBackoff, c.MaxBackoff))
	}
	if c.PoisonAttempts < 2 {
		errs = append(errs, fmt.Errorf("retry: poison_attempts must be at least 2, is %d", c.PoisonAttempts))
	}
	return errors.Join(errs...)
}

// backoff is the pause after the n-th failure in a row, n ≥ 1.
func (c *RetryConfig) backoff(n int) time.Duration {
	d := time.Duration(c.MaxBackoff)
	if shift := n - 1; shift < 30 && time.Duration(c.MinBackoff)<<shift < d {
		d = time.Duration(c.MinBackoff) << shift
	}
	return d/2 + rand.N(d/2+1)
}

// pause is the time until a lane is tried again after its n-th failure in a row.
func (c *RetryConfig) pause(err *Error, n int) time.Duration {
	switch {
	case err.Class == Throttled && err.RetryAfter > 0:
		return min(max(err.RetryAfter, time.Duration(c.MinBackoff)), time.Duration(c.MaxRetryAfter))
	case err.Class == Misconfigured:
		return time.Duration(c.MisconfiguredInterval)
	default:
		return c.backoff(n)
	}
}
