package stnd

import (
	"fmt"
	"maps"
	"slices"
)

// Source is a sourceIndicator: who changed an object.
type Source string

// The sources. SA88-Rel16 misspells the second, and takes no other spelling.
const (
	ResourceOperation   Source = "resourceOperation"
	ManagementOperation Source = "mangementOperation"
	SONOperation        Source = "sONOperation"
	UnknownSource       Source = "unknown"
)

// MOI is what the notifications about one managed object instance share. The object is
// Header.Href.
type MOI struct {
	Header
	AdditionalText string
	Source         Source // empty is not told
}

// Namespace implements Body.
func (*MOI) Namespace() string { return Provisioning }

func (m *MOI) problems() []string {
	return source(m.Header.problems(), "sourceIndicator", m.Source)
}

func source(p []string, name string, s Source) []string {
	return oneOf(p, name, s, true, ResourceOperation, ManagementOperation, SONOperation, UnknownSource)
}

type moi struct {
	header
	AdditionalText string `json:"additionalText,omitempty"`
	Source         Source `json:"sourceIndicator,omitempty"`
}

func (m *MOI) wire(notificationType string) moi {
	return moi{m.Header.wire(notificationType), m.AdditionalText, m.Source}
}

const provSchemas = Release + "provMnS.yaml#/components/schemas/"

type attributeList struct {
	moi
	Attributes map[string]any `json:"attributeList,omitempty"`
}

// MOICreation is notifyMOICreation.
type MOICreation struct {
	MOI
	Attributes map[string]any // of the new object; values of any JSON type
}

// SchemaReference implements Body.
func (*MOICreation) SchemaReference() string { return provSchemas + "notifyMOICreation-NotifType" }

func (m *MOICreation) wire() any {
	return attributeList{m.MOI.wire("notifyMOICreation"), m.Attributes}
}

// MOIDeletion is notifyMOIDeletion.
type MOIDeletion struct {
	MOI
	Attributes map[string]any // of the object that was
}

// SchemaReference implements Body.
func (*MOIDeletion) SchemaReference() string { return provSchemas + "notifyMOIDeletion-NotifType" }

func (m *MOIDeletion) wire() any {
	return attributeList{m.MOI.wire("notifyMOIDeletion"), m.Attributes}
}

// MOIAttributeValueChanges is notifyMOIAttributeValueChanges, whose notificationType and
// schema are in the singular in SA88-Rel16.
type MOIAttributeValueChanges struct {
	MOI
	// Changes are by the attribute's name: [new], or [old, new]. At least one.
	Changes map[string][]any
}

// SchemaReference implements Body.
func (*MOIAttributeValueChanges) SchemaReference() string {
	return provSchemas + "notifyMOIAttributeValueChange-NotifType"
}

func (m *MOIAttributeValueChanges) problems() []string {
	p := m.MOI.problems()
	if len(m.Changes) == 0 {
		p = append(p, "attributeValueChange is missing")
	}
	for _, name := range slices.Sorted(maps.Keys(m.Changes)) {
		if values := m.Changes[name]; len(values) < 1 || len(values) > 2 {
			p = append(p, fmt.Sprintf("attributeValueChange.%s has %d values, not [new] or [old, new]", name, len(values)))
		}
	}
	return p
}

func (m *MOIAttributeValueChanges) wire() any {
	return struct {
		moi
		Changes map[string][]any `json:"attributeValueChange"`
	}{m.MOI.wire("notifyMOIAttributeValueChange"), m.Changes}
}

// Operation is what was done to an object.
type Operation string

// The operations.
const (
	Create  Operation = "CREATE"
	Delete  Operation = "DELETE"
	Replace Operation = "REPLACE"
)

// MOIChange is one of the changes of MOIChanges.
type MOIChange struct {
	NotificationID int64          `json:"notificationId"`
	AdditionalText string         `json:"additionalText,omitempty"`
	Source         Source         `json:"sourceIndicator,omitempty"`
	Path           string         `json:"path"`      // URI of the object or attribute; required
	Operation      Operation      `json:"operation"` // required
	Value          map[string]any `json:"value,omitempty"`
}

// MOIChanges is notifyMOIChanges: several changes at once.
type MOIChanges struct {
	Header
	Changes []MOIChange // at least one
}

// Namespace implements Body.
func (*MOIChanges) Namespace() string { return Provisioning }

// SchemaReference implements Body. It is empty: the list of notification types of
// provMnS.yaml of SA88-Rel16 lacks notifyMOIChanges.
func (*MOIChanges) SchemaReference() string { return "" }

func (m *MOIChanges) problems() []string {
	p := m.Header.problems()
	if len(m.Changes) == 0 {
		p = append(p, "mOIChanges is empty")
	}
	for i, c := range m.Changes {
		at := fmt.Sprintf("mOIChanges[%d].", i)
		p = need(p, at+"path", c.Path)
		p = oneOf(p, at+"operation", c.Operation, false, Create, Delete, Replace)
		p = source(p, at+"sourceIndicator", c.Source)
	}
	return p
}

func (m *MOIChanges) wire() any {
	return struct {
		header
		Changes []MOIChange `json:"mOIChanges"`
	}{m.Header.wire("notifyMOIChanges"), m.Changes}
}
