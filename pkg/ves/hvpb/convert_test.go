package hvpb_test

import (
	"bytes"
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
	"github.com/vesbridge/vesbridge/pkg/ves"
	"github.com/vesbridge/vesbridge/pkg/ves/hvpb"
)

// perf3gppEvent has every member of perf3gppFields, each kind of result and both kinds of
// types and ids.
const perf3gppEvent = `{"event":{"commonEventHeader":{
"domain":"perf3gpp","eventId":"perf3gpp-7f-1700000000000000","eventName":"Perf3gpp_gnb-Vendor_Radio","eventType":"gnb",
"startEpochMicrosec":1700000000000000,"lastEpochMicrosec":1700000900000000,"priority":"Normal","sequence":4294967295,
"sourceName":"gnb-7","reportingEntityName":"bridge-0","sourceId":"0f1c7e4a-9a61-4a36-9f2e-0d7e0b1f2a3c","reportingEntityId":"e2",
"nfNamingCode":"gnbx","nfcNamingCode":"duu","nfVendorName":"Vendor","timeZoneOffset":"UTC+02:00","version":"4.1",
"vesEventListenerVersion":"7.2.1","internalHeaderFields":{"collectorTimeStamp":"now"}},
"perf3gppFields":{"perf3gppFieldsVersion":"1.0","eventAddlFields":{"a":"1","b":"<&> \u2028"},
"measDataCollection":{"formatVersion":"28.550 2.0","granularityPeriod":900.0,"measuredEntityUserName":"Zürich","measuredEntityDn":"ME=7",
"measuredEntitySoftwareVersion":"r1","measObjInstIdList":["Cell=1","Cell=2"],"measInfoList":[
{"measInfoId":{"sMeasInfoId":"RRC"},"jobId":"j1","measTypes":{"sMeasTypesList":["att","succ","ratio","gone"]},"measValuesList":[
 {"measObjInstId":"Cell=2","suspectFlag":"true","measObjAddlFlds":{"k":"v"},"measResults":[
  {"p":1,"iValue":9007199254740993},{"p":2,"iValue":-9223372036854775808},{"p":3,"rValue":0.1},{"p":4,"isNull":"true"}]},
 {"measObjInstId":"Cell=9","measResults":[{"p":2,"iValue":0},{"p":4,"isNull":"false"}]}]},
{"measInfoId":{"iMeasInfoId":0},"measTypes":{"iMeasTypesList":[11,4294967295]},"measValuesList":[{"measObjInstId":"Cell=1","measResults":[{"p":2,"rValue":-1e300}]}]},
{"measTypes":{"sMeasTypesList":[]},"measValuesList":[]}]}}}}`

const stndDefinedEvent = `{"event":{"commonEventHeader":{
"domain":"stndDefined","eventId":"n-1","eventName":"StndDefined_gnb-Vendor_Alarm","startEpochMicrosec":1700000000000000,
"lastEpochMicrosec":1700000000000000,"priority":"High","sequence":0,"sourceName":"gnb-7","reportingEntityName":"bridge-0",
"stndDefinedNamespace":"3GPP-FaultSupervision","version":"4.1","vesEventListenerVersion":"7.2.1"},
"stndDefinedFields":{"stndDefinedFieldsVersion":"1.0","data":{"alarmId":"1","n":1.50}}}}`

func mustFromJSON(t testing.TB, body string) *hvpb.VesEvent {
	t.Helper()
	e, err := hvpb.FromJSON([]byte(body))
	require.NoError(t, err)
	return e
}

func tree(t testing.TB, body []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	require.NoError(t, dec.Decode(&v))
	return v
}

// TestPerf3gppThereAndBack: JSON, protobuf, wire, protobuf, JSON gives the event that went in,
// down to integers beyond 2^53, and it is valid by the official schema.
func TestPerf3gppThereAndBack(t *testing.T) {
	payload, err := hvpb.Marshal([]byte("frame"), mustFromJSON(t, perf3gppEvent))
	require.NoError(t, err)
	payload, ours := bytes.CutPrefix(payload, []byte("frame"))
	require.True(t, ours, "Marshal appends")
	back, err := hvpb.Unmarshal(payload)
	require.NoError(t, err)
	body, err := hvpb.ToJSON(nil, back)
	require.NoError(t, err)
	bridgetest.ValidVES721(t, body)

	want := perf3gppEvent
	for _, change := range []struct{ from, to string }{
		{`,"internalHeaderFields":{"collectorTimeStamp":"now"}`, ""},
		{`900.0`, `900`},
		{`-1e300`, `-1e+300`},
	} {
		require.Contains(t, want, change.from)
		want = strings.Replace(want, change.from, change.to, 1)
	}
	require.Empty(t, cmp.Diff(tree(t, []byte(want)), tree(t, body)))
}

func TestPerf3gppMessage(t *testing.T) {
	e := mustFromJSON(t, perf3gppEvent)
	fields := &hvpb.Perf3GppFields{}
	require.NoError(t, proto.Unmarshal(e.GetEventFields(), fields))
	c := fields.GetMeasDataCollection()
	require.EqualValues(t, 900, c.GetGranularityPeriod())
	values := c.GetMeasInfo()[0].GetMeasValues()
	require.EqualValues(t, 2, values[0].GetMeasObjInstIdListIdx(), "a listed name is told by its place, from 1")
	require.Equal(t, "Cell=9", values[1].GetSMeasObjInstId())
	require.EqualValues(t, 9007199254740993, values[0].GetMeasResults()[0].GetIValue())
	require.True(t, values[0].GetMeasResults()[3].GetIsNull())
	require.True(t, values[0].GetSuspectFlag())
	require.EqualValues(t, 4, values[1].GetMeasResults()[1].GetP())
	require.IsType(t, &hvpb.MeasResult_IValue{}, values[1].GetMeasResults()[0].GetXValue(), "0 is a result, not its absence")
	require.IsType(t, &hvpb.MeasInfo_IMeasInfoId{}, c.GetMeasInfo()[1].GetMeasInfoId())
	require.Nil(t, c.GetMeasInfo()[2].GetMeasInfoId())

	without := mustFromJSON(t, strings.Replace(perf3gppEvent, `"formatVersion":"28.550 2.0",`, "", 1))
	require.Equal(t, e.GetEventFields(), without.GetEventFields(), "the format is the protobuf's own where the event does not say")
}

// TestTrap26LastPrecedesStartIdsAreBytes: in HV-VES' header lastEpochMicrosec is 8 and
// startEpochMicrosec 9, ids are bytes, priority 0 is missing, the header's version counts by
// itself and the namespaces have names of their own. Read from the wire, since code generated
// with the numbers swapped would agree with itself.
func TestTrap26LastPrecedesStartIdsAreBytes(t *testing.T) {
	read := func(body string) (varints map[protowire.Number]uint64, texts map[protowire.Number]string) {
		payload, err := hvpb.Marshal(nil, mustFromJSON(t, body))
		require.NoError(t, err)
		number, kind, n := protowire.ConsumeTag(payload)
		require.EqualValues(t, 1, number)
		require.Equal(t, protowire.BytesType, kind)
		header, m := protowire.ConsumeBytes(payload[n:])
		require.Positive(t, m)
		number, _, _ = protowire.ConsumeTag(payload[n+m:])
		require.EqualValues(t, 2, number, "eventFields")
		varints, texts = map[protowire.Number]uint64{}, map[protowire.Number]string{}
		for len(header) > 0 {
			number, kind, n := protowire.ConsumeTag(header)
			require.Positive(t, n)
			header = header[n:]
			if kind == protowire.VarintType {
				varints[number], n = protowire.ConsumeVarint(header)
			} else {
				require.Equal(t, protowire.BytesType, kind)
				texts[number], n = protowire.ConsumeString(header)
			}
			require.Positive(t, n)
			header = header[n:]
		}
		return varints, texts
	}

	varints, texts := read(perf3gppEvent)
	require.Equal(t, map[protowire.Number]uint64{3: 4294967295, 4: 3, 8: 1700000900000000, 9: 1700000000000000}, varints)
	require.Equal(t, map[protowire.Number]string{
		1: "1.0", 2: "perf3gpp", 5: "perf3gpp-7f-1700000000000000", 6: "Perf3gpp_gnb-Vendor_Radio", 7: "gnb",
		10: "gnbx", 11: "duu", 12: "Vendor", 13: "e2", 14: "bridge-0", 15: "0f1c7e4a-9a61-4a36-9f2e-0d7e0b1f2a3c", 16: "gnb-7",
		17: "UTC+02:00", 18: "7.2.1",
	}, texts)

	varints, texts = read(stndDefinedEvent)
	require.Equal(t, map[protowire.Number]uint64{4: 1, 8: 1700000000000000, 9: 1700000000000000}, varints)
	require.Equal(t, "ves-3gpp-fault-supervision", texts[19])
	require.NotContains(t, texts, protowire.Number(13), "an id that is not told is not sent")

	_, err := hvpb.FromHeader(&ves.Header{Domain: ves.DomainPerf3gpp})
	require.ErrorContains(t, err, "/event/commonEventHeader/priority: must be High, Medium, Normal or Low")
}

func TestStndDefinedTravelsAsItsJSON(t *testing.T) {
	e := mustFromJSON(t, stndDefinedEvent)
	require.True(t, strings.HasSuffix(stndDefinedEvent, `"stndDefinedFields":`+string(e.GetEventFields())+"}}"), "numbers keep their form")
	require.Equal(t, "ves-3gpp-fault-supervision", hvpb.Route(e.GetCommonEventHeader()))
	body, err := hvpb.ToJSON(nil, e)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(tree(t, []byte(stndDefinedEvent)), tree(t, body)))
	bridgetest.ValidVES721(t, body)

	e.EventFields = []byte("\x0a\x03abc")
	_, err = hvpb.ToJSON(nil, e)
	require.ErrorContains(t, err, `reading stndDefinedFields of event "n-1"`)
	e.EventFields = []byte(`{"data":[]}`)
	_, err = hvpb.ToJSON(nil, e)
	require.ErrorContains(t, err, "their data is no JSON object")
}

func TestNamespacesOfHVVES(t *testing.T) {
	for name, hv := range map[string]string{
		"3GPP-FaultSupervision":     "ves-3gpp-fault-supervision",
		"3GPP-Provisioning":         "ves-3gpp-provisioning",
		"3GPP-Heartbeat":            "ves-3gpp-heartbeat",
		"3GPP-PerformanceAssurance": "ves-3gpp-performance-assurance",
		"operator-own":              "operator-own",
		"":                          "",
	} {
		require.Equal(t, hv, hvpb.Namespace(name))
		require.Equal(t, name, hvpb.VESNamespace(hv))
		require.Equal(t, hv, hvpb.Namespace(hv), "one that is HV-VES' own already")
	}
}

// TestFromJSONRefuses what would be lost, rounded or dropped without a word.
func TestFromJSONRefuses(t *testing.T) {
	const collection = "/event/perf3gppFields/measDataCollection"
	for _, tc := range []struct{ name, from, to, want string }{
		{"not JSON", `{"event":`, `{"event":!`, "must be JSON that every reader understands"},
		{"schema", `"measuredEntityDn":"ME=7",`, ``, collection + "/measuredEntityDn"},
		{"unknown member", `"jobId":"j1"`, `"jobID":"j1"`, collection + "/measInfoList/0/jobID"},
		{"milliseconds", `"startEpochMicrosec":1700000000000000`, `"startEpochMicrosec":1700000000000`, "startEpochMicrosec"},
		{"negative sequence", `4294967295,`, `-1,`, "/event/commonEventHeader/sequence: must be between 0 and 4294967295"},
		{"large sequence", `4294967295,`, `4294967296,`, "/event/commonEventHeader/sequence: must be between 0 and 4294967295"},
		{"period with a fraction", `900.0`, `0.5`, collection + "/granularityPeriod: must be whole seconds"},
		{"no period", `900.0`, `0`, collection + "/granularityPeriod: must be whole seconds from 1 to 4294967295 in the protobuf, got 0"},
		{"long period", `900.0`, `4294967296`, collection + "/granularityPeriod: must be whole seconds"},
		{"no entity", `"ME=7"`, `""`, collection + "/measuredEntityDn: must not be empty"},
		{"large id", `"iMeasInfoId":0`, `"iMeasInfoId":4294967296`, collection + "/measInfoList/1/measInfoId/iMeasInfoId: must be between"},
		{"negative type", `[11,`, `[-1,`, collection + "/measInfoList/1/measTypes/iMeasTypesList/0: must be between"},
		{"place 0", `{"p":1,`, `{"p":0,`, collection + "/measInfoList/0/measValuesList/0/measResults/0/p: must be a place in measTypes, from 1 to 4, got 0"},
		{"place beyond", `{"p":1,`, `{"p":5,`, collection + "/measInfoList/0/measValuesList/0/measResults/0/p: must be a place in measTypes, from 1 to 4, got 5"},
		{"text result", `"rValue":0.1`, `"sValue":"0.1"`, collection + "/measInfoList/0/measValuesList/0/measResults/2/sValue: cannot be told in HV-VES"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Contains(t, perf3gppEvent, tc.from)
			_, err := hvpb.FromJSON([]byte(strings.Replace(perf3gppEvent, tc.from, tc.to, 1)))
			require.ErrorContains(t, err, tc.want)
			var invalid *ves.ValidationError
			require.ErrorAs(t, err, &invalid)
			require.Len(t, invalid.Violations, 1)
		})
	}

	t.Run("batch", func(t *testing.T) {
		inside := strings.TrimSuffix(strings.TrimPrefix(perf3gppEvent, `{"event":`), "}")
		_, err := hvpb.FromJSON([]byte(`{"eventList":[` + inside + `]}`))
		require.ErrorContains(t, err, "the message has no event")
	})
	t.Run("number that would become another", func(t *testing.T) {
		for from, to := range map[string]string{`9007199254740993`: `9223372036854775808`, `-1e300`: `-1e400`} {
			require.Contains(t, perf3gppEvent, from)
			_, err := hvpb.FromJSON([]byte(strings.Replace(perf3gppEvent, from, to, 1)))
			require.ErrorContains(t, err, to+" is beyond")
		}
	})
	t.Run("domain", func(t *testing.T) {
		_, err := hvpb.FromJSON([]byte(`{"event":{"commonEventHeader":{"domain":"heartbeat","eventId":"h","eventName":"Heartbeat_a-b_c",` +
			`"startEpochMicrosec":1700000000000000,"lastEpochMicrosec":1700000000000000,"priority":"Normal","sequence":0,` +
			`"sourceName":"s","reportingEntityName":"r","version":"4.1","vesEventListenerVersion":"7.2.1"}}}`))
		var unsupported *hvpb.UnsupportedDomainError
		require.ErrorAs(t, err, &unsupported)
		require.Equal(t, hvpb.UnsupportedDomainError{EventID: "h", Domain: "heartbeat"}, *unsupported)
	})
	t.Run("every violation at once, with the event's name", func(t *testing.T) {
		body := strings.NewReplacer(`{"p":1,`, `{"p":0,`, `900.0`, `0`).Replace(perf3gppEvent)
		_, err := hvpb.FromJSON([]byte(body))
		var invalid *ves.ValidationError
		require.ErrorAs(t, err, &invalid)
		require.Len(t, invalid.Violations, 2)
		require.Equal(t, "perf3gpp-7f-1700000000000000", invalid.EventID)
	})
}

// TestFromEvent: typed events go the same way, and share nothing with the message.
func TestFromEvent(t *testing.T) {
	typed := func(r ves.MeasResult) *ves.Event {
		e, err := ves.DecodeEvent([]byte(perf3gppEvent), ves.V7_2_1)
		require.NoError(t, err)
		list := &e.Perf3GPP.MeasDataCollection.MeasInfoList
		*list = (*list)[:2] // the third has no values, which typed events must not
		e.Perf3GPP.EventAddlFields = nil
		require.NoError(t, e.Perf3GPP.EventAddlFields.SetNumber("load", 0.5))
		e.Perf3GPP.MeasDataCollection.MeasInfoList[0].MeasValuesList[0].MeasResults[0] = r
		return e
	}
	in := typed(ves.MeasResult{P: 1, RValue: ves.Some(1.5)})
	message, err := hvpb.FromEvent(in)
	require.NoError(t, err)
	in.Perf3GPP.MeasDataCollection.MeasObjInstIDList[0] = "reused"
	in.Perf3GPP.MeasDataCollection.MeasInfoList[0].MeasTypes.SMeasTypesList[0] = "reused"
	out, err := hvpb.ToEvent(message)
	require.NoError(t, err)
	require.NoError(t, out.Validate(ves.V7_2_1))
	require.Equal(t, ves.HashMap{{Key: "load", Text: "0.5"}}, out.Perf3GPP.EventAddlFields)
	c := out.Perf3GPP.MeasDataCollection
	require.Equal(t, []string{"Cell=1", "Cell=2"}, c.MeasObjInstIDList)
	require.Equal(t, "att", c.MeasInfoList[0].MeasTypes.SMeasTypesList[0])
	require.Equal(t, ves.MeasResult{P: 1, RValue: ves.Some(1.5)}, c.MeasInfoList[0].MeasValuesList[0].MeasResults[0])

	const at = `event "perf3gpp-7f-1700000000000000" is invalid: /event/perf3gppFields/measDataCollection/measInfoList/0/measValuesList/0/measResults/0`
	_, err = hvpb.FromEvent(typed(ves.MeasResult{P: 1, RValue: ves.Some(math.NaN())}))
	require.EqualError(t, err, at+"/rValue: must be a finite number, got NaN (send isNull where there is no result)")
	_, err = hvpb.FromEvent(typed(ves.MeasResult{P: 1}))
	require.EqualError(t, err, at+": must have iValue, rValue or isNull (send isNull where there is no result)")

	in.Perf3GPP = nil
	_, err = hvpb.FromEvent(in)
	require.ErrorContains(t, err, "it has no perf3gppFields")
}

// TestHeaderOfCollectorSamples: the collector's own test messages carry headers that we read
// and write alike, but for those that lack what is required.
func TestHeaderOfCollectorSamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(bridgetest.Shared(t, "ves/samples/hv-ves"), "*.json"))
	require.NoError(t, err)
	seen := 0
	for _, file := range files {
		var samples []struct {
			Header struct {
				Version, Domain, EventID, EventName, EventType, NFNamingCode, NFCNamingCode string
				ReportingEntityID, ReportingEntityName, SourceID, SourceName                string
				VESEventListenerVersion, StndDefinedNamespace                               string
				Sequence                                                                    uint32
				Priority                                                                    int32
				StartEpochMicrosec, LastEpochMicrosec                                       uint64
			} `json:"commonEventHeader"`
		}
		require.NoError(t, json.Unmarshal(readFile(t, file), &samples), file)
		for _, s := range samples {
			in := &hvpb.CommonEventHeader{
				Version: "1.0", Domain: s.Header.Domain, Sequence: s.Header.Sequence,
				Priority: hvpb.CommonEventHeader_Priority(s.Header.Priority), EventId: s.Header.EventID,
				EventName: s.Header.EventName, EventType: s.Header.EventType,
				LastEpochMicrosec: s.Header.LastEpochMicrosec, StartEpochMicrosec: s.Header.StartEpochMicrosec,
				NfNamingCode: s.Header.NFNamingCode, NfcNamingCode: s.Header.NFCNamingCode,
				ReportingEntityId: []byte(s.Header.ReportingEntityID), ReportingEntityName: s.Header.ReportingEntityName,
				SourceId: []byte(s.Header.SourceID), SourceName: s.Header.SourceName,
				VesEventListenerVersion: s.Header.VESEventListenerVersion, StndDefinedNamespace: s.Header.StndDefinedNamespace,
			}
			h, err := hvpb.ToHeader(in)
			require.NoError(t, err, file)
			out, err := hvpb.FromHeader(&h)
			require.NoError(t, err, file)
			require.True(t, proto.Equal(in, out), "%s: %v became %v", file, in, out)
			seen++
		}
	}
	require.Greater(t, seen, 8)
}

func TestFromHeaderNamesAllThatIsMissing(t *testing.T) {
	_, err := hvpb.FromHeader(&ves.Header{Domain: ves.DomainStndDefined, VESEventListenerVersion: "7"})
	var invalid *ves.ValidationError
	require.ErrorAs(t, err, &invalid)
	var members []string
	for _, v := range invalid.Violations {
		members = append(members, strings.TrimPrefix(v.Pointer, "/event/commonEventHeader/"))
	}
	require.ElementsMatch(t, []string{
		"eventId", "eventName", "lastEpochMicrosec", "startEpochMicrosec", "priority", "reportingEntityName", "sourceName",
		"vesEventListenerVersion", "stndDefinedNamespace",
	}, members)
}

func TestToHeader(t *testing.T) {
	uuid := []byte{0x0f, 0x1c, 0x7e, 0x4a, 0x9a, 0x61, 0x4a, 0x36, 0x9f, 0x2e, 0x0d, 0x7e, 0x0b, 0x1f, 0x2a, 0x3c}
	h, err := hvpb.ToHeader(&hvpb.CommonEventHeader{Priority: hvpb.CommonEventHeader_LOW, SourceId: uuid, ReportingEntityId: []byte{0xff}})
	require.NoError(t, err)
	require.Equal(t, "0f1c7e4a-9a61-4a36-9f2e-0d7e0b1f2a3c", h.SourceID)
	require.Equal(t, "ff", h.ReportingEntityID)
	require.Equal(t, ves.PriorityLow, h.Priority)

	_, err = hvpb.ToHeader(&hvpb.CommonEventHeader{Priority: 9, LastEpochMicrosec: 1 << 63})
	require.ErrorContains(t, err, "/event/commonEventHeader/priority: must be HIGH, MEDIUM, NORMAL or LOW, got 9")
	require.ErrorContains(t, err, "/event/commonEventHeader/lastEpochMicrosec: must be at most 9223372036854775807, got 9223372036854775808")
	_, err = hvpb.ToHeader(nil)
	require.ErrorContains(t, err, "PRIORITY_NOT_PROVIDED")
}
