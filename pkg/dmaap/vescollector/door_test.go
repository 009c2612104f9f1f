package vescollector

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/dmaap"
	"github.com/vesbridge/vesbridge/pkg/dmaap/dmaaptest"
	"github.com/vesbridge/vesbridge/pkg/outbox"
	"github.com/vesbridge/vesbridge/pkg/ves"
)

// built is a record as the bridge builds it: a valid event of VES 7.2.1.
func built(domain, id, block string) outbox.Record {
	r := dmaaptest.Record(domain, "source-0", id)
	namespace := ""
	if domain == "stndDefined" {
		r.StndDefinedNamespace = "3GPP-FaultSupervision"
		namespace = `,"stndDefinedNamespace":"3GPP-FaultSupervision"`
	}
	r.Body = fmt.Appendf(nil, `{"event":{"commonEventHeader":{"version":"4.1","vesEventListenerVersion":"7.2.1","domain":%q,"eventId":%q,`+
		`"eventName":"X_a-b_c","sourceName":"source-0","reportingEntityName":"b","priority":"Normal","sequence":0,`+
		`"startEpochMicrosec":1790000000000000,"lastEpochMicrosec":1790000060000000%s}%s}}`, domain, id, namespace, block)
	return r
}

func measurement(id, more string) outbox.Record {
	return built("measurement", id, `,"measurementFields":{"measurementFieldsVersion":"4.0","measurementInterval":60,"requestRate":12.5`+more+`}`)
}

func refusedWith(t *testing.T, err error, reason string) string {
	t.Helper()
	var e *dmaap.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, dmaap.Permanent, e.Class, "%v", e)
	require.Equal(t, reason, e.Reason, "%v", e)
	return e.Error()
}

// TestVersionOfTheCollector: each event leaves in the version of its destination, valid by it
// and to that version's URL.
func TestVersionOfTheCollector(t *testing.T) {
	for _, v := range []ves.Version{ves.V5_4_1, ves.V7_0_1, ves.V7_1_1, ves.V7_2, ves.V7_2_1} {
		c := newCollector(t)
		cfg := c.settings()
		cfg.VESVersion = v.String()
		require.NoError(t, cfg.Validate())
		d := make1(t, cfg)
		recs := []outbox.Record{
			measurement("a", `,"additionalFields":{"release":"v1"}`),
			measurement("b", `,"hugePagesArray":[{"hugePagesIdentifier":"two megabytes","bytesFree":1}]`),
		}
		if v == ves.V7_0_1 { // hugePagesIdentifier was a number there
			text := refusedWith(t, d.Publish(t.Context(), recs), "version")
			require.Contains(t, text, "converting from VES 7.2.1")
			require.Contains(t, text, "hugePagesIdentifier")
			require.Empty(t, c.received(), "nothing of a batch that is taken apart is sent")
			recs = recs[:1]
		}
		require.NoError(t, d.Publish(t.Context(), recs))
		require.NoError(t, d.Publish(t.Context(), recs), "a retry")
		got := c.received()
		require.Len(t, got, 2*len(recs))
		require.Equal(t, got[:len(recs)], got[len(recs):], "a retry repeats the bytes")
		for i, body := range got[:len(recs)] {
			require.Empty(t, ves.CheckJSON([]byte(body), v, ves.CheckOptions{Strict: true}), "%s: %s", v, body)
			require.Contains(t, body, `"requestRate":12.5`)
			require.Contains(t, body, `"eventId":"`+recs[i].EventID+`"`)
		}
		if v == ves.V5_4_1 {
			require.Contains(t, got[0], `"domain":"measurementsForVfScaling"`)
			require.Contains(t, got[0], `{"name":"release","value":"v1"}`)
			require.True(t, strings.HasPrefix(c.paths[0], "/eventListener/v5"), c.paths[0])
		} else {
			require.Contains(t, got[0], `"vesEventListenerVersion":"`+v.String()+`"`)
			require.True(t, strings.HasPrefix(c.paths[0], "/eventListener/v7"), c.paths[0])
		}
	}
}

// TestVersionOfEventsFromTheIntake: an event of 5.4.1 reaches a collector of 7.x, and what that
// has no place for is told, once.
func TestVersionOfEventsFromTheIntake(t *testing.T) {
	c := newCollector(t)
	cfg := c.settings()
	cfg.VESVersion = "7.2"
	var log bytes.Buffer
	d, err := New(cfg, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close(context.Background())) })
	r := dmaaptest.Record("fault", "source-0", "old")
	r.Body = []byte(`{"event":{"commonEventHeader":{"version":3.0,"domain":"fault","eventId":"old","eventName":"Fault_a-b_c","sourceName":"source-0",` +
		`"reportingEntityName":"b","priority":"High","sequence":1,"startEpochMicrosec":1790000000000000,"lastEpochMicrosec":1790000000000000,"unheardOf":"x"},` +
		`"faultFields":{"faultFieldsVersion":2.0,"alarmCondition":"linkDown","eventSeverity":"CRITICAL","eventSourceType":"other","specificProblem":"p","vfStatus":"Active"}}}`)
	for range 2 {
		require.NoError(t, d.Publish(t.Context(), []outbox.Record{r}))
	}
	require.Len(t, c.received(), 2)
	require.Empty(t, ves.CheckJSON([]byte(c.received()[0]), ves.V7_2, ves.CheckOptions{Strict: true}))
	require.Equal(t, 1, strings.Count(log.String(), "has no place for members"), log.String())
	require.Contains(t, log.String(), "unheardOf")
}

// TestVersion5HasFewerDomains: check tells them by the name of the version.
func TestVersion5HasFewerDomains(t *testing.T) {
	cfg := DefaultConfig()
	cfg.VESVersion, cfg.Profile = "5.4.1", "onap-oom"
	for domain, want := range map[string]string{"measurement": "", "heartbeat": "", "fault": "", "notification": "VES 5.4.1 has no domain notification", "syslog": "answers 500"} {
		why, refused := cfg.Undeliverable(domain, "")
		require.Equal(t, want != "", refused, domain)
		require.Contains(t, why, want)
	}
	cfg.Endpoint = "http://a"
	d := make1(t, cfg)
	require.Equal(t, cfg.MaxBatchBytes/2, d.Limits().MaxBytes, "events grow on the way to 5.4.1")
}

func TestVersionLeavesAloneWhatItCanSay(t *testing.T) {
	c := newCollector(t)
	cfg := c.settings()
	cfg.VESVersion = "7.2.1"
	r := measurement("a", "")
	r.Body = []byte(strings.Replace(string(r.Body), `"requestRate":12.5`, `"requestRate": 12.50`, 1))
	require.NoError(t, make1(t, cfg).Publish(t.Context(), []outbox.Record{r}))
	require.Equal(t, []string{string(r.Body)}, c.received())
}

// TestVersionWithoutTheDomain: check tells it, and the event is set aside rather than retried.
func TestVersionWithoutTheDomain(t *testing.T) {
	c := newCollector(t)
	cfg := c.settings()
	cfg.VESVersion = "7.1.1"
	why, refused := cfg.Undeliverable("stndDefined", "3GPP-Heartbeat")
	require.True(t, refused)
	require.Equal(t, "VES 7.1.1 has no domain stndDefined", why)
	_, refused = cfg.Undeliverable("perf3gpp", "")
	require.False(t, refused)
	r := built("stndDefined", "s", `,"stndDefinedFields":{"stndDefinedFieldsVersion":"1.0","data":{}}`)
	refusedWith(t, make1(t, cfg).Publish(t.Context(), []outbox.Record{r}), "version")
	require.Empty(t, c.received())
}

// TestTrap21NoCallForWhatTheCollectorRefuses: a stream without a topic is answered with 500,
// like a dead bus: the event would be tried again and again.
func TestTrap21NoCallForWhatTheCollectorRefuses(t *testing.T) {
	c := newCollector(t)
	cfg := c.settings()
	cfg.Profile = "onap-oom"
	d := make1(t, cfg)
	for domain, want := range map[string]string{"syslog": "no topic behind it", "perf3gpp": "a domain of HV-VES"} {
		why, refused := cfg.Undeliverable(domain, "")
		require.True(t, refused)
		require.Contains(t, why, want)
		text := refusedWith(t, d.Publish(t.Context(), dmaaptest.Records(domain, 3)), "no_stream")
		require.Contains(t, text, want)
	}
	require.Empty(t, c.received())
	require.NoError(t, d.Publish(t.Context(), dmaaptest.Records("fault", 3)))
	require.Len(t, c.received(), 3)
	cfg.Profile = ""
	_, refused := cfg.Undeliverable("syslog", "")
	require.False(t, refused, "without a profile nothing is known")
}

// TestNoBatchToOneThatDropsThem: O-RAN SC's collector answers 202 to an eventList and loses it.
func TestNoBatchToOneThatDropsThem(t *testing.T) {
	cfg := newCollector(t).settings()
	require.Equal(t, cfg.MaxBatchEvents, make1(t, cfg).Limits().MaxRecords)
	cfg.Profile = "oran-smo"
	require.Equal(t, 1, make1(t, cfg).Limits().MaxRecords)
}

func TestSizeOfTheProfile(t *testing.T) {
	c := newCollector(t)
	cfg := c.settings()
	big := measurement("big", `,"additionalFields":{"x":"`+strings.Repeat("x", 1_100_000)+`"}`)
	require.NoError(t, make1(t, cfg).Publish(t.Context(), []outbox.Record{big}), "VES allows 2 MB")
	cfg.Profile = "onap-oom"
	text := refusedWith(t, make1(t, cfg).Publish(t.Context(), []outbox.Record{big}), "too_large")
	require.Contains(t, text, "1048576")
	require.Contains(t, text, "additionalFields", "the largest member")
}

// TestSecondStageBeforeTheCollector: its answer would name no member.
func TestSecondStageBeforeTheCollector(t *testing.T) {
	dir := t.TempDir()
	const url = "https://example.org/a.yaml"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "schema-map.json"), []byte(`[{"publicURL":"`+url+`","localURL":"a.yaml"},{"publicURL":"x","localURL":"x"}]`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.yaml"), []byte("components: {schemas: {A: {type: object, required: [alarmId]}}}"), 0o600))
	event := func(reference, data string) []outbox.Record {
		return []outbox.Record{built("stndDefined", "s", `,"stndDefinedFields":{"stndDefinedFieldsVersion":"1.0","schemaReference":"`+reference+`","data":`+data+`}`)}
	}
	c := newCollector(t)
	cfg := c.settings()
	cfg.Schemas = dir
	d := make1(t, cfg)
	const ref = url + "#/components/schemas/A"
	require.NoError(t, d.Publish(t.Context(), event(ref, `{"alarmId":"1"}`)))
	text := refusedWith(t, d.Publish(t.Context(), event(ref, `{}`)), "stnd_defined")
	require.Contains(t, text, "/event/stndDefinedFields/data: missing property 'alarmId' (SVC2000)")
	require.Contains(t, refusedWith(t, d.Publish(t.Context(), event(url+"x#/A", `{}`)), "stnd_defined"), "SVC2004")
	require.Len(t, c.received(), 1)

	cfg.Schemas, cfg.Profile = "", "onap-oom"
	require.Contains(t, refusedWith(t, make1(t, cfg).Publish(t.Context(), event(ref, `{"alarmId":"1"}`)), "stnd_defined"), "its schema map lacks")
	cfg.Schemas = filepath.Join(dir, "nowhere")
	_, err := New(cfg, nil)
	require.ErrorContains(t, err, "opening the folder of schemas")
}

// TestChangedProfileFileIsAnotherConfig: a reload replaces the destinations whose Config differs.
func TestChangedProfileFileIsAnotherConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lab.yaml")
	read := func(text string) Config {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		cfg := DefaultConfig()
		cfg.Endpoint, cfg.Profile = "http://a", file
		require.NoError(t, cfg.Validate())
		return cfg
	}
	a, b := read("{name: lab, versions: [7.2.1]}"), read("{name: lab, versions: [7.2.1], streams: {fault: F}}")
	require.NotEqual(t, a, b)
	require.Equal(t, b, read("{name: lab, versions: [7.2.1], streams: {fault: F}}"))
	require.NoError(t, os.Remove(file))
	_, refused := b.Undeliverable("measurement", "")
	require.True(t, refused, "what was read holds")
}
