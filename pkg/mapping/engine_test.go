package mapping_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/mapping"
	"github.com/vesbridge/vesbridge/pkg/series"
	"github.com/vesbridge/vesbridge/pkg/ves"
)

// realStore is an embedded store with a helper to append samples.
func realStore(t testing.TB) *series.Store {
	t.Helper()
	s, err := series.OpenStore(series.StoreOptions{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func appendSample(t testing.TB, s *series.Store, at time.Time, v float64, lbls ...string) {
	t.Helper()
	a := s.AppenderV2(t.Context())
	_, err := a.Append(0, labels.FromStrings(lbls...), 0, at.UnixMilli(), v, nil, nil, storage.AppendV2Options{})
	require.NoError(t, err)
	require.NoError(t, a.Commit())
}

// collected keeps encoded copies of what a sink was handed.
type collected struct{ bodies []string }

func (c *collected) sink(_ context.Context, events []*ves.Event) error {
	for _, e := range events {
		b, err := e.AppendJSON(nil, ves.V7_2_1)
		if err != nil {
			return err
		}
		c.bodies = append(c.bodies, string(b))
	}
	return nil
}

func TestShippedProfilesLoad(t *testing.T) {
	for _, name := range []string{"envoy", "node"} {
		body, err := os.ReadFile("../../profiles/" + name + ".yaml")
		require.NoError(t, err)
		_, problems := mapping.Load([]mapping.Source{{Name: name, Text: body}}, nil, series.NewCompiler(), mapping.LoadOptions{})
		for _, p := range problems {
			fmt.Println(p.Error())
		}
	}
}
