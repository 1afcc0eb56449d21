package joblog

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	log, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 3, 4, 5, 6, 7, 89e6, time.FixedZone("", 3600))
	for _, e := range []Entry{
		{1, start, 1500 * time.Millisecond, 0, 0, Done, "a b"},
		{2, start.UTC(), 0, 137, 9, Failed, "tab\there\nand\r\\there\xff"},
	} {
		if err := log.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := Header +
		"1\t2026-03-04T05:06:07.089+01:00\t1.500\t0\t0\tdone\ta b\n" +
		"2\t2026-03-04T04:06:07.089Z\t0.000\t137\t9\tfailed\ttab\\there\\nand\\r\\\\there\xff\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestConcurrentRowsStayWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	log, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for seq := range int64(50) {
		writers.Go(func() {
			if err := log.Write(Entry{Seq: seq, Outcome: Done, Item: strings.Repeat("x", 5000)}); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	log.Close()
	got, _ := os.ReadFile(path)
	lines := strings.Split(strings.TrimSpace(string(got)), "\n")
	if len(lines) != 51 {
		t.Errorf("%d lines, want 51", len(lines))
	}
	for _, line := range lines {
		if fields := strings.Count(line, "\t"); fields != 6 {
			t.Errorf("a line with %d tabs", fields)
		}
	}
}

func TestCreateSaysWhatCannotBeCreated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "log")
	if _, err := Create(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}

func TestAfterAWriteErrorTheCallerKnows(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full")
	}
	if _, err := Create("/dev/full"); err == nil {
		t.Error("no error from a full disk")
	}
}

func TestNoLogIsSilent(t *testing.T) {
	var log *Log
	if log.Write(Entry{}) != nil || log.Close() != nil {
		t.Error("a nil log failed")
	}
}
