// Package ves is the model of ONAP VES events: typed events of every domain with their
// builders, validation and encoding; the fields of every domain by path, for configuration
// that names them; validation of JSON from elsewhere, decoding, and conversion from one
// version to another. The versions are 5.4.1 and 7.0.1 to 7.2.1; a typed event has the names
// of 7.2.1 and is told in any of them.
//
// Everything here is pure: no I/O, no clocks, no goroutines, no global state. Types are safe
// for concurrent reading; a single Event or Measurement is for one goroutine at a time.
//
// The types, field lists, encoders and schema tables are generated from one model table in
// internal/model; `go generate ./pkg/ves` does it, along with the JSON Schemas in schemas/.
package ves

//go:generate go run ./internal/gen -ves . -schemas ../../schemas
