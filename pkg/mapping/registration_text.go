package mapping

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// plainText is what needs no quotes in any YAML, whatever its version takes for numbers,
// booleans and nulls.
var plainText = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*(?:[_-][A-Za-z0-9]+)*$`)

// yamlText writes s as a YAML string. The specification asks for single quotes where
// there are spaces.
func yamlText(s string) string {
	taken := []string{"true", "false", "yes", "no", "on", "off", "y", "n", "null", "any", "unbounded"}
	switch {
	case plainText.MatchString(s) && !slices.Contains(taken, strings.ToLower(s)):
		return s
	case strings.ContainsFunc(s, unprintable):
		return yamlQuoted(s)
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }

// yamlQuoted writes s in double quotes. YAML's escapes are those of Go but for \x of
// bytes that are no UTF-8, which are replaced.
func yamlQuoted(s string) string {
	return strconv.Quote(strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
}

// yamlComment writes s so that it ends with its line.
func yamlComment(s string) string {
	if strings.ContainsFunc(s, unprintable) {
		return yamlQuoted(s)
	}
	return s
}

// unitWord spells a unit for the keyword units, which is one word without spaces: "ms" is
// milliseconds. "" where the number has none, or VES leaves it open.
func unitWord(symbol string) string {
	if per, ok := strings.CutSuffix(symbol, "/s"); ok && per != "1" && per != "" {
		return unitWord(per) + "PerSecond"
	}
	if bits, ok := strings.CutSuffix(symbol, "bps"); ok {
		return unitWord(bits+"bit") + "PerSecond"
	}
	switch symbol {
	case "", "count", "none", "unstated":
		return ""
	case "%", "percent":
		return "percent"
	case "1/s", "/s":
		return "perSecond"
	case "1/min", "/min":
		return "perMinute"
	case "B", "bytes", "octets":
		return "bytes"
	case "degC", "°C":
		return "degreesCelsius"
	case "cfm", "ft³/min":
		return "cubicFeetPerMinute"
	case "rpm":
		return "revolutionsPerMinute"
	}
	if word, ok := map[string]string{
		"ns": "nanoseconds", "us": "microseconds", "µs": "microseconds", "ms": "milliseconds", "s": "seconds",
		"min": "minutes", "h": "hours", "d": "days",
		"kB": "kilobytes", "MB": "megabytes", "GB": "gigabytes", "TB": "terabytes",
		"KiB": "kibibytes", "MiB": "mebibytes", "GiB": "gibibytes", "TiB": "tebibytes",
		"bit": "bits", "kbit": "kilobits", "Mbit": "megabits", "Gbit": "gigabits",
		"V": "volts", "mV": "millivolts", "W": "watts", "A": "amperes",
	}[symbol]; ok {
		return word
	}
	return symbol // ratio, bits, Hz, MHz, GHz
}
