package hvpb

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/vesbridge/vesbridge/pkg/ves"
)

const (
	// formatVersion is the format that the protobuf follows, for events that do not say.
	formatVersion = "28.550 2.0"

	perf3gppPointer   = "/event/perf3gppFields"
	collectionPointer = perf3gppPointer + "/measDataCollection"
)

// perf3gppFields of VES 7.2.1.
type perf3gppJSON struct {
	Version         string            `json:"perf3gppFieldsVersion"`
	Collection      collectionJSON    `json:"measDataCollection"`
	EventAddlFields map[string]string `json:"eventAddlFields,omitempty"`
}

type collectionJSON struct {
	FormatVersion     string         `json:"formatVersion,omitempty"`
	GranularityPeriod json.Number    `json:"granularityPeriod"`
	UserName          string         `json:"measuredEntityUserName,omitempty"`
	DN                string         `json:"measuredEntityDn"`
	SoftwareVersion   string         `json:"measuredEntitySoftwareVersion,omitempty"`
	ObjectList        []string       `json:"measObjInstIdList,omitempty"`
	MeasInfoList      []measInfoJSON `json:"measInfoList"`
}

type measInfoJSON struct {
	ID     *measInfoIDJSON `json:"measInfoId,omitempty"`
	Types  measTypesJSON   `json:"measTypes"`
	JobID  string          `json:"jobId,omitempty"`
	Values []valuesJSON    `json:"measValuesList"`
}

// measInfoIDJSON has exactly one member.
type measInfoIDJSON struct {
	Number *json.Number `json:"iMeasInfoId,omitempty"`
	Text   *string      `json:"sMeasInfoId,omitempty"`
}

// measTypesJSON has exactly one member, which may be an empty list.
type measTypesJSON struct {
	Numbers *[]json.Number `json:"iMeasTypesList,omitempty"`
	Texts   *[]string      `json:"sMeasTypesList,omitempty"`
}

type valuesJSON struct {
	Object     string            `json:"measObjInstId"`
	Results    []resultJSON      `json:"measResults"`
	Suspect    string            `json:"suspectFlag,omitempty"`
	AddlFields map[string]string `json:"measObjAddlFlds,omitempty"`
}

// resultJSON has exactly one member besides p.
type resultJSON struct {
	P       json.Number  `json:"p"`
	Integer *json.Number `json:"iValue,omitempty"`
	Real    *json.Number `json:"rValue,omitempty"`
	Text    *string      `json:"sValue,omitempty"`
	Null    string       `json:"isNull,omitempty"`
}

// message converts perf3gppFields. The numbers' way is exact or it is refused.
func (f *perf3gppJSON) message(eventID string) (*Perf3GppFields, error) {
	c := checker{at: collectionPointer}
	in := &f.Collection
	out := &MeasDataCollection{
		FormatVersion:                 in.FormatVersion,
		GranularityPeriod:             c.period(in.GranularityPeriod),
		MeasuredEntityUserName:        in.UserName,
		MeasuredEntityDn:              c.text("measuredEntityDn", in.DN),
		MeasuredEntitySoftwareVersion: in.SoftwareVersion,
		MeasObjInstIdList:             in.ObjectList,
	}
	if out.FormatVersion == "" {
		out.FormatVersion = formatVersion
	}
	// The first place of each name: a sender may repeat one.
	places := make(map[string]uint32, len(in.ObjectList))
	for i, name := range in.ObjectList {
		if _, known := places[name]; !known {
			places[name] = uint32(i) + 1
		}
	}
	for i := range in.MeasInfoList {
		c.at = collectionPointer + "/measInfoList/" + strconv.Itoa(i)
		out.MeasInfo = append(out.MeasInfo, in.MeasInfoList[i].message(&c, places))
	}
	if err := c.err(eventID); err != nil {
		return nil, err
	}
	return &Perf3GppFields{Perf3GppFieldsVersion: f.Version, MeasDataCollection: out, EventAddlFlds: f.EventAddlFields}, nil
}

// period reads whole seconds: proto3 cannot tell 0 from a period that is missing.
func (c *checker) period(n json.Number) uint32 {
	i := c.integer("granularityPeriod", n)
	if i == 0 && len(c.out) == 0 {
		c.add("granularityPeriod", ves.CodeRange, "must be at least one second", string(n), "")
	}
	return c.uint32("granularityPeriod", i)
}

func (m *measInfoJSON) message(c *checker, places map[string]uint32) *MeasInfo {
	out := &MeasInfo{JobId: m.JobID}
	if m.ID != nil && m.ID.Number != nil {
		id := c.uint32("measInfoId/iMeasInfoId", c.integer("measInfoId/iMeasInfoId", *m.ID.Number))
		out.MeasInfoId = &MeasInfo_IMeasInfoId{IMeasInfoId: id}
	} else if m.ID != nil && m.ID.Text != nil {
		out.MeasInfoId = &MeasInfo_SMeasInfoId{SMeasInfoId: *m.ID.Text}
	}
	types := 0
	if m.Types.Numbers != nil {
		list := &MeasInfo_IMeasTypes{}
		for i, n := range *m.Types.Numbers {
			member := "measTypes/iMeasTypesList/" + strconv.Itoa(i)
			list.IMeasType = append(list.IMeasType, c.uint32(member, c.integer(member, n)))
		}
		types, out.MeasTypes = len(list.IMeasType), &MeasInfo_IMeasTypes_{IMeasTypes: list}
	} else if m.Types.Texts != nil {
		list := &MeasInfo_SMeasTypes{SMeasType: *m.Types.Texts}
		types, out.MeasTypes = len(list.SMeasType), &MeasInfo_SMeasTypes_{SMeasTypes: list}
	}
	at := c.at
	for i := range m.Values {
		c.at = at + "/measValuesList/" + strconv.Itoa(i)
		out.MeasValues = append(out.MeasValues, m.Values[i].message(c, places, types))
	}
	c.at = at
	return out
}

func (v *valuesJSON) message(c *checker, places map[string]uint32, types int) *MeasValue {
	out := &MeasValue{SuspectFlag: v.Suspect == "true", MeasObjAddlFlds: v.AddlFields}
	if place, listed := places[v.Object]; listed {
		out.MeasObjInstId = &MeasValue_MeasObjInstIdListIdx{MeasObjInstIdListIdx: place}
	} else {
		out.MeasObjInstId = &MeasValue_SMeasObjInstId{SMeasObjInstId: v.Object}
	}
	at := c.at
	for i := range v.Results {
		c.at = at + "/measResults/" + strconv.Itoa(i)
		out.MeasResults = append(out.MeasResults, v.Results[i].message(c, types))
	}
	c.at = at
	return out
}

// message keeps p in every result. It may be left out where the results are complete, but a
// place that is told cannot be guessed wrong.
func (r *resultJSON) message(c *checker, types int) *MeasResult {
	out := &MeasResult{}
	if p, err := r.P.Int64(); err != nil || p < 1 || p > int64(types) {
		c.add("p", ves.CodeRange, "must be a place in measTypes, from 1 to "+strconv.Itoa(types), string(r.P), "")
	} else {
		out.P = uint32(p)
	}
	switch {
	case r.Integer != nil:
		out.XValue = &MeasResult_IValue{IValue: c.integer("iValue", *r.Integer)}
	case r.Real != nil:
		x, err := strconv.ParseFloat(string(*r.Real), 64)
		if err != nil {
			c.add("rValue", ves.CodeRange, "must fit into a double", string(*r.Real), "")
		}
		out.XValue = &MeasResult_RValue{RValue: x}
	case r.Text != nil:
		c.add("sValue", ves.CodeOneOf, "cannot be told in HV-VES, whose results are numbers or null",
			strconv.Quote(*r.Text), "send a number, or send the event to a VES collector")
	default:
		out.XValue = &MeasResult_IsNull{IsNull: r.Null == "true"}
	}
	return out
}

// perf3gppOf is the way back. Places are made explicit, and references to measObjInstIdList
// become the names that they stand for.
func perf3gppOf(f *Perf3GppFields, eventID string) (*perf3gppJSON, error) {
	c := checker{at: collectionPointer}
	in := f.GetMeasDataCollection()
	if in == nil {
		c.at = perf3gppPointer
		c.add("measDataCollection", ves.CodeRequired, "must be present", "", "")
		return nil, c.err(eventID)
	}
	out := &perf3gppJSON{
		Version: f.GetPerf3GppFieldsVersion(),
		Collection: collectionJSON{
			FormatVersion:     in.GetFormatVersion(),
			GranularityPeriod: number(in.GetGranularityPeriod()),
			UserName:          in.GetMeasuredEntityUserName(),
			DN:                in.GetMeasuredEntityDn(),
			SoftwareVersion:   in.GetMeasuredEntitySoftwareVersion(),
			ObjectList:        in.GetMeasObjInstIdList(),
			MeasInfoList:      make([]measInfoJSON, len(in.GetMeasInfo())),
		},
		EventAddlFields: f.GetEventAddlFlds(),
	}
	for i, m := range in.GetMeasInfo() {
		c.at = collectionPointer + "/measInfoList/" + strconv.Itoa(i)
		out.Collection.MeasInfoList[i] = measInfoOf(&c, m, in.GetMeasObjInstIdList())
	}
	return out, c.err(eventID)
}

func measInfoOf(c *checker, m *MeasInfo, objects []string) measInfoJSON {
	out := measInfoJSON{JobID: m.GetJobId(), Values: make([]valuesJSON, len(m.GetMeasValues()))}
	switch id := m.GetMeasInfoId().(type) {
	case *MeasInfo_IMeasInfoId:
		out.ID = &measInfoIDJSON{Number: new(number(id.IMeasInfoId))}
	case *MeasInfo_SMeasInfoId:
		out.ID = &measInfoIDJSON{Text: &id.SMeasInfoId}
	}
	types := 0
	switch list := m.GetMeasTypes().(type) {
	case *MeasInfo_IMeasTypes_:
		numbers := make([]json.Number, len(list.IMeasTypes.GetIMeasType()))
		for i, n := range list.IMeasTypes.GetIMeasType() {
			numbers[i] = number(n)
		}
		types, out.Types.Numbers = len(numbers), &numbers
	case *MeasInfo_SMeasTypes_:
		texts := append([]string{}, list.SMeasTypes.GetSMeasType()...)
		types, out.Types.Texts = len(texts), &texts
	default:
		c.add("measTypes", ves.CodeRequired, "must be present", "", "")
	}
	at := c.at
	for i, v := range m.GetMeasValues() {
		c.at = at + "/measValuesList/" + strconv.Itoa(i)
		out.Values[i] = valuesOf(c, v, objects, types)
	}
	c.at = at
	return out
}

func valuesOf(c *checker, v *MeasValue, objects []string, types int) valuesJSON {
	out := valuesJSON{AddlFields: v.GetMeasObjAddlFlds(), Results: make([]resultJSON, len(v.GetMeasResults()))}
	if v.GetSuspectFlag() {
		out.Suspect = "true"
	}
	switch id := v.GetMeasObjInstId().(type) {
	case *MeasValue_SMeasObjInstId:
		out.Object = id.SMeasObjInstId
	case *MeasValue_MeasObjInstIdListIdx:
		if place := id.MeasObjInstIdListIdx; place < 1 || uint64(place) > uint64(len(objects)) {
			c.add("measObjInstId", ves.CodeRange, "must be a place in measObjInstIdList, from 1 to "+strconv.Itoa(len(objects)),
				strconv.FormatUint(uint64(place), 10), "")
		} else {
			out.Object = objects[place-1]
		}
	default:
		c.add("measObjInstId", ves.CodeRequired, "must be present", "", "")
	}
	at := c.at
	for i, r := range v.GetMeasResults() {
		c.at = at + "/measResults/" + strconv.Itoa(i)
		place := r.GetP()
		if place == 0 && len(v.GetMeasResults()) == types {
			place = uint32(i) + 1
		}
		if place < 1 || uint64(place) > uint64(types) {
			c.add("p", ves.CodeRange, "must be a place in measTypes, from 1 to "+strconv.Itoa(types)+"; only complete results may go without",
				strconv.FormatUint(uint64(place), 10), "")
		}
		out.Results[i] = resultOf(c, r, place)
	}
	c.at = at
	return out
}

func resultOf(c *checker, r *MeasResult, place uint32) resultJSON {
	out := resultJSON{P: number(place)}
	switch x := r.GetXValue().(type) {
	case *MeasResult_IValue:
		out.Integer = new(json.Number(strconv.FormatInt(x.IValue, 10)))
	case *MeasResult_RValue:
		if math.IsNaN(x.RValue) || math.IsInf(x.RValue, 0) {
			c.add("rValue", ves.CodeFinite, "must be a finite number", strconv.FormatFloat(x.RValue, 'g', -1, 64), "send isNull")
			break
		}
		out.Real = new(json.Number(strconv.FormatFloat(x.RValue, 'g', -1, 64)))
	case *MeasResult_IsNull:
		out.Null = strconv.FormatBool(x.IsNull)
	default:
		c.add("", ves.CodeRequired, "must have iValue, rValue or isNull", "", "send isNull where there is no result")
	}
	return out
}

func number(u uint32) json.Number { return json.Number(strconv.FormatUint(uint64(u), 10)) }
