package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
)

// A moody is a VES collector whose behaviour a test chooses.
type moody struct {
	*httptest.Server
	mu       sync.Mutex
	answer   func(w http.ResponseWriter, r *http.Request) // guarded by mu; nil accepts
	accepted []event                                      // guarded by mu, in order of arrival
	calls    int                                          // guarded by mu
}

func newMoody(t *testing.T) *moody {
	t.Helper()
	m := &moody{}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		m.mu.Lock()
		m.calls++
		answer := m.answer
		m.mu.Unlock()
		if answer != nil {
			answer(w, r)
			return
		}
		var doc struct {
			Event     json.RawMessage
			EventList []json.RawMessage
		}
		if err := json.Unmarshal(body, &doc); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		list := doc.EventList
		if doc.Event != nil {
			list = append(list, doc.Event)
		}
		m.mu.Lock()
		for _, e := range list {
			m.accepted = append(m.accepted, parseEvent(t, fmt.Appendf(nil, `{"event":%s}`, e)))
		}
		m.mu.Unlock()
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(m.Close)
	return m
}

func (m *moody) set(answer func(w http.ResponseWriter, r *http.Request)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answer = answer
	m.calls = 0
}

func (m *moody) seen() (calls int, accepted []event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls, slices.Clone(m.accepted)
}

// TestADestinationThatIsDownDelaysNobody: a collector hangs, then answers 503, then is well.
// Kafka has every window meanwhile; the collector has all of them in the end, in order.
func TestADestinationThatIsDownDelaysNobody(t *testing.T) {
	short(t)
	broker := bridgetest.Kafka(t)
	s := &sidecar{mesh: newMesh(t), pod: "catalog-v1-0", version: "v1"}
	col := newMoody(t)
	hang := make(chan struct{})
	col.set(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
			// Returning without a word would be a 200: the event would count as accepted.
			http.Error(w, "busy", http.StatusServiceUnavailable)
		case <-r.Context().Done():
		}
	})
	b := startBridge(t, configuration([]string{s.target()},
		fmt.Sprintf(`{name: dcae, ves: {endpoint: %q, timeout: 3s, retry: {min_backoff: 100ms, max_backoff: 1s}}}`, col.URL),
		toKafka(broker.Plain)))
	client := consumer(t, broker.Plain, nil)
	windows := func(n int, asked string) {
		t.Helper()
		b.WaitUntil(2*time.Minute, "has published windows while the collector "+asked, func() error {
			calls, _ := col.seen()
			have := len(measurements(eventsOf(topic(t, client, measurementTopic)), s.source()))
			if have < n || calls == 0 {
				return fmt.Errorf("%d windows in Kafka, %d calls of the collector", have, calls)
			}
			return nil
		})
		_, accepted := col.seen()
		require.Empty(t, accepted)
	}
	windows(2, "hangs")
	col.set(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "busy", http.StatusServiceUnavailable) })
	close(hang)
	windows(4, "answers 503")
	col.set(nil)

	published := eventsOf(topic(t, client, measurementTopic))
	b.WaitUntil(2*time.Minute, "has caught up with the collector", func() error {
		_, accepted := col.seen()
		if have := len(measurements(accepted, s.source())); have < len(published) {
			return fmt.Errorf("%d of %d measurements", have, len(published))
		}
		return nil
	})
	b.endsCleanly(t)

	_, accepted := col.seen()
	got := measurements(accepted, s.source())
	requireValid(t, got)
	requireWhole(t, slices.Clone(got))
	require.True(t, slices.IsSortedFunc(got, func(a, b event) int { return a.start().Compare(b.start()) }), "windows arrive in order")
	published = append(eventsOf(topic(t, client, measurementTopic)), eventsOf(topic(t, client, heartbeatTopic))...)
	require.Equal(t, byID(t, published), byID(t, accepted), "the collector has what Kafka has")
}

// TestKafkaByScramAndTLS publishes node_exporter's numbers over SASL_SSL, and is refused with
// a wrong password: nothing arrives then, and the bridge says so rather than dropping it.
func TestKafkaByScramAndTLS(t *testing.T) {
	short(t)
	broker := bridgetest.Kafka(t)
	node := bridgetest.NodeExporter(t)
	config := func(password string) string {
		return fmt.Sprintf(`
global: {scrape_interval: 1s, measurement_interval: %s, heartbeat_interval: %s, reporting_entity_name: e2e}
scrape_configs: [{job_name: node, static_configs: [{targets: [%q]}]}]
mappings: [node]
destinations:
  - name: bus
    kafka:
      brokers: [%q]
      topics: onap
      auto_create_topics: true
      sasl: {mechanism: SCRAM-SHA-512, username: %q, password: %q}
      tls_config: {ca_file: %q}
      retry: {min_backoff: 100ms, max_backoff: 1s, misconfigured_interval: 1s}
`, interval, interval, node, broker.SASLTLS, broker.User, password, broker.CAFile)
	}
	client := consumer(t, broker.TLS, mutualTLS(t, broker))
	b := startBridge(t, config("not the password"))
	b.WaitUntil(2*time.Minute, "has events that it cannot deliver", func() error {
		if n := b.metric(t, "bridge_outbox_pending_events"); n == 0 {
			return fmt.Errorf("none is pending")
		}
		return nil
	})
	bridgetest.WaitUntil(t, time.Minute, "the bridge is not ready for want of its password", func() error {
		if _, err := b.get("/-/ready"); err == nil {
			return fmt.Errorf("it says that it is ready")
		}
		return nil
	})
	require.Empty(t, topic(t, client, measurementTopic))
	require.NotContains(t, b.Output(), "not the password", "a secret in the log")

	// The password is mended in the configuration; what was pending is delivered.
	b.write(t, config(broker.Password))
	_, err := fetch(http.MethodPost, b.web, "/-/reload")
	require.NoError(t, err)
	b.WaitUntil(2*time.Minute, "has published", func() error {
		if n := len(topic(t, client, measurementTopic)); n < 2 {
			return fmt.Errorf("%d measurements", n)
		}
		return nil
	})
	b.endsCleanly(t)
	records := topic(t, client, measurementTopic)
	requireKeyed(t, records)
	requireValid(t, eventsOf(records))
	for _, w := range bySource(eventsOf(records)) {
		requireWhole(t, w)
	}
}

func bySource(all []event) map[string][]event {
	of := map[string][]event{}
	for _, e := range all {
		of[e.Header.SourceName] = append(of[e.Header.SourceName], e)
	}
	return of
}
