package archtest

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/internal/bridgetest"
)

var (
	link       = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	makeTarget = regexp.MustCompile("(?m)(?:`|^)make ([a-z0-9]+)")
	mentioned  = regexp.MustCompile("`((?:pkg|internal|cmd|test|profiles|schemas|tools|docs)/[\\w./-]*[\\w])`")
)

// planned are places that documents speak of as coming, by their first folder.
var planned = map[string]bool{"pkg/trace": true, "pkg/alarm": true}

// TestDocumentsAreTrueOfTheTree: links lead somewhere, `make X` is a target, and a path that is
// named exists.
func TestDocumentsAreTrueOfTheTree(t *testing.T) {
	root := bridgetest.Root(t)
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	require.NoError(t, err)
	exists := func(p string) bool { _, err := os.Stat(filepath.Join(root, p)); return err == nil }
	for _, doc := range tracked(t, root) {
		if path.Ext(doc) != ".md" || strings.Contains(doc, "testdata/") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, doc))
		require.NoError(t, err)
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target != "" && !strings.Contains(target, "://") && !strings.HasPrefix(target, "mailto:") && !exists(path.Join(path.Dir(doc), target)) {
				t.Errorf("%s: the link to %s leads nowhere", doc, m[1])
			}
		}
		for _, m := range makeTarget.FindAllStringSubmatch(string(text), -1) {
			if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(m[1]) + `:`).Match(makefile) {
				t.Errorf("%s: there is no `make %s`", doc, m[1])
			}
		}
		for _, m := range mentioned.FindAllStringSubmatch(string(text), -1) {
			if p := strings.TrimRight(m[1], "."); !exists(p) && !planned[p] {
				t.Errorf("%s: there is no %s", doc, p)
			}
		}
	}
}
