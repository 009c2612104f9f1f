package model

// Types5 are the types of VES 5.4.1: a tree of its own, since nearly every name and
// container changed with 7.0. All its objects tolerate unknown members.
func Types5() []Type {
	ts := []Type{event5(), header5()}
	ts = append(ts, measurementTypes5()...)
	ts = append(ts, blocks5()...)
	for i := range ts {
		ts[i].Open = true
	}
	return ts
}

// Domains5 lists the domains of 5.4.1 and their blocks.
func Domains5() []Domain {
	return []Domain{
		{Name: "fault", Abbreviation: "Fault", Block: "faultFields", VersionMember: "faultFieldsVersion", BlockVersion: "2.0"},
		{Name: "heartbeat", Abbreviation: "Heartbeat", Block: "heartbeatFields", VersionMember: "heartbeatFieldsVersion", BlockVersion: "1.1", BlockOptional: true},
		{Name: "measurementsForVfScaling", Abbreviation: "Mfvs", Block: "measurementsForVfScalingFields", VersionMember: "measurementsForVfScalingVersion", BlockVersion: "2.0"},
		{Name: "mobileFlow", Abbreviation: "MobileFlow", Block: "mobileFlowFields", VersionMember: "mobileFlowFieldsVersion", BlockVersion: "2.0"},
		{Name: "other", Abbreviation: "Other", Block: "otherFields", VersionMember: "otherFieldsVersion", BlockVersion: "1.1"},
		{Name: "sipSignaling", Abbreviation: "SipSignaling", Block: "sipSignalingFields", VersionMember: "sipSignalingFieldsVersion", BlockVersion: "1.1"},
		{Name: "stateChange", Abbreviation: "StateChange", Block: "stateChangeFields", VersionMember: "stateChangeFieldsVersion", BlockVersion: "2.0"},
		{Name: "syslog", Abbreviation: "Syslog", Block: "syslogFields", VersionMember: "syslogFieldsVersion", BlockVersion: "3.0"},
		{Name: "thresholdCrossingAlert", Abbreviation: "Tca", Block: "thresholdCrossingAlertFields", VersionMember: "thresholdCrossingFieldsVersion", BlockVersion: "2.0"},
		{Name: "voiceQuality", Abbreviation: "VoiceQuality", Block: "voiceQualityFields", VersionMember: "voiceQualityFieldsVersion", BlockVersion: "1.1"},
	}
}

func event5() Type {
	t := obj("event", "One event: its header and at most one block.",
		object("commonEventHeader", "commonEventHeader", "what every event says of itself", req))
	for _, d := range Domains5() {
		t.Members = append(t.Members, object(d.Block, d.Block, "block of the domain "+d.Name))
	}
	return t
}

func header5() Type {
	var names []string
	for _, d := range Domains5() {
		names = append(names, d.Name)
	}
	return obj("commonEventHeader", "What every event says of itself.",
		enum("domain", "kind of event", values(names...), req),
		headerCommon(),
		version5("version"))
}

// version5 is a block version before 7.0.
func version5(name string) Member { return num(name, "version of this block's layout", None, req) }

// pairs is an array of name and value objects, the forerunner of the hashMap.
func pairs(name, doc string) Member { return items(name, "field", doc) }

func measurementTypes5() []Type {
	return []Type{
		obj("measurementsForVfScalingFields", "Measurements of one source over one interval.",
			version5("measurementsForVfScalingVersion"),
			measurementCommon(),
			integer("vnfcScalingMetric", "busy-ness of the function, 0 to 100", Percent),
			items("latencyDistribution", "latencyBucketMeasure", "requests by latency range"),
			items("cpuUsageArray", "cpuUsage", "use of CPUs"),
			items("memoryUsageArray", "memoryUsage", "use of memory"),
			items("vNicPerformanceArray", "vNicPerformance", "performance of network interfaces"),
			items("diskUsageArray", "diskUsage", "use of disks"),
			items("filesystemUsageArray", "filesystemUsage", "use of file systems"),
			items("codecUsageArray", "codecsInUse", "use of codecs"),
			items("featureUsageArray", "featuresInUse", "use of features"),
			items("additionalMeasurements", "namedArrayOfFields", "named groups of further measurements"),
			pairs("additionalFields", "further measurements"),
			items("additionalObjects", "jsonObject", "further measurements as JSON objects")),
		obj("cpuUsage", "Use of one CPU over the interval.", cpuCommon()),
		obj("memoryUsage", "Use of memory of one machine over the interval.", memoryCommon()),
		obj("vNicPerformance", "Performance of one network interface over the interval.",
			key("vNicIdentifier", "which interface"), suspect(), nicCounters()),
		obj("diskUsage", "Use of one disk over the interval.",
			key("diskIdentifier", "which disk"), diskStats()),
		filesystemUsage(),
		codecsInUse(),
		obj("featuresInUse", "How often one feature was used over the interval.",
			key("featureIdentifier", "which feature"),
			integer("featureUtilization", "uses", Count, req)),
		latencyBucketMeasure(),
		obj("field", "One name and its value.", str("name", "name", req), str("value", "value", req)),
		obj("namedArrayOfFields", "A named group of fields.",
			key("name", "name of the group"),
			items("arrayOfFields", "field", "the fields", req)),
	}
}

func blocks5() []Type {
	names := object("vendorVnfNameFields", "vendorVnfNameFields", "who made the function and what it is called", req)
	return []Type{
		obj("heartbeatFields", "A sign of life.", version5("heartbeatFieldsVersion"),
			integer("heartbeatInterval", "time to the next heartbeat", Seconds, req),
			pairs("additionalFields", "further fields")),
		obj("faultFields", "A fault and how bad it is.", version5("faultFieldsVersion"), faultCommon(),
			pairs("alarmAdditionalInformation", "further information")),
		obj("thresholdCrossingAlertFields", "An alert about counters that crossed thresholds.",
			version5("thresholdCrossingFieldsVersion"), tcaCommon(),
			pairs("additionalFields", "further fields")),
		obj("counter", "A counter that crossed a threshold.",
			enum("criticality", "how bad", values("CRIT", "MAJ"), req),
			str("name", "name of the counter", req),
			str("thresholdCrossed", "the threshold", req),
			str("value", "value of the counter", req)),
		obj("syslogFields", "One system log message.", version5("syslogFieldsVersion"), syslogCommon(),
			str("additionalFields", "further fields as text")),
		obj("stateChangeFields", "A change of state of an entity.", version5("stateChangeFieldsVersion"), stateCommon(),
			pairs("additionalFields", "further fields")),
		obj("otherFields", "Anything that no other domain covers.", version5("otherFieldsVersion"),
			pairs("nameValuePairs", "fields"),
			items("hashOfNameValuePairArrays", "namedArrayOfFields", "groups of fields"),
			items("jsonObjects", "jsonObject", "JSON objects")),
		obj("mobileFlowFields", "A mobile flow.", version5("mobileFlowFieldsVersion"), flowCommon(),
			pairs("additionalFields", "further fields")),
		obj("gtpPerFlowMetrics", "Measurements of one GTP flow.", gtpCommon(),
			member("ipTosCountList", "packets by type of service", Tuples, nil),
			member("mobileQciCosCountList", "packets by QCI or class of service", Tuples, nil),
			member("tcpFlagCountList", "packets by TCP flag", Tuples, nil)),
		obj("sipSignalingFields", "One SIP message.", version5("sipSignalingFieldsVersion"), sipCommon(), names,
			pairs("additionalInformation", "further information")),
		obj("voiceQualityFields", "Quality of one call.", version5("voiceQualityFieldsVersion"), voiceCommon(), names,
			pairs("additionalInformation", "further information")),
		obj("endOfCallVqmSummaries", "Quality of one call on one side.", vqmCommon(),
			nums(Unstated,
				"endpointJitter", "jitter at the endpoint",
				"localJitter", "local jitter"),
			num("packetsLost", "packets lost", Count)),
		obj("vendorVnfNameFields", "Vendor and names of a network function.",
			str("vendorName", "vendor", req),
			str("vfModuleName", "module"),
			str("vnfName", "function")),
		jsonObjectType(),
		obj("jsonObjectInstance", "One instance of a JSON object.",
			member("objectInstance", "the object itself", AnyObject, []option{req}),
			num("objectInstanceEpochMicrosec", "when it was true", Microseconds, epoch),
			items("objectKeys", "key", "keys of the instance")),
		jsonKey(),
	}
}
