package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/vesbridge/vesbridge/internal/app"
)

func validateCmd() *cobra.Command {
	var version, output, schemas string
	var lax bool
	cmd := &cobra.Command{
		Use:   "validate [--ves-version V] [--schemas DIR] FILE...|-",
		Short: "Validate events, batches and JSON lines",
		Long: `Judge each input by the VES schema and the rules that consumers depend on.
An input is one event {"event":…}, one batch {"eventList":[…]}, or JSON lines of them.
With --schemas the data of stndDefined events is judged by the OpenAPI documents of that
folder, as a VES collector does with its etc/externalRepo.
One verdict per input, with JSON pointer, rule and remedy; exit code 1 if any is invalid.`,
		Example: "  bridge validate event.json\n  bridge preview --mapping envoy --target http://127.0.0.1:15000/stats/prometheus | bridge validate -",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := outputFlag(output); err != nil {
				return err
			}
			v, notes, err := app.NewValidator(version, !lax, schemas)
			if err != nil {
				return err
			}
			for _, note := range notes {
				_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", schemas, note) // the verdicts are what counts
			}
			bad := false
			for _, name := range args {
				r, err := open(name, cmd.InOrStdin())
				if err != nil {
					return err
				}
				err = v.Validate(name, r, func(v app.Verdict) error {
					bad = bad || !v.Valid
					return printVerdict(cmd.OutOrStdout(), output, v)
				})
				if cerr := r.Close(); err == nil {
					err = cerr
				}
				if err != nil {
					return err
				}
			}
			if bad {
				return errProblems
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&version, "ves-version", "7.2.1", "the VES version to judge by")
	cmd.Flags().BoolVar(&lax, "schema-only", false, "judge by the schema alone, as a VES collector does")
	cmd.Flags().StringVar(&schemas, "schemas", "", "folder with schema-map.json and OpenAPI documents to judge the data of stndDefined events by")
	cmd.Flags().StringVar(&output, "output", "text", "text or json")
	return cmd
}

func open(name string, stdin io.Reader) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(stdin), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func printVerdict(w io.Writer, output string, v app.Verdict) error {
	if output == "json" {
		return json.NewEncoder(w).Encode(v)
	}
	where := v.Input
	if v.Line > 0 {
		where = fmt.Sprintf("%s:%d", v.Input, v.Line)
	}
	if v.Valid {
		_, err := fmt.Fprintf(w, "%s: valid: %s\n", where, v.What)
		return err
	}
	for _, p := range v.Problems {
		if _, err := fmt.Fprintf(w, "%s: invalid: %s\n", where, p); err != nil {
			return err
		}
	}
	return nil
}
