package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/vesbridge/vesbridge/internal/app"
)

func previewCmd(lf *logFlags) *cobra.Command {
	var o app.PreviewOptions
	cmd := &cobra.Command{
		Use:   "preview --mapping NAME (--target URL | --exposition FILE@OFFSET FILE@OFFSET ...)",
		Short: "Print the events that a mapping would send",
		Long: `Print the events that a mapping would send for one target, one {"event":…} per line.

--target scrapes a URL twice, one interval apart. --exposition takes saved expositions of
one target at time offsets; without --interval each consecutive pair is one window.
What was left out, and why, is told on standard error.`,
		Example: `  bridge preview --mapping envoy --target http://127.0.0.1:15000/stats/prometheus --interval 10s
  bridge preview --mapping envoy --exposition a.prom@0s b.prom@10s`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && len(o.Expositions) == 0 {
				return fmt.Errorf("unexpected argument %q: expositions follow --exposition", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Expositions = append(o.Expositions, args...)
			log, err := lf.logger(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			o.Logger = log
			o.Progress = cmd.ErrOrStderr()
			n, err := app.Preview(cmd.Context(), o, func(event []byte) error {
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n", event)
				return err
			})
			if err != nil {
				return err
			}
			if n == 0 {
				fmt.Fprintln(cmd.ErrOrStderr(), "no event: nothing in the expositions makes an entity of this mapping; see `bridge profiles show`, key present")
				return errProblems
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.ConfigFile, "config", "", "take identity and own mappings from this configuration")
	f.StringVar(&o.Mapping, "mapping", "", "the mapping: a shipped profile's name, a file, or a mapping of --config")
	f.StringVar(&o.Target, "target", "", "URL to scrape")
	f.StringArrayVar(&o.Expositions, "exposition", nil, "FILE@OFFSET, an exposition and when it was taken; more may follow it")
	f.StringToStringVar(&o.Labels, "label", nil, "target labels, name=value; instance is set where it is missing")
	f.DurationVar(&o.Interval, "interval", 0, "the measurement interval (with --target 10s where not given)")
	_ = cmd.MarkFlagRequired("mapping")
	cmd.MarkFlagsMutuallyExclusive("target", "exposition")
	cmd.MarkFlagsOneRequired("target", "exposition")
	return cmd
}

func demoCmd(lf *logFlags) *cobra.Command {
	var o app.DemoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the whole pipeline on this machine",
		Long: `Start a small mesh with real traffic in this process, scrape its sidecars, map their
metrics onto VES, and deliver the events to an embedded VES collector. Nothing else is
needed; everything listens on loopback only.`,
		Example: "  bridge demo\n  bridge demo --for 30s",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flag("log.level").Changed {
				lf.level = "warn" // the summary line is what a first-time user reads
			}
			log, err := lf.logger(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			o.Logger = log
			o.Stdout, o.Stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
			return app.Demo(cmd.Context(), o)
		},
	}
	cmd.Flags().DurationVar(&o.For, "for", 0, "end after this long, with a summary; 0 runs until a signal")
	cmd.Flags().DurationVar(&o.Interval, "interval", 10*time.Second, "the measurement interval")
	cmd.Flags().StringVar(&o.Listen, "web.listen", "127.0.0.1:9273", "address of the web page; another free port where it is taken")
	return cmd
}

func collectorCmd(lf *logFlags) *cobra.Command {
	var o app.CollectorOptions
	cmd := &cobra.Command{
		Use:   "collector --listen ADDR",
		Short: "Run the VES intake alone",
		Long: `Take VES events as a VES collector does (/eventListener/v5 and /v7, single and batch),
validate them, and hand them to the destinations of --config, or print them one
{"event":…} per line. 202 is answered only after that.`,
		Example: "  bridge collector --listen 127.0.0.1:8080\n  bridge collector --listen 127.0.0.1:8443 --tls-cert c.pem --tls-key k.pem --basic-auth-file users.txt",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := lf.logger(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			o.Logger = log
			o.Stdout = cmd.OutOrStdout()
			return app.Collector(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Listen, "listen", "127.0.0.1:8080", "address to listen on")
	f.StringVar(&o.ConfigFile, "config", "", "deliver to the destinations and routes of this configuration")
	f.StringVar(&o.TLSCert, "tls-cert", "", "certificate file; HTTPS is served with it")
	f.StringVar(&o.TLSKey, "tls-key", "", "key file")
	f.StringVar(&o.ClientCA, "tls-client-ca", "", "CA file; client certificates are then required")
	f.StringVar(&o.BasicAuthFile, "basic-auth-file", "", "file of user:bcrypt lines as `htpasswd -B` writes; requests without a match get 401")
	f.StringVar(&o.Schemas, "schemas", "", "folder with schema-map.json and OpenAPI documents to judge the data of stndDefined events by")
	f.BoolVar(&o.OnapCompat, "onap-compat", false, "answer bad requests exactly as ONAP's collector 1.12 does")
	cmd.MarkFlagsRequiredTogether("tls-cert", "tls-key")
	return cmd
}
