package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestValidateSecondStage: the data of stndDefined events is judged where a folder of schemas is
// named, after the VES schema.
func TestValidateSecondStage(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "schema-map.json"), []byte(`[{"publicURL":"https://example.org/a","localURL":"a.yaml"}]`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.yaml"), []byte("components: {schemas: {A: {type: object, required: [alarmId]}}}"), 0o600))
	const line = `{"event":{"commonEventHeader":{"version":"4.1","vesEventListenerVersion":"7.2.1","domain":"stndDefined","stndDefinedNamespace":"N","eventId":"1",` +
		`"eventName":"StndDefined_a-b_c","sourceName":"s","reportingEntityName":"b","priority":"Normal","sequence":0,"startEpochMicrosec":1790000000000000,` +
		`"lastEpochMicrosec":1790000000000000},"stndDefinedFields":{"stndDefinedFieldsVersion":"1.0","schemaReference":"https://example.org/a#/components/schemas/A","data":DATA}}}`
	input := strings.ReplaceAll(line, "DATA", `{"alarmId":"1"}`) + "\n" + strings.ReplaceAll(line, "DATA", `{}`) + "\n" + strings.ReplaceAll(line, "DATA", `1`) + "\n"
	for schemas, want := range map[string][]string{
		"":  {"", "", "/event/stndDefinedFields/data: must be an object"},
		dir: {"", "/event/stndDefinedFields/data: missing property 'alarmId' (SVC2000)", "/event/stndDefinedFields/data: must be an object"},
	} {
		v, notes, err := NewValidator("7.2.1", true, schemas)
		require.NoError(t, err)
		require.Empty(t, notes)
		var got []Verdict
		require.NoError(t, v.Validate("-", strings.NewReader(input), func(v Verdict) error { got = append(got, v); return nil }))
		require.Len(t, got, len(want))
		for i, w := range want {
			require.Equal(t, w == "", got[i].Valid, "%v", got[i])
			require.Contains(t, strings.Join(got[i].Problems, "\n"), w)
		}
	}
	_, _, err := NewValidator("7.2.1", true, filepath.Join(dir, "nowhere"))
	require.ErrorContains(t, err, "opening the folder of schemas")
	_, _, err = NewValidator("7", true, "")
	require.ErrorContains(t, err, "unknown VES version")
}
