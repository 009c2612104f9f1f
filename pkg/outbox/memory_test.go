package outbox_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/vesbridge/vesbridge/pkg/outbox"
	"github.com/vesbridge/vesbridge/pkg/outbox/outboxtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemoryContract(t *testing.T) {
	outboxtest.Run(t, func(_ *testing.T, b outboxtest.Bounds) outbox.Outbox {
		return outbox.NewMemory(outbox.Options{MaxRecords: b.MaxRecords, MaxBytes: int64(b.MaxBytes)})
	})
}

// TestMemoryLedgerBalances drives an outbox at random and checks the ledger's invariant
// and the bounds after each step.
func TestMemoryLedgerBalances(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	const maxRecords, batch = 20, 7
	box := outbox.NewMemory(outbox.Options{MaxRecords: maxRecords})
	domains := []string{"fault", "heartbeat", "syslog", "measurement", "perf3gpp"}
	readers := map[string]outbox.Reader{}
	var onWire []outbox.Record
	for step := range 5000 {
		name := fmt.Sprint("d", rnd.IntN(3))
		switch rnd.IntN(8) {
		case 0:
			if rnd.IntN(20) == 0 {
				box.Remove("d2")
				delete(readers, "d2")
			}
		case 1, 2, 3:
			for range rnd.IntN(4) {
				require.NoError(t, box.Append(t.Context(), outboxtest.Rec(domains[rnd.IntN(len(domains))], "s", fmt.Sprint(step))))
			}
		case 4:
			r, err := box.Reader(name, nil)
			require.NoError(t, err)
			readers[name] = r
		default:
			r := readers[name]
			if r == nil || outboxtest.Balanced(t, box, name).Pending == 0 {
				continue
			}
			recs, err := r.Next(t.Context(), batch, 1<<20)
			require.NoError(t, err)
			onWire = recs
			require.NoError(t, box.Append(t.Context(), outboxtest.Rec("fault", "s", "f"), outboxtest.Rec("measurement", "s", "m")))
			require.NoError(t, r.Settle(onWire[:rnd.IntN(len(onWire)+1)], outbox.Outcome(rnd.IntN(2))))
		}
		for name := range readers {
			require.LessOrEqual(t, outboxtest.Balanced(t, box, name).Pending, uint64(maxRecords+batch))
		}
	}
}

func TestLaneOf(t *testing.T) {
	for domain, want := range map[string]outbox.Lane{
		"fault": outbox.LaneFault, "thresholdCrossingAlert": outbox.LaneFault, "heartbeat": outbox.LaneHeartbeat,
		"measurement": outbox.LaneMeasurement, "measurementsForVfScaling": outbox.LaneMeasurement, "perf3gpp": outbox.LaneMeasurement,
		"syslog": outbox.LaneNotification, "pnfRegistration": outbox.LaneNotification, "": outbox.LaneNotification,
	} {
		require.Equal(t, want, outbox.LaneOf(domain, "NORMAL"), domain)
		require.Equal(t, want, outbox.LaneOf(domain, "CRITICAL"), domain)
	}
	for namespace, want := range map[string]outbox.Lane{
		"3GPP-FaultSupervision": outbox.LaneFault, "3GPP-Heartbeat": outbox.LaneHeartbeat,
		"3GPP-PerformanceAssurance": outbox.LaneMeasurement, "3GPP-Provisioning": outbox.LaneNotification,
	} {
		r := outbox.Record{Domain: "stndDefined", StndDefinedNamespace: namespace}
		require.Equal(t, want, r.Lane(), namespace)
	}
}

func TestRecordInside(t *testing.T) {
	r := outbox.Record{Body: []byte(`{"event":{"a":1}}`)}
	require.Equal(t, `{"a":1}`, string(r.Inside()))
}

func BenchmarkMemory(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			box := outbox.NewMemory(outbox.Options{})
			r, err := box.Reader("a", nil)
			require.NoError(b, err)
			recs := make([]outbox.Record, n)
			for i := range recs {
				recs[i] = outboxtest.Rec("measurement", "s", "1")
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := box.Append(b.Context(), recs...); err != nil {
					b.Fatal(err)
				}
				got, err := r.Next(b.Context(), n, 1<<30)
				if err != nil || r.Settle(got, outbox.Delivered) != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/record")
		})
	}
}
