package hvpb

import (
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/vesbridge/vesbridge/pkg/ves"
)

const (
	// fieldsVersion is the version of Perf3gppFields.
	fieldsVersion = "1.0"
	// formatVersion is the format that the protobuf follows, for events that do not say.
	formatVersion = "28.550 2.0"

	perf3gppPointer   = "/event/perf3gppFields"
	collectionPointer = perf3gppPointer + "/measDataCollection"
)

// FromPerf3GPP converts the block of a perf3gpp event. Refused, with a *ves.ValidationError of
// all violations: textual results, which the protobuf does not have; ids and types beyond 32
// bits; a granularity period that is not a positive number of whole seconds; places that point
// nowhere. Names that measObjInstIdList has are told by their place there.
func FromPerf3GPP(f *ves.Perf3GPPFields) (*Perf3GppFields, error) {
	c := checker{at: collectionPointer}
	in := &f.MeasDataCollection
	out := &MeasDataCollection{
		FormatVersion:                 in.FormatVersion,
		GranularityPeriod:             c.period(in.GranularityPeriod),
		MeasuredEntityUserName:        in.MeasuredEntityUserName,
		MeasuredEntityDn:              c.text("measuredEntityDn", in.MeasuredEntityDn),
		MeasuredEntitySoftwareVersion: in.MeasuredEntitySoftwareVersion,
		MeasObjInstIdList:             slices.Clone(in.MeasObjInstIDList),
	}
	if out.FormatVersion == "" {
		out.FormatVersion = formatVersion
	}
	// The first place of each name: a sender may repeat one.
	places := make(map[string]uint32, len(in.MeasObjInstIDList))
	for i, name := range in.MeasObjInstIDList {
		if _, known := places[name]; !known {
			places[name] = uint32(i) + 1
		}
	}
	for i := range in.MeasInfoList {
		c.at = collectionPointer + "/measInfoList/" + strconv.Itoa(i)
		out.MeasInfo = append(out.MeasInfo, c.fromInfo(&in.MeasInfoList[i], places))
	}
	if err := c.err(""); err != nil {
		return nil, err
	}
	return &Perf3GppFields{Perf3GppFieldsVersion: fieldsVersion, MeasDataCollection: out, EventAddlFlds: fromHash(f.EventAddlFields)}, nil
}

// period reads whole seconds: proto3 cannot tell 0 from a period that is missing.
func (c *checker) period(seconds ves.Opt[float64]) uint32 {
	if x := seconds.Value; x >= 1 && x <= math.MaxUint32 && x == math.Trunc(x) {
		return uint32(x)
	}
	c.add("granularityPeriod", ves.CodeRange, "must be whole seconds from 1 to 4294967295 in the protobuf",
		strconv.FormatFloat(seconds.Value, 'g', -1, 64), "")
	return 0
}

func (c *checker) fromInfo(m *ves.MeasInfo, places map[string]uint32) *MeasInfo {
	out := &MeasInfo{JobId: m.JobID}
	switch id := m.MeasInfoID; {
	case id == nil:
	case id.IMeasInfoID.Set:
		out.MeasInfoId = &MeasInfo_IMeasInfoId{IMeasInfoId: c.uint32("measInfoId/iMeasInfoId", id.IMeasInfoID.Value)}
	case id.SMeasInfoID.Set:
		out.MeasInfoId = &MeasInfo_SMeasInfoId{SMeasInfoId: id.SMeasInfoID.Value}
	}
	var types int
	if m.MeasTypes.IMeasTypesList != nil {
		list := &MeasInfo_IMeasTypes{}
		for i, n := range m.MeasTypes.IMeasTypesList {
			list.IMeasType = append(list.IMeasType, c.uint32("measTypes/iMeasTypesList/"+strconv.Itoa(i), n))
		}
		types, out.MeasTypes = len(list.IMeasType), &MeasInfo_IMeasTypes_{IMeasTypes: list}
	} else {
		list := &MeasInfo_SMeasTypes{SMeasType: slices.Clone(m.MeasTypes.SMeasTypesList)}
		types, out.MeasTypes = len(list.SMeasType), &MeasInfo_SMeasTypes_{SMeasTypes: list}
	}
	at := c.at
	for i := range m.MeasValuesList {
		c.at = at + "/measValuesList/" + strconv.Itoa(i)
		out.MeasValues = append(out.MeasValues, c.fromValues(&m.MeasValuesList[i], places, types))
	}
	c.at = at
	return out
}

func (c *checker) fromValues(v *ves.MeasValues, places map[string]uint32, types int) *MeasValue {
	out := &MeasValue{SuspectFlag: v.SuspectFlag.Value, MeasObjAddlFlds: fromHash(v.MeasObjAddlFlds)}
	if place, listed := places[v.MeasObjInstID]; listed {
		out.MeasObjInstId = &MeasValue_MeasObjInstIdListIdx{MeasObjInstIdListIdx: place}
	} else {
		out.MeasObjInstId = &MeasValue_SMeasObjInstId{SMeasObjInstId: v.MeasObjInstID}
	}
	at := c.at
	for i := range v.MeasResults {
		c.at = at + "/measResults/" + strconv.Itoa(i)
		out.MeasResults = append(out.MeasResults, c.fromResult(&v.MeasResults[i], types))
	}
	c.at = at
	return out
}

// fromResult keeps p in every result. It may be left out where the results are complete, but a
// place that is told cannot be guessed wrong.
func (c *checker) fromResult(r *ves.MeasResult, types int) *MeasResult {
	if r.P < 1 || r.P > int64(types) {
		c.add("p", ves.CodeRange, "must be a place in measTypes, from 1 to "+strconv.Itoa(types), strconv.FormatInt(r.P, 10), "")
		return nil
	}
	out := &MeasResult{P: uint32(r.P)}
	switch {
	case r.IValue.Set:
		out.XValue = &MeasResult_IValue{IValue: r.IValue.Value}
	case r.RValue.Set:
		out.XValue = &MeasResult_RValue{RValue: c.finite("rValue", r.RValue.Value)}
	case r.IsNull.Set:
		out.XValue = &MeasResult_IsNull{IsNull: r.IsNull.Value}
	case r.SValue.Set:
		c.add("sValue", ves.CodeOneOf, "cannot be told in HV-VES, whose results are numbers or null",
			strconv.Quote(r.SValue.Value), "send a number, or send the event to a VES collector")
	default:
		c.add("", ves.CodeOneOf, "must have iValue, rValue or isNull", "", "send isNull where there is no result")
	}
	return out
}

func (c *checker) finite(member string, x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		c.add(member, ves.CodeFinite, "must be a finite number", strconv.FormatFloat(x, 'g', -1, 64), "send isNull where there is no result")
	}
	return x
}

func fromHash(h ves.HashMap) map[string]string {
	if len(h) == 0 {
		return nil
	}
	out := make(map[string]string, len(h))
	for i := range h {
		out[h[i].Key] = h[i].Value()
	}
	return out
}

// toHash sorts the entries, so that equal events give equal JSON.
func toHash(m map[string]string) ves.HashMap {
	var out ves.HashMap
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, ves.KV{Key: k, Text: m[k]})
	}
	return out
}

// ToPerf3GPP is the inverse of FromPerf3GPP: places become explicit, and references to
// measObjInstIdList the names that they stand for. Refused, with a *ves.ValidationError: what is
// missing and has no empty form, places that point nowhere, results that are no numbers.
func ToPerf3GPP(f *Perf3GppFields) (*ves.Perf3GPPFields, error) {
	c := checker{at: collectionPointer}
	in := f.GetMeasDataCollection()
	if in == nil {
		c.at = perf3gppPointer
		c.add("measDataCollection", ves.CodeRequired, "must be present", "", "")
		return nil, c.err("")
	}
	out := &ves.Perf3GPPFields{
		MeasDataCollection: ves.MeasDataCollection{
			GranularityPeriod:             ves.Some(float64(in.GetGranularityPeriod())),
			MeasuredEntityDn:              in.GetMeasuredEntityDn(),
			FormatVersion:                 in.GetFormatVersion(),
			MeasObjInstIDList:             slices.Clone(in.GetMeasObjInstIdList()),
			MeasuredEntitySoftwareVersion: in.GetMeasuredEntitySoftwareVersion(),
			MeasuredEntityUserName:        in.GetMeasuredEntityUserName(),
		},
		EventAddlFields: toHash(f.GetEventAddlFlds()),
	}
	for i, m := range in.GetMeasInfo() {
		c.at = collectionPointer + "/measInfoList/" + strconv.Itoa(i)
		out.MeasDataCollection.MeasInfoList = append(out.MeasDataCollection.MeasInfoList, c.toInfo(m, in.GetMeasObjInstIdList()))
	}
	if err := c.err(""); err != nil {
		return nil, err
	}
	return out, nil
}

func (c *checker) toInfo(m *MeasInfo, objects []string) ves.MeasInfo {
	out := ves.MeasInfo{JobID: m.GetJobId()}
	switch id := m.GetMeasInfoId().(type) {
	case *MeasInfo_IMeasInfoId:
		out.MeasInfoID = &ves.MeasInfoID{IMeasInfoID: ves.Some(int64(id.IMeasInfoId))}
	case *MeasInfo_SMeasInfoId:
		out.MeasInfoID = &ves.MeasInfoID{SMeasInfoID: ves.Some(id.SMeasInfoId)}
	}
	types := 0
	switch list := m.GetMeasTypes().(type) {
	case *MeasInfo_IMeasTypes_:
		out.MeasTypes.IMeasTypesList = []int64{} // a list that is empty is still the choice
		for _, n := range list.IMeasTypes.GetIMeasType() {
			out.MeasTypes.IMeasTypesList = append(out.MeasTypes.IMeasTypesList, int64(n))
		}
		types = len(out.MeasTypes.IMeasTypesList)
	case *MeasInfo_SMeasTypes_:
		out.MeasTypes.SMeasTypesList = append([]string{}, list.SMeasTypes.GetSMeasType()...)
		types = len(out.MeasTypes.SMeasTypesList)
	default:
		c.add("measTypes", ves.CodeRequired, "must be present", "", "")
	}
	at := c.at
	for i, v := range m.GetMeasValues() {
		c.at = at + "/measValuesList/" + strconv.Itoa(i)
		out.MeasValuesList = append(out.MeasValuesList, c.toValues(v, objects, types))
	}
	c.at = at
	return out
}

func (c *checker) toValues(v *MeasValue, objects []string, types int) ves.MeasValues {
	out := ves.MeasValues{MeasObjAddlFlds: toHash(v.GetMeasObjAddlFlds())}
	if v.GetSuspectFlag() {
		out.SuspectFlag = ves.Some(true)
	}
	switch id := v.GetMeasObjInstId().(type) {
	case *MeasValue_SMeasObjInstId:
		out.MeasObjInstID = id.SMeasObjInstId
	case *MeasValue_MeasObjInstIdListIdx:
		if place := uint64(id.MeasObjInstIdListIdx); place < 1 || place > uint64(len(objects)) {
			c.add("measObjInstId", ves.CodeRange, "must be a place in measObjInstIdList, from 1 to "+strconv.Itoa(len(objects)),
				strconv.FormatUint(place, 10), "")
		} else {
			out.MeasObjInstID = objects[place-1]
		}
	default:
		c.add("measObjInstId", ves.CodeRequired, "must be present", "", "")
	}
	complete := len(v.GetMeasResults()) == types
	at := c.at
	for i, r := range v.GetMeasResults() {
		c.at = at + "/measResults/" + strconv.Itoa(i)
		place := int64(r.GetP())
		if place == 0 && complete {
			place = int64(i) + 1
		}
		if place < 1 || place > int64(types) {
			c.add("p", ves.CodeRange, "must be a place in measTypes, from 1 to "+strconv.Itoa(types)+"; only complete results may go without",
				strconv.FormatInt(place, 10), "")
		}
		out.MeasResults = append(out.MeasResults, c.toResult(r, place))
	}
	c.at = at
	return out
}

func (c *checker) toResult(r *MeasResult, place int64) ves.MeasResult {
	out := ves.MeasResult{P: place}
	switch x := r.GetXValue().(type) {
	case *MeasResult_IValue:
		out.IValue = ves.Some(x.IValue)
	case *MeasResult_RValue:
		out.RValue = ves.Some(c.finite("rValue", x.RValue))
	case *MeasResult_IsNull:
		out.IsNull = ves.Some(x.IsNull)
	default:
		c.add("", ves.CodeRequired, "must have iValue, rValue or isNull", "", "send isNull where there is no result")
	}
	return out
}
