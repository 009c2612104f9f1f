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

// sums are the contents of files by path. An unreadable file has the zero sum, so that its
// coming back is a change.
type sums map[string][sha256.Size]byte

func look(paths []string) sums {
	s := make(sums, len(paths))
	for _, p := range paths {
		var sum [sha256.Size]byte
		if text, err := os.ReadFile(p); err == nil {
			sum = sha256.Sum256(text)
		}
		s[p] = sum
	}
	return s
}

// differs says whether the content of a file that both looks saw is another one. A file
// that only one of them saw came or went with a change of the file that names it.
func (s sums) differs(other sums) bool {
	for p, sum := range s {
		if was, ok := other[p]; ok && was != sum {
			return true
		}
	}
	return false
}

// watch calls changed whenever the content of a file differs from the last time it was
// looked at, the first time from last, until ctx ends. files is asked each time, since a
// changed file may name others.
func watch(ctx context.Context, every time.Duration, last sums, files func() []string, changed func()) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			now := look(files())
			if now.differs(last) {
				changed()
			}
			last = now
		}
	}
}
