package hvpb_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
	"github.com/vesbridge/vesbridge/pkg/ves/hvpb"
)

// descriptors are the three files as the generated code has them.
func descriptors() []protoreflect.FileDescriptor {
	return []protoreflect.FileDescriptor{
		(&hvpb.VesEvent{}).ProtoReflect().Descriptor().ParentFile(),
		(&hvpb.Perf3GppFields{}).ProtoReflect().Descriptor().ParentFile(),
		(&hvpb.MeasDataCollection{}).ProtoReflect().Descriptor().ParentFile(),
	}
}

// A layout says of each "message.field" its number, type and oneof; of each enum value its
// number; and of each message what it reserves.
type layout map[string]string

func compiledLayout(t *testing.T) layout {
	t.Helper()
	out := layout{}
	var add func(name string, m protoreflect.MessageDescriptor)
	add = func(name string, m protoreflect.MessageDescriptor) {
		for i := range m.Fields().Len() {
			f := m.Fields().Get(i)
			kind := f.Kind().String()
			switch {
			case f.IsMap():
				kind = fmt.Sprintf("map<%s,%s>", f.MapKey().Kind(), f.MapValue().Kind())
			case f.Message() != nil:
				kind = string(f.Message().Name())
			case f.Enum() != nil:
				kind = string(f.Enum().Name())
			}
			if f.IsList() {
				kind = "repeated " + kind
			}
			if o := f.ContainingOneof(); o != nil {
				kind = "oneof " + string(o.Name()) + " " + kind
			}
			out[name+"."+string(f.Name())] = fmt.Sprintf("%s = %d", kind, f.Number())
		}
		for i := range m.Enums().Len() {
			e := m.Enums().Get(i)
			for j := range e.Values().Len() {
				v := e.Values().Get(j)
				out[name+"."+string(e.Name())+"."+string(v.Name())] = fmt.Sprint(v.Number())
			}
		}
		for i := range m.ReservedNames().Len() {
			out[name+" reserved "+string(m.ReservedNames().Get(i))] = ""
		}
		for i := range m.ReservedRanges().Len() {
			out[name+" reserved "+fmt.Sprint(m.ReservedRanges().Get(i)[0])] = ""
		}
		for i := range m.Messages().Len() {
			if nested := m.Messages().Get(i); !nested.IsMapEntry() {
				add(name+"."+string(nested.Name()), nested)
			}
		}
	}
	for _, f := range descriptors() {
		require.Equal(t, protoreflect.FullName("org.onap.ves"), f.Package())
		require.Equal(t, protoreflect.Proto3, f.Syntax())
		for i := range f.Messages().Len() {
			add(string(f.Messages().Get(i).Name()), f.Messages().Get(i))
		}
	}
	return out
}

var (
	comments  = regexp.MustCompile(`(?s)/\*.*?\*/|//[^\n]*`)
	statement = regexp.MustCompile(`[^{};]*[{};]`)
	opening   = regexp.MustCompile(`^(message|enum|oneof)\s+(\w+)$`)
	field     = regexp.MustCompile(`^(repeated\s+)?(map\s*<\s*\w+\s*,\s*\w+\s*>|\w+)\s+(\w+)\s*=\s*(\d+)$`)
	enumValue = regexp.MustCompile(`^(\w+)\s*=\s*(\d+)$`)
	reserved  = regexp.MustCompile(`^reserved\s+"?(\w+)"?$`)
)

// parsedLayout reads the layout from the text of .proto files. Every statement must be
// understood, so that nothing is left out of the comparison.
func parsedLayout(t *testing.T, folder string) layout {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.proto"))
	require.NoError(t, err)
	require.Len(t, files, 3)
	out := layout{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var path []string // of messages and enums
		oneof := ""
		for _, s := range statement.FindAllString(comments.ReplaceAllString(string(text), ""), -1) {
			body, end := strings.TrimSpace(s[:len(s)-1]), s[len(s)-1]
			name := strings.Join(path, ".")
			switch {
			case end == '{':
				m := opening.FindStringSubmatch(body)
				require.NotNil(t, m, "%s: %s", file, s)
				if m[1] == "oneof" {
					oneof = m[2]
				} else {
					path = append(path, m[2])
				}
			case end == '}':
				require.Empty(t, body, file)
				if oneof != "" {
					oneof = ""
				} else {
					path = path[:len(path)-1]
				}
			case body == "" || len(path) == 0: // syntax, package, import, option
			case reserved.MatchString(body):
				out[name+" reserved "+reserved.FindStringSubmatch(body)[1]] = ""
			case enumValue.MatchString(body):
				m := enumValue.FindStringSubmatch(body)
				out[name+"."+m[1]] = m[2]
			default:
				m := field.FindStringSubmatch(body)
				require.NotNil(t, m, "%s: %s", file, s)
				kind := strings.Join(strings.Fields(m[2]), "")
				if m[1] != "" {
					kind = "repeated " + kind
				}
				if oneof != "" {
					kind = "oneof " + oneof + " " + kind
				}
				out[name+"."+m[3]] = kind + " = " + m[4]
			}
		}
		require.Empty(t, path, "%s: unbalanced braces", file)
	}
	return out
}

// TestFieldNumbersAreTheOfficialOnes compares names, numbers, types, oneofs, enums and what is
// reserved with the definitions that ONAP publishes.
func TestFieldNumbersAreTheOfficialOnes(t *testing.T) {
	official := parsedLayout(t, bridgetest.Shared(t, "ves/schemas/hv-ves"))
	require.Greater(t, len(official), 50)
	if diff := cmp.Diff(official, compiledLayout(t)); diff != "" {
		t.Errorf("the messages differ from the official ones (-official +ours):\n%s", diff)
	}
}

// The parser of the test above, on files whose compiled form is known.
func TestParserOfTheComparisonReadsOurFiles(t *testing.T) {
	parsed := parsedLayout(t, ".")
	require.Empty(t, cmp.Diff(parsed, compiledLayout(t)))
	require.Equal(t, "oneof xValue sint64 = 2", parsed["MeasResult.iValue"])
	require.Equal(t, "2", parsed["CommonEventHeader.Priority.MEDIUM"])
	require.Contains(t, slices.Collect(maps.Keys(parsed)), "CommonEventHeader reserved 100")
}

// TestGeneratedCodeIsCurrent: what is committed is what the pinned tools make of the .proto
// files.
func TestGeneratedCodeIsCurrent(t *testing.T) {
	bridgetest.PythonProtobuf(t)
	root, out := bridgetest.Root(t), t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "run", "./pkg/ves/hvpb/internal/gen", "-ves", filepath.Join(root, "pkg/ves"), "-out", out)
	cmd.Dir = root
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", text)
	made, err := filepath.Glob(filepath.Join(out, "hvpb", "*.pb.go"))
	require.NoError(t, err)
	require.Len(t, made, 3)
	for _, path := range made {
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Base(path))
		require.NoError(t, err)
		if !bytes.Equal(want, got) {
			t.Errorf("%s is stale: run go generate ./pkg/ves/hvpb", filepath.Base(path))
		}
	}
}
