package stnddefined

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
)

const release = "https://forge.3gpp.org/rep/sa5/MnS/blob/SA88-Rel16/OpenAPI/"

// onapRepo lays the four documents and the map of the ONAP collector out as its image does.
func onapRepo(t testing.TB) *Schemas {
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
		if f.Name() == MapFile {
			at = filepath.Join(dir, MapFile)
		}
		require.NoError(t, os.WriteFile(at, text, 0o600))
	}
	s, notes, err := Load(dir)
	require.NoError(t, err)
	require.Empty(t, notes)
	require.Len(t, s.URLs(), 4)
	return s
}

// folder writes files by their names and loads them.
func folder(t testing.TB, files map[string]string) (*Schemas, []string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	s, notes, err := Load(dir)
	require.NoError(t, err)
	return s, notes
}

func told(vs []Violation) string {
	var b strings.Builder
	for _, v := range vs {
		b.WriteString(v.Error() + "\n")
	}
	return b.String()
}

// TestCollectorSamples: the collector's and its SDK's own samples get the collector's verdict.
func TestCollectorSamples(t *testing.T) {
	onap := onapRepo(t)
	text, err := os.ReadFile(bridgetest.Shared(t, "ves", "schemas", "stndDefined", "faultMnS.yaml"))
	require.NoError(t, err)
	sdk, notes := folder(t, map[string]string{
		MapFile: `[{"publicURL":"http://localhost:8080/external1","localURL":"a.yaml"},
			{"publicURL":"http://localhost:8080/externalNoHash","localURL":"b.yaml"}]`,
		"a.yaml": string(text),
		"b.yaml": "type: object\nrequired: [alarmId, systemDN]\nproperties: {alarmId: {type: string}}\n",
	})
	require.Empty(t, notes)
	for _, tt := range []struct {
		schemas *Schemas
		file    []string
		want    string // "" is valid
	}{
		{onap, []string{"collector-tests", "valid", "ves_stdnDefined_valid.json"}, ""},
		{onap, []string{"collector-tests", "valid", "ves_stdnDefined_without_schema_reference.json"}, ""},
		{onap, []string{"collector-tests", "valid", "ves7_batch_stdnDefined_withSameStndDefinedNamespace.json"}, ""},
		{onap, []string{"collector-tests", "valid", "ves7_batch_with_stndDefined_valid.json"}, UnknownDocument}, // of another release than the map that ships
		{onap, []string{"collector-tests", "valid", "ves7_valid_30_1_1_event.json"}, NoNamespace},
		{onap, []string{"sdk-external-schema", "validEvent.json"}, UnknownDocument},
		{sdk, []string{"sdk-external-schema", "validEvent.json"}, ""},
		{sdk, []string{"sdk-external-schema", "validNoHashEvent.json"}, ""},
		{sdk, []string{"sdk-external-schema", "incorrectHashEvent.json"}, "/event/stndDefinedFields/schemaReference: the document has no usable schema at \"invalid/components-test"},
		{sdk, []string{"sdk-external-schema", "invalidEvent.json"}, "/event/stndDefinedFields/data/alarmType: value must be one of"},
		{sdk, []string{"sdk-external-schema", "invalidEvent.json"}, "/event/stndDefinedFields/data/alarmId: got number, want string (SVC2000)"},
	} {
		body, err := os.ReadFile(bridgetest.Shared(t, append([]string{"ves", "samples"}, tt.file...)...))
		require.NoError(t, err)
		// The SDK's samples say domain fault, which its own validator does not look at.
		text := strings.Replace(string(body), `"domain": "fault"`, `"domain": "stndDefined"`, 1)
		got := told(tt.schemas.Check([]byte(text)))
		if tt.want == "" {
			require.Empty(t, got, tt.file)
		} else {
			require.Contains(t, got, tt.want, tt.file)
		}
	}
}

func message(namespace, reference, data string) string {
	return fmt.Sprintf(`{"event":{"commonEventHeader":{"domain":"stndDefined","stndDefinedNamespace":%q},"stndDefinedFields":{"schemaReference":%q,"data":%s}}}`,
		namespace, reference, data)
}

// TestRefusals: the message id of each kind of mistake.
func TestRefusals(t *testing.T) {
	s := onapRepo(t)
	const alarm = `{"href":"h","notificationId":1,"notificationType":"notifyNewAlarm","eventTime":"2026-11-23T12:00:00Z","systemDN":"d",` +
		`"alarmId":"1","alarmType":"EQUIPMENT_ALARM","probableCause":7,"perceivedSeverity":"MAJOR"}`
	const ref = release + "faultMnS.yaml#/components/schemas/NotifyNewAlarm"
	for name, tt := range map[string]struct{ namespace, reference, data, want string }{
		"fine":                {"3GPP-FaultSupervision", ref, alarm, ""},
		"no reference":        {"3GPP-FaultSupervision", "", `{"anything":1}`, ""},
		"whole document":      {"3GPP-FaultSupervision", release + "faultMnS.yaml", `{"anything":1}`, ""},
		"no namespace":        {"", ref, alarm, "/event/commonEventHeader/stndDefinedNamespace: is required for domain stndDefined (SVC2006)"},
		"http":                {"n", strings.Replace(ref, "https", "http", 1), alarm, "is not in the schema map (SVC2004): write a publicURL"},
		"slash at the end":    {"n", strings.Replace(ref, "#", "/#", 1), alarm, UnknownDocument},
		"unknown schema":      {"n", ref + "s", alarm, `no usable schema at "/components/schemas/NotifyNewAlarms"`},
		"into nothing":        {"n", release + "faultMnS.yaml#//", alarm, InvalidData},
		"missing member":      {"n", ref, strings.Replace(alarm, `"alarmId":"1",`, "", 1), "/event/stndDefinedFields/data: missing property 'alarmId' (SVC2000)"},
		"wrong type":          {"n", ref, strings.Replace(alarm, `"systemDN":"d"`, `"systemDN":5`, 1), "data/systemDN: got number, want string"},
		"null":                {"n", ref, strings.Replace(alarm, `"systemDN":"d"`, `"systemDN":null`, 1), "data/systemDN: got null, want string"},
		"document is missing": {"n", release + "provMnS.yaml#/components/schemas/resourceRepresentation-Type", alarm, "no usable schema"},
		"format":              {"n", release + "provMnS.yaml#/components/schemas/dateTime-Type", `"yesterday"`, "is not valid date-time"},
		"huge exponent":       {"n", ref, strings.Replace(alarm, `:7,`, `:1e999999999,`, 1), "/event/stndDefinedFields/data/probableCause: must be a number within float64"},
	} {
		t.Run(name, func(t *testing.T) {
			got := told(s.Check([]byte(message(tt.namespace, tt.reference, tt.data))))
			if tt.want == "" {
				require.Empty(t, got)
			} else {
				require.Contains(t, got, tt.want)
			}
		})
	}
	require.Empty(t, s.Check([]byte(`{"event":{"commonEventHeader":{"domain":"fault"}}}`)))
	require.Empty(t, s.Check([]byte(`{stndDefined`)), "not JSON: the first stage's business")
}

// TestReferencesBetweenDocuments: heartbeatNtf.yaml refers to provMnS.yaml beside it, whose list
// of notification types lacks notifyHeartbeat.
func TestReferencesBetweenDocuments(t *testing.T) {
	s := onapRepo(t)
	const data = `{"href":"h","notificationId":1,"notificationType":%q,"eventTime":"2026-11-23T12:00:00Z","systemDN":"d","heartbeatNtfPeriod":60}`
	const ref = release + "heartbeatNtf.yaml#/components/schemas/notifyHeartbeat-NotifType"
	require.Empty(t, told(s.CheckData(ref, fmt.Appendf(nil, data, "notifyMOICreation"))))
	require.Contains(t, told(s.CheckData(ref, fmt.Appendf(nil, data, "notifyHeartbeat"))), "/data/notificationType: value must be one of")
}

func TestOpenAPIIsReadAsJSONSchema(t *testing.T) {
	s, notes := folder(t, map[string]string{
		MapFile: `[{"publicURL":"u:a","localURL":"/sub/a.yaml"}]`,
		"sub/a.yaml": `
openapi: 3.0.1
paths: {/x: {get: {responses: {200: {description: fine}}}}}
components:
  schemas:
    text: {type: string, nullable: true}
    plain: {type: string}
    severity: {type: string, enum: [MAJOR], nullable: true}
    any: {nullable: true}
    object: {type: object, nullable: true, properties: {x: {type: integer, minimum: 0, exclusiveMinimum: true}}}
    pet:
      oneOf: [{$ref: '#/components/schemas/plain'}, {$ref: '#/components/schemas/object'}]
      discriminator: {propertyName: kind}
      example: {kind: cat}
    odd: {type: string, pattern: '^(?=a)'}
    public: {$ref: 'u:a#/components/schemas/plain'}
    outside: {$ref: '../../secret.yaml#/x'}
    fetched: {$ref: 'http://192.0.2.1/x.yaml#/x'}
    date: {type: string, enum: [2020-01-01]}
`,
	})
	require.Equal(t, []string{`sub/a.yaml: the pattern "^(?=a)" cannot be read, everything matches it`}, notes)
	for _, tt := range []struct {
		schema, data string
		valid        bool
	}{
		{"text", `null`, true}, {"text", `"x"`, true}, {"text", `1`, false},
		{"plain", `null`, false},
		{"severity", `null`, true}, {"severity", `"MAJOR"`, true}, {"severity", `"MINOR"`, false},
		{"any", `null`, true}, {"any", `[1]`, true},
		{"object", `{"x":1}`, true}, {"object", `{"x":0}`, false}, {"object", `null`, true}, {"object/properties/x", `0`, false},
		{"pet", `"x"`, true}, {"pet", `1`, false},
		{"odd", `"b"`, true}, {"odd", `1`, false},
		{"public", `"x"`, true}, {"public", `1`, false},
		{"outside", `1`, false}, {"fetched", `1`, false},
		{"date", `"2020-01-01"`, true},
	} {
		got := told(s.CheckData("u:a#/components/schemas/"+tt.schema, []byte(tt.data)))
		require.Equal(t, tt.valid, got == "", "%s %s: %s", tt.schema, tt.data, got)
	}
}

func TestLoadLeavesOutWhatACollectorLeavesOut(t *testing.T) {
	s, notes := folder(t, map[string]string{
		MapFile: `[{"publicURL":"a","localURL":"missing.yaml"},{"publicURL":"b","localURL":"empty.yaml"},{"publicURL":"c","localURL":"bad.yaml"},
			{"publicURL":"d","localURL":"../outside.yaml"},{"publicURL":"e","localURL":"list.yaml"},{"localURL":"x"},
			{"publicURL":"good","localURL":"good.yaml"},{"publicURL":"good","localURL":"bad.yaml"},{"publicURL":"bomb","localURL":"bomb.yaml"}]`,
		"empty.yaml": "", "bad.yaml": "a: [", "list.yaml": "[1]", "good.yaml": "type: object",
		"bomb.yaml": bomb(),
	})
	require.Equal(t, []string{"good"}, s.URLs())
	require.Len(t, notes, 8)
	require.Contains(t, strings.Join(notes, "\n"), `"a" is left out, as a collector does`)

	dir := t.TempDir()
	_, _, err := Load(filepath.Join(dir, "nowhere"))
	require.ErrorContains(t, err, "opening the folder of schemas")
	_, _, err = Load(dir)
	require.ErrorContains(t, err, "reading the map of schemas")
	require.NoError(t, os.WriteFile(filepath.Join(dir, MapFile), []byte(`{}`), 0o600))
	_, _, err = Load(dir)
	require.ErrorContains(t, err, "not a list of")
}

// bomb is a document of a few lines that is a billion values without its aliases.
func bomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x]\n")
	for i := 1; i < 10; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	return b.String()
}

func TestConcurrentChecks(t *testing.T) {
	s := onapRepo(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for _, name := range []string{"NotifyNewAlarm", "NotifyClearedAlarm", "AlarmRecord"} {
				if got := s.CheckData(release+"faultMnS.yaml#/components/schemas/"+name, []byte(`5`)); len(got) == 0 {
					t.Errorf("%d %s: 5 is no alarm", i, name)
				}
			}
		})
	}
	wg.Wait()
	for _, spelling := range []string{"#components/schemas/AlarmRecord", "#/components%2Fschemas/AlarmRecord", "#/%63omponents/schemas/AlarmRecord"} {
		require.NotEmpty(t, s.CheckData(release+"faultMnS.yaml"+spelling, []byte(`5`)))
	}
	require.Len(t, s.compiled, 3, "one entry for each schema, however it is spelt")
}

func FuzzCheck(f *testing.F) {
	s, _ := folder(f, map[string]string{
		MapFile:  `[{"publicURL":"u:a","localURL":"a.yaml"}]`,
		"a.yaml": "components: {schemas: {tree: {type: object, properties: {next: {$ref: '#/components/schemas/tree'}, n: {type: integer, maximum: 10, multipleOf: 2}}}}}",
	})
	f.Add([]byte(message("n", "u:a#/components/schemas/tree", `{"next":{"n":3},"n":1e400}`)))
	f.Add([]byte(message("n", "u:a#components/schemas/tree%", `{"n":-0.1e-400}`)))
	f.Add([]byte(message("", "u:a#/components", `[]`)))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, v := range s.Check(text) {
			if v.MessageID == "" || v.Rule == "" || !strings.HasPrefix(v.Pointer, "/event") {
				t.Fatalf("a violation says what and where: %+v", v)
			}
		}
		_, _, _ = document(text)
	})
}

func BenchmarkCheck(b *testing.B) {
	s := onapRepo(b)
	text, err := os.ReadFile(bridgetest.Shared(b, "ves", "samples", "collector-tests", "valid", "ves_stdnDefined_valid.json"))
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if len(s.Check(text)) > 0 {
			b.Fatal("refused")
		}
	}
}
