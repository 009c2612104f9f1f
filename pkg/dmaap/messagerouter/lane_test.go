package messagerouter

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/dmaap/dmaaptest"
)

// Plain faults and 3GPP faults travel in one lane. That the topic of the one answers 500
// must not keep back the other, of however many sources.
func TestTopicThatFailsKeepsBackNoOtherAlarm(t *testing.T) {
	const faults = 80
	for _, sources := range []int{1, 3, 40} {
		run(t, func(r *running) {
			r.wire.set(func(msgs []message) int {
				if strings.Contains(msgs[0].topic, "3GPP_FAULT") {
					return 500
				}
				return 0
			})
			for i := range faults {
				source := fmt.Sprint("s", i%sources)
				std := dmaaptest.Record("stndDefined", source, fmt.Sprint("n", i))
				std.StndDefinedNamespace = "3GPP-FaultSupervision"
				require.NoError(r, r.box.Append(r.Context(), std, dmaaptest.Record("fault", source, fmt.Sprint("f", i))))
			}
			r.after(2 * time.Hour)
			require.Len(r, r.wire.ids("SEC_FAULT"), faults, "%d sources", sources)
		})
	}
}
