package ves_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/ves"
)

func TestNumbersReadBack(t *testing.T) {
	r := rand.New(rand.NewPCG(*seed, 2))
	xs := []float64{0, math.Copysign(0, -1), 1, -1, 3.0, 0.1, 0.001, 0.0009, 12.34, -12.5, 1e15, 1<<53 + 2, 1e20, 1e21, 1e22, 1e300, 5e-324,
		1e-7, 1e-15, 1e-16, 0.1 + 0.2, 999999999999.999, 1e12 + 0.5, math.MaxFloat64}
	for range 20000 {
		xs = append(xs, math.Float64frombits(r.Uint64()), r.NormFloat64()*1e6, math.Round(r.Float64()*1e9)/1e3, math.Round(r.Float64()*1e6)/1e2)
	}
	m := measurement(t)
	f := field(t, "requestRate")
	for _, x := range xs {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			continue
		}
		require.NoError(t, m.Measurement.SetNumber(f, x))
		b, err := m.AppendJSON(nil, ves.V7_2_1)
		require.NoError(t, err)
		_, rest, _ := strings.Cut(string(b), `"requestRate":`)
		got := strings.TrimRight(rest, "}")
		y, err := strconv.ParseFloat(got, 64)
		require.NoError(t, err, got)
		require.Equal(t, x, y, got)
		require.True(t, json.Valid([]byte(got)), got)
		abs := math.Abs(x)
		if x == 0 || abs >= 1e-15 && abs < 1e21 {
			require.NotContains(t, got, "e")
			shortest := strconv.FormatFloat(x, 'f', -1, 64)
			if x == 0 {
				shortest = "0"
			}
			if abs < 1<<53 {
				require.Equal(t, shortest, got)
			}
		}
	}
}

func TestStringsReadBack(t *testing.T) {
	e := measurement(t)
	for _, s := range []string{"", "plain", "q\"b\\s/", "\x00\x01\x1f\n\r\t\b\f", "ümläut ☃ 𝄞 \u2028", "\x7f", "\xff broken \xc3", strings.Repeat("é", 500)} {
		e.Measurement.AdditionalFields.Set("k", s)
		b, err := e.AppendJSON(nil, ves.V7_2_1)
		require.NoError(t, err)
		var doc struct {
			Event struct {
				MeasurementFields struct {
					AdditionalFields map[string]string `json:"additionalFields"`
				} `json:"measurementFields"`
			} `json:"event"`
		}
		require.NoError(t, json.Unmarshal(b, &doc), "%s", b)
		// A run of bad bytes becomes one U+FFFD in ToValidUTF8, one each in JSON encoders.
		want := string([]rune(s))
		require.Equal(t, want, doc.Event.MeasurementFields.AdditionalFields["k"])
	}
	e.Measurement.AdditionalFields.Set("k", "\xff")
	require.ErrorContains(t, e.Validate(ves.V7_2_1), "UTF-8")
}
