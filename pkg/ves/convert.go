package ves

import "fmt"

// Convert says the event of one message, {"event":…}, in another version and appends it to
// dst. lost names what it could not say there: unknown members, which the schema of 5.4.1
// lets pass, and a heartbeat's header texts that 5.4.1 has no place for. What 5.4.1 lacks but
// takes as text in its further fields is not lost (see AppendJSON); nor are the
// internalHeaderFields that collectors add, which are left out.
//
// The error is a *ValidationError for a body that is invalid in its own version, and another
// one where the target version cannot say the event: it lacks the domain, or wants an address
// or a number where the event has other text. The result is valid by the schema of to.
func Convert(dst, body []byte, from, to Version) (out []byte, lost []string, err error) {
	e, lost, err := decodeEvent(body, from)
	if err != nil {
		return dst, nil, err
	}
	if out, err = e.AppendJSON(dst, to); err != nil {
		return dst, nil, fmt.Errorf("converting from VES %s: %w", from, err)
	}
	if vs := CheckJSON(out[len(dst):], to, CheckOptions{}); len(vs) > 0 {
		return dst, nil, fmt.Errorf("converting from VES %s to %s: %w", from, to, &ValidationError{EventID: e.Header.EventID, Violations: vs})
	}
	if to == V5_4_1 && e.Header.Domain == DomainHeartbeat && e.Heartbeat == nil || to > V5_4_1 && to < V7_2 {
		lost = append(lost, e.Unsupported(to)...)
	}
	return out, lost, nil
}
