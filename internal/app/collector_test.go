package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// heartbeatEvent is a valid event.
func heartbeatEvent(id string) string {
	return fmt.Sprintf(`{"event":{"commonEventHeader":{"domain":"heartbeat","eventId":%q,"eventName":"Heartbeat_vIsbcMmc","startEpochMicrosec":1795000000000000,"lastEpochMicrosec":1795000000000000,"priority":"Normal","reportingEntityName":"r","sequence":0,"sourceName":"s","version":"4.1","vesEventListenerVersion":"7.2.1"}}}`, id)
}

// intake runs Collector and returns its address and what ends it.
func intake(t *testing.T, o CollectorOptions) (addr string, end func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan net.Addr, 1), make(chan error, 1)
	o.Listen, o.Ready = "127.0.0.1:0", func(a net.Addr) { ready <- a }
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	go func() { ended <- Collector(ctx, o) }()
	select {
	case a := <-ready:
		addr = a.String()
	case err := <-ended:
		t.Fatalf("the collector ended before it listened: %v", err)
	}
	end = func() error { cancel(); return <-ended }
	t.Cleanup(cancel)
	return addr, end
}

func send(t *testing.T, addr, event string) (int, string) {
	t.Helper()
	resp, err := http.Post("http://"+addr+"/eventListener/v7", "application/json", strings.NewReader(event))
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

func TestCollectorPrintsBeforeItAnswers(t *testing.T) {
	noLeaks(t)
	var out safeBuffer
	addr, end := intake(t, CollectorOptions{Stdout: &out})
	code, body := send(t, addr, heartbeatEvent("h1"))
	require.Equal(t, http.StatusAccepted, code, body)
	require.Equal(t, heartbeatEvent("h1")+"\n", out.String())
	code, _ = send(t, addr, `{"event":{}}`)
	require.Equal(t, http.StatusBadRequest, code)
	require.Equal(t, heartbeatEvent("h1")+"\n", out.String())
	require.NoError(t, end())
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// An event that could not be printed must not be acknowledged.
func TestCollectorDoesNotAcknowledgeWhatItCouldNotPrint(t *testing.T) {
	noLeaks(t)
	addr, end := intake(t, CollectorOptions{Stdout: fullDisk{}})
	code, _ := send(t, addr, heartbeatEvent("h1"))
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.NoError(t, end())
}

func TestCollectorDelivers(t *testing.T) {
	noLeaks(t)
	t.Run("what was acknowledged", func(t *testing.T) {
		behind := startCollector(t)
		s := newSite(t, configuration(nil, behind.as("behind")))
		addr, end := intake(t, CollectorOptions{ConfigFile: s.path})
		for i := range 5 {
			code, body := send(t, addr, heartbeatEvent(fmt.Sprint("h", i)))
			require.Equal(t, http.StatusAccepted, code, body)
		}
		require.NoError(t, end(), "it delivers what it has acknowledged before it ends")
		got := behind.events("heartbeat")
		require.Len(t, got, 5)
		for i, r := range got {
			require.Equal(t, fmt.Sprint("h", i), r.EventID)
			require.JSONEq(t, heartbeatEvent(r.EventID), string(r.Body))
		}
	})
}

func TestCollectorRefusesConfigurationsThatLoseEvents(t *testing.T) {
	log := slog.New(slog.NewTextHandler(&bytes.Buffer{}, nil))
	s := newSite(t, configuration(nil))
	err := Collector(t.Context(), CollectorOptions{Listen: "127.0.0.1:0", ConfigFile: s.path, Logger: log})
	require.ErrorContains(t, err, "names no destination")
	s.configure(t, "surprise: 1\ndestinations: [{name: nowhere}]\n")
	err = Collector(t.Context(), CollectorOptions{Listen: "127.0.0.1:0", ConfigFile: s.path, Logger: log})
	require.ErrorContains(t, err, "surprise")
	require.ErrorContains(t, err, "nowhere")
}
