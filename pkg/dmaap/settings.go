package dmaap

import "log/slog"

// Settings is the configuration of one destination, of whatever kind: what the rest of the
// bridge asks of it without knowing the kind. Read-only once Validate has returned nil.
type Settings interface {
	// Validate says everything that is wrong.
	Validate() error
	// Undeliverable says why the destination has no place for the events of a domain, and of
	// a namespace where the domain is stndDefined; refused is false where it has one.
	Undeliverable(domain, namespace string) (why string, refused bool)
	// Address is where it sends, for people. It holds no credential: Validate refuses those
	// in URLs.
	Address() string
	// RetryPolicy is how failed calls are repeated.
	RetryPolicy() RetryConfig
	// Open makes the Destination; it does not connect. log may be nil.
	Open(log *slog.Logger) (Destination, error)
}
