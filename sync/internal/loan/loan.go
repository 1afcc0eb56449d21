// Package loan lends a lock that one process alone uses to that process: a word in memory that it shares with the manager
// says who has the lock, and both change it by compare-and-swap.
//
// The manager lends when it grants, and takes back, by Recall, before it does anything else with the lock. A borrower that does
// not hold the lock is not asked: it may be stopped, or dead. One that holds it is told by the word, and gives the lock back with
// the release; what the word says then counts from that moment, though the manager may hear of it later.
//
// The word is
//
//	bits  0     held: the borrower has the lock
//	bits  1     recalled: the borrower is not to take it again
//	bits  2-21  how often the borrower has taken it since it was lent
//	bits 22-63  of which loan of this word it speaks, never 0
//
// so that a borrower that was slow to act on a loan finds that the word speaks of another, and a word of 0 of none: a number
// comes again after some 4e12 loans, which takes a year. Each time that the borrower takes the lock is a grant, whose fence is
// the one of the grant that the lock was lent with, and the count. When the count has no room any more the manager is asked,
// which lends anew: so a word that is corrupt leaves open only which of a million fences was the last.
package loan

import (
	"errors"

	"github.com/multiproc-go/multiproc/wire"
)

const (
	held       = 1 << 0
	recalled   = 1 << 1
	one        = 1 << 2 // acquisition
	loanShift  = 22
	loanBits   = 42
	mostTaken  = 1<<(loanShift-2) - 1
	mostLoan   = 1<<loanBits - 1
	takenShift = 2
)

// ErrCorrupt is returned for a word that no borrower would have left.
var ErrCorrupt = errors.New("the word of a lock that was lent is corrupt")

// Terms are what a borrower is told of a loan. The zero Terms are those of none.
type Terms struct {
	Index  uint64 // of the word
	Number uint64 // of the loan
}

// A Loan is the manager's end. It is not safe for concurrent use.
type Loan struct {
	words *wire.Words
	index int
	part  uint64 // of the word that names the loan
	fence uint64 // of the grant that it began with
	taken uint64 // as last seen

	corrupt bool // it was found to be
}

// New lends a lock by one of words, which may be nil, for the grant of that fence, by which the borrower holds it now. It
// returns nil when there is no word left.
func New(words *wire.Words, fence uint64) *Loan {
	if words == nil {
		return nil
	}
	index, before, ok := words.Take()
	if !ok {
		return nil
	}
	l := &Loan{words: words, index: index, part: (before%mostLoan + 1) << loanShift, fence: fence}
	words.Store(index, l.part|held)
	return l
}

// Terms returns what the borrower is to be told.
func (l *Loan) Terms() Terms { return Terms{uint64(l.index), l.part >> loanShift} }

// Look returns the fence of the borrower's last grant, and whether it has the lock. With ErrCorrupt, from then on, the fence is
// the last that it can have had, and the borrower has the lock as far as anybody knows.
func (l *Loan) Look() (fence uint64, has bool, err error) { return l.read(l.words.Load(l.index)) }

func (l *Loan) read(word uint64) (fence uint64, has bool, err error) {
	taken := word >> takenShift & mostTaken
	if l.corrupt = l.corrupt || word>>loanShift<<loanShift != l.part || taken < l.taken; l.corrupt {
		return l.fence + mostTaken, true, ErrCorrupt
	}
	l.taken = taken
	return l.fence + taken, word&held != 0, nil
}

// Recall has the borrower not take the lock again, and returns what Look does. If the borrower has it at that moment it finds
// Back when it releases it.
func (l *Loan) Recall() (fence uint64, has bool, err error) {
	return l.read(l.words.Or(l.index, recalled)) // at once, whatever the borrower does
}

// Seize returns what Look does, and has the borrower find from that moment on that it does not have the lock. Only End may follow.
func (l *Loan) Seize() (fence uint64, has bool, err error) {
	return l.read(l.words.Swap(l.index, l.part|recalled))
}

// End is the end of a loan: whoever acts on it from now on finds that it is over.
func (l *Loan) End() {
	l.words.Store(l.index, l.part|recalled)
	l.words.Give(l.index)
}

// A Borrowed is the borrower's end. It is safe for concurrent use.
type Borrowed struct {
	words *wire.Words
	index int
	part  uint64
	fence uint64
}

// Borrow returns the borrower's end of a loan that came with the grant of that fence, or nil for terms that no lender has.
func Borrow(words *wire.Words, t Terms, fence uint64) *Borrowed {
	if words == nil || t.Index >= uint64(words.Len()) || t.Number == 0 || t.Number > mostLoan {
		return nil
	}
	return &Borrowed{words, int(t.Index), t.Number << loanShift, fence}
}

// A State is what a borrower finds.
type State int

// The states.
const (
	Free State = iota // it was free, or is now
	Held              // somebody in this process has it
	Back              // given back with this release: the manager is to be told
	Over              // the loan is over: the manager is to be asked
)

// Look returns Free, Held or Over.
func (b *Borrowed) Look() State {
	_, s := b.look()
	return s
}

func (b *Borrowed) look() (uint64, State) {
	switch word := b.words.Load(b.index); {
	case word>>loanShift<<loanShift != b.part, word&recalled != 0:
		return word, Over
	case word&held != 0:
		return word, Held
	default:
		return word, Free
	}
}

// Acquire takes the lock if the answer is Free, which comes with the fence of the grant. The others are Held and Over.
func (b *Borrowed) Acquire() (fence uint64, s State) {
	for {
		word, s := b.look()
		if taken := word >> takenShift & mostTaken; s == Free && taken == mostTaken {
			return 0, Over
		} else if s != Free || b.words.CompareAndSwap(b.index, word, word+one|held) {
			return b.fence + taken + 1, s
		}
	}
}

// Release undoes the grant of that fence. It returns Free or Back, or Over when that is for the manager to do.
func (b *Borrowed) Release(fence uint64) State {
	free := b.part | (fence-b.fence)<<takenShift
	switch {
	case fence-b.fence > mostTaken:
		return Over
	case b.words.CompareAndSwap(b.index, free|held, free):
		return Free
	case b.words.CompareAndSwap(b.index, free|held|recalled, free|recalled):
		return Back
	}
	return Over
}
