package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/vesbridge/vesbridge/internal/app"
)

func checkCmd() *cobra.Command {
	var file, output string
	cmd := &cobra.Command{
		Use:   "check --config FILE",
		Short: "Report every problem of a configuration at once",
		Long: `Read the configuration and every file that it names, and report all problems in one
run, each with file, line and remedy. Exit code 1 on any; warnings alone leave it at 0.`,
		Example: "  bridge check --config bridge.yaml\n  bridge check --config bridge.yaml --output json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := outputFlag(output); err != nil {
				return err
			}
			r := app.Check(file)
			out := cmd.OutOrStdout()
			if output == "json" {
				enc := json.NewEncoder(out)
				enc.SetIndent("", "  ")
				if err := enc.Encode(r); err != nil {
					return fmt.Errorf("writing the report: %w", err)
				}
			} else {
				for _, p := range r.Problems {
					fmt.Fprintln(out, p.Error())
				}
				fmt.Fprintln(out, r.Summary())
			}
			if r.Failed() {
				return errProblems
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "config", "bridge.yaml", "the configuration file")
	cmd.Flags().StringVar(&output, "output", "text", "text or json")
	return cmd
}

func outputFlag(v string) error {
	if v != "text" && v != "json" {
		return fmt.Errorf("--output %q: write text or json", v)
	}
	return nil
}
