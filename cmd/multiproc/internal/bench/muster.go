package bench

import (
	"context"
	"errors"
	"io"
	"net"
	"os"

	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/bench/helper"
	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/spawn"
)

// A muster shows that every worker of a pool has a task: each says a byte, and waits until all have. It goes over a socket
// that is the workers' standard output, since the time that it takes is measured together with what the pool does, and peers
// whose calls go to a given process need nothing of the kind.
type muster struct {
	here   *net.UnixConn
	theirs *os.File
}

func newMuster() (*muster, error) {
	conn, theirs, err := helper.Pair()
	if err != nil {
		return nil, err
	}
	return &muster{here: conn.(*net.UnixConn), theirs: theirs}, nil
}

// options are those of a pool whose workers take part.
func (m *muster) options(workers int) *pool.Options {
	return &pool.Options{Workers: workers, Spawn: &spawn.Options{Stdout: m.theirs}}
}

// await blocks until so many have come, or ctx ends.
func (m *muster) await(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errLate)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { m.here.Close() })
	defer stop()
	if _, err := io.ReadFull(m.here, make([]byte, n)); err != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	return nil
}

// release lets all go. It must be called before the pool is closed.
func (m *muster) release() error { return m.here.CloseWrite() }

// close ends the muster.
func (m *muster) close() {
	m.here.Close()
	m.theirs.Close()
}

// stand is the other end.
func stand(context.Context, struct{}) (struct{}, error) {
	if _, err := os.Stdout.Write([]byte{1}); err != nil {
		return struct{}{}, err
	}
	_, err := os.Stdout.Read(make([]byte, 1))
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return struct{}{}, err
}
