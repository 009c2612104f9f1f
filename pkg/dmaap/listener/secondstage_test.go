package listener_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/dmaap/listener"
)

// TestSecondStage: stndDefined events are judged by the schema that they name, in both
// dialects, and a batch is taken whole or not at all.
func TestSecondStage(t *testing.T) {
	dir := t.TempDir()
	const url = "https://example.org/a.yaml"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "schema-map.json"), []byte(`[{"publicURL":"`+url+`","localURL":"a.yaml"}]`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.yaml"), []byte("components: {schemas: {A: {type: object, required: [alarmId]}}}"), 0o600))
	event := func(id, reference, data string) string {
		return `{` + header("stndDefined", id, `,"stndDefinedNamespace":"3GPP-Heartbeat"`) +
			`,"stndDefinedFields":{"stndDefinedFieldsVersion":"1.0","schemaReference":"` + reference + `","data":` + data + `}}`
	}
	const ref = url + "#/components/schemas/A"
	good := event("s1", ref, `{"alarmId":"1"}`)
	compat := func(id, text, variables string) string {
		return fmt.Sprintf(`{"requestError":{"ServiceException":{"messageId":%q,"text":%q,"variables":[%s]}}}`, id, text, variables)
	}
	const service = "The following service error occurred: %1. Error code is %2"
	for name, c := range map[string]struct {
		path, body string
		id, detail string // "" is accepted
		compat     string
	}{
		"valid":        {path: v7, body: single(good)},
		"no reference": {path: v7, body: single(stndDefined("s1", "3GPP-Heartbeat"))},
		"other domain": {path: v7, body: single(fault("f1"))},
		"unknown document": {
			v7, single(event("s1", url+"/#/A", `{}`)), "SVC2004", "/event/stndDefinedFields/schemaReference: \"https://example.org/a.yaml/\" is not in the schema map",
			compat("SVC2004", "Invalid input value for %1 %2: %3",
				`"attribute","event.stndDefinedFields.schemaReference","Referred external schema not present in schema repository"`),
		},
		"unknown schema": {
			v7, single(event("s1", ref+"B", `{}`)), "SVC2000", "the document has no usable schema",
			compat("SVC2000", service, `"event.stndDefinedFields.schemaReference value does not correspond to any external event schema file in externalSchema repo","400"`),
		},
		"data": {
			v7Batch, batch(good, event("s2", ref, `{}`)), "SVC2000", "/eventList/1/stndDefinedFields/data: missing property 'alarmId'",
			compat("SVC2000", service, `"event.stndDefinedFields.data invalid against event.stndDefinedFields.schemaReference","400"`),
		},
		"before the domains of a batch": {
			v7Batch, batch(fault("f1"), event("s2", ref, `{}`)), "SVC2000", "/eventList/1/stndDefinedFields/data",
			compat("SVC2000", service, `"event.stndDefinedFields.data invalid against event.stndDefinedFields.schemaReference","400"`),
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &sink{}
			w := do(newListener(t, listener.Config{Schemas: dir}, s).Handler(), request("POST", c.path, c.body))
			like := do(newListener(t, listener.Config{Schemas: dir, Compat: listener.CompatONAP}, s).Handler(), request("POST", c.path, c.body))
			if c.id == "" {
				require.Equal(t, 202, w.Code, w.Body)
				require.Equal(t, 202, like.Code, like.Body)
				require.Len(t, s.taken(), 2)
				return
			}
			require.Empty(t, s.taken())
			require.Equal(t, 400, w.Code)
			_, id, _, variables := parseError(t, w.Body.Bytes())
			require.Equal(t, c.id, id)
			require.Contains(t, variables[0], c.detail)
			require.Equal(t, 400, like.Code)
			require.JSONEq(t, c.compat, like.Body.String())
		})
	}
	_, err := listener.New(listener.Options{Config: listener.Config{Schemas: filepath.Join(dir, "nowhere")}, Sink: (&sink{}).take})
	require.ErrorContains(t, err, "opening the folder of schemas")
}
