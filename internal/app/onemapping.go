package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/vesbridge/vesbridge/internal/config"
	"github.com/vesbridge/vesbridge/internal/problem"
	"github.com/vesbridge/vesbridge/pkg/mapping"
)

// oneMapping is a mapping that a command names, and the configuration beside it.
type oneMapping struct {
	cfg    *config.Config // nil where the command names none
	source mapping.Source
}

// findMapping reads configFile, where it is not empty, and finds the mapping: of the
// configuration, a shipped profile, or a file. The problems are the configuration's warnings.
func findMapping(configFile, name string) (oneMapping, problem.List, error) {
	var one oneMapping
	var problems problem.List
	if configFile != "" {
		if one.cfg, problems = config.Load(configFile); one.cfg == nil {
			return one, nil, told(problems)
		}
		for _, m := range one.cfg.Mappings {
			base := strings.TrimSuffix(filepath.Base(m.Path), filepath.Ext(m.Path))
			if m.Path == name || m.Path == config.ProfilePrefix+name || base == name {
				one.source = mapping.Source{Name: m.Path, Text: m.Text}
				return one, problems, nil
			}
		}
	}
	if text, err := Profile(name); err == nil {
		one.source = mapping.Source{Name: config.ProfilePrefix + name, Text: text}
		return one, problems, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return one, nil, fmt.Errorf("--mapping %q is no shipped profile (see `bridge profiles list`), no mapping of the configuration and no readable file", name)
	}
	one.source = mapping.Source{Name: name, Text: text}
	return one, problems, nil
}

// compile loads the mapping with the identity table of the configuration.
func (m *oneMapping) compile(o mapping.LoadOptions) (*mapping.Set, problem.List) {
	return compileSources(m.cfg, []mapping.Source{m.source}, o)
}
