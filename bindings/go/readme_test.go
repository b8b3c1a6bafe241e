package hexz_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the pages show is code that the tests compile: each line of Go in them
// stands, in one piece with its neighbours, in a file of this module.
func TestPagesShowCodeThatIsCompiled(t *testing.T) {
	var sources []string
	must(t, filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" {
			return err
		}
		text, err := os.ReadFile(path)
		sources = append(sources, unindented(string(text)))
		return err
	}))
	shown := 0
	for _, page := range []string{"README.md", "../../README.md"} {
		text, err := os.ReadFile(page)
		if errors.Is(err, fs.ErrNotExist) && page != "README.md" {
			continue // the module stands alone
		}
		must(t, err)
		for _, block := range blocksOfGo(string(text)) {
			shown++
			found := false
			for _, source := range sources {
				found = found || strings.Contains(source, unindented(block))
			}
			if !found {
				t.Errorf("%s: not compiled anywhere:\n%s", page, block)
			}
		}
	}
	if shown < 2 {
		t.Errorf("%d pieces of code were found in the pages", shown)
	}
}

func blocksOfGo(page string) (blocks []string) {
	for {
		_, rest, found := strings.Cut(page, "\n```go\n")
		if !found {
			return blocks
		}
		block, after, _ := strings.Cut(rest, "\n```")
		blocks = append(blocks, block)
		page = after
	}
}

func unindented(text string) string {
	lines := strings.Split(text, "\n")
	for n := range lines {
		lines[n] = strings.TrimSpace(lines[n])
	}
	return strings.Join(lines, "\n")
}
