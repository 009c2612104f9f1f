package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/vesbridge/vesbridge/internal/config"
	"github.com/vesbridge/vesbridge/internal/problem"
	"github.com/vesbridge/vesbridge/pkg/mapping"
	"github.com/vesbridge/vesbridge/pkg/ves"
)

// RegistrationOptions are what Registration and RegistrationSamples take: a configuration,
// a mapping, or both.
type RegistrationOptions struct {
	ConfigFile string
	Mapping    string // a shipped profile, a file, or a mapping of the configuration; "" for all of the configuration
}

// Registration returns the VES Event Registration YAML of every eventName that the
// mappings can send, and the warnings of loading them.
func Registration(o RegistrationOptions) ([]byte, problem.List, error) {
	set, ro, problems, err := o.load()
	if err != nil {
		return nil, nil, err
	}
	return set.Registration(ro), problems, nil
}

// RegistrationSamples calls each with a sample event of every eventName that Registration
// describes, as {"event":…}. The bytes are valid during the call. It returns the warnings
// of loading the mappings.
func RegistrationSamples(ctx context.Context, o RegistrationOptions, each func(event []byte) error) (problem.List, error) {
	set, ro, problems, err := o.load()
	if err != nil {
		return nil, err
	}
	var buf []byte
	err = set.Samples(ctx, ro, func(e *ves.Event) error {
		var err error
		if buf, err = e.AppendJSON(buf[:0], set.Version()); err != nil {
			return fmt.Errorf("encoding the sample of %s: %w", e.Header.EventName, err)
		}
		return each(buf)
	})
	return problems, err
}

func (o *RegistrationOptions) load() (*mapping.Set, mapping.RegistrationOptions, problem.List, error) {
	if o.Mapping == "" {
		return o.loadConfig()
	}
	// The interval is the mapping's own here.
	ro := mapping.RegistrationOptions{HeartbeatInterval: config.DefaultHeartbeatInterval}
	one, problems, err := findMapping(o.ConfigFile, o.Mapping)
	if err != nil {
		return nil, ro, nil, err
	}
	if one.cfg != nil {
		ro = registrationOptions(one.cfg)
	}
	set, more := one.compile(loadOptions(one.cfg))
	problems = append(problems, more...)
	if set == nil {
		return nil, ro, nil, told(problems)
	}
	return set, ro, problems, nil
}

// registrationOptions is what a registration tells of cfg beside its mappings.
func registrationOptions(cfg *config.Config) mapping.RegistrationOptions {
	return mapping.RegistrationOptions{HeartbeatInterval: cfg.Global.HeartbeatInterval, ReportingEntityName: cfg.Global.ReportingEntityName}
}

func (o *RegistrationOptions) loadConfig() (*mapping.Set, mapping.RegistrationOptions, problem.List, error) {
	var ro mapping.RegistrationOptions
	if o.ConfigFile == "" {
		return nil, ro, nil, errors.New("name what is to be registered: --config FILE, --mapping NAME, or both")
	}
	l, problems := load(o.ConfigFile)
	if l == nil {
		return nil, ro, nil, told(problems)
	}
	return l.set, registrationOptions(l.cfg), problems, nil
}
