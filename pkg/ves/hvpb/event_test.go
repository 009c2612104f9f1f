package hvpb_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/vesbridge/vesbridge/pkg/ves"
	"github.com/vesbridge/vesbridge/pkg/ves/hvpb"
)

// TestSizeLimit: one byte over 1 MiB is refused, in both directions, and 1 MiB is not.
func TestSizeLimit(t *testing.T) {
	e := mustFromJSON(t, stndDefinedEvent)
	e.EventFields = nil
	overhead := proto.Size(e) + 1 + 3 // a tag and a length of three bytes
	e.EventFields = make([]byte, hvpb.MaxPayload-overhead)
	payload, err := hvpb.Marshal(nil, e)
	require.NoError(t, err)
	require.Len(t, payload, hvpb.MaxPayload)
	_, err = hvpb.Unmarshal(payload)
	require.NoError(t, err)

	e.EventFields = append(e.EventFields, 0)
	out, err := hvpb.Marshal([]byte("kept"), e)
	require.Equal(t, &hvpb.SizeError{Size: hvpb.MaxPayload + 1, Limit: hvpb.MaxPayload}, err)
	require.Equal(t, "kept", string(out))
	_, err = hvpb.Unmarshal(append(payload, 0))
	require.ErrorContains(t, err, "1048577 bytes, more than the 1048576")
}

// TestSameBytesForTheSameEvent: retries carry the bytes of the first try, so that consumers
// can remove duplicates. Maps would change their order.
func TestSameBytesForTheSameEvent(t *testing.T) {
	var addl []string
	for i := range 50 {
		addl = append(addl, fmt.Sprintf(`"k%d":"v"`, i))
	}
	body := strings.Replace(perf3gppEvent, `{"a":"1",`, `{`+strings.Join(addl, ",")+`,`, 1)
	first, err := hvpb.Marshal(nil, mustFromJSON(t, body))
	require.NoError(t, err)
	for range 10 {
		again, err := hvpb.Marshal(nil, mustFromJSON(t, body))
		require.NoError(t, err)
		require.Equal(t, first, again)
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	_, err := hvpb.Unmarshal([]byte("\x0a\xff"))
	require.ErrorContains(t, err, "reading VesEvent")
	_, err = hvpb.Unmarshal(nil)
	require.ErrorContains(t, err, "no commonEventHeader")
}

func TestMarshalRefusesInvalidUTF8(t *testing.T) {
	e := mustFromJSON(t, stndDefinedEvent)
	e.CommonEventHeader.SourceName = "\xff"
	out, err := hvpb.Marshal([]byte("kept"), e)
	require.ErrorContains(t, err, `serialising event "n-1"`)
	require.Equal(t, "kept", string(out))
}

func TestRoute(t *testing.T) {
	require.Equal(t, "perf3gpp", hvpb.Route(&hvpb.CommonEventHeader{Domain: "perf3gpp", StndDefinedNamespace: "x"}))
	require.Equal(t, "x", hvpb.Route(&hvpb.CommonEventHeader{Domain: "stndDefined", StndDefinedNamespace: "x"}))
}

// withFields is a VesEvent of other senders.
func withFields(t *testing.T, f *hvpb.Perf3GppFields) *hvpb.VesEvent {
	t.Helper()
	fields, err := proto.Marshal(f)
	require.NoError(t, err)
	return &hvpb.VesEvent{
		CommonEventHeader: &hvpb.CommonEventHeader{Domain: "perf3gpp", EventId: "x", Priority: hvpb.CommonEventHeader_HIGH},
		EventFields:       fields,
	}
}

// oneValue wraps the results of one object.
func oneValue(types []string, v *hvpb.MeasValue) *hvpb.Perf3GppFields {
	return &hvpb.Perf3GppFields{MeasDataCollection: &hvpb.MeasDataCollection{
		MeasObjInstIdList: []string{"Cell=1"},
		MeasInfo: []*hvpb.MeasInfo{{
			MeasTypes:  &hvpb.MeasInfo_SMeasTypes_{SMeasTypes: &hvpb.MeasInfo_SMeasTypes{SMeasType: types}},
			MeasValues: []*hvpb.MeasValue{v},
		}},
	}}
}

// TestPlacesMayBeLeftOutOfCompleteResults: p is needed only where results are missing.
func TestPlacesMayBeLeftOutOfCompleteResults(t *testing.T) {
	result := func(i int64) *hvpb.MeasResult {
		return &hvpb.MeasResult{XValue: &hvpb.MeasResult_IValue{IValue: i}}
	}
	cell := &hvpb.MeasValue_MeasObjInstIdListIdx{MeasObjInstIdListIdx: 1}
	body, err := hvpb.ToJSON(nil, withFields(t, oneValue([]string{"a", "b"},
		&hvpb.MeasValue{MeasObjInstId: cell, MeasResults: []*hvpb.MeasResult{result(5), result(6)}})))
	require.NoError(t, err)
	require.Contains(t, string(body), `{"measObjInstId":"Cell=1","measResults":[{"p":1,"iValue":5},{"p":2,"iValue":6}]}`)

	_, err = hvpb.ToJSON(nil, withFields(t, oneValue([]string{"a", "b"},
		&hvpb.MeasValue{MeasObjInstId: cell, MeasResults: []*hvpb.MeasResult{result(5)}})))
	require.ErrorContains(t, err, "only complete results may go without, got 0")
}

func TestToJSONRefuses(t *testing.T) {
	cell := &hvpb.MeasValue_SMeasObjInstId{SMeasObjInstId: "Cell=1"}
	valued := func(r *hvpb.MeasResult) *hvpb.Perf3GppFields {
		return oneValue([]string{"a"}, &hvpb.MeasValue{MeasObjInstId: cell, MeasResults: []*hvpb.MeasResult{r}})
	}
	for name, tc := range map[string]struct {
		fields *hvpb.Perf3GppFields
		want   string
	}{
		"no collection": {&hvpb.Perf3GppFields{}, "/event/perf3gppFields/measDataCollection: must be present"},
		"no types": {
			&hvpb.Perf3GppFields{MeasDataCollection: &hvpb.MeasDataCollection{MeasInfo: []*hvpb.MeasInfo{{}}}},
			"/measInfoList/0/measTypes: must be present",
		},
		"no object":         {oneValue(nil, &hvpb.MeasValue{}), "/measValuesList/0/measObjInstId: must be present"},
		"unlisted object":   {oneValue(nil, &hvpb.MeasValue{MeasObjInstId: &hvpb.MeasValue_MeasObjInstIdListIdx{MeasObjInstIdListIdx: 2}}), "from 1 to 1, got 2"},
		"object 0":          {oneValue(nil, &hvpb.MeasValue{MeasObjInstId: &hvpb.MeasValue_MeasObjInstIdListIdx{}}), "from 1 to 1, got 0"},
		"place beyond":      {valued(&hvpb.MeasResult{P: 2, XValue: &hvpb.MeasResult_IsNull{IsNull: true}}), "/measResults/0/p: must be a place in measTypes, from 1 to 1"},
		"no result":         {valued(&hvpb.MeasResult{P: 1}), "/measResults/0: must have iValue, rValue or isNull"},
		"not a number":      {valued(&hvpb.MeasResult{P: 1, XValue: &hvpb.MeasResult_RValue{RValue: math.NaN()}}), "/measResults/0/rValue: must be a finite number, got NaN"},
		"an infinite value": {valued(&hvpb.MeasResult{P: 1, XValue: &hvpb.MeasResult_RValue{RValue: math.Inf(-1)}}), "must be a finite number, got -Inf"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := hvpb.ToJSON([]byte("kept"), withFields(t, tc.fields))
			require.ErrorContains(t, err, tc.want)
			require.Equal(t, "kept", string(out))
		})
	}

	e := withFields(t, oneValue(nil, nil))
	e.EventFields = []byte{0xff}
	_, err := hvpb.ToJSON(nil, e)
	require.ErrorContains(t, err, `reading Perf3gppFields of event "x"`)
	e.CommonEventHeader.Domain = "fault"
	_, err = hvpb.ToJSON(nil, e)
	require.ErrorContains(t, err, "no protobuf message for the domain fault")
}

// FuzzUnmarshal: nothing that comes in makes a panic, and what can be told as valid VES JSON
// says the same after another trip through the protobuf.
func FuzzUnmarshal(f *testing.F) {
	for _, body := range []string{perf3gppEvent, stndDefinedEvent} {
		payload, err := hvpb.Marshal(nil, mustFromJSON(f, body))
		require.NoError(f, err)
		f.Add(payload)
	}
	f.Add([]byte("\x0a\x02\x20\x01"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		e, err := hvpb.Unmarshal(payload)
		if err != nil {
			return
		}
		_ = hvpb.Route(e.GetCommonEventHeader())
		body, err := hvpb.ToJSON(nil, e)
		if err != nil || len(ves.CheckJSON(body, ves.V7_2_1, ves.CheckOptions{Strict: true})) > 0 {
			return
		}
		again, err := hvpb.FromJSON(body)
		if err != nil {
			return // what VES allows and a collector drops, e.g. an empty measuredEntityDn
		}
		second, err := hvpb.ToJSON(nil, again)
		require.NoError(t, err)
		require.Equal(t, string(body), string(second))
	})
}

// FuzzFromJSON: what is accepted comes back valid and stays what it is.
func FuzzFromJSON(f *testing.F) {
	f.Add([]byte(perf3gppEvent))
	f.Add([]byte(stndDefinedEvent))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := hvpb.FromJSON(body)
		if err != nil {
			return
		}
		out, err := hvpb.ToJSON(nil, e)
		require.NoError(t, err)
		require.Empty(t, ves.CheckJSON(out, ves.V7_2_1, ves.CheckOptions{Strict: true}), "%s", out)
		again, err := hvpb.FromJSON(out)
		require.NoError(t, err)
		require.True(t, proto.Equal(e, again), "%v became %v", e, again)
	})
}

// BenchmarkFromJSON: from a record of the outbox to the payload of a frame.
func BenchmarkFromJSON(b *testing.B) {
	body := []byte(perf3gppEvent)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	var payload []byte
	for b.Loop() {
		e, err := hvpb.FromJSON(body)
		if err != nil {
			b.Fatal(err)
		}
		if payload, err = hvpb.Marshal(payload[:0], e); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(payload)), "payload-bytes")
}
