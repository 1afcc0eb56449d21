package manager

import (
	"context"
	"fmt"
	"runtime"

	"github.com/multiproc-go/multiproc/wire"
)

// Call calls a method of an object of a registered Go type and returns its result. args are the method's arguments,
// without its context, of the same types; R is the type of its result, *Proxy where that becomes a shared object.
//
// It blocks until the method returns. When ctx ends first, the method's context ends too, and what it returns then
// counts. An error that the method has returned, or a panic, is a *wire.RemoteError; otherwise errors are those of
// [Proxy.Invoke], or wrap wire.ErrUnsupportedType for what cannot travel.
func Call[R any](ctx context.Context, p *Proxy, method string, args ...any) (R, error) {
	var result R
	encoded, err := call(ctx, p, method, args)
	if err != nil {
		return result, err
	}
	codec, err := wire.CodecOf[R]()
	if err == nil {
		err = codec.Decode(encoded, &result)
	}
	if err != nil {
		return result, fmt.Errorf("manager: the result of %s: %w", method, err)
	}
	return result, nil
}

// Do is Call for a method without a result, or whose result is of no interest.
func Do(ctx context.Context, p *Proxy, method string, args ...any) error {
	_, err := call(ctx, p, method, args)
	return err
}

func call(ctx context.Context, p *Proxy, method string, args []any) ([]byte, error) {
	var argument []byte
	for i, arg := range args {
		var err error
		if argument, err = wire.AppendValue(argument, arg); err != nil {
			return nil, fmt.Errorf("manager: %s: argument %d: %w", method, i+1, err)
		}
	}
	defer runtime.KeepAlive(args)
	return p.Invoke(ctx, method, argument)
}
