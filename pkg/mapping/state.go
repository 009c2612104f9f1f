package mapping

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// State remembers over restarts which windows were told. It is used by one goroutine.
type State interface {
	// Load returns what the last Save was given; nothing where there was none.
	Load() ([]Told, error)
	// Save replaces it, durably.
	Save(told []Told) error
}

// FileState keeps the state in one small JSON file, replaced atomically.
type FileState struct{ path string }

// NewFileState returns a FileState at path; its directory is made where it is missing.
func NewFileState(path string) (*FileState, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("making the directory of %q: %w", path, err)
	}
	return &FileState{path: path}, nil
}

// Load implements State.
func (s *FileState) Load() ([]Told, error) {
	body, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading told windows: %w", err)
	}
	var told []Told
	if err := json.Unmarshal(body, &told); err != nil {
		return nil, fmt.Errorf("reading told windows from %q: %w", s.path, err)
	}
	for _, t := range told {
		if t.Interval <= 0 || !t.From.Before(t.To) {
			return nil, fmt.Errorf("reading told windows from %q: a stretch from %s to %s of %s makes no sense", s.path, t.From, t.To, t.Interval)
		}
	}
	return told, nil
}

// Save implements State: write beside, sync, rename.
func (s *FileState) Save(told []Told) error {
	body, err := json.Marshal(told)
	if err != nil {
		return fmt.Errorf("encoding told windows: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(s.path), filepath.Base(s.path)+".*.tmp")
	if err != nil {
		return fmt.Errorf("saving told windows: %w", err)
	}
	_, err = f.Write(body)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), s.path)
	}
	if err != nil {
		return fmt.Errorf("saving told windows: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}
