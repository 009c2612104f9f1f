// Package config is the YAML tree of `bridge run`: it assembles the Config of each
// package, reads every file that the tree names, and reports all problems of all of them
// in one run, each with file, line and remedy.
//
// scrape_configs and Prometheus' own keys of global are parsed by Prometheus' libraries,
// through pkg/scrape; everything else is strict: an unknown key is a problem.
package config

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/vesbridge/vesbridge/internal/problem"
	"github.com/vesbridge/vesbridge/pkg/dmaap"
	"github.com/vesbridge/vesbridge/pkg/dmaap/kafka"
	"github.com/vesbridge/vesbridge/pkg/dmaap/messagerouter"
	"github.com/vesbridge/vesbridge/pkg/dmaap/profile"
	"github.com/vesbridge/vesbridge/pkg/dmaap/stnddefined"
	"github.com/vesbridge/vesbridge/pkg/dmaap/vescollector"
	"github.com/vesbridge/vesbridge/pkg/scrape"
	"github.com/vesbridge/vesbridge/pkg/ves"
)

// Defaults that R-460012 / R-940591 and DESIGN.md name.
const (
	DefaultMeasurementInterval = 300 * time.Second
	DefaultHeartbeatInterval   = 60 * time.Second
	DefaultListen              = "127.0.0.1:9273"
	DefaultStorageDir          = "data"
	DefaultRetention           = time.Hour
)

// Config is one configuration file, read and checked. It is immutable.
type Config struct {
	Path         string
	Global       Global
	Scrape       *scrape.Config
	Mappings     []Named // in file order
	Identity     *Named  // nil where the configuration names none
	Destinations []Destination
	Routes       []dmaap.Route
	Outbox       Outbox
	Storage      Storage
	Web          Web
}

// Values of global.ves_header_versions: the newest pair of versions, or the one that is in
// the enum of every 7.x schema.
const (
	HeaderVersionsLatest = "latest"
	HeaderVersionsWidest = "widest"
)

// ProfilePrefix marks the Path of a shipped profile.
const ProfilePrefix = "profile:"

// Named is a file that the configuration names, with its content and the line where it
// is named. For a shipped profile, Path is "profile:NAME".
type Named struct {
	Path string
	Line int
	Text []byte
}

// Global holds the bridge's own keys of the global section.
type Global struct {
	VESVersion          ves.Version
	HeaderVersions      string // "latest" or "widest", see ves.
	MeasurementInterval time.Duration
	HeartbeatInterval   time.Duration
	ReportingEntityName string
	ReportingEntityID   string
	// SeveralEventNames lets one source send measurements of more than one eventName in an
	// interval, against R-146931.
	SeveralEventNames bool
}

// Destination is one entry of destinations: a name and exactly one kind.
type Destination struct {
	Name  string                `yaml:"name"`
	VES   *vescollector.Config  `yaml:"ves,omitempty"`
	Kafka *kafka.Config         `yaml:"kafka,omitempty"`
	DMaaP *messagerouter.Config `yaml:"dmaap,omitempty"`

	Line int `yaml:"-"`
}

// Router compiles the routes over the destinations. A Config that Load returned has no
// mistake in them.
func (c *Config) Router() (*dmaap.Router, error) {
	names := make([]string, len(c.Destinations))
	for i, d := range c.Destinations {
		names[i] = d.Name
	}
	return dmaap.NewRouter(c.Routes, names)
}

// kind is a destination's kind as the configuration names it, with its settings.
type kind struct {
	name     string
	settings dmaap.Settings
}

// kinds are the kinds that the entry gives: exactly one in a Config that Load returned.
// What tells kinds apart is here and in the fields above; all else asks dmaap.Settings.
func (d *Destination) kinds() []kind {
	var out []kind
	if d.VES != nil {
		out = append(out, kind{"ves", d.VES})
	}
	if d.Kafka != nil {
		out = append(out, kind{"kafka", d.Kafka})
	}
	if d.DMaaP != nil {
		out = append(out, kind{"dmaap", d.DMaaP})
	}
	return out
}

// Kind names the destination's kind as the configuration does; "" where there is none.
func (d *Destination) Kind() string {
	if ks := d.kinds(); len(ks) > 0 {
		return ks[0].name
	}
	return ""
}

// Settings is the configuration of the destination's kind; nil where there is none.
func (d *Destination) Settings() dmaap.Settings {
	if ks := d.kinds(); len(ks) > 0 {
		return ks[0].settings
	}
	return nil
}

// Outbox bounds what is kept for a destination that is down.
type Outbox struct {
	MaxRecords int   // per destination
	MaxBytes   int64 // per destination, of encoded events
}

// Storage is the short-window series store.
type Storage struct {
	Dir       string // absolute, or relative to the working directory
	Retention time.Duration
}

// Web is the listener for pages, API, metrics and probes.
type Web struct {
	Listen        string `yaml:"listen"`
	WebConfigFile string `yaml:"web_config_file"`
}

// tree is the file as YAML sees it. Sections of Prometheus stay nodes.
type tree struct {
	Global        globalTree    `yaml:"global"`
	ScrapeConfigs yaml.Node     `yaml:"scrape_configs"`
	Mappings      []string      `yaml:"mappings"`
	Identity      string        `yaml:"identity"`
	Destinations  []Destination `yaml:"destinations"`
	Routes        []dmaap.Route `yaml:"routes"`
	Outbox        outboxTree    `yaml:"outbox"`
	Storage       storageTree   `yaml:"storage"`
	Web           Web           `yaml:"web"`
}

// globalTree has our keys; whatever else is there is Prometheus' to judge.
type globalTree struct {
	VESVersion                 string         `yaml:"ves_version"`
	HeaderVersions             string         `yaml:"ves_header_versions"`
	MeasurementInterval        model.Duration `yaml:"measurement_interval"`
	MeasurementIntervalSeconds int            `yaml:"ves_measurement_interval_seconds"`
	HeartbeatInterval          model.Duration `yaml:"heartbeat_interval"`
	HeartbeatIntervalSeconds   int            `yaml:"ves_heartbeat_interval_seconds"`
	ReportingEntityName        string         `yaml:"reporting_entity_name"`
	ReportingEntityID          string         `yaml:"reporting_entity_id"`
	SeveralEventNames          bool           `yaml:"allow_several_event_names"`
	Prometheus                 map[string]any `yaml:",inline"`
}

type outboxTree struct {
	MaxRecords int    `yaml:"max_records"`
	MaxBytes   string `yaml:"max_bytes"`
}

type storageTree struct {
	Dir       string         `yaml:"dir"`
	Retention model.Duration `yaml:"retention"`
}

// later are keys of the configuration language that this version does not serve yet.
// Taking them in silence would be a silent gap.
var later = map[string]string{
	"receivers":  "trace and log receivers are not part of this version: remove the section",
	"rule_files": "alerting rules are not part of this version: remove the section",
	"engine":     "only the embedded engine is part of this version: remove the section",
}

// Load reads path and all that it names. The Config is nil where a problem is more than
// a warning. It touches the file system only.
func Load(path string) (*Config, problem.List) { return usable(Read(path)) }

// Read is Load that also hands out what a wrong file could be read as, so that what it
// names can be looked at in the same run. Such a Config is not for use: parts of it are
// missing, Scrape may be nil. It is nil where nothing could be read.
func Read(path string) (*Config, problem.List) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, problem.List{{File: path, Text: fmt.Sprintf("reading the configuration: %v", unwrapPath(err)), Remedy: "name a readable file with --config"}}
	}
	return parse(path, text)
}

// Parse is Load for a text that is at hand; files that it names are relative to path's
// folder.
func Parse(path string, text []byte) (*Config, problem.List) { return usable(parse(path, text)) }

func parse(path string, text []byte) (*Config, problem.List) {
	l := loader{path: path, dir: filepath.Dir(path), text: text}
	cfg := l.load()
	l.problems.Sort()
	return cfg, l.problems
}

func usable(cfg *Config, problems problem.List) (*Config, problem.List) {
	if problems.Failed() {
		return nil, problems
	}
	return cfg, problems
}

// Files are path and the files that the bridge's own keys of it name now, whatever else is
// wrong with it: those whose change makes another configuration.
func Files(path string) []string {
	files := []string{path}
	text, err := os.ReadFile(path)
	if err != nil {
		return files
	}
	var t struct {
		Mappings     []string `yaml:"mappings"`
		Identity     string   `yaml:"identity"`
		Destinations []struct {
			VES struct {
				Profile string `yaml:"profile"`
				Schemas string `yaml:"schemas"`
			} `yaml:"ves"`
		} `yaml:"destinations"`
	}
	_ = yaml.Unmarshal(text, &t) // what could be read is there all the same
	l := loader{dir: filepath.Dir(path)}
	for _, m := range t.Mappings {
		if !isProfile(m) {
			files = append(files, l.abs(m))
		}
	}
	if t.Identity != "" {
		files = append(files, l.abs(t.Identity))
	}
	for _, d := range t.Destinations {
		if profile.IsPath(d.VES.Profile) {
			files = append(files, l.abs(d.VES.Profile))
		}
		if d.VES.Schemas != "" {
			files = append(files, l.abs(filepath.Join(d.VES.Schemas, stnddefined.MapFile)))
		}
	}
	return files
}

// build turns the decoded tree into a Config and checks what YAML cannot.
func (l *loader) build(t *tree) *Config {
	c := &Config{Path: l.path, Routes: t.Routes, Destinations: t.Destinations, Web: t.Web}
	c.Global = l.global(&t.Global)
	c.Scrape = l.scrapeConfigs()
	c.Mappings = l.mappings(t.Mappings)
	if t.Identity != "" {
		c.Identity = l.named(t.Identity, l.line("identity"))
	}
	l.destinations(c.Destinations)
	l.routes(c)
	c.Outbox = l.outbox(&t.Outbox)
	c.Storage = Storage{
		Dir:       cmp.Or(t.Storage.Dir, DefaultStorageDir),
		Retention: cmp.Or(time.Duration(t.Storage.Retention), DefaultRetention),
	}
	if c.Storage.Retention < c.Global.MeasurementInterval*2 {
		l.problems.Addf(l.path, l.line("storage", "retention"),
			"raise storage.retention, or lower measurement_interval",
			"retention %s is shorter than two measurement intervals of %s", model.Duration(c.Storage.Retention), model.Duration(c.Global.MeasurementInterval))
	}
	c.Web.Listen = cmp.Or(c.Web.Listen, DefaultListen)
	if _, _, err := net.SplitHostPort(c.Web.Listen); err != nil {
		l.problems.Addf(l.path, l.line("web", "listen"), "write host:port, such as "+DefaultListen, "web.listen %q: %v", c.Web.Listen, err)
	}
	if f := c.Web.WebConfigFile; f != "" {
		c.Web.WebConfigFile = l.abs(f)
		if _, err := os.Stat(c.Web.WebConfigFile); err != nil {
			l.problems.Addf(l.path, l.line("web", "web_config_file"), "write the path of an exporter-toolkit web configuration", "web_config_file %q: %v", f, unwrapPath(err))
		}
	}
	return c
}
