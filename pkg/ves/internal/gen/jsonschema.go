package main

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/vesbridge/vesbridge/pkg/ves/internal/model"
)

// jsonSchema returns the draft-04 schema of a version, indented by two spaces.
func jsonSchema(v model.Version) []byte {
	w := schemaWriter{}
	w.open('{')
	w.text("$schema", "http://json-schema.org/draft-04/schema#")
	w.text("title", "VES "+v.String()+" events")
	w.text("description", "One event or a batch, as the REST interface of a VES event listener takes them. Generated from the vesbridge model.")
	w.text("type", "object")
	w.key("properties")
	w.open('{')
	w.ref("event", "event")
	w.key("eventList")
	w.arrayOf(func() { w.refValue("event") })
	w.close('}')
	w.key("definitions")
	w.open('{')
	for _, t := range typesOf(v) {
		w.typeDef(&t)
	}
	if v >= model.V7_0_1 {
		w.sharedMaps()
	}
	w.close('}')
	w.close('}')
	w.b.WriteByte('\n')
	var out bytes.Buffer
	if err := json.Indent(&out, w.b.Bytes(), "", "  "); err != nil {
		panic("gen: schema is not JSON: " + err.Error())
	}
	return out.Bytes()
}

// schemaWriter writes JSON in the order it is told, which encoding/json's maps would not.
type schemaWriter struct {
	b bytes.Buffer
}

func (w *schemaWriter) comma() {
	if n := w.b.Len(); n > 0 && !strings.ContainsRune("{[:", rune(w.b.Bytes()[n-1])) {
		w.b.WriteByte(',')
	}
}

func (w *schemaWriter) open(c byte) { w.comma(); w.b.WriteByte(c) }

func (w *schemaWriter) close(c byte) { w.b.WriteByte(c) }

func (w *schemaWriter) key(k string) { w.value(k); w.b.WriteByte(':') }

func (w *schemaWriter) value(v any) {
	w.comma()
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	w.b.Write(raw)
}

func (w *schemaWriter) text(k, v string) { w.key(k); w.value(v) }

func (w *schemaWriter) ref(k, typ string) { w.key(k); w.refValue(typ) }

func (w *schemaWriter) refValue(typ string) {
	w.open('{')
	w.text("$ref", "#/definitions/"+typ)
	w.close('}')
}

func (w *schemaWriter) arrayOf(item func()) {
	w.open('{')
	w.text("type", "array")
	w.key("items")
	item()
	w.close('}')
}

func (w *schemaWriter) typeDef(t *model.Type) {
	w.key(t.Name)
	w.open('{')
	w.text("description", t.Doc)
	w.text("type", "object")
	w.key("properties")
	w.open('{')
	var required []string
	for _, m := range t.Members {
		if m.Required {
			required = append(required, m.Name)
		}
		w.member(&m)
	}
	w.close('}')
	if !t.Open {
		w.key("additionalProperties")
		w.value(false)
	}
	if len(required) > 0 {
		w.key("required")
		w.value(required)
	}
	w.close('}')
}

func (w *schemaWriter) member(m *model.Member) {
	w.key(m.Name)
	w.open('{')
	doc := m.Doc
	if s := unitSymbol(m.Unit); s != "" {
		doc += " (" + s + ")"
	}
	w.text("description", doc)
	switch m.Kind {
	case model.Number:
		w.text("type", "number")
	case model.Integer:
		w.text("type", "integer")
	case model.String, model.Enum, model.BoolString:
		w.text("type", "string")
		if len(m.Enum) > 0 {
			w.key("enum")
			w.value(enumTexts(m))
		}
		if m.Format != "" {
			w.text("format", m.Format)
		}
	case model.HashMap:
		w.allOf("hashMap")
	case model.Object:
		w.allOf(m.Ref)
	case model.AnyObject:
		w.text("type", "object")
	case model.NamedMaps:
		w.items(func() { w.refValue("namedHashMap") })
	case model.Items:
		w.items(func() { w.refValue(m.Ref) })
	case model.Strings:
		w.items(func() { w.typeOnly("string") })
	case model.Integers:
		w.items(func() { w.typeOnly("integer") })
	case model.OneOf:
		w.oneOf(m.Alternatives)
	case model.OneOfItems:
		w.items(func() {
			w.open('{')
			w.oneOf(m.Alternatives)
			w.close('}')
		})
	case model.Tuples:
		w.items(w.tuple)
	default:
		panic("gen: no schema for kind " + string(m.Kind))
	}
	w.close('}')
}

func (w *schemaWriter) items(item func()) {
	w.text("type", "array")
	w.key("items")
	item()
}

func (w *schemaWriter) typeOnly(t string) {
	w.open('{')
	w.text("type", t)
	w.close('}')
}

// allOf carries a reference beside a description: draft-04 ignores what stands beside $ref.
func (w *schemaWriter) allOf(typ string) {
	w.key("allOf")
	w.open('[')
	w.refValue(typ)
	w.close(']')
}

func (w *schemaWriter) oneOf(types []string) {
	w.key("oneOf")
	w.open('[')
	for _, t := range types {
		w.refValue(t)
	}
	w.close(']')
}

func (w *schemaWriter) tuple() {
	w.open('{')
	w.text("type", "array")
	w.key("items")
	w.open('[')
	w.typeOnly("string")
	w.typeOnly("number")
	w.close(']')
	w.close('}')
}

func (w *schemaWriter) sharedMaps() {
	w.key("hashMap")
	w.open('{')
	w.text("description", "Names and values, all of them strings.")
	w.text("type", "object")
	w.key("additionalProperties")
	w.typeOnly("string")
	w.close('}')
	w.key("namedHashMap")
	w.open('{')
	w.text("description", "A hashMap with a name.")
	w.text("type", "object")
	w.key("properties")
	w.open('{')
	w.key("name")
	w.typeOnly("string")
	w.ref("hashMap", "hashMap")
	w.close('}')
	w.key("additionalProperties")
	w.value(false)
	w.key("required")
	w.value([]string{"name", "hashMap"})
	w.close('}')
}

func enumTexts(m *model.Member) []string {
	var out []string
	for _, e := range m.Enum {
		out = append(out, e.Text)
	}
	return out
}
