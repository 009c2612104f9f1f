package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTeardownRunsEveryStepOnceInReverse(t *testing.T) {
	var down teardown
	var ran []string
	step := func(name string, err error) {
		down.push(name, func(context.Context) error { ran = append(ran, name); return err })
	}
	broken := errors.New("broken")
	step("first", nil)
	step("second", broken)
	step("third", nil)
	err := down.run(t.Context())
	require.Equal(t, []string{"third", "second", "first"}, ran)
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "stopping second")
	require.NoError(t, down.run(t.Context()))
	require.Len(t, ran, 3)
}

func TestWatchSeesEveryChangeOnce(t *testing.T) {
	dir := t.TempDir()
	main, other := filepath.Join(dir, "main"), filepath.Join(dir, "other")
	write := func(path, text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	write(main, "1")
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // guards named and changes: time alone orders nothing
		named, changes := []string{main}, 0
		before := look(named)
		write(main, "2") // between the first reading and the first look
		ctx, cancel := context.WithCancel(t.Context())
		files := func() []string {
			mu.Lock()
			defer mu.Unlock()
			return named
		}
		go watch(ctx, time.Second, before, files, func() {
			mu.Lock()
			defer mu.Unlock()
			changes++
		})
		steps := []struct {
			what string
			do   func()
			want int
		}{
			{"changed while the bridge was starting", func() {}, 1},
			{"as it was", func() {}, 1},
			{"written again without a change", func() { write(main, "2") }, 1},
			{"changed", func() { write(main, "3") }, 2},
			{"names another file, which is not there", func() { write(main, "4"); named = append(named, other) }, 3},
			{"that file comes", func() { write(other, "1") }, 4},
			{"and goes", func() { require.NoError(t, os.Remove(other)) }, 5},
			{"is named no more", func() { named = named[:1] }, 5},
		}
		time.Sleep(time.Second / 2) // so that steps fall between looks
		for _, s := range steps {
			mu.Lock()
			s.do()
			mu.Unlock()
			time.Sleep(time.Second)
			synctest.Wait()
			mu.Lock()
			require.Equal(t, s.want, changes, s.what)
			mu.Unlock()
		}
		cancel()
		synctest.Wait()
	})
}
