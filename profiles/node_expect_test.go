package profiles_test

import (
	"math"
	"strings"
	"testing"
)

// expectNode computes every number of the profile node for one window. before says that
// the target was scraped before the window began, so that extremes of rates have a base.
func expectNode(t testing.TB, v view, instance string, before bool) want {
	t.Helper()
	w := want{}
	expectCPU(t, v, w)
	expectMemory(v, w, instance)
	expectNIC(t, v, w)
	expectDisk(t, v, w, before)
	expectFilesystem(t, v, w)
	last := func(name string) float64 { return fold(v.last(), named(name), add)[""] }
	w.set("loadArray.shortTerm", last("node_load1"))
	w.set("loadArray.midTerm", last("node_load5"))
	w.set("loadArray.longTerm", last("node_load15"))
	w.set("processStatsArray[all].forkRate", last("node_forks_total"))
	w.set("processStatsArray[all].psStateRunning", last("node_procs_running"))
	w.set("processStatsArray[all].psStateBlocked", last("node_procs_blocked"))
	states := fold(v.last(), by("node_processes_state", "state"), add)
	w.set("processStatsArray[all].psStateSleeping", states["S"])
	if z, ok := states["Z"]; ok {
		w.set("processStatsArray[all].psStateZombie", z)
	}
	return w
}

func expectCPU(t testing.TB, v view, w want) {
	t.Helper()
	whole := v.grown(t, by("node_cpu_seconds_total", "cpu"))
	for key, mode := range map[string]string{
		"cpuIdle": "idle", "cpuWait": "iowait", "cpuUsageUser": "user", "cpuUsageSystem": "system", "cpuUsageNice": "nice",
		"cpuUsageInterrupt": "irq", "cpuUsageSoftIrq": "softirq", "cpuUsageSteal": "steal",
	} {
		part := v.grown(t, func(p point) (string, bool) {
			return p.labels["cpu"], p.name == "node_cpu_seconds_total" && p.labels["mode"] == mode
		})
		for cpu, x := range part {
			w.set("cpuUsageArray["+cpu+"]."+key, 100*x/whole[cpu])
			if mode == "idle" {
				w.set("cpuUsageArray["+cpu+"].percentUsage", 100*(1-x/whole[cpu]))
			}
		}
	}
}

func expectMemory(v view, w want, instance string) {
	kib := func(what string) float64 { return fold(v.last(), named("node_memory_"+what+"_bytes"), add)[""] / 1024 }
	used := kib("MemTotal") - kib("MemFree") - kib("Buffers") - kib("Cached") - kib("Slab")
	p := "memoryUsageArray[" + instance + "]."
	w.set(p+"memoryUsed", used)
	w.set(p+"memoryFree", kib("MemFree"))
	w.set(p+"memoryConfigured", kib("MemTotal"))
	w.set(p+"memoryBuffered", kib("Buffers"))
	w.set(p+"memoryCached", kib("Cached"))
	w.set(p+"memorySlabRecl", kib("SReclaimable"))
	w.set(p+"memorySlabUnrecl", kib("SUnreclaim"))
	w.set(p+"percentMemoryUsage", 100*used/(used+kib("MemFree")))
	w.set(p+"memorySharedAvg", v.mean(named("node_memory_Shmem_bytes"))[""]/1000)
}

// physical keeps what is neither loopback nor virtual on the machine of the capture.
func physical(name string) pick {
	return func(p point) (string, bool) {
		d := p.labels["device"]
		return d, p.name == name && d != "lo" && !strings.HasPrefix(d, "ifb") && !strings.HasPrefix(d, "zram")
	}
}

func expectNIC(t testing.TB, v view, w want) {
	t.Helper()
	for dir, name := range map[string]string{"received": "receive", "transmitted": "transmit"} {
		metric := func(m string) pick { return physical("node_network_" + name + "_" + m + "_total") }
		nic := "nicPerformanceArray[%s]." + dir
		for member, m := range map[string]string{
			"Octets": "bytes", "TotalPackets": "packets", "ErrorPackets": "errs", "DiscardedPackets": "drop", "MulticastPackets": "multicast",
		} {
			w.each(nic+member+"Delta", v.grown(t, metric(m)))
			w.each(nic+member+"Accumulated", fold(v.last(), metric(m), add))
		}
		for member, m := range map[string]string{"PercentDiscard": "drop", "PercentError": "errs"} {
			percent := v.grown(t, metric(m))
			for d, n := range v.grown(t, metric("packets")) {
				if percent[d] *= 100; n > 0 {
					percent[d] /= n
				} else {
					percent[d] = 0
				}
			}
			w.each(nic+member, percent)
		}
	}
	for d, up := range fold(v.last(), physical("node_network_up"), add) {
		w["nicPerformanceArray["+d+"].valuesAreSuspect"] = "false"
		w["nicPerformanceArray["+d+"].operationalState"] = map[float64]string{0: "outOfService", 1: "inService"}[up]
	}
	for d, flags := range fold(v.last(), physical("node_network_flags"), add) {
		w["nicPerformanceArray["+d+"].administrativeState"] = map[float64]string{0: "outOfService", 1: "inService"}[math.Mod(flags, 2)]
	}
}

func expectDisk(t testing.TB, v view, w want, before bool) {
	t.Helper()
	metric := func(m string) pick { return physical("node_disk_" + m) }
	perSecond := func(m string, scale float64) map[string]float64 {
		d := v.grown(t, metric(m))
		for g := range d {
			d[g] *= scale / v.duration()
		}
		return d
	}
	scaled := func(d map[string]float64, scale float64) map[string]float64 {
		for g := range d {
			d[g] *= scale
		}
		return d
	}
	const disk = "diskUsageArray[%s].disk"
	for member, m := range map[string]struct {
		name  string
		scale float64
	}{
		"OctetsRead": {"read_bytes_total", 1}, "OctetsWrite": {"written_bytes_total", 1},
		"OpsRead": {"reads_completed_total", 1}, "OpsWrite": {"writes_completed_total", 1},
		"IoTime": {"io_time_seconds_total", 1000}, "WeightedIoTime": {"io_time_weighted_seconds_total", 1000},
	} {
		w.each(disk+member+"Avg", perSecond(m.name, m.scale))
		if rates := v.rates(t, metric(m.name)); before {
			w.each(disk+member+"Max", scaled(extreme(rates, greater), m.scale))
			w.each(disk+member+"Min", scaled(extreme(rates, smaller), m.scale))
			w.each(disk+member+"Last", scaled(rates[len(rates)-1], m.scale))
		}
	}
	for member, m := range map[string][2]string{
		"TimeReadAvg": {"read_time_seconds_total", "reads_completed_total"}, "TimeWriteAvg": {"write_time_seconds_total", "writes_completed_total"},
	} {
		ops := v.grown(t, metric(m[1]))
		for d, s := range v.grown(t, metric(m[0])) {
			w.set("diskUsageArray["+d+"].disk"+member, 1000*s/ops[d])
		}
	}
	w.each(disk+"MergedReadAvg", perSecond("reads_merged_total", 1))
	w.each(disk+"MergedWriteAvg", perSecond("writes_merged_total", 1))
	w.each(disk+"PendingOperationsAvg", v.mean(metric("io_now")))
	w.each(disk+"PendingOperationsMax", v.inside(metric("io_now"), add, greater))
	w.each(disk+"PendingOperationsMin", v.inside(metric("io_now"), add, smaller))
	w.each(disk+"PendingOperationsLast", fold(v.last(), metric("io_now"), add))
	w.each(disk+"FlushRequests", v.grown(t, metric("flush_requests_total")))
	w.each(disk+"FlushTime", scaled(v.grown(t, metric("flush_requests_time_seconds_total")), 1000))
}

// expectFilesystem: the capture has one, on a whole disk.
func expectFilesystem(t testing.TB, v view, w want) {
	t.Helper()
	last := func(what string) map[string]float64 {
		return fold(v.last(), by("node_filesystem_"+what, "mountpoint"), add)
	}
	ops := v.grown(t, physical("node_disk_reads_completed_total"))["vda"] + v.grown(t, physical("node_disk_writes_completed_total"))["vda"]
	for mount, size := range last("size_bytes") {
		p := "filesystemUsageArray[" + mount + "]."
		w.set(p+"blockConfigured", size/1e9)
		w.set(p+"blockUsed", (size-last("free_bytes")[mount])/1e9)
		w.set(p+"blockIops", ops/v.duration())
		w.set(p+"ephemeralConfigured", 0)
		w.set(p+"ephemeralUsed", 0)
		w.set(p+"ephemeralIops", 0)
	}
	for mount, x := range last("avail_bytes") {
		w.set("filesystem["+mount+"].availableGB", x/1e9)
	}
	w.each("filesystem[%s].inodes", last("files"))
	w.each("filesystem[%s].inodesFree", last("files_free"))
	w.each("filesystem[%s].readOnly", last("readonly"))
	w.each("filesystem[%s].deviceError", last("device_error"))
}
