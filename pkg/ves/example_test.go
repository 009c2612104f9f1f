package ves_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/vesbridge/vesbridge/pkg/ves"
)

func ExampleNewMeasurement() {
	start := time.Date(2026, 11, 23, 13, 0, 0, 0, time.UTC)
	e, err := ves.NewMeasurement(ves.Header{
		EventID: "cart-1", EventName: "Measurement_Mesh-Envoy_Sidecar", SourceName: "cart", ReportingEntityName: "bridge",
		StartEpochMicrosec: ves.Micros(start), LastEpochMicrosec: ves.Micros(start.Add(time.Minute)),
	}, time.Minute)
	if err != nil {
		fmt.Println(err)
		return
	}
	rate, err := ves.FieldAt(ves.V7_2_1, ves.DomainMeasurement, "requestRate")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := e.Measurement.SetNumber(rate, 12.5); err != nil {
		fmt.Println(err)
	}
	body, err := e.AppendJSON(nil, ves.V7_2_1)
	fmt.Printf("%s %v\n", body[len(body)-46:], err)
	// Output: "measurementInterval":60,"requestRate":12.5}}} <nil>
}

func ExampleFieldAt() {
	_, err := ves.FieldAt(ves.V7_2_1, ves.DomainMeasurement, "percentUsage")
	fmt.Println(err)
	// Output: domain measurement of VES 7.2.1 has no field "percentUsage"; the name exists as cpuUsageArray.percentUsage
}

func ExampleCheckJSON() {
	body := []byte(`{"event":{"commonEventHeader":{"domain":"heartbeat","eventId":"h 1","eventName":"Heartbeat_a-b_c","priority":"normal",` +
		`"sequence":0.0,"startEpochMicrosec":1795438800000,"lastEpochMicrosec":1795438800000000,"sourceName":"s",` +
		`"reportingEntityName":"r","version":"4.1","vesEventListenerVersion":"7.2.1"}}}`)
	for _, v := range ves.CheckJSON(body, ves.V7_2_1, ves.CheckOptions{Strict: true}) {
		fmt.Println(v)
	}
	// Output:
	// /event/commonEventHeader/priority: must be one of High, Medium, Normal, Low, got "normal" (did you mean Normal?)
	// /event/commonEventHeader/sequence: must be an integer without fraction or exponent, got 0.0 (round it)
	// /event/commonEventHeader/eventId: must not be empty or contain white space, got "h 1" (use letters, digits, - and _)
	// /event/commonEventHeader/startEpochMicrosec: must be microseconds since 1970, between the years 2000 and 2100, got 1795438800000 (this looks like milliseconds: multiply by 1000)
}

func ExampleConvert() {
	body := []byte(`{"event":{"commonEventHeader":{"domain":"measurement","eventId":"m1","eventName":"Measurement_Mesh-Envoy_Sidecar",` +
		`"startEpochMicrosec":1795438800000000,"lastEpochMicrosec":1795438860000000,"priority":"Normal","sequence":0,"sourceName":"cart",` +
		`"reportingEntityName":"bridge","version":"4.1","vesEventListenerVersion":"7.2.1"},"measurementFields":{"measurementFieldsVersion":"4.0",` +
		`"measurementInterval":60,"nfcScalingMetric":40,"loadArray":[{"shortTerm":0.5}]}}}`)
	out, lost, err := ves.Convert(nil, body, ves.V7_2_1, ves.V5_4_1)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, block, _ := strings.Cut(string(out), `"version":3.0},`)
	fmt.Println(block, lost)
	// Output: "measurementsForVfScalingFields":{"measurementsForVfScalingVersion":2.0,"measurementInterval":60,"vnfcScalingMetric":40,"additionalMeasurements":[{"name":"loadArray/0","arrayOfFields":[{"name":"shortTerm","value":"0.5"}]}]}}} []
}
