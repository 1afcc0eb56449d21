package integration

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/multiproctest"
	"github.com/multiproc-go/multiproc/spawn"
	mpsync "github.com/multiproc-go/multiproc/sync"
)

// A scene is a manager and what actors share, for one test, at the end of which the manager must be empty.
type scene struct {
	t     *testing.T
	m     *manager.Manager
	props part
}

func newScene(t *testing.T) *scene {
	t.Helper()
	ctx := t.Context()
	m := must(manager.Start(ctx, &manager.Options{TransitGrace: 2 * time.Second}))
	s := &scene{t, m, part{
		Queue: must(mpsync.NewQueue[*mpsync.Event](ctx, m, 0)),
		Dict:  must(mpsync.NewDict[string, *mpsync.Event](ctx, m)),
		Gate:  must(mpsync.NewEvent(ctx, m)),
		Begun: must(mpsync.NewEvent(ctx, m)),
	}}
	t.Cleanup(func() {
		for _, p := range []*manager.Proxy{&s.props.Queue.Proxy, &s.props.Dict.Proxy, &s.props.Gate.Proxy, &s.props.Begun.Proxy} {
			p.Close()
		}
		multiproctest.CheckManagerEmpty(t, m)
		if err := m.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// enter starts an actor, which ends with the test. What it is to pass on to an actor of its own is known by the other
// end of peer.
func (s *scene) enter(peer *spawn.PipeEnd) *role {
	s.t.Helper()
	ours, theirs, err := spawn.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	p := s.props
	p.Pipe, p.Peer = theirs, peer
	process, err := acting.Start(s.t.Context(), p, &spawn.Options{Grace: time.Second})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		ours.Close()
		_ = process.Kill() // what it has is taken back however it ends
		<-process.Done()
	})
	return &role{s.t, process.PID(), ours}
}

// pair starts a sender with a cargo, and a receiver.
func (s *scene) pair() (sender, receiver *role) {
	sender, receiver = s.enter(nil), s.enter(nil)
	sender.order("make")
	return sender, receiver
}

// eventually waits for something that the manager tells of itself.
func (s *scene) eventually(what string, so func(*manager.Info) bool) {
	s.t.Helper()
	limit := time.After(20 * time.Second)
	for {
		info := must(s.m.Info(s.t.Context()))
		if so(info) {
			return
		}
		select {
		case <-limit:
			s.t.Fatalf("not within 20 s: %s: %+v", what, *info)
		case <-time.After(time.Millisecond):
		}
	}
}

// alone waits until so many actors are left, and this process.
func (s *scene) alone(actors int) {
	s.t.Helper()
	s.eventually("sessions end", func(i *manager.Info) bool { return len(i.Sessions) <= 1+actors })
}

const (
	stop = syscall.SIGSTOP
	cont = syscall.SIGCONT
	kill = syscall.SIGKILL
)
