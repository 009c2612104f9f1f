package listener_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/dmaap/listener"
	"github.com/vesbridge/vesbridge/pkg/outbox"
)

// serve runs a listener on pipes until the test ends.
func serve(t *testing.T, l *listener.Listener) *pipes {
	t.Helper()
	p, served := newPipes(), make(chan error, 1)
	go func() { served <- l.Serve(p) }()
	t.Cleanup(func() {
		require.NoError(t, l.Shutdown(context.WithoutCancel(t.Context())))
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	})
	return p
}

// post writes a request head that promises n bytes, then body.
func post(t *testing.T, c net.Conn, n int, body string) {
	t.Helper()
	_, err := fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", v7, n, body)
	require.NoError(t, err)
}

func response(t *testing.T, c net.Conn) (int, string) {
	t.Helper()
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return r.StatusCode, string(body)
}

func TestSlowClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		p := serve(t, newListener(t, listener.Config{ReadTimeout: 3 * time.Second, MaxConcurrent: 1}, s))
		slow := p.dial()
		defer slow.Close()
		start := time.Now()
		body := single(fault("f1"))
		post(t, slow, len(body), body[:10])
		synctest.Wait()

		// Its place is taken meanwhile: others are told at once.
		other := p.dial()
		defer other.Close()
		post(t, other, len(body), body)
		status, text := response(t, other)
		require.Equal(t, 503, status)
		require.Contains(t, text, "SVC1000")
		require.Zero(t, time.Since(start))

		status, text = response(t, slow)
		require.Equal(t, 408, status)
		require.Contains(t, text, "the body did not come within 3s")
		require.Equal(t, 3*time.Second, time.Since(start))

		// And is free again afterwards.
		post(t, other, len(body), body)
		status, _ = response(t, other)
		require.Equal(t, 202, status)
		require.Len(t, s.taken(), 1)
	})
}

func TestSlowHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, newListener(t, listener.Config{ReadHeaderTimeout: 2 * time.Second}, &sink{}))
		c := p.dial()
		defer c.Close()
		start := time.Now()
		_, err := io.WriteString(c, "POST /eventListener/v7 HTTP/1.1\r\nX: ")
		require.NoError(t, err)
		_, err = io.ReadAll(c)
		require.NoError(t, err)
		require.Equal(t, 2*time.Second, time.Since(start))
	})
}

// The time for reading must not end a sink that works longer.
func TestSlowSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := listener.New(listener.Options{
			Config: listener.Config{ReadTimeout: time.Second, ReadHeaderTimeout: time.Second, SinkTimeout: 20 * time.Second},
			Sink: func(ctx context.Context, recs []outbox.Record) error {
				wait := 19 * time.Second
				if recs[0].EventID == "hang" {
					wait = time.Hour
				}
				select {
				case <-time.After(wait):
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			},
		})
		require.NoError(t, err)
		p := serve(t, l)
		c := p.dial()
		defer c.Close()
		for _, want := range []struct {
			id     string
			status int
			after  time.Duration
		}{{"f1", 202, 19 * time.Second}, {"hang", 503, 20 * time.Second}} {
			start := time.Now()
			body := single(fault(want.id))
			post(t, c, len(body), body)
			status, _ := response(t, c)
			require.Equal(t, want.status, status)
			require.Equal(t, want.after, time.Since(start))
		}
	})
}

func TestConcurrencyLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		l, err := listener.New(listener.Options{
			Config: listener.Config{MaxConcurrent: 3},
			Sink: func(context.Context, []outbox.Record) error {
				<-release
				return nil
			},
		})
		require.NoError(t, err)
		h := l.Handler()
		statuses := make(chan int, 4)
		for range 3 {
			go func() { statuses <- do(h, request("POST", v7, single(fault("f1")))).Code }()
		}
		synctest.Wait()
		w := do(h, request("POST", v7, single(fault("f1"))))
		require.Equal(t, 503, w.Code)
		require.Equal(t, "1", w.Header().Get("Retry-After"))
		require.Equal(t, 200, do(h, request("GET", "/healthcheck", "")).Code) // alive though busy
		close(release)
		for range 3 {
			require.Equal(t, 202, <-statuses)
		}
		require.Equal(t, 202, do(h, request("POST", v7, single(fault("f1")))).Code)
	})
}

func TestConnectionLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, newListener(t, listener.Config{MaxConnections: 1}, &sink{}))
		first := p.dial()
		second := make(chan net.Conn)
		go func() { second <- p.dial() }()
		synctest.Wait()
		select {
		case <-second:
			t.Fatal("a second connection was accepted")
		default:
		}
		require.NoError(t, first.Close())
		require.NoError(t, (<-second).Close())
	})
}

// A client that is refused before its body was read still learns why.
func TestEarlyRefusalReachesTheClient(t *testing.T) {
	l := newListener(t, listener.Config{BasicAuthFile: passwords(t, t.TempDir())}, &sink{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- l.Serve(ln) }()
	client := &http.Client{Transport: &http.Transport{}}
	for password, want := range map[string]int{"no": 401, "s3cret": 413} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+ln.Addr().String()+v7, strings.NewReader(large("o1", 3<<20)))
		require.NoError(t, err)
		r.SetBasicAuth("ves", password)
		r.Header.Set("Content-Type", "application/json")
		res, err := client.Do(r)
		require.NoError(t, err)
		require.Equal(t, want, res.StatusCode)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		parseError(t, body)
	}
	client.CloseIdleConnections()
	require.NoError(t, l.Shutdown(t.Context()))
	require.ErrorIs(t, <-served, http.ErrServerClosed)
}

// A body that never says its length is cut off at the limit.
func TestChunkedBodyOverLimit(t *testing.T) {
	s := &sink{}
	h := newListener(t, listener.Config{MaxBodyBytes: 4096}, s).Handler()
	for size, want := range map[int]int{3000: 202, 5000: 413} {
		r := request("POST", v7, single(large("o1", size)))
		r.ContentLength = -1
		require.Equal(t, want, do(h, r).Code, size)
	}
	require.Len(t, s.taken(), 1)
}

func TestBodyCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l := &sink{}, &logs{}
		lis, err := listener.New(listener.Options{Sink: s.take, Logger: l.logger()})
		require.NoError(t, err)
		p := serve(t, lis)
		c := p.dial()
		body := single(fault("f1"))
		post(t, c, len(body)+100, body)
		require.NoError(t, c.Close())
		synctest.Wait()
		require.Empty(t, s.taken())
		require.Contains(t, l.String(), "reason=aborted")
	})
}

// Shutdown answers what is under way, and takes nothing new.
func TestShutdownDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		l, err := listener.New(listener.Options{Sink: func(context.Context, []outbox.Record) error {
			<-release
			return nil
		}})
		require.NoError(t, err)
		p := serve(t, l)
		c := p.dial()
		defer c.Close()
		body := single(fault("f1"))
		post(t, c, len(body), body)
		synctest.Wait()
		down := make(chan error, 1)
		go func() { down <- l.Shutdown(t.Context()) }()
		synctest.Wait()
		require.Empty(t, down)
		close(release)
		status, _ := response(t, c)
		require.Equal(t, 202, status)
		require.NoError(t, <-down)
	})
}

func TestShutdownIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := listener.New(listener.Options{Sink: func(ctx context.Context, _ []outbox.Record) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		require.NoError(t, err)
		p := serve(t, l)
		c := p.dial()
		defer c.Close()
		body := single(fault("f1"))
		post(t, c, len(body), body)
		synctest.Wait()
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		require.ErrorIs(t, l.Shutdown(ctx), context.DeadlineExceeded)
		require.Equal(t, 5*time.Second, time.Since(start))
		_, err = io.ReadAll(c)
		require.NoError(t, err) // cut off: end of file, no answer
	})
}

func TestConfigValidate(t *testing.T) {
	require.NoError(t, listener.Config{}.Validate())
	require.NoError(t, listener.Config{Compat: listener.CompatONAP, TLSCertFile: "c", TLSKeyFile: "k", ClientCAFile: "ca"}.Validate())
	for want, c := range map[string]listener.Config{
		"tls_key_file is missing":  {TLSCertFile: "c"},
		"tls_cert_file is missing": {TLSKeyFile: "k"},
		"client_ca_file needs TLS": {ClientCAFile: "ca"},
		"max_body_bytes 1000":      {MaxBodyBytes: 1000},
		"max_body_bytes 33554432":  {MaxBodyBytes: 32 << 20},
		"max_concurrent -1":        {MaxConcurrent: -1},
		"max_connections -1":       {MaxConnections: -1},
		"read_header_timeout -1s":  {ReadHeaderTimeout: -time.Second},
		"read_timeout -1s":         {ReadTimeout: -time.Second},
		"sink_timeout -1s":         {SinkTimeout: -time.Second},
		"idle_timeout -1s":         {IdleTimeout: -time.Second},
		`compat "onap" is not`:     {Compat: "onap"},
		"strict contradicts":       {Compat: listener.CompatONAP, Strict: true},
	} {
		require.ErrorContains(t, c.Validate(), want)
	}
	err := listener.Config{MaxConcurrent: -1, Compat: "x"}.Validate()
	require.Len(t, strings.Split(err.Error(), "\n"), 2) // all at once
	_, err = listener.New(listener.Options{})
	require.ErrorContains(t, err, "no sink")
}
