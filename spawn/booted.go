package spawn

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/multiproc-go/multiproc/wire"
)

// booting is what becomes of a child while its packages initialise: the boot message is read, and the lifeline watched
// from then on, by a goroutine of its own, while another catches signals. So a parent's death ends even a child that
// never gets as far as Main.
type booting struct {
	caught chan struct{} // closed when the signals that end a child are caught
	done   chan struct{} // closed when the fields below are set
	err    error         // of the boot message
	life   *life
}

func newBooting() *booting {
	return &booting{caught: make(chan struct{}), done: make(chan struct{})}
}

// watchSignals ends the child's life at the first signal. A later one finds it ending, within its grace period. The
// goroutine is there as long as the process. Where os/signal has to catch the first signal as well, that is not waited for
// before Main, since it takes several changes between threads, and until then there are no finalizers that a signal could
// bypass.
func (b *booting) watchSignals(ending []os.Signal, catching *catcher) {
	signals := make(chan os.Signal, len(ending))
	if catching != nil {
		close(b.caught)
		catching.await()
		catching.handOver(signals)
	} else {
		signal.Notify(signals, ending...)
		close(b.caught)
	}
	<-b.done
	for received := range signals {
		b.life.end(&SignalError{Signal: received.(syscall.Signal)})
	}
}

// watch reads the boot message into self, and then serves the lifeline. The goroutine ends with that, or with the process.
func (b *booting) watch(lifeline *wire.Conn) {
	b.err = receive(lifeline, &self)
	if b.err != nil {
		if gone(b.err) {
			os.Exit(1) // nobody is left to be told
		}
		self.Name, self.Grace = "child", int64(DefaultGrace)
	}
	b.life = newLife(self.Name, time.Duration(self.Grace))
	if !self.Detached {
		b.life.lifeline = lifeline
	}
	close(b.done)
	if b.err == nil {
		b.life.watchLifeline(lifeline, self.Detached)
	}
}
