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
	Go      string
	Block   bool   // header or a domain's block: required numbers are plain
	Version string // `"faultFieldsVersion":"4.0",` or ""
	Fields  []goField
}

// goField is one struct field; its index in Fields is the member number.
type goField struct {
	model.Member
	Go, GoType string
	Plain      bool // required number without Opt
}

// roots are the types that the typed model starts from, by their Go names.
var roots = map[string]string{
	"commonEventHeader": "Header",
	"measurementFields": "Measurement",
	"heartbeatFields":   "HeartbeatFields",
	"faultFields":       "FaultFields",
}

func goTypes() []goType {
	byName := map[string]model.Type{}
	for _, t := range model.Types7() {
		byName[t.Name] = t
	}
	var out []goType
	queue := []string{"commonEventHeader", "measurementFields", "heartbeatFields", "faultFields"}
	seen := map[string]bool{}
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		g := newGoType(byName[name])
		for _, f := range g.Fields {
			if f.Ref != "" {
				queue = append(queue, f.Ref)
			}
		}
		out = append(out, g)
	}
	return out
}

func newGoType(t model.Type) goType {
	g := goType{Type: t, Go: goTypeName(t.Name)}
	_, g.Block = roots[t.Name]
	versionMember, version := "", ""
	for _, d := range model.Domains7() {
		if d.Block == t.Name {
			versionMember, version = d.VersionMember, d.BlockVersion
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
		g.Fields = append(g.Fields, newGoField(m, g.Block))
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
	f.Plain = block && m.Required
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
		if m.Ref == "jsonObject" {
			f.GoType = "*" + f.GoType // it contains itself
		}
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
func (f *goField) dynamic() bool { return !f.Plain || f.Kind == model.String }

func goTypeName(name string) string {
	if n, ok := roots[name]; ok {
		return n
	}
	return goName(name)
}

// goName turns a VES name into an exported Go one with Go's initialisms.
func goName(name string) string {
	initialisms := []string{"cpu", "id", "io", "ip", "ipmi", "json", "nf", "nfc", "nic", "url", "ves", "vf", "vm"}
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
func reachable(g *goType) bool {
	switch g.Go {
	case "Header", "HeartbeatFields", "FaultFields", "JSONObject", "JSONObjectInstance", "Key":
		return false
	}
	return true
}

// writeTypes writes the structs, their enumerations and resets.
func writeTypes(p *printer) {
	enums := map[string]model.Member{}
	var enumNames []string
	for _, g := range p.types {
		p.ln("// %s is %s of VES: %s", g.Go, g.Name, lowerFirst(g.Doc))
		p.ln("type %s struct {", g.Go)
		for _, f := range g.Fields {
			p.ln("%s %s // %s", f.Go, f.GoType, fieldComment(&f))
			if f.EnumType != "" && f.EnumType != "Domain" {
				if _, ok := enums[f.EnumType]; !ok {
					enumNames = append(enumNames, f.EnumType)
				}
				enums[f.EnumType] = f.Member
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
	for w := range strings.FieldsSeq(s) {
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
		case model.HashMap, model.NamedMaps, model.Items:
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
