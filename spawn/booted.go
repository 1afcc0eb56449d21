package spawn

import (
	"os"
	"time"

	"github.com/multiproc-go/multiproc/wire"
)

// booting is what becomes of a child while its packages initialise: the boot message is read, and the lifeline watched
// from then on, by a goroutine of its own. So a parent's death ends even a child that never gets as far as Main. The
// goroutine ends with the lifeline, or with the process.
type booting struct {
	done chan struct{} // closed when the fields below are set
	err  error         // of the boot message
	life *life
}

// watch reads the boot message into self, and then serves the lifeline.
func (b *booting) watch(lifeline *wire.Conn) {
	b.err = receive(lifeline, &self)
	if b.err != nil {
		if gone(b.err) {
			os.Exit(1) // nobody is left to be told
		}
		self.Name, self.Grace = "child", int64(DefaultGrace)
	}
	b.life = newLife(self.Name, time.Duration(self.Grace))
	close(b.done)
	if b.err == nil {
		b.life.watchLifeline(lifeline, self.Detached)
	}
}
