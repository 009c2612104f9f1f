package ves_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/ves"
)

// An event that Validate lets pass is valid by the schema of that version, with the strict
// rules, whatever a program puts into its fields.
func TestWhatValidateAcceptsIsValid(t *testing.T) {
	n := 20_000
	if testing.Short() {
		n = 1500
	}
	t.Logf("seed %d", *seed)
	r := rand.New(rand.NewPCG(*seed, 2))
	domains := ves.Domains(ves.V7_2_1)
	verdicts := map[bool]int{}
	for i := range n {
		if i%len(domains) == 0 && i > 0 {
			r.Shuffle(len(domains), reflect.Swapper(domains))
		}
		e := everyDomain(t)[domains[i%len(domains)]]
		for range 1 + r.IntN(3) {
			disturb(r, reflect.ValueOf(e).Elem())
		}
		for _, v := range versions() {
			err := e.Validate(v)
			verdicts[err == nil]++
			body, encodeErr := e.AppendJSON(nil, v)
			if err != nil {
				continue
			}
			what := fmt.Sprintf("event %d of seed %d in %s: %+v", i, *seed, v, e)
			require.NoError(t, encodeErr, what)
			for _, bad := range ves.CheckJSON(body, v, ves.CheckOptions{Strict: true}) {
				require.Fail(t, "accepted by Validate", "%s: %v\n%s", what, bad, body)
			}
		}
	}
	t.Logf("verdicts: %v", verdicts)
	require.Greater(t, verdicts[true], n/2)
	require.Greater(t, verdicts[false], n/2)
}

// disturb sets one random field below v to a random value.
func disturb(r *rand.Rand, v reflect.Value) {
	for {
		switch v.Kind() {
		case reflect.Pointer:
			if v.IsNil() {
				if r.IntN(3) > 0 {
					return
				}
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		case reflect.Struct:
			v = v.Field(r.IntN(v.NumField()))
			if !v.CanSet() {
				return
			}
		case reflect.Slice:
			if v.Type() == reflect.TypeFor[ves.RawObject]() {
				v.SetBytes([]byte([...]string{"", "{}", `{"a":[1]}`, "[]", "{", `{"a":1,"a":2}`}[r.IntN(6)]))
				return
			}
			if v.Len() > 0 && r.IntN(4) == 0 {
				v.SetLen(v.Len() - 1)
				return
			}
			if v.Len() == 0 || r.IntN(3) == 0 {
				v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
			}
			v = v.Index(r.IntN(v.Len()))
		default:
			setLeaf(r, v)
			return
		}
	}
}

func setLeaf(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		texts := []string{"", "a", "a b", "\xff", "NORMAL", "MAJOR", "inService", "High", "fault", "Caller", "2001:db8::1", "7.0.1", "4.0", "1.5", "x|y=z\\"}
		v.SetString(texts[r.IntN(len(texts))])
	case reflect.Int64:
		v.SetInt([...]int64{0, 1, -1, 7, 1795438800000000, 1795438800000, math.MaxInt64}[r.IntN(7)])
	case reflect.Float64:
		v.SetFloat([...]float64{0, 1, -1.5, math.NaN(), math.Inf(1), 1e300, 5e-324}[r.IntN(7)])
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	}
}

// The builders' events are the start of the random ones: they must be there.
func TestEveryDomainHasABuilder(t *testing.T) {
	require.ElementsMatch(t, ves.Domains(ves.V7_2_1), slices.Collect(maps.Keys(everyDomain(t))))
}
