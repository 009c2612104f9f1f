// Package profiles holds the mappings that the bridge ships, embedded: what a mesh's
// sidecars and a node's exporter tell, as VES measurements.
//
// A profile is an ordinary mapping file (docs/mapping-guide.md). A configuration names it
// without a path, `mappings: [envoy, node]`; `bridge profiles show NAME` prints it, as the
// start of one's own. What each number was proven against stands in the tests beside it.
package profiles

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// ErrUnknown is wrapped by the error of Open where no profile has the name.
var ErrUnknown = errors.New("unknown profile")

// Info says what one profile is for.
type Info struct {
	// Name is what a configuration calls it: the file's name without its ending.
	Name string
	// Plane is the software whose metrics it maps.
	Plane string
	// Description is one sentence.
	Description string
	// Vantage says from where the numbers are seen, since a mesh counts one request at
	// several places.
	Vantage string
	// Settings is what its exporter must be set to, one line each; empty where the
	// exporter's defaults suffice.
	Settings []string
}

// List returns the shipped profiles, by name. The slice is the caller's.
func List() []Info {
	return []Info{
		{
			Name:        "envoy",
			Plane:       "Envoy 1.20 and later, alone or as Istio's, Consul's or Kuma's sidecar",
			Description: "Golden signals, upstream clusters, resilience, mutual TLS and life of an Envoy proxy.",
			Vantage: "Source totals are what the proxy serves: its inbound listeners where it has any, all its listeners where it has none (gateways). " +
				"Upstream clusters are told one by one and never added to those.",
			Settings: []string{
				"Scrape /stats/prometheus of the admin port (or of Istio's :15090).",
				"Do not use ?usedonly with sidecars that have both inbound and outbound listeners: a listener that was not used yet cannot be told from one that is not there.",
				"Istio exposes few statistics by default: list the ones below in proxyStatsMatcher or sidecar.istio.io/statsInclusionRegexps.",
				"Istio: scrape each proxy once; the ports 15020 and 15090 tell the same numbers.",
				"Per endpoint numbers need the cluster's track_cluster_stats.per_endpoint_stats; circuit breaker headroom needs track_remaining; cpuUsageArray needs the overload manager's cpu_utilization monitor.",
			},
		},
		{
			Name:        "node",
			Plane:       "Prometheus node_exporter 1.0 and later on Linux",
			Description: "CPUs, memory, network interfaces, disks, filesystems, load and processes of one host.",
			Vantage:     "The host's kernel. Interfaces and disks are the physical ones: loopback, veth, ifb, zram and the like are left out.",
			Settings: []string{
				"--collector.processes for process states other than running and blocked.",
				"filesystemUsageArray needs the I/O operations of the very device that holds the filesystem: let --collector.diskstats.device-exclude keep partitions where filesystems live on them.",
			},
		},
	}
}

// Open returns the text of a profile. The bytes are the caller's.
func Open(name string) ([]byte, error) {
	text, err := files.ReadFile(name + ".yaml")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return nil, fmt.Errorf("opening profile %q: %w; there are %s", name, ErrUnknown, strings.Join(names(), ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("opening profile %q: %w", name, err)
	}
	return text, nil
}

// names lists the embedded files by name.
func names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil // cannot be: the root of an embedded file system is there
	}
	var out []string
	for _, e := range entries {
		out = append(out, strings.TrimSuffix(e.Name(), path.Ext(e.Name())))
	}
	return out
}
