package scrape

import (
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery/file"
	"go.yaml.in/yaml/v3"

	"github.com/vesbridge/vesbridge/internal/problem"
)

// Limits that hold for a job which sets none of its own (0 in Prometheus' configuration
// means none, here it means these). A target that exceeds one is down with the reason;
// to lift a limit, set a larger number.
const (
	DefaultBodySizeLimit         = 64 << 20 // bytes, uncompressed
	DefaultSampleLimit           = 250_000
	DefaultLabelLimit            = 256
	DefaultLabelNameLengthLimit  = 1 << 10
	DefaultLabelValueLengthLimit = 1 << 16
	DefaultTargetLimit           = 20_000
)

// Config is a checked scrape configuration. It is read-only.
type Config struct {
	prometheus *config.Config
}

// Job is what other parts need to know of a scrape job.
type Job struct {
	Name              string
	Interval, Timeout time.Duration
}

// Jobs lists the scrape jobs in the order of the file, those of scrape_config_files last.
func (c *Config) Jobs() []Job {
	out := make([]Job, 0, len(c.prometheus.ScrapeConfigs))
	for _, j := range c.prometheus.ScrapeConfigs {
		out = append(out, Job{Name: j.JobName, Interval: time.Duration(j.ScrapeInterval), Timeout: time.Duration(j.ScrapeTimeout)})
	}
	return out
}

// ScrapeInterval is global.scrape_interval.
func (c *Config) ScrapeInterval() time.Duration {
	return time.Duration(c.prometheus.GlobalConfig.ScrapeInterval)
}

// EvaluationInterval is global.evaluation_interval.
func (c *Config) EvaluationInterval() time.Duration {
	return time.Duration(c.prometheus.GlobalConfig.EvaluationInterval)
}

// ExternalLabels are global.external_labels.
func (c *Config) ExternalLabels() map[string]string {
	return c.prometheus.GlobalConfig.ExternalLabels.Map()
}

// RuleFiles are the rule_files patterns, relative ones made relative to the file.
func (c *Config) RuleFiles() []string { return slices.Clone(c.prometheus.RuleFiles) }

// ours are the top-level keys of Prometheus' language that the bridge uses.
var ours = []string{"global", "scrape_configs", "scrape_config_files", "rule_files"}

// ParseConfig checks text, Prometheus' YAML holding global, scrape_configs,
// scrape_config_files and rule_files, with Prometheus' own decoder, which is strict.
// filename names the file in problems, and relative paths are relative to it. The
// Config is nil where the list has errors.
//
// Prometheus stops at the first job that is wrong; here each job is checked by itself
// then, so that one run lists them all.
func ParseConfig(text []byte, filename string) (*Config, problem.List) {
	var list problem.List
	doc := outlineOf(text)
	for _, key := range slices.Sorted(maps.Keys(doc.keys)) {
		if !slices.Contains(ours, key) && isPrometheusKey(key) {
			list.Addf(filename, doc.keys[key], "remove it", "%s is Prometheus' own and not used by the bridge", key)
		}
	}
	cfg, err := config.Load(string(text), slog.New(slog.DiscardHandler))
	if err != nil {
		for _, p := range everyProblem(doc, filename, err) {
			if !slices.Contains(list, p) {
				list = append(list, p)
			}
		}
		list.Sort()
		return nil, list
	}
	cfg.SetDirectory(filepath.Dir(filename))
	jobs, err := cfg.GetScrapeConfigs()
	if err != nil {
		list.Addf(filename, doc.keys["scrape_config_files"], "", "%v", err)
		return nil, list
	}
	cfg.ScrapeConfigs, cfg.ScrapeConfigFiles = jobs, nil
	for _, j := range jobs {
		limit(j)
		checkFiles(&list, filename, doc.line(j.JobName), j)
		if len(j.ServiceDiscoveryConfigs) == 0 {
			list.Warnf(filename, doc.line(j.JobName), "add static_configs, file_sd_configs or another", "job %q has no targets", j.JobName)
		}
	}
	list.Sort()
	if list.Failed() {
		return nil, list
	}
	return &Config{prometheus: cfg}, list
}

// everyProblem finds all that is wrong with a configuration of which Prometheus told the
// first: what is wrong without any job, and then with each job alone.
func everyProblem(doc *outline, filename string, first error) problem.List {
	var common, out problem.List
	none := slog.New(slog.DiscardHandler)
	if _, err := config.Load(doc.only(-1), none); err != nil {
		explain(&common, doc, filename, 0, err)
	}
	out = append(out, common...)
	for i, j := range doc.jobs {
		var own problem.List
		if _, err := config.Load(doc.only(i), none); err != nil {
			explain(&own, doc, filename, j.first, err)
		}
		for _, p := range own {
			if !slices.ContainsFunc(common, func(c problem.Problem) bool { return c.Text == p.Text }) {
				out = append(out, p)
			}
		}
	}
	// What only shows with all jobs together, such as a name used twice.
	var all problem.List
	explain(&all, doc, filename, 0, first)
	// An anchor may be in a part that was blanked.
	out = slices.DeleteFunc(out, func(p problem.Problem) bool { return strings.Contains(p.Text, "unknown anchor") })
	for _, p := range all {
		if !slices.ContainsFunc(out, func(o problem.Problem) bool { return o.Text == p.Text }) {
			out = append(out, p)
		}
	}
	return out
}

// limit fills in the guard rails.
func limit(j *config.ScrapeConfig) {
	set := func(v *uint, d uint) {
		if *v == 0 {
			*v = d
		}
	}
	if j.BodySizeLimit == 0 {
		j.BodySizeLimit = DefaultBodySizeLimit
	}
	set(&j.SampleLimit, DefaultSampleLimit)
	set(&j.LabelLimit, DefaultLabelLimit)
	set(&j.LabelNameLengthLimit, DefaultLabelNameLengthLimit)
	set(&j.LabelValueLengthLimit, DefaultLabelValueLengthLimit)
	set(&j.TargetLimit, DefaultTargetLimit)
}

// isPrometheusKey reports whether key is a top-level key of Prometheus' configuration.
// Any other unknown key is the strict decoder's to tell.
func isPrometheusKey(key string) bool {
	t := reflect.TypeFor[config.Config]()
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ","); name == key {
			return true
		}
	}
	return false
}

var (
	lineOf = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)
	jobOf  = regexp.MustCompile(`job(?: name|_name)? "([^"]+)"`)
)

// explain turns an error of Prometheus' decoder into problems, one per line it names;
// line is where one belongs that names none.
func explain(list *problem.List, doc *outline, filename string, line int, err error) {
	unknown := line
	text := strings.TrimPrefix(err.Error(), "yaml: unmarshal errors:\n")
	for _, part := range strings.Split(text, "\n") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		line := unknown
		if m := lineOf.FindStringSubmatch(part); m != nil {
			line, _ = strconv.Atoi(m[1])
			part = m[2]
		} else if m := jobOf.FindStringSubmatch(part); m != nil {
			line = doc.line(m[1])
		}
		// A Go type's name says nothing to who wrote the file.
		part, _, _ = strings.Cut(part, " in type ")
		remedy := ""
		if strings.HasPrefix(part, "field ") && strings.HasSuffix(part, " not found") {
			remedy = "remove it or correct its name"
		}
		list.Addf(filename, line, remedy, "%s", strings.TrimPrefix(part, "yaml: "))
	}
}

// outline is where things are in a configuration file.
type outline struct {
	lines []string
	keys  map[string]int // top-level key → line
	jobs  []jobAt
}

type jobAt struct {
	name        string
	first, last int // lines, 1-based, inclusive
}

// outlineOf reads what it can; a text that is not YAML has an empty outline, and
// Prometheus' decoder says why.
func outlineOf(text []byte) *outline {
	o := &outline{lines: strings.Split(string(text), "\n"), keys: map[string]int{}}
	var root yaml.Node
	if yaml.Unmarshal(text, &root) != nil || len(root.Content) == 0 || root.Content[0].Kind != yaml.MappingNode {
		return o
	}
	top := root.Content[0].Content
	for i := 0; i+1 < len(top); i += 2 {
		o.keys[top[i].Value] = top[i].Line
		if top[i].Value != "scrape_configs" || top[i+1].Kind != yaml.SequenceNode {
			continue
		}
		end := len(o.lines)
		if i+2 < len(top) {
			end = top[i+2].Line - 1
		}
		items := top[i+1].Content
		for j, item := range items {
			at := jobAt{first: item.Line, last: end}
			if j+1 < len(items) {
				at.last = items[j+1].Line - 1
			}
			for k := 0; k+1 < len(item.Content); k += 2 {
				if item.Content[k].Value == "job_name" {
					at.name = item.Content[k+1].Value
				}
			}
			o.jobs = append(o.jobs, at)
		}
	}
	return o
}

// line returns the line of the last job of that name, 0 where there is none. (Of two
// with one name the later is the one too many.)
func (o *outline) line(job string) int {
	for _, j := range slices.Backward(o.jobs) {
		if j.name == job {
			return j.first
		}
	}
	return 0
}

// only returns the text with all jobs blanked but one (-1: all), line numbers kept.
func (o *outline) only(job int) string {
	lines := slices.Clone(o.lines)
	for i, j := range o.jobs {
		if i == job {
			continue
		}
		for n := j.first; n <= j.last && n <= len(lines); n++ {
			lines[n-1] = ""
		}
	}
	return strings.Join(lines, "\n")
}

// checkFiles warns of files that a job names and that are not there (yet).
func checkFiles(list *problem.List, filename string, line int, j *config.ScrapeConfig) {
	missing := func(what, path string) {
		if path == "" {
			return
		}
		if _, err := os.Stat(path); err != nil {
			list.Warnf(filename, line, "create it or correct the path", "job %q: %s %q: %v", j.JobName, what, path, rootCause(err))
		}
	}
	c := j.HTTPClientConfig
	missing("tls_config.ca_file", c.TLSConfig.CAFile)
	missing("tls_config.cert_file", c.TLSConfig.CertFile)
	missing("tls_config.key_file", c.TLSConfig.KeyFile)
	missing("bearer_token_file", c.BearerTokenFile)
	if c.BasicAuth != nil {
		missing("basic_auth.username_file", c.BasicAuth.UsernameFile)
		missing("basic_auth.password_file", c.BasicAuth.PasswordFile)
	}
	if c.Authorization != nil {
		missing("authorization.credentials_file", c.Authorization.CredentialsFile)
	}
	if c.OAuth2 != nil {
		missing("oauth2.client_secret_file", c.OAuth2.ClientSecretFile)
	}
	if c.HTTPHeaders != nil {
		for _, name := range slices.Sorted(maps.Keys(c.HTTPHeaders.Headers)) {
			for _, f := range c.HTTPHeaders.Headers[name].Files {
				missing("http_headers."+name, f)
			}
		}
	}
	for _, sd := range j.ServiceDiscoveryConfigs {
		f, ok := sd.(*file.SDConfig)
		if !ok {
			continue
		}
		for _, pattern := range f.Files {
			if found, err := filepath.Glob(pattern); err == nil && len(found) == 0 {
				list.Warnf(filename, line, "create one or correct the pattern", "job %q: file_sd_configs: no file matches %q", j.JobName, pattern)
			}
		}
	}
}

func rootCause(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}
