package profiles_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// offsets are the seconds after the first scrape at which each was taken, in tenths: a
// fifth of each window is then a whole number of milliseconds, on which subqueries step.
func (c capture) offsets() []float64 {
	var out []float64
	for _, s := range c.seconds {
		out = append(out, math.Round(10*(s-c.seconds[0]))/10)
	}
	return out
}

// between makes the view of the scrapes from one to another, counters' births at zero or
// unknown.
func (c capture) between(from, to int, born bool) view {
	v := view{scrapes: c.scrapes[from : to+1], born: born}
	at := c.offsets()
	for _, s := range at[from : to+1] {
		v.seconds = append(v.seconds, math.Round(10*(s-at[from]))/10)
	}
	return v
}

// TestComputationAgainstHandCounts holds the independent computation itself against
// numbers subtracted by hand from lines of the captures.
func TestComputationAgainstHandCounts(t *testing.T) {
	const hair = 1e-9
	plain := expectEnvoy(t, readCapture(t, "envoy").between(1, 2, true))
	require.InDelta(t, (19576-12402+3*10)/10.2, plain["requestRate"], hair)
	for path, x := range map[string]float64{
		"http[egress_http].requests":                                   19576 - 12402,
		"nicPerformanceArray[http:egress_http].transmittedOctetsDelta": 41248282 - 25965838,
		"upstream[svc-b-v1].requests":                                  15844 - 10009,
		"upstream[svc-b-v1].attempts":                                  17497 - 11057,
		"retry[svc-b-v2].retries":                                      1816 - 1136,
		"responseCode[svc-b-v2,503].responses":                         658 - 451,
		"responseCode[svc-b-v1,504].responses":                         24 - 15,
		"upstreamTls[svc-b-v1].handshakes":                             1684 - 1067,
		"server.daysUntilFirstCertExpiring":                            29,
	} {
		require.Equal(t, x, plain[path], path)
	}
	require.NotContains(t, plain, "upstream[zipkin].requests")
	require.NotContains(t, plain, "http[admin].requests")

	dotted := expectEnvoy(t, readCapture(t, "envoy-dotted").between(1, 2, true))
	require.Equal(t, 16766.0-10716, dotted["upstream[outbound|8080|v1|svc-b].requests"])
	require.Equal(t, 20691.0-13227, dotted["http[outbound_0_0_0_0_8080].requests"])

	istio := expectEnvoy(t, readCapture(t, "envoy-istio").between(1, 2, true))
	require.Equal(t, 919.0-653, istio["upstream[outbound|8080|v2|svc-b.default.svc.cluster.local].responses5xx"])
	require.Equal(t, 22256.0-15172, istio["http[outbound_0_0_0_0_8080].requests"])

	node := expectNode(t, readCapture(t, "node_exporter").between(1, 2, false), "node", true)
	require.InDelta(t, 100*9.36/9.89, node["cpuUsageArray[0].cpuIdle"], 1e-6)
	require.Equal(t, 977344.0, node["memoryUsageArray[node].memoryUsed"])
	require.InDelta(t, (4.705107968e+10-4.6926147584e+10)/10.1, node["diskUsageArray[vda].diskOctetsWriteAvg"], 1e-6)
	require.Equal(t, "inService", node["nicPerformanceArray[eth0].operationalState"])
	require.NotContains(t, node, "nicPerformanceArray[lo].receivedOctetsDelta")
}
