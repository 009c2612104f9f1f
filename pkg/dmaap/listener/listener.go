package listener

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/netutil"

	"github.com/vesbridge/vesbridge/pkg/dmaap/stnddefined"
	"github.com/vesbridge/vesbridge/pkg/outbox"
)

// Options are what a Listener is made of.
type Options struct {
	Config Config
	// Sink takes over the events of one request, all or none, in the order of the request;
	// nil promises that they are safe. The records and their bodies are the sink's to keep.
	// It is called by many goroutines at once; its ctx ends with the client's connection or
	// Config.SinkTimeout. Needed.
	Sink func(ctx context.Context, recs []outbox.Record) error
	// Logger may be nil.
	Logger *slog.Logger
	// Registerer of the metrics may be nil.
	Registerer prometheus.Registerer
	// Control answers a request in place of the listener where it returns handled: it lets
	// a simulator misbehave. It sees every request first, credentials or not, and may block
	// until the request's context ends. May be nil.
	Control func(*http.Request) (status int, body string, handled bool)
}

// Listener is a VES intake. Safe for concurrent use.
type Listener struct {
	config  Config
	sink    func(context.Context, []outbox.Record) error
	control func(*http.Request) (int, string, bool)
	log     *slog.Logger
	logged  throttle
	metrics *metrics
	slots   chan struct{}        // one element for each request between reading and answering
	users   *users               // nil without basic authentication
	tls     *rotatingTLS         // nil without TLS
	schemas *stnddefined.Schemas // nil without a second stage
	server  *http.Server
}

// New makes a listener. It reads the files that the configuration names, so that a mistake
// in them shows before the first event.
func New(o Options) (*Listener, error) {
	if err := o.Config.Validate(); err != nil {
		return nil, fmt.Errorf("checking the intake's configuration: %w", err)
	}
	if o.Sink == nil {
		return nil, errors.New("making the intake: it has no sink")
	}
	l := &Listener{
		config:  o.Config.withDefaults(),
		sink:    o.Sink,
		control: o.Control,
		log:     o.Logger,
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	l.slots = make(chan struct{}, l.config.MaxConcurrent)
	// Everything that may fail comes before the metrics are registered.
	var err error
	if l.config.BasicAuthFile != "" {
		if l.users, err = openUsers(l.config.BasicAuthFile, l.reloadFailed); err != nil {
			return nil, err
		}
		if l.config.TLSCertFile == "" && l.config.Compat == "" {
			l.log.Warn("passwords come in the clear: no TLS is configured", "component", "listener")
		}
	}
	if l.config.TLSCertFile != "" {
		if l.tls, err = openTLS(l.config, l.reloadFailed); err != nil {
			return nil, err
		}
	}
	if l.config.Schemas != "" {
		var notes []string
		if l.schemas, notes, err = stnddefined.Load(l.config.Schemas); err != nil {
			return nil, err
		}
		for _, note := range notes {
			l.log.Warn("a schema of stndDefined events cannot be used as it is", "component", "listener", "note", note)
		}
	}
	l.metrics = newMetrics(o.Registerer)
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // one request a connection at a time: connection limits count
	l.server = &http.Server{
		Handler:           l.Handler(),
		Protocols:         protocols,
		ReadHeaderTimeout: l.config.ReadHeaderTimeout,
		ReadTimeout:       l.config.ReadHeaderTimeout + l.config.ReadTimeout,
		WriteTimeout:      l.config.ReadTimeout + l.config.SinkTimeout + 10*time.Second,
		IdleTimeout:       l.config.IdleTimeout,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(l.log.Handler(), slog.LevelDebug),
	}
	return l, nil
}

// reloadFailed tells of a rotated file that cannot be used.
func (l *Listener) reloadFailed(what string, err error) {
	l.metrics.reloadFailures.WithLabelValues(what).Inc()
	l.log.Error("a rotated file cannot be used, the former stays", "component", "listener", "file", what, "err", err)
}

// Handler answers requests, for a server of the caller's own. Limits of connections and
// headers, and TLS, are that server's; a configured client CA is checked against what its
// TLS layer verified.
func (l *Listener) Handler() http.Handler { return http.HandlerFunc(l.serveHTTP) }

// Serve accepts connections from ln, which it owns, until Shutdown; then it returns
// http.ErrServerClosed.
func (l *Listener) Serve(ln net.Listener) error {
	ln = netutil.LimitListener(ln, l.config.MaxConnections)
	if l.tls != nil {
		ln = tls.NewListener(ln, &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: l.tls.configForClient})
	}
	return l.server.Serve(ln)
}

// Shutdown stops accepting, waits until every request under way is answered, and cuts off
// what is left when ctx ends, in which case it returns the context's error. Idempotent.
func (l *Listener) Shutdown(ctx context.Context) error {
	if err := l.server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("waiting for requests under way: %w", err), l.server.Close())
	}
	return nil
}
