package ves

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// strictEvent is what the strict rules need of one event: raw values of header members and
// the blocks that are there.
type strictEvent struct {
	header    map[string]string
	blocks    []string
	hasHeader bool
}

// The header members that strict rules look at.
func noted(name string) bool {
	switch name {
	case "domain", "eventId", "eventName", "sourceName", "reportingEntityName", "startEpochMicrosec",
		"lastEpochMicrosec", "stndDefinedNamespace":
		return true
	}
	return false
}

// note remembers a member of the event or header that is about to be read.
func (c *jsonChecker) note(t uint8, name string) {
	if !c.options.Strict {
		return
	}
	if t == eventType {
		if name == "commonEventHeader" {
			c.event.hasHeader = true
		} else {
			c.event.blocks = append(c.event.blocks, name)
		}
		return
	}
	if !noted(name) {
		return
	}
	look := c.scanner // reads ahead; the walk itself goes on from here
	look.keys = nil
	b := look.space()
	start := look.pos
	if !look.skip() {
		return
	}
	if c.event.header == nil {
		c.event.header = make(map[string]string, 8)
	}
	v := string(look.data[start:look.pos])
	if b == '"' {
		v = look.text(span{start: start + 1, end: look.pos - 1, escaped: strings.IndexByte(v, '\\') >= 0})
	}
	c.event.header[name] = v
}

// checkStrict judges the event that was just read; the path stands at it.
func (c *jsonChecker) checkStrict() {
	if !c.event.hasHeader {
		return // told as a missing member already
	}
	h := c.event.header
	c.path = append(c.path, step{key: []byte("commonEventHeader")})
	if id, ok := h["eventId"]; ok && (id == "" || strings.IndexFunc(id, unicode.IsSpace) >= 0) {
		c.violate("eventId", CodeEventID, "must not be empty or contain white space", strconv.Quote(shorten([]byte(id))), "use letters, digits, - and _")
	}
	for _, name := range [...]string{"eventName", "sourceName", "reportingEntityName"} {
		if s, ok := h[name]; ok && s == "" {
			c.violate(name, CodeEmpty, "must not be empty", "", "")
		}
	}
	c.checkEpochs(h)
	domain := Domain(h["domain"])
	if domain == DomainStndDefined && h["stndDefinedNamespace"] == "" {
		c.violate("stndDefinedNamespace", CodeNamespace, "is required by collectors for domain stndDefined", "", "name the namespace, e.g. 3GPP-FaultSupervision")
	}
	if c.first == "" {
		c.first, c.firstNS = h["domain"], h["stndDefinedNamespace"]
	} else if ns := h["stndDefinedNamespace"]; domain == DomainStndDefined && h["domain"] == c.first && ns != c.firstNS && ns != "" {
		c.violate("stndDefinedNamespace", CodeMixedBatch, "must be the namespace of the batch's first event, "+shorten([]byte(c.firstNS)),
			strconv.Quote(shorten([]byte(ns))), "send one batch per namespace")
	} else if h["domain"] != c.first {
		c.violate("domain", CodeMixedBatch, "must be the domain of the batch's first event, "+shorten([]byte(c.first)),
			strconv.Quote(shorten([]byte(domain))), "send one batch per domain")
	}
	c.up()
	c.checkBlockDomain(domain)
}

func (c *jsonChecker) checkEpochs(h map[string]string) {
	var at [2]float64
	for i, name := range [...]string{"startEpochMicrosec", "lastEpochMicrosec"} {
		s, ok := h[name]
		x, err := strconv.ParseFloat(s, 64)
		if !ok || err != nil {
			return // missing or no number: told already
		}
		if x < minEpoch || x >= maxEpoch {
			c.violate(name, CodeEpoch, "must be microseconds since 1970, between the years 2000 and 2100", shorten([]byte(s)), epochRemedy(x))
		}
		at[i] = x
	}
	if at[1] < at[0] {
		c.violate("lastEpochMicrosec", CodeEpoch, "must not be before startEpochMicrosec", h["lastEpochMicrosec"], "")
	}
}

func epochRemedy(x float64) string {
	switch {
	case x >= minEpoch/1e3 && x < maxEpoch/1e3:
		return "this looks like milliseconds: multiply by 1000"
	case x >= minEpoch/1e6 && x < maxEpoch/1e6:
		return "this looks like seconds: multiply by 1000000"
	case x >= minEpoch*1e3:
		return "this looks like nanoseconds: divide by 1000"
	}
	return "set the source's clock"
}

// checkBlockDomain ties blocks to the domain: exactly its own, which only a heartbeat may
// lack.
func (c *jsonChecker) checkBlockDomain(domain Domain) {
	defs := blockDefs(c.schema.version)
	i := slices.IndexFunc(defs, func(b blockDef) bool { return b.domain == domain })
	if i < 0 {
		return // told as an unknown domain already
	}
	own := defs[i]
	for _, b := range c.event.blocks {
		if b != own.block {
			c.violate(b, CodeBlock, "does not belong to domain "+string(domain), "", "send one event per domain")
		}
	}
	if !own.optional && !slices.Contains(c.event.blocks, own.block) {
		c.violate(own.block, CodeBlock, "is required by domain "+string(domain), "", "add the block of the domain")
	}
}
