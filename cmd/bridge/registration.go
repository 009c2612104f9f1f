package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/vesbridge/vesbridge/internal/app"
	"github.com/vesbridge/vesbridge/internal/problem"
)

func registrationCmd() *cobra.Command {
	var o app.RegistrationOptions
	var samples bool
	cmd := &cobra.Command{
		Use:   "registration (--config FILE | --mapping NAME)",
		Short: "Print the VES Event Registration of what the mappings send",
		Long: `Print the VES Event Registration YAML (ONAP VNFRQTS, VES Event Registration 3.2.1) of
every eventName that the mappings can send: measurements, then heartbeats.
With --samples a sample event of each instead, one {"event":…} per line.
Warnings about the mappings are told on standard error.`,
		Example: `  bridge registration --config bridge.yaml > Mesh_Service_v1.yml
  bridge registration --mapping envoy
  bridge registration --mapping envoy --samples | bridge validate -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if samples {
				problems, err := app.RegistrationSamples(cmd.Context(), o, func(event []byte) error {
					_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n", event)
					return err
				})
				printWarnings(cmd.ErrOrStderr(), problems)
				return err
			}
			text, problems, err := app.Registration(o)
			if err != nil {
				return err
			}
			printWarnings(cmd.ErrOrStderr(), problems)
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.ConfigFile, "config", "", "the configuration: its mappings, identity table and intervals")
	f.StringVar(&o.Mapping, "mapping", "", "one mapping: a shipped profile's name, a file, or a mapping of --config")
	f.BoolVar(&samples, "samples", false, "print a sample event of each eventName as JSON lines")
	cmd.MarkFlagsOneRequired("config", "mapping")
	return cmd
}

// printWarnings writes what a successful load had to say.
func printWarnings(w io.Writer, problems problem.List) {
	for _, p := range problems {
		fmt.Fprintln(w, p.Error())
	}
}
