package ves

import (
	"slices"
	"strconv"
	"strings"
)

// extras are the members of an event that 5.4.1 has no place for.
type extras struct {
	entries []extra
}

// extra is one of them: group is the path of what it was told in, "" for the block itself.
type extra struct {
	group, name, value string
}

func (m *extras) add(at, name, value string) {
	m.entries = append(m.entries, extra{group: strings.TrimSuffix(at, "."), name: name, value: value})
}

func (m *extras) text(at, name, s string) {
	if s != "" {
		m.add(at, name, s)
	}
}

func (m *extras) number(at, name string, o Opt[float64]) {
	if o.Set {
		m.add(at, name, string(appendNumber(nil, o.Value)))
	}
}

// unfit adds the entries of a hashMap whose values are not the numbers that 5.4.1 wants.
func (m *extras) unfit(at string, h HashMap, integer bool) {
	for i := range h {
		if v := h[i].Value(); !fits5(v, integer) {
			m.add(at, h[i].Key, v)
		}
	}
}

// fits5 says whether a hashMap's value can stand as a JSON number.
func fits5(s string, integer bool) bool {
	return isNumber(s) && (!integer || !strings.ContainsAny(s, ".eE"))
}

// path is how Unsupported tells of one.
func (x *extra) path() string {
	if x.group == "" {
		return x.name
	}
	return x.group + "." + x.name
}

func (e *Event) extras5() *extras {
	m := &extras{}
	e.Header.extra5(m, "")
	e.extraBlocks5(m)
	return m
}

// Unsupported lists what the event tells and version v has no member for, by paths such as
// nfVendorName or cpuUsageArray/cpu0.cpuDemandMhz; nil where v can tell it all. For 5.4.1
// they are sent all the same, as text in the block's further fields (a heartbeat without a
// block has none, so that they are lost there). A domain that v lacks is an error of Validate
// and AppendJSON.
func (e *Event) Unsupported(v Version) []string {
	var out []string
	switch {
	case v == V5_4_1:
		for _, x := range e.extras5().entries {
			out = append(out, x.path())
		}
	case v < V7_2 && e.Header.StndDefinedNamespace != "":
		out = append(out, "stndDefinedNamespace")
	}
	return out
}

// The eventName abbreviations of the measurement domain.
const (
	abbreviation5 = "Mfvs_"
	abbreviation7 = "Measurement_"
)

// to5 gives the header 5.4.1's names of the measurement domain.
func (h *Header) to5() {
	if h.Domain != DomainMeasurement {
		return
	}
	h.Domain = DomainMeasurementsForVFScaling
	if s, ok := strings.CutPrefix(h.EventName, abbreviation7); ok {
		h.EventName = abbreviation5 + s
	}
}

// from5 undoes to5 and sets the versions that 5.4.1 did not tell.
func (h *Header) from5() {
	if h.Domain == DomainMeasurementsForVFScaling {
		h.Domain = DomainMeasurement
		if s, ok := strings.CutPrefix(h.EventName, abbreviation5); ok {
			h.EventName = abbreviation7 + s
		}
	}
	h.SetDefaults()
}

func (e *Event) encode5(enc *encoder) {
	enc.more = e.extras5()
	h := e.Header
	h.to5()
	h.encode5(enc)
	e.encodeBlocks5(enc)
}

// pair5 writes one {"name":…,"value":…}.
func (e *encoder) pair5(name, value string) {
	e.raw("{")
	e.text(`"name":`, name)
	e.text(`"value":`, value)
	e.end('}')
}

// pairs5 writes a block's further fields, a hashMap, as an array of names and values, with
// the extras behind, save those whose name the event itself uses.
func (e *encoder) pairs5(key string, h HashMap) {
	more := e.more.entries
	if len(h)+len(more) == 0 {
		return
	}
	e.raw(key)
	e.raw("[")
	for i := range h {
		e.checkNumber5(&h[i])
		e.pair5(h[i].Key, h[i].Value())
	}
	for i := range more {
		if _, taken := h.Get(more[i].path()); !taken {
			e.pair5(more[i].path(), more[i].value)
		}
	}
	e.end(']')
}

// checkNumber5 refuses what is no number although the entry says so.
func (e *encoder) checkNumber5(kv *KV) {
	if kv.Numeric && kv.Number-kv.Number != 0 {
		e.fail(kv.Key)
	}
}

// groups5 writes named hashMaps as named arrays of fields. With extension, the extras that
// were told inside arrays and objects become groups of their own and leave the rest to
// additionalFields.
func (e *encoder) groups5(key string, gs []NamedHashMap, extension bool) {
	var more []extra
	if extension {
		e.more.entries = slices.Clone(e.more.entries)
		e.more.entries = slices.DeleteFunc(e.more.entries, func(x extra) bool {
			if x.group != "" {
				more = append(more, x)
			}
			return x.group != ""
		})
	}
	if len(gs)+len(more) == 0 {
		return
	}
	e.raw(key)
	e.raw("[")
	for i := range gs {
		e.raw("{")
		e.text(`"name":`, gs[i].Name)
		e.raw(`"arrayOfFields":[`)
		for k := range gs[i].HashMap {
			kv := &gs[i].HashMap[k]
			e.checkNumber5(kv)
			e.pair5(kv.Key, kv.Value())
		}
		e.end(']')
		e.end('}')
	}
	for len(more) > 0 {
		group := more[0].group
		e.raw("{")
		e.text(`"name":`, group)
		e.raw(`"arrayOfFields":[`)
		for len(more) > 0 && more[0].group == group {
			e.pair5(more[0].name, more[0].value)
			more = more[1:]
		}
		e.end(']')
		e.end('}')
	}
	e.end(']')
}

// features5 writes the uses of features that are integers; extras tells the others.
func (e *encoder) features5(key string, h HashMap) {
	if len(h) == 0 {
		return
	}
	e.raw(key)
	e.raw("[")
	for i := range h {
		if v := h[i].Value(); fits5(v, true) {
			e.raw("{")
			e.text(`"featureIdentifier":`, h[i].Key)
			e.raw(`"featureUtilization":` + v + ",")
			e.end('}')
		}
	}
	e.end(']')
}

// tuples5 writes a hashMap as an array of [name, number]; extras tells what is no number.
func (e *encoder) tuples5(key string, h HashMap) {
	if len(h) == 0 {
		return
	}
	e.raw(key)
	e.raw("[")
	for i := range h {
		if v := h[i].Value(); fits5(v, false) {
			e.raw("[")
			e.text("", h[i].Key)
			e.raw(v + ",")
			e.end(']')
		}
	}
	e.end(']')
}

// pipes5 writes a hashMap as text, name1=value1|name2=value2, the way 28.4.1 has it for
// syslog, with the extras behind. A bar or backslash inside is escaped by a backslash, as is
// an equals sign in a name.
func (e *encoder) pipes5(key string, h HashMap) {
	var b strings.Builder
	name, value := strings.NewReplacer(`\`, `\\`, `|`, `\|`, `=`, `\=`), strings.NewReplacer(`\`, `\\`, `|`, `\|`)
	put := func(k, v string) {
		if b.Len() > 0 {
			b.WriteByte('|')
		}
		b.WriteString(name.Replace(k) + "=" + value.Replace(v))
	}
	for i := range h {
		e.checkNumber5(&h[i])
		put(h[i].Key, h[i].Value())
	}
	for i := range e.more.entries {
		x := &e.more.entries[i]
		if _, taken := h.Get(x.path()); !taken {
			put(x.path(), x.value)
		}
	}
	e.optText(key, b.String())
}

// encode5 writes one counter for each entry of the hashMap; one without entries, which the
// schema allows, becomes a counter without a name.
func (x *Counter) encode5(e *encoder) {
	entries := x.HashMap
	if len(entries) == 0 {
		entries = HashMap{{}}
	}
	for i := range entries {
		kv := &entries[i]
		e.checkNumber5(kv)
		e.raw("{")
		e.text(`"criticality":`, string(x.Criticality))
		e.text(`"name":`, kv.Key)
		e.text(`"thresholdCrossed":`, x.ThresholdCrossed)
		e.text(`"value":`, kv.Value())
		e.end('}')
	}
}

// decode5 reads a counter of one name and value.
func (x *Counter) decode5(s *scanner) bool {
	x.HashMap = HashMap{{}}
	ok := s.object(func(name []byte) bool {
		switch string(name) {
		case "criticality":
			return decodeText(s, &x.Criticality)
		case "name":
			return decodeText(s, &x.HashMap[0].Key)
		case "thresholdCrossed":
			return decodeText(s, &x.ThresholdCrossed)
		case "value":
			return decodeText(s, &x.HashMap[0].Text)
		}
		return s.lose(name)
	})
	if x.HashMap[0] == (KV{}) {
		x.HashMap = HashMap{}
	}
	return ok
}

// encode5 writes an instance. 5.4.1 wants an objectInstance and has no nested jsonObject: that
// one becomes an instance of its own, {"jsonObject":…}, under the same keys.
func (x *JSONObjectInstance) encode5(e *encoder) {
	if len(x.ObjectInstance) > 0 || x.JSONObject == nil {
		e.raw("{")
		if len(x.ObjectInstance) > 0 {
			e.optRaw(`"objectInstance":`, x.ObjectInstance)
		} else {
			e.raw(`"objectInstance":{},`)
		}
		x.encodeRest5(e)
	}
	if x.JSONObject != nil {
		e.raw(`{"objectInstance":{"jsonObject":`)
		x.JSONObject.encode5(e)
		e.end('}')
		x.encodeRest5(e)
	}
}

func (x *JSONObjectInstance) encodeRest5(e *encoder) {
	e.optInteger(`"objectInstanceEpochMicrosec":`, x.ObjectInstanceEpochMicrosec)
	if len(x.ObjectKeys) > 0 {
		e.raw(`"objectKeys":[`)
		for i := range x.ObjectKeys {
			x.ObjectKeys[i].encode5(e)
		}
		e.end(']')
	}
	e.end('}')
}

// uniqueNames are the names of a hashMap so far, each with the suffix to try next. A list of
// pairs may tell a name twice, a hashMap may not: the second k becomes k_2.
type uniqueNames map[string]int

func (names uniqueNames) add(dst *HashMap, kv KV) {
	key := kv.Key
	if n := names[key]; n > 0 {
		for ; names[kv.Key] > 0; n++ {
			kv.Key = key + "_" + strconv.Itoa(n)
		}
		names[key] = n // no name is tried twice, so that no input costs quadratic time
	}
	names[kv.Key] = 2
	*dst = append(*dst, kv)
}

// decodePairs5 reads an array of objects with a name and a value, text or number.
func (s *scanner) decodePairs5(dst *HashMap, name, value string) bool {
	names := uniqueNames{}
	*dst = HashMap{}
	return s.array(func(int) bool {
		var kv KV
		ok := s.object(func(member []byte) bool {
			switch string(member) {
			case name:
				return decodeText(s, &kv.Key)
			case value:
				return s.decodeTextOrNumber(&kv.Text)
			}
			return s.lose(member)
		})
		names.add(dst, kv)
		return ok
	})
}

func (s *scanner) decodeGroups5(dst *[]NamedHashMap) bool {
	return s.array(func(int) bool {
		g := push(dst)
		return s.object(func(member []byte) bool {
			switch string(member) {
			case "name":
				return decodeText(s, &g.Name)
			case "arrayOfFields":
				return s.decodePairs5(&g.HashMap, "name", "value")
			}
			return s.lose(member)
		})
	})
}

// decodeTuples5 reads an array of [name, number]; what stands behind them is lost.
func (s *scanner) decodeTuples5(dst *HashMap) bool {
	names := uniqueNames{}
	*dst = HashMap{}
	return s.array(func(int) bool {
		var kv KV
		n := 0
		ok := s.array(func(i int) bool {
			n = i + 1
			switch i {
			case 0:
				return decodeText(s, &kv.Key)
			case 1:
				return s.decodeTextOrNumber(&kv.Text)
			}
			return s.lose([]byte("third part of a pair"))
		})
		if n > 0 {
			names.add(dst, kv)
		}
		return ok
	})
}

// decodePipes5 reads name1=value1|name2=value2. Text of another form is kept whole, under the
// name additionalFields.
func (s *scanner) decodePipes5(dst *HashMap) bool {
	var text string
	ok := decodeText(s, &text)
	if text == "" {
		return ok
	}
	names := uniqueNames{}
	for _, part := range splitEscaped(text, '|') {
		kv := splitEscaped(part, '=')
		if len(kv) < 2 {
			*dst = HashMap{{Key: "additionalFields", Text: text}}
			return ok
		}
		names.add(dst, KV{Key: unescape5(kv[0]), Text: unescape5(part[len(kv[0])+1:])})
	}
	return ok
}

// splitEscaped cuts s at each sep that has no backslash before it.
func splitEscaped(s string, sep byte) []string {
	var out []string
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case sep:
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	return append(out, s[start:])
}

// unescape5 takes the backslash off bars, equals signs and backslashes, and no others: most
// writers of 5.4.1 do not escape.
func unescape5(s string) string {
	return strings.NewReplacer(`\\`, `\`, `\|`, `|`, `\=`, `=`).Replace(s)
}
