package messagerouter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/dmaap"
	"github.com/vesbridge/vesbridge/pkg/dmaap/dmaaptest"
	"github.com/vesbridge/vesbridge/pkg/outbox"
)

// wire is a Message Router without a network, which synctest's clock could not see.
type wire struct {
	t *testing.T

	mu     sync.Mutex // guards the fields below
	calls  int
	got    []message
	refuse func(msgs []message) int // a status other than 200
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	require.NoError(w.t, err)
	topic := strings.TrimPrefix(req.URL.Path, "/events/")
	var msgs []message
	if req.Header.Get("Content-Type") == "application/cambria" {
		msgs, err = parseCambria(topic, body)
	} else {
		msgs, err = parseJSON(topic, req.URL.Query().Get("partitionKey"), body)
	}
	require.NoError(w.t, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	status, reply := 200, fmt.Sprintf(`{"count":%d}`, len(msgs))
	if w.refuse != nil {
		if s := w.refuse(msgs); s != 0 {
			status, reply = s, fmt.Sprintf(`{"mrstatus":5007,"status":%d}`, s)
		}
	}
	if status == 200 {
		w.got = append(w.got, msgs...)
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(reply)), Request: req}, nil
}

func (w *wire) set(refuse func([]message) int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refuse = refuse
}

// ids are the events that a source's topic has, in order.
func (w *wire) ids(topic string) (out []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.got {
		var e struct {
			Event struct {
				CommonEventHeader struct{ EventID string }
			}
		}
		if strings.Contains(m.topic, topic) && json.Unmarshal([]byte(m.value), &e) == nil {
			out = append(out, e.Event.CommonEventHeader.EventID)
		}
	}
	return out
}

// running is a sender with this destination, as the bridge runs it.
type running struct {
	*testing.T
	wire    *wire
	box     *outbox.Memory
	sender  *dmaap.Sender
	letters *dmaap.Ring
}

// run starts one for each framing, in a bubble of its own.
func run(t *testing.T, f func(r *running)) {
	for _, framing := range []string{FramingCambria, FramingJSON} {
		t.Run(framing, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := DefaultConfig()
				cfg.URL, cfg.Topics, cfg.Framing = "http://mr:3904", dmaap.ONAPTopics(), framing
				d, err := New(cfg, nil)
				require.NoError(t, err)
				r := &running{T: t, wire: &wire{t: t}, box: outbox.NewMemory(outbox.Options{}), letters: dmaap.NewRing(0, 0)}
				d.client = &http.Client{Transport: r.wire}
				reader, err := r.box.Reader("d", nil)
				require.NoError(t, err)
				r.sender, err = dmaap.NewSender(dmaap.SenderOptions{
					Name: "d", Reader: reader, Destination: d, Retry: cfg.Retry, DeadLetters: r.letters,
				})
				require.NoError(t, err)
				ended := make(chan error, 1)
				go func() { ended <- r.sender.Run(t.Context()) }()
				f(r)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				require.NoError(t, r.sender.Stop(ctx))
				require.NoError(t, <-ended)
			})
		})
	}
}

// after lets d pass and returns the sums of the ledger.
func (r *running) after(d time.Duration) (sum outbox.LedgerRow) {
	r.Helper()
	time.Sleep(d)
	synctest.Wait()
	for _, row := range r.box.Ledger() {
		require.Equal(r, row.Built, row.Delivered+row.DeadLettered+row.Expired+row.Pending)
		sum.Built += row.Built
		sum.Delivered += row.Delivered
		sum.DeadLettered += row.DeadLettered
		sum.Pending += row.Pending
	}
	return sum
}

// TestEventsWithoutATopicHoldNoAlarmUp: threshold crossing alerts travel in the alarms'
// lane and have no topic in the preset.
func TestEventsWithoutATopicHoldNoAlarmUp(t *testing.T) {
	run(t, func(r *running) {
		var recs []outbox.Record
		for i := range 20 {
			recs = append(recs, dmaaptest.Record("thresholdCrossingAlert", fmt.Sprint("s", i), fmt.Sprint("t", i)))
		}
		recs = append(recs, dmaaptest.Record("fault", "s1", "f1"), dmaaptest.Record("fault", "s1", "f2"))
		require.NoError(r, r.box.Append(r.Context(), recs...))
		require.Zero(r, r.after(2*time.Second).DeadLettered, "kept until somebody configures a topic")
		require.Equal(r, []string{"f1", "f2"}, r.wire.ids(""))
		require.False(r, r.sender.State().Ready)
		require.Equal(r, "no_topic", r.sender.State().Problem.Reason)
	})
}

// TestMissingTopicHoldsNoOtherUp: one topic of a lane is missing, or one may not write to
// it, until somebody makes it right.
func TestMissingTopicHoldsNoOtherUp(t *testing.T) {
	for _, status := range []int{404, 401} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			run(t, func(r *running) {
				r.wire.set(func(msgs []message) int {
					if strings.Contains(msgs[0].topic, "3GPP_FAULT") {
						return status
					}
					return 0
				})
				want := map[string][]string{}
				for i := range 30 {
					standard := dmaaptest.Record("stndDefined", fmt.Sprint("s", i%3), fmt.Sprint("n", i))
					standard.StndDefinedNamespace = "3GPP-FaultSupervision"
					fault := dmaaptest.Record("fault", fmt.Sprint("s", i%3), fmt.Sprint("f", i))
					require.NoError(r, r.box.Append(r.Context(), standard, fault))
					want["3GPP"] = append(want["3GPP"], standard.EventID)
					want["SEC_FAULT"] = append(want["SEC_FAULT"], fault.EventID)
				}
				r.after(5 * time.Minute)
				require.ElementsMatch(r, want["SEC_FAULT"], r.wire.ids("SEC_FAULT"))
				require.False(r, r.sender.State().Ready)
				before := r.wire.calls
				require.Zero(r, r.after(time.Hour).DeadLettered)
				require.Less(r, r.wire.calls-before, 600, "asked slowly")
				r.wire.set(nil)
				require.Zero(r, r.after(2*time.Minute).Pending)
				require.ElementsMatch(r, want["3GPP"], r.wire.ids("3GPP"))
				require.True(r, r.sender.State().Ready)
				for s := range 3 { // the order of each source
					var got []string
					for _, id := range r.wire.ids("3GPP") {
						var n int
						_, err := fmt.Sscanf(id, "n%d", &n)
						require.NoError(r, err)
						if n%3 == s {
							got = append(got, id)
						}
					}
					require.IsIncreasing(r, numbers(r, got))
				}
			})
		})
	}
}

func numbers(t *running, ids []string) (out []int) {
	for _, id := range ids {
		var n int
		_, err := fmt.Sscanf(id[1:], "%d", &n)
		require.NoError(t, err)
		out = append(out, n)
	}
	return out
}

// TestTrap16Poison: an event that gets a 500 each time while others pass becomes a dead
// letter, and nothing else does.
func TestTrap16Poison(t *testing.T) {
	run(t, func(r *running) {
		r.wire.set(func(msgs []message) int {
			for _, m := range msgs {
				if strings.Contains(m.value, `"m3"`) {
					return 500
				}
			}
			return 0
		})
		for i := range 2000 {
			require.NoError(r, r.box.Append(r.Context(), dmaaptest.Record("measurement", fmt.Sprint("s", i%5), fmt.Sprint("m", i))))
			if i > 20 {
				time.Sleep(10 * time.Second)
			}
		}
		sum := r.after(time.Hour)
		require.EqualValues(r, 1, sum.DeadLettered)
		require.EqualValues(r, 1999, sum.Delivered)
		letters, err := r.letters.List(r.Context(), "d")
		require.NoError(r, err)
		require.Equal(r, "m3", letters[0].Record.EventID)
		require.Equal(r, dmaap.ReasonPoison, letters[0].Reason)
	})
}

// TestOutageBehind404: Kafka is away for an hour, and Message Router says 404 to all.
func TestOutageBehind404(t *testing.T) {
	run(t, func(r *running) {
		r.wire.set(func([]message) int { return 404 })
		for i := range 300 {
			domain := []string{"fault", "measurement", "heartbeat"}[i%3]
			require.NoError(r, r.box.Append(r.Context(), dmaaptest.Record(domain, fmt.Sprint("s", i%7), fmt.Sprint("x", i))))
		}
		sum := r.after(time.Hour)
		require.EqualValues(r, 300, sum.Pending)
		require.False(r, r.sender.State().Ready)
		r.wire.set(nil)
		sum = r.after(3 * time.Minute)
		require.Zero(r, sum.DeadLettered)
		require.EqualValues(r, 300, sum.Delivered)
		require.Len(r, r.wire.ids(""), 300)
		for _, topic := range []string{"FAULT", "MEASUREMENT", "HEARTBEAT"} {
			last := map[string]int{}
			for i, id := range r.wire.ids(topic) {
				n := numbers(r, []string{id})[0]
				source := fmt.Sprint("s", n%7)
				require.GreaterOrEqual(r, n, last[source], "order of %s at %d", source, i)
				last[source] = n
			}
		}
	})
}

// TestCharacterSet: what is on the wire is ASCII and means the same.
func TestCharacterSet(t *testing.T) {
	text := "Zürich – 東京 😀 \u2028 \\u00fc \\\\"
	body := []byte(`{"event":{"x":"` + text + `"}}`)
	recs := []outbox.Record{dmaaptest.Record("fault", "a", "1"), {Domain: "fault", SourceName: "ü", Body: body}}
	before := bytes.Clone(body)
	out := ascii(recs)
	require.Equal(t, before, recs[1].Body, "a record is not changed")
	require.Equal(t, recs[0], out[0])
	require.True(t, isASCII(out[1].Body))
	var want, got any
	require.NoError(t, json.Unmarshal(body, &want))
	require.NoError(t, json.Unmarshal(out[1].Body, &got))
	require.Equal(t, want, got)
	require.Zero(t, testing.AllocsPerRun(10, func() { ascii(recs[:1]) }))

	r := newRouter(t)
	require.NoError(t, destination(t, r.config()).Publish(t.Context(), recs))
	require.Equal(t, string(out[1].Body), r.received()[1].value)
	require.Equal(t, "ü", r.received()[1].key)

	cfg := r.config()
	cfg.MaxEventBytes = len(body)
	e, ok := errors.AsType[*dmaap.Error](destination(t, cfg).Publish(t.Context(), recs))
	require.True(t, ok)
	require.Equal(t, "too_large", e.Reason, "what counts is what Kafka gets")
}

// FuzzFraming: whatever sources and bodies, both readers give the events back.
func FuzzFraming(f *testing.F) {
	f.Add("source", "1.2.é", "ü\n")
	f.Fuzz(func(t *testing.T, source, a, b string) {
		var recs []outbox.Record
		for _, s := range []string{a, b} {
			inside, err := json.Marshal(s)
			require.NoError(t, err)
			recs = append(recs, outbox.Record{SourceName: source, Body: fmt.Appendf(nil, `{"event":{"x":%s}}`, inside)})
		}
		recs = ascii(recs)
		want := []message{{"t", source, string(recs[0].Body)}, {"t", source, string(recs[1].Body)}}
		got, err := parseCambria("t", appendCambria(nil, recs))
		require.NoError(t, err)
		require.Equal(t, want, got)
		got, err = parseJSON("t", source, appendJSON(nil, recs))
		require.NoError(t, err)
		require.Equal(t, want, got)
		for i, s := range []string{a, b} {
			var e struct{ Event struct{ X string } }
			require.NoError(t, json.Unmarshal(recs[i].Body, &e))
			require.Equal(t, []rune(s), []rune(e.Event.X)) // an invalid byte is U+FFFD in both
		}
	})
}

// TestNoSecretIsTold: neither the signature that a peer echoes, nor a password in a URL.
func TestNoSecretIsTold(t *testing.T) {
	r := newRouter(t)
	cfg := r.config()
	cfg.APIKey = &APIKey{Key: "key", Secret: "secret"}
	d := destination(t, cfg)
	r.echo = true
	err := d.Publish(t.Context(), dmaaptest.Records("fault", 1))
	require.ErrorContains(t, err, "you said key:<secret>")

	cfg.URL = "http://user:hunter2@mr"
	_, err = New(cfg, nil)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hunter2")
}
