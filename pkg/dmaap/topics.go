package dmaap

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Topics says which topic the events of a domain go to. In a configuration it is the
// name of a preset (`topics: onap`) or a map from a domain, `stndDefined/NAMESPACE` or
// `default` to a topic. The zero value knows no topic.
type Topics struct {
	preset string
	byKey  map[string]string
}

// onapTopics are the topics of the ONAP OOM VES collector, by its
// ves_application_config.yaml. Domains that are missing have no stream there.
func onapTopics() map[string]string {
	return map[string]string{
		"fault":                                 "unauthenticated.SEC_FAULT_OUTPUT",
		"measurement":                           "unauthenticated.VES_MEASUREMENT_OUTPUT",
		"measurementsForVfScaling":              "unauthenticated.VES_MEASUREMENT_OUTPUT",
		"heartbeat":                             "unauthenticated.SEC_HEARTBEAT_OUTPUT",
		"other":                                 "unauthenticated.SEC_OTHER_OUTPUT",
		"notification":                          "unauthenticated.VES_NOTIFICATION_OUTPUT",
		"pnfRegistration":                       "unauthenticated.VES_PNFREG_OUTPUT",
		"stndDefined/3GPP-FaultSupervision":     "unauthenticated.SEC_3GPP_FAULTSUPERVISION_OUTPUT",
		"stndDefined/3GPP-Provisioning":         "unauthenticated.SEC_3GPP_PROVISIONING_OUTPUT",
		"stndDefined/3GPP-Heartbeat":            "unauthenticated.SEC_3GPP_HEARTBEAT_OUTPUT",
		"stndDefined/3GPP-PerformanceAssurance": "unauthenticated.SEC_3GPP_PERFORMANCEASSURANCE_OUTPUT",
	}
}

// ONAPTopics is the preset `onap`.
func ONAPTopics() Topics { return Topics{preset: "onap", byKey: onapTopics()} }

// Map returns the topics by key, as in a configuration. The caller owns it.
func (t Topics) Map() map[string]string { return maps.Clone(t.byKey) }

// TopicMap makes Topics of a map as in the configuration.
func TopicMap(byKey map[string]string) Topics { return Topics{byKey: maps.Clone(byKey)} }

// Topic returns the topic of a domain, and of a namespace where the domain is
// stndDefined. false means that there is none: such an event cannot be delivered.
func (t Topics) Topic(domain, namespace string) (string, bool) {
	if domain == "stndDefined" && namespace != "" {
		if topic, ok := t.byKey[domain+"/"+namespace]; ok {
			return topic, true
		}
	}
	if topic, ok := t.byKey[domain]; ok {
		return topic, true
	}
	topic, ok := t.byKey["default"]
	return topic, ok
}

// Undeliverable says why events of a domain have no topic; refused is false where they have
// one.
func (t Topics) Undeliverable(domain, namespace string) (why string, refused bool) {
	if _, ok := t.Topic(domain, namespace); ok {
		return "", false
	}
	return fmt.Sprintf("topics have no entry for %s and no default", strings.TrimSuffix(domain+"/"+namespace, "/")), true
}

// IsZero says that nothing was configured.
func (t Topics) IsZero() bool { return len(t.byKey) == 0 }

// All lists the distinct topics, sorted.
func (t Topics) All() []string {
	all := slices.Sorted(maps.Values(t.byKey))
	return slices.Compact(all)
}

// Validate says what is wrong with a map of topics.
func (t Topics) Validate() error {
	if t.IsZero() {
		return errors.New(`topics: none given; say "topics: onap" or a map from domains to topics`)
	}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(t.byKey)) {
		if t.byKey[key] == "" {
			errs = append(errs, fmt.Errorf("topics: %q has an empty topic", key))
		}
		domain := key
		if len(key) > len("stndDefined/") && key[:len("stndDefined/")] == "stndDefined/" {
			domain = "stndDefined"
		}
		if key != "default" && !slices.Contains(domains(), domain) {
			errs = append(errs, fmt.Errorf(`topics: %q is no VES domain; keys are VES domains, "stndDefined/NAMESPACE" or "default"`, key))
		}
	}
	return errors.Join(errs...)
}

// UnmarshalYAML takes a preset's name or a map.
func (t *Topics) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		if n.Value != "onap" {
			*t = ONAPTopics() // so that Validate does not call it missing as well
			// A TypeError lets the decoder go on, so that all mistakes of a file are told.
			return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: topics: no preset %q; there is \"onap\"", n.Line, n.Value)}}
		}
		*t = ONAPTopics()
		return nil
	}
	var m map[string]string
	if err := n.Decode(&m); err != nil {
		return err
	}
	*t = TopicMap(m)
	return nil
}

// MarshalYAML writes what UnmarshalYAML reads.
func (t Topics) MarshalYAML() (any, error) {
	if t.preset != "" {
		return t.preset, nil
	}
	return t.byKey, nil
}

// domains are the VES domains of 7.2.1 and 5.4.1.
func domains() []string {
	return []string{
		"fault", "heartbeat", "measurement", "measurementsForVfScaling", "mobileFlow", "notification", "other", "perf3gpp",
		"pnfRegistration", "sipSignaling", "stateChange", "stndDefined", "syslog", "thresholdCrossingAlert", "voiceQuality",
	}
}
