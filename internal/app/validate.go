package app

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/vesbridge/vesbridge/pkg/dmaap/stnddefined"
	"github.com/vesbridge/vesbridge/pkg/ves"
)

// maxInput bounds one input of Validate. A VES batch is at most 2 MB; this leaves room to
// say so about a larger one.
const maxInput = 64 << 20

// Verdict is the judgement of one input: an event, a batch or one of several JSON lines.
type Verdict struct {
	Input    string   `json:"input"`
	Line     int      `json:"line,omitempty"` // of JSON lines, 1-based
	Valid    bool     `json:"valid"`
	What     string   `json:"what,omitempty"` // what it is, such as "measurement Measurement_x"
	Problems []string `json:"problems,omitempty"`
}

// A Validator judges messages. Safe for concurrent use.
type Validator struct {
	version ves.Version
	strict  bool
	schemas *stnddefined.Schemas // nil without a second stage
}

// NewValidator makes a Validator for a VES version; strict adds the rules that consumers
// depend on. schemas is the folder by which the data of stndDefined events is judged too,
// empty for none; notes say what of it cannot be used.
func NewValidator(version string, strict bool, schemas string) (v *Validator, notes []string, err error) {
	v = &Validator{strict: strict}
	if v.version, err = ves.ParseVersion(version); err != nil {
		return nil, nil, err
	}
	if schemas != "" {
		v.schemas, notes, err = stnddefined.Load(schemas)
	}
	return v, notes, err
}

// Validate reads one input and calls each with every verdict, in order. It returns an
// error where the input cannot be read or each fails; an invalid input is no error.
func (c *Validator) Validate(name string, r io.Reader, each func(Verdict) error) error {
	br := bufio.NewReaderSize(r, 1<<16)
	var blank []byte // lines before the first that says something
	first, err := readLine(br)
	for err == nil && len(bytes.TrimSpace(first)) == 0 && len(blank) < maxInput {
		blank = append(blank, first...)
		first, err = readLine(br)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading %q: %w", name, err)
	}
	if !wholeLine(first) {
		head := append(blank, first...)
		rest, err := io.ReadAll(io.LimitReader(br, maxInput-int64(len(head))+1))
		if err != nil {
			return fmt.Errorf("reading %q: %w", name, err)
		}
		return each(c.judge(name, 0, append(head, rest...)))
	}
	for n := 1 + bytes.Count(blank, []byte("\n")); ; n++ {
		if line := bytes.TrimSpace(first); len(line) > 0 {
			if err := each(c.judge(name, n, line)); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		first, err = readLine(br)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading %q line %d: %w", name, n+1, err)
		}
	}
}

// wholeLine says whether a first line is a JSON line rather than the head of a document
// that spans lines.
func wholeLine(line []byte) bool {
	line = bytes.TrimSpace(line)
	return len(line) > 1 && line[0] == '{' && line[len(line)-1] == '}'
}

// readLine returns the next line without its end; the last one comes with io.EOF.
func readLine(br *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := br.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return line, err
		case len(line) > maxInput:
			return nil, fmt.Errorf("a line is longer than %d bytes", maxInput)
		}
	}
}

// judge checks one message.
func (c *Validator) judge(name string, line int, body []byte) Verdict {
	v := Verdict{Input: name, Line: line}
	if len(body) > maxInput {
		v.Problems = []string{fmt.Sprintf("larger than %d bytes: split it", maxInput)}
		return v
	}
	env, err := ves.ParseEnvelope(body)
	if err != nil {
		v.Problems = []string{err.Error()}
		return v
	}
	for _, x := range ves.CheckJSON(body, c.version, ves.CheckOptions{Strict: c.strict}) {
		v.Problems = append(v.Problems, x.Error())
	}
	if c.schemas != nil && len(v.Problems) == 0 {
		for _, x := range c.schemas.CheckEnvelope(&env) {
			v.Problems = append(v.Problems, x.Error())
		}
	}
	v.Valid = len(v.Problems) == 0
	switch {
	case env.Batch:
		v.What = fmt.Sprintf("batch of %d events", len(env.Events))
	case len(env.Events) == 1:
		v.What = fmt.Sprintf("%s %s", env.Events[0].Domain, env.Events[0].EventName)
	}
	return v
}
