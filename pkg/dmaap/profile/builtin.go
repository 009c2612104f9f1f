package profile

import (
	"maps"

	"github.com/vesbridge/vesbridge/pkg/dmaap"
)

// builtin are the profiles that come with the bridge, by name.
func builtin() map[string]*Profile {
	all := map[string]*Profile{}
	for _, p := range []*Profile{strictSpec(), onapOOM(), onapStandalone(), oranSMO()} {
		all[p.Name] = p
	}
	return all
}

func versions7() []string { return []string{"7.0.1", "7.1.1", "7.2", "7.2.1"} }

// onapVersions are those of collector.schema.file: v5 is judged by 28.4.1, v7 by 30.2.1.
func onapVersions() []string { return append([]string{"5.4.1"}, versions7()...) }

// strictSpec is VES 7.2.1 to the letter, of no collector in particular.
func strictSpec() *Profile {
	return &Profile{
		Name:          "strict-spec",
		Description:   "VES event listener 7.2.1 as its specification has it",
		Versions:      versions7(),
		MaxEventBytes: 2_000_000,
	}
}

// schemaMap is etc/externalRepo/schema-map.json of the ONAP collectors.
func schemaMap() []string {
	const release = "https://forge.3gpp.org/rep/sa5/MnS/blob/SA88-Rel16/OpenAPI/"
	return []string{release + "faultMnS.yaml", release + "heartbeatNtf.yaml", release + "PerDataFileReportMnS.yaml", release + "provMnS.yaml"}
}

// streams are the ONAP topics and, in place of what they have or lack, others.
func streams(others map[string]string) map[string]string {
	all := dmaap.ONAPTopics().Map()
	maps.Copy(all, others)
	return all
}

// onapMaxEventBytes is Kafka's max.request.size, beyond which the collector's bus refuses
// the event and the collector answers 500.
const onapMaxEventBytes = 1 << 20

// onapOOM is collector.dmaap.streamid and streams_publishes of the OOM chart
// dcae-ves-collector, collector 1.12.
func onapOOM() *Profile {
	return &Profile{
		Name:        "onap-oom",
		Description: "ONAP DCAE VES collector 1.12 as its OOM chart configures it",
		Versions:    onapVersions(),
		Streams: streams(map[string]string{
			"syslog":                 "",
			"stateChange":            "",
			"thresholdCrossingAlert": "",
			"mobileFlow":             "",
			"sipSignaling":           "",
			"voiceQuality":           "",
		}),
		SchemaMap:     schemaMap(),
		MaxEventBytes: onapMaxEventBytes,
	}
}

// onapStandalone is etc/collector.properties and etc/ves-dmaap-config.json of the
// collector's image. Its streamid lacks measurement, but the transformation, which is on,
// renames the domain before the stream is looked up.
func onapStandalone() *Profile {
	const dev = "DCAE-SE-COLLECTOR-EVENTS-DEV"
	return &Profile{
		Name:        "onap-standalone",
		Description: "ONAP DCAE VES collector 1.12 with the configuration inside its image",
		Versions:    onapVersions(),
		Streams: streams(map[string]string{
			"notification":           "",
			"syslog":                 dev,
			"stateChange":            dev,
			"thresholdCrossingAlert": dev,
			"mobileFlow":             dev,
			"sipSignaling":           dev,
			"voiceQuality":           dev,
		}),
		SchemaMap:     schemaMap(),
		MaxEventBytes: onapMaxEventBytes,
		Transform:     true,
	}
}

// oranSMO is the collector of O-RAN SC smo/ves (evel-test-collector, monitor.py): one topic
// for each domain, named after it; a schema of its own beside 30.2.1. It answers 202 to an
// eventList, and its store then looks for `event` and drops the whole list.
func oranSMO() *Profile {
	return &Profile{
		Name:        "oran-smo",
		Description: "VES collector of O-RAN SC smo/ves",
		Versions:    versions7(),
		NoBatch:     true,
	}
}
