// Command bridge turns native telemetry into ONAP VES events. It only translates flags
// into options of internal/app; `bridge --help` lists the commands.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/vesbridge/vesbridge/internal/app"
)

// Exit codes, a contract with scripts.
const (
	exitFine     = 0
	exitProblems = 1 // the command ran and found problems
	exitCannot   = 2 // the command could not run
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// errProblems ends a command that ran and found problems, which it has already printed.
var errProblems = errors.New("problems found")

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitFine
	case errors.Is(err, errProblems), errors.Is(err, app.ErrProblems):
		return exitProblems
	default:
		fmt.Fprintf(stderr, "bridge: %v\n", err)
		return exitCannot
	}
}

// logFlags are the flags of every command that logs.
type logFlags struct {
	level  string
	format string
}

func newRoot() *cobra.Command {
	var lf logFlags
	root := &cobra.Command{
		Use:   "bridge",
		Short: "Native telemetry in, valid VES out",
		Long: `bridge scrapes service-mesh sidecars and Prometheus endpoints, maps their series
onto ONAP VES events and delivers them to a VES collector, to Kafka and to DMaaP.

Results go to standard output, logs to standard error.
Exit codes: 0 fine, 1 problems found, 2 could not run.`,
		Example: `  bridge demo                          the whole pipeline on this machine
  bridge check --config bridge.yaml    every problem of a configuration at once
  bridge run --config bridge.yaml      the service`,
		Version:       app.Version(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentFlags().StringVar(&lf.level, "log.level", "info", "debug, info, warn or error")
	root.PersistentFlags().StringVar(&lf.format, "log.format", "text", "text or json")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(
		runCmd(&lf), demoCmd(&lf), checkCmd(), previewCmd(&lf), validateCmd(),
		collectorCmd(&lf), schemaCmd(), registrationCmd(), profilesCmd(),
	)
	return root
}

// logger builds the logger that the flags ask for, writing to w.
func (lf *logFlags) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(lf.level)); err != nil {
		return nil, fmt.Errorf("--log.level %q: write debug, info, warn or error", lf.level)
	}
	o := &slog.HandlerOptions{Level: level}
	switch lf.format {
	case "text":
		return slog.New(slog.NewTextHandler(w, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, o)), nil
	}
	return nil, fmt.Errorf("--log.format %q: write text or json", lf.format)
}
