package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vesbridge/vesbridge/pkg/ves/internal/model"
)

// latest is the version that the Go types follow; older ones are a matter of encoding.
const latest = model.V7_2_1

// goType is one struct of the typed model.
type goType struct {
	model.Type
	Go       string
	Block    bool   // header or a domain's block: required numbers are plain
	Version  string // `"faultFieldsVersion":"4.0",` or ""
	Version5 string // the same for 5.4.1
	Fields   []goField
	Measured bool        // reached by path through Measurement
	Union    bool        // made of the alternatives of a oneOf: exactly one choice is set
	Old      *model.Type // the type in 5.4.1, nil where it has none
}

// goField is one struct field; its index in Fields is the member number.
type goField struct {
	model.Member
	Go, GoType string
	Plain      bool // required number without Opt
	Choice     bool // one of the alternatives of a union
	// How the identifiers that 7.0.1 told differently are told there.
	OldName   string // under this name
	OldNumber bool   // as a number
	Old       *model.Member
}

// block is one domain's block as a member of Event.
type block struct {
	model.Domain
	Field, Go string
	Old       *model.Domain
}

// roots are the types that the typed model starts from with their Go names; the blocks in
// the order in which they are encoded.
var roots = []struct{ name, Go, Field string }{
	{"commonEventHeader", "Header", "Header"},
	{"measurementFields", "Measurement", "Measurement"},
	{"heartbeatFields", "HeartbeatFields", "Heartbeat"},
	{"faultFields", "FaultFields", "Fault"},
	{"thresholdCrossingAlertFields", "ThresholdCrossingAlertFields", "ThresholdCrossingAlert"},
	{"syslogFields", "SyslogFields", "Syslog"},
	{"notificationFields", "NotificationFields", "Notification"},
	{"stateChangeFields", "StateChangeFields", "StateChange"},
	{"otherFields", "OtherFields", "Other"},
	{"perf3gppFields", "Perf3GPPFields", "Perf3GPP"},
	{"stndDefinedFields", "StndDefinedFields", "StndDefined"},
	{"pnfRegistrationFields", "PNFRegistrationFields", "PNFRegistration"},
	{"mobileFlowFields", "MobileFlowFields", "MobileFlow"},
	{"sipSignalingFields", "SIPSignalingFields", "SIPSignaling"},
	{"voiceQualityFields", "VoiceQualityFields", "VoiceQuality"},
}

// blocks lists the domains' blocks in the order of roots.
func blocks() []block {
	var out []block
	for _, r := range roots[1:] {
		i := slices.IndexFunc(model.Domains7(), func(d model.Domain) bool { return d.Block == r.name })
		b := block{Domain: model.Domains7()[i], Field: r.Field, Go: r.Go}
		if old, ok := model.Domain5(b.Name); ok {
			b.Old = &old
		}
		out = append(out, b)
	}
	return out
}

func goTypes() []goType {
	byName := map[string]model.Type{}
	for _, t := range model.Types7() {
		byName[t.Name] = t
	}
	var out []goType
	var queue []string
	for _, r := range roots {
		queue = append(queue, r.name)
	}
	seen := map[string]bool{}
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		g := newGoType(byName[name])
		for i := range g.Fields {
			f := &g.Fields[i]
			if len(f.Alternatives) > 0 {
				byName[unionName(f.Name)] = union(byName, f)
				f.Ref = unionName(f.Name)
			}
			if f.Ref != "" {
				queue = append(queue, f.Ref)
			}
		}
		out = append(out, g)
	}
	markMeasured(out, "measurementFields")
	return out
}

// markMeasured marks the types below name, which the dynamic API reaches; JSON objects are
// only for typed code.
func markMeasured(gs []goType, name string) {
	for i := range gs {
		if g := &gs[i]; g.Name == name && !g.Measured && name != "jsonObject" {
			g.Measured = true
			for _, f := range g.Fields {
				if f.Ref != "" {
					markMeasured(gs, f.Ref)
				}
			}
		}
	}
}

// unionName names the type of a oneOf member; measResults holds many of them.
func unionName(member string) string {
	if member == "measResults" {
		member = "measResult"
	}
	return "oneOf:" + member
}

// union merges the alternatives of a oneOf. A member of all of them is required, each other
// one is a choice.
func union(byName map[string]model.Type, f *goField) model.Type {
	t := model.Type{Name: unionName(f.Name), Doc: f.Doc + ": exactly one choice is set.", Since: byName[f.Alternatives[0]].Since}
	count := map[string]int{}
	for _, a := range f.Alternatives {
		for _, m := range byName[a].Members {
			if count[m.Name]++; count[m.Name] == 1 {
				t.Members = append(t.Members, m)
			}
		}
	}
	for i := range t.Members {
		t.Members[i].Required = count[t.Members[i].Name] == len(f.Alternatives)
	}
	return t
}

func newGoType(t model.Type) goType {
	g := goType{Type: t, Go: goTypeName(t.Name), Union: strings.HasPrefix(t.Name, "oneOf:")}
	for _, r := range roots {
		g.Block = g.Block || r.name == t.Name
	}
	if old, ok := model.Type5(t.Name); ok {
		g.Old = &old
	}
	versionMember, version := "", ""
	for _, d := range model.Domains7() {
		if d.Block == t.Name {
			versionMember, version = d.VersionMember, d.BlockVersion
			if old, ok := model.Domain5(d.Name); ok {
				g.Version5 = fmt.Sprintf("%q:%s,", old.VersionMember, old.BlockVersion)
			}
		}
	}
	for _, m := range t.Members {
		if !m.In(latest) || m.Name == "internalHeaderFields" {
			continue // the collector sets internalHeaderFields, sources must not
		}
		if m.Name == versionMember {
			g.Version = fmt.Sprintf("%q:%q,", m.Name, version)
			continue
		}
		f := newGoField(m, g.Block || g.Union)
		f.Choice = g.Union && !m.Required
		if f.Choice && m.Kind == model.String {
			f.GoType = "Opt[string]"
		}
		if g.Old != nil {
			if old, ok := model.Member5(t.Name, m.Name, g.Old); ok {
				f.Old = &old
			}
		}
		for _, o := range t.Members {
			if f.Key && o.Key && !o.In(latest) {
				f.OldNumber = o.Kind == model.Number
				if o.Name != f.Name {
					f.OldName = o.Name
				}
			}
		}
		g.Fields = append(g.Fields, f)
	}
	for i, f := range g.Fields {
		if f.Key && i != 0 {
			panic("gen: the identifier of " + t.Name + " must come first")
		}
	}
	return g
}

func newGoField(m model.Member, block bool) goField {
	f := goField{Member: m, Go: goName(m.Name)}
	f.Plain = block && m.Required && (m.Kind == model.Number || m.Kind == model.Integer)
	switch m.Kind {
	case model.Number:
		base := "float64"
		if m.Epoch {
			base = "int64"
		}
		f.GoType = opt(base, f.Plain)
	case model.Integer:
		f.GoType = opt("int64", f.Plain)
	case model.BoolString:
		f.GoType = "Opt[bool]"
	case model.String:
		f.GoType = "string"
	case model.Enum:
		f.GoType = "string"
		if m.EnumType != "" {
			f.GoType = m.EnumType
		} else if m.Name != "version" && m.Name != "vesEventListenerVersion" && !strings.HasSuffix(m.Name, "FieldsVersion") {
			panic("gen: no Go type for the enumeration " + m.Name)
		}
	case model.HashMap:
		f.GoType = "HashMap"
	case model.NamedMaps:
		f.GoType = "[]NamedHashMap"
	case model.AnyObject:
		f.GoType = "RawObject"
	case model.Items:
		f.GoType = "[]" + goTypeName(m.Ref)
	case model.Object:
		f.GoType = goTypeName(m.Ref)
		if !m.Required && m.Ref != "ipmi" {
			f.GoType = "*" + f.GoType
		}
	case model.Strings:
		f.GoType = "[]string"
	case model.Integers:
		f.GoType = "[]int64"
	case model.OneOf:
		f.GoType = goTypeName(unionName(m.Name))
		if !m.Required {
			f.GoType = "*" + f.GoType
		}
	case model.OneOfItems:
		f.GoType = "[]" + goTypeName(unionName(m.Name))
	default:
		panic("gen: no Go type for " + m.Name)
	}
	return f
}

func opt(base string, plain bool) string {
	if plain {
		return base
	}
	return "Opt[" + base + "]"
}

// isInt64 says whether the Go field holds an integer.
func (f *goField) isInt64() bool {
	return f.Kind == model.Integer || f.Kind == model.Number && f.Epoch
}

// dynamic says whether Measurement and Item reach the field by path.
func (f *goField) dynamic() bool { return !f.Plain }

func goTypeName(name string) string {
	for _, r := range roots {
		if r.name == name {
			return r.Go
		}
	}
	return goName(strings.TrimPrefix(name, "oneOf:"))
}

// goName turns a VES name into an exported Go one with Go's initialisms.
func goName(name string) string {
	initialisms := []string{"cpu", "id", "io", "ip", "ipmi", "json", "gtp", "nf", "nfc", "nic", "sip", "url", "ves", "vf", "vm"}
	var words []string
	start := 0
	for i := 1; i <= len(name); i++ {
		if i == len(name) || name[i] >= 'A' && name[i] <= 'Z' {
			words = append(words, name[start:i])
			start = i
		}
	}
	for i, w := range words {
		if slices.Contains(initialisms, strings.ToLower(w)) {
			words[i] = strings.ToUpper(w)
		} else {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "")
}

// ownerName is the constant that numbers a Go type.
func ownerName(g *goType) string { return "owner" + g.Go }

// reachable says whether items of the type are reached by path: all of measurement.
func reachable(g *goType) bool { return g.Measured }

// writeTypes writes the structs, their enumerations and resets.
func writeTypes(p *printer) {
	enums := map[string]model.Member{}
	var enumNames []string
	for _, g := range p.types {
		p.ln("// %s is %s of VES: %s", g.Go, strings.TrimPrefix(g.Name, "oneOf:"), lowerFirst(g.Doc))
		p.ln("type %s struct {", g.Go)
		for _, f := range g.Fields {
			p.ln("%s %s // %s", f.Go, f.GoType, fieldComment(&f))
			if f.EnumType != "" && f.EnumType != "Domain" {
				if _, ok := enums[f.EnumType]; !ok {
					enumNames = append(enumNames, f.EnumType)
					enums[f.EnumType] = f.Member
				}
			}
		}
		p.ln("}\n")
	}
	slices.Sort(enumNames)
	for _, n := range enumNames {
		m := enums[n]
		p.ln("// %s is %s.", n, m.Doc)
		p.ln("type %s string\n", n)
		p.ln("// The values of %s.", n)
		p.ln("const (")
		var cases []string
		for _, v := range m.Enum {
			c := n + enumConst(v.Text)
			cases = append(cases, c)
			p.ln("%s %s = %q", c, n, v.Text)
		}
		p.ln(")\n")
		p.ln("// Valid says whether v is one of the constants.")
		p.ln("func (v %s) Valid() bool {\nswitch v {\ncase %s:\nreturn true\n}\nreturn false\n}\n", n, strings.Join(cases, ", "))
	}
	for _, g := range p.types {
		writeReset(p, &g)
	}
}

func fieldComment(f *goField) string {
	c := f.Name + ": " + f.Doc
	if f.Unit != model.None && f.Unit != model.Count && f.Unit != model.Unstated {
		c += "; " + unitSymbol(f.Unit)
	}
	if f.Required {
		c += "; required"
	}
	return c
}

// enumConst turns an enumeration value into the rest of a constant's name.
func enumConst(s string) string {
	var b strings.Builder
	for w := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ' ' || r == '-' }) {
		if strings.ToUpper(w) == w {
			w = strings.ToLower(w)
		}
		b.WriteString(strings.ToUpper(w[:1]) + w[1:])
	}
	return b.String()
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

// writeReset writes a reset that keeps the memory of slices.
func writeReset(p *printer, g *goType) {
	if g.Go == "Header" {
		return
	}
	var keep []string
	for _, f := range g.Fields {
		switch f.Kind {
		case model.HashMap, model.NamedMaps, model.Items, model.OneOfItems, model.Strings, model.Integers:
			if f.Choice {
				continue // nil says that it is not the choice
			}
			keep = append(keep, fmt.Sprintf("%s: x.%s[:0]", f.Go, f.Go))
		case model.Object:
			if !strings.HasPrefix(f.GoType, "*") {
				keep = append(keep, f.Go+": x."+f.Go)
			}
		}
	}
	p.ln("func (x *%s) reset() {", g.Go)
	for _, f := range g.Fields {
		if f.Kind == model.Object && !strings.HasPrefix(f.GoType, "*") {
			p.ln("x.%s.reset()", f.Go)
		}
	}
	p.ln("*x = %s{%s}", g.Go, strings.Join(keep, ", "))
	p.ln("}\n")
}
