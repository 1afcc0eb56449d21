package spawn

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/multiproc-go/multiproc/finalize"
	"github.com/multiproc-go/multiproc/wire"
)

const (
	// watchInterval is how often the guardian looks whether what it waits for is gone.
	watchInterval = 20 * time.Millisecond

	// watchKill bounds the guardian's last rung.
	watchKill = 30 * time.Second
)

// watched is what the guardian knows of its program.
type watched struct {
	mark     string
	children map[int]record
}

// guardianMain is the whole life of a guardian: it waits for the end of the program and then ends what that has left.
// It returns the exit status.
func guardianMain(mark string, lifeline *os.File) int {
	// What ends the program by way of its terminal is no reason for its guardian to go.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	closeForeign()
	go wire.RemoveAbandonedFolders() // it ends by itself or, in a file system that hangs, with this process
	w := &watched{mark: mark, children: map[int]record{}}
	conn := framed(lifeline)
	var frame []byte
	for {
		var err error
		if frame, err = conn.ReadFrame(frame[:0]); err != nil {
			return w.end()
		}
		w.learn(frame)
	}
}

// learn takes in a frame of records.
func (w *watched) learn(frame []byte) {
	for len(frame) > 0 {
		var r record
		rest, err := r.UnmarshalMsg(frame)
		if err != nil {
			return // same binary at both ends: this is not to be expected
		}
		frame = rest
		if r.Gone {
			delete(w.children, r.PID)
		} else {
			w.children[r.PID] = r
		}
	}
}

// end ladders down what is left: the children know from their own lifelines that the program is gone, and have half of
// the grace period to end by themselves; then everything gets SIGTERM; at the end of the period, SIGKILL.
func (w *watched) end() int {
	begun := time.Now()
	grace, ended := DefaultGrace, w.empty // where the program died before it could tell of a child
	if len(w.children) > 0 {
		grace, ended = 0, w.childrenGone
	}
	for _, child := range w.children {
		grace = max(grace, time.Duration(child.Grace))
	}
	w.wait(begun.Add(grace/2), ended)
	if n, _ := w.tree().Signal(syscall.SIGTERM); n > 0 {
		w.wait(begun.Add(grace), w.empty)
	}
	ctx, cancel := context.WithTimeout(context.Background(), watchKill)
	defer cancel()
	if _, err := w.tree().Kill(ctx); err != nil {
		return 1
	}
	return 0
}

// wait waits until a condition holds, or until the deadline.
func (w *watched) wait(deadline time.Time, condition func() bool) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	for !condition() {
		select {
		case <-ticker.C:
		case <-timer.C:
			return
		}
	}
}

// childrenGone reports whether every child of the program has exited. What those had started is not asked for.
func (w *watched) childrenGone() bool {
	for _, child := range w.children {
		if (finalize.Identity{PID: child.PID, Start: child.Start}).Alive() {
			return false
		}
	}
	return true
}

// empty reports whether nothing at all is left.
func (w *watched) empty() bool {
	members, err := w.tree().Members()
	return err == nil && len(members) == 0
}

// tree is everything that the program has started. Groups are told apart from others that came to the same number by
// the child they are named for, as long as that is there.
func (w *watched) tree() finalize.Tree {
	tree := finalize.Tree{Marks: []string{w.mark}}
	for _, child := range w.children {
		tree.Roots = append(tree.Roots, finalize.Identity{PID: child.PID, Start: child.Start})
		tree.Groups = append(tree.Groups, child.Group)
	}
	return tree
}
