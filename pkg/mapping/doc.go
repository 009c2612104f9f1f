// Package mapping turns PromQL results into VES events: the mapping language, entities
// and their identity, aligned windows told exactly once, and the account of every field
// that was filled or left out.
package mapping
