// Package series holds what was measured, for a short while, and answers PromQL about
// it: a compiler that completes a mapping's expressions at load, an embedded
// Prometheus store with a write-ahead log, and an engine that hands results out as
// plain rows. Together with pkg/scrape it is the only place that knows Prometheus'
// storage and query packages.
package series
