// Package profiles holds the mappings that the bridge ships, embedded: what a mesh's
// sidecars and a host's exporter tell, as VES measurements.
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

	"go.yaml.in/yaml/v3"
)

//go:embed *.yaml
var files embed.FS

// ErrUnknown is wrapped by the error of Open where no profile has the name.
var ErrUnknown = errors.New("unknown profile")

// Info says what one profile is for.
type Info struct {
	// Name is what a configuration calls it: the file's name without its ending.
	Name string
	// Description is one sentence, the file's own.
	Description string
	// Plane is the software whose metrics it maps.
	Plane string
	// Vantage says from where the numbers are seen, since a mesh counts one request at
	// several places.
	Vantage string
	// Settings is what its exporter must be set to, one line each, the file's own; empty
	// where the exporter's defaults suffice.
	Settings []string
}

// List returns the shipped profiles, by name. The slice is the caller's.
func List() []Info {
	list := []Info{
		{
			Name:  "envoy",
			Plane: "Envoy 1.20 and later, alone or as the sidecar of Istio, Consul or Kuma",
			Vantage: "The source's totals are what the proxy serves: its inbound listeners where it has any, all its listeners where it has none (gateways). " +
				"Listeners and upstream clusters are also told one by one, and never added to those.",
		},
		{
			Name:    "node",
			Plane:   "Prometheus node_exporter 1.0 and later on Linux",
			Vantage: "The host's kernel. Interfaces and disks are the physical ones: loopback, veth, ifb, zram and the like are left out.",
		},
	}
	for i := range list {
		list[i].describe()
	}
	return list
}

// describe reads what the file says of itself. Every embedded file is proven to be valid,
// so there is nothing to report.
func (p *Info) describe() {
	text, err := Open(p.Name)
	if err != nil {
		return
	}
	var own struct {
		Description string   `yaml:"description"`
		Settings    []string `yaml:"settings"`
	}
	if yaml.Unmarshal(text, &own) == nil {
		p.Description, p.Settings = own.Description, own.Settings
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
