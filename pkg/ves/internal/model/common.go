package model

func severities() []Value { return values("CRITICAL", "MAJOR", "MINOR", "WARNING", "NORMAL") }

func priority() Member {
	return enum("priority", "how urgently to process the event", values("High", "Medium", "Normal", "Low"), req, goType("Priority"))
}

func vfStatus() Member {
	return enum("vfStatus", "state of the virtual function", values("Active", "Idle", "Preparing to terminate",
		"Ready to terminate", "Requesting termination"), req, goType("VFStatus"))
}

func severity(doc string) Member {
	return enum("eventSeverity", doc, severities(), req, goType("Severity"))
}

// headerCommon are the members of commonEventHeader that every version has.
func headerCommon() []Member {
	return []Member{
		str("eventId", "identifies the event at its source; a fault keeps it until it is cleared", req),
		str("eventName", "what happened: domain abbreviation, publisher and description, joined by underscores", req),
		str("eventType", "kind of the source, e.g. applicationVnf, guestOS, hostOS, platform"),
		num("startEpochMicrosec", "start of what the event tells of", Microseconds, req, epoch),
		num("lastEpochMicrosec", "end or last update of what the event tells of", Microseconds, req, epoch),
		priority(),
		integer("sequence", "order of events with one eventId; 0 where none is needed", Count, req),
		str("sourceName", "who the event tells of, as the inventory names it", req),
		str("reportingEntityName", "who sends the event", req),
		str("sourceId", "unique id of the source"),
		str("reportingEntityId", "unique id of the sender"),
		str("nfNamingCode", "network function type, four characters by convention"),
		str("nfcNamingCode", "network function component type, three characters by convention"),
		member("internalHeaderFields", "set by the collector, not by sources", AnyObject, nil),
	}
}

func header7() Type {
	return obj("commonEventHeader", "What every event says of itself.",
		enum("domain", "kind of event", []Value{{Text: "fault"}, {Text: "heartbeat"}, {Text: "measurement"},
			{Text: "mobileFlow"}, {Text: "notification"}, {Text: "other"}, {Text: "perf3gpp", Since: V7_1_1},
			{Text: "pnfRegistration"}, {Text: "sipSignaling"}, {Text: "stateChange"}, {Text: "stndDefined", Since: V7_2},
			{Text: "syslog"}, {Text: "thresholdCrossingAlert"}, {Text: "voiceQuality"}}, req, goType("Domain")),
		headerCommon(),
		str("nfVendorName", "vendor of the network function"),
		str("stndDefinedNamespace", "namespace of a standards-defined event", since(V7_2)),
		str("timeZoneOffset", "local time of the source, e.g. UTC+02:00"),
		enum("version", "version of the header's layout", []Value{{Text: "4.0", Since: V7_1_1}, {Text: "4.0.1"},
			{Text: "4.1", Since: V7_1_1}}, req),
		enum("vesEventListenerVersion", "VES version that the event follows", []Value{{Text: "7.0", Since: V7_1_1},
			{Text: "7.0.1"}, {Text: "7.1", Since: V7_1_1}, {Text: "7.1.1", Since: V7_1_1}, {Text: "7.2", Since: V7_2},
			{Text: "7.2.1", Since: V7_2_1}}, req))
}

// vqmCommon are the call quality members that 5.4.1 has too.
func vqmCommon() []Member {
	var ms []Member
	ms = append(ms,
		str("adjacencyName", "adjacency the summary tells of", req),
		enum("endpointDescription", "whose side", values("Caller", "Callee"), req, goType("Endpoint")))
	for _, side := range [...]string{"endpoint", "local"} {
		ms = append(ms, counts(
			side+"RtpOctetsDiscarded", "RTP octets discarded, "+side,
			side+"RtpOctetsReceived", "RTP octets received, "+side,
			side+"RtpOctetsSent", "RTP octets sent, "+side,
			side+"RtpPacketsDiscarded", "RTP packets discarded, "+side,
			side+"RtpPacketsReceived", "RTP packets received, "+side,
			side+"RtpPacketsSent", "RTP packets sent, "+side)...)
	}
	return append(ms,
		num("mosCqe", "mean opinion score of the call, 1 to 5", None),
		num("packetLossPercent", "packets lost", Percent),
		num("rFactor", "R factor of the call, 0 to 100", None),
		num("roundTripDelay", "round trip", Milliseconds))
}

// flowCommon are the members of mobileFlowFields that every version has.
func flowCommon() []Member {
	ms := required(strs(
		"flowDirection", "direction of the flow, seen from the reporting endpoint",
		"ipProtocolType", "e.g. TCP or UDP",
		"ipVersion", "IPv4 or IPv6",
		"otherEndpointIpAddress", "address of the other endpoint",
		"reportingEndpointIpAddr", "address of the reporting endpoint"))
	ms = append(ms,
		integer("otherEndpointPort", "port of the other endpoint", None, req),
		integer("reportingEndpointPort", "port of the reporting endpoint", None, req),
		integer("samplingAlgorithm", "sampling algorithm or rate", None),
		object("gtpPerFlowMetrics", "gtpPerFlowMetrics", "measurements of the flow", req))
	return append(ms, strs(
		"applicationType", "inferred application",
		"appProtocolType", "application protocol",
		"appProtocolVersion", "version of the application protocol",
		"cid", "cell id",
		"connectionType", "abbreviation of the 3GPP connection",
		"ecgi", "E-UTRAN cell global id",
		"gtpProtocolType", "GTP protocol",
		"gtpVersion", "GTP version",
		"httpHeader", "HTTP request header, where seen",
		"imei", "equipment id",
		"imsi", "subscriber id",
		"lac", "location area code",
		"mcc", "mobile country code",
		"mnc", "mobile network code",
		"msisdn", "subscriber number",
		"otherFunctionalRole", "function of the other endpoint",
		"rac", "routing area code",
		"radioAccessTechnology", "radio technology",
		"sac", "service area code",
		"tac", "tracking area code",
		"tunnelId", "tunnel id",
		"vlanId", "VLAN id")...)
}

// gtpCommon are the members of gtpPerFlowMetrics that every version has.
func gtpCommon() []Member {
	ms := []Member{
		num("avgPacketDelayVariation", "average jitter", Milliseconds, req),
		num("maxPacketDelayVariation", "highest jitter", Milliseconds, req),
		num("flowActivationMicrosec", "microsecond part of the start", Microseconds, req),
		num("flowDeactivationMicrosec", "microsecond part of the end", Microseconds, req),
		num("timeToFirstByte", "time from activation to the first byte", Milliseconds, req),
		num("durConnectionFailedStatus", "time in the failed connection state", Milliseconds),
	}
	ms = append(ms, required(append(nums(Unstated,
		"avgBitErrorRate", "average bit error rate",
		"avgPacketLatency", "average packet latency",
		"avgReceiveThroughput", "average throughput received",
		"avgTransmitThroughput", "average throughput sent",
		"flowActivationEpoch", "start of the flow since 1970",
		"flowDeactivationEpoch", "end of the flow since 1970",
		"roundTripTime", "round trip"),
		counts(
			"numActivationFailures", "failed activations",
			"numBitErrors", "bit errors",
			"numBytesReceived", "bytes received, retransmissions included",
			"numBytesTransmitted", "bytes sent, retransmissions included",
			"numDroppedPackets", "packets dropped",
			"numL7BytesReceived", "tunnelled layer 7 bytes received, retransmissions included",
			"numL7BytesTransmitted", "tunnelled layer 7 bytes sent, retransmissions excluded",
			"numLostPackets", "packets lost",
			"numOutOfOrderPackets", "packets out of order",
			"numPacketErrors", "packets in error",
			"numPacketsReceivedExclRetrans", "packets received without retransmissions",
			"numPacketsReceivedInclRetrans", "packets received with retransmissions",
			"numPacketsTransmittedInclRetrans", "packets sent with retransmissions",
			"numRetries", "packets sent again",
			"numTimeouts", "timeouts",
			"numTunneledL7BytesReceived", "tunnelled layer 7 bytes received, retransmissions excluded")...))...)
	ms = append(ms, required(strs(
		"flowDeactivationTime", "end of the flow as text",
		"flowStatus", "state of the connection"))...)
	ms = append(ms, counts(
		"numGtpEchoFailures", "GTP echo failures",
		"numGtpTunnelErrors", "GTP tunnel errors",
		"numHttpErrors", "HTTP errors")...)
	ms = append(ms, nums(Unstated,
		"durTunnelFailedStatus", "time in the failed tunnel state",
		"largePacketRtt", "round trip of large packets",
		"largePacketThreshold", "size from which packets are large",
		"maxReceiveBitRate", "highest rate received",
		"maxTransmitBitRate", "highest rate sent")...)
	ms = append(ms, strs(
		"flowActivatedBy", "who started the flow",
		"flowActivationTime", "start of the flow as text",
		"flowDeactivatedBy", "who ended the flow",
		"gtpConnectionStatus", "state of the GTP connection",
		"gtpTunnelStatus", "state of the GTP tunnel")...)
	for _, l := range [...]string{"ipTosList", "mobileQciCosList", "tcpFlagList"} {
		ms = append(ms, member(l, "distinct values seen", Strings, nil))
	}
	return ms
}

// sipCommon, voiceCommon, tcaCommon and syslogCommon are what every version has.
func sipCommon() []Member {
	return append(required(strs(
		"correlator", "ties the events of one call together",
		"localIpAddress", "local address",
		"localPort", "local port",
		"remoteIpAddress", "address of the peer",
		"remotePort", "port of the peer")),
		strs(
			"compressedSip", "whole SIP message, compressed",
			"summarySip", "summary of the SIP message")...)
}

func voiceCommon() []Member {
	return append(required(strs(
		"calleeSideCodec", "codec on the callee's side",
		"callerSideCodec", "codec on the caller's side",
		"correlator", "ties the events of one call together",
		"midCallRtcp", "base64 of the RTCP packet")),
		str("phoneNumber", "number of the call"),
		object("endOfCallVqmSummaries", "endOfCallVqmSummaries", "quality at the end of the call"))
}

func tcaCommon() []Member {
	ms := []Member{
		items("additionalParameters", "counter", "the counters that crossed their thresholds", req),
		enum("alertAction", "whether the alert begins, goes on or ends", values("CLEAR", "CONT", "SET"), req, goType("AlertAction")),
		str("alertDescription", "unique short name of the alert", req),
		enum("alertType", "what the alert is about", values("CARD-ANOMALY", "ELEMENT-ANOMALY", "INTERFACE-ANOMALY", "SERVICE-ANOMALY"), req, goType("AlertType")),
		severity("severity; NORMAL clears"),
		str("collectionTimestamp", "when the values were collected, RFC 2822", req),
		str("eventStartTimestamp", "when the event began, RFC 2822", req),
		member("associatedAlertIdList", "eventIds of related alerts", Strings, nil),
	}
	return append(ms, strs(
		"alertValue", "value that raised the alert",
		"dataCollector", "who collected the value",
		"elementType", "kind of element",
		"interfaceName", "interface concerned",
		"networkService", "service concerned",
		"possibleRootCause", "likely cause")...)
}

func syslogCommon() []Member {
	ms := []Member{
		str("eventSourceType", "kind of source, e.g. host, router, port", req),
		str("syslogMsg", "the message", req),
		str("syslogTag", "message id, NILVALUE where there is none", req),
		integer("syslogFacility", "facility, 0 to 23", None),
		integer("syslogPri", "priority, 0 to 192", None),
		num("syslogProcId", "process id", None),
		num("syslogVer", "version of the syslog protocol", None),
		enum("syslogSev", "severity", values("Alert", "Critical", "Debug", "Emergency", "Error", "Info", "Notice", "Warning"), goType("SyslogSeverity")),
	}
	return append(ms, strs(
		"eventSourceHost", "host of the device",
		"syslogProc", "process name",
		"syslogSData", "structured data",
		"syslogSdId", "id of the structured data")...)
}

func faultCommon() []Member {
	return []Member{
		str("alarmCondition", "short name of the alarm", req),
		severity("severity; NORMAL clears the fault"),
		str("eventSourceType", "kind of source, e.g. host, router, virtualMachine", req),
		str("specificProblem", "what is wrong", req),
		vfStatus(),
		str("alarmInterfaceA", "interface or resource that the alarm is about"),
		str("eventCategory", "e.g. license, link, routing, security, signaling"),
	}
}

func stateCommon() []Member {
	states := values("inService", "maintenance", "outOfService")
	return []Member{
		enum("newState", "state now", states, req, goType("EntityState")),
		enum("oldState", "state before", states, req, goType("EntityState")),
		str("stateInterface", "port or interface whose state changed", req),
	}
}

func jsonKey() Type {
	return obj("key", "One key of a JSON object instance.",
		str("keyName", "name", req),
		integer("keyOrder", "order, from 0", None),
		str("keyValue", "value"))
}

func jsonObjectType() Type {
	return obj("jsonObject", "A JSON object with what it is and where it comes from.",
		str("objectName", "name", req),
		items("objectInstances", "jsonObjectInstance", "the instances", req),
		strs(
			"objectSchema", "JSON Schema of the instances",
			"objectSchemaUrl", "where that schema is",
			"nfSubscribedObjectName", "object that was subscribed to",
			"nfSubscriptionId", "id of the subscription"))
}
