package vescollector

import (
	"testing"

	"github.com/vesbridge/vesbridge/pkg/outbox"
)

// BenchmarkDoor is what an event costs on its way out, beside the call: as it is, and in another
// version.
func BenchmarkDoor(b *testing.B) {
	r := []outbox.Record{measurement("a", `,"additionalFields":{"release":"v1","site":"north"},"concurrentSessions":7,"meanRequestLatency":0.0125`)}
	for _, version := range []string{"", "7.2.1", "7.1.1", "5.4.1"} {
		b.Run("version="+version, func(b *testing.B) {
			cfg := DefaultConfig()
			cfg.VESVersion, cfg.Profile = version, "onap-oom"
			var d door
			if _, err := d.open(&cfg, nil); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.pass(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
