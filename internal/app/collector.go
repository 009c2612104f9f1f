package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vesbridge/vesbridge/internal/config"
	"github.com/vesbridge/vesbridge/pkg/dmaap/listener"
	"github.com/vesbridge/vesbridge/pkg/outbox"
)

// CollectorOptions are what Collector takes.
type CollectorOptions struct {
	Listen        string
	ConfigFile    string // destinations and routes; "" prints the events
	TLSCert       string
	TLSKey        string
	ClientCA      string
	BasicAuthFile string
	OnapCompat    bool
	Schemas       string // folder for the second stage of stndDefined events; "" is none
	Logger        *slog.Logger
	Stdout        io.Writer // events, one {"event":…} per line, where ConfigFile is ""
	// Ready is called with the address once the listener listens. May be nil.
	Ready func(net.Addr)
}

// Collector serves the VES intake until ctx ends, then stops taking events and delivers
// what it has acknowledged.
func Collector(ctx context.Context, o CollectorOptions) (err error) {
	var down teardown
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		err = errors.Join(err, down.run(stop))
	}()
	sink := printer(o.Stdout)
	reg := prometheus.NewRegistry()
	if o.ConfigFile != "" {
		if sink, err = deliverTo(ctx, o, reg, &down); err != nil {
			return err
		}
	}
	cfg := listener.Config{TLSCertFile: o.TLSCert, TLSKeyFile: o.TLSKey, ClientCAFile: o.ClientCA, BasicAuthFile: o.BasicAuthFile, Schemas: o.Schemas}
	if o.OnapCompat {
		cfg.Compat = listener.CompatONAP
	}
	l, err := listener.New(listener.Options{Config: cfg, Sink: sink, Logger: o.Logger, Registerer: reg})
	if err != nil {
		return fmt.Errorf("preparing the intake: %w", err)
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("listening on %q: %w", o.Listen, err)
	}
	o.Logger.Info("taking VES events", "address", ln.Addr().String())
	if o.Ready != nil {
		o.Ready(ln.Addr())
	}
	served := make(chan error, 1)
	go func() { served <- l.Serve(ln) }()
	down.push("intake", l.Shutdown)
	select {
	case <-ctx.Done():
		return nil
	case err := <-served:
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return fmt.Errorf("serving the intake: %w", err)
	}
}

// printer writes each event as a line and flushes before the client is answered.
func printer(w io.Writer) func(context.Context, []outbox.Record) error {
	var mu sync.Mutex // guards out
	out := bufio.NewWriter(w)
	return func(_ context.Context, recs []outbox.Record) error {
		mu.Lock()
		defer mu.Unlock()
		for _, r := range recs {
			_, _ = out.Write(r.Body) // the error stays with the writer until Flush
			_ = out.WriteByte('\n')
		}
		if err := out.Flush(); err != nil {
			return fmt.Errorf("printing events: %w", err)
		}
		return nil
	}
}

// deliverTo makes a sink of the destinations of a configuration.
func deliverTo(ctx context.Context, o CollectorOptions, reg *prometheus.Registry, down *teardown) (func(context.Context, []outbox.Record) error, error) {
	cfg, problems := config.Load(o.ConfigFile)
	if cfg == nil {
		return nil, told(problems)
	}
	for _, p := range problems {
		o.Logger.Warn("configuration warning", "problem", p.Error())
	}
	if len(cfg.Destinations) == 0 {
		return nil, fmt.Errorf("%s names no destination: what is acknowledged would go nowhere", o.ConfigFile)
	}
	d, err := openDelivery(ctx, cfg, reg, o.Logger, down)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, recs []outbox.Record) error { return d.box.Append(ctx, recs...) }, nil
}
