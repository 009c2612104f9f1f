package ves_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/ves"
)

// everyDomain returns one small event of each domain.
func everyDomain(t testing.TB) map[ves.Domain]*ves.Event {
	t.Helper()
	out := map[ves.Domain]*ves.Event{}
	add := func(e *ves.Event, err error) {
		t.Helper()
		require.NoError(t, err)
		out[e.Header.Domain] = e
	}
	h := header()
	add(ves.NewMeasurement(h, time.Minute))
	add(ves.NewHeartbeat(h, time.Minute))
	out[ves.DomainFault] = fault(t)
	add(ves.NewThresholdCrossingAlert(h, tca()))
	add(ves.NewSyslog(h, ves.SyslogFields{EventSourceType: "host", SyslogMsg: "m", SyslogTag: "NILVALUE"}))
	add(ves.NewNotification(h, ves.NotificationFields{ChangeIdentifier: "PM_MEAS_FILES", ChangeType: "fileReady"}))
	add(ves.NewStateChange(h, ves.StateChangeFields{NewState: ves.EntityStateInService, OldState: ves.EntityStateMaintenance, StateInterface: "eth0"}))
	add(ves.NewOther(h, ves.OtherFields{HashMap: ves.HashMap{{Key: "a", Text: "b"}}}))
	add(ves.NewPerf3GPP(h, perf3gpp()))
	add(ves.NewStndDefined(h, "3GPP-FaultSupervision", "https://forge.3gpp.org/faultMnS.yaml#/components/schemas/NotifyNewAlarm", ves.RawObject(`{"href":"x"}`)))
	add(ves.NewPNFRegistration(h, ves.PNFRegistrationFields{OamV4IPAddress: "10.0.0.1", OamV6IPAddress: "2001:db8::1"}))
	add(ves.NewMobileFlow(h, mobileFlow()))
	nf := ves.VendorNFNameFields{VendorName: "acme"}
	add(ves.NewSIPSignaling(h, ves.SIPSignalingFields{Correlator: "c", LocalIPAddress: "10.0.0.1", LocalPort: "5060", RemoteIPAddress: "10.0.0.2", RemotePort: "5060", VendorNFNameFields: nf}))
	add(ves.NewVoiceQuality(h, ves.VoiceQualityFields{CalleeSideCodec: "a", CallerSideCodec: "b", Correlator: "c", MidCallRtcp: "eA==", VendorNFNameFields: nf}))
	require.Len(t, out, len(ves.Domains(ves.V7_2_1)))
	return out
}

func tca() ves.ThresholdCrossingAlertFields {
	const at = "Mon, 23 Nov 2026 13:00:00 +0000"
	return ves.ThresholdCrossingAlertFields{
		AdditionalParameters: []ves.Counter{{Criticality: ves.CriticalityMaj, ThresholdCrossed: "90", HashMap: ves.HashMap{{Key: "cpu", Text: "95"}}}},
		AlertAction:          ves.AlertActionSet, AlertDescription: "cpu", AlertType: ves.AlertTypeElementAnomaly,
		EventSeverity: ves.SeverityMajor, CollectionTimestamp: at, EventStartTimestamp: at, AssociatedAlertIDList: []string{"a1"},
	}
}

func perf3gpp() ves.Perf3GPPFields {
	return ves.Perf3GPPFields{MeasDataCollection: ves.MeasDataCollection{
		GranularityPeriod: ves.Some(900.0), MeasuredEntityDn: "SubNetwork=1", MeasInfoList: []ves.MeasInfo{{
			MeasInfoID: &ves.MeasInfoID{SMeasInfoID: ves.Some("pm")},
			MeasTypes:  ves.MeasTypes{SMeasTypesList: []string{"attempts", "ratio", "text", "none"}},
			MeasValuesList: []ves.MeasValues{{MeasObjInstID: "Cell=1", SuspectFlag: ves.Some(false), MeasResults: []ves.MeasResult{
				{P: 1, IValue: ves.Some(int64(3))}, {P: 2, RValue: ves.Some(0.5)}, {P: 3, SValue: ves.Some("")}, {P: 4, IsNull: ves.Some(true)},
			}}},
		}},
	}}
}

func mobileFlow() ves.MobileFlowFields {
	f := ves.MobileFlowFields{FlowDirection: "up", IPProtocolType: "TCP", IPVersion: "IPv4", OtherEndpointIPAddress: "10.0.0.1",
		ReportingEndpointIPAddr: "10.0.0.2", OtherEndpointPort: 443, ReportingEndpointPort: 50000}
	g := &f.GTPPerFlowMetrics
	v := reflect.ValueOf(g).Elem()
	for i := range v.NumField() { // all its numbers: some thirty of them are required
		if o, ok := v.Field(i).Addr().Interface().(*ves.Opt[float64]); ok {
			*o = ves.Some(float64(i))
		}
	}
	g.FlowDeactivationTime, g.FlowStatus = "now", "ok"
	g.IPTosCountList = ves.HashMap{{Key: "0", Text: "12"}, {Key: "1", Text: "many"}}
	return f
}

// Each domain's event is valid by the official schema of every version that has the domain,
// and refused where there is none.
func TestEveryDomainInEveryVersion(t *testing.T) {
	for d, e := range everyDomain(t) {
		for _, v := range versions() {
			schema, _ := oracles(t, v)
			known := ves.EventNamePrefix(v, d) != "" || v == ves.V5_4_1 && ves.EventNamePrefix(v, name5(d)) != ""
			e.Header.StndDefinedNamespace = ""
			if d == ves.DomainStndDefined {
				e.Header.StndDefinedNamespace = "3GPP-FaultSupervision"
			}
			body, err := e.AppendJSON(nil, v)
			if !known {
				require.ErrorContains(t, err, "has no domain")
				require.ErrorContains(t, e.Validate(v), "unknown to VES")
				continue
			}
			require.NoError(t, err)
			require.NoError(t, e.Validate(v), "%s %s", v, d)
			require.NoError(t, validBy(t, schema, body), "%s", body)
			require.Empty(t, ves.CheckJSON(body, v, ves.CheckOptions{Strict: true}), "%s", body)
		}
	}
}

// A builder refuses what the schema or the specification's text refuses.
func TestBuildersRefuse(t *testing.T) {
	h := header()
	nf := ves.VendorNFNameFields{VendorName: "acme"}
	type refusal struct {
		want  string
		build func() (*ves.Event, error)
	}
	tcaWith := func(change func(*ves.ThresholdCrossingAlertFields)) func() (*ves.Event, error) {
		return func() (*ves.Event, error) {
			f := tca()
			change(&f)
			return ves.NewThresholdCrossingAlert(h, f)
		}
	}
	perfWith := func(change func(*ves.MeasInfo)) func() (*ves.Event, error) {
		return func() (*ves.Event, error) {
			f := perf3gpp()
			change(&f.MeasDataCollection.MeasInfoList[0])
			return ves.NewPerf3GPP(h, f)
		}
	}
	for _, c := range []refusal{
		{"additionalParameters", tcaWith(func(f *ves.ThresholdCrossingAlertFields) { f.AdditionalParameters = nil })},
		{"hashMap", tcaWith(func(f *ves.ThresholdCrossingAlertFields) { f.AdditionalParameters[0].HashMap = nil })},
		{"alertAction", tcaWith(func(f *ves.ThresholdCrossingAlertFields) { f.AlertAction = "set" })},
		{"UTF-8", tcaWith(func(f *ves.ThresholdCrossingAlertFields) { f.AssociatedAlertIDList = []string{"\xff"} })},
		{"exactly one", perfWith(func(m *ves.MeasInfo) { m.MeasTypes.IMeasTypesList = []int64{1} })},
		{"exactly one", perfWith(func(m *ves.MeasInfo) { m.MeasInfoID = &ves.MeasInfoID{} })},
		{"exactly one", perfWith(func(m *ves.MeasInfo) { m.MeasValuesList[0].MeasResults[0].RValue = ves.Some(1.0) })},
		{"from 1 to 4", perfWith(func(m *ves.MeasInfo) { m.MeasValuesList[0].MeasResults[0].P = 0 })},
		{"from 1 to 4", perfWith(func(m *ves.MeasInfo) { m.MeasValuesList[0].MeasResults[3].P = 5 })},
		{"measResults", perfWith(func(m *ves.MeasInfo) { m.MeasValuesList[0].MeasResults = nil })},
		{"syslogMsg", func() (*ves.Event, error) {
			return ves.NewSyslog(h, ves.SyslogFields{EventSourceType: "host", SyslogTag: "t"})
		}},
		{"from 0 to 23", func() (*ves.Event, error) {
			return ves.NewSyslog(h, ves.SyslogFields{EventSourceType: "host", SyslogMsg: "m", SyslogTag: "t", SyslogFacility: ves.Some(int64(24))})
		}},
		{"changeType", func() (*ves.Event, error) {
			return ves.NewNotification(h, ves.NotificationFields{ChangeIdentifier: "x"})
		}},
		{"oldState", func() (*ves.Event, error) {
			return ves.NewStateChange(h, ves.StateChangeFields{NewState: ves.EntityStateInService, OldState: "up", StateInterface: "x"})
		}},
		{"told once", func() (*ves.Event, error) {
			return ves.NewOther(h, ves.OtherFields{HashMap: ves.HashMap{{Key: "a"}, {Key: "a"}}})
		}},
		{"stndDefinedNamespace", func() (*ves.Event, error) { return ves.NewStndDefined(h, "", "", ves.RawObject(`{}`)) }},
		{"JSON object", func() (*ves.Event, error) { return ves.NewStndDefined(h, "n", "", ves.RawObject(`[]`)) }},
		{"data", func() (*ves.Event, error) { return ves.NewStndDefined(h, "n", "", nil) }},
		{"uri", func() (*ves.Event, error) { return ves.NewStndDefined(h, "n", "faultMnS.yaml", ves.RawObject(`{}`)) }},
		{"ipv4", func() (*ves.Event, error) {
			return ves.NewPNFRegistration(h, ves.PNFRegistrationFields{OamV4IPAddress: "host"})
		}},
		{"65535", func() (*ves.Event, error) {
			f := mobileFlow()
			f.OtherEndpointPort = 70000
			return ves.NewMobileFlow(h, f)
		}},
		{"numBitErrors", func() (*ves.Event, error) {
			f := mobileFlow()
			f.GTPPerFlowMetrics.NumBitErrors = ves.Opt[float64]{}
			return ves.NewMobileFlow(h, f)
		}},
		{"vendorName", func() (*ves.Event, error) {
			return ves.NewSIPSignaling(h, ves.SIPSignalingFields{Correlator: "c", LocalIPAddress: "a", LocalPort: "1", RemoteIPAddress: "b", RemotePort: "2"})
		}},
		{"endpointDescription", func() (*ves.Event, error) {
			return ves.NewVoiceQuality(h, ves.VoiceQualityFields{CalleeSideCodec: "a", CallerSideCodec: "b", Correlator: "c", MidCallRtcp: "x",
				VendorNFNameFields: nf, EndOfCallVqmSummaries: &ves.EndOfCallVqmSummaries{AdjacencyName: "x", EndpointDescription: "both"}})
		}},
	} {
		e, err := c.build()
		require.ErrorContains(t, err, c.want, "%s", c.want)
		require.Nil(t, e)
	}
	for d, e := range everyDomain(t) {
		if d != ves.DomainFault {
			e.Fault = &ves.FaultFields{}
			require.ErrorContains(t, e.Validate(ves.V7_2_1), "does not belong to domain", "%s", d)
		}
	}
	_, err := ves.NewPerf3GPP(h, perf3gpp(), ves.WidestAcceptance())
	require.NoError(t, err, "the header may name an older version than the domain's")
}

// Reset hands the same blocks out again, empty, with the memory of their slices.
func TestResetKeepsEveryBlock(t *testing.T) {
	e := &ves.Event{}
	uses := reflect.TypeFor[*ves.Event]()
	n := 0
	for m := range uses.Methods() {
		if len(m.Name) < 4 || m.Name[:3] != "Use" {
			continue
		}
		n++
		use := func() reflect.Value { return reflect.ValueOf(e).MethodByName(m.Name).Call(nil)[0] }
		first := use()
		if m.Name != "UsePerf3GPP" {
			fill(first.Elem())
			require.False(t, empty(first.Elem()), m.Name)
		}
		e.Reset()
		again := use()
		require.Equal(t, first.Pointer(), again.Pointer(), m.Name)
		require.True(t, empty(again.Elem()), "%s: %+v", m.Name, again.Elem())
		e.Reset()
	}
	require.Equal(t, len(ves.Domains(ves.V7_2_1)), n)

	s := tca()
	allocs := testing.AllocsPerRun(100, func() {
		e.Reset()
		e.Header = header()
		e.Header.SetDefaults()
		b := e.UseThresholdCrossingAlert()
		params := append(b.AdditionalParameters, s.AdditionalParameters...)
		*b = s
		b.AdditionalParameters = params
		if err := e.Validate(ves.V7_2_1); err != nil {
			t.Fatal(err)
		}
	})
	require.Zero(t, allocs)
}

// fill sets the texts and hashMaps of a block.
func fill(v reflect.Value) {
	for i := range v.NumField() {
		switch f := v.Field(i); {
		case f.Kind() == reflect.String:
			f.SetString("x")
		case f.Type() == reflect.TypeFor[ves.HashMap]():
			f.Set(reflect.ValueOf(ves.HashMap{{Key: "k"}}))
		case f.Type() == reflect.TypeFor[ves.Opt[float64]]():
			f.Set(reflect.ValueOf(ves.Some(1.0)))
		}
	}
	if m, ok := v.Addr().Interface().(*ves.Measurement); ok {
		m.MeasurementInterval = 1
	}
}

// empty says whether nothing is set; slices may keep their memory.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice:
		return v.Len() == 0
	case reflect.Struct:
		return !slices.ContainsFunc(slices.Collect(func(yield func(int) bool) {
			for i := range v.NumField() {
				if !yield(i) {
					return
				}
			}
		}), func(i int) bool { return !empty(v.Field(i)) })
	}
	return v.IsZero()
}
