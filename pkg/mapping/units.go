package mapping

import (
	"fmt"
	"slices"
	"strings"
)

// unit is a unit of a dimension as a fraction of that dimension's base: base = x·num/den.
// Fractions rather than floats, so that 250 ms is 0.25 s and nothing beside it.
type unit struct {
	dimension string
	num, den  int64
}

// units returns the units that an expression may name, and those of VES fields. The
// decimal and the binary prefixes are told apart: kB is 1000 bytes, KiB is 1024.
func units() map[string]unit {
	u := map[string]unit{
		"ns": {"time", 1, 1_000_000_000}, "us": {"time", 1, 1_000_000}, "µs": {"time", 1, 1_000_000}, "ms": {"time", 1, 1000},
		"s": {"time", 1, 1}, "min": {"time", 60, 1}, "h": {"time", 3600, 1}, "d": {"time", 86400, 1},
		"ratio": {"ratio", 1, 1}, "percent": {"ratio", 1, 100}, "%": {"ratio", 1, 100}, "s/s": {"ratio", 1, 1}, "ms/s": {"ratio", 1, 1000},
		"MHz": {"frequency", 1_000_000, 1}, "Hz": {"frequency", 1, 1}, "GHz": {"frequency", 1_000_000_000, 1},
		"1/s": {"rate", 1, 1}, "/s": {"rate", 1, 1}, "1/min": {"rate", 1, 60}, "/min": {"rate", 1, 60},
		"count": {"count", 1, 1},
		"degC":  {"temperature", 1, 1}, "°C": {"temperature", 1, 1}, "V": {"voltage", 1, 1}, "mV": {"voltage", 1, 1000}, "W": {"power", 1, 1}, "A": {"current", 1, 1}, "cfm": {"flow", 1, 1}, "ft³/min": {"flow", 1, 1},
	}
	for name, bytes := range map[string]int64{
		"B": 1, "bytes": 1, "octets": 1,
		"kB": 1000, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000,
		"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
	} {
		u[name] = unit{"data", bytes, 1}
		u[name+"/s"] = unit{"data rate", bytes, 1}
	}
	for name, bits := range map[string]int64{"bit": 1, "bits": 1, "kbit": 1000, "Mbit": 1_000_000, "Gbit": 1_000_000_000} {
		u[name] = unit{"data", bits, 8}
		u[name+"/s"] = unit{"data rate", bits, 8}
	}
	for name, bits := range map[string]int64{"bps": 1, "kbps": 1000, "Mbps": 1_000_000, "Gbps": 1_000_000_000} {
		u[name] = unit{"data rate", bits, 8}
	}
	return u
}

// scale converts a number from one unit to another as x·mul/div.
type scale struct{ mul, div float64 }

func (s scale) apply(x float64) float64 {
	// Dividing by 1000 rather than multiplying by 0.001 gives the nearest decimal.
	if s.mul != 1 {
		x *= s.mul
	}
	if s.div != 1 {
		x /= s.div
	}
	return x
}

func noScale() scale { return scale{1, 1} }

// convert finds the scale between two units by name.
func convert(from, to string) (scale, error) {
	table := units()
	a, ok := table[from]
	if !ok {
		return scale{}, fmt.Errorf("unknown unit %q", from)
	}
	b, ok := table[to]
	if !ok {
		return scale{}, fmt.Errorf("unit %q cannot be converted to", to)
	}
	if a.dimension != b.dimension {
		return scale{}, fmt.Errorf("unit %q (%s) cannot become %q (%s)", from, a.dimension, to, b.dimension)
	}
	// Reducing each pair first keeps the products inside int64 for every pair of the table.
	n1, d1 := reduce(a.num, b.num)
	n2, d2 := reduce(b.den, a.den)
	mul, div := reduce(n1*n2, d1*d2)
	return scale{float64(mul), float64(div)}, nil
}

func reduce(a, b int64) (int64, int64) {
	x, y := a, b
	for y != 0 {
		x, y = y, x%y
	}
	return a / x, b / x
}

// unitNames lists the units of one dimension (all where it is ""), for remedies.
func unitNames(dimension string) string {
	var names []string
	for n, u := range units() {
		if dimension == "" || u.dimension == dimension {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
