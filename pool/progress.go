package pool

import (
	"context"
	"encoding/binary"
	"strings"
	"sync/atomic"
	"unicode/utf8"
)

// Progress is how far a task has come, as the task reports it by ReportProgress.
type Progress struct {
	Done    int64  // how much is done, in a unit of the task's choice
	Total   int64  // of how much; 0 when the task does not know
	Message string // what the task is doing; what is longer than MaxProgressMessage is cut off
}

// MaxProgressMessage is the longest Message of a Progress, in bytes.
const MaxProgressMessage = reportBytes - reportHeader

// ReportProgress tells whoever waits for the task how far it has come: by the function of WithProgress, by
// AsyncResult.Progress and by Stats. The context is the task's, or one made from it. Only the latest report counts: those
// that come faster than they are passed on replace one another. So it never waits for the caller, takes well under a
// microsecond as a rule (a few microseconds when the caller has to be woken, a thousand times a second at most), and may be
// called as often as is convenient.
//
// With another context, or when the task has ended, it does nothing: a function that reports may be called directly. It is
// safe for concurrent use.
func ReportProgress(ctx context.Context, p Progress) {
	c := taskOf(ctx)
	if c == nil {
		return
	}
	if w := serving.Load(); w != nil {
		w.report(c, p)
	}
}

// The reports of a worker lie in the memory that it shares with its link, where they outlive it: the latest in the place
// that the word of their count tells, a few older ones, still whole, in the others. In each place stand, in words, the task's
// sequence number, Done, Total, the length of Message in bytes, and Message.
const (
	reportsAt    = 2048
	reportPlaces = 4
	reportBytes  = 512
	reportHeader = 32
)

// report is a Progress on its way.
type report struct {
	count    uint64 // which of the worker's reports it is, from 1
	sequence uint64 // its task
	Progress
}

func (s *shared) reportWord(count uint64, at int) *atomic.Uint64 {
	return s.word(reportsAt + int(count%reportPlaces)*reportBytes + at)
}

// putReport makes r the latest report. The worker calls it for one report at a time.
func (s *shared) putReport(r *report) {
	s.reportWord(r.count, 0).Store(r.sequence)
	s.reportWord(r.count, 8).Store(uint64(r.Done))
	s.reportWord(r.count, 16).Store(uint64(r.Total))
	s.reportWord(r.count, 24).Store(uint64(len(r.Message)))
	for at := 0; at < len(r.Message); at += 8 {
		var word [8]byte
		copy(word[:], r.Message[at:])
		s.reportWord(r.count, reportHeader+at).Store(binary.NativeEndian.Uint64(word[:]))
	}
	s.word(wordReports).Store(r.count)
}

// latestReport reads the latest report, if it is not the one that is known already. One that the worker replaces again and
// again while it is read is left for the next time. It trusts nothing that it reads.
func (s *shared) latestReport(known uint64) (report, bool) {
	for range reportPlaces {
		r := report{count: s.word(wordReports).Load()}
		if r.count == known || r.count == 0 {
			return report{}, false
		}
		r.sequence = s.reportWord(r.count, 0).Load()
		r.Done = int64(s.reportWord(r.count, 8).Load())
		r.Total = int64(s.reportWord(r.count, 16).Load())
		length := int(min(s.reportWord(r.count, 24).Load(), MaxProgressMessage))
		var message [MaxProgressMessage]byte
		for at := 0; at < length; at += 8 {
			binary.NativeEndian.PutUint64(message[at:], s.reportWord(r.count, reportHeader+at).Load())
		}
		if s.intact(r.count) {
			r.Message = strings.ToValidUTF8(string(message[:length]), "\uFFFD")
			return r, true
		}
	}
	return report{}, false
}

// intact reports whether the place of a report has not been written to since: that is begun when the one before was counted.
func (s *shared) intact(count uint64) bool { return s.word(wordReports).Load()-count < reportPlaces-1 }

// appendReport encodes the report that precedes its task's answer in the results ring.
func appendReport(dst []byte, r *report) []byte {
	for _, word := range [...]uint64{r.count, uint64(r.Done), uint64(r.Total)} {
		dst = binary.NativeEndian.AppendUint64(dst, word)
	}
	return append(dst, r.Message...)
}

func readReport(src []byte) (*report, error) {
	if len(src) < 24 || len(src)-24 > MaxProgressMessage {
		return nil, errCorrupt
	}
	return &report{
		count: binary.NativeEndian.Uint64(src),
		Progress: Progress{
			Done: int64(binary.NativeEndian.Uint64(src[8:])), Total: int64(binary.NativeEndian.Uint64(src[16:])),
			Message: strings.ToValidUTF8(string(src[24:]), "\uFFFD"),
		},
	}, nil
}

// cutMessage shortens a message to what a report holds, at the end of a character.
func cutMessage(message string) string {
	if len(message) <= MaxProgressMessage {
		return message
	}
	end := MaxProgressMessage
	for end > MaxProgressMessage-utf8.UTFMax && !utf8.RuneStart(message[end]) {
		end--
	}
	return message[:end]
}
