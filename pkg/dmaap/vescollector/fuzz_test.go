package vescollector

import (
	"net/http"
	"testing"
	"time"

	"github.com/vesbridge/vesbridge/pkg/dmaap/internal/httpx"
)

// FuzzClassify: whatever a peer answers has a class and a reason of the known set, and
// only 2xx is success.
func FuzzClassify(f *testing.F) {
	f.Add(400, svc("SVC2000", "No domain defined for stream id", "400"), "")
	f.Add(503, "", "Wed, 21 Oct 2026 07:28:00 GMT")
	f.Add(200, "[[[[", "-3")
	known := map[string]bool{}
	for _, r := range replies {
		known[r.reason] = true
	}
	f.Fuzz(func(t *testing.T, status int, body, after string) {
		e := classify(&httpx.Reply{Status: status, Body: body, Header: http.Header{"Retry-After": {after}}}, time.Unix(0, 0))
		switch {
		case e == nil:
			if status < 200 || status > 299 {
				t.Fatalf("%d is taken for success", status)
			}
		case !known[e.Reason]:
			t.Fatalf("reason %q is not of the bounded set", e.Reason)
		case e.RetryAfter < 0:
			t.Fatal("pause of the past")
		}
	})
}
