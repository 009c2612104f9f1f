package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/klog/v2"

	"github.com/vesbridge/vesbridge/internal/app"
)

func runCmd(lf *logFlags) *cobra.Command {
	o := app.Options{}
	cmd := &cobra.Command{
		Use:   "run --config FILE",
		Short: "Run the service",
		Long: `Scrape, map, deliver, until a signal ends it.

SIGHUP, POST /-/reload and a changed file reload the configuration: all that can fail is
done first, then it is swapped; with a bad configuration the last good one stays.`,
		Example: "  bridge run --config bridge.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := lf.logger(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			o.Logger = log
			klog.SetSlogLogger(log.With("component", "kubernetes_client")) // client-go's own would write another format
			a, err := app.New(o)
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			hup := make(chan os.Signal, 1)
			signal.Notify(hup, syscall.SIGHUP)
			defer signal.Stop(hup)
			if err := a.Start(ctx); err != nil {
				return fmt.Errorf("starting: %w", err)
			}
			log.Info("running", "address", a.Addr().String(), "config", o.ConfigFile)
			for {
				select {
				case <-hup:
					_ = a.Reload(ctx) // told in the log, the metrics and the page
				case err := <-a.Fatal():
					return stop(a, o.StopTimeout, err)
				case <-ctx.Done():
					log.Info("stopping")
					return stop(a, o.StopTimeout, nil)
				}
			}
		},
	}
	cmd.Flags().StringVar(&o.ConfigFile, "config", "bridge.yaml", "the configuration file")
	cmd.Flags().StringVar(&o.Listen, "web.listen", "", "address of the web listener, in place of the configuration's")
	cmd.Flags().DurationVar(&o.StopTimeout, "stop-timeout", 20*time.Second, "how long delivery may go on after the signal")
	return cmd
}

// stop ends the app within limit. A reason to stop is what the command fails with.
func stop(a *app.App, limit time.Duration, reason error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return errors.Join(reason, a.Stop(ctx))
}
