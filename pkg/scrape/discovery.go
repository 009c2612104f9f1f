package scrape

import (
	// Service discovery by import, as Prometheus' own plugins do it. static_configs needs
	// none. Kubernetes costs most of the binary's share of this package.
	_ "github.com/prometheus/prometheus/discovery/consul"
	_ "github.com/prometheus/prometheus/discovery/dns"
	_ "github.com/prometheus/prometheus/discovery/file"
	_ "github.com/prometheus/prometheus/discovery/http"
	_ "github.com/prometheus/prometheus/discovery/kubernetes"
)
