package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
	"github.com/vesbridge/vesbridge/pkg/dmaap"
	"github.com/vesbridge/vesbridge/pkg/dmaap/dmaaptest"
	"github.com/vesbridge/vesbridge/pkg/outbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func topics() []string { return dmaap.ONAPTopics().All() }

func cluster(t testing.TB, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(3, topics()...)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func settings(c *kfake.Cluster) Config {
	cfg := DefaultConfig()
	cfg.Brokers = c.ListenAddrs()
	cfg.Topics = dmaap.ONAPTopics()
	return cfg
}

func destination(t testing.TB, cfg Config) *Destination {
	t.Helper()
	d, err := New(cfg, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close(context.Background())) })
	return d
}

// read returns everything that is in the topics, in order within a partition.
func read(t testing.TB, c *kfake.Cluster, names ...string) []*kgo.Record {
	t.Helper()
	want := int64(0)
	for _, name := range names {
		for _, p := range c.PartitionInfos(name) {
			want += p.HighWatermark
		}
	}
	if want == 0 {
		return nil
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.ConsumeTopics(names...))
	require.NoError(t, err)
	defer cl.Close()
	var recs []*kgo.Record
	for int64(len(recs)) < want {
		fetches := cl.PollFetches(t.Context())
		require.NoError(t, fetches.Err())
		recs = append(recs, fetches.Records()...)
	}
	return recs
}

func fault(err *kerr.Error) func(*kfake.Cluster) func() {
	return func(c *kfake.Cluster) func() {
		return c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: err, Count: -1}).Remove
	}
}

func TestContract(t *testing.T) {
	clusters := map[*dmaaptest.Peer]*kfake.Cluster{}
	h := dmaaptest.Harness{Start: func(t *testing.T) *dmaaptest.Peer {
		c := cluster(t)
		cfg := settings(c)
		cfg.Timeout = model.Duration(time.Second)
		p := &dmaaptest.Peer{
			Destination: destination(t, cfg),
			Received: func() []string {
				var got []string
				for _, r := range read(t, c, topics()...) {
					got = append(got, string(r.Value))
				}
				return got
			},
			Hang: func() {
				ended := make(chan struct{})
				var once sync.Once
				t.Cleanup(func() { once.Do(func() { close(ended) }) })
				c.Control(func(kmsg.Request) (kmsg.Response, error, bool) {
					c.KeepControl()
					<-ended
					return nil, nil, false
				})
			},
		}
		clusters[p] = c
		return p
	}}
	for _, f := range []struct {
		name   string
		set    func(*kfake.Cluster) func()
		class  dmaap.Class
		reason string
	}{
		{"too large", fault(kerr.MessageTooLarge), dmaap.Permanent, "too_large"},
		{"invalid record", fault(kerr.InvalidRecord), dmaap.Permanent, "invalid_record"},
		{"not authorized", fault(kerr.TopicAuthorizationFailed), dmaap.Misconfigured, "unauthorized"},
		{"replicas missing", fault(kerr.NotEnoughReplicas), dmaap.Retryable, "timeout"},
		{"unknown error", fault(kerr.UnknownServerError), dmaap.Retryable, "broker"},
		{"unknown topic", func(c *kfake.Cluster) func() {
			const name = "unauthenticated.VES_MEASUREMENT_OUTPUT"
			_ = c.DeleteTopic(name)
			return func() { _ = c.CreateTopic(name, 3, nil) }
		}, dmaap.Misconfigured, "unknown_topic"},
	} {
		var heal func()
		h.Faults = append(h.Faults, dmaaptest.Fault{
			Name: f.name, Class: f.class, Reason: f.reason,
			Set: func(p *dmaaptest.Peer, on bool) {
				if on {
					heal = f.set(clusters[p])
				} else {
					heal()
				}
			},
		})
	}
	dmaaptest.Run(t, h)
}

func TestRecordsAsConsumersReadThem(t *testing.T) {
	c := cluster(t)
	cfg := settings(c)
	cfg.EventIDHeader = true
	d := destination(t, cfg)
	recs := []outbox.Record{
		dmaaptest.Record("fault", "router-1", "f1"), dmaaptest.Record("measurement", "router-1", "m1"),
		dmaaptest.Record("heartbeat", "router-2", "h1"),
		{EventID: "s1", Domain: "stndDefined", StndDefinedNamespace: "3GPP-FaultSupervision", SourceName: "x", Body: []byte(`{"event":{}}`)},
	}
	require.NoError(t, d.Publish(t.Context(), recs))
	for i, topic := range []string{
		"unauthenticated.SEC_FAULT_OUTPUT", "unauthenticated.VES_MEASUREMENT_OUTPUT", "unauthenticated.SEC_HEARTBEAT_OUTPUT",
		"unauthenticated.SEC_3GPP_FAULTSUPERVISION_OUTPUT",
	} {
		got := read(t, c, topic)
		require.Len(t, got, 1, topic)
		require.Equal(t, recs[i].SourceName, string(got[0].Key))
		require.Equal(t, string(recs[i].Body), string(got[0].Value))
		require.Equal(t, []kgo.RecordHeader{{Key: "eventId", Value: []byte(recs[i].EventID)}}, got[0].Headers)
	}
}

func TestOneBadRecordDoesNotSinkTheOthers(t *testing.T) {
	c := cluster(t)
	cfg := settings(c)
	cfg.MaxMessageBytes = 1000
	d := destination(t, cfg)
	recs := dmaaptest.Records("measurement", 9)
	recs[4].Body = []byte(`{"event":{"x":"` + strings.Repeat("x", 2000) + `"}}`)
	recs = append(recs, dmaaptest.Record("syslog", "s", "no topic"))
	partial, ok := errors.AsType[*dmaap.PartialError](d.Publish(t.Context(), recs))
	require.True(t, ok)
	require.Len(t, partial.Failed, 2)
	require.Equal(t, dmaap.Permanent, partial.Failed[4].Class)
	require.Equal(t, "too_large", partial.Failed[4].Reason)
	require.Equal(t, dmaap.Misconfigured, partial.Failed[9].Class)
	require.Equal(t, "no_topic", partial.Failed[9].Reason)
	require.ErrorContains(t, partial.Failed[9], "syslog")
	require.Len(t, read(t, c, topics()...), 8)
}

// TestBatchOverTheBrokersLimit: the broker's limit is below the batch that the client
// forms, not below each record.
func TestBatchOverTheBrokersLimit(t *testing.T) {
	c := cluster(t)
	c.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		r := req.(*kmsg.ProduceRequest)
		resp := r.ResponseKind().(*kmsg.ProduceResponse)
		tooLarge := false
		for _, topic := range r.Topics {
			rt := kmsg.NewProduceResponseTopic()
			rt.Topic, rt.TopicID = topic.Topic, topic.TopicID
			for _, p := range topic.Partitions {
				rp := kmsg.NewProduceResponseTopicPartition()
				rp.Partition = p.Partition
				if len(p.Records) > 700 {
					rp.ErrorCode, tooLarge = kerr.MessageTooLarge.Code, true
				}
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil, tooLarge
	})
	d := destination(t, settings(c))
	recs := dmaaptest.Records("measurement", 30)
	for i := range recs {
		recs[i].SourceName = "one"
		recs[i].Body = fmt.Appendf(nil, `{"event":{"n":%d,"x":"%0300d"}}`, i, 0)
	}
	require.NoError(t, d.Publish(t.Context(), recs))
	var got []string
	for _, r := range read(t, c, topics()...) {
		got = append(got, string(r.Value))
	}
	require.Len(t, got, 30)
	for i := range recs {
		require.Equal(t, string(recs[i].Body), got[i])
	}
}

func TestFollowersOfAFailedRecordAreSentAgain(t *testing.T) {
	recs := dmaaptest.Records("measurement", 6) // sources 0 1 2 0 1 2
	down := &dmaap.Error{Class: dmaap.Retryable, Reason: "timeout"}
	failed := map[int]*dmaap.Error{0: down, 1: {Class: dmaap.Permanent, Reason: "too_large"}}
	holdFollowers(recs, failed)
	require.Len(t, failed, 3)
	require.Same(t, down, failed[3])
}

func TestBrokerAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	cfg := DefaultConfig()
	cfg.Brokers, cfg.Topics, cfg.Timeout = []string{addr}, dmaap.ONAPTopics(), model.Duration(5*time.Second)
	e, ok := errors.AsType[*dmaap.Error](destination(t, cfg).Publish(t.Context(), dmaaptest.Records("fault", 1)))
	require.True(t, ok)
	require.Equal(t, dmaap.Retryable, e.Class)
	require.Equal(t, "connection", e.Reason)
}

func TestSASL(t *testing.T) {
	for _, m := range mechanisms() {
		t.Run(m, func(t *testing.T) {
			c := cluster(t, kfake.EnableSASL(), kfake.Superuser(m, "u", "right"))
			cfg := settings(c)
			cfg.Timeout = model.Duration(3 * time.Second)
			cfg.SASL = &SASL{Mechanism: m, Username: "u", Password: "wrong"}
			// kfake only hangs up on a wrong password; a real broker's answer is tested below.
			err := destination(t, cfg).Publish(t.Context(), dmaaptest.Records("fault", 1))
			require.Error(t, err)
			require.NotContains(t, err.Error(), "wrong")
			cfg.SASL.Password = "right"
			require.NoError(t, destination(t, cfg).Publish(t.Context(), dmaaptest.Records("fault", 1)))
		})
	}
}

func TestRealBrokerRefusesAWrongPassword(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a real server")
	}
	broker := bridgetest.Kafka(t)
	cfg := DefaultConfig()
	cfg.Brokers, cfg.Topics, cfg.AutoCreateTopics = []string{broker.SASL}, dmaap.ONAPTopics(), true
	cfg.SASL = &SASL{Mechanism: "SCRAM-SHA-512", Username: broker.User, Password: "wrong"}
	err := destination(t, cfg).Publish(t.Context(), dmaaptest.Records("fault", 1))
	e, ok := errors.AsType[*dmaap.Error](err)
	require.True(t, ok)
	require.Equal(t, dmaap.Misconfigured, e.Class, "%v", err)
	require.Equal(t, "unauthenticated", e.Reason)
	cfg.SASL.Password = config.Secret(broker.Password)
	require.NoError(t, destination(t, cfg).Publish(t.Context(), dmaaptest.Records("fault", 1)))
}

func TestTLS(t *testing.T) {
	https := httptest.NewUnstartedServer(http.NotFoundHandler()) // for its certificate
	https.StartTLS()
	own := https.TLS.Certificates[0]
	ca := string(pemOf(https.Certificate().Raw))
	https.Close()
	c := cluster(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{own}}))
	cfg := settings(c)
	cfg.Timeout = model.Duration(3 * time.Second)
	cfg.TLSConfig = &config.TLSConfig{CA: ca}
	require.NoError(t, destination(t, cfg).Publish(t.Context(), dmaaptest.Records("fault", 1)))
	cfg.TLSConfig = &config.TLSConfig{}
	err := destination(t, cfg).Publish(t.Context(), dmaaptest.Records("fault", 1))
	e, ok := errors.AsType[*dmaap.Error](err)
	require.True(t, ok)
	require.Equal(t, dmaap.Misconfigured, e.Class, "%v", err)
	require.Equal(t, "tls", e.Reason)
}

func TestConfig(t *testing.T) {
	parse := func(s string) (Config, error) {
		dec := yaml.NewDecoder(strings.NewReader(s))
		dec.KnownFields(true)
		var c Config
		if err := dec.Decode(&c); err != nil {
			return c, err
		}
		return c, c.Validate()
	}
	c, err := parse("brokers: [kafka:9092]\ntopics: onap\nsasl: {mechanism: SCRAM-SHA-512, username: u, password: topsecret}\ntls_config: {}")
	require.NoError(t, err)
	require.NotNil(t, c.TLSConfig)
	out, err := yaml.Marshal(c)
	require.NoError(t, err)
	require.NotContains(t, string(out), "topsecret")
	require.Contains(t, string(out), "topics: onap")
	_, bad := c.Undeliverable("syslog", "")
	require.True(t, bad)
	_, bad = c.Undeliverable("stndDefined", "3GPP-Heartbeat")
	require.False(t, bad)
	_, bad = c.Undeliverable("stndDefined", "else")
	require.True(t, bad)

	c, err = parse("brokers: [kafka:9092]\ntopics: {fault: alarms, default: rest, stndDefined/x: y}")
	require.NoError(t, err)
	for _, want := range [][3]string{{"fault", "", "alarms"}, {"syslog", "", "rest"}, {"stndDefined", "x", "y"}, {"stndDefined", "z", "rest"}} {
		topic, ok := c.Topics.Topic(want[0], want[1])
		require.True(t, ok)
		require.Equal(t, want[2], topic)
	}

	for text, want := range map[string]string{
		"{}":                                    "brokers: missing",
		"brokers: [kafka]":                      "not host:port",
		"brokers: ['k:1']":                      "topics: none given",
		"brokers: ['k:1']\ntopics: odl":         `no preset "odl"`,
		"brokers: ['k:1']\ntopics: {faults: x}": "no VES domain",
		"brokers: ['k:1']\ntopics: onap\nsasl: {mechanism: GSSAPI}":             "none of SCRAM",
		"brokers: ['k:1']\ntopics: onap\nsasl: {mechanism: PLAIN, username: u}": "either password or password_file",
		"brokers: ['k:1']\ntopics: onap\ncompression: lzma":                     "none of none, gzip",
		"brokers: ['k:1']\ntopics: onap\nacks: 1":                               "field acks not found",
		"brokers: ['k:1']\ntopics: onap\ntls_config: {cert_file: a}":            "key_file",
	} {
		_, err := parse(text)
		require.ErrorContains(t, err, want, text)
	}
}
