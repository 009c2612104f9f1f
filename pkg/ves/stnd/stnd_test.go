package stnd_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
	"github.com/vesbridge/vesbridge/pkg/dmaap/stnddefined"
	"github.com/vesbridge/vesbridge/pkg/ves"
	"github.com/vesbridge/vesbridge/pkg/ves/stnd"
)

// official are the documents of SA88-Rel16 that the ONAP collector ships.
func official(t testing.TB) *stnddefined.Schemas {
	t.Helper()
	from := bridgetest.Shared(t, "ves", "schemas", "stndDefined")
	dir := t.TempDir()
	to := filepath.Join(dir, "3gpp", "rep", "sa5", "MnS", "blob", "SA88-Rel16", "OpenAPI")
	require.NoError(t, os.MkdirAll(to, 0o755))
	files, err := os.ReadDir(from)
	require.NoError(t, err)
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(from, f.Name()))
		require.NoError(t, err)
		at := filepath.Join(to, f.Name())
		if f.Name() == stnddefined.MapFile {
			at = filepath.Join(dir, f.Name())
		}
		require.NoError(t, os.WriteFile(at, text, 0o600))
	}
	s, notes, err := stnddefined.Load(dir)
	require.NoError(t, err)
	require.Empty(t, notes)
	return s
}

func head() stnd.Header {
	return stnd.Header{
		Href: "https://example.org/ims/bono-0", NotificationID: 7, SystemDN: "DC=example,SubNetwork=1",
		EventTime: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
	}
}

func key() stnd.AlarmKey {
	return stnd.AlarmKey{AlarmID: "a1", AlarmType: stnd.CommunicationsAlarm, ProbableCause: "upstream lost", PerceivedSeverity: stnd.Major}
}

func details() stnd.AlarmDetails {
	return stnd.AlarmDetails{
		SpecificProblem: "no healthy upstream", BackedUpStatus: new(true), TrendIndication: stnd.MoreSevere,
		ThresholdInfo:       &stnd.ThresholdInfo{ObservedMeasurement: "errorRate", ObservedValue: 0.5},
		MonitoredAttributes: map[string]any{"x": 1}, AdditionalText: "t", AdditionalInformation: map[string]any{"cluster": "c"}, RootCauseIndicator: new(false),
	}
}

// full and bare are every notification with all of its members, and with the required ones.
func full() map[string]stnd.Body {
	file := stnd.FileInfo{Location: "sftp://h/f", Size: 10, Ready: head().EventTime, Expiration: head().EventTime.Add(time.Hour), Compression: "gzip", Format: "xml"}
	moi := stnd.MOI{Header: head(), AdditionalText: "t", Source: stnd.ManagementOperation}
	return map[string]stnd.Body{
		"notifyNewAlarm":                 &stnd.NewAlarm{head(), key(), details()},
		"notifyChangedAlarmGeneral":      &stnd.ChangedAlarmGeneral{head(), key(), details(), map[string]any{"perceivedSeverity": "MINOR"}},
		"notifyClearedAlarm":             &stnd.ClearedAlarm{Header: head(), AlarmKey: stnd.AlarmKey{AlarmID: "a1", AlarmType: stnd.EquipmentAlarm, ProbableCause: "p"}, ClearUserID: "u", ClearSystemID: "s"},
		"notifyAlarmListRebuilt":         &stnd.AlarmListRebuilt{head(), "restart", new(true)},
		"notifyHeartbeat":                &stnd.Heartbeat{head(), time.Minute},
		"notifyFileReady":                &stnd.FileReady{head(), []stnd.FileInfo{file}, "t"},
		"notifyFilePreparationError":     &stnd.FilePreparationError{head(), []stnd.FileInfo{file}, "disk full", "t"},
		"notifyMOICreation":              &stnd.MOICreation{moi, map[string]any{"a": nil}},
		"notifyMOIDeletion":              &stnd.MOIDeletion{moi, map[string]any{"a": 1}},
		"notifyMOIAttributeValueChanges": &stnd.MOIAttributeValueChanges{moi, map[string][]any{"a": {1, nil}, "b": {"new"}}},
		"notifyMOIChanges":               &stnd.MOIChanges{head(), []stnd.MOIChange{{NotificationID: 1, Path: "/a", Operation: stnd.Replace, Source: stnd.SONOperation, Value: map[string]any{"a": 1}}}},
	}
}

func bare() map[string]stnd.Body {
	return map[string]stnd.Body{
		"notifyNewAlarm":             &stnd.NewAlarm{Header: head(), AlarmKey: key()},
		"notifyChangedAlarmGeneral":  &stnd.ChangedAlarmGeneral{Header: head(), AlarmKey: key(), ChangedAlarmAttributes: map[string]any{"x": 1}},
		"notifyAlarmListRebuilt":     &stnd.AlarmListRebuilt{Header: head(), Reason: "r"},
		"notifyFileReady":            &stnd.FileReady{Header: head(), Files: []stnd.FileInfo{{Location: "l"}}},
		"notifyFilePreparationError": &stnd.FilePreparationError{Header: head(), Reason: "r"},
		"notifyMOICreation":          &stnd.MOICreation{MOI: stnd.MOI{Header: head()}},
	}
}

// namespaces by the families of TS 28.532.
var namespaces = map[string]string{
	"notifyNewAlarm": "3GPP-FaultSupervision", "notifyChangedAlarmGeneral": "3GPP-FaultSupervision", "notifyClearedAlarm": "3GPP-FaultSupervision",
	"notifyAlarmListRebuilt": "3GPP-FaultSupervision", "notifyHeartbeat": "3GPP-Heartbeat", "notifyFileReady": "3GPP-PerformanceAssurance",
	"notifyFilePreparationError": "3GPP-PerformanceAssurance", "notifyMOICreation": "3GPP-Provisioning", "notifyMOIDeletion": "3GPP-Provisioning",
	"notifyMOIAttributeValueChanges": "3GPP-Provisioning", "notifyMOIChanges": "3GPP-Provisioning",
}

// TestEveryNotificationPassesBothStages: the envelope by its VES schema, the body by the official
// document that its reference names.
func TestEveryNotificationPassesBothStages(t *testing.T) {
	schemas := official(t)
	for _, bodies := range []map[string]stnd.Body{full(), bare()} {
		for name, b := range bodies {
			e, err := stnd.NewEvent(ves.Header{
				EventID: "e1", EventName: "StndDefined_a-b_c", SourceName: "s", ReportingEntityName: "r",
				StartEpochMicrosec: 1790000000000000, LastEpochMicrosec: 1790000000000000,
			}, b)
			require.NoError(t, err, name)
			message, err := e.AppendJSON(nil, ves.V7_2_1)
			require.NoError(t, err, name)
			require.Empty(t, ves.CheckJSON(message, ves.V7_2_1, ves.CheckOptions{Strict: true}), "%s: %s", name, message)
			require.Empty(t, schemas.Check(message), "%s: %s", name, message)
			require.Equal(t, namespaces[name], e.Header.StndDefinedNamespace, name)
		}
	}
	require.Len(t, full(), len(namespaces))
}

// TestReferencesThatWouldRefuse: SchemaReference is empty only where the official document refuses
// a notification under its own name.
func TestReferencesThatWouldRefuse(t *testing.T) {
	schemas := official(t)
	for name, fragment := range map[string]string{
		"notifyHeartbeat":  "heartbeatNtf.yaml#/components/schemas/notifyHeartbeat-NotifType",
		"notifyMOIChanges": "provMnS.yaml#/components/schemas/notifyMOIChanges-NotifType",
	} {
		b := full()[name]
		require.Empty(t, b.SchemaReference(), name)
		data, err := stnd.Encode(b)
		require.NoError(t, err)
		found := schemas.CheckData(stnd.Release+fragment, data)
		require.Len(t, found, 1, "nothing but its type is wrong with %s: %v", name, found)
		require.Equal(t, "/data/notificationType", found[0].Pointer)
	}
	for name, b := range full() {
		if b.SchemaReference() == "" {
			continue
		}
		require.NotEmpty(t, schemas.CheckData(b.SchemaReference(), []byte(`5`)), "%s: the reference leads to a schema that refuses something", name)
	}
}

func TestGoldenBody(t *testing.T) {
	data, err := stnd.Encode(&stnd.NewAlarm{head(), key(), details()})
	require.NoError(t, err)
	require.JSONEq(t, `{"href":"https://example.org/ims/bono-0","notificationId":7,"notificationType":"notifyNewAlarm","eventTime":"2026-11-23T12:00:00Z",
		"systemDN":"DC=example,SubNetwork=1","alarmId":"a1","alarmType":"COMMUNICATIONS_ALARM","probableCause":"upstream lost","perceivedSeverity":"MAJOR",
		"specificProblem":"no healthy upstream","backedUpStatus":true,"trendIndication":"MORE_SEVERE","thresholdInfo":{"observedMeasurement":"errorRate","observedValue":"0.5"},
		"monitoredAttributes":{"x":1},"additionalText":"t","additionalInformation":{"cluster":"c"},"rootCauseIndicator":false}`, string(data))
	data, err = json.Marshal(&stnd.ThresholdInfo{ObservedMeasurement: "m", ObservedValue: 3})
	require.NoError(t, err)
	require.JSONEq(t, `{"observedMeasurement":"m","observedValue":3}`, string(data))
}

func TestEncodeTellsAllThatIsWrong(t *testing.T) {
	for want, b := range map[string]stnd.Body{
		"href is missing; eventTime is missing; systemDN is missing; alarmId is missing; alarmType is \"\"": &stnd.NewAlarm{},
		"perceivedSeverity of a new alarm is CLEARED":                                                       &stnd.NewAlarm{Header: head(), AlarmKey: stnd.AlarmKey{AlarmID: "a", AlarmType: stnd.EquipmentAlarm, ProbableCause: "p", PerceivedSeverity: stnd.Cleared}},
		"thresholdInfo.observedValue is no finite number":                                                   &stnd.NewAlarm{head(), key(), stnd.AlarmDetails{ThresholdInfo: &stnd.ThresholdInfo{ObservedMeasurement: "m", ObservedValue: math.NaN()}}},
		`trendIndication is "UP"`:                                                                           &stnd.NewAlarm{head(), key(), stnd.AlarmDetails{TrendIndication: "UP"}},
		"changedAlarmAttributes is missing":                                                                 &stnd.ChangedAlarmGeneral{Header: head(), AlarmKey: key()},
		"of a cleared alarm is not CLEARED":                                                                 &stnd.ClearedAlarm{Header: head(), AlarmKey: key()},
		"reason is missing":                                                                                 &stnd.AlarmListRebuilt{Header: head()},
		"heartbeatNtfPeriod":                                                                                &stnd.Heartbeat{head(), 1500 * time.Millisecond},
		"fileInfoList is empty":                                                                             &stnd.FileReady{Header: head()},
		"fileInfoList[0].fileLocation is missing":                                                           &stnd.FilePreparationError{Header: head(), Reason: "r", Files: []stnd.FileInfo{{}}},
		`sourceIndicator is "me"`:                                                                           &stnd.MOICreation{MOI: stnd.MOI{Header: head(), Source: "me"}},
		"attributeValueChange.a has 3 values":                                                               &stnd.MOIAttributeValueChanges{stnd.MOI{Header: head()}, map[string][]any{"a": {1, 2, 3}}},
		"attributeValueChange is missing":                                                                   &stnd.MOIAttributeValueChanges{MOI: stnd.MOI{Header: head()}},
		"mOIChanges is empty":                                                                               &stnd.MOIChanges{Header: head()},
		`mOIChanges[0].path is missing; mOIChanges[0].operation is ""`:                                      &stnd.MOIChanges{head(), []stnd.MOIChange{{}}},
		"unsupported value":                                                                                 &stnd.MOICreation{stnd.MOI{Header: head()}, map[string]any{"a": math.Inf(1)}},
	} {
		_, err := stnd.Encode(b)
		require.ErrorContains(t, err, want)
		_, err = stnd.NewEvent(ves.Header{}, b)
		require.ErrorContains(t, err, want)
	}
}
