package sync

import (
	"context"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/wire"
)

// ask calls a method of an object and reads its one result.
func ask[R any](ctx context.Context, p *manager.Proxy, method string, argument message, result func(*reader) R) (R, error) {
	var zero R
	reply, err := p.Invoke(ctx, method, argument)
	if err != nil {
		return zero, err
	}
	r := wire.NewReader(reply)
	value := result(r)
	if err := r.End(); err != nil {
		return zero, err
	}
	return value, nil
}

func askBool(ctx context.Context, p *manager.Proxy, method string, argument message) (bool, error) {
	return ask(ctx, p, method, argument, (*reader).Bool)
}

func askInt(ctx context.Context, p *manager.Proxy, method string, argument message) (int, error) {
	return ask(ctx, p, method, argument, (*reader).Int)
}

func askUint(ctx context.Context, p *manager.Proxy, method string, argument message) (uint64, error) {
	return ask(ctx, p, method, argument, (*reader).Uint)
}

// tell calls a method of an object that has no result.
func tell(ctx context.Context, p *manager.Proxy, method string, argument message) error {
	_, err := p.Invoke(ctx, method, argument)
	return err
}
