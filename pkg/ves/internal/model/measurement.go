package model

// nicCounters are the packet and octet counters of both directions.
func nicCounters() []Member {
	var ms []Member
	for _, d := range [...]string{"received", "transmitted"} {
		for _, c := range [...][2]string{
			{"BroadcastPackets", "broadcast packets"},
			{"DiscardedPackets", "discarded packets"},
			{"ErrorPackets", "packets in error"},
			{"MulticastPackets", "multicast packets"},
			{"Octets", "octets"},
			{"TotalPackets", "packets of every kind"},
			{"UnicastPackets", "unicast packets"},
		} {
			u := Count
			if c[0] == "Octets" {
				u = Bytes
			}
			ms = append(ms,
				num(d+c[0]+"Accumulated", c[1]+" "+d+", running total at the end of the interval", u),
				num(d+c[0]+"Delta", c[1]+" "+d+" during the interval", u))
		}
	}
	return ms
}

func nicExtras() []Member {
	state := values("inService", "outOfService")
	ms := []Member{
		enum("administrativeState", "whether the interface is meant to be up", state, goType("ServiceState")),
		enum("operationalState", "whether the interface is up", state, goType("ServiceState")),
		num("speed", "configured speed", Mbps),
	}
	for _, d := range [...]string{"received", "transmitted"} {
		ms = append(ms,
			num(d+"PercentDiscard", "discarded share of the packets "+d, Percent),
			num(d+"PercentError", "share of the packets "+d+" that were in error", Percent),
			num(d+"Utilization", "share of the line speed used by octets "+d, Percent))
	}
	return ms
}

func suspect() Member {
	return boolString("valuesAreSuspect", "whether the values are likely wrong, as after a counter reset", req)
}

func diskStats() []Member {
	var ms []Member
	for _, s := range [][]Member{
		stats("diskIoTime", "time spent in I/O per second; 1000 is full load", MsPerSecond),
		stats("diskMergedRead", "logical reads merged into physical ones", Count),
		stats("diskMergedWrite", "logical writes merged into physical ones", Count),
		stats("diskOctetsRead", "octets read per second", BytesPerSec),
		stats("diskOctetsWrite", "octets written per second", BytesPerSec),
		stats("diskOpsRead", "reads issued per second", PerSecond),
		stats("diskOpsWrite", "writes issued per second", PerSecond),
		stats("diskPendingOperations", "queue of pending I/O operations", Count),
		stats("diskTimeRead", "time that a read took", Milliseconds),
		stats("diskTimeWrite", "time that a write took", Milliseconds),
	} {
		ms = append(ms, s...)
	}
	return ms
}

// cpuCommon are the members that 5.4.1 has too.
func cpuCommon() []Member {
	return append([]Member{
		key("cpuIdentifier", "which CPU"),
		num("percentUsage", "total use", Percent, req),
	}, nums(Percent,
		"cpuIdle", "share of time idle",
		"cpuUsageInterrupt", "share of time serving interrupts",
		"cpuUsageNice", "share of time in niced user processes",
		"cpuUsageSoftIrq", "share of time serving soft interrupts",
		"cpuUsageSteal", "share of time taken away by the hypervisor",
		"cpuUsageSystem", "share of time in the kernel",
		"cpuUsageUser", "share of time in un-niced user processes",
		"cpuWait", "share of time waiting for I/O")...)
}

func memoryCommon() []Member {
	return append([]Member{
		key("vmIdentifier", "which machine"),
		num("memoryFree", "physical memory left unused", Kibibytes, req),
		num("memoryUsed", "total less free, buffered, cached and slab", Kibibytes, req),
	}, nums(Kibibytes,
		"memoryBuffered", "buffers of raw disk blocks",
		"memoryCached", "memory used as cache",
		"memoryConfigured", "memory configured for the machine",
		"memorySlabRecl", "slab that can be reclaimed",
		"memorySlabUnrecl", "slab that cannot be reclaimed")...)
}

func filesystemUsage() Type {
	return obj("filesystemUsage", "Use of one file system over the interval.",
		key("filesystemName", "which file system"),
		required(nums(Gigabytes,
			"blockConfigured", "block storage configured",
			"blockUsed", "block storage used",
			"ephemeralConfigured", "ephemeral storage configured",
			"ephemeralUsed", "ephemeral storage used")),
		required(nums(PerSecond,
			"blockIops", "block storage operations per second",
			"ephemeralIops", "ephemeral storage operations per second")))
}

func codecsInUse() Type {
	return obj("codecsInUse", "How often one codec was used over the interval.",
		key("codecIdentifier", "which codec"),
		integer("numberInUse", "uses", Count, req))
}

func latencyBucketMeasure() Type {
	return obj("latencyBucketMeasure", "Requests whose latency fell into one range; not cumulative.",
		num("countsInTheBucket", "requests in this range", Count, req),
		num("lowEndOfLatencyBucket", "lower bound of the range", Milliseconds),
		num("highEndOfLatencyBucket", "upper bound of the range; absent where there is none", Milliseconds))
}

// measurementCommon are the scalar members that 5.4.1 has too.
func measurementCommon() []Member {
	return []Member{
		num("measurementInterval", "length of the interval", Seconds, req),
		integer("concurrentSessions", "peak of concurrent sessions over the interval", Count),
		integer("configuredEntities", "peak of configured users, subscribers, devices and the like", Count),
		num("meanRequestLatency", "mean time taken to answer a request", Seconds),
		integer("numberOfMediaPortsInUse", "media ports in use", Count),
		num("requestRate", "peak of requests per second over the interval", PerSecond),
	}
}

func measurementTypes7() []Type {
	return []Type{
		obj("measurementFields", "Measurements of one source over one interval.",
			version("measurementFieldsVersion", Value{Text: "4.0"}),
			measurementCommon(),
			integer("nfcScalingMetric", "busy-ness of the function, 0 to 100", Percent),
			items("latencyDistribution", "latencyBucketMeasure", "requests by latency range"),
			items("cpuUsageArray", "cpuUsage", "use of CPUs"),
			items("memoryUsageArray", "memoryUsage", "use of memory"),
			items("nicPerformanceArray", "nicPerformance", "performance of network interfaces"),
			items("diskUsageArray", "diskUsage", "use of disks"),
			items("filesystemUsageArray", "filesystemUsage", "use of file systems"),
			items("loadArray", "load", "system load averages"),
			items("processStatsArray", "processStats", "process counts"),
			items("hugePagesArray", "hugePages", "use of huge pages"),
			items("machineCheckExceptionArray", "machineCheckException", "hardware memory errors"),
			items("codecUsageArray", "codecsInUse", "use of codecs"),
			hash("featureUsageArray", "use of features by name; an object in spite of its name"),
			object("ipmi", "ipmi", "readings of the platform management interface"),
			member("additionalMeasurements", "named groups of further measurements", NamedMaps, nil),
			hash("additionalFields", "further measurements, by name"),
			items("additionalObjects", "jsonObject", "further measurements as JSON objects")),
		obj("cpuUsage", "Use of one CPU over the interval.", cpuCommon(),
			nums(Milliseconds,
				"cpuCapacityContention", "time the CPU could not run for contention",
				"cpuDemandAvg", "CPU time that would be used without contention",
				"cpuOverheadAvg", "demand above allocations and reservations",
				"cpuSwapWaitTime", "time waiting for swap"),
			num("cpuDemandMhz", "CPU demand", Megahertz),
			num("cpuDemandPct", "CPU demand as a share of what is provisioned", Percent),
			num("cpuLatencyAvg", "share of time contending for a physical CPU", Percent)),
		obj("memoryUsage", "Use of memory of one machine over the interval.", memoryCommon(),
			nums(Kibibytes,
				"memoryDemand", "demand at the host",
				"memorySwapInAvg", "memory swapped in from the host cache",
				"memorySwapOutAvg", "memory swapped out to the host cache",
				"memorySwapUsedAvg", "host cache used for swapped pages"),
			num("memorySharedAvg", "shared memory", Kilobytes),
			num("memorySwapInRateAvg", "rate of swapping in from disk", KBPerSecond),
			num("memorySwapOutRateAvg", "rate of swapping out to disk", KBPerSecond),
			num("memoryLatencyAvg", "share of time waiting for swapped or compressed memory", Percent),
			num("percentMemoryUsage", "used share of used and free memory", Percent)),
		obj("nicPerformance", "Performance of one network interface over the interval.",
			key("nicIdentifier", "which interface"), suspect(), nicExtras(), nicCounters()),
		obj("diskUsage", "Use of one disk over the interval.",
			key("diskIdentifier", "which disk"), diskStats(),
			stats("diskWeightedIoTime", "I/O time and growing backlog per second", MsPerSecond),
			counts(
				"diskBusResets", "bus resets in the interval",
				"diskCommandsAborted", "commands aborted in the interval",
				"diskFlushRequests", "flush requests of the disk cache in the interval"),
			nums(PerSecond,
				"diskCommandsAvg", "commands per second",
				"diskReadCommandsAvg", "read commands per second",
				"diskWriteCommandsAvg", "write commands per second"),
			nums(Milliseconds,
				"diskFlushTime", "time spent flushing the disk cache",
				"diskTotalReadLatencyAvg", "average read latency as the guest sees it",
				"diskTotalWriteLatencyAvg", "average write latency as the guest sees it"),
			num("diskTime", "time spent on reads and writes of the disk cache", Nanoseconds)),
		filesystemUsage(),
		obj("load", "Load averages.", nums(Count,
			"shortTerm", "runnable or waiting jobs, averaged over 1 minute",
			"midTerm", "runnable or waiting jobs, averaged over 5 minutes",
			"longTerm", "runnable or waiting jobs, averaged over 15 minutes")),
		obj("processStats", "Processes by state.",
			key("processIdentifier", "which process or machine"),
			counts(
				"forkRate", "threads created since the last boot",
				"psStateBlocked", "blocked processes",
				"psStatePaging", "paging processes",
				"psStateRunning", "running processes",
				"psStateSleeping", "sleeping processes",
				"psStateStopped", "stopped processes",
				"psStateZombie", "zombie processes")),
		obj("hugePages", "Use of huge pages.",
			num("hugePagesIdentifier", "which pool of huge pages", None, isKey, until(V7_1_1)),
			key("hugePagesIdentifier", "which pool of huge pages", since(V7_1_1)),
			num("bytesFree", "free", Bytes), num("bytesUsed", "used", Bytes),
			num("percentFree", "free share", Percent), num("percentUsed", "used share", Percent),
			num("vmPageNumberFree", "free pages", Count), num("vmPageNumberUsed", "used pages", Count)),
		obj("machineCheckException", "Hardware memory errors of one machine.",
			key("vmIdentifier", "which machine"),
			counts(
				"correctedMemoryErrors", "corrected errors in the interval",
				"correctedMemoryErrorsIn1Hr", "corrected errors in the last hour",
				"uncorrectedMemoryErrors", "uncorrected errors in the interval",
				"uncorrectedMemoryErrorsIn1Hr", "uncorrected errors in the last hour")),
		codecsInUse(),
		latencyBucketMeasure(),
	}
}

func ipmiTypes() []Type {
	return []Type{
		obj("ipmi", "Readings of the platform management interface.",
			num("exitAirTemperature", "air leaving the system", Celsius),
			num("frontPanelTemperature", "front panel", Celsius),
			num("ioModuleTemperature", "I/O module", Celsius),
			num("systemAirflow", "air flow", CFM),
			items("ipmiBaseboardTemperatureArray", "ipmiBaseboardTemperature", "baseboard temperatures"),
			items("ipmiBaseboardVoltageRegulatorArray", "ipmiBaseboardVoltageRegulator", "baseboard voltage regulators"),
			items("ipmiBatteryArray", "ipmiBattery", "batteries"),
			items("ipmiFanArray", "ipmiFan", "fans"),
			items("ipmiHsbpArray", "ipmiHsbp", "hot swap backplanes"),
			items("ipmiGlobalAggregateTemperatureMarginArray", "ipmiGlobalAggregateTemperatureMargin", "aggregate temperature margins"),
			items("ipmiNicArray", "ipmiNic", "network interfaces"),
			items("ipmiPowerSupplyArray", "ipmiPowerSupply", "power supplies"),
			items("ipmiProcessorArray", "ipmiProcessor", "processors")),
		obj("ipmiBaseboardTemperature", "One baseboard sensor.",
			key("baseboardTemperatureIdentifier", "which sensor"),
			num("baseboardTemperature", "temperature", Celsius)),
		obj("ipmiBaseboardVoltageRegulator", "One baseboard voltage regulator.",
			key("baseboardVoltageRegulatorIdentifier", "which regulator"),
			num("voltageRegulatorTemperature", "temperature", Celsius)),
		obj("ipmiBattery", "One battery.",
			key("batteryIdentifier", "which battery"),
			str("batteryType", "type of battery"),
			num("batteryVoltageLevel", "voltage level", Unstated)),
		obj("ipmiFan", "One fan.",
			key("fanIdentifier", "which fan"),
			num("fanSpeed", "speed", RPM)),
		obj("ipmiHsbp", "One hot swap backplane.",
			key("hsbpIdentifier", "which backplane"),
			num("hsbpTemperature", "temperature", Celsius)),
		obj("ipmiGlobalAggregateTemperatureMargin", "One aggregate temperature margin.",
			key("ipmiGlobalAggregateTemperatureMarginIdentifier", "which margin", until(V7_1_1)),
			key("globalAggregateTemperatureMarginIdentifier", "which margin", since(V7_1_1)),
			num("globalAggregateTemperatureMargin", "distance from throttling", Celsius, req)),
		obj("ipmiNic", "One network interface.",
			key("nicIdentifier", "which interface"),
			num("nicTemperature", "temperature", Celsius)),
		obj("ipmiPowerSupply", "One power supply.",
			key("powerSupplyIdentifier", "which supply"),
			num("powerSupplyInputPower", "input power", Watts),
			num("powerSupplyCurrentOutputPercent", "output voltage as a share of what it is designed for", Percent),
			num("powerSupplyTemperature", "temperature", Celsius)),
		obj("ipmiProcessor", "One processor.",
			key("processorIdentifier", "which processor"),
			num("processorThermalControlPercent", "thermal control value", Percent),
			num("processorDtsThermalMargin", "margin of the digital thermal sensor", Celsius),
			items("processorDimmAggregateThermalMarginArray", "processorDimmAggregateThermalMargin", "margins of its memory modules")),
		obj("processorDimmAggregateThermalMargin", "Thermal margin of one memory module.",
			key("processorDimmAggregateThermalMarginIdentifier", "which module"),
			num("thermalMargin", "distance from throttling", Celsius, req)),
	}
}
