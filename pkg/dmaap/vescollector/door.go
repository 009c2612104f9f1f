package vescollector

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/vesbridge/vesbridge/pkg/dmaap"
	"github.com/vesbridge/vesbridge/pkg/dmaap/profile"
	"github.com/vesbridge/vesbridge/pkg/dmaap/stnddefined"
	"github.com/vesbridge/vesbridge/pkg/outbox"
	"github.com/vesbridge/vesbridge/pkg/ves"
)

// door is what an event must pass before it is sent; it is Publish's own: it is brought into the collector's
// version, and refused where it is known that the collector will refuse it. A refusal here
// costs no call, and its reason is better than the collector's, whose answer to a schema
// violation names no member and to a stream without a topic is a 500 like that of a dead
// bus (traps 14 and 21 of its API).
type door struct {
	convert bool        // to version
	version ves.Version // that the collector is spoken to in
	profile *profile.Profile
	schemas *stnddefined.Schemas
	most    int // bytes of a message with one event
	log     *slog.Logger
	told    map[string]bool // what conversions were told to leave out
}

// open reads what cfg, which is valid, names. notes are what of the schemas cannot be used.
func (d *door) open(cfg *Config, log *slog.Logger) (notes []string, err error) {
	*d = door{convert: cfg.VESVersion != "", version: cfg.version(), most: cfg.MaxEventBytes, log: log, told: map[string]bool{}}
	if d.profile, err = cfg.openProfile(); err != nil {
		return nil, err
	}
	if d.profile != nil && d.profile.MaxEventBytes > 0 {
		d.most = min(d.most, d.profile.MaxEventBytes)
	}
	if cfg.Schemas != "" {
		d.schemas, notes, err = stnddefined.Load(cfg.Schemas)
	}
	return notes, err
}

// pass returns the messages to send, one for each record, or the first refusal: the sender
// takes the batch apart then, as it does when the collector refuses one.
func (d *door) pass(recs []outbox.Record) ([][]byte, *dmaap.Error) {
	messages := make([][]byte, len(recs))
	for i := range recs {
		m, reason, err := d.message(&recs[i])
		if err != nil {
			return nil, &dmaap.Error{Class: dmaap.Permanent, Reason: reason, Err: err}
		}
		messages[i] = m
	}
	return messages, nil
}

func (d *door) message(r *outbox.Record) (m []byte, reason string, err error) {
	if d.profile != nil {
		domain := r.Domain
		if d.convert {
			domain = domainIn(d.version, domain)
		}
		if why, refused := d.profile.Refuses(domain, r.StndDefinedNamespace); refused {
			return nil, "no_stream", fmt.Errorf("not sent to a collector of profile %s: %s", d.profile.Name, why)
		}
	}
	if m = r.Body; d.convert {
		var lost []string
		if m, lost, err = converted(m, d.version); err != nil {
			return nil, "version", err
		}
		if len(lost) > 0 {
			d.tellLost(r, lost)
		}
	}
	if err := ves.CheckSize(r.EventID, m, d.most); err != nil {
		return nil, "too_large", err // it names the largest members
	}
	if r.Domain == string(ves.DomainStndDefined) {
		if err := d.secondStage(m); err != nil {
			return nil, "stnd_defined", err
		}
	}
	return m, "", nil
}

// secondStage judges the data of a stndDefined event.
func (d *door) secondStage(m []byte) error {
	if d.profile != nil && d.profile.SchemaMap != nil {
		var e struct {
			Event struct {
				StndDefinedFields struct {
					SchemaReference string `json:"schemaReference"`
				} `json:"stndDefinedFields"`
			} `json:"event"`
		}
		if err := json.Unmarshal(m, &e); err != nil {
			return fmt.Errorf("reading its schemaReference: %w", err)
		}
		if why, refused := d.profile.RefusesReference(e.Event.StndDefinedFields.SchemaReference); refused {
			return fmt.Errorf("not sent to a collector of profile %s: %s", d.profile.Name, why)
		}
	}
	if d.schemas == nil {
		return nil
	}
	var errs []error
	for _, v := range d.schemas.Check(m) {
		errs = append(errs, v)
	}
	return errors.Join(errs...)
}

// converted returns an event in the words of version to, and what that version has no words
// for: the event's own bytes where they are valid there. Equal events give equal bytes, so
// that a retry repeats what was sent.
func converted(body []byte, to ves.Version) (m []byte, lost []string, err error) {
	if len(ves.CheckJSON(body, to, ves.CheckOptions{Max: 1})) == 0 {
		return body, nil, nil
	}
	// The bridge builds 7.2.1; its intake also takes 5.4.1, which says no version by name.
	from := ves.V7_2_1
	env, err := ves.ParseEnvelope(body)
	if err != nil {
		return nil, nil, fmt.Errorf("converting to VES %s: %w", to, err)
	}
	if len(env.Events) == 1 && env.Events[0].VESEventListenerVersion == "" {
		from = ves.V5_4_1
	}
	return ves.Convert(make([]byte, 0, len(body)+len(body)/4), body, from, to)
}

// maxTold bounds the kinds of loss that are told.
const maxTold = 100

// tellLost logs what a conversion leaves out, once for each eventName and what it is.
func (d *door) tellLost(r *outbox.Record, lost []string) {
	key := r.EventName + "\x00" + strings.Join(lost, ",")
	if d.told[key] || len(d.told) >= maxTold {
		return
	}
	d.told[key] = true
	d.log.Warn("the collector's version of VES has no place for members of an event", "event_name", r.EventName,
		"event_id", r.EventID, "ves_version", d.version.String(), "members", lost)
}
