// Package mapping turns PromQL results into VES events: the mapping language, entities
// and their identity, aligned windows told exactly once, and the account of every field
// that was filled or left out.
//
// Load reads mapping files into an immutable Set: every expression compiled, every path
// checked against the VES model. An Engine evaluates a Set window by window: one
// set-based query per field for all entities, columns indexed by entity, one event per
// source and window. It never fills a field with a number that it does not know: a
// field is either whole or left out, and each one left out is counted with its Reason.
//
// The package knows PromQL only through Compiler and Querier (query.go), VES only
// through pkg/ves, and does no I/O besides FileState.
package mapping
