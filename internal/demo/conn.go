package demo

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// listen opens a free port on loopback.
func listen(ctx context.Context) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening on loopback: %w", err)
	}
	return ln, nil
}

// newServer returns a server with limits and its complaints at debug level.
func newServer(h http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		WriteTimeout:      30 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
}

// statusWriter remembers the status that was sent.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if status >= http.StatusOK { // 1xx are not the answer
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the flusher below.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// countingListener counts connections and their bytes under a connection manager.
type countingListener struct {
	net.Listener
	stats  *stats
	labels string
}

func (l *countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.stats.count("envoy_http_downstream_cx_total", l.labels, 1)
	l.stats.move("envoy_http_downstream_cx_active", l.labels, 1)
	return &countingConn{Conn: conn, stats: l.stats, labels: l.labels, prefix: "envoy_http_downstream_cx"}, nil
}

// countingConn counts the bytes on the wire under prefix + "_rx_bytes_total" and
// "_tx_bytes_total". Once a closed connection has left the active gauge, all its bytes
// have been counted.
type countingConn struct {
	net.Conn
	stats          *stats
	prefix, labels string

	once  sync.Once
	count sync.RWMutex // read-held by each Read and Write until it has counted
}

func (c *countingConn) Read(p []byte) (int, error) {
	c.count.RLock()
	defer c.count.RUnlock()
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.stats.count(c.prefix+"_rx_bytes_total", c.labels, n)
	}
	return n, err
}

func (c *countingConn) Write(p []byte) (int, error) {
	c.count.RLock()
	defer c.count.RUnlock()
	n, err := c.Conn.Write(p)
	if n > 0 {
		c.stats.count(c.prefix+"_tx_bytes_total", c.labels, n)
	}
	return n, err
}

func (c *countingConn) Close() error {
	err := c.Conn.Close() // ends a Read or Write that is under way
	c.once.Do(func() {
		c.count.Lock()
		defer c.count.Unlock()
		c.stats.count(c.prefix+"_destroy", c.labels, 1)
		c.stats.move(c.prefix+"_active", c.labels, -1)
	})
	return err
}
