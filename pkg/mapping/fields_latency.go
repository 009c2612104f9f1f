package mapping

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/vesbridge/vesbridge/pkg/ves"
)

var selectorName = regexp.MustCompile(`^\s*([a-zA-Z_:][a-zA-Z0-9_:]*)(.*)$`)

// latency compiles latencyDistribution: {histogram: SELECTOR, unit: ms}, classic or
// native, or {buckets: EXPR, unit: ms} with the cumulative increase by le.
func (b *builder) latency(f *ves.Field, e entry) {
	bl := &block{kind: latencyBlock, name: f.Path, field: f, from: []string{"le"}}
	bl.overflow = b.line(f.Path, e.key)
	var histogram, buckets, unit text
	if e.value.Kind != yaml.MappingNode {
		b.addf(e.value, "write {histogram: NAME_bucket, unit: ms}", "%s is not a histogram", f.Path)
		return
	}
	b.keys(e.value, f.Path, map[string]func(*yaml.Node){
		"histogram": func(n *yaml.Node) { histogram, _ = b.scalar(n, "histogram") },
		"buckets":   func(n *yaml.Node) { buckets, _ = b.scalar(n, "buckets") },
		"unit":      func(n *yaml.Node) { unit, _ = b.scalar(n, "unit") },
	})
	if (histogram.Value == "") == (buckets.Value == "") {
		b.addf(e.value, "give one of histogram and buckets", "%s needs a histogram", f.Path)
		return
	}
	if unit.Value == "" {
		b.addf(e.value, "add unit: ms or unit: s, as the exporter has it", "%s does not say the unit of the bucket bounds", f.Path)
		return
	}
	sc, err := convert(unit.Value, "ms")
	if err != nil {
		b.addf(e.value, "say the unit of the bucket bounds: unit: ms or unit: s", "unit of %s: %v", f.Path, err)
		return
	}
	bl.latency = sc
	if buckets.Value != "" {
		bl.classic = b.compile(buckets, f.Path, bl.from, 0)
	} else {
		b.histogram(bl, histogram)
	}
	b.m.blocks = append(b.m.blocks, bl)
}

// histogram compiles a histogram by name in both of its forms: an exporter may give
// either, and a mapping need not care which.
func (b *builder) histogram(bl *block, sel text) {
	sel.Value = b.expand(sel.Value)
	classic, native := sel.Value, ""
	if m := selectorName.FindStringSubmatch(sel.Value); m != nil {
		base := strings.TrimSuffix(m[1], "_bucket")
		classic, native = base+"_bucket"+m[2], base+m[2]
	}
	bl.classic = b.compile(text{"sum(increase(" + classic + "[$interval] anchored))", sel.Line}, bl.name, bl.from, 0)
	if hc, ok := b.comp.(HistogramCompiler); ok && native != "" && bl.classic != nil {
		q, err := hc.CompileHistogramIncrease(native, CompileOptions{By: b.m.Entity, Interval: b.m.Interval, Scrape: b.m.Scrape})
		if err != nil {
			b.problems.Addf(b.file, sel.Line, "write a plain selector, as name{label=\"x\"}", "%s: %v", bl.name, err)
			return
		}
		bl.native = q
	}
}
