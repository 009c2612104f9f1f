package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vesbridge/vesbridge/internal/config"
	"github.com/vesbridge/vesbridge/internal/problem"
)

// Reload reads the configuration again. All that can fail is done first, then it is
// swapped; on an error the last good configuration stays in force. The error lists every
// problem. Calls wait for one another.
func (a *App) Reload(ctx context.Context) error {
	a.reload.Lock()
	defer a.reload.Unlock()
	if !a.running {
		return errors.New("reloading: the bridge does not run")
	}
	problems, err := a.tryReload(ctx)
	now := time.Now()
	result := &reloadResult{at: now, took: now, err: err, problems: problems}
	if err != nil {
		result.took = a.lastReload.Load().took
	}
	a.lastReload.Store(result)
	a.m.reloaded(err == nil, now)
	if err != nil {
		a.log.Error("reload refused, the last good configuration stays", "config", a.opts.ConfigFile, "err", err)
		return err
	}
	a.log.Info("reloaded", "config", a.opts.ConfigFile)
	return nil
}

func (a *App) tryReload(ctx context.Context) (problem.List, error) {
	next, problems := load(a.opts.ConfigFile)
	if next == nil {
		return problems, told(problems)
	}
	was := a.cur.Load()
	plan, more := a.delivery.prepare(next.cfg)
	if problems = append(problems, more...); plan == nil {
		return problems, told(problems)
	}
	if err := a.scraper.ApplyConfig(next.cfg.Scrape); err != nil {
		// Some jobs may run with the new configuration already.
		back := a.scraper.ApplyConfig(was.cfg.Scrape)
		return problems, errors.Join(fmt.Errorf("applying scrape_configs: %w", err), back, plan.discard())
	}
	// From here on nothing is refused any more.
	a.store.SetReach(next.set.Reach())
	a.cur.Store(next)
	a.scraper.SetBirths(next.set.BirthsZero)
	a.engine.Swap(next.set)
	if err := a.delivery.apply(ctx, plan); err != nil {
		a.log.Error("applying destinations", "err", err)
	}
	for _, p := range problems {
		a.log.Warn("configuration warning", "problem", p.Error())
	}
	if keys := needRestart(was.cfg, next.cfg); len(keys) > 0 {
		a.log.Warn("changed, but in force only after a restart", "keys", strings.Join(keys, ", "))
	}
	return problems, nil
}

// needRestart names the keys whose change a reload does not carry out.
func needRestart(was, next *config.Config) []string {
	var keys []string
	add := func(changed bool, key string) {
		if changed {
			keys = append(keys, key)
		}
	}
	add(was.Web != next.Web, "web")
	add(was.Storage != next.Storage, "storage")
	add(was.Outbox != next.Outbox, "outbox")
	add(was.Global.HeartbeatInterval != next.Global.HeartbeatInterval, "global.heartbeat_interval")
	add(was.Global.ReportingEntityName != next.Global.ReportingEntityName, "global.reporting_entity_name")
	add(was.Global.SeveralEventNames != next.Global.SeveralEventNames, "global.allow_several_event_names")
	add(maxScrapeTimeout(was) != maxScrapeTimeout(next), "the longest scrape_timeout, as the grace of windows")
	return keys
}
