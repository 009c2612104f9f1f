package main

import (
	"fmt"
	"strings"

	"github.com/vesbridge/vesbridge/pkg/ves/internal/model"
)

// Types whose 5.4.1 encoding has another structure and is written by hand.
func byHand5(g *goType) bool { return g.Name == "jsonObjectInstance" || g.Name == "counter" }

// writeVES5 writes encoders, decoders and extension members of VES 5.4.1.
func writeVES5(p *printer) {
	for _, g := range p.types {
		if g.Old != nil {
			if !byHand5(&g) {
				writeEncode5(p, &g)
			}
			if g.Name != "counter" {
				writeDecode5(p, &g)
			}
		}
		writeExtra5(p, &g)
	}
	p.ln("func (e *Event) encodeBlocks5(enc *encoder) {")
	for _, b := range blocks() {
		if b.Old != nil {
			p.ln("if e.%s != nil {\nenc.raw(`\"%s\":`)\ne.%s.encode5(enc)\n}", b.Field, b.Old.Block, b.Field)
		}
	}
	p.ln("}\n")
	p.ln("func (e *Event) extraBlocks5(m *extras) {")
	for _, b := range blocks() {
		if b.Old != nil && hasExtra(p, b.Block) {
			p.ln("if e.%s != nil {\ne.%s.extra5(m, \"\")\n}", b.Field, b.Field)
		}
	}
	p.ln("}\n")
	p.ln("// decodeBlock5 reads one block; known is false for a name that no block has.")
	p.ln("func (e *Event) decodeBlock5(name string, s *scanner) (ok, known bool) {\nswitch name {")
	for _, b := range blocks() {
		if b.Old != nil {
			p.ln("case %q:\ne.%s = &%s{}\nreturn e.%s.decode5(s), true", b.Old.Block, b.Field, b.Go, b.Field)
		}
	}
	p.ln("}\nreturn false, false\n}\n")
}

func writeEncode5(p *printer, g *goType) {
	p.ln("func (x *%s) encode5(e *encoder) {", g.Go)
	if g.Go == "JSONObject" {
		p.ln("if e.depth++; e.depth > maxObjectDepth {\ne.fail(\"a jsonObject this deep\")\nreturn\n}\ndefer func() { e.depth-- }()")
	}
	p.ln("e.raw(%s)", "`{"+g.Version5+"`")
	for _, f := range g.Fields {
		if f.Old == nil {
			continue
		}
		p.ln("%s", encodeField5(g, &f))
	}
	p.ln("e.end('}')\n}\n")
}

func encodeField5(g *goType, f *goField) string {
	key, ref := "`\""+f.Old.Name+"\":`", "x."+f.Go
	switch {
	case g.Go == "Header" && f.Name == "version":
		return "e.raw(`\"version\":3.0,`)"
	case f.Kind == f.Old.Kind:
		return encodeAs(f, f.Old.Name, "encode5")
	case f.Kind == model.HashMap && f.Old.Kind == model.String:
		return fmt.Sprintf("e.pipes5(%s, %s)", key, ref)
	case f.Kind == model.HashMap && f.Old.Kind == model.Tuples:
		return fmt.Sprintf("e.tuples5(%s, %s)", key, ref)
	case f.Kind == model.HashMap && f.Old.Ref == "featuresInUse":
		return fmt.Sprintf("e.features5(%s, %s)", key, ref)
	case f.Kind == model.HashMap && f.Old.Ref == "field" && g.Block:
		return fmt.Sprintf("e.pairs5(%s, %s)", key, ref)
	case f.Kind == model.NamedMaps:
		return fmt.Sprintf("e.groups5(%s, %s, %v)", key, ref, f.Name == "additionalMeasurements")
	}
	panic("gen: cannot encode " + f.Name + " for 5.4.1")
}

func writeDecode5(p *printer, g *goType) {
	p.ln("func (x *%s) decode5(s *scanner) bool {", g.Go)
	p.ln("return s.object(func(name []byte) bool {\nswitch string(name) {")
	told := map[string]bool{"internalHeaderFields": true}
	for _, f := range g.Fields {
		if f.Old == nil {
			continue
		}
		told[f.Old.Name] = true
		if g.Go == "Header" && f.Name == "version" {
			p.ln("case \"version\", \"internalHeaderFields\":\nreturn s.skip()")
			continue
		}
		p.ln("case %q:\n%s", f.Old.Name, decodeField5(&f))
	}
	for _, m := range g.Old.Members {
		if !told[m.Name] && strings.HasSuffix(m.Name, "Version") && m.Required {
			p.ln("case %q:\nreturn s.skip()", m.Name)
		}
	}
	p.ln("}\nreturn s.lose(name)\n})\n}\n")
}

func decodeField5(f *goField) string {
	ref := "&x." + f.Go
	switch {
	case f.Kind == f.Old.Kind:
		return decodeField(f, "decode5")
	case f.Kind == model.HashMap && f.Old.Kind == model.String:
		return fmt.Sprintf("return s.decodePipes5(%s)", ref)
	case f.Kind == model.HashMap && f.Old.Kind == model.Tuples:
		return fmt.Sprintf("return s.decodeTuples5(%s)", ref)
	case f.Kind == model.HashMap && f.Old.Ref == "featuresInUse":
		return fmt.Sprintf("return s.decodePairs5(%s, \"featureIdentifier\", \"featureUtilization\")", ref)
	case f.Kind == model.HashMap && f.Old.Ref == "field":
		return fmt.Sprintf("return s.decodePairs5(%s, \"name\", \"value\")", ref)
	case f.Kind == model.NamedMaps:
		return fmt.Sprintf("return s.decodeGroups5(%s)", ref)
	}
	panic("gen: cannot decode " + f.Name + " of 5.4.1")
}

// hasExtra says whether a type or what is inside it has members that 5.4.1 lacks.
func hasExtra(p *printer, name string) bool {
	for i := range p.types {
		if g := &p.types[i]; g.Name == name {
			return len(extraLines(p, g)) > 0
		}
	}
	return false
}

func writeExtra5(p *printer, g *goType) {
	if lines := extraLines(p, g); len(lines) > 0 {
		p.ln("func (x *%s) extra5(m *extras, at string) {\n%s\n}\n", g.Go, strings.Join(lines, "\n"))
	}
}

// extraLines gathers what 5.4.1 has no member for. Domains that it lacks have no extension
// point either, and jsonObjects are the same but for what is written by hand.
func extraLines(p *printer, g *goType) []string {
	if g.Name == "jsonObject" || byHand5(g) || g.Since > model.V7_0_1 || g.Union || g.Block && g.Old == nil {
		return nil
	}
	var out []string
	for _, f := range g.Fields {
		if g.Go == "Header" && strings.HasSuffix(f.Name, "ersion") {
			continue // each version has its own
		}
		if l := extraField(p, &f); l != "" {
			out = append(out, l)
		}
	}
	return out
}

func extraField(p *printer, f *goField) string {
	ref := "x." + f.Go
	if f.Ref != "" && f.Kind != model.OneOf && f.Kind != model.OneOfItems {
		if !hasExtra(p, f.Ref) {
			return ""
		}
		switch {
		case f.Kind == model.Items && keyed(p, f.Ref) != "":
			return fmt.Sprintf("for i := range %s {\n%s[i].extra5(m, at+%q+%s[i].%s+\".\")\n}", ref, ref, f.Name+"/", ref, keyed(p, f.Ref))
		case f.Kind == model.Items:
			return fmt.Sprintf("for i := range %s {\n%s[i].extra5(m, at+%q+strconv.Itoa(i)+\".\")\n}", ref, ref, f.Name+"/")
		case strings.HasPrefix(f.GoType, "*"):
			return fmt.Sprintf("if %s != nil {\n%s.extra5(m, at+%q)\n}", ref, ref, f.Name+".")
		}
		return fmt.Sprintf("%s.extra5(m, at+%q)", ref, f.Name+".")
	}
	if f.Old != nil {
		if f.Old.Kind == model.Tuples || f.Old.Ref == "featuresInUse" {
			return fmt.Sprintf("m.unfit(at+%q, %s, %v)", f.Name+".", ref, f.Old.Kind != model.Tuples)
		}
		return ""
	}
	switch f.Kind {
	case model.Number:
		return fmt.Sprintf("m.number(at, %q, %s)", f.Name, ref)
	case model.String:
		return fmt.Sprintf("m.text(at, %q, %s)", f.Name, ref)
	case model.Enum:
		return fmt.Sprintf("m.text(at, %q, string(%s))", f.Name, ref)
	}
	panic("gen: 5.4.1 has no place for " + f.Name)
}

// keyed returns the Go field of a type's identifier, "" where it has none.
func keyed(p *printer, name string) string {
	for _, g := range p.types {
		if g.Name == name && len(g.Fields) > 0 && g.Fields[0].Key {
			return g.Fields[0].Go
		}
	}
	return ""
}
