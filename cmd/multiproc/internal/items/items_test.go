package items

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func all(t *testing.T, s Source) []string {
	t.Helper()
	var texts []string
	for {
		item, err := s.Next()
		if errors.Is(err, io.EOF) {
			return texts
		}
		if err != nil {
			t.Fatal(err)
		}
		if item.Err != nil {
			t.Fatalf("item %q: %v", item.Text, item.Err)
		}
		texts = append(texts, item.Text)
	}
}

func TestReadSplits(t *testing.T) {
	tests := []struct {
		name, input string
		separator   byte
		want        []string
	}{
		{"nothing", "", '\n', nil},
		{"one line", "a\n", '\n', []string{"a"}},
		{"last line without newline", "a\nb", '\n', []string{"a", "b"}},
		{"empty lines are items", "a\n\n\nb\n", '\n', []string{"a", "", "", "b"}},
		{"a newline alone", "\n", '\n', []string{""}},
		{"carriage returns are kept", "a\r\nb\r\n", '\n', []string{"a\r", "b\r"}},
		{"blanks and dashes are kept", "  a b \n-n\n", '\n', []string{"  a b ", "-n"}},
		{"not UTF-8", "\xff\xfe\n", '\n', []string{"\xff\xfe"}},
		{"NUL mode keeps newlines", "a\nb\x00c\x00", 0, []string{"a\nb", "c"}},
		{"NUL mode without the last NUL", "a\x00b\n", 0, []string{"a", "b\n"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := all(t, Read(iotest.OneByteReader(strings.NewReader(test.input)), test.separator))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestListYieldsInOrder(t *testing.T) {
	want := []string{"a", "", "-x", "a\nb"}
	if diff := cmp.Diff(want, all(t, List(want))); diff != "" {
		t.Error(diff)
	}
}

func TestNULInALineIsAnItemThatFails(t *testing.T) {
	s := Read(strings.NewReader("a\nb\x00c\nd\n"), '\n')
	for _, want := range []error{nil, ErrNUL, nil} {
		if item, err := s.Next(); err != nil || !errors.Is(item.Err, want) {
			t.Errorf("got %v, %v, want an item with error %v", item, err, want)
		}
	}
}

func TestLongestItemPassesAndALongerOneIsSkipped(t *testing.T) {
	longest := strings.Repeat("x", MaxLength)
	s := Read(strings.NewReader(longest+"\n"+longest+"y\n"+longest+longest+longest+"\nafter\n"+longest+"y"), '\n')
	for _, want := range []Item{{Text: longest}, {Err: ErrTooLong}, {Err: ErrTooLong}, {Text: "after"}, {Err: ErrTooLong}} {
		item, err := s.Next()
		if err != nil || !errors.Is(item.Err, want.Err) || want.Err == nil && item.Text != want.Text {
			t.Fatalf("got an item of %d bytes, %v, %v, want %d bytes, %v", len(item.Text), item.Err, err, len(want.Text), want.Err)
		}
		if item.Err != nil && len(item.Text) > 300 {
			t.Errorf("%d bytes of the long item kept", len(item.Text))
		}
	}
	if _, err := s.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

func TestInputWithoutSeparatorEnds(t *testing.T) {
	if _, err := Read(endless{}, '\n').Next(); !errors.Is(err, ErrNoSeparator) {
		t.Errorf("got %v, want ErrNoSeparator", err)
	}
}

func TestReadErrorIsReturnedAndNotTakenForTheEnd(t *testing.T) {
	fault := errors.New("disk on fire")
	s := Read(io.MultiReader(strings.NewReader("a\nhalf"), iotest.ErrReader(fault)), '\n')
	if item, err := s.Next(); item.Text != "a" || err != nil {
		t.Fatalf("got %v, %v", item, err)
	}
	if item, err := s.Next(); !errors.Is(err, fault) {
		t.Errorf("got %v, %v, want the read error: half an item is no item", item, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("a\nb\r\n\n\x00c"), true)
	f.Add([]byte("a\x00\n\x00"), false)
	f.Fuzz(func(t *testing.T, input []byte, lines bool) {
		separator := byte(0)
		if lines {
			separator = '\n'
		}
		var joined []byte
		s := Read(bytes.NewReader(input), separator)
		for {
			item, err := s.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if errors.Is(item.Err, ErrTooLong) {
				return
			}
			joined = append(append(joined, item.Text...), separator)
		}
		want := input
		if len(want) > 0 && want[len(want)-1] != separator {
			want = append(bytes.Clone(want), separator)
		}
		if !bytes.Equal(joined, want) {
			t.Errorf("items of %q joined again: %q", input, joined)
		}
	})
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}
