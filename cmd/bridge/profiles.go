package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/vesbridge/vesbridge/internal/app"
)

func profilesCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "profiles",
		Short:   "List or show the shipped mappings",
		Example: "  bridge profiles list\n  bridge profiles show envoy > own-envoy.yaml",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var output string
	list := &cobra.Command{
		Use:     "list",
		Short:   "List the shipped mappings",
		Example: "  bridge profiles list\n  bridge profiles list --output json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := outputFlag(output); err != nil {
				return err
			}
			ps := app.Profiles()
			if output == "json" {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(ps)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
			for _, p := range ps {
				fmt.Fprintf(w, "%s\t%s\n", p.Name, p.Description)
			}
			return w.Flush()
		},
	}
	list.Flags().StringVar(&output, "output", "text", "text or json")
	show := &cobra.Command{
		Use:     "show NAME",
		Short:   "Print a shipped mapping as it is",
		Example: "  bridge profiles show envoy > own-envoy.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := app.Profile(args[0])
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
	cmd.AddCommand(list, show)
	return cmd
}
