package bench

import (
	"context"
	"errors"
	"net/rpc"

	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/bench/helper"
)

// rpcPeer is a process that serves net/rpc, and a client of it.
type rpcPeer struct {
	process *helper.Process
	client  *rpc.Client
}

func newRPCPeer(ctx context.Context) (*rpcPeer, error) {
	p, err := helper.Start(ctx, helper.RPC, 1, 0)
	if err != nil {
		return nil, err
	}
	return &rpcPeer{process: p, client: rpc.NewClient(p.Connections[0])}, nil
}

func (p *rpcPeer) close() error { return errors.Join(p.client.Close(), p.process.Close()) }

// withRPC makes a runner of a process that serves net/rpc, and of what is to be done with it.
func withRPC(ctx context.Context, do func(*rpc.Client) (float64, error)) (*runner, error) {
	p, err := newRPCPeer(ctx)
	if err != nil {
		return nil, err
	}
	return &runner{
		run:   func(context.Context) (float64, error) { return do(p.client) },
		close: p.close,
	}, nil
}

func rpcCalls(callers int) preparation {
	return func(ctx context.Context, _ *environment, n int) (*runner, error) {
		return withRPC(ctx, func(client *rpc.Client) (float64, error) {
			return split(n, callers, func(_, operations int) error {
				var got int
				for range operations {
					if err := client.Call("Service.Get", 0, &got); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
}

func rpcApply(ctx context.Context, _ *environment, n int) (*runner, error) {
	return withRPC(ctx, func(client *rpc.Client) (float64, error) {
		return timed(func() error {
			for i := range n {
				var doubled int
				if err := client.Call("Service.Double", i, &doubled); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// rpcStream spreads tasks over two processes, and has a bounded number of them under way.
func rpcStream(ctx context.Context, _ *environment, n int) (*runner, error) {
	var peers []*rpcPeer
	closeAll := func() error {
		var failures []error
		for _, p := range peers {
			failures = append(failures, p.close())
		}
		return errors.Join(failures...)
	}
	for range 2 {
		p, err := newRPCPeer(ctx)
		if err != nil {
			return nil, errors.Join(err, closeAll())
		}
		peers = append(peers, p)
	}
	run := func(context.Context) (float64, error) { return timed(func() error { return streamOver(peers, n) }) }
	return &runner{run: run, close: closeAll}, nil
}

func streamOver(peers []*rpcPeer, n int) error {
	done := make(chan *rpc.Call, inFlight)
	send := func(i int) { peers[i%len(peers)].client.Go("Service.Double", i, new(int), done) }
	sent := 0
	for ; sent < min(n, inFlight); sent++ {
		send(sent)
	}
	sum := 0
	for range n {
		call := <-done
		if call.Error != nil {
			return call.Error
		}
		sum += *call.Reply.(*int)
		if sent < n {
			send(sent)
			sent++
		}
	}
	return checkSum(sum, n)
}

// rpcEcho has several payloads under way, which is faster than one at a time.
func rpcEcho(ctx context.Context, e *environment, n int) (*runner, error) {
	sent := payload(e.size(largePayload))
	const together = 4
	return withRPC(ctx, func(client *rpc.Client) (float64, error) {
		return split(max(n, together), together, func(_, operations int) error {
			for range operations {
				var received []byte
				if err := client.Call("Service.Echo", sent, &received); err != nil {
					return err
				}
				if len(received) != len(sent) {
					return errors.New("the payload came back with another length")
				}
			}
			return nil
		})
	})
}

// startRPC starts processes that serve net/rpc at once, and returns when each has answered a call.
func startRPC(ctx context.Context, n int) ([]*helper.Process, error) {
	return startHelpers(ctx, helper.RPC, n, func(p *helper.Process) error {
		client := rpc.NewClient(p.Connections[0]) // ends with the connection
		var doubled int
		return client.Call("Service.Double", 1, &doubled)
	})
}

func rpcStart(_ context.Context, _ *environment, n int) (*runner, error) {
	return startRunner(n, startRPC), nil
}

func rpcPool(starting bool) preparation {
	return func(_ context.Context, e *environment, n int) (*runner, error) {
		return helperPool(n, e.count(poolWorkers), starting, startRPC), nil
	}
}

func rpcMemory(_ context.Context, e *environment, _ int) (*runner, error) {
	return memoryRunner(e.count(idleWorkers), startRPC), nil
}

// rpcKill kills a server in the middle of a call.
func rpcKill(ctx context.Context, _ *environment, n int) (*runner, error) {
	return &runner{run: func(context.Context) (float64, error) {
		return repeat(n, func() (float64, error) { return killRPC(ctx) })
	}}, nil
}

func killRPC(ctx context.Context) (float64, error) {
	p, err := newRPCPeer(ctx)
	if err != nil {
		return 0, err
	}
	defer p.close()
	blocked := p.client.Go("Service.Block", 0, new(int), nil)
	var got int
	if err := p.client.Call("Service.Get", 0, &got); err != nil { // answered after the call before it was begun
		return 0, err
	}
	return timed(func() error {
		if err := p.process.Kill(); err != nil {
			return err
		}
		if call := <-blocked.Done; call.Error == nil {
			return errors.New("the call of the killed process had a result")
		}
		return nil
	})
}
