package messagerouter

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/vesbridge/vesbridge/pkg/outbox"
)

// appendCambria writes keyLength.messageLength.key message for each record; lengths are
// in bytes. The key is the source, which keeps its events in one partition.
func appendCambria(b []byte, recs []outbox.Record) []byte {
	for i := range recs {
		b = strconv.AppendInt(b, int64(len(recs[i].SourceName)), 10)
		b = append(b, '.')
		b = strconv.AppendInt(b, int64(len(recs[i].Body)), 10)
		b = append(b, '.')
		b = append(b, recs[i].SourceName...)
		b = append(b, recs[i].Body...)
	}
	return b
}

// appendJSON writes [{…},{…}] as Message Router's reader wants it: compact, because white
// space after an object ends its reading without a word, and no newline at the end.
func appendJSON(b []byte, recs []outbox.Record) []byte {
	b = append(b, '[')
	for i := range recs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, recs[i].Body...)
	}
	return append(b, ']')
}

// ascii returns recs with bodies that mean the same in any character set: Message Router
// makes strings of its input with the default one of its JVM, which turns what it does
// not know into question marks. recs itself is returned where there is nothing to do, and
// is never changed.
func ascii(recs []outbox.Record) []outbox.Record {
	var out []outbox.Record
	for i := range recs {
		if isASCII(recs[i].Body) {
			continue
		}
		if out == nil {
			out = append(out, recs...)
		}
		out[i].Body = escape(recs[i].Body)
	}
	if out == nil {
		return recs
	}
	return out
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// escape writes \uXXXX (RFC 8259 §7) for what is not ASCII; in JSON that is in strings
// only.
func escape(b []byte) []byte {
	const hex = "0123456789abcdef"
	out := make([]byte, 0, len(b)+len(b)/2)
	unit := func(u rune) {
		out = append(out, '\\', 'u', hex[u>>12&0xf], hex[u>>8&0xf], hex[u>>4&0xf], hex[u&0xf])
	}
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		b = b[size:]
		switch {
		case r < utf8.RuneSelf:
			out = append(out, byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			unit(high)
			unit(low)
		default:
			unit(r)
		}
	}
	return out
}
