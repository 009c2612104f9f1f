package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func regexpMatch(t *testing.T, pattern, s string) bool {
	t.Helper()
	ok, err := regexp.MatchString(pattern, s)
	require.NoError(t, err)
	return ok
}

const previewMapping = `mapping: web
entity: [instance]
present: up == 1
births: zero
event: {domain: measurement, eventName: Measurement_Web-Acme_Server}
fields:
  concurrentSessions: sum(sessions)
  additionalMeasurements:
    traffic:
      by: code
      requests: sum(increase(requests_total[$interval] anchored))
`

func exposition(ok, failed, sessions int) string {
	return fmt.Sprintf("# TYPE requests_total counter\nrequests_total{code=\"200\"} %d\nrequests_total{code=\"500\"} %d\n# TYPE sessions gauge\nsessions %d\n", ok, failed, sessions)
}

// told is what the tests look at of an event.
type told struct {
	Event struct {
		Header struct {
			EventID             string `json:"eventId"`
			EventName           string `json:"eventName"`
			SourceName          string `json:"sourceName"`
			ReportingEntityName string `json:"reportingEntityName"`
			NfVendorName        string `json:"nfVendorName"`
			Start               int64  `json:"startEpochMicrosec"`
			End                 int64  `json:"lastEpochMicrosec"`
		} `json:"commonEventHeader"`
		Fields struct {
			Interval   float64 `json:"measurementInterval"`
			Sessions   float64 `json:"concurrentSessions"`
			Additional []struct {
				HashMap map[string]string `json:"hashMap"`
			} `json:"additionalMeasurements"`
		} `json:"measurementFields"`
	} `json:"event"`
}

// events decodes a preview's result and has every event judged.
func events(t *testing.T, stdout string) []told {
	t.Helper()
	var out []told
	for line := range strings.Lines(stdout) {
		var e told
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		out = append(out, e)
	}
	v := bridgeWith(t.Context(), stdout, "validate", "-")
	require.Equal(t, exitFine, v.code, v.stdout)
	return out
}

// numbers are an event's requests by code.
func (e *told) numbers() map[string]string {
	out := map[string]string{}
	for _, a := range e.Event.Fields.Additional {
		out[a.HashMap["code"]] = a.HashMap["requests"]
	}
	return out
}

func TestPreviewOfExpositions(t *testing.T) {
	dir := t.TempDir()
	m := file(t, dir, "web.yaml", previewMapping)
	a := file(t, dir, "a.prom", exposition(100, 1, 7))
	b := file(t, dir, "b.prom", exposition(142, 1, 8))
	c := file(t, dir, "c.prom", exposition(150, 4, 9))
	r := bridge(t, "preview", "--mapping", m, "--exposition", a+"@0s", "--exposition", b+"@10s", "--exposition", c+"@20s")
	require.Equal(t, exitFine, r.code, r.stderr)
	es := events(t, r.stdout)
	require.Len(t, es, 2, "each consecutive pair is a window")
	for i, want := range []struct {
		seconds, sessions float64
		ok, failed        string
	}{{10, 8, "42", "0"}, {10, 9, "8", "3"}} {
		e := es[i].Event
		require.Equal(t, "Measurement_Web-Acme_Server", e.Header.EventName)
		require.InDelta(t, want.seconds*1e6, e.Header.End-e.Header.Start, 0)
		require.InDelta(t, want.seconds, e.Fields.Interval, 0)
		require.InDelta(t, want.sessions, e.Fields.Sessions, 0)
		require.Equal(t, map[string]string{"200": want.ok, "500": want.failed}, es[i].numbers())
	}
	require.Equal(t, es[0].Event.Header.End, es[1].Event.Header.Start)
	require.NotEqual(t, es[0].Event.Header.EventID, es[1].Event.Header.EventID)
}

// Windows of different lengths have no common alignment; still none lies over another.
func TestPreviewOfUnequalWindowsTellsEachTimeOnce(t *testing.T) {
	dir := t.TempDir()
	m := file(t, dir, "web.yaml", previewMapping)
	args := []string{"preview", "--mapping", m}
	for i, at := range []string{"0s", "10s", "25s", "32s"} {
		args = append(args, "--exposition", file(t, dir, fmt.Sprintf("%d.prom", i), exposition(10*i, 0, 1))+"@"+at)
	}
	r := bridge(t, args...)
	require.Equal(t, exitFine, r.code, r.stderr)
	es := events(t, r.stdout)
	require.Len(t, es, 3)
	for i, e := range es {
		require.Equal(t, map[string]string{"200": "10", "500": "0"}, e.numbers())
		if i > 0 {
			require.LessOrEqual(t, es[i-1].Event.Header.End, e.Event.Header.Start)
		}
	}
}

func TestPreviewTakesIdentityAndMappingsOfAConfiguration(t *testing.T) {
	dir := t.TempDir()
	file(t, dir, "web.yaml", previewMapping)
	file(t, dir, "identity.yaml", "identity:\n  - match: {instance: shop:80}\n    set: {sourceName: shop-1, nfVendorName: Acme}\n")
	config := file(t, dir, "bridge.yaml", "global: {reporting_entity_name: bridge-7}\nmappings: [./web.yaml]\nidentity: ./identity.yaml\n")
	a, b := file(t, dir, "a.prom", exposition(1, 0, 1)), file(t, dir, "b.prom", exposition(2, 0, 1))
	r := bridge(t, "preview", "--config", config, "--mapping", "web", "--label", "instance=shop:80", "--exposition", a+"@0s", "--exposition", b+"@10s")
	require.Equal(t, exitFine, r.code, r.stderr)
	es := events(t, r.stdout)
	require.Len(t, es, 1)
	require.Equal(t, "shop-1", es[0].Event.Header.SourceName)
	require.Equal(t, "Acme", es[0].Event.Header.NfVendorName)
	require.Equal(t, "bridge-7", es[0].Event.Header.ReportingEntityName)
}

func TestPreviewOfATarget(t *testing.T) {
	var n atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, exposition(int(n.Add(1))*5, 0, 3))
	}))
	t.Cleanup(srv.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	m := file(t, t.TempDir(), "web.yaml", previewMapping)
	r := bridge(t, "preview", "--mapping", m, "--target", srv.URL+"/metrics", "--interval", "1s")
	require.Equal(t, exitFine, r.code, r.stderr)
	es := events(t, r.stdout)
	require.Len(t, es, 1)
	require.Equal(t, map[string]string{"200": "5", "500": "0"}, es[0].numbers())
	require.Equal(t, srv.Listener.Addr().String(), es[0].Event.Header.SourceName)
	require.Contains(t, r.stderr, "once more in 1s")
}

func TestPreviewsThatCannotRun(t *testing.T) {
	sick := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(sick.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	dir := t.TempDir()
	m := file(t, dir, "web.yaml", previewMapping)
	bad := file(t, dir, "bad.yaml", strings.Replace(previewMapping, "concurrentSessions", "concurrentSession", 1))
	a := file(t, dir, "a.prom", exposition(1, 0, 1))
	garbage := file(t, dir, "garbage.prom", "{\"not\": metrics\n")
	pair := []string{"--exposition", a + "@0s", "--exposition", a + "@10s"}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no offset":           {[]string{"--mapping", m, "--exposition", a, "--exposition", a + "@1s"}, "write FILE@OFFSET"},
		"offset without unit": {[]string{"--mapping", m, "--exposition", a + "@0s", "--exposition", a + "@10"}, "the offset"},
		"offsets fall":        {[]string{"--mapping", m, "--exposition", a + "@10s", "--exposition", a + "@0s"}, "not after the one before"},
		"offsets repeat":      {[]string{"--mapping", m, "--exposition", a + "@1s", "--exposition", a + "@1s"}, "not after the one before"},
		"one exposition":      {[]string{"--mapping", m, "--exposition", a + "@0s"}, "needs two expositions"},
		"no such file":        {[]string{"--mapping", m, "--exposition", a + "@0s", "--exposition", dir + "/x@1s"}, "no such file"},
		"garbage":             {[]string{"--mapping", m, "--exposition", garbage + "@0s", "--exposition", a + "@1s"}, "pars"},
		"unknown mapping":     {append([]string{"--mapping", "envoi"}, pair...), "bridge profiles list"},
		"bad mapping":         {append([]string{"--mapping", bad}, pair...), "did you mean concurrentSessions?"},
		"bad configuration":   {append([]string{"--mapping", m, "--config", dir + "/x.yaml"}, pair...), "x.yaml"},
		"interval too long":   {append([]string{"--mapping", m, "--interval", "1m"}, pair...), "less than one interval"},
		"interval too short":  {append([]string{"--mapping", m, "--interval", "100us"}, pair...), "write 1s or more"},
		"interval negative":   {append([]string{"--mapping", m, "--interval", "-10s"}, pair...), "write 1s or more"},
		"target and file":     {append([]string{"--mapping", m, "--target", sick.URL}, pair...), "target"},
		"no URL":              {[]string{"--mapping", m, "--target", "localhost:80"}, "write a URL"},
		"target answers 404":  {[]string{"--mapping", m, "--target", sick.URL}, "404"},
	} {
		t.Run(name, func(t *testing.T) {
			r := bridge(t, append([]string{"preview"}, c.args...)...)
			require.Equal(t, exitCannot, r.code, r.stderr)
			require.Empty(t, r.stdout)
			require.Contains(t, r.stderr, c.want)
		})
	}
}

// Nothing to tell is a finding, not silence.
func TestPreviewWithoutAnEventSaysSo(t *testing.T) {
	dir := t.TempDir()
	a := file(t, dir, "a.prom", "unrelated 1\n")
	r := bridge(t, "preview", "--mapping", "envoy", "--exposition", a+"@0s", "--exposition", a+"@10s")
	require.Equal(t, exitProblems, r.code)
	require.Empty(t, r.stdout)
	require.Contains(t, r.stderr, "no event")
}
