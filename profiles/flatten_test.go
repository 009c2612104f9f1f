package profiles_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// told is one event as a reader of its JSON sees it.
type told struct {
	header map[string]any
	fields map[string]any
	body   []byte
}

func readEvent(t testing.TB, body []byte) told {
	t.Helper()
	var envelope struct {
		Event struct {
			CommonEventHeader map[string]any `json:"commonEventHeader"`
			MeasurementFields map[string]any `json:"measurementFields"`
		} `json:"event"`
	}
	require.NoError(t, json.Unmarshal(body, &envelope))
	return told{header: envelope.Event.CommonEventHeader, fields: envelope.Event.MeasurementFields, body: body}
}

// flat gives every number and text of an event the path that want uses. What says only
// which event it is (interval and version) is left out.
func (e told) flat(t testing.TB) want {
	t.Helper()
	w := want{}
	put := func(path string, x any) {
		require.NotContains(t, w, path, "told twice")
		w[path] = x
	}
	for name, value := range e.fields {
		switch value := value.(type) {
		case float64:
			if name != "measurementInterval" {
				put(name, value)
			}
		case string:
			require.Equal(t, "measurementFieldsVersion", name)
		case []any:
			for _, item := range value {
				flatItem(t, put, name, item.(map[string]any))
			}
		default:
			t.Fatalf("%s is a %T", name, value)
		}
	}
	return w
}

// flatItem flattens an element of an array.
func flatItem(t testing.TB, put func(string, any), array string, item map[string]any) {
	t.Helper()
	switch array {
	case "latencyDistribution":
		high := math.Inf(1)
		if h, ok := item["highEndOfLatencyBucket"]; ok {
			high = h.(float64)
		}
		low, _ := item["lowEndOfLatencyBucket"].(float64)
		put(fmt.Sprintf("%s[%v..%v]", array, low, high), item["countsInTheBucket"])
	case "loadArray":
		for member, x := range item {
			put(array+"."+member, x)
		}
	case "additionalMeasurements":
		flatGroup(put, item["name"].(string), item["hashMap"].(map[string]any))
	default:
		key := ""
		for member, x := range item {
			if s, ok := x.(string); ok && (strings.HasSuffix(member, "Identifier") || strings.HasSuffix(member, "Name")) {
				key = s
				delete(item, member)
			}
		}
		for member, x := range item {
			put(array+"["+key+"]."+member, x)
		}
	}
}

// flatGroup flattens a namedHashMap: the labels that it is told by become part of the path.
func flatGroup(put func(string, any), name string, members map[string]any) {
	var index []string
	for _, label := range []string{"cluster", "listener", "proxy", "mountpoint", "code", "address"} {
		if v, ok := members[label]; ok {
			index = append(index, v.(string))
			delete(members, label)
		}
	}
	if len(index) > 0 {
		name += "[" + strings.Join(index, ",") + "]"
	}
	for key, text := range members {
		if x, err := strconv.ParseFloat(text.(string), 64); err == nil {
			put(name+"."+key, x)
		} else {
			put(name+"."+key, text)
		}
	}
}

// requireSame holds an event against the independent computation: the same paths, whole
// numbers exactly the same, fractions up to the order in which they were added.
func requireSame(t testing.TB, expected, got want) {
	t.Helper()
	var wrong []string
	for path, x := range expected {
		y, ok := got[path]
		if !ok {
			wrong = append(wrong, fmt.Sprintf("%s is missing, should be %v", path, x))
			continue
		}
		a, isNumber := x.(float64)
		b, alsoNumber := y.(float64)
		switch {
		case !isNumber || !alsoNumber:
			if x != y {
				wrong = append(wrong, fmt.Sprintf("%s is %v, should be %v", path, y, x))
			}
		case a == math.Trunc(a) && math.Abs(a-b) > 1e-6, math.Abs(a-b) > 1e-9*math.Abs(a)+1e-12:
			wrong = append(wrong, fmt.Sprintf("%s is %v, should be %v", path, b, a))
		}
	}
	for path, y := range got {
		if _, ok := expected[path]; !ok {
			wrong = append(wrong, fmt.Sprintf("%s is %v, nobody computed it", path, y))
		}
	}
	slices.Sort(wrong)
	require.Empty(t, wrong, "%d of %d numbers are wrong", len(wrong), len(expected))
}
