package ves_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
	"github.com/vesbridge/vesbridge/pkg/ves"
)

// domainMaker draws valid events of one version whose block fits their domain.
type domainMaker struct {
	eventMaker
	props map[string]any
	v     ves.Version
}

func newDomainMaker(t *testing.T, v ves.Version) *domainMaker {
	raw, err := os.ReadFile(bridgetest.Shared(t, "ves", "schemas", official[v]))
	require.NoError(t, err)
	g := newEventMaker(t, raw, *seed)
	return &domainMaker{eventMaker: *g, props: g.defs["event"].(map[string]any)["properties"].(map[string]any), v: v}
}

func (g *domainMaker) event(d ves.Domain) map[string]any {
	hdr := g.value(g.props["commonEventHeader"], 0).(map[string]any)
	hdr["domain"] = string(d)
	hdr["startEpochMicrosec"], hdr["lastEpochMicrosec"] = 1795438800000000, 1795438860000000
	delete(hdr, "internalHeaderFields")
	block := string(d) + "Fields"
	return map[string]any{"event": map[string]any{"commonEventHeader": hdr, block: g.value(g.props[block], 0)}}
}

func validBy(t *testing.T, schema *jsonschema.Schema, body []byte) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(body)))
	require.NoError(t, err, "%s", body)
	return schema.Validate(draft04(doc))
}

func name5(d ves.Domain) ves.Domain {
	if d == ves.DomainMeasurement {
		return ves.DomainMeasurementsForVFScaling
	}
	return d
}

// Every generated event of the domains that 5.4.1 has is valid there by the official schema,
// uses no member unknown to it, and says every text and number that it said before. Back in
// 7.2.1 it is valid again.
func TestDownConversionIsValidAndTellsAll(t *testing.T) {
	n := 20_000
	if testing.Short() {
		n = 600
	}
	t.Logf("seed %d", *seed)
	g := newDomainMaker(t, ves.V7_2_1)
	old, _ := oracles(t, ves.V5_4_1)
	now, _ := oracles(t, ves.V7_2_1)
	domains := []ves.Domain{}
	for _, d := range ves.Domains(ves.V7_2_1) {
		if ves.EventNamePrefix(ves.V5_4_1, name5(d)) != "" {
			domains = append(domains, d)
		}
	}
	require.Len(t, domains, 10)
	for i := range n {
		what := fmt.Sprintf("event %d of seed %d", i, *seed)
		doc := g.event(domains[i%len(domains)])
		body := encode(t, doc)
		out, lost, err := ves.Convert(nil, body, ves.V7_2_1, ves.V5_4_1)
		require.NoError(t, err, "%s: %s", what, body)
		require.Empty(t, lost, what)
		require.NoError(t, validBy(t, old, out), "%s: %s became %s", what, body, out)
		for _, v := range ves.CheckJSON(out, ves.V5_4_1, ves.CheckOptions{Strict: true}) {
			require.NotEqual(t, ves.CodeUnknownMember, v.Code, "%s: %v", what, v)
		}
		back, lost, err := ves.Convert(nil, out, ves.V5_4_1, ves.V7_2_1)
		require.NoError(t, err, what)
		require.Empty(t, lost, what)
		require.NoError(t, validBy(t, now, back), "%s: %s", what, back)

		told := map[string]bool{}
		if domains[i%len(domains)] == ves.DomainSyslog {
			leaves(t, back, func(_, s string) { told[s] = true }) // 5.4.1 has them in one text
		}
		leaves(t, out, func(_, s string) { told[s] = true })
		leaves(t, body, func(name, s string) {
			if s == "" || name == "domain" || strings.HasSuffix(name, "ersion") || told[s] || name == "objectInstanceEpochMicrosec" {
				return
			}
			require.Fail(t, "lost text", "%s: %s=%q of %s is missing from %s", what, name, s, body, out)
		})
	}
}

// leaves calls f with every text and number in a body, by the name of its member; numbers in
// one form.
func leaves(t *testing.T, body []byte, f func(name, s string)) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.UseNumber()
	var doc any
	require.NoError(t, dec.Decode(&doc))
	eachLeaf(doc, "", f)
}

func eachLeaf(doc any, name string, f func(name, s string)) {
	switch v := doc.(type) {
	case map[string]any:
		for k, x := range v {
			eachLeaf(x, k, f)
		}
	case []any:
		for _, x := range v {
			eachLeaf(x, name, f)
		}
	case string:
		if x, err := strconv.ParseFloat(v, 64); err == nil && !math.IsNaN(x) {
			v = strconv.FormatFloat(x, 'g', -1, 64)
		}
		f(name, v)
	case json.Number:
		x, _ := v.Float64()
		f(name, strconv.FormatFloat(x, 'g', -1, 64))
	}
}

func TestUpConversionIsValid(t *testing.T) {
	n := 5000
	if testing.Short() {
		n = 300
	}
	g := newDomainMaker(t, ves.V5_4_1)
	lossy := 0
	for _, to := range []ves.Version{ves.V7_0_1, ves.V7_2_1} {
		schema, _ := oracles(t, to)
		domains := ves.Domains(ves.V5_4_1)
		for i := range n {
			body := encode(t, g.event(domains[i%len(domains)]))
			out, lost, err := ves.Convert(nil, body, ves.V5_4_1, to)
			require.NoError(t, err, "event %d of seed %d: %s", i, *seed, body)
			require.NoError(t, validBy(t, schema, out), "%s became %s", body, out)
			var doc any
			require.NoError(t, json.Unmarshal(body, &doc))
			require.Len(t, lost, homeless(doc), "%s lost %v", body, lost)
			lossy += min(len(lost), 1)
		}
	}
	require.Positive(t, lossy, "some members of 5.4.1 have no place in 7.x, and that is told")
}

// homeless counts the members of a 5.4.1 message that 7.x has no place for.
func homeless(doc any) int {
	n := 0
	switch v := doc.(type) {
	case map[string]any:
		for k, x := range v {
			switch {
			case k == "objectInstance":
			case strings.HasPrefix(k, "extra"), k == "endpointJitter", k == "localJitter", k == "packetsLost":
				n++
			default:
				n += homeless(x)
			}
		}
	case []any:
		for _, x := range v {
			n += homeless(x)
		}
	}
	return n
}

// Between versions of 7.x only what FACTS §1 tells of can stand in the way.
func TestConversionsAmong7(t *testing.T) {
	n := 3000
	if testing.Short() {
		n = 300
	}
	for _, from := range versions()[1:] {
		g := newDomainMaker(t, from)
		for _, to := range versions()[1:] {
			schema, _ := oracles(t, to)
			domains := ves.Domains(from)
			converted := 0
			for i := range n / 3 {
				d := domains[i%len(domains)]
				body := encode(t, g.event(d))
				out, _, err := ves.Convert(nil, body, from, to)
				if err != nil {
					foreign := ves.EventNamePrefix(to, d) == ""
					address := d == ves.DomainPNFRegistration && to == ves.V7_2_1
					pages := to == ves.V7_0_1 && strings.Contains(string(body), "hugePagesIdentifier")
					require.True(t, foreign || address || pages, "%s to %s: %v\n%s", from, to, err, body)
					continue
				}
				converted++
				require.NoError(t, validBy(t, schema, out), "%s to %s: %s", from, to, out)
			}
			require.Greater(t, converted, n/6, "%s to %s", from, to)
		}
	}
}

func TestConvertSamples(t *testing.T) {
	n := 0
	samples(t, func(name string, body []byte) {
		for _, from := range versions() {
			for _, to := range versions() {
				if out, _, err := ves.Convert(nil, body, from, to); err == nil {
					n++
					require.Empty(t, ves.CheckJSON(out, to, ves.CheckOptions{}), name)
				}
			}
		}
	})
	require.Greater(t, n, 100)
}

// One event with everything that 5.4.1 calls or holds otherwise, by its bytes.
func TestDownConversionByBytes(t *testing.T) {
	e := measurement(t)
	e.Header.NFVendorName, e.Header.TimeZoneOffset = "acme", "UTC+01:00"
	m := e.Measurement
	m.NFCScalingMetric = ves.Some(int64(40))
	m.NICPerformanceArray = []ves.NICPerformance{{NICIdentifier: "eth0", ValuesAreSuspect: ves.Some(false), Speed: ves.Some(1000.0)}}
	m.LoadArray = []ves.Load{{ShortTerm: ves.Some(0.5)}}
	m.FeatureUsageArray = ves.HashMap{{Key: "h2", Text: "7"}, {Key: "ws", Text: "some"}}
	m.AdditionalFields = ves.HashMap{{Key: "pod", Text: "cart"}, {Key: "timeZoneOffset", Text: "mine"}}
	m.AdditionalMeasurements = []ves.NamedHashMap{{Name: "up", HashMap: ves.HashMap{{Key: "retries", Number: 3, Numeric: true}}}}
	require.NoError(t, e.Validate(ves.V5_4_1))
	require.Equal(t, []string{"nfVendorName", "timeZoneOffset", "nicPerformanceArray/eth0.speed", "loadArray/0.shortTerm", "featureUsageArray.ws"},
		e.Unsupported(ves.V5_4_1))
	require.Empty(t, e.Unsupported(ves.V7_2_1))
	want := `{"event":{"commonEventHeader":{"domain":"measurementsForVfScaling","eventId":"measurement0001",` +
		`"eventName":"Mfvs_Mesh-Envoy_Sidecar","startEpochMicrosec":1795438800000000,"lastEpochMicrosec":1795438860000000,` +
		`"priority":"Normal","sequence":0,"sourceName":"shop/cart-7f","reportingEntityName":"vesbridge-0","version":3.0},` +
		`"measurementsForVfScalingFields":{"measurementsForVfScalingVersion":2.0,"measurementInterval":60,"vnfcScalingMetric":40,` +
		`"vNicPerformanceArray":[{"vNicIdentifier":"eth0","valuesAreSuspect":"false"}],` +
		`"featureUsageArray":[{"featureIdentifier":"h2","featureUtilization":7}],` +
		`"additionalMeasurements":[{"name":"up","arrayOfFields":[{"name":"retries","value":"3"}]},` +
		`{"name":"nicPerformanceArray/eth0","arrayOfFields":[{"name":"speed","value":"1000"}]},` +
		`{"name":"loadArray/0","arrayOfFields":[{"name":"shortTerm","value":"0.5"}]},` +
		`{"name":"featureUsageArray","arrayOfFields":[{"name":"ws","value":"some"}]}],` +
		`"additionalFields":[{"name":"pod","value":"cart"},{"name":"timeZoneOffset","value":"mine"},{"name":"nfVendorName","value":"acme"}]}}}`
	got, err := e.AppendJSON(nil, ves.V5_4_1)
	require.NoError(t, err)
	if string(got) != want {
		t.Fatalf("encoded\n%s, want\n%s", got, want)
	}
	back, err := ves.DecodeEvent(got, ves.V5_4_1)
	require.NoError(t, err)
	require.Equal(t, ves.DomainMeasurement, back.Header.Domain)
	require.Equal(t, e.Header.EventName, back.Header.EventName)
	require.Equal(t, int64(40), back.Measurement.NFCScalingMetric.Value)
	require.Equal(t, ves.HashMap{{Key: "h2", Text: "7"}}, back.Measurement.FeatureUsageArray)
	require.NoError(t, back.Validate(ves.V7_2_1))
}

func TestConvertTextAndRepeatedNames(t *testing.T) {
	h := header()
	e, err := ves.NewSyslog(h, ves.SyslogFields{EventSourceType: "host", SyslogMsg: "m", SyslogTag: "NILVALUE", SyslogTs: "t|=1",
		AdditionalFields: ves.HashMap{{Key: "a=b", Text: `x|y\z=`}}})
	require.NoError(t, err)
	body, err := e.AppendJSON(nil, ves.V5_4_1)
	require.NoError(t, err)
	require.Contains(t, string(body), `"additionalFields":"a\\=b=x\\|y\\\\z=|syslogTs=t\\|=1"`)
	back, err := ves.DecodeEvent(body, ves.V5_4_1)
	require.NoError(t, err)
	require.Equal(t, ves.HashMap{{Key: "a=b", Text: `x|y\z=`}, {Key: "syslogTs", Text: "t|=1"}}, back.Syslog.AdditionalFields)

	plain := strings.Replace(string(body), `a\\=b=x\\|y\\\\z=|syslogTs=t\\|=1`, `no pairs`, 1)
	back, err = ves.DecodeEvent([]byte(plain), ves.V5_4_1)
	require.NoError(t, err)
	require.Equal(t, ves.HashMap{{Key: "additionalFields", Text: "no pairs"}}, back.Syslog.AdditionalFields)

	f, err := fault(t).AppendJSON(nil, ves.V5_4_1)
	require.NoError(t, err)
	twice := strings.Replace(string(f), `"specificProblem"`, `"alarmAdditionalInformation":[{"name":"k","value":"1"},{"name":"k_2","value":"2"},`+
		`{"name":"k","value":"3"},{"name":"k","value":"4"}],"surprise":{"a":[1]},"specificProblem"`, 1)
	out, lost, err := ves.Convert([]byte("before"), []byte(twice), ves.V5_4_1, ves.V7_2_1)
	require.NoError(t, err)
	require.Equal(t, []string{"surprise"}, lost)
	require.Contains(t, string(out), `"alarmAdditionalInformation":{"k":"1","k_2":"2","k_3":"3","k_4":"4"}`)
	require.Contains(t, string(out), `before{"event"`)
}

func TestConvertRefuses(t *testing.T) {
	body := send(t, measurement(t))
	for _, c := range []struct {
		body     string
		from, to ves.Version
		want     string
	}{
		{strings.Replace(string(body), `"domain":"measurement"`, `"domain":"notification"`, 1), ves.V7_2_1, ves.V5_4_1, "has no domain notification"},
		{strings.Replace(string(body), `"sequence":0`, `"sequence":"0"`, 1), ves.V7_2_1, ves.V5_4_1, "must be an integer"},
		{string(body), ves.V7_2_1, 0, "no VES version"},
		{string(body), 99, ves.V7_2_1, "known version"},
		{`{"eventList":[]}`, ves.V7_2_1, ves.V5_4_1, "has no event"},
		{strings.Replace(string(body), `"measurementInterval"`, `"hugePagesArray":[{"hugePagesIdentifier":"2M"}],"measurementInterval"`, 1), ves.V7_2_1, ves.V7_0_1, "no number"},
	} {
		out, _, err := ves.Convert([]byte("x"), []byte(c.body), c.from, c.to)
		require.ErrorContains(t, err, c.want)
		require.Equal(t, "x", string(out))
	}
	hb := strings.Replace(string(validHeartbeat), `,"heartbeatFields":{"heartbeatFieldsVersion":"3.0","heartbeatInterval":60}`, "", 1)
	hb = strings.Replace(hb, `"sourceName"`, `"nfVendorName":"acme","sourceName"`, 1)
	_, lost, err := ves.Convert(nil, []byte(hb), ves.V7_2_1, ves.V5_4_1)
	require.NoError(t, err)
	require.Equal(t, []string{"nfVendorName"}, lost, "a heartbeat without block has no further fields")
}

// What a mapping names is known in 5.4.1 by its old path, or has none.
func TestFieldPathIn(t *testing.T) {
	for path, want := range map[string]string{
		"requestRate":                                "requestRate",
		"nfcScalingMetric":                           "vnfcScalingMetric",
		"nicPerformanceArray.nicIdentifier":          "vNicPerformanceArray.vNicIdentifier",
		"nicPerformanceArray.receivedOctetsDelta":    "vNicPerformanceArray.receivedOctetsDelta",
		"nicPerformanceArray.speed":                  "",
		"loadArray":                                  "",
		"additionalObjects.objectInstances":          "additionalObjects.objectInstances",
		"cpuUsageArray.percentUsage":                 "cpuUsageArray.percentUsage",
		"additionalMeasurements":                     "additionalMeasurements",
		"ipmi.ipmiNicArray.nicIdentifier":            "",
		"latencyDistribution.highEndOfLatencyBucket": "latencyDistribution.highEndOfLatencyBucket",
	} {
		f := field(t, path)
		require.Equal(t, want, f.PathIn(ves.V5_4_1), path)
		require.Equal(t, want != "", f.In(ves.V5_4_1), path)
		require.Equal(t, path, f.PathIn(ves.V7_2_1), path)
	}
	for _, d := range ves.Domains(ves.V7_2_1) {
		for f := range ves.Fields(ves.V7_2_1, d) {
			if p := f.PathIn(ves.V5_4_1); p != "" {
				_, err := ves.FieldAt(ves.V5_4_1, name5(d), p)
				require.NoError(t, err, "%s of %s", f.Path, d)
			}
		}
	}
}

func FuzzConvert(f *testing.F) {
	fuzzSeeds(f)
	f.Add(send(f, measurement(f)))
	for _, e := range everyDomain(f) {
		f.Add(send(f, e))
		if body, err := e.AppendJSON(nil, ves.V5_4_1); err == nil {
			f.Add(body)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, pair := range [...][2]ves.Version{{ves.V7_2_1, ves.V5_4_1}, {ves.V5_4_1, ves.V7_2_1}, {ves.V7_0_1, ves.V7_1_1}} {
			out, _, err := ves.Convert(nil, body, pair[0], pair[1])
			if err != nil {
				continue
			}
			if _, _, err := ves.Convert(nil, out, pair[1], pair[1]); err != nil {
				t.Fatalf("%s became %s, which cannot be read: %v", body, out, err)
			}
		}
	})
}
