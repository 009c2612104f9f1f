package hvpb_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
	"github.com/vesbridge/vesbridge/pkg/ves/hvpb"
)

// TestRoundTripWithPython sends our bytes through code that protoc generated for Python, from
// our .proto files and from those that ONAP publishes: both must read the same content out of
// them, find nothing that they do not know, and write bytes that we read as the same event.
func TestRoundTripWithPython(t *testing.T) {
	python := bridgetest.PythonProtobuf(t)
	const seed = 28550
	t.Logf("seed %d", seed)
	events := []*hvpb.VesEvent{mustFromJSON(t, perf3gppEvent)}
	for g := (generator{rand.New(rand.NewPCG(seed, 0))}); len(events) < 500; {
		events = append(events, g.event(t))
	}
	for _, peer := range []struct{ name, include, event, fields string }{
		{"from our files", "..", "hvpb.ves_event_pb2", "hvpb.perf3gpp_fields_pb2"},
		{"from the official files", bridgetest.Shared(t, "ves/schemas/hv-ves"), "VesEvent_pb2", "Perf3gppFields_pb2"},
	} {
		t.Run(peer.name, func(t *testing.T) {
			generated := t.TempDir()
			protos, err := filepath.Glob(filepath.Join(peer.include, "*.proto"))
			require.NoError(t, err)
			if len(protos) == 0 {
				protos, err = filepath.Glob("*.proto")
				require.NoError(t, err)
				for i := range protos {
					protos[i] = "hvpb/" + protos[i]
				}
			}
			require.Len(t, protos, 3)
			out, err := python(append([]string{"-m", "grpc_tools.protoc", "-I", peer.include, "--python_out=" + generated}, protos...)...).CombinedOutput()
			require.NoError(t, err, "%s", out)

			var in, stderr bytes.Buffer
			for _, e := range events {
				payload, err := hvpb.Marshal(nil, e)
				require.NoError(t, err)
				fmt.Fprintf(&in, "%x\n", payload)
			}
			cmd := python("testdata/peer.py", generated, peer.event, peer.fields)
			cmd.Stdin, cmd.Stderr = &in, &stderr
			out, err = cmd.Output()
			require.NoError(t, err, "%s", stderr.Bytes())

			lines := bufio.NewScanner(bytes.NewReader(out))
			lines.Buffer(nil, 1<<24)
			for i, e := range events {
				require.True(t, lines.Scan(), "event %d: %s", i, stderr.Bytes())
				sameAsPeer(t, i, e, lines.Bytes())
			}
			require.False(t, lines.Scan())
		})
	}
}

func sameAsPeer(t *testing.T, i int, e *hvpb.VesEvent, line []byte) {
	t.Helper()
	var peer struct {
		Header, Fields any
		Rebuilt        string
		Unknown        bool
	}
	require.NoError(t, json.Unmarshal(line, &peer))
	require.False(t, peer.Unknown, "event %d: Python found members that it does not know", i)
	fields := &hvpb.Perf3GppFields{}
	require.NoError(t, proto.Unmarshal(e.GetEventFields(), fields))
	for _, part := range []struct {
		ours   proto.Message
		theirs any
	}{{e.GetCommonEventHeader(), peer.Header}, {fields, peer.Fields}} {
		text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(part.ours)
		require.NoError(t, err)
		var ours any
		require.NoError(t, json.Unmarshal(text, &ours))
		require.Empty(t, cmp.Diff(ours, part.theirs), "event %d: -ours +Python's", i)
	}

	payload, err := hex.DecodeString(peer.Rebuilt)
	require.NoError(t, err)
	rebuilt, err := hvpb.Unmarshal(payload)
	require.NoError(t, err)
	require.True(t, proto.Equal(e.GetCommonEventHeader(), rebuilt.GetCommonEventHeader()), "event %d", i)
	rebuiltFields := &hvpb.Perf3GppFields{}
	require.NoError(t, proto.Unmarshal(rebuilt.GetEventFields(), rebuiltFields))
	require.True(t, proto.Equal(fields, rebuiltFields), "event %d", i)
}

// A generator makes events that the protobuf can carry, sensible or not.
type generator struct{ *rand.Rand }

func (g generator) event(t *testing.T) *hvpb.VesEvent {
	t.Helper()
	e := &hvpb.VesEvent{CommonEventHeader: &hvpb.CommonEventHeader{
		Version: "1.0", Domain: "perf3gpp", Sequence: g.Uint32() >> g.IntN(32),
		Priority: hvpb.CommonEventHeader_Priority(g.IntN(5)), EventId: g.text(), EventName: g.text(), EventType: g.text(),
		LastEpochMicrosec: g.Uint64() >> g.IntN(64), StartEpochMicrosec: g.Uint64() >> g.IntN(64),
		NfNamingCode: g.text(), NfcNamingCode: g.text(), NfVendorName: g.text(),
		ReportingEntityId: g.bytes(), ReportingEntityName: g.text(), SourceId: g.bytes(), SourceName: g.text(),
		TimeZoneOffset: g.text(), VesEventListenerVersion: g.text(), StndDefinedNamespace: g.text(),
	}}
	fields := &hvpb.Perf3GppFields{Perf3GppFieldsVersion: g.text(), EventAddlFlds: g.hash()}
	if g.IntN(20) > 0 {
		fields.MeasDataCollection = g.collection()
	}
	var err error
	e.EventFields, err = proto.MarshalOptions{Deterministic: true}.Marshal(fields)
	require.NoError(t, err)
	return e
}

func (g generator) collection() *hvpb.MeasDataCollection {
	out := &hvpb.MeasDataCollection{
		FormatVersion: g.text(), GranularityPeriod: g.Uint32() >> g.IntN(32), MeasuredEntityUserName: g.text(),
		MeasuredEntityDn: g.text(), MeasuredEntitySoftwareVersion: g.text(),
	}
	for range g.IntN(4) {
		out.MeasObjInstIdList = append(out.MeasObjInstIdList, g.text())
	}
	for range g.IntN(4) {
		out.MeasInfo = append(out.MeasInfo, g.info())
	}
	return out
}

func (g generator) info() *hvpb.MeasInfo {
	out := &hvpb.MeasInfo{JobId: g.text()}
	switch g.IntN(3) {
	case 0:
		out.MeasInfoId = &hvpb.MeasInfo_IMeasInfoId{IMeasInfoId: g.Uint32() >> g.IntN(33)}
	case 1:
		out.MeasInfoId = &hvpb.MeasInfo_SMeasInfoId{SMeasInfoId: g.text()}
	}
	switch g.IntN(3) {
	case 0:
		list := &hvpb.MeasInfo_IMeasTypes{}
		for range g.IntN(5) {
			list.IMeasType = append(list.IMeasType, g.Uint32()>>g.IntN(33))
		}
		out.MeasTypes = &hvpb.MeasInfo_IMeasTypes_{IMeasTypes: list}
	case 1:
		list := &hvpb.MeasInfo_SMeasTypes{}
		for range g.IntN(5) {
			list.SMeasType = append(list.SMeasType, g.text())
		}
		out.MeasTypes = &hvpb.MeasInfo_SMeasTypes_{SMeasTypes: list}
	}
	for range g.IntN(4) {
		v := &hvpb.MeasValue{SuspectFlag: g.IntN(2) == 0, MeasObjAddlFlds: g.hash()}
		switch g.IntN(3) {
		case 0:
			v.MeasObjInstId = &hvpb.MeasValue_SMeasObjInstId{SMeasObjInstId: g.text()}
		case 1:
			v.MeasObjInstId = &hvpb.MeasValue_MeasObjInstIdListIdx{MeasObjInstIdListIdx: g.Uint32N(4)}
		}
		for range g.IntN(5) {
			v.MeasResults = append(v.MeasResults, g.result())
		}
		out.MeasValues = append(out.MeasValues, v)
	}
	return out
}

func (g generator) result() *hvpb.MeasResult {
	out := &hvpb.MeasResult{P: g.Uint32N(5)}
	switch g.IntN(4) {
	case 0:
		numbers := []int64{0, -1, 1, math.MinInt64, math.MaxInt64, g.Int64(), -g.Int64N(1000)}
		out.XValue = &hvpb.MeasResult_IValue{IValue: numbers[g.IntN(len(numbers))]}
	case 1:
		numbers := []float64{0, 0.1, -1.5, math.MaxFloat64, math.SmallestNonzeroFloat64, 1e21, g.NormFloat64()}
		out.XValue = &hvpb.MeasResult_RValue{RValue: numbers[g.IntN(len(numbers))]}
	case 2:
		out.XValue = &hvpb.MeasResult_IsNull{IsNull: g.IntN(2) == 0}
	}
	return out
}

func (g generator) text() string {
	texts := []string{"", "RRC.ConnEstabAtt.sum", "ManagedElement=1,GNBDUFunction=1", "Zürich/東京", "<&>\u2028\x00", "900", string(make([]byte, g.IntN(300)))}
	return texts[g.IntN(len(texts))]
}

func (g generator) bytes() []byte {
	out := make([]byte, g.IntN(20))
	for i := range out {
		out[i] = byte(g.Uint32())
	}
	return out
}

func (g generator) hash() map[string]string {
	out := map[string]string{}
	for range g.IntN(4) {
		out[g.text()] = g.text()
	}
	return out
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return text
}
