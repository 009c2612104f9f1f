package stnd

import (
	"fmt"
	"strconv"
	"time"
)

// Heartbeat is notifyHeartbeat.
type Heartbeat struct {
	Header
	Period time.Duration // until the next one, whole seconds; required
}

// Namespace implements Body.
func (*Heartbeat) Namespace() string { return Heartbeats }

// SchemaReference implements Body. It is empty: heartbeatNtf.yaml of SA88-Rel16 takes the
// header of provMnS.yaml, whose list of notification types lacks notifyHeartbeat.
func (*Heartbeat) SchemaReference() string { return "" }

func (h *Heartbeat) problems() []string {
	p := h.Header.problems()
	if h.Period < time.Second || h.Period%time.Second != 0 {
		p = append(p, "heartbeatNtfPeriod is not a number of whole seconds")
	}
	return p
}

func (h *Heartbeat) wire() any {
	return struct {
		header
		Period int64 `json:"heartbeatNtfPeriod"`
	}{h.Header.wire("notifyHeartbeat"), int64(h.Period / time.Second)}
}

// FileInfo tells of one file.
type FileInfo struct {
	Location    string    // URI; required
	Size        int64     // bytes; 0 is not told
	Ready       time.Time // zero is not told
	Expiration  time.Time // zero is not told
	Compression string
	Format      string
}

type fileInfo struct {
	Location    string `json:"fileLocation"`
	Size        string `json:"fileSize,omitempty"` // a string in SA88-Rel16
	Ready       string `json:"fileReadyTime,omitempty"`
	Expiration  string `json:"fileExpirationTime,omitempty"`
	Compression string `json:"fileCompression,omitempty"`
	Format      string `json:"fileFormat,omitempty"`
}

func files(in []FileInfo) []fileInfo {
	out := make([]fileInfo, len(in))
	for i, f := range in {
		out[i] = fileInfo{Location: f.Location, Compression: f.Compression, Format: f.Format}
		if f.Size > 0 {
			out[i].Size = strconv.FormatInt(f.Size, 10)
		}
		if !f.Ready.IsZero() {
			out[i].Ready = timeText(f.Ready)
		}
		if !f.Expiration.IsZero() {
			out[i].Expiration = timeText(f.Expiration)
		}
	}
	return out
}

func fileProblems(p []string, in []FileInfo) []string {
	for i, f := range in {
		p = need(p, fmt.Sprintf("fileInfoList[%d].fileLocation", i), f.Location)
	}
	return p
}

// fileHeader is the header of PerDataFileReportMnS, in which numbers are text.
type fileHeader struct {
	URI              string `json:"uri"`
	NotificationID   string `json:"notificationId"`
	NotificationType string `json:"notificationType"`
	EventTime        string `json:"eventTime"`
	Href             string `json:"href"`
	SystemDN         string `json:"systemDN"`
}

func (h *Header) fileWire(notificationType string) fileHeader {
	w := fileHeader{
		URI: h.URI, NotificationID: strconv.FormatInt(h.NotificationID, 10), NotificationType: notificationType,
		EventTime: timeText(h.EventTime), Href: h.Href, SystemDN: h.SystemDN,
	}
	if w.URI == "" {
		w.URI = h.Href
	}
	return w
}

const fileSchemas = Release + "PerDataFileReportMnS.yaml#/components/schemas/"

// FileReady is notifyFileReady.
type FileReady struct {
	Header
	Files          []FileInfo // at least one
	AdditionalText string
}

// Namespace implements Body.
func (*FileReady) Namespace() string { return PerformanceAssurance }

// SchemaReference implements Body.
func (*FileReady) SchemaReference() string { return fileSchemas + "notifyFileReady-NotifType" }

func (f *FileReady) problems() []string {
	p := f.Header.problems()
	if len(f.Files) == 0 {
		p = append(p, "fileInfoList is empty")
	}
	return fileProblems(p, f.Files)
}

type fileBody struct {
	Files          []fileInfo `json:"fileInfoList,omitempty"`
	Reason         string     `json:"reason,omitempty"`
	AdditionalText string     `json:"additionalText,omitempty"`
}

type fileNotification struct {
	Header fileHeader `json:"header"`
	Body   fileBody   `json:"body"`
}

func (f *FileReady) wire() any {
	return fileNotification{f.fileWire("notifyFileReady"), fileBody{Files: files(f.Files), AdditionalText: f.AdditionalText}}
}

// FilePreparationError is notifyFilePreparationError.
type FilePreparationError struct {
	Header
	Files          []FileInfo // those that cannot be had, where known
	Reason         string     // required
	AdditionalText string
}

// Namespace implements Body.
func (*FilePreparationError) Namespace() string { return PerformanceAssurance }

// SchemaReference implements Body.
func (*FilePreparationError) SchemaReference() string {
	return fileSchemas + "notifyFilePreparationError-NotifType"
}

func (f *FilePreparationError) problems() []string {
	return fileProblems(need(f.Header.problems(), "reason", f.Reason), f.Files)
}

func (f *FilePreparationError) wire() any {
	return fileNotification{f.fileWire("notifyFilePreparationError"), fileBody{files(f.Files), f.Reason, f.AdditionalText}}
}
