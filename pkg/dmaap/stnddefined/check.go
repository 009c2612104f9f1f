package stnddefined

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/vesbridge/vesbridge/pkg/ves"
)

// The message ids of a collector's refusal.
const (
	// UnknownDocument: the schemaReference names a document that the map lacks.
	UnknownDocument = "SVC2004"
	// InvalidData: the reference's fragment leads nowhere, or its schema refuses the data.
	InvalidData = "SVC2000"
	// NoNamespace: the header has no stndDefinedNamespace.
	NoNamespace = "SVC2006"
)

// maxViolations of one message are told.
const maxViolations = 20

// Violation is one reason for which a collector refuses an event.
type Violation struct {
	Pointer   string // JSON pointer into the message
	MessageID string // one of the constants above
	Rule      string // what must be
	Remedy    string // what to do, where it is known
}

func (v Violation) Error() string {
	s := fmt.Sprintf("%s: %s (%s)", v.Pointer, v.Rule, v.MessageID)
	if v.Remedy != "" {
		s += ": " + v.Remedy
	}
	return s
}

// fields is as much of an event as the second stage looks at.
type fields struct {
	StndDefinedFields struct {
		Reference string          `json:"schemaReference"`
		Data      json.RawMessage `json:"data"`
	} `json:"stndDefinedFields"`
}

// Check judges the stndDefined events of a message, {"event":…} or {"eventList":[…]}, that
// is valid by its VES schema; other events, and what is no JSON of that shape, are not its
// business. At most 20 violations are told; nil means that none was found.
func (s *Schemas) Check(message []byte) []Violation {
	if !bytes.Contains(message, []byte(ves.DomainStndDefined)) {
		return nil // nearly every message: it is not taken apart
	}
	env, err := ves.ParseEnvelope(message)
	if err != nil {
		return nil
	}
	return s.CheckEnvelope(&env)
}

// CheckEnvelope is Check for a message that was taken apart.
func (s *Schemas) CheckEnvelope(env *ves.Envelope) []Violation {
	var out []Violation
	for i := range env.Events {
		e := &env.Events[i]
		if e.Domain != string(ves.DomainStndDefined) || len(out) >= maxViolations {
			continue
		}
		at := "/event"
		if env.Batch {
			at = "/eventList/" + strconv.Itoa(i)
		}
		out = append(out, s.checkEvent(at, e)...)
	}
	return out[:min(len(out), maxViolations)]
}

func (s *Schemas) checkEvent(at string, e *ves.EnvelopeEvent) []Violation {
	var out []Violation
	if e.StndDefinedNamespace == "" {
		out = append(out, Violation{
			Pointer: at + "/commonEventHeader/stndDefinedNamespace", MessageID: NoNamespace,
			Rule: "is required for domain stndDefined", Remedy: "name the namespace, such as 3GPP-FaultSupervision",
		})
	}
	var f fields
	if json.Unmarshal(e.Raw, &f) != nil {
		return out // not valid by its VES schema
	}
	for _, v := range s.CheckData(f.StndDefinedFields.Reference, f.StndDefinedFields.Data) {
		v.Pointer = at + "/stndDefinedFields" + v.Pointer
		out = append(out, v)
	}
	return out
}

// CheckData judges the data of one event by its schemaReference. Pointers are into
// stndDefinedFields. An empty reference asks for nothing.
func (s *Schemas) CheckData(reference string, data []byte) []Violation {
	if reference == "" {
		return nil
	}
	refused := func(pointer, id, rule, remedy string) []Violation {
		return []Violation{{Pointer: pointer, MessageID: id, Rule: rule, Remedy: remedy}}
	}
	public, fragment, _ := strings.Cut(reference, "#")
	at, ok := s.local[public]
	if !ok {
		return refused("/schemaReference", UnknownDocument, fmt.Sprintf("%q is not in the schema map", clip(public)),
			"write a publicURL of the map to the letter, or add the document to it")
	}
	sch, err := s.schema(at, fragment)
	if err != nil {
		return refused("/schemaReference", InvalidData, fmt.Sprintf("the document has no usable schema at %q: %s", clip(fragment), clip(err.Error())),
			"write #/components/schemas/ and the name of a schema of the document")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return refused("/data", InvalidData, "must be JSON: "+clip(err.Error()), "")
	}
	if p, found := unjudgeable(v); found {
		return refused("/data"+p, InvalidData, "must be a number within float64", "")
	}
	return violations(sch.Validate(v))
}

// unjudgeable finds a number that no receiver can hold, and whose exponent would cost the
// validator more than the message is worth.
func unjudgeable(v any) (pointer string, found bool) {
	switch v := v.(type) {
	case json.Number:
		_, err := v.Float64()
		return "", err != nil || len(v) > 400
	case []any:
		for i, item := range v {
			if p, found := unjudgeable(item); found {
				return "/" + strconv.Itoa(i) + p, true
			}
		}
	case map[string]any:
		for key, member := range v {
			if p, found := unjudgeable(member); found {
				return "/" + escape(key) + p, true
			}
		}
	}
	return "", false
}

// violations tells the innermost reasons of a refusal.
func violations(err error) []Violation {
	if err == nil {
		return nil
	}
	ve, ok := err.(*jsonschema.ValidationError) //nolint:errorlint // the library returns it bare
	if !ok {
		return []Violation{{Pointer: "/data", MessageID: InvalidData, Rule: clip(err.Error())}}
	}
	var out []Violation
	var walk func(u *jsonschema.OutputUnit)
	walk = func(u *jsonschema.OutputUnit) {
		for i := range u.Errors {
			walk(&u.Errors[i])
		}
		if len(u.Errors) == 0 && u.Error != nil {
			out = append(out, Violation{Pointer: "/data" + u.InstanceLocation, MessageID: InvalidData, Rule: clip(u.Error.String())})
		}
	}
	walk(ve.DetailedOutput())
	// The validator walks maps; the same data must give the same answer.
	slices.SortFunc(out, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.Pointer, b.Pointer), cmp.Compare(a.Rule, b.Rule))
	})
	out = slices.Compact(out)
	return out[:min(len(out), maxViolations)]
}

func escape(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
}

// clip shortens what a peer sent to what fits into a message.
func clip(s string) string {
	const most = 300
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
