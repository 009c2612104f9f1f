package dmaap_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/vesbridge/vesbridge/pkg/dmaap"
	"github.com/vesbridge/vesbridge/pkg/outbox"
)

func routes(t *testing.T, text string) []dmaap.Route {
	t.Helper()
	dec := yaml.NewDecoder(strings.NewReader(text))
	dec.KnownFields(true)
	var r []dmaap.Route
	require.NoError(t, dec.Decode(&r))
	return r
}

func TestRouterFirstMatchWins(t *testing.T) {
	r, err := dmaap.NewRouter(routes(t, `
- {match: {domain: fault, severity: [CRITICAL, MAJOR]}, to: [dcae, bus]}
- {match: {domain: perf3gpp}, to: [pm]}
- {match: {source: lab-1}, drop: true}
- {match: {source_re: 'edge-[0-9]+', domain: [measurement, heartbeat]}, to: [pm]}
- {match: {eventName_re: 'Measurement_.*'}, to: [dcae]}
- {match: {domain: stndDefined, stndDefinedNamespace: 3GPP-Heartbeat}, to: [pm]}
- {to: [bus]}
`), []string{"dcae", "bus", "pm"})
	require.NoError(t, err)
	for _, c := range []struct {
		rec  outbox.Record
		want []string
	}{
		{outbox.Record{Domain: "fault", Severity: "MAJOR"}, []string{"dcae", "bus"}},
		{outbox.Record{Domain: "fault", Severity: "MINOR"}, []string{"bus"}},
		{outbox.Record{Domain: "perf3gpp"}, []string{"pm"}},
		{outbox.Record{Domain: "measurement", SourceName: "lab-1"}, nil},
		{outbox.Record{Domain: "measurement", SourceName: "edge-12"}, []string{"pm"}},
		{outbox.Record{Domain: "measurement", SourceName: "my-edge-12x", EventName: "Measurement_a"}, []string{"dcae"}},
		{outbox.Record{Domain: "syslog", SourceName: "edge-12"}, []string{"bus"}},
		{outbox.Record{Domain: "stndDefined", StndDefinedNamespace: "3GPP-Heartbeat"}, []string{"pm"}},
	} {
		require.Equal(t, c.want, r.Targets(&c.rec), "%+v", c.rec)
		for _, d := range []string{"dcae", "bus", "pm"} {
			want := strings.Contains(strings.Join(c.want, " "), d)
			require.Equal(t, want, r.Filter(d)(&c.rec), "%s %+v", d, c.rec)
		}
	}
}

func TestRouterWithoutRoutesSendsEverythingEverywhere(t *testing.T) {
	r, err := dmaap.NewRouter(nil, []string{"a", "b"})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, r.Targets(&outbox.Record{Domain: "syslog"}))
}

func TestRouterTellsEveryMistake(t *testing.T) {
	_, err := dmaap.NewRouter(routes(t, `
- {match: {domain: faults}, to: [dcae]}
- {match: {severity: critical}, to: [dcea]}
- {match: {source_re: '('}, to: [dcae], drop: true}
- {to: [dcae]}
- {match: {domain: fault}}
`), []string{"dcae"})
	for _, want := range []string{
		`routes[0]: "faults" is no VES domain`, `routes[1]: "critical" is no VES eventSeverity`, `routes[1]: no destination is named "dcea"`,
		`routes[2]: has both drop and to`, `routes[2]: source_re: error parsing regexp`, `routes[3]: matches everything`,
		`routes[4]: names no destination`, `routes[4]: the last route must match everything`,
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestRing(t *testing.T) {
	r := dmaap.NewRing(3, 200)
	for _, id := range []string{"1", "2", "3", "4"} {
		require.NoError(t, r.Put(t.Context(), dmaap.Letter{Destination: "d" + id, Record: rec("fault", "s", id)}))
	}
	all, err := r.List(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, all, 2, "by bytes")
	require.EqualValues(t, 3, all[0].ID)
	one, err := r.List(t.Context(), "d4")
	require.NoError(t, err)
	require.Len(t, one, 1)
	got, ok, err := r.Take(t.Context(), 3)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, "3", got.Record.EventID)
	_, ok, err = r.Take(t.Context(), 3)
	require.NoError(t, err)
	require.False(t, ok)
	big := rec("fault", "s", strings.Repeat("x", 1000))
	require.NoError(t, r.Put(t.Context(), dmaap.Letter{Record: big}))
	all, err = r.List(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, all, 1, "the newest is kept, however large")
}

func TestErrorTexts(t *testing.T) {
	e := &dmaap.Error{Class: dmaap.Throttled, Reason: "throttled", Reply: "slow down"}
	require.EqualError(t, e, "throttled (throttled): peer said slow down")
	require.ErrorContains(t, &dmaap.PartialError{Failed: map[int]*dmaap.Error{3: e}}, "1 of the batch's events refused")
}
