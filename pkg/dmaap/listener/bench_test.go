package listener_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/dmaap/listener"
	"github.com/vesbridge/vesbridge/pkg/outbox"
)

// BenchmarkHandler is one request without its transport: reading, judging, copying.
func BenchmarkHandler(b *testing.B) {
	events := make([]string, 100)
	for i := range events {
		events[i] = fault(fmt.Sprintf("f%d", i))
	}
	l, err := listener.New(listener.Options{Sink: func(context.Context, []outbox.Record) error { return nil }})
	require.NoError(b, err)
	h := l.Handler()
	for _, c := range []struct{ name, path, body string }{
		{"single", v7, single(fault("f1"))}, {"batch100", v7Batch, batch(events...)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.body)))
			b.ReportAllocs()
			for b.Loop() {
				w := &watched{header: http.Header{}}
				h.ServeHTTP(w, request("POST", c.path, c.body))
				require.Equal(b, 202, w.status)
			}
		})
	}
}
