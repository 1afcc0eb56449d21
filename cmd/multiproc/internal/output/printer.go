package output

import (
	"context"
	"io"
	"sync"

	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/spool"
)

// Limits bounds what waits for its turn. Zero fields take the defaults.
type Limits struct {
	Memory int64 // bytes in memory; default 16 MiB
	Total  int64 // bytes in memory and on disk together; default 1 GiB
	Items  int   // default 65536
	Files  int   // of outputs that have a file of their own; default 64
}

func (l Limits) withDefaults() Limits {
	if l.Memory == 0 {
		l.Memory = 16 << 20
	}
	if l.Total == 0 {
		l.Total = 1 << 30
	}
	if l.Items == 0 {
		l.Items = 65536
	}
	if l.Files == 0 {
		l.Files = 64
	}
	return l
}

// A Printer takes the outputs of items from any number of goroutines, and
// prints them from one. Run must be called once; it does all the printing.
type Printer struct {
	stdout, stderr io.Writer
	arrival        bool // print in the order of arrival
	limits         Limits
	spill          spool.Spill
	whole          sync.Mutex // held for each write to stderr, however long: it is what keeps outputs whole

	mu      sync.Mutex // guards the fields below
	change  sync.Cond  // on mu: any of them has changed
	waiting map[int64]entry
	next    int64 // the item whose turn it is
	arrived int64 // how many were delivered, when the order is that of arrival
	memory  int64 // bytes of waiting in memory
	total   int64 // bytes of waiting
	files   int   // files of waiting
	final   bool  // nothing is delivered any more
	err     error // why printing has ended early
	lost    int   // items whose output was not printed, or not to its end, because of that
}

type entry struct{ stdout, stderr Content }

func (e *entry) empty() bool { return e.stdout.size+e.stderr.size == 0 }

// NewPrinter returns a printer in the order of the items, whose numbers begin
// at 1 and leave none out; or, when unordered, in the order of delivery.
func NewPrinter(stdout, stderr io.Writer, unordered bool, limits Limits) *Printer {
	p := &Printer{
		stdout:  stdout,
		stderr:  stderr,
		arrival: unordered,
		limits:  limits.withDefaults(),
		waiting: make(map[int64]entry),
		next:    1,
	}
	p.change.L = &p.mu
	return p
}

// Deliver hands over what item seq has written, and takes over both contents.
// It blocks while more than the limits waits, unless it is this item's turn. The
// error is that of the disk when the output had to be put there and could not;
// the output is lost then. Output that comes when Run has ended is dropped.
func (p *Printer) Deliver(seq int64, stdout, stderr Content) error {
	e := entry{stdout, stderr}
	p.admit(seq, &e)
	var err error
	for _, c := range []*Content{&e.stdout, &e.stderr} {
		if err == nil && c.spill {
			*c, err = c.spilled(&p.spill)
		}
	}
	p.enter(seq, e, err == nil)
	return err
}

// admit waits until e may be kept, and marks what of it must go to disk.
func (p *Printer) admit(seq int64, e *entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	turn := func() bool { return seq == p.next || p.arrival && len(p.waiting) == 0 }
	for p.err == nil && !turn() && (len(p.waiting) >= p.limits.Items || p.total >= p.limits.Total) {
		p.change.Wait()
	}
	if p.err != nil || turn() {
		return
	}
	for _, c := range []*Content{&e.stdout, &e.stderr} {
		tooMany := c.file != nil && p.files+2 > p.limits.Files
		tooLarge := p.memory+int64(len(c.inline)) > p.limits.Memory && len(c.inline) > 0
		c.spill = tooMany || tooLarge
	}
}

// enter puts e where Run finds it, or nothing in its place if it is not to be
// printed.
func (p *Printer) enter(seq int64, e entry, printed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil && !e.empty() {
		p.lost++
	}
	if !printed || p.err != nil {
		e.stdout.release()
		e.stderr.release()
		e = entry{} // the items after it must still have their turn
	}
	if p.arrival {
		p.arrived++
		seq = p.arrived
	}
	p.accountLocked(e, +1)
	p.waiting[seq] = e
	p.change.Broadcast()
}

func (p *Printer) accountLocked(e entry, sign int64) {
	for _, c := range []Content{e.stdout, e.stderr} {
		p.total += sign * c.size
		p.memory += sign * int64(len(c.inline))
		if c.file != nil {
			p.files += int(sign)
		}
	}
}

// Printing reports whether there is something that is being printed, or could
// be.
func (p *Printer) Printing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.waiting[p.next]
	return ok
}

// Unprinted returns how many items had output that was delivered but not
// printed, or not to its end, because Run has ended early.
func (p *Printer) Unprinted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost
}

// Finish says that nothing more is delivered: Run returns when all is printed.
func (p *Printer) Finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.final = true
	p.change.Broadcast()
}

// Run prints until Finish was called and nothing waits, a write to stdout
// fails, or ctx ends. It returns nil, that error, or the cause of ctx's end. An
// error of stderr is passed over: nobody could be told. A write that blocks is
// not ended by ctx; that is up to the writer.
func (p *Printer) Run(ctx context.Context) error {
	wake := context.AfterFunc(ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.failLocked(context.Cause(ctx))
	})
	defer wake()
	defer p.discard()
	for {
		e, err := p.take()
		if err != nil || e == nil {
			return err
		}
		err = e.stdout.writeTo(p.stdout)
		p.writeStderr(e.stderr)
		e.stdout.release()
		e.stderr.release()
		p.settle(*e, err)
	}
}

// Notice writes to stderr, between the outputs of items rather than inside one.
// It blocks as long as one is being written there.
func (p *Printer) Notice(text string) { p.writeStderr(Bytes([]byte(text))) }

func (p *Printer) writeStderr(c Content) {
	p.whole.Lock()
	defer p.whole.Unlock()
	_ = c.writeTo(p.stderr)
}

// take waits for the entry whose turn it is. It returns nil at the end.
func (p *Printer) take() (*entry, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		e, ok := p.waiting[p.next]
		switch {
		case p.err != nil:
			return nil, p.err
		case ok:
			return &e, nil
		case p.final && len(p.waiting) == 0:
			return nil, nil
		}
		p.change.Wait()
	}
}

// settle takes a printed entry out, so that it has counted until here.
func (p *Printer) settle(e entry, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, p.next)
	p.accountLocked(e, -1)
	p.next++
	if err != nil {
		p.lost++
	}
	p.failLocked(err)
	p.change.Broadcast()
}

func (p *Printer) failLocked(err error) {
	if err != nil && p.err == nil {
		p.err = err
		p.change.Broadcast()
	}
}

// discard drops what was never printed.
func (p *Printer) discard() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for seq, e := range p.waiting {
		if !e.empty() {
			p.lost++
		}
		e.stdout.release()
		e.stderr.release()
		delete(p.waiting, seq)
	}
	p.spill.Close()
}
