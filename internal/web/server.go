package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	toolkit "github.com/prometheus/exporter-toolkit/web"
	"golang.org/x/net/netutil"

	"github.com/vesbridge/vesbridge/internal/problem"
)

const (
	maxConnections = 256
	maxListed      = 1000 // events in one answer
)

// Options are what a Server is made of. Source and Recent are required.
type Options struct {
	Source   Source
	Recent   *Recent
	Gatherer prometheus.Gatherer // nil: no /metrics
	// Reload reads the config again; nil: reload by HTTP is off. Its calls do not overlap.
	Reload func(context.Context) error
	Logger *slog.Logger // nil: silent
	// WebConfigFile is exporter-toolkit's; "" means plain HTTP without a password.
	WebConfigFile string
	Now           func() time.Time // nil: time.Now
}

// Server answers HTTP. Safe for concurrent use.
type Server struct {
	o       Options
	handler http.Handler
	pages   *template.Template
	reload  chan struct{} // one token: reloads do not overlap
}

// New checks o and its web config file.
func New(o Options) (*Server, error) {
	if o.Source == nil || o.Recent == nil {
		return nil, errors.New("making the web server: source and recent events are required")
	}
	if o.WebConfigFile != "" {
		if err := toolkit.Validate(o.WebConfigFile); err != nil {
			return nil, fmt.Errorf("checking web config file %q: %w", o.WebConfigFile, err)
		}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{o: o, reload: make(chan struct{}, 1)}
	var err error
	if s.pages, err = parsePages(); err != nil {
		return nil, err
	}
	s.handler = s.routes()
	return s, nil
}

// Handler answers without the web config file's TLS and passwords; Serve adds them.
func (s *Server) Handler() http.Handler { return s.handler }

// Serve answers on ln until ctx ends, then lets requests under way end for some seconds.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	srv := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(s.o.Logger.Handler(), slog.LevelDebug),
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		stopped <- errors.Join(srv.Shutdown(end), srv.Close())
	})
	file := s.o.WebConfigFile
	err := toolkit.Serve(netutil.LimitListener(ln, maxConnections), srv, &toolkit.FlagConfig{WebConfigFile: &file}, s.o.Logger)
	if !stop() {
		err = errors.Join(ignoreClosed(err), <-stopped)
	}
	if err != nil {
		return fmt.Errorf("serving the web on %q: %w", ln.Addr(), err)
	}
	return nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	if s.o.Gatherer != nil {
		mux.Handle("GET /metrics", promhttp.HandlerFor(s.o.Gatherer, promhttp.HandlerOpts{
			EnableOpenMetrics: true, MaxRequestsInFlight: 8, Timeout: 30 * time.Second,
		}))
	}
	mux.HandleFunc("GET /-/healthy", text("healthy\n"))
	// What DCAE polls, with the words of its VES collector. It tells of life, not of
	// readiness: DCAE restarts what does not answer, and a restart cures no destination.
	mux.HandleFunc("GET /healthcheck", text("I'm good\n"))
	mux.HandleFunc("GET /-/ready", s.ready)
	mux.HandleFunc("POST /-/reload", s.reloadConfig)
	api := func(name string, get func(*http.Request) any) {
		mux.HandleFunc("GET /api/v1/bridge/"+name, func(w http.ResponseWriter, r *http.Request) {
			writeJSON(w, http.StatusOK, map[string]any{"status": "success", "data": get(r)})
		})
	}
	src := s.o.Source
	api("targets", func(*http.Request) any { return list(src.Targets()) })
	api("mappings", func(*http.Request) any { return list(src.Mappings()) })
	api("destinations", func(*http.Request) any { return list(src.Destinations()) })
	api("ledger", func(*http.Request) any { return list(src.Ledger()) })
	api("config", func(*http.Request) any { return src.Config() })
	api("ready", func(*http.Request) any { return list(src.Ready()) })
	api("events", func(r *http.Request) any { return list(s.o.Recent.Last(limit(r))) })
	mux.HandleFunc("GET /api/v1/bridge/events/{id}", s.eventJSON)
	mux.HandleFunc("GET /events/{id}", s.eventPage)
	mux.HandleFunc("GET /assets/{name}", serveAsset)
	mux.HandleFunc("GET /{$}", s.statusPage)
	// A page of another site must not make a browser reload the bridge.
	return secure(http.NewCrossOriginProtection().Handler(mux))
}

// secure sets the headers that keep a browser from running or framing anything foreign.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func text(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, s) }
}

func writeText(w http.ResponseWriter, status int, s string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(s))
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		writeText(w, http.StatusInternalServerError, "encoding the answer: "+err.Error()+"\n")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}

// list makes an empty list print as [] rather than null.
func list[T any](v []T) []T {
	if v == nil {
		return []T{}
	}
	return v
}

func limit(r *http.Request) int {
	n, err := strconv.Atoi(r.FormValue("limit"))
	if err != nil || n < 1 {
		return 100
	}
	return min(n, maxListed)
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	reasons := s.o.Source.Ready()
	if len(reasons) == 0 {
		writeText(w, http.StatusOK, "ready\n")
		return
	}
	writeText(w, http.StatusServiceUnavailable, "not ready:\n- "+strings.Join(reasons, "\n- ")+"\n")
}

// reloadConfig answers 200, or 422 with every problem of a config that was refused, or
// 500 where the reload went wrong otherwise. The last good config stays in either case.
func (s *Server) reloadConfig(w http.ResponseWriter, r *http.Request) {
	if s.o.Reload == nil {
		writeText(w, http.StatusNotFound, "reload by HTTP is off\n")
		return
	}
	select {
	case s.reload <- struct{}{}:
		defer func() { <-s.reload }()
	case <-r.Context().Done():
		return
	}
	// A client that goes away must not leave a reload half done.
	err := s.o.Reload(context.WithoutCancel(r.Context()))
	if err == nil {
		writeText(w, http.StatusOK, "reloaded\n")
		return
	}
	status := http.StatusInternalServerError
	if _, ok := errors.AsType[problem.Problem](err); ok {
		status = http.StatusUnprocessableEntity
	}
	writeText(w, status, "not reloaded, the last good config stays:\n"+err.Error()+"\n")
}

func (s *Server) eventJSON(w http.ResponseWriter, r *http.Request) {
	e, ok := s.o.Recent.Get(r.PathValue("id"))
	if !ok {
		writeJSON(w, http.StatusNotFound, map[string]string{"status": "error", "error": "not among the recent events"})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(e.Body)
}
