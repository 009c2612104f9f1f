package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/units"
	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/vesbridge/vesbridge/internal/problem"
	"github.com/vesbridge/vesbridge/pkg/dmaap/profile"
	"github.com/vesbridge/vesbridge/pkg/dmaap/stnddefined"
	"github.com/vesbridge/vesbridge/pkg/scrape"
	"github.com/vesbridge/vesbridge/pkg/ves"
	"github.com/vesbridge/vesbridge/profiles"
)

// loader reads one configuration. It collects problems instead of stopping at the first.
type loader struct {
	path, dir string
	text      []byte
	root      *yaml.Node // the top mapping; nil until parsed
	problems  problem.List
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)`)
var unknownField = regexp.MustCompile(`field (\S+) not found in type \S+`)
var wrongType = regexp.MustCompile("cannot unmarshal !!(\\w+) (`.*` )?into (\\S+)")

func (l *loader) load() *Config {
	var doc yaml.Node
	if err := yaml.Unmarshal(l.text, &doc); err != nil {
		l.yamlProblem(err)
		return nil
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		l.problems.Addf(l.path, max(doc.Line, 1), "start from the example in the README", "the file holds no configuration")
		return nil
	}
	l.root = doc.Content[0]
	l.laterKeys()

	var t tree
	dec := yaml.NewDecoder(bytes.NewReader(l.text))
	dec.KnownFields(true)
	if err := dec.Decode(&t); err != nil {
		l.yamlProblem(err)
		// What could be decoded is checked all the same: all problems in one run.
		var te *yaml.TypeError
		if !errors.As(err, &te) {
			return nil
		}
	}
	return l.build(&t)
}

// laterKeys reports keys of the language that this version does not serve.
func (l *loader) laterKeys() {
	for i := 0; i+1 < len(l.root.Content); i += 2 {
		k := l.root.Content[i]
		if why, ok := later[k.Value]; ok {
			l.problems.Addf(l.path, k.Line, why, "%s is not supported", k.Value)
		}
	}
}

// yamlProblem turns a YAML library's error into problems in our words.
func (l *loader) yamlProblem(err error) {
	var te *yaml.TypeError
	msgs := []string{err.Error()}
	if errors.As(err, &te) {
		msgs = te.Errors
	}
	for _, m := range msgs {
		line, text, remedy := 0, m, ""
		if g := yamlLine.FindStringSubmatch(m); g != nil {
			line, _ = strconv.Atoi(g[1])
			text = g[2]
		}
		if g := unknownField.FindStringSubmatch(text); g != nil {
			if _, ok := later[g[1]]; ok {
				continue // told by laterKeys
			}
			text, remedy = fmt.Sprintf("unknown key %q", g[1]), "correct or remove it; `bridge schema config` lists the keys"
		} else if g := wrongType.FindStringSubmatch(text); g != nil {
			value := ""
			if want := goKind(g[3]); want == "a whole number" || want == "true or false" {
				value = " " + strings.TrimSpace(g[2]) // elsewhere it may be a password in the wrong place
			}
			text, remedy = fmt.Sprintf("a %s%s stands where %s is wanted", yamlKind(g[1]), strings.TrimRight(value, " "), goKind(g[3])), "correct the value's type"
		}
		l.problems.Addf(l.path, line, remedy, "%s", strings.TrimPrefix(text, "yaml: "))
	}
}

func yamlKind(tag string) string {
	return cmp.Or(map[string]string{"str": "text", "seq": "list", "map": "mapping", "int": "whole number", "float": "number", "bool": "boolean"}[tag], tag)
}

func goKind(t string) string {
	switch {
	case strings.HasPrefix(t, "[]"):
		return "a list"
	case t == "int" || t == "int64":
		return "a whole number"
	case t == "bool":
		return "true or false"
	case t == "string":
		return "text"
	}
	return "a mapping"
}

// line finds the line of the key at path in the root mapping, or of its nearest parent.
func (l *loader) line(path ...string) int {
	n, at := l.root, 1
	for _, key := range path {
		v, line := child(n, key)
		if v == nil {
			return at
		}
		n, at = v, line
	}
	return at
}

// child returns the value of key in mapping n and the key's line.
func child(n *yaml.Node, key string) (*yaml.Node, int) {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, 0
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1], n.Content[i].Line
		}
	}
	return nil, 0
}

// item returns the i-th element of the list at key and its line.
func (l *loader) item(key string, i int) (*yaml.Node, int) {
	v, line := child(l.root, key)
	if v == nil || v.Kind != yaml.SequenceNode || i >= len(v.Content) {
		return nil, line
	}
	return v.Content[i], v.Content[i].Line
}

func (l *loader) abs(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(l.dir, p)
}

func (l *loader) global(t *globalTree) Global {
	g := Global{
		VESVersion:          ves.V7_2_1,
		HeaderVersions:      cmp.Or(t.HeaderVersions, HeaderVersionsLatest),
		ReportingEntityName: t.ReportingEntityName,
		ReportingEntityID:   t.ReportingEntityID,
		SeveralEventNames:   t.SeveralEventNames,
	}
	if t.VESVersion != "" && t.VESVersion != "7.2.1" {
		l.problems.Addf(l.path, l.line("global", "ves_version"), "write 7.2.1, which events are built in; a collector of another version takes ves_version at its destination", "ves_version %q is not supported", t.VESVersion)
	}
	if g.HeaderVersions != HeaderVersionsLatest && g.HeaderVersions != HeaderVersionsWidest {
		l.problems.Addf(l.path, l.line("global", "ves_header_versions"), `write latest ("4.1", "7.2.1") or widest ("4.0.1", "7.0.1", in the enum of every 7.x schema)`, "ves_header_versions %q is unknown", g.HeaderVersions)
	}
	g.MeasurementInterval = l.interval("measurement", time.Duration(t.MeasurementInterval), t.MeasurementIntervalSeconds, DefaultMeasurementInterval)
	g.HeartbeatInterval = l.interval("heartbeat", time.Duration(t.HeartbeatInterval), t.HeartbeatIntervalSeconds, DefaultHeartbeatInterval)
	if g.ReportingEntityName == "" {
		host, err := os.Hostname()
		if err != nil {
			l.problems.Addf(l.path, l.line("global"), "set reporting_entity_name", "the host has no name to report with: %v", err)
		}
		g.ReportingEntityName = host
	}
	return g
}

// interval settles the two spellings of one interval (R-460012).
func (l *loader) interval(what string, d time.Duration, seconds int, def time.Duration) time.Duration {
	long := "ves_" + what + "_interval_seconds"
	switch {
	case d != 0 && seconds != 0:
		l.problems.Addf(l.path, l.line("global", long), "keep one of them", "%s_interval and %s are both set", what, long)
	case seconds != 0:
		d = time.Duration(seconds) * time.Second
	}
	d = cmp.Or(d, def)
	if d < time.Second || d > 24*time.Hour || d%time.Second != 0 {
		l.problems.Addf(l.path, l.line("global", what+"_interval"), "write whole seconds between 1s and 24h", "%s interval %s cannot be kept", what, model.Duration(d))
		return def
	}
	return d
}

// ownGlobalKeys are the keys of global that are not Prometheus'.
var ownGlobalKeys = []string{
	"ves_version", "ves_header_versions", "measurement_interval", "ves_measurement_interval_seconds",
	"heartbeat_interval", "ves_heartbeat_interval_seconds", "reporting_entity_name", "reporting_entity_id", "allow_several_event_names",
}

// scrapeConfigs hands Prometheus' part of the file to Prometheus' own parser, with every
// other line blanked, so that the lines it names are the lines of the file.
func (l *loader) scrapeConfigs() *scrape.Config {
	text, exact := l.prometheusText()
	c, ps := scrape.ParseConfig(text, l.path)
	for i := range ps {
		if !exact { // the lines are those of another text; a wrong one is worse than a near one
			ps[i].Line = l.line("scrape_configs")
		}
	}
	l.problems = append(l.problems, ps...)
	if c != nil && len(c.ExternalLabels()) > 0 {
		l.problems.Warnf(l.path, l.line("global", "external_labels"), "set the labels on the targets, by static_configs or relabelling", "external_labels have no effect: nothing is sent as series")
	}
	return c
}

// prometheusText is Prometheus' part of the file; exact says that its lines are the file's.
func (l *loader) prometheusText() (text []byte, exact bool) {
	global, _ := child(l.root, "global")
	jobs, _ := child(l.root, "scrape_configs")
	if l.root.Style&yaml.FlowStyle != 0 || hasAlias(global) || hasAlias(jobs) {
		return l.prometheusRemarshalled(global, jobs), false
	}
	var oneLine []byte // global, where it cannot be cut out by lines
	if global != nil && global.Style&yaml.FlowStyle != 0 {
		var m map[string]any
		if err := global.Decode(&m); err != nil {
			return l.prometheusRemarshalled(global, jobs), false
		}
		for _, k := range ownGlobalKeys {
			delete(m, k)
		}
		var err error
		if oneLine, err = json.Marshal(m); err != nil { // JSON is YAML on one line
			return l.prometheusRemarshalled(global, jobs), false
		}
	}
	lines := bytes.SplitAfter(l.text, []byte("\n"))
	keep := make([]bool, len(lines)+1)
	mark := func(n *yaml.Node, key string, to bool, end int) {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value != key {
				continue
			}
			last := end
			if i+2 < len(n.Content) {
				last = n.Content[i+2].Line
			}
			for j := n.Content[i].Line; j < last && j < len(keep); j++ {
				keep[j] = to
			}
		}
	}
	end := len(lines) + 1
	mark(l.root, "global", oneLine == nil, end)
	mark(l.root, "scrape_configs", true, end)
	if global != nil && global.Kind == yaml.MappingNode && oneLine == nil {
		for _, k := range ownGlobalKeys {
			mark(global, k, false, l.endOf("global", end))
		}
	}
	var out bytes.Buffer
	for i, line := range lines {
		if oneLine != nil && i+1 == l.line("global") {
			fmt.Fprintf(&out, "global: %s\n", oneLine)
		} else if keep[i+1] {
			out.Write(line)
		} else if bytes.HasSuffix(line, []byte("\n")) {
			out.WriteByte('\n')
		}
	}
	return out.Bytes(), true
}

// endOf is the line at which the root's section after key begins.
func (l *loader) endOf(key string, end int) int {
	for i := 0; i+2 < len(l.root.Content); i += 2 {
		if l.root.Content[i].Value == key {
			return l.root.Content[i+2].Line
		}
	}
	return end
}

// prometheusRemarshalled serves files whose sections cannot be cut out by lines (a root in
// flow style, aliases): the values are right, the lines in messages are not.
func (l *loader) prometheusRemarshalled(global, jobs *yaml.Node) []byte {
	m := map[string]any{}
	if global != nil {
		var g map[string]any
		if global.Decode(&g) == nil {
			for _, k := range ownGlobalKeys {
				delete(g, k)
			}
			m["global"] = g
		}
	}
	if jobs != nil {
		var j any
		if jobs.Decode(&j) == nil {
			m["scrape_configs"] = j
		}
	}
	out, err := yaml.Marshal(m)
	if err != nil {
		l.problems.Addf(l.path, 0, "write the file in block style", "reading global and scrape_configs: %v", err)
	}
	return out
}

func hasAlias(n *yaml.Node) bool {
	if n == nil {
		return false
	}
	return n.Kind == yaml.AliasNode || slices.ContainsFunc(n.Content, hasAlias)
}

// mappings reads the shipped profiles and the user's own files.
func (l *loader) mappings(names []string) []Named {
	var out []Named
	for i, name := range names {
		_, line := l.item("mappings", i)
		if n := l.named(name, line); n != nil {
			out = append(out, *n)
		}
	}
	if len(names) == 0 {
		l.problems.Warnf(l.path, l.line("mappings"), "list shipped profiles by name, own files by path: mappings: [envoy, ./own.yaml]", "no mapping is configured: nothing will be told")
	}
	return out
}

// isProfile says that an entry of mappings is a shipped profile's name rather than a path.
func isProfile(name string) bool { return !strings.ContainsAny(name, `/\.`) }

// named resolves a shipped profile by its name or a file by its path.
func (l *loader) named(name string, line int) *Named {
	if isProfile(name) {
		text, err := profiles.Open(name)
		if err == nil {
			return &Named{Path: ProfilePrefix + name, Line: line, Text: text}
		}
		var have []string
		for _, p := range profiles.List() {
			have = append(have, p.Name)
		}
		l.problems.Addf(l.path, line, "name one of "+strings.Join(have, ", ")+", or write a path such as ./"+name+".yaml", "no shipped profile is named %q", name)
		return nil
	}
	p := l.abs(name)
	text, err := os.ReadFile(p)
	if err != nil {
		l.problems.Addf(l.path, line, "correct the path; it is relative to this file's folder", "reading %q: %v", name, unwrapPath(err))
		return nil
	}
	return &Named{Path: p, Line: line, Text: text}
}

func (l *loader) destinations(ds []Destination) {
	seen := map[string]int{}
	for i := range ds {
		d := &ds[i]
		node, line := l.item("destinations", i)
		d.Line = line
		if d.Name == "" {
			l.problems.Addf(l.path, line, "give it a name; routes and metrics speak of it", "destination %d has no name", i+1)
		} else if first, dup := seen[d.Name]; dup {
			l.problems.Addf(l.path, line, "rename one of them", "destination %q is already on line %d", d.Name, first)
		}
		seen[d.Name] = line
		kinds := d.kinds()
		if len(kinds) != 1 {
			remedy := "give exactly one of ves, kafka, dmaap"
			if v, _ := child(node, "hvves"); v != nil {
				remedy = "hvves is not part of this version; " + remedy
			}
			l.problems.Addf(l.path, line, remedy, "destination %q has %d kinds", d.Name, len(kinds))
			continue
		}
		if d.VES != nil && profile.IsPath(d.VES.Profile) {
			d.VES.Profile = l.abs(d.VES.Profile)
		}
		if err := kinds[0].settings.Validate(); err != nil {
			l.problems.Addf(l.path, line, "correct the destination", "destination %q: %v", d.Name, err)
		}
		l.destinationFiles(d)
	}
	if len(ds) == 0 {
		l.problems.Warnf(l.path, l.line("destinations"), "add a destination, such as - {name: dcae, ves: {endpoint: 'https://ves:8443'}}", "no destination is configured: events are built and go nowhere")
	}
}

// destinationFiles makes the paths of credentials relative to the configuration's folder,
// as Prometheus does with those of scrape_configs, and warns of files that are not there:
// they may be only where the bridge runs.
func (l *loader) destinationFiles(d *Destination) {
	var tls *promconfig.TLSConfig
	var basic *promconfig.BasicAuth
	var auth *promconfig.Authorization
	files := map[string]*string{}
	switch {
	case d.VES != nil:
		tls, basic, auth = &d.VES.TLSConfig, d.VES.BasicAuth, d.VES.Authorization
		files["schemas"] = &d.VES.Schemas
	case d.DMaaP != nil:
		tls, basic, auth = &d.DMaaP.TLSConfig, d.DMaaP.BasicAuth, d.DMaaP.Authorization
		if d.DMaaP.APIKey != nil {
			files["api_key.secret_file"] = &d.DMaaP.APIKey.SecretFile
		}
	case d.Kafka != nil:
		tls = d.Kafka.TLSConfig
		if d.Kafka.SASL != nil {
			files["sasl.password_file"] = &d.Kafka.SASL.PasswordFile
		}
	}
	if tls != nil {
		files["tls_config.ca_file"], files["tls_config.cert_file"], files["tls_config.key_file"] = &tls.CAFile, &tls.CertFile, &tls.KeyFile
	}
	if basic != nil {
		files["basic_auth.username_file"], files["basic_auth.password_file"] = &basic.UsernameFile, &basic.PasswordFile
	}
	if auth != nil {
		files["authorization.credentials_file"] = &auth.CredentialsFile
	}
	for _, key := range slices.Sorted(maps.Keys(files)) {
		f := files[key]
		if *f == "" {
			continue
		}
		*f = l.abs(*f)
		if _, err := os.Stat(*f); err != nil {
			l.problems.Warnf(l.path, d.Line, "create it or correct the path", "destination %q: %s %q: %v", d.Name, key, *f, unwrapPath(err))
		} else if key == "schemas" {
			l.schemas(d)
		}
	}
}

// schemas looks at a folder of schemas for stndDefined events.
func (l *loader) schemas(d *Destination) {
	_, notes, err := stnddefined.Load(d.VES.Schemas)
	if err != nil {
		l.problems.Addf(l.path, d.Line, "name a folder with "+stnddefined.MapFile, "destination %q: schemas: %v", d.Name, err)
	}
	for _, note := range notes {
		l.problems.Warnf(l.path, d.Line, "correct the folder; a collector with such a one refuses the events that name it", "destination %q: schemas: %s", d.Name, note)
	}
}

// routeError is the prefix by which dmaap.NewRouter says which route is wrong.
var routeError = regexp.MustCompile(`^routes\[(\d+)\]: (.*)$`)

func (l *loader) routes(c *Config) {
	_, err := c.Router()
	if err == nil {
		return
	}
	for _, m := range strings.Split(err.Error(), "\n") {
		line := l.line("routes")
		if g := routeError.FindStringSubmatch(m); g != nil {
			i, _ := strconv.Atoi(g[1])
			_, line = l.item("routes", i)
			m = g[2]
		}
		l.problems.Addf(l.path, line, "correct the route", "%s", m)
	}
}

func (l *loader) outbox(t *outboxTree) Outbox {
	o := Outbox{MaxRecords: t.MaxRecords, MaxBytes: 256 << 20}
	if t.MaxRecords < 0 {
		l.problems.Addf(l.path, l.line("outbox", "max_records"), "write a number above 0, or leave it out", "max_records %d is negative", t.MaxRecords)
	}
	if t.MaxBytes != "" {
		n, err := units.ParseBase2Bytes(t.MaxBytes)
		if err != nil || n <= 0 {
			l.problems.Addf(l.path, l.line("outbox", "max_bytes"), "write a size such as 256MiB", "max_bytes %q is not a size", t.MaxBytes)
		} else {
			o.MaxBytes = int64(n)
		}
	}
	return o
}

// unwrapPath drops the path that the os package repeats; the problem names it already.
func unwrapPath(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
