package integration

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// A markdownFile is what the tests need of a Markdown document.
type markdownFile struct {
	prose    string          // the text with its line breaks; code is blanked out
	blocks   []markdownBlock // fenced code
	headings map[string]bool // anchors, as code hosts derive them
}

type markdownBlock struct {
	language string
	line     int // of the opening fence, from 1
	code     string
}

var (
	fence      = regexp.MustCompile("^\\s*(```+|~~~+)\\s*([\\w+-]*)")
	heading    = regexp.MustCompile(`^ {0,3}#{1,6}\s+(.*?)\s*#*$`)
	inlineCode = regexp.MustCompile("(?s)`[^`]+`")
	linkInText = regexp.MustCompile(`\[([^\[\]]*)\]\([^)]*\)`)
)

// parseMarkdown reads CommonMark as this repository writes it: fences, ATX headings, code spans of one backquote.
func parseMarkdown(content []byte) markdownFile {
	file := markdownFile{headings: make(map[string]bool)}
	var prose strings.Builder
	var open *markdownBlock
	var opening string
	for i, line := range strings.Split(string(bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))), "\n") {
		mark := fence.FindStringSubmatch(line)
		switch {
		case open == nil && mark != nil:
			opening = mark[1]
			open = &markdownBlock{language: mark[2], line: i + 1}
		case open != nil && mark != nil && strings.HasPrefix(mark[1], opening) && mark[2] == "":
			file.blocks = append(file.blocks, *open)
			open = nil
		case open != nil:
			open.code += line + "\n"
		default:
			if title := heading.FindStringSubmatch(line); title != nil {
				file.addHeading(title[1])
			}
			prose.WriteString(line)
		}
		prose.WriteByte('\n')
	}
	file.prose = inlineCode.ReplaceAllStringFunc(prose.String(), blank)
	return file
}

// addHeading enters the anchor of a heading; those of a repeated one end in -1, -2 and so on.
func (f *markdownFile) addHeading(title string) {
	title = linkInText.ReplaceAllString(title, "$1")
	base := strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, title)
	anchor := base
	for n := 1; f.headings[anchor]; n++ {
		anchor = fmt.Sprintf("%s-%d", base, n)
	}
	f.headings[anchor] = true
}

func blank(code string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return ' '
	}, code)
}
