// Package web is the HTTP side of a running bridge: metrics, health, reload, a JSON API
// and the status page. It knows none of the bridge's own packages; what it shows comes
// through Source as plain values, and the events through Recent.
//
// TLS and basic authentication come from a web config file of Prometheus'
// exporter-toolkit and cover every path, the probes too.
package web

import "time"

// Source tells what the bridge is doing. Its methods are safe for concurrent use, return
// at once and hand over what they return. No string in it holds a secret.
type Source interface {
	// Ready returns why the bridge is not ready; none when it is.
	Ready() []string
	Targets() []Target
	Mappings() []Mapping
	Destinations() []Destination
	Ledger() []LedgerRow
	Config() Config
}

// Target is one scraped endpoint.
type Target struct {
	Job        string            `json:"job"`
	URL        string            `json:"url"` // without user info
	Labels     map[string]string `json:"labels"`
	Up         bool              `json:"up"`
	LastScrape time.Time         `json:"lastScrape,omitzero"` // zero: not scraped yet
	Duration   time.Duration     `json:"durationNanoseconds"`
	Samples    int               `json:"samples"`
	Error      string            `json:"error,omitempty"`
}

// Mapping is one mapping and its last window.
type Mapping struct {
	Name      string    `json:"name"`
	EventName string    `json:"eventName"`
	WindowEnd time.Time `json:"windowEnd,omitzero"` // zero: none evaluated yet
	Entities  int       `json:"entities"`
	Filled    int       `json:"fieldsFilled"`
	LeftOut   []LeftOut `json:"fieldsLeftOut,omitempty"`
	Error     string    `json:"error,omitempty"`
}

// LeftOut says that a field got no number, and why.
type LeftOut struct {
	Field  string `json:"field"`
	Reason string `json:"reason"`
	Count  int    `json:"count"` // entities concerned
}

// Destination is one receiver of events.
type Destination struct {
	Name         string    `json:"name"`
	Type         string    `json:"type"`    // ves, kafka, dmaap, hvves
	Address      string    `json:"address"` // without user info
	Ready        bool      `json:"ready"`
	Error        string    `json:"error,omitempty"` // the last; empty when all is well
	FailingSince time.Time `json:"failingSince,omitzero"`
	LastSuccess  time.Time `json:"lastSuccess,omitzero"`
}

// LedgerRow accounts for the events of one domain at one destination.
type LedgerRow struct {
	Destination  string `json:"destination"`
	Domain       string `json:"domain"`
	Built        uint64 `json:"built"`
	Delivered    uint64 `json:"delivered"`
	DeadLettered uint64 `json:"deadLettered"`
	Expired      uint64 `json:"expired"`
	Pending      uint64 `json:"pending"`
}

// Balances reports whether every event built is accounted for.
func (r LedgerRow) Balances() bool {
	return r.Built == r.Delivered+r.DeadLettered+r.Expired+r.Pending
}

// Config is what the bridge runs with.
type Config struct {
	File     string    `json:"file"`
	LoadedAt time.Time `json:"loadedAt,omitzero"` // of the config in use
	// ReloadError is why the last reload was refused; empty when it was not.
	ReloadError string    `json:"reloadError,omitempty"`
	ReloadAt    time.Time `json:"reloadAt,omitzero"`
	Problems    []string  `json:"problems,omitempty"` // of the last file read, file:line first
	Version     string    `json:"version"`
	Started     time.Time `json:"started"`
	// WindowsMissed since the start: nothing could be told of them.
	WindowsMissed uint64 `json:"windowsMissed"`
}
