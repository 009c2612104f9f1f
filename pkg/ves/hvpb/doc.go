// Package hvpb is VES as ONAP's high-volume collector (HV-VES) takes it: the protobuf
// messages VesEvent, Perf3gppFields and MeasDataCollection, wire-compatible with HV-VES
// 7.2, and the conversions between them and VES events.
//
// FromEvent makes a VesEvent of a typed event, FromJSON of one as the outbox keeps it, and
// Marshal the payload of one WTP frame; Unmarshal with ToEvent or ToJSON is the way back. Two
// domains can travel:
//
//   - perf3gpp, whose eventFields are a Perf3gppFields message;
//   - stndDefined, for which the interface defines no message: its eventFields are the JSON
//     of stndDefinedFields. The collector routes them by namespace and does not look inside.
//
// An event that the protobuf cannot say exactly is refused, never rounded or cut: HV-VES
// sends no replies, so a mistake would show nowhere else. Everything here is pure: no I/O,
// and safe for concurrent use as long as nobody changes a message.
package hvpb

//go:generate ../../../test/servers/install.sh protobuf
//go:generate go run ./internal/gen
