package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// heartbeat is an event object that no rule objects to.
func heartbeat(id string) string {
	return fmt.Sprintf(`{"commonEventHeader":{"domain":"heartbeat","eventId":%q,"eventName":"Heartbeat_vIsbcMmc","startEpochMicrosec":1795000000000000,"lastEpochMicrosec":1795000000000000,"priority":"Normal","reportingEntityName":"r","sequence":0,"sourceName":"s","version":"4.1","vesEventListenerVersion":"7.2.1"}}`, id)
}

func TestValidate(t *testing.T) {
	event := `{"event":` + heartbeat("a") + `}`
	other := `{"event":` + heartbeat("b") + `}`
	broken := strings.Replace(event, `"sourceName":"s",`, "", 1)
	seconds := strings.ReplaceAll(event, "1795000000000000", "1795000000")
	pretty := "{\n \"event\":\n" + heartbeat("a") + "\n}\n"
	for name, c := range map[string]struct {
		input string
		args  []string
		code  int
		want  []string // one regular expression a line of the answer
	}{
		"event":                  {event, nil, exitFine, []string{`^-:1: valid: heartbeat Heartbeat_vIsbcMmc$`}},
		"over lines":             {pretty, nil, exitFine, []string{`^-: valid: heartbeat`}},
		"batch":                  {`{"eventList":[` + heartbeat("a") + `,` + heartbeat("b") + `]}`, nil, exitFine, []string{`valid: batch of 2 events$`}},
		"lines":                  {event + "\n\n" + other + "\n", nil, exitFine, []string{`^-:1: valid`, `^-:3: valid`}},
		"lines, one bad":         {event + "\n" + broken + "\n" + other, nil, exitProblems, []string{`^-:1: valid`, `^-:2: invalid: .*/event/commonEventHeader.*sourceName`, `^-:3: valid`}},
		"lines, one cut":         {event + "\n" + event[:50] + "\n" + other, nil, exitProblems, []string{`^-:1: valid`, `^-:2: invalid: `, `^-:3: valid`}},
		"lines after blank ones": {"\n\n" + event + "\n" + broken, nil, exitProblems, []string{`^-:3: valid`, `^-:4: invalid`}},
		"not JSON":               {"hello", nil, exitProblems, []string{`^-: invalid: `}},
		"nothing":                {"", nil, exitProblems, []string{`^-: invalid: `}},
		"two wrappers":           {`{"event":` + heartbeat("a") + `,"eventList":[]}`, nil, exitProblems, []string{`invalid: `}},
		"epoch seconds":          {seconds, nil, exitProblems, []string{`invalid: .*startEpochMicrosec`, `invalid: .*lastEpochMicrosec`}},
		"the schema only":        {seconds, []string{"--schema-only"}, exitFine, []string{`valid: `}},
	} {
		t.Run(name, func(t *testing.T) {
			r := bridgeWith(t.Context(), c.input, append(append([]string{"validate"}, c.args...), "-")...)
			require.Equal(t, c.code, r.code, r.stdout)
			require.Empty(t, r.stderr)
			lines := strings.Split(strings.TrimSuffix(r.stdout, "\n"), "\n")
			require.GreaterOrEqual(t, len(lines), len(c.want), r.stdout)
			for _, want := range c.want {
				require.Condition(t, func() bool { return matchesOne(t, lines, want) }, "%s\nhas no line %s", r.stdout, want)
			}

			r = bridgeWith(t.Context(), c.input, append(append([]string{"validate", "--output", "json"}, c.args...), "-")...)
			require.Equal(t, c.code, r.code, "the same verdict in both forms")
			bad := false
			for line := range strings.Lines(r.stdout) {
				var v struct {
					Input    string
					Valid    bool
					Problems []string
				}
				require.NoError(t, json.Unmarshal([]byte(line), &v))
				require.Equal(t, "-", v.Input)
				require.Equal(t, v.Valid, len(v.Problems) == 0)
				bad = bad || !v.Valid
			}
			require.Equal(t, c.code == exitProblems, bad)
		})
	}
}

func matchesOne(t *testing.T, lines []string, want string) bool {
	t.Helper()
	for _, l := range lines {
		if regexpMatch(t, want, l) {
			return true
		}
	}
	return false
}

func TestValidateJudgesEveryFile(t *testing.T) {
	dir := t.TempDir()
	good := file(t, dir, "good.json", `{"event":`+heartbeat("a")+`}`)
	bad := file(t, dir, "bad.json", `{"event":{}}`)
	r := bridge(t, "validate", bad, good)
	require.Equal(t, exitProblems, r.code, "also where the last one is fine")
	require.Contains(t, r.stdout, bad+":1: invalid: ")
	require.Contains(t, r.stdout, good+":1: valid: ")
	require.Equal(t, exitFine, bridge(t, "validate", good).code)
}
