package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vesbridge/vesbridge/pkg/ves/internal/model"
)

func unitSymbol(u model.Unit) string {
	return map[model.Unit]string{
		model.Seconds: "s", model.Milliseconds: "ms", model.Microseconds: "µs", model.Nanoseconds: "ns",
		model.MsPerSecond: "ms/s", model.Kibibytes: "KiB", model.Kilobytes: "kB", model.KBPerSecond: "kB/s",
		model.Gigabytes: "GB", model.Bytes: "B", model.BytesPerSec: "B/s", model.Percent: "%", model.PerSecond: "1/s",
		model.Mbps: "Mbit/s", model.BitsPerSecond: "bit/s", model.Megahertz: "MHz", model.Celsius: "°C",
		model.RPM: "rpm", model.Watts: "W", model.CFM: "ft³/min",
	}[u]
}

// writeFields writes every path of every domain.
func writeFields(p *printer) {
	p.ln("var fieldTable7 = [...]domainFields{")
	writeDomains(p, model.Domains7(), model.Types7(), model.V7_0_1, model.Any)
	p.ln("}\n")
	p.ln("var fieldTable5 = [...]domainFields{")
	writeDomains(p, model.Domains5(), model.Types5(), model.V5_4_1, model.V7_0_1)
	p.ln("}")
}

func writeDomains(p *printer, ds []model.Domain, ts []model.Type, first, until model.Version) {
	w := fieldWriter{p: p, types: map[string]model.Type{}, owners: map[string]*goType{}}
	for _, t := range ts {
		w.types[t.Name] = t
	}
	if first >= model.V7_0_1 {
		for i := range p.types {
			if g := &p.types[i]; reachable(g) {
				w.owners[g.Name] = g
			}
		}
	}
	for _, d := range ds {
		since := max(first, d.Since)
		p.ln("{domain: %q, since: %s, until: %s, fields: []Field{", d.Name, since.Ident(), until.Ident())
		w.five = nil
		if old, ok := model.Domain5(d.Name); ok && first >= model.V7_0_1 {
			w.five = map[string]string{}
			w.pair(d.Block, "", old.Block, "", nil)
		}
		w.write(d.Block, "", since, until, nil)
		p.ln("}},")
	}
}

type fieldWriter struct {
	p      *printer
	types  map[string]model.Type
	owners map[string]*goType
	five   map[string]string // paths of the domain with what 5.4.1 calls them
}

// pair notes the paths of a 7.x type that the 5.4.1 type told too.
func (w *fieldWriter) pair(typ, prefix, typ5, prefix5 string, above []string) {
	old, ok := model.Type5(typ)
	if !ok || old.Name != typ5 {
		return
	}
	for _, m := range w.types[typ].Members {
		m5, ok := model.Member5(typ, m.Name, &old)
		if !ok {
			continue
		}
		w.five[prefix+m.Name] = prefix5 + m5.Name
		if m.Ref != "" && !slices.Contains(above, m.Ref) {
			w.pair(m.Ref, prefix+m.Name+".", m5.Ref, prefix5+m5.Name+".", append(above[:len(above):len(above)], typ, m.Ref))
		}
	}
}

// write writes the members of a type below prefix, narrowing the version range on the way.
func (w *fieldWriter) write(typ, prefix string, since, until model.Version, above []string) {
	for _, m := range w.types[typ].Members {
		s, u := max(since, m.Since), m.Until
		if u == model.Any || until != model.Any && until < u {
			u = until
		}
		w.field(typ, prefix+m.Name, m, s, u)
		if m.Ref == "" || slices.Contains(above, m.Ref) || len(w.types[m.Ref].Members) == 0 {
			continue // a jsonObject contains itself
		}
		w.write(m.Ref, prefix+m.Name+".", s, u, append(above[:len(above):len(above)], typ, m.Ref))
	}
}

func (w *fieldWriter) field(typ, path string, m model.Member, since, until model.Version) {
	var b strings.Builder
	fmt.Fprintf(&b, "{Name: %q, Path: %q, Kind: %s, Doc: %q, since: %s", m.Name, path, m.Kind, m.Doc, since.Ident())
	if m.Unit != model.None {
		fmt.Fprintf(&b, ", Unit: %s", m.Unit)
	}
	if m.Required {
		b.WriteString(", Required: true")
	}
	if len(m.Enum) > 0 && m.Kind == model.Enum {
		b.WriteString(", Enum: []string{")
		for _, v := range m.Enum {
			fmt.Fprintf(&b, "%q,", v.Text)
		}
		b.WriteString("}")
	}
	if m.Kind == model.Items {
		for _, k := range w.types[m.Ref].Members {
			if k.Key && k.In(latest) || k.Key && since < model.V7_0_1 {
				fmt.Fprintf(&b, ", Key: %q", k.Name)
				break
			}
		}
	}
	if p5 := w.five[path]; p5 != "" {
		fmt.Fprintf(&b, ", path5: %q", p5)
	}
	if until != model.Any {
		fmt.Fprintf(&b, ", until: %s", until.Ident())
	}
	if g := w.owners[typ]; g != nil && m.In(latest) {
		for i, f := range g.Fields {
			if f.Name == m.Name && f.dynamic() && settableRef(&f) {
				fmt.Fprintf(&b, ", owner: %s, member: %d", ownerName(g), i)
			}
		}
	}
	b.WriteString("},")
	w.p.ln("%s", b.String())
}

// settableRef leaves out what only typed code can build.
func settableRef(f *goField) bool {
	return f.Ref != "jsonObject"
}

// writeTables writes the tables that CheckJSON walks, one tree per version.
func writeTables(p *printer) {
	for _, v := range model.Versions() {
		ts := typesOf(v)
		index := map[string]int{}
		for i, t := range ts {
			index[t.Name] = i
		}
		p.ln("var schema%s = schema{version: %s, types: []typeDef{", strings.TrimPrefix(v.Ident(), "V"), v.Ident())
		for _, t := range ts {
			p.ln("{name: %q, open: %v, members: []memberDef{", t.Name, t.Open)
			var mask uint64
			for i, m := range t.Members {
				if m.Required {
					mask |= 1 << i
				}
				writeMember(p, &m, v, index)
			}
			if len(t.Members) > 64 {
				panic("gen: " + t.Name + " has more members than a mask holds")
			}
			p.ln("}, required: %#x},", mask)
		}
		p.ln("}}\n")
	}
	for _, f := range []struct {
		name string
		ds   []model.Domain
	}{{"5", model.Domains5()}, {"7", model.Domains7()}} {
		p.ln("var blocks%s = []blockDef{", f.name)
		for _, d := range f.ds {
			p.ln("{domain: %q, block: %q, abbreviation: %q, optional: %v},", d.Name, d.Block, d.Abbreviation, d.BlockOptional)
		}
		p.ln("}\n")
	}
}

func writeMember(p *printer, m *model.Member, v model.Version, index map[string]int) {
	var b strings.Builder
	fmt.Fprintf(&b, "{name: %q, kind: %s", m.Name, m.Kind)
	refs := m.Alternatives
	if m.Ref != "" {
		refs = []string{m.Ref}
	}
	if len(refs) > 0 {
		b.WriteString(", refs: []uint8{")
		for _, r := range refs {
			i, ok := index[r]
			if !ok {
				panic("gen: no type " + r + " in " + v.String())
			}
			fmt.Fprintf(&b, "%d,", i)
		}
		b.WriteString("}")
	}
	if len(m.Enum) > 0 {
		fmt.Fprintf(&b, ", enum: %#v", enumTexts(m))
	}
	if m.Format != "" {
		fmt.Fprintf(&b, ", format: %q", m.Format)
	}
	b.WriteString("},")
	p.ln("%s", b.String())
}

// typesOf returns the types of one version with only its members; event comes first.
func typesOf(v model.Version) []model.Type {
	all := model.Types7()
	if v < model.V7_0_1 {
		all = model.Types5()
	}
	var out []model.Type
	for _, t := range all {
		if t.Since > v {
			continue
		}
		var ms []model.Member
		for _, m := range t.Members {
			if m.In(v) {
				m.Enum = slices.DeleteFunc(slices.Clone(m.Enum), func(e model.Value) bool { return e.Since > v })
				ms = append(ms, m)
			}
		}
		t.Members = ms
		out = append(out, t)
	}
	return out
}
