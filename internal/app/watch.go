package app

import (
	"context"
	"crypto/sha256"
	"os"
	"time"
)

// watchInterval is how often the files behind the configuration are looked at. A poll
// sees what notifications miss: ConfigMap symlinks swapped, editors that rename, network
// file systems.
const watchInterval = 5 * time.Second

// fingerprint is the content of a set of files. An unreadable file has a fingerprint too,
// so that its coming back is a change.
func fingerprint(paths []string) [sha256.Size]byte {
	h := sha256.New()
	for _, p := range paths {
		h.Write([]byte(p))
		h.Write([]byte{0})
		text, err := os.ReadFile(p)
		if err != nil {
			h.Write([]byte{1})
			continue
		}
		sum := sha256.Sum256(text)
		h.Write(sum[:])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// watch calls changed whenever the content of the files differs from the last time it
// looked, until ctx ends. files is asked each time, since a reload may name other files.
func watch(ctx context.Context, files func() []string, changed func()) {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	last := fingerprint(files())
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if now := fingerprint(files()); now != last {
				last = now
				changed()
			}
		}
	}
}
