// Package profile tells what kinds of VES collectors accept, so that what a collector will
// refuse is known before anything is sent to it: domains and namespaces without a stream,
// versions, sizes, batches, the schemas of stndDefined events.
//
// A Profile is data: four are built in, users write their own as YAML files of the same
// members. It is immutable and safe for concurrent use.
package profile

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/vesbridge/vesbridge/pkg/ves"
)

// Profile of one kind of collector. A zero bound or an absent list or map means that the
// collector sets no such limit.
type Profile struct {
	Name        string `yaml:"name"`
	Description string `yaml:"description,omitempty"`
	// Versions of VES whose events the collector takes: 5.4.1 at /eventListener/v5, all
	// others at /eventListener/v7.
	Versions []string `yaml:"versions"`
	// Streams has a key for each domain, or "stndDefined/NAMESPACE", that the collector has
	// a stream id for, and the topic that it publishes to. An empty topic is a stream id
	// without a topic: an ONAP collector answers 500 to its events, and 400 to those
	// without a stream id. Without Streams every domain of Versions is accepted.
	Streams map[string]string `yaml:"streams,omitempty"`
	// SchemaMap are the publicURLs of the OpenAPI documents by which the collector judges
	// the data of stndDefined events; it refuses references to any other. Without SchemaMap
	// it judges none.
	SchemaMap []string `yaml:"schema_map,omitempty"`
	// MaxEventBytes is the size of a message with one event that the collector still takes.
	MaxEventBytes int `yaml:"max_event_bytes,omitempty"`
	// NoBatch says that eventBatch cannot be used.
	NoBatch bool `yaml:"no_batch,omitempty"`
	// Transform says that the collector rewrites events before it publishes them
	// (event.transform.flag): consumers see 5.x shapes of 7.x measurements.
	Transform bool `yaml:"transform,omitempty"`
}

// Names of the built-in profiles, sorted.
func Names() []string { return slices.Sorted(maps.Keys(builtin())) }

// Open returns the built-in profile of a name, or reads the file of a path: a name has
// neither a slash nor a dot.
func Open(nameOrPath string) (*Profile, error) {
	if p, ok := builtin()[nameOrPath]; ok {
		return p, nil
	}
	if !IsPath(nameOrPath) {
		return nil, fmt.Errorf("no profile %q; there is %s, or write the path of a file", nameOrPath, strings.Join(Names(), ", "))
	}
	text, err := os.ReadFile(nameOrPath)
	if err != nil {
		return nil, fmt.Errorf("reading profile: %w", err)
	}
	p, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("reading profile %q: %w", nameOrPath, err)
	}
	return p, nil
}

// IsPath says that Open takes s for a path rather than for a built-in profile's name.
func IsPath(s string) bool { return strings.ContainsAny(s, `/\.`) }

// Parse reads a profile file: YAML, strict about keys and values.
func Parse(text []byte) (*Profile, error) {
	var p Profile
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&p); err != nil {
		return nil, fmt.Errorf("parsing: %w", err)
	}
	if err := p.validate(); err != nil {
		return nil, err
	}
	return &p, nil
}

func (p *Profile) validate() error {
	var errs []error
	addf := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if p.Name == "" {
		addf("name: is missing; messages speak of it")
	}
	if _, taken := builtin()[p.Name]; taken {
		addf("name: %q is a built-in profile's; choose another", p.Name)
	}
	known := map[string]bool{}
	for _, s := range p.Versions {
		v, err := ves.ParseVersion(s)
		if err != nil {
			addf("versions: %w", err)
			continue
		}
		for _, d := range ves.Domains(v) {
			known[string(d)] = true
		}
	}
	if len(p.Versions) == 0 {
		addf("versions: none given; list those that the collector takes, such as [7.2.1]")
	}
	for _, key := range slices.Sorted(maps.Keys(p.Streams)) {
		domain, namespace, _ := strings.Cut(key, "/")
		switch {
		case len(known) > 0 && !known[domain]:
			addf(`streams: %q is no domain of the versions; keys are domains or "stndDefined/NAMESPACE"`, key)
		case domain == stndDefined && namespace == "":
			addf(`streams: stndDefined events go by their namespace; write "stndDefined/NAMESPACE"`)
		case domain != stndDefined && namespace != "":
			addf("streams: %q: only stndDefined has namespaces", key)
		}
	}
	if p.MaxEventBytes < 0 {
		addf("max_event_bytes: must not be negative")
	}
	return errors.Join(errs...)
}

const stndDefined = string(ves.DomainStndDefined)

// Speaks says whether the collector takes events of a version.
func (p *Profile) Speaks(v ves.Version) bool { return slices.Contains(p.Versions, v.String()) }

// Refuses says why the collector has no place for the events of a domain; refused is false
// where it has one. namespace is that of a stndDefined event, and empty for other domains;
// without one nothing is known of stndDefined but whether the collector has any.
func (p *Profile) Refuses(domain, namespace string) (why string, refused bool) {
	if !p.hasDomain(domain) {
		return fmt.Sprintf("%s is no domain of VES %s, and fails its schema", domain, strings.Join(p.Versions, ", ")), true
	}
	if p.Streams == nil {
		return "", false
	}
	key := domain
	if domain == stndDefined {
		if key += "/" + namespace; namespace == "" {
			for s := range p.Streams {
				if strings.HasPrefix(s, key) {
					return "", false
				}
			}
			return "it has no stream for any stndDefined namespace and answers 400 SVC2000", true
		}
	}
	switch topic, ok := p.Streams[key]; {
	case ok && topic != "":
		return "", false
	case ok:
		return fmt.Sprintf("it has a stream id for %s but no topic behind it, and answers 500", key), true
	case domain == stndDefined:
		return fmt.Sprintf("it has no stream for the namespace %q and answers 400 SVC2000", namespace), true
	case domain == string(ves.DomainPerf3gpp):
		return "it has no stream id for perf3gpp and answers 400 SVC2000; it is a domain of HV-VES", true
	}
	return fmt.Sprintf("it has no stream id for %s and answers 400 SVC2000", domain), true
}

func (p *Profile) hasDomain(domain string) bool {
	for _, s := range p.Versions {
		if v, err := ves.ParseVersion(s); err == nil && slices.Contains(ves.Domains(v), ves.Domain(domain)) {
			return true
		}
	}
	return false
}

// RefusesReference says why the collector refuses stndDefined events of a schemaReference.
func (p *Profile) RefusesReference(reference string) (why string, refused bool) {
	url, _, _ := strings.Cut(reference, "#")
	if p.SchemaMap == nil || reference == "" || slices.Contains(p.SchemaMap, url) {
		return "", false
	}
	return fmt.Sprintf("its schema map lacks %q, and it answers 400 SVC2004; the URL must be one of the map's to the letter", url), true
}
