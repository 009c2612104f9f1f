package main

import "strings"

// writeEvent writes the event and what goes over all its blocks.
func writeEvent(p *printer) {
	bs := blocks()
	p.ln("// Event is one VES event. Header.Domain decides which block is sent; exactly that one must")
	p.ln("// be set (heartbeats may go without). The Use methods and the builders see to it.")
	p.ln("//")
	p.ln("// An Event may be reused: Reset empties it and keeps its memory. It is for one goroutine at a")
	p.ln("// time.")
	p.ln("type Event struct {\nHeader Header")
	for _, b := range bs {
		p.ln("%s *%s", b.Field, b.Go)
	}
	p.ln("\n// Blocks that Reset took out of use, to be handed out again.\nspare struct {")
	for _, b := range bs {
		p.ln("%s *%s", b.Field, b.Go)
	}
	p.ln("}\n}\n")
	p.ln("// Reset empties the event. Slices and blocks keep their memory for reuse, so nothing that")
	p.ln("// was taken from the event may be used any more.")
	p.ln("func (e *Event) Reset() {\ne.Header = Header{}")
	for _, b := range bs {
		p.ln("if e.%s != nil {\ne.%s.reset()\ne.spare.%s, e.%s = e.%s, nil\n}", b.Field, b.Field, b.Field, b.Field, b.Field)
	}
	p.ln("}\n")
	for _, b := range bs {
		since := ""
		if b.Since > 0 {
			since = "; VES has the domain since " + b.Since.String()
		}
		p.ln("// Use%s makes e an event of domain %s with an empty block, reusing memory where it can,", b.Field, b.Name)
		p.ln("// and returns the block%s. The header is untouched but for its domain.", since)
		p.ln("func (e *Event) Use%s() *%s {\ne.Header.Domain = %s", b.Field, b.Go, domainConst(&b))
		p.ln("if e.%s == nil {\ne.%s, e.spare.%s = e.spare.%s, nil\nif e.%s == nil {\ne.%s = &%s{}\n}\n}\nreturn e.%s\n}\n",
			b.Field, b.Field, b.Field, b.Field, b.Field, b.Field, b.Go, b.Field)
	}
	p.ln("// eachBlock calls f for every block that the model knows.")
	p.ln("func (e *Event) eachBlock(f func(d Domain, name string, set bool)) {")
	for _, b := range bs {
		p.ln("f(%s, %q, e.%s != nil)", domainConst(&b), b.Block, b.Field)
	}
	p.ln("}\n")
	p.ln("func (e *Event) encodeBlocks(enc *encoder) {")
	for _, b := range bs {
		p.ln("if e.%s != nil {\nenc.raw(`\"%s\":`)\ne.%s.encode(enc)\n}", b.Field, b.Block, b.Field)
	}
	p.ln("}\n")
	p.ln("func (e *Event) validateBlocks(c *checker) {")
	for _, b := range bs {
		p.ln("if e.%s != nil {\nc.push(%q)\ne.%s.validate(c)", b.Field, b.Block, b.Field)
		switch b.Field {
		case "Measurement", "Heartbeat", "Syslog", "Perf3GPP", "StndDefined", "MobileFlow":
			p.ln("e.%s.check(c) // by hand: what the model cannot say", b.Field)
		}
		p.ln("c.pop()\n}")
	}
	p.ln("}\n")
	p.ln("// decodeBlock reads one block; known is false for a name that no block has.")
	p.ln("func (e *Event) decodeBlock(name string, s *scanner) (ok, known bool) {\nswitch name {")
	for _, b := range bs {
		p.ln("case %q:\ne.%s = &%s{}\nreturn e.%s.decode(s), true", b.Block, b.Field, b.Go, b.Field)
	}
	p.ln("}\nreturn false, false\n}\n")
}

func domainConst(b *block) string {
	switch b.Name {
	case "perf3gpp":
		return "DomainPerf3gpp"
	case "pnfRegistration":
		return "DomainPNFRegistration"
	case "sipSignaling":
		return "DomainSIPSignaling"
	}
	return "Domain" + strings.ToUpper(b.Name[:1]) + b.Name[1:]
}
