package pool_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/multiproc-go/multiproc/pool"
)

var chatter = pool.RegisterNamed("test.chatter", func(ctx context.Context, d time.Duration) (int64, error) {
	n := int64(0)
	for end := time.Now().Add(d); time.Now().Before(end); n++ {
		pool.ReportProgress(ctx, pool.Progress{Done: n})
		if n%20 == 0 {
			slog.InfoContext(ctx, "more")
		}
	}
	return n, nil
})

// However much a task reports and logs, no more than a knock or two are on their way: the pipe never fills, and the pool
// sleeps when the task does.
func TestKnocksDoNotGather(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1, ForwardLogs: slog.LevelInfo, Logger: slog.New(slog.DiscardHandler)})
	r, err := chatter.WithProgress(func(int, pool.Progress) {}).ApplyAsync(t.Context(), p, 500*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	for most := 0; !r.Ready(); <-time.After(10 * time.Millisecond) {
		if most = max(most, mostInPipes(t)); most > 16 {
			t.Fatalf("%d bytes wait in a pipe", most)
		}
	}
}

var babbles = pool.RegisterNamed("test.babbles", func(ctx context.Context, garbage []byte) (int, error) {
	if _, err := unix.Write(4, garbage); err != nil { // the pipe for the hello
		return 0, err
	}
	<-ctx.Done()
	return 0, ctx.Err()
})

// A worker that says anything but a knock is killed, and the pool goes on.
func TestWorkerThatBabbles(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	f := babbles.WithProgress(func(int, pool.Progress) {}).WithTimeout(10 * time.Second)
	for _, garbage := range []string{"\x7f\xff\xff\xff", "\x00\x00\x00\x01x", "\xf0\x00\x00\x00"} {
		_, err := f.Apply(t.Context(), p, []byte(garbage))
		var lost *pool.WorkerLostError
		if !errors.As(err, &lost) || !strings.Contains(lost.Cause, "frame") {
			t.Errorf("%q: %v", garbage, err)
		}
	}
	if got, err := double.Apply(t.Context(), p, 4); err != nil || got != 8 {
		t.Error(got, err)
	}
}

// mostInPipes returns how many bytes wait in the fullest of the pipes that this process reads from.
func mostInPipes(t *testing.T) (most int) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range fds {
		target, err := os.Readlink("/proc/self/fd/" + entry.Name())
		if err != nil || !strings.HasPrefix(target, "pipe:") {
			continue
		}
		fd, err := strconv.Atoi(entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		mode, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err != nil || mode&unix.O_ACCMODE != unix.O_RDONLY {
			continue
		}
		if n, err := unix.IoctlGetInt(fd, unix.TIOCINQ); err == nil {
			most = max(most, n)
		}
	}
	return most
}
