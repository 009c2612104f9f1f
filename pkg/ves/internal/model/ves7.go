package model

// Types7 are the types of VES 7.0.1 to 7.2.1, event and header first. Every object is
// closed to unknown members, save internalHeaderFields, hashMaps and free JSON objects.
func Types7() []Type {
	ts := []Type{event7(), header7()}
	ts = append(ts, measurementTypes7()...)
	ts = append(ts, ipmiTypes()...)
	ts = append(ts, blocks7()...)
	ts = append(ts, perf3gpp()...)
	return append(ts, flows7()...)
}

// Domains7 lists the domains of 7.x and their blocks.
func Domains7() []Domain {
	return []Domain{
		{Name: "fault", Abbreviation: "Fault", Block: "faultFields", VersionMember: "faultFieldsVersion", BlockVersion: "4.0"},
		{Name: "heartbeat", Abbreviation: "Heartbeat", Block: "heartbeatFields", VersionMember: "heartbeatFieldsVersion", BlockVersion: "3.0", BlockOptional: true},
		{Name: "measurement", Abbreviation: "Measurement", Block: "measurementFields", VersionMember: "measurementFieldsVersion", BlockVersion: "4.0"},
		{Name: "mobileFlow", Abbreviation: "MobileFlow", Block: "mobileFlowFields", VersionMember: "mobileFlowFieldsVersion", BlockVersion: "4.0"},
		{Name: "notification", Abbreviation: "Notification", Block: "notificationFields", VersionMember: "notificationFieldsVersion", BlockVersion: "2.0"},
		{Name: "other", Abbreviation: "Other", Block: "otherFields", VersionMember: "otherFieldsVersion", BlockVersion: "3.0"},
		{Name: "perf3gpp", Abbreviation: "Perf3gpp", Block: "perf3gppFields", VersionMember: "perf3gppFieldsVersion", BlockVersion: "1.0", Since: V7_1_1},
		{Name: "pnfRegistration", Abbreviation: "PnfReg", Block: "pnfRegistrationFields", VersionMember: "pnfRegistrationFieldsVersion", BlockVersion: "2.0"},
		{Name: "sipSignaling", Abbreviation: "SipSignaling", Block: "sipSignalingFields", VersionMember: "sipSignalingFieldsVersion", BlockVersion: "3.0"},
		{Name: "stateChange", Abbreviation: "StateChange", Block: "stateChangeFields", VersionMember: "stateChangeFieldsVersion", BlockVersion: "4.0"},
		{Name: "stndDefined", Abbreviation: "StndDefined", Block: "stndDefinedFields", VersionMember: "stndDefinedFieldsVersion", BlockVersion: "1.0", Since: V7_2},
		{Name: "syslog", Abbreviation: "Syslog", Block: "syslogFields", VersionMember: "syslogFieldsVersion", BlockVersion: "4.0"},
		{Name: "thresholdCrossingAlert", Abbreviation: "Tca", Block: "thresholdCrossingAlertFields", VersionMember: "thresholdCrossingFieldsVersion", BlockVersion: "4.0"},
		{Name: "voiceQuality", Abbreviation: "VoiceQuality", Block: "voiceQualityFields", VersionMember: "voiceQualityFieldsVersion", BlockVersion: "4.0"},
	}
}

func event7() Type {
	t := obj("event", "One event: its header and at most one block.",
		object("commonEventHeader", "commonEventHeader", "what every event says of itself", req))
	for _, d := range Domains7() {
		t.Members = append(t.Members, object(d.Block, d.Block, "block of the domain "+d.Name, since(d.Since)))
	}
	return t
}

func blocks7() []Type {
	return []Type{
		obj("heartbeatFields", "A sign of life.",
			version("heartbeatFieldsVersion", Value{Text: "3.0"}),
			integer("heartbeatInterval", "time to the next heartbeat", Seconds, req),
			hash("additionalFields", "further fields, by name")),
		obj("faultFields", "A fault and how bad it is.",
			version("faultFieldsVersion", Value{Text: "4.0"}), faultCommon(),
			hash("alarmAdditionalInformation", "further information, by name")),
		obj("thresholdCrossingAlertFields", "An alert about counters that crossed thresholds.",
			version("thresholdCrossingFieldsVersion", Value{Text: "4.0"}), tcaCommon(),
			hash("additionalFields", "further fields, by name")),
		obj("counter", "Counters that crossed a threshold.",
			enum("criticality", "how bad", values("CRIT", "MAJ"), req, goType("Criticality")),
			hash("hashMap", "counter values, by name", req),
			str("thresholdCrossed", "the threshold", req)),
		obj("syslogFields", "One system log message.",
			version("syslogFieldsVersion", Value{Text: "4.0"}), syslogCommon(),
			str("syslogMsgHost", "host named in the message"),
			str("syslogTs", "time stamp of the message"),
			hash("additionalFields", "further fields, by name")),
		obj("notificationFields", "A notification of a change.",
			version("notificationFieldsVersion", Value{Text: "2.0"}),
			str("changeIdentifier", "what changed", req),
			str("changeType", "kind of change", req),
			strs(
				"changeContact", "whom to ask about it",
				"newState", "state now",
				"oldState", "state before",
				"stateInterface", "port or interface concerned"),
			hash("additionalFields", "further fields, by name"),
			member("arrayOfNamedHashMap", "further groups of fields", NamedMaps, nil)),
		obj("stateChangeFields", "A change of state of an entity.",
			version("stateChangeFieldsVersion", Value{Text: "4.0"}), stateCommon(),
			hash("additionalFields", "further fields, by name")),
		obj("otherFields", "Anything that no other domain covers.",
			version("otherFieldsVersion", Value{Text: "3.0"}),
			hash("hashMap", "fields, by name"),
			member("arrayOfNamedHashMap", "groups of fields", NamedMaps, nil),
			items("jsonObjects", "jsonObject", "JSON objects")),
		obj("pnfRegistrationFields", "A physical function that reports for service.",
			version("pnfRegistrationFieldsVersion", Value{Text: "2.0"}, Value{Text: "2.1", Since: V7_2_1}),
			str("oamV4IpAddress", "IPv4 management address", until(V7_2_1)),
			str("oamV6IpAddress", "IPv6 management address", until(V7_2_1)),
			str("oamV4IpAddress", "IPv4 management address", format("ipv4"), since(V7_2_1)),
			str("oamV6IpAddress", "IPv6 management address", format("ipv6"), since(V7_2_1)),
			strs(
				"lastServiceDate", "date of the last service",
				"macAddress", "MAC address of the management interface",
				"manufactureDate", "date of manufacture",
				"modelNumber", "model",
				"serialNumber", "serial number",
				"softwareVersion", "software version",
				"unitFamily", "family of the unit",
				"unitType", "type of the unit",
				"vendorName", "vendor"),
			hash("additionalFields", "further fields, by name")),
		obj("stndDefinedFields", "An event as another standards body defines it.",
			version("stndDefinedFieldsVersion", Value{Text: "1.0"}),
			member("data", "the event itself", AnyObject, []option{req}),
			str("schemaReference", "schema that data follows", format("uri"))),
		jsonObjectType(),
		obj("jsonObjectInstance", "One instance of a JSON object.",
			member("objectInstance", "the object itself", AnyObject, nil),
			num("objectInstanceEpochMicrosec", "when it was true", Microseconds, epoch),
			items("objectKeys", "key", "keys of the instance"),
			object("jsonObject", "jsonObject", "a nested object")),
		jsonKey(),
	}
}

func perf3gpp() []Type {
	p := integer("p", "place of the type in measTypes, from 1", None, req)
	ts := []Type{
		obj("perf3gppFields", "Performance measurements as 3GPP TS 28.550 defines them.",
			version("perf3gppFieldsVersion", Value{Text: "1.0"}, Value{Text: "1.0.1"}),
			object("measDataCollection", "measDataCollection", "the measurements", req),
			hash("eventAddlFields", "further fields, by name")),
		obj("measDataCollection", "Measurements of one granularity period.",
			num("granularityPeriod", "length of the period", Seconds, req),
			str("measuredEntityDn", "distinguished name of the measured entity", req),
			items("measInfoList", "measInfo", "groups of measurements", req),
			str("formatVersion", "version of the 3GPP format"),
			member("measObjInstIdList", "distinguished names of measured objects", Strings, nil),
			str("measuredEntitySoftwareVersion", "software version of the entity"),
			str("measuredEntityUserName", "user's name for the entity")),
		obj("measInfo", "Measurements that share their types.",
			oneOf("measTypes", "types of the measurements", OneOf, []string{"measTypesInteger", "measTypesString"}, req),
			items("measValuesList", "measValues", "values per measured object", req),
			oneOf("measInfoId", "id of the group", OneOf, []string{"measInfoIdInteger", "measInfoIdString"}),
			str("jobId", "id of the measurement job")),
		obj("measValues", "Values of one measured object.",
			str("measObjInstId", "distinguished name of the object", req),
			oneOf("measResults", "results", OneOfItems, []string{"measResultInteger", "measResultNull", "measResultNumber", "measResultString"}, req),
			boolString("suspectFlag", "whether the values are doubtful"),
			hash("measObjAddlFlds", "further fields, by name")),
		obj("measInfoIdInteger", "Group id as a number.", integer("iMeasInfoId", "id", None, req)),
		obj("measInfoIdString", "Group id as text.", str("sMeasInfoId", "id", req)),
		obj("measTypesInteger", "Types as numbers.", member("iMeasTypesList", "types", Integers, []option{req})),
		obj("measTypesString", "Types as text.", member("sMeasTypesList", "types", Strings, []option{req})),
		obj("measResultInteger", "Whole result.", p, integer("iValue", "value", Unstated, req)),
		obj("measResultNull", "Missing result.", p, boolString("isNull", "whether the result is missing", req)),
		obj("measResultNumber", "Real result.", p, num("rValue", "value", Unstated, req)),
		obj("measResultString", "Text result.", p, str("sValue", "value", req)),
	}
	for i := range ts {
		ts[i].Since = V7_1_1
	}
	return ts
}

func flows7() []Type {
	names := object("vendorNfNameFields", "vendorNfNameFields", "who made the function and what it is called", req)
	return []Type{
		obj("mobileFlowFields", "A mobile flow.",
			version("mobileFlowFieldsVersion", Value{Text: "4.0"}), flowCommon(),
			hash("additionalFields", "further fields, by name")),
		obj("gtpPerFlowMetrics", "Measurements of one GTP flow.", gtpCommon(),
			hash("ipTosCountList", "packets by type of service"),
			hash("mobileQciCosCountList", "packets by QCI or class of service"),
			hash("tcpFlagCountList", "packets by TCP flag")),
		obj("sipSignalingFields", "One SIP message.",
			version("sipSignalingFieldsVersion", Value{Text: "3.0"}), sipCommon(), names,
			hash("additionalInformation", "further information, by name")),
		obj("voiceQualityFields", "Quality of one call.",
			version("voiceQualityFieldsVersion", Value{Text: "4.0"}), voiceCommon(), names,
			hash("additionalInformation", "further information, by name")),
		obj("endOfCallVqmSummaries", "Quality of one call on one side.", vqmCommon(),
			num("oneWayDelay", "one-way delay", Milliseconds),
			nums(Unstated,
				"endpointAverageJitter", "average jitter at the endpoint",
				"endpointMaxJitter", "highest jitter at the endpoint",
				"localAverageJitter", "average local jitter",
				"localAverageJitterBufferDelay", "average delay of the local jitter buffer",
				"localMaxJitter", "highest local jitter",
				"localMaxJitterBufferDelay", "highest delay of the local jitter buffer"),
			counts(
				"endpointRtpOctetsLost", "RTP octets lost, endpoint",
				"endpointRtpPacketsLost", "RTP packets lost, endpoint",
				"localRtpOctetsLost", "RTP octets lost, local",
				"localRtpPacketsLost", "RTP packets lost, local")),
		obj("vendorNfNameFields", "Vendor and names of a network function.",
			str("vendorName", "vendor", req),
			str("nfModuleName", "module"),
			str("nfName", "function")),
	}
}
