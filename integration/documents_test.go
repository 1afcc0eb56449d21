package integration

import (
	"bytes"
	"fmt"
	"go/format"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	inlineLink    = regexp.MustCompile(`\[[^\[\]]*\]\(\s*<?([^)\s>]*)>?[^)]*\)`)
	definition    = regexp.MustCompile(`(?m)^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)`)
	packageClause = regexp.MustCompile(`(?m)^package main$`)
)

// Links to other hosts are only parsed: the tests need no network.
func TestDocumentsLinks(t *testing.T) {
	read := func(name string) ([]byte, bool) {
		full := filepath.Join(moduleRoot(t), filepath.FromSlash(name))
		info, err := os.Stat(full)
		if err != nil {
			return nil, false
		}
		if info.IsDir() {
			return nil, true
		}
		return readTreeFile(t, name), true
	}
	for _, name := range treeFiles(t, ".md") {
		for _, fault := range brokenLinks(name, read) {
			t.Error(fault)
		}
	}
}

func TestDocumentsBrokenLinks(t *testing.T) {
	files := map[string]string{
		"wire/PROTOCOL.md": "# Frames\n\n## The `!i` header\n\n# Frames\n",
		"LICENSE":          "",
	}
	tests := []struct {
		name     string
		document string
		want     []string
	}{
		{"file", "See [the\nlicence](LICENSE) and [here](/wire/PROTOCOL.md \"title\").", nil},
		{"anchors", "[a](wire/PROTOCOL.md#frames) [b](wire/PROTOCOL.md#the-i-header) [c](wire/PROTOCOL.md#frames-1)", nil},
		{"own anchor", "# Way in\n\n[up](#way-in)", nil},
		{"other host", "[a](https://example.com/a#b) [mail](mailto:a@example.com)", nil},
		{"in code", "`[a](gone)`\n\n```\n[a](gone)\n```\n", nil},
		{"image and definition", "![logo](LICENSE)\n\n[ref]: LICENSE\n", nil},
		{"missing file", "\n[a](gone.md)", []string{"D.md:2: gone.md: no such file"}},
		{"missing definition's file", "[ref]: gone.md", []string{"D.md:1: gone.md: no such file"}},
		{"outside", "[a](../LICENSE)", []string{"D.md:1: ../LICENSE: outside the repository"}},
		{"missing anchor", "[a](wire/PROTOCOL.md#gone)", []string{"D.md:1: wire/PROTOCOL.md#gone: no such heading"}},
		{"missing own anchor", "[a](#gone)", []string{"D.md:1: #gone: no such heading"}},
		{"empty", "[a]()", []string{"D.md:1: : empty link"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			read := func(name string) ([]byte, bool) {
				if name == "D.md" {
					return []byte(test.document), true
				}
				content, found := files[name]
				return []byte(content), found
			}
			if diff := cmp.Diff(test.want, brokenLinks("D.md", read)); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

// brokenLinks returns one sentence for each link of a document that leads nowhere in the repository. Names are relative
// to the root; read reports whether there is such a file or directory.
func brokenLinks(document string, read func(name string) ([]byte, bool)) []string {
	content, _ := read(document)
	file := parseMarkdown(content)
	var faults []string
	for _, pattern := range []*regexp.Regexp{inlineLink, definition} {
		for _, match := range pattern.FindAllStringSubmatchIndex(file.prose, -1) {
			target := file.prose[match[2]:match[3]]
			if problem := followLink(document, target, read); problem != "" {
				line := 1 + strings.Count(file.prose[:match[2]], "\n")
				faults = append(faults, fmt.Sprintf("%s:%d: %s: %s", document, line, target, problem))
			}
		}
	}
	return faults
}

// followLink says what is wrong with a link, or "".
func followLink(document, target string, read func(name string) ([]byte, bool)) string {
	if target == "" {
		return "empty link"
	}
	link, err := url.Parse(target)
	if err != nil {
		return err.Error()
	}
	if link.Scheme != "" || link.Host != "" {
		return ""
	}

	name := document
	if link.Path != "" {
		name = path.Join(path.Dir(document), link.Path)
		if rooted, ok := strings.CutPrefix(link.Path, "/"); ok {
			name = path.Clean(rooted)
		}
	}
	if !filepath.IsLocal(name) {
		return "outside the repository"
	}
	content, found := read(name)
	if !found {
		return "no such file"
	}
	if link.Fragment != "" && path.Ext(name) == ".md" && !parseMarkdown(content).headings[link.Fragment] {
		return "no such heading"
	}
	return ""
}

// A complete program in a document is one that a reader copies: it must be formatted and pass vet as it stands.
func TestDocumentsPrograms(t *testing.T) {
	for _, name := range treeFiles(t, ".md") {
		for _, block := range parseMarkdown(readTreeFile(t, name)).blocks {
			if block.language != "go" || !packageClause.MatchString(block.code) {
				continue
			}
			t.Run(fmt.Sprintf("%s:%d", name, block.line), func(t *testing.T) {
				if err := checkProgram(t, block.code); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestDocumentsFaultyPrograms(t *testing.T) {
	tests := []struct {
		name, code, want string // want is part of the error, or empty for none
	}{
		{"right", "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println() }\n", ""},
		{"not formatted", "package main\nfunc main() {}\n", "gofmt"},
		{"syntax", "package main\n\nfunc main() {\n", "expected '}'"},
		{"types", "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Printline() }\n", "undefined: fmt.Printline"},
		{"vet", "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Printf(\"%d\\n\", \"a\") }\n", "wrong type"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := checkProgram(t, test.code)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v, want one that contains %q", err, test.want)
			}
		})
	}
}

// checkProgram vets a program of one file as if it stood in this module.
func checkProgram(t *testing.T, code string) error {
	t.Helper()
	formatted, err := format.Source([]byte(code))
	if err != nil {
		return err
	}
	if !bytes.Equal(formatted, []byte(code)) {
		return fmt.Errorf("not as gofmt has it:\n%s", cmp.Diff(string(formatted), code))
	}
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
		return err
	}
	vet := exec.CommandContext(t.Context(), "go", "vet", file)
	vet.Dir = moduleRoot(t)
	if output, err := vet.CombinedOutput(); err != nil {
		return fmt.Errorf("go vet: %w\n%s", err, output)
	}
	return nil
}
