package main

import (
	"fmt"
	"strings"

	"github.com/vesbridge/vesbridge/pkg/ves/internal/model"
)

// writeDecode writes the decoders of the typed model; they run on checked JSON.
func writeDecode(p *printer) {
	for _, g := range p.types {
		p.ln("func (x *%s) decode(s *scanner) bool {", g.Go)
		p.ln("return s.object(func(name []byte) bool {\nswitch string(name) {")
		for _, f := range g.Fields {
			if f.OldName != "" {
				p.ln("case %q, %q:\n%s", f.Name, f.OldName, decodeField(&f, "decode"))
				continue
			}
			p.ln("case %q:\n%s", f.Name, decodeField(&f, "decode"))
		}
		p.ln("}\nreturn s.skip()\n})\n}\n")
	}
}

// decodeField reads a value into a field; method reads what is inside it.
func decodeField(f *goField, method string) string {
	ref := "&x." + f.Go
	switch {
	case f.OldNumber:
		return fmt.Sprintf("return s.decodeTextOrNumber(%s)", ref)
	case f.Choice && f.Kind == model.String:
		return fmt.Sprintf("x.%s.Set = true\nreturn decodeText(s, &x.%s.Value)", f.Go, f.Go)
	}
	switch f.Kind {
	case model.Number, model.Integer:
		fn := "decodeNumber"
		if f.isInt64() {
			fn = "decodeInteger"
		}
		if f.Plain {
			return fmt.Sprintf("return s.%s(%s)", fn, ref)
		}
		return fmt.Sprintf("x.%s.Set = true\nreturn s.%s(&x.%s.Value)", f.Go, fn, f.Go)
	case model.BoolString:
		return fmt.Sprintf("x.%s.Set = true\nreturn s.decodeBool(&x.%s.Value)", f.Go, f.Go)
	case model.String, model.Enum:
		return fmt.Sprintf("return decodeText(s, %s)", ref)
	case model.HashMap:
		return fmt.Sprintf("return s.decodeHash(%s)", ref)
	case model.NamedMaps:
		return fmt.Sprintf("return s.decodeGroups(%s)", ref)
	case model.AnyObject:
		return fmt.Sprintf("return s.decodeRaw(%s)", ref)
	case model.Strings:
		return fmt.Sprintf("return s.decodeStrings(%s)", ref)
	case model.Integers:
		return fmt.Sprintf("return s.decodeIntegers(%s)", ref)
	case model.Items, model.OneOfItems:
		return fmt.Sprintf("return s.array(func(int) bool { return push(%s).%s(s) })", ref, method)
	case model.Object, model.OneOf:
		if strings.HasPrefix(f.GoType, "*") {
			return fmt.Sprintf("x.%s = &%s{}\nreturn x.%s.%s(s)", f.Go, strings.TrimPrefix(f.GoType, "*"), f.Go, method)
		}
		return fmt.Sprintf("return x.%s.%s(s)", f.Go, method)
	}
	panic("gen: cannot decode " + f.Name)
}
