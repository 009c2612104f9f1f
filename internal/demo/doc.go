// Package demo is a small service mesh inside this process, for `bridge demo`: three
// HTTP services, one of them in two versions behind a weighted split, each behind a
// sidecar that proxies its traffic and exposes Envoy's metrics, and a load generator
// that drives real requests through all of them over loopback TCP.
//
//	load ─► checkout ─┬─ 80 % ─► catalog v1 ─┬─► inventory
//	                  └─ 20 % ─► catalog v2 ─┘
//
// Every arrow passes the caller's sidecar (listener "egress_http") and the callee's
// (listener "inbound_http"). A sidecar's names, labels, types and units are those that a
// real Envoy 1.40 prints at /stats/prometheus; it exposes a part of Envoy's families,
// and no family that Envoy does not have. What differs: latencies keep their fraction of
// a millisecond, histograms are merged at once instead of at each stats flush, and all
// sidecars report the memory of the one process in which they live.
//
// The applications and the load generator count on their own, apart from the sidecars,
// so that what the bridge tells can be compared with what was done (Mesh.Counts).
package demo
