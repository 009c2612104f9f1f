package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
)

// interval is the measurement interval of the tests. Scrapes are each second.
const interval = 5 * time.Second

// A sidecar is a mesh with the labels that its target has.
type sidecar struct {
	*mesh
	pod, version string
	load         *tally
}

// source is the sourceName that the bridge gives it without an identity table.
func (s *sidecar) source() string { return "shop/" + s.pod }

// target is its entry among the static_configs.
func (s *sidecar) target() string {
	return fmt.Sprintf(`{targets: [%q], labels: {namespace: shop, pod: %s, app: catalog, version: %s}}`, s.Admin, s.pod, s.version)
}

// configuration is a bridge.yaml that scrapes these targets with the shipped Envoy profile.
func configuration(targets []string, destinations ...string) string {
	return fmt.Sprintf(`
global: {scrape_interval: 1s, scrape_timeout: 1s, measurement_interval: %s, heartbeat_interval: %s, reporting_entity_name: e2e}
scrape_configs:
  - job_name: sidecars
    metrics_path: /stats/prometheus
    static_configs:
      - %s
mappings: [envoy]
destinations:
  - %s
`, interval, interval, strings.Join(targets, "\n      - "), strings.Join(destinations, "\n  - "))
}

func toCollector(c string) string {
	return fmt.Sprintf(`{name: dcae, ves: {endpoint: "http://%s"}}`, c)
}

func toKafka(addr string) string {
	return fmt.Sprintf(`{name: bus, kafka: {brokers: [%q], topics: onap, auto_create_topics: true}}`, addr)
}

// TestEventsCarryWhatTheLoadGeneratorCounted is the main job: two real sidecars under mixed
// load, the bridge, a VES collector and a real Kafka. What the events tell, added up over the
// windows, is what the generators counted, exactly.
func TestEventsCarryWhatTheLoadGeneratorCounted(t *testing.T) {
	short(t)
	broker := bridgetest.Kafka(t)
	sidecars := []*sidecar{
		{mesh: newMesh(t), pod: "catalog-v1-0", version: "v1"},
		{mesh: newMesh(t), pod: "catalog-v2-0", version: "v2"},
	}
	col := startCollector(t, bridgetest.FreeAddr(t))
	b := startBridge(t, configuration([]string{sidecars[0].target(), sidecars[1].target()},
		toCollector(col.addr), toKafka(broker.Plain)))

	for _, s := range sidecars {
		// A counter's base is its value at the first scrape: the load begins after that, so
		// that its first request is in a window that is told.
		waitForWindow(t, b.Process, col, s.source(), time.Time{})
	}
	drive(t, sidecars, 4*interval)
	loadEnded := time.Now()
	for _, s := range sidecars {
		s.requireMixed(t, s.load)
		s.settled(t, s.load)
	}
	// The windows that begin after the sidecars have said all of it have nothing to add.
	settled := time.Now()
	for _, s := range sidecars {
		waitForWindow(t, b.Process, col, s.source(), settled)
	}
	t.Logf("load ended %s before its last window was asked for", settled.Sub(loadEnded))
	b.endsCleanly(t)

	all := col.events(t)
	requireValid(t, all)
	for _, s := range sidecars {
		requireWhole(t, measurements(all, s.source()))
		requireExact(t, s, sums(t, measurements(all, s.source())))
	}
	requireSameInKafka(t, broker, all)
}

// drive runs a load through each sidecar at the same time, each with its own number of
// workers, so that two that were mixed up would show.
func drive(t *testing.T, sidecars []*sidecar, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var group errgroup.Group
	for i, s := range sidecars {
		group.Go(func() error {
			s.load = newGenerator(s.Listeners["inbound"]).run(ctx, t, 4+2*i, math.MaxInt)
			return nil
		})
	}
	require.NoError(t, group.Wait())
}

// waitForWindow waits until the collector has a measurement of the source whose window began
// after the given time and is whole: it has counters.
func waitForWindow(t *testing.T, p *bridgetest.Process, col *collector, source string, after time.Time) {
	t.Helper()
	p.WaitUntil(time.Minute+3*interval, "has told a window of "+source, func() error {
		of := measurements(col.events(t), source)
		for _, e := range of {
			if e.start().After(after) && len(e.Measurement.LatencyDistribution)+len(group(e, "http")) > 0 {
				return nil
			}
		}
		return fmt.Errorf("%d windows until now", len(of))
	})
}

func group(e event, name string) (of []map[string]string) {
	for _, m := range e.Measurement.AdditionalMeasurements {
		if m.Name == name {
			of = append(of, m.HashMap)
		}
	}
	return of
}

// requireWhole checks the windows of one source: aligned, back to back, each told once.
func requireWhole(t *testing.T, windows []event) {
	t.Helper()
	slices.SortFunc(windows, func(a, b event) int { return a.start().Compare(b.start()) })
	for i, e := range windows {
		require.Zero(t, e.Header.StartEpochMicrosec%interval.Microseconds(), "a window begins on the boundary")
		require.Equal(t, interval, e.end().Sub(e.start()))
		require.InDelta(t, interval.Seconds(), e.Measurement.MeasurementInterval, 0)
		if i > 0 {
			require.Equal(t, windows[i-1].end(), e.start(), "windows are back to back")
		}
	}
}

// sums adds up what the windows tell, keyed "group[by=value,…].key".
func sums(t *testing.T, windows []event) map[string]float64 {
	t.Helper()
	sum := map[string]float64{}
	for _, e := range windows {
		for _, b := range e.Measurement.LatencyDistribution {
			sum["latencyDistribution"] += b.CountsInTheBucket
		}
		for _, n := range e.Measurement.NicPerformanceArray {
			id := fmt.Sprint(n["nicIdentifier"])
			for _, k := range []string{"receivedOctetsDelta", "transmittedOctetsDelta"} {
				if v, ok := n[k].(float64); ok {
					sum["nic["+id+"]."+k] += v
				}
			}
		}
		for _, m := range e.Measurement.AdditionalMeasurements {
			var by []string
			for _, k := range []string{"listener", "cluster", "code"} {
				if v, ok := m.HashMap[k]; ok {
					by = append(by, v)
				}
			}
			name, _, _ := strings.Cut(m.Name, ":")
			for k, v := range m.HashMap {
				if x, err := strconv.ParseFloat(v, 64); err == nil && k != "code" {
					sum[name+"["+strings.Join(by, ",")+"]."+k] += x
				}
			}
		}
	}
	return sum
}

// requireExact holds the sums against what the generator and the backends counted.
func requireExact(t *testing.T, s *sidecar, got map[string]float64) {
	t.Helper()
	load := s.load
	want := map[string]int64{
		"latencyDistribution":                                 load.Requests,
		"http[" + ingress + "].requests":                      load.Requests,
		"http[" + ingress + "].responses":                     load.Requests,
		"http[" + ingress + "].connections":                   load.Connections,
		"nic[http:" + ingress + "].receivedOctetsDelta":       load.BytesOut,
		"nic[http:" + ingress + "].transmittedOctetsDelta":    load.BytesIn,
		"circuitBreaker[" + limited + "].pendingOverflows":    load.Overloaded,
		"circuitBreaker[" + stable + "].pendingOverflows":     0,
		"circuitBreaker[" + canary + "].pendingOverflows":     0,
		"retry[" + limited + "].retries":                      0,
		"http[" + ingress + "].timeouts":                      0,
		"upstream[" + limited + "].requests":                  load.Served[limited] + load.Overloaded,
		"nic[cluster:" + limited + "].receivedOctetsDelta":    s.backends[limited].written.Load(),
		"nic[cluster:" + limited + "].transmittedOctetsDelta": s.backends[limited].read.Load(),
	}
	for class, n := range load.Classes {
		want["http["+ingress+"].responses"+class+"xx"] = n
	}
	for _, c := range clusters {
		b := s.backends[c]
		want["upstream["+c+"].attempts"] = b.requests.Load()
		want["retry["+c+"].retries"] = s.retries(load, c)
		want["nic[cluster:"+c+"].receivedOctetsDelta"] = b.written.Load()
		want["nic[cluster:"+c+"].transmittedOctetsDelta"] = b.read.Load()
		if c != limited {
			want["upstream["+c+"].requests"] = load.Served[c]
		}
		classes := map[string]int64{}
		for code, n := range load.ByCode[c] {
			want[fmt.Sprintf("responseCode[%s,%d].responses", c, code)] = n
			classes[strconv.Itoa(code/100)] += n
		}
		for class, n := range classes {
			want["upstream["+c+"].responses"+class+"xx"] = n
		}
	}
	for name, n := range want {
		require.Contains(t, got, name)
		require.InDelta(t, n, got[name], 0, "%s of %s", name, s.source())
	}
	t.Logf("%s: %d numbers agree over %d requests, %d retries, %d refused by the open breaker, %d bytes in",
		s.source(), len(want), load.Requests, s.retries(load, stable)+s.retries(load, canary), load.Overloaded, load.BytesIn)
}

// requireSameInKafka checks that an independent consumer, and kcat, read from the topics the
// very events that the collector got, under the source's name as key.
func requireSameInKafka(t *testing.T, broker *bridgetest.Broker, collected []event) {
	t.Helper()
	client := consumer(t, broker.Plain, nil)
	var published []event
	for _, name := range []string{measurementTopic, heartbeatTopic} {
		records := topic(t, client, name)
		requireKeyed(t, records)
		published = append(published, eventsOf(records)...)

		var fromKcat []string
		for _, line := range bridgetest.Kcat(t, "-C", "-q", "-e", "-o", "beginning", "-b", broker.Plain, "-t", name, "-f", `%k\t%s\n`) {
			key, value, found := strings.Cut(line, "\t")
			require.True(t, found)
			e := parseEvent(t, []byte(value))
			require.Equal(t, e.Header.SourceName, key)
			require.True(t, json.Valid([]byte(value)))
			fromKcat = append(fromKcat, e.Header.EventID)
		}
		var fromSarama []string
		for _, r := range records {
			fromSarama = append(fromSarama, r.event.Header.EventID)
		}
		require.ElementsMatch(t, fromSarama, fromKcat, "kcat reads the events of %s", name)
	}
	requireValid(t, published)
	require.Equal(t, byID(t, collected), byID(t, published), "the same events at the collector and in Kafka")
}
