package command

import (
	"context"
	"errors"
	"os/exec"
	"syscall"
	"time"

	"github.com/multiproc-go/multiproc/finalize"
)

const (
	// terminateGrace is how long a command's tree has between SIGTERM and SIGKILL.
	terminateGrace = 500 * time.Millisecond

	// killLimit bounds the wait for killed processes to be gone.
	killLimit = 2 * time.Second
)

// treeOf describes a command that was just started and all it will start.
func treeOf(cmd *exec.Cmd, mark string) finalize.Tree {
	tree := finalize.Tree{Marks: []string{mark}, Groups: []int{cmd.Process.Pid}}
	if id, err := finalize.Identify(cmd.Process.Pid); err == nil {
		tree.Roots, tree.Since = []finalize.Identity{id}, id.Start
	}
	return tree
}

// supervise waits for a command to end, and ends its tree when ctx does. It
// reports whether that was so; nothing of the tree is left then. cutOff says that
// a command which succeeded has left its output open.
func supervise(ctx context.Context, cmd *exec.Cmd, tree finalize.Tree) (killed, cutOff bool) {
	exited, ended := make(chan struct{}), make(chan struct{})
	unwatch := context.AfterFunc(ctx, func() {
		defer close(ended)
		end(tree, exited)
	})
	// How it ended is in cmd.ProcessState, and what failed with its output in the captures.
	cutOff = errors.Is(cmd.Wait(), exec.ErrWaitDelay)
	close(exited)
	if unwatch() {
		return false, cutOff
	}
	<-ended
	return true, false
}

// end asks the tree to end, and kills what is left of it once its root and its
// output have ended or the grace is over. Errors are passed over: what resists
// is killed with the worker.
func end(tree finalize.Tree, exited <-chan struct{}) {
	_, _ = tree.Signal(syscall.SIGTERM)
	grace := time.NewTimer(terminateGrace)
	defer grace.Stop()
	select {
	case <-exited:
	case <-grace.C:
	}
	ctx, cancel := context.WithTimeout(context.Background(), killLimit)
	defer cancel()
	_, _ = tree.Kill(ctx)
}
