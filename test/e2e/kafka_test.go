package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
)

// The topics of the `onap` preset.
const (
	measurementTopic = "unauthenticated.VES_MEASUREMENT_OUTPUT"
	heartbeatTopic   = "unauthenticated.SEC_HEARTBEAT_OUTPUT"
)

// A record is what a consumer sees of one event.
type record struct {
	key   string
	event event
}

// consumer reads with sarama: a client that shares nothing with the one that the bridge
// publishes with.
func consumer(t *testing.T, addr string, tlsConfig *tls.Config) sarama.Client {
	t.Helper()
	config := sarama.NewConfig()
	config.Version = sarama.V3_6_0_0
	config.Consumer.Return.Errors = true
	config.Net.TLS.Enable, config.Net.TLS.Config = tlsConfig != nil, tlsConfig
	client, err := sarama.NewClient([]string{addr}, config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

// mutualTLS is a client's configuration with a certificate that the broker's authority signed.
func mutualTLS(t *testing.T, b *bridgetest.Broker) *tls.Config {
	t.Helper()
	ca, err := os.ReadFile(b.CAFile)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(ca))
	cert, err := tls.LoadX509KeyPair(b.CertFile, b.KeyFile)
	require.NoError(t, err)
	return &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
}

// topic reads all that is in a topic now, partition by partition, in order of offsets; a
// topic that is not there is empty.
func topic(t *testing.T, client sarama.Client, name string) []record {
	t.Helper()
	require.NoError(t, client.RefreshMetadata())
	topics, err := client.Topics()
	require.NoError(t, err)
	if !slices.Contains(topics, name) {
		return nil
	}
	partitions, err := client.Partitions(name)
	require.NoError(t, err)
	c, err := sarama.NewConsumerFromClient(client)
	require.NoError(t, err)
	defer c.Close()
	var all []record
	for _, p := range partitions {
		newest, err := client.GetOffset(name, p, sarama.OffsetNewest)
		require.NoError(t, err)
		oldest, err := client.GetOffset(name, p, sarama.OffsetOldest)
		require.NoError(t, err)
		if newest == oldest {
			continue
		}
		pc, err := c.ConsumePartition(name, p, oldest)
		require.NoError(t, err)
		for done := false; !done; {
			select {
			case m := <-pc.Messages():
				all = append(all, record{key: string(m.Key), event: parseEvent(t, m.Value)})
				done = m.Offset == newest-1
			case err := <-pc.Errors():
				require.NoError(t, err)
			case <-time.After(30 * time.Second):
				t.Fatalf("reading %s/%d: nothing comes although %d records are there", name, p, newest-oldest)
			}
		}
		require.NoError(t, pc.Close())
	}
	return all
}

// requireKeyed checks that every record's key is its event's sourceName, which is what keeps
// the events of a source in order.
func requireKeyed(t *testing.T, records []record) {
	t.Helper()
	require.NotEmpty(t, records)
	for _, r := range records {
		require.Equal(t, r.event.Header.SourceName, r.key, "key of %s", r.event.Header.EventID)
	}
}

// byID are the canonical events by eventId; an id that comes twice fails the test.
func byID(t *testing.T, all []event) map[string]string {
	t.Helper()
	of := map[string]string{}
	for _, e := range all {
		require.NotContains(t, of, e.Header.EventID, "eventId told twice")
		of[e.Header.EventID] = e.canonical(t)
	}
	return of
}

func eventsOf(records []record) []event {
	all := make([]event, len(records))
	for i, r := range records {
		all[i] = r.event
	}
	return all
}
