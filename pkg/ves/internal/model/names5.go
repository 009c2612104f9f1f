package model

// Type5 returns the 5.4.1 type that a 7.x type was called before, and whether there is one.
func Type5(name string) (Type, bool) {
	if old, ok := map[string]string{
		"measurementFields":  "measurementsForVfScalingFields",
		"nicPerformance":     "vNicPerformance",
		"vendorNfNameFields": "vendorVnfNameFields",
	}[name]; ok {
		name = old
	}
	for _, t := range Types5() {
		if t.Name == name {
			return t, true
		}
	}
	return Type{}, false
}

// Member5 returns the member of the 5.4.1 type t that told what a member of the 7.x type
// tells. Jitter of calls is no such pair: 7.x tells averages and maxima where 5.4.1 left open
// what it meant.
func Member5(type7, member7 string, t *Type) (Member, bool) {
	if old, ok := map[string]string{
		"measurementFields.nfcScalingMetric":    "vnfcScalingMetric",
		"measurementFields.nicPerformanceArray": "vNicPerformanceArray",
		"nicPerformance.nicIdentifier":          "vNicIdentifier",
		"otherFields.hashMap":                   "nameValuePairs",
		"otherFields.arrayOfNamedHashMap":       "hashOfNameValuePairArrays",
		"vendorNfNameFields.nfModuleName":       "vfModuleName",
		"vendorNfNameFields.nfName":             "vnfName",
		"sipSignalingFields.vendorNfNameFields": "vendorVnfNameFields",
		"voiceQualityFields.vendorNfNameFields": "vendorVnfNameFields",
	}[type7+"."+member7]; ok {
		member7 = old
	}
	for _, m := range t.Members {
		if m.Name == member7 {
			return m, true
		}
	}
	return Member{}, false
}

// Domain5 returns what 5.4.1 calls a 7.x domain, and whether it has it.
func Domain5(name string) (Domain, bool) {
	if name == "measurement" {
		name = "measurementsForVfScaling"
	}
	for _, d := range Domains5() {
		if d.Name == name {
			return d, true
		}
	}
	return Domain{}, false
}
