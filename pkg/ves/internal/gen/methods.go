package main

import (
	"fmt"
	"strings"

	"github.com/vesbridge/vesbridge/pkg/ves/internal/model"
)

// writeAccess writes the accessors by member number that the dynamic API goes through.
func writeAccess(p *printer) {
	p.ln("const (")
	n := 0
	for _, g := range p.types {
		if reachable(&g) {
			n++
			p.ln("%s owner = %d", ownerName(&g), n)
		}
	}
	p.ln(")\n")
	for _, g := range p.types {
		if !reachable(&g) {
			continue
		}
		p.ln("func (x *%s) owner() owner { return %s }\n", g.Go, ownerName(&g))
		accessor(p, &g, "number", "*Opt[float64]", func(f *goField) bool { return f.Kind == model.Number && !f.isInt64() })
		accessor(p, &g, "integer", "*Opt[int64]", (*goField).isInt64)
		accessor(p, &g, "boolean", "*Opt[bool]", func(f *goField) bool { return f.Kind == model.BoolString })
		accessor(p, &g, "text", "*string", func(f *goField) bool { return f.Kind == model.String })
		writeSetEnum(p, &g)
		writeComplete(p, &g)
		writeContainer(p, &g)
		if g.Go == "Measurement" {
			accessor(p, &g, "hash", "*HashMap", func(f *goField) bool { return f.Kind == model.HashMap })
		}
	}
	writeDrop(p)
}

func accessor(p *printer, g *goType, name, result string, match func(*goField) bool) {
	var cases []string
	for i, f := range g.Fields {
		if match(&f) && f.dynamic() {
			cases = append(cases, fmt.Sprintf("case %d:\nreturn &x.%s", i, f.Go))
		}
	}
	if len(cases) == 0 {
		p.ln("func (*%s) %s(uint8) %s { return nil }\n", g.Go, name, result)
		return
	}
	p.ln("func (x *%s) %s(member uint8) %s {\nswitch member {\n%s\n}\nreturn nil\n}\n", g.Go, name, result, strings.Join(cases, "\n"))
}

func writeSetEnum(p *printer, g *goType) {
	var cases []string
	for i, f := range g.Fields {
		if f.Kind == model.Enum {
			cases = append(cases, fmt.Sprintf("case %d:\nif v := %s(s); v.Valid() {\nx.%s = v\nreturn true\n}", i, f.GoType, f.Go))
		}
	}
	if len(cases) == 0 {
		p.ln("func (*%s) setEnum(uint8, string) bool { return false }\n", g.Go)
		return
	}
	p.ln("func (x *%s) setEnum(member uint8, s string) bool {\nswitch member {\n%s\n}\nreturn false\n}\n", g.Go, strings.Join(cases, "\n"))
}

// present is the Go expression that says whether a required field is there.
func present(f *goField) string {
	switch {
	case f.Plain:
		return "true"
	case f.Kind == model.String || f.Kind == model.Enum:
		return "x." + f.Go + ` != ""`
	case f.Kind == model.Object || f.Kind == model.OneOf:
		return "true" // a struct, which says itself what it lacks
	case strings.HasPrefix(f.GoType, "[]") || f.GoType == "HashMap" || f.GoType == "RawObject":
		return "len(x." + f.Go + ") > 0"
	}
	return "x." + f.Go + ".Set"
}

func writeComplete(p *printer, g *goType) {
	var conds, misses []string
	for _, f := range g.Fields {
		if f.Required && present(&f) != "true" {
			conds = append(conds, present(&f))
			misses = append(misses, fmt.Sprintf("if !(%s) {\nout = append(out, %q)\n}", present(&f), f.Name))
		}
	}
	if len(conds) == 0 {
		p.ln("func (*%s) complete() bool { return true }\n", g.Go)
		p.ln("func (*%s) missing() []string { return nil }\n", g.Go)
		return
	}
	p.ln("func (x *%s) complete() bool { return %s }\n", g.Go, strings.Join(conds, " && "))
	p.ln("func (x *%s) missing() (out []string) {\n%s\nreturn out\n}\n", g.Go, strings.Join(misses, "\n"))
}

// writeContainer writes length, at and grow for types with arrays of reachable items.
func writeContainer(p *printer, g *goType) {
	var length, at, grow []string
	for i, f := range g.Fields {
		if f.Kind != model.Items || f.Ref == "jsonObject" {
			continue
		}
		length = append(length, fmt.Sprintf("case %d:\nreturn len(x.%s)", i, f.Go))
		at = append(at, fmt.Sprintf("case %d:\nreturn &x.%s[i]", i, f.Go))
		grow = append(grow, fmt.Sprintf("case %d:\nreturn growItem(&x.%s)", i, f.Go))
	}
	if len(length) == 0 {
		return
	}
	p.ln("func (x *%s) length(member uint8) int {\nswitch member {\n%s\n}\nreturn 0\n}\n", g.Go, strings.Join(length, "\n"))
	p.ln("func (x *%s) at(member uint8, i int) item {\nswitch member {\n%s\n}\nreturn nil\n}\n", g.Go, strings.Join(at, "\n"))
	p.ln("func (x *%s) grow(member uint8) item {\nswitch member {\n%s\n}\nreturn nil\n}\n", g.Go, strings.Join(grow, "\n"))
}

// writeDrop writes DropIncomplete over every array, inner ones first.
func writeDrop(p *printer) {
	p.ln("// DropIncomplete removes the array items that lack required members, which no schema")
	p.ln("// accepts, and says which they were. Handles to items are invalid afterwards.")
	p.ln("func (m *Measurement) DropIncomplete() []Incomplete {\nvar out []Incomplete")
	for _, g := range p.types {
		prefix, recv := "", "m"
		switch g.Go {
		case "Measurement":
		case "IPMI":
			prefix, recv = "ipmi.", "m.IPMI"
		default:
			continue
		}
		for _, f := range g.Fields {
			if f.Kind != model.Items || f.Ref == "jsonObject" {
				continue
			}
			for _, inner := range innerArrays(p, f.Ref) {
				p.ln("for i := range %s.%s {\nx := &%s.%s[i]\nx.%s, out = dropIncomplete(x.%s, %q, out)\n}", recv, f.Go, recv, f.Go,
					inner.Go, inner.Go, prefix+f.Name+"."+inner.Name)
			}
			p.ln("%s.%s, out = dropIncomplete(%s.%s, %q, out)", recv, f.Go, recv, f.Go, prefix+f.Name)
		}
	}
	p.ln("return out\n}\n")
}

func innerArrays(p *printer, ref string) []goField {
	var out []goField
	for _, g := range p.types {
		if g.Name != ref {
			continue
		}
		for _, f := range g.Fields {
			if f.Kind == model.Items {
				out = append(out, f)
			}
		}
	}
	return out
}

// writeEncode writes straight-line encoders.
func writeEncode(p *printer) {
	for _, g := range p.types {
		p.ln("func (x *%s) encode(e *encoder) {", g.Go)
		if g.Go == "JSONObject" {
			p.ln("if e.depth++; e.depth > maxObjectDepth {\ne.fail(\"a jsonObject this deep\")\nreturn\n}\ndefer func() { e.depth-- }()")
		}
		p.ln("e.raw(%s)", "`{"+g.Version+"`")
		for _, f := range g.Fields {
			p.ln("%s", encodeField(&f))
		}
		p.ln("e.end('}')\n}\n")
		if g.Go == "IPMI" {
			writeEmpty(p, &g)
		}
	}
}

func encodeField(f *goField) string { return encodeAs(f, f.Name, "encode") }

// encodeAs writes a field under a name; method encodes what is inside it.
func encodeAs(f *goField, name, method string) string {
	key := "`\"" + name + "\":`"
	ref := "x." + f.Go
	required := f.Plain || f.Required
	switch {
	case f.OldNumber && method == "encode":
		return fmt.Sprintf("e.textOrNumber(%s, %s)", key, ref)
	case f.OldName != "" && method == "encode":
		return fmt.Sprintf("e.text(e.pick(%s, `\"%s\":`), %s)", key, f.OldName, ref)
	case f.Choice && f.Kind == model.String:
		return fmt.Sprintf("if %s.Set {\ne.text(%s, %s.Value)\n}", ref, key, ref)
	}
	switch f.Kind {
	case model.Number, model.Integer:
		name := "number"
		if f.isInt64() {
			name = "integer"
		}
		if f.Plain {
			return fmt.Sprintf("e.%s(%s, %s)", name, key, ref)
		}
		return fmt.Sprintf("e.opt%s(%s, %s)", strings.ToUpper(name[:1])+name[1:], key, ref)
	case model.BoolString:
		return fmt.Sprintf("e.optBool(%s, %s)", key, ref)
	case model.String, model.Enum:
		if f.Kind == model.Enum && f.EnumType != "" {
			ref = "string(" + ref + ")"
		}
		if required {
			return fmt.Sprintf("e.text(%s, %s)", key, ref)
		}
		return fmt.Sprintf("e.optText(%s, %s)", key, ref)
	case model.HashMap:
		if required {
			return fmt.Sprintf("e.hash(%s, %s)", key, ref)
		}
		return fmt.Sprintf("e.optHash(%s, %s)", key, ref)
	case model.Strings:
		return fmt.Sprintf("if %s {\ne.strings(%s, %s)\n}", listTold(f), key, ref)
	case model.Integers:
		return fmt.Sprintf("if %s {\ne.integers(%s, %s)\n}", listTold(f), key, ref)
	case model.NamedMaps:
		return fmt.Sprintf("e.optGroups(%s, %s)", key, ref)
	case model.AnyObject:
		return fmt.Sprintf("e.optRaw(%s, %s)", key, ref)
	case model.Items, model.OneOfItems:
		cond := "len(" + ref + ") > 0"
		if required {
			cond = "true"
		}
		body := fmt.Sprintf("e.raw(%s)\nfor i := range %s {\n%s[i].%s(e)\n}\ne.end(']')", "`\""+name+"\":[`", ref, ref, method)
		if cond == "true" {
			return body
		}
		return "if " + cond + " {\n" + body + "\n}"
	case model.Object, model.OneOf:
		if required {
			return fmt.Sprintf("e.raw(%s)\n%s.%s(e)", key, ref, method)
		}
		cond := "!" + ref + ".empty()"
		if strings.HasPrefix(f.GoType, "*") {
			cond = ref + " != nil"
		}
		return fmt.Sprintf("if %s {\ne.raw(%s)\n%s.%s(e)\n}", cond, key, ref, method)
	}
	panic("gen: cannot encode " + f.Name)
}

func writeEmpty(p *printer, g *goType) {
	var conds []string
	for _, f := range g.Fields {
		if f.Kind == model.Items {
			conds = append(conds, "len(x."+f.Go+") == 0")
		} else {
			conds = append(conds, "!x."+f.Go+".Set")
		}
	}
	p.ln("func (x *%s) empty() bool {\nreturn %s\n}\n", g.Go, strings.Join(conds, " &&\n"))
}

// writeValidate writes the rules that the model states.
func writeValidate(p *printer) {
	for _, g := range p.types {
		p.ln("func (x *%s) validate(c *checker) {", g.Go)
		if g.Go == "JSONObject" {
			p.ln("if c.tooDeep() {\nreturn\n}")
		}
		for _, f := range g.Fields {
			for _, l := range validateField(&f) {
				p.ln("%s", l)
			}
		}
		if g.Union {
			var conds []string
			for _, f := range g.Fields {
				if f.Choice {
					conds = append(conds, choiceSet(&f))
				}
			}
			p.ln("c.choice(%s)", strings.Join(conds, ", "))
		}
		p.ln("}\n")
	}
}

// listTold is the Go expression that says whether an array of plain values is sent.
func listTold(f *goField) string {
	if f.Choice {
		return choiceSet(f)
	}
	return "len(x." + f.Go + ") > 0"
}

// choiceSet is the Go expression that says whether a choice of a union is made.
func choiceSet(f *goField) string {
	if strings.HasPrefix(f.GoType, "[]") {
		return "x." + f.Go + " != nil"
	}
	return "x." + f.Go + ".Set"
}

func validateField(f *goField) []string {
	var out []string
	ref := "x." + f.Go
	if f.Required && present(f) != "true" {
		out = append(out, fmt.Sprintf("c.need(%q, %s)", f.Name, present(f)))
	}
	switch f.Kind {
	case model.Number:
		if f.isInt64() {
			break
		}
		if f.Plain {
			out = append(out, fmt.Sprintf("c.number(%q, %s)", f.Name, ref))
		} else {
			out = append(out, fmt.Sprintf("if %s.Set {\nc.number(%q, %s.Value)\n}", ref, f.Name, ref))
		}
	case model.String:
		if f.Choice {
			ref += ".Value"
		}
		out = append(out, fmt.Sprintf("c.text(%q, %s)", f.Name, ref))
		if f.Format != "" {
			out = append(out, fmt.Sprintf("c.format(%q, %q, %s, %s)", f.Name, f.Format, f.Since.Ident(), ref))
		}
	case model.Strings:
		out = append(out, fmt.Sprintf("c.texts(%q, %s)", f.Name, ref))
	case model.Enum:
		if f.EnumType == "" || f.EnumType == "Domain" {
			break // checked by hand: they depend on version or domain
		}
		var vs []string
		for _, v := range f.Enum {
			vs = append(vs, v.Text)
		}
		out = append(out, fmt.Sprintf("c.enum(%q, string(%s), %s.Valid(), %q)", f.Name, ref, ref, strings.Join(vs, ", ")))
	case model.HashMap:
		out = append(out, fmt.Sprintf("c.hash(%q, %s)", f.Name, ref))
	case model.NamedMaps:
		out = append(out, fmt.Sprintf("if len(%s) > 0 {\nc.groups(%q, %s)\n}", ref, f.Name, ref))
	case model.AnyObject:
		out = append(out, fmt.Sprintf("c.rawObject(%q, %s)", f.Name, ref))
	case model.Items, model.OneOfItems:
		out = append(out, fmt.Sprintf("if len(%s) > 0 {\nc.push(%q)\nfor i := range %s {\nc.pushIndex(i)\n%s[i].validate(c)\nc.pop()\n}\nc.pop()\n}", ref, f.Name, ref, ref))
	case model.Object, model.OneOf:
		body := fmt.Sprintf("c.push(%q)\n%s.validate(c)\nc.pop()", f.Name, ref)
		if strings.HasPrefix(f.GoType, "*") {
			body = "if " + ref + " != nil {\n" + body + "\n}"
		}
		out = append(out, body)
	}
	return out
}
