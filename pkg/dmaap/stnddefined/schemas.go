package stnddefined

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// MapFile is the name of the map inside a folder of schemas.
const MapFile = "schema-map.json"

const maxFileBytes = 32 << 20

// Schemas are the documents of one folder. Safe for concurrent use; they do not change
// when the files do.
type Schemas struct {
	local map[string]string // publicURL → URL of the document inside the compiler

	mu       sync.Mutex // guards the fields below
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema // by URL with fragment
}

// Load reads the map of a folder and every document that it names. Like the collector it
// leaves out entries whose document is missing, empty or no YAML; notes says which, and what
// else of the documents cannot be judged. The error is about the map itself.
func Load(dir string) (s *Schemas, notes []string, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the folder of schemas: %w", err)
	}
	defer func() { _ = root.Close() }() // it was only read
	text, err := readFile(root, MapFile)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the map of schemas: %w", err)
	}
	var entries []struct {
		PublicURL string `json:"publicURL"`
		LocalURL  string `json:"localURL"`
	}
	if err := json.Unmarshal(text, &entries); err != nil {
		return nil, nil, fmt.Errorf(`reading %q: not a list of {"publicURL","localURL"}: %w`, filepath.Join(dir, MapFile), err)
	}
	s = &Schemas{local: map[string]string{}, compiled: map[string]*jsonschema.Schema{}}
	l := &loader{root: map[string]map[string]any{}, public: s.local}
	for i, e := range entries {
		if e.PublicURL == "" || e.LocalURL == "" {
			notes = append(notes, fmt.Sprintf("%s: entry %d lacks publicURL or localURL", MapFile, i+1))
			continue
		}
		if _, twice := s.local[e.PublicURL]; twice {
			notes = append(notes, fmt.Sprintf("%s: %q is mapped twice, the first entry holds", MapFile, e.PublicURL))
			continue
		}
		file := path.Clean(strings.TrimLeft(filepath.ToSlash(e.LocalURL), "/"))
		at := (&url.URL{Scheme: scheme, Path: "/" + file}).String()
		if l.root[at] == nil {
			doc, patterns, err := readDocument(root, file)
			if err != nil {
				notes = append(notes, fmt.Sprintf("%s: %q is left out, as a collector does: %v", MapFile, e.PublicURL, err))
				continue
			}
			for _, p := range patterns {
				notes = append(notes, fmt.Sprintf("%s: the pattern %q cannot be read, everything matches it", file, p))
			}
			l.root[at] = doc
		}
		s.local[e.PublicURL] = at
	}
	s.compiler = jsonschema.NewCompiler()
	s.compiler.DefaultDraft(jsonschema.Draft4)
	s.compiler.UseLoader(l)
	s.compiler.UseRegexpEngine(tolerant)
	return s, notes, nil
}

// URLs are the publicURLs that references can be written with, sorted.
func (s *Schemas) URLs() []string {
	urls := make([]string, 0, len(s.local))
	for u := range s.local {
		urls = append(urls, u)
	}
	slices.Sort(urls)
	return urls
}

func readDocument(root *os.Root, file string) (map[string]any, []string, error) {
	text, err := readFile(root, file)
	if err != nil {
		return nil, nil, err
	}
	doc, patterns, err := document(text)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	return doc, patterns, nil
}

func readFile(root *os.Root, file string) ([]byte, error) {
	f, err := root.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFileBytes {
		return nil, fmt.Errorf("%s has more than %d bytes", file, maxFileBytes)
	}
	return text, nil
}

// scheme is of URLs that stand for documents of the folder, so that the references between
// them are those between files.
const scheme = "schemas"

// loader hands documents to the compiler: those of the map, by their own place or by their
// publicURL. Nothing is ever fetched.
type loader struct {
	root   map[string]map[string]any
	public map[string]string
}

// Load implements jsonschema.URLLoader.
func (l *loader) Load(u string) (any, error) {
	if doc, ok := l.root[u]; ok {
		return doc, nil
	}
	if doc, ok := l.root[l.public[u]]; ok {
		return doc, nil
	}
	return nil, errors.New("the schema map has no such document")
}

// anything stands for a pattern that this program cannot read.
type anything string

// MatchString implements jsonschema.Regexp.
func (anything) MatchString(string) bool { return true }

func (a anything) String() string { return string(a) }

func tolerant(pattern string) (jsonschema.Regexp, error) {
	r, err := regexp.Compile(pattern)
	if err != nil {
		return anything(pattern), nil //nolint:nilerr // Load has told of it
	}
	return r, nil
}

// errNoSchema says that a fragment leads to no schema.
var errNoSchema = errors.New("no schema")

// schema returns the schema at a fragment of a document of the map. fragment is a JSON
// pointer, with or without its first slash; empty is the whole document.
func (s *Schemas) schema(at, fragment string) (*jsonschema.Schema, error) {
	if fragment != "" && !strings.HasPrefix(fragment, "/") {
		fragment = "/" + fragment // the collector's own tests write #components/schemas/X
	}
	if unescaped, err := url.PathUnescape(fragment); err == nil {
		fragment = unescaped // one spelling of each pointer, so that the cache is bounded
	}
	if fragment == "/" {
		fragment = ""
	}
	u := at + "#" + (&url.URL{Path: fragment}).EscapedPath()
	s.mu.Lock()
	defer s.mu.Unlock()
	if sch, ok := s.compiled[u]; ok {
		return sch, nil
	}
	sch, err := s.compiler.Compile(u)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoSchema, err)
	}
	s.compiled[u] = sch
	return sch, nil
}
