package main

import (
	"github.com/spf13/cobra"

	"github.com/vesbridge/vesbridge/internal/app"
)

func schemaCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "schema",
		Short:   "Print JSON Schemas",
		Example: "  bridge schema ves 7.2.1\n  bridge schema config",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:     "ves VERSION",
		Short:   "Print the JSON Schema of a VES version",
		Example: "  bridge schema ves 7.2.1",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := app.VESSchema(args[0])
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}, &cobra.Command{
		Use:     "config",
		Short:   "Print the JSON Schema of the configuration file",
		Example: "  bridge schema config > bridge.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := app.ConfigSchema()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	})
	return cmd
}
