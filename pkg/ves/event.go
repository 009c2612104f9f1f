package ves

// Event is one VES event of the domains that the bridge builds itself. Header.Domain decides
// which block is sent; exactly that one must be set (heartbeats may go without).
//
// An Event may be reused: Reset empties it and keeps its memory. It is for one goroutine at a
// time.
type Event struct {
	Header      Header
	Measurement *Measurement
	Heartbeat   *HeartbeatFields
	Fault       *FaultFields

	// Blocks that Reset took out of use, to be handed out again by the builders.
	spareMeasurement *Measurement
	spareHeartbeat   *HeartbeatFields
	spareFault       *FaultFields
}

// Reset empties the event. Slices and blocks keep their memory for reuse, so nothing that
// was taken from the event may be used any more.
func (e *Event) Reset() {
	e.Header = Header{}
	if e.Measurement != nil {
		e.Measurement.reset()
		e.spareMeasurement, e.Measurement = e.Measurement, nil
	}
	if e.Heartbeat != nil {
		e.Heartbeat.reset()
		e.spareHeartbeat, e.Heartbeat = e.Heartbeat, nil
	}
	if e.Fault != nil {
		e.Fault.reset()
		e.spareFault, e.Fault = e.Fault, nil
	}
}

// UseMeasurement makes e a measurement with an empty block, reusing memory where it can, and
// returns the block. The header is untouched but for its domain.
func (e *Event) UseMeasurement() *Measurement {
	e.Header.Domain = DomainMeasurement
	if e.Measurement == nil {
		e.Measurement, e.spareMeasurement = e.spareMeasurement, nil
		if e.Measurement == nil {
			e.Measurement = &Measurement{}
		}
	}
	return e.Measurement
}

// UseHeartbeat makes e a heartbeat with an empty block and returns the block.
func (e *Event) UseHeartbeat() *HeartbeatFields {
	e.Header.Domain = DomainHeartbeat
	if e.Heartbeat == nil {
		e.Heartbeat, e.spareHeartbeat = e.spareHeartbeat, nil
		if e.Heartbeat == nil {
			e.Heartbeat = &HeartbeatFields{}
		}
	}
	return e.Heartbeat
}

// UseFault makes e a fault with an empty block and returns the block.
func (e *Event) UseFault() *FaultFields {
	e.Header.Domain = DomainFault
	if e.Fault == nil {
		e.Fault, e.spareFault = e.spareFault, nil
		if e.Fault == nil {
			e.Fault = &FaultFields{}
		}
	}
	return e.Fault
}
