package ves

import (
	"fmt"
	"math"
	"strconv"
)

// Opt is a value that may be absent. The zero Opt is absent: nothing is sent for it.
type Opt[T any] struct {
	Value T
	Set   bool
}

// Some returns a present value.
func Some[T any](v T) Opt[T] { return Opt[T]{Value: v, Set: true} }

// KV is one entry of a hashMap. VES hashMaps hold strings only; a Numeric entry is sent as
// the shortest decimal string of Number, in quotes.
type KV struct {
	Key     string
	Text    string
	Number  float64
	Numeric bool
}

// Value returns what is sent for the entry, without the quotes.
func (kv *KV) Value() string {
	if !kv.Numeric {
		return kv.Text
	}
	return string(appendNumber(nil, kv.Number))
}

// HashMap is an ordered VES hashMap: entries are sent in this order. Keys must be unique;
// Set and SetNumber see to it, Validate reports it.
type HashMap []KV

// Set adds key or changes its value.
func (h *HashMap) Set(key, value string) { *h.entry(key) = KV{Key: key, Text: value} }

// SetNumber adds key or changes its value, to be sent as a decimal string. NaN and infinity
// are refused with a *ValueError and change nothing.
func (h *HashMap) SetNumber(key string, x float64) error {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return &ValueError{Path: key, Rule: ruleFinite, Value: formatFloat(x)}
	}
	*h.entry(key) = KV{Key: key, Number: x, Numeric: true}
	return nil
}

// Get returns the value sent for key.
func (h HashMap) Get(key string) (string, bool) {
	for i := range h {
		if h[i].Key == key {
			return h[i].Value(), true
		}
	}
	return "", false
}

func (h *HashMap) entry(key string) *KV {
	for i := range *h {
		if (*h)[i].Key == key {
			return &(*h)[i]
		}
	}
	*h = append(*h, KV{})
	return &(*h)[len(*h)-1]
}

// NamedHashMap is one item of additionalMeasurements.
type NamedHashMap struct {
	Name    string
	HashMap HashMap
}

// RawObject is a complete JSON object, sent as it is. Validate checks that it is one.
type RawObject []byte

// ValueError says why a value was refused. The event is unchanged.
type ValueError struct {
	Path  string // path of the field
	Rule  string // what the value must be
	Value string // what it was
}

// Error implements error.
func (e *ValueError) Error() string {
	return fmt.Sprintf("%s: %s, got %s", e.Path, e.Rule, e.Value)
}

// The rules of ValueError.
const (
	ruleFinite   = "must be a finite number"
	ruleInteger  = "must be an integer of at most 2^53"
	ruleKind     = "takes another kind of value"
	ruleOwner    = "is no member of what it was set on"
	ruleUnmapped = "cannot be set by path"
	ruleBool     = `must be "true" or "false"`
	ruleEmpty    = "must not be empty"
)

// maxExactInteger is the largest magnitude up to which float64 holds every integer.
const maxExactInteger = 1 << 53

func formatFloat(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
