package schemas_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/schemas"
)

// That they say what the official schemas say is tested in pkg/ves.
func TestSchemasAreEmbedded(t *testing.T) {
	require.Equal(t, []string{"5.4.1", "7.0.1", "7.1.1", "7.2", "7.2.1"}, schemas.Versions())
	for _, v := range schemas.Versions() {
		b, ok := schemas.VES(v)
		require.True(t, ok)
		var doc struct {
			Schema string `json:"$schema"`
			Title  string `json:"title"`
		}
		require.NoError(t, json.Unmarshal(b, &doc))
		require.Equal(t, "http://json-schema.org/draft-04/schema#", doc.Schema)
		require.Equal(t, "VES "+v+" events", doc.Title)
	}
	for _, v := range []string{"7.3", "", "../ves/7.2.1"} {
		_, ok := schemas.VES(v)
		require.False(t, ok, v)
	}
}
