package app

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/vesbridge/vesbridge/internal/config"
	"github.com/vesbridge/vesbridge/profiles"
	"github.com/vesbridge/vesbridge/schemas"
)

// Version is the version that the binary was built as.
func Version() string {
	if bi, ok := debug.ReadBuildInfo(); ok && bi.Main.Version != "" {
		return bi.Main.Version
	}
	return "(devel)"
}

// Profiles lists the shipped mappings.
func Profiles() []profiles.Info { return profiles.List() }

// Profile returns a shipped mapping's text.
func Profile(name string) ([]byte, error) { return profiles.Open(name) }

// VESSchema returns the JSON Schema of a VES version.
func VESSchema(version string) ([]byte, error) {
	text, ok := schemas.VES(version)
	if !ok {
		return nil, fmt.Errorf("no schema of VES %q: write one of %s", version, strings.Join(schemas.Versions(), ", "))
	}
	return text, nil
}

// ConfigSchema returns the JSON Schema of the configuration file.
func ConfigSchema() ([]byte, error) { return config.Schema() }
