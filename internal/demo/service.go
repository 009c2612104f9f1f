package demo

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Tally counts requests from one point of view.
type Tally struct {
	Requests uint64
	Codes    map[int]uint64 // by HTTP status
	Errors   uint64         // requests that got no answer at all
}

// tally is a Tally that is being counted. Safe for concurrent use.
type tally struct {
	mu sync.Mutex // guards t
	t  Tally
}

// add counts one request; status 0 means that no answer came.
func (t *tally) add(status int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.t.Requests++
	if status == 0 {
		t.t.Errors++
		return
	}
	if t.t.Codes == nil {
		t.t.Codes = map[int]uint64{}
	}
	t.t.Codes[status]++
}

func (t *tally) read() Tally {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.t
	c.Codes = maps.Clone(t.t.Codes)
	return c
}

// pod is one application with its sidecar.
type pod struct {
	name, app, version string
	sidecar            *sidecar

	server *http.Server
	served chan struct{}
	client *http.Client
	answer func(p *pod, r *http.Request, id uint64) int

	seq      atomic.Uint64 // requests seen, where the answer depends on it
	received tally
	called   tally
	calls    string // the service that this one calls; "" for none
}

func newPod(name, app, version string, logger *slog.Logger, answer func(*pod, *http.Request, uint64) int) *pod {
	p := &pod{
		name: name, app: app, version: version, answer: answer,
		sidecar: newSidecar(logger),
		client: &http.Client{
			Transport: &http.Transport{MaxIdleConnsPerHost: maxRequests},
			Timeout:   10 * time.Second,
		},
	}
	p.server = newServer(p, logger)
	return p
}

func (p *pod) start(ctx context.Context) error {
	ln, err := listen(ctx)
	if err != nil {
		return err
	}
	p.serve(ln)
	return p.sidecar.start(ctx, ln.Addr().String())
}

func (p *pod) serve(ln net.Listener) {
	p.served = make(chan struct{})
	go func() {
		defer close(p.served)
		_ = p.server.Serve(ln) // always http.ErrServerClosed, by stop
	}()
}

// stop ends the sidecar first, so that its requests under way still find the application.
func (p *pod) stop(ctx context.Context) {
	p.sidecar.stop(ctx)
	p.client.CloseIdleConnections()
	if p.served == nil {
		return
	}
	if p.server.Shutdown(ctx) != nil {
		_ = p.server.Close()
	}
	<-p.served
}

// ServeHTTP is the application: GET /<anything>/<number>.
func (p *pod) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status := http.StatusNotFound
	if id, err := strconv.ParseUint(lastSegment(r.URL.Path), 10, 64); err == nil {
		status = p.answer(p, r, id)
	}
	p.received.add(status)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"service":%q,"version":%q,"status":%d}`+"\n", p.app, p.version, status)
}

// call asks another service through this pod's sidecar; 0 where no answer came.
func (p *pod) call(r *http.Request, id uint64) int {
	url := fmt.Sprintf("http://%s/%s/%d", p.sidecar.egress.addr(), p.calls, id)
	// A request that was begun is carried through: cancelling it midway would leave the
	// two sides with different counts of it.
	req, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), http.MethodGet, url, nil)
	if err != nil {
		return 0
	}
	req.Host = p.calls
	status := do(p.client, req)
	p.called.add(status)
	return status
}

// do sends req, reads the whole answer and returns its status, 0 where none came.
func do(c *http.Client, req *http.Request) int {
	resp, err := c.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0
	}
	return resp.StatusCode
}

func lastSegment(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[i+1:]
		}
	}
	return path
}

// work takes d, or less where the caller goes away.
func work(r *http.Request, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
	}
}

// The mix of answers follows the request's number and the pod's own count, nothing random,
// so that every kind of answer appears in any few hundred requests.

// checkout passes on what the catalog said.
func checkout(p *pod, r *http.Request, id uint64) int {
	work(r, time.Duration(1+id%3)*time.Millisecond)
	return passOn(p.call(r, id))
}

// catalog answers v1 well; v2 is the release under test: slower, and it refuses every
// ninth request, which the caller's sidecar tries again.
func catalog(p *pod, r *http.Request, id uint64) int {
	if p.version == "v2" {
		work(r, time.Duration(4+id%9)*time.Millisecond)
		if p.seq.Add(1)%9 == 0 {
			return http.StatusServiceUnavailable
		}
	}
	work(r, time.Duration(1+id%4)*time.Millisecond)
	return passOn(p.call(r, id))
}

// inventory knows most items, is slow at times and fails now and then.
func inventory(_ *pod, r *http.Request, id uint64) int {
	switch {
	case id%25 == 0:
		return http.StatusNotFound
	case id%47 == 0: // again on a retry
		return http.StatusInternalServerError
	case id%31 == 0:
		work(r, time.Duration(120+id%5*60)*time.Millisecond)
	default:
		work(r, time.Duration(1+id%7)*time.Millisecond)
	}
	return http.StatusOK
}

// passOn maps what a called service answered onto the caller's own answer.
func passOn(status int) int {
	switch {
	case status == http.StatusOK, status == http.StatusNotFound:
		return status
	default:
		return http.StatusInternalServerError
	}
}
