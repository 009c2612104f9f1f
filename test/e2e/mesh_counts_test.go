package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// samples reads an exposition with nothing that the bridge uses: series as printed → value.
func samples(t *testing.T, exposition []byte) map[string]float64 {
	t.Helper()
	got := map[string]float64{}
	for s := bufio.NewScanner(bytes.NewReader(exposition)); s.Scan(); {
		line := s.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		v, err := strconv.ParseFloat(line[at+1:], 64)
		require.NoError(t, err, line)
		got[line[:at]] = v
	}
	return got
}

// settled waits until the sidecar has merged its histograms and said all that the load
// generator counted, and returns the last difference as an error otherwise.
func (m *mesh) settled(t *testing.T, got *tally) {
	t.Helper()
	m.WaitUntil(20*time.Second, "has counted what the load generator did", func() error {
		have := samples(t, m.Stats())
		var wrong []string
		want := m.expected(got)
		for _, series := range slices.Sorted(maps.Keys(want)) {
			if have[series] != want[series] {
				wrong = append(wrong, fmt.Sprintf("%s is %g, want %g", series, have[series], want[series]))
			}
		}
		if len(wrong) > 0 {
			return fmt.Errorf("%s", strings.Join(wrong, "\n"))
		}
		return nil
	})
}

// TestTheLoadGeneratorCountsWhatEnvoyCounts proves the ground that the other tests stand on:
// the generator's own counts are the sidecar's, to the last request and byte.
func TestTheLoadGeneratorCountsWhatEnvoyCounts(t *testing.T) {
	short(t)
	m := newMesh(t)
	got := newGenerator(m.Listeners["inbound"]).run(t.Context(), t, 6, 10)
	m.requireMixed(t, got)
	m.settled(t, got)
	have := samples(t, m.Stats())
	sum := have[fmt.Sprintf(`envoy_http_downstream_rq_time_sum{envoy_http_conn_manager_prefix=%q}`, ingress)]
	require.Positive(t, sum)
	require.LessOrEqual(t, sum/1000, got.Seconds+float64(got.Requests)/1000, "latency that the sidecar saw and the client did not")
}

func short(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts real servers")
	}
}
