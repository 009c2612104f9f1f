package bridgetest

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Oracle validates against an official ONAP VES schema with a JSON Schema library that
// shares nothing with pkg/ves. Safe for concurrent use.
type Oracle struct{ schema *jsonschema.Schema }

// The official schema files of the versions, below shared/ves/schemas.
const (
	schemaFile721 = "CommonEventFormat_30.2.1_ONAP.json"
	schemaFile541 = "CommonEventFormat_28.4.1.json"
)

// OracleVES721 compiles the official schema of VES 7.2.1.
func OracleVES721(t testing.TB) *Oracle { return newOracle(t, schemaFile721) }

// OracleVES541 compiles the official schema of VES 5.4.1.
func OracleVES541(t testing.TB) *Oracle { return newOracle(t, schemaFile541) }

func newOracle(t testing.TB, file string) *Oracle {
	t.Helper()
	text, err := os.ReadFile(Shared(t, "ves", "schemas", file))
	if err != nil {
		t.Fatalf("reading the official schema: %v", err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("reading the official schema %s: %v", file, err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	c.AssertFormat()
	url := "https://schema.invalid/" + file
	if err := c.AddResource(url, doc); err != nil {
		t.Fatalf("compiling the official schema %s: %v", file, err)
	}
	schema, err := c.Compile(url)
	if err != nil {
		t.Fatalf("compiling the official schema %s: %v", file, err)
	}
	return &Oracle{schema: schema}
}

// Check validates one message, `{"event":…}` or `{"eventList":[…]}`. The official schemas
// require neither at their root (`{}` passes them), so Check does.
func (o *Oracle) Check(body []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("parsing message: %w", err)
	}
	root, ok := doc.(map[string]any)
	if !ok || (root["event"] == nil) == (root["eventList"] == nil) {
		return fmt.Errorf("validating message: it needs an event or an eventList at its root")
	}
	return o.schema.Validate(doc)
}

// ValidVES721 fails the test, and goes on, where body is not valid by the official schema
// of VES 7.2.1. Tests of many messages make one OracleVES721 and call Check.
func ValidVES721(t testing.TB, body []byte) {
	t.Helper()
	if err := OracleVES721(t).Check(body); err != nil {
		t.Errorf("not valid by the official schema of VES 7.2.1: %v\n%s", err, body)
	}
}
