package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/internal/web"
)

// Whatever goes wrong with a credential, its secret is told nowhere: not on pages, not in
// metrics, not in logs of any level, not by check, and not where a peer echoes it.
func TestSecretsAreToldNowhere(t *testing.T) {
	t.Parallel()
	secrets := []string{"s3cret-ves", "s3cret-sasl", "s3cret-ueb", "s3cret-scrape", "s3cret-url", "s3cret-odd", "s3cret-bare"}
	echo := startCollector(t)
	echo.behave(func(r *http.Request) (int, string, bool) {
		user, password, _ := r.BasicAuth()
		return http.StatusUnauthorized, fmt.Sprintf("%s (%s:%s) may not send", r.Header.Get("Authorization"), user, password), true
	})
	sick := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, r.Header.Get("Authorization"), http.StatusForbidden)
	})
	good := strings.Replace(configuration([]string{target(t)},
		fmt.Sprintf(`{name: dcae, ves: {endpoint: "http://%s", basic_auth: {username: u, password: s3cret-ves}}}`, echo.addr),
		`{name: bus, kafka: {brokers: ["127.0.0.1:1"], topics: onap, timeout: 1s, sasl: {mechanism: SCRAM-SHA-512, username: u, password: s3cret-sasl}}}`,
		`{name: legacy, dmaap: {url: "http://127.0.0.1:1", topics: onap, api_key: {key: k, secret: s3cret-ueb}}}`,
	), "scrape_configs:", fmt.Sprintf(`scrape_configs:
  - {job_name: sick, basic_auth: {username: u, password: s3cret-scrape}, static_configs: [{targets: [%q]}]}`, sick), 1)
	s := startSite(t, good)
	eventually(t, "every destination has failed", func() bool {
		failing := 0
		for _, d := range api[[]web.Destination](t, s, "destinations") {
			if d.Error != "" {
				failing++
			}
		}
		return failing == 3
	})
	eventually(t, "the sick target is down", func() bool {
		for _, x := range api[[]web.Target](t, s, "targets") {
			if x.Job == "sick" && x.Error != "" {
				return true
			}
		}
		return false
	})
	code, reasons := s.request(t, http.MethodGet, "/-/ready")
	require.Equal(t, http.StatusServiceUnavailable, code, "a wrong password needs a person")
	require.Contains(t, reasons, "destination dcae")

	var said strings.Builder
	s.collectPages(t, &said)
	for _, bad := range []string{
		good + `  - {name: url, ves: {endpoint: "http://u:s3cret-url@127.0.0.1:1"}}` + "\n",
		good + `  - {name: odd, ves: {endpoint: "http://u:s3cret-odd%zz@127.0.0.1:1"}}` + "\n",
		good + `  - {name: bare, ves: {endpoint: "http://127.0.0.1:1", basic_auth: s3cret-bare}}` + "\n",
		good + `  - {name: bare, kafka: {brokers: ["127.0.0.1:1"], topics: onap, sasl: s3cret-bare}}` + "\n",
		strings.Replace(good, "job_name: sick, ", "job_name: sick, authorization: s3cret-bare, ", 1),
	} {
		s.configure(t, bad)
		require.Error(t, s.app.Reload(t.Context()))
		_, refusal := s.request(t, http.MethodPost, "/-/reload")
		report, err := json.Marshal(Check(s.path))
		require.NoError(t, err)
		said.WriteString(refusal)
		said.Write(report)
		s.collectPages(t, &said)
	}
	s.app.opts.StopTimeout = time.Second
	_ = s.app.Stop(t.Context()) // nobody takes what is pending
	requireBalance(t, s.app.Ledger())
	said.WriteString(s.log.String())
	for _, secret := range secrets {
		require.NotContains(t, said.String(), secret)
	}
	require.Contains(t, said.String(), "<secret>", "the peer's echo was seen, and cleaned")
}

// collectPages appends every page that a person or a machine can ask for.
func (s *site) collectPages(t *testing.T, out *strings.Builder) {
	t.Helper()
	for _, path := range []string{"/", "/-/ready", "/metrics", "/api/v1/bridge/targets", "/api/v1/bridge/mappings", "/api/v1/bridge/destinations",
		"/api/v1/bridge/ledger", "/api/v1/bridge/config", "/api/v1/bridge/events"} {
		code, body := s.request(t, http.MethodGet, path)
		require.Contains(t, []int{http.StatusOK, http.StatusServiceUnavailable}, code, path)
		out.WriteString(body)
	}
}
