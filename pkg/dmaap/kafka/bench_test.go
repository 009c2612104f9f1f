//go:build unix

package kafka

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
	"github.com/vesbridge/vesbridge/pkg/dmaap"
	"github.com/vesbridge/vesbridge/pkg/dmaap/dmaaptest"
	"github.com/vesbridge/vesbridge/pkg/outbox"
)

// BenchmarkPublish sends 1 KiB events to a real broker, in calls of the default size, through
// Publish and through a bare loop of the same client with the same options, in turns.
// Compare ns/event and, steadier on a shared machine, cpu-ns/event, which is this process'
// own; Publish should reach 0.8 of the bare loop's rate.
//
//	go test ./pkg/dmaap/kafka -run '^$' -bench Publish -count 5
func BenchmarkPublish(b *testing.B) {
	if testing.Short() {
		b.Skip("starts a real server")
	}
	addr := bridgetest.Kafka(b).Plain
	const topic = "bench-publish"
	events := DefaultConfig().MaxBatchEvents
	cfg := DefaultConfig()
	cfg.Brokers = []string{addr}
	cfg.Topics = dmaap.TopicMap(map[string]string{"default": topic})
	recs := make([]outbox.Record, events)
	for i := range recs {
		recs[i] = dmaaptest.Record("measurement", fmt.Sprintf("source-%d", i%100), fmt.Sprint(i))
		pad := 1024 - len(recs[i].Body)
		recs[i].Body = []byte(strings.Replace(string(recs[i].Body), `{"event":{`, `{"event":{"pad":"`+strings.Repeat("x", pad-9)+`",`, 1))
		require.Len(b, recs[i].Body, 1024)
	}
	opts, err := options(&cfg)
	require.NoError(b, err)
	bare, err := kgo.NewClient(opts...)
	require.NoError(b, err)
	defer bare.Close()
	adm := kadm.NewClient(bare)
	_, err = adm.CreateTopic(b.Context(), 1, 1, nil, topic)
	if err != nil {
		require.ErrorContains(b, err, "TOPIC_ALREADY_EXISTS")
	}
	report := func(b *testing.B, cpu time.Duration) {
		n := float64(b.N) * float64(events)
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/n, "ns/event")
		b.ReportMetric(float64((cpuTime(b)-cpu).Nanoseconds())/n, "cpu-ns/event")
	}

	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		done := func(_ *kgo.Record, err error) {
			if err != nil {
				b.Error(err)
			}
		}
		cpu := cpuTime(b)
		for b.Loop() {
			for i := range recs {
				bare.Produce(b.Context(), &kgo.Record{Topic: topic, Key: []byte(recs[i].SourceName), Value: recs[i].Body}, done)
			}
		}
		require.NoError(b, bare.Flush(b.Context()))
		report(b, cpu)
	})
	b.Run("publish", func(b *testing.B) {
		b.ReportAllocs()
		d := destination(b, cfg)
		cpu := cpuTime(b)
		for b.Loop() {
			if err := d.Publish(b.Context(), recs); err != nil {
				b.Fatal(err)
			}
		}
		report(b, cpu)
	})
}

// cpuTime is what this process has used so far, user and system.
func cpuTime(tb testing.TB) time.Duration {
	var u syscall.Rusage
	require.NoError(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
