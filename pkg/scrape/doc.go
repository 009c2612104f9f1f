// Package scrape turns targets into samples: service discovery, HTTP and parsing are
// Prometheus' own libraries, configured by Prometheus' own language. What is ours
// stands between the scrape and the store: it tells the store where counters began
// (births) and began anew (restarts), so that the windows of pkg/mapping are exact.
package scrape
