// Package schemas holds the JSON Schemas (draft-04) of the VES versions, generated from the
// model of pkg/ves and proven equivalent to ONAP's CommonEventFormat schemas by its tests.
package schemas

import (
	"embed"
	"slices"
	"strings"
)

//go:embed ves-*.json
var files embed.FS

// VES returns the schema of a VES version such as "7.2.1"; false where there is none. The
// caller owns the bytes.
func VES(version string) ([]byte, bool) {
	b, err := files.ReadFile("ves-" + version + ".json")
	return b, err == nil
}

// Versions lists the VES versions that have a schema, oldest first.
func Versions() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil
	}
	var vs []string
	for _, e := range entries {
		vs = append(vs, strings.TrimSuffix(strings.TrimPrefix(e.Name(), "ves-"), ".json"))
	}
	slices.Sort(vs)
	return vs
}
