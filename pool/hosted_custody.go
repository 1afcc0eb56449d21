package pool

import (
	"context"
	"errors"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/wire"
)

// keep is what keeps the objects alive whose proxies are in an encoded argument or result, while that is with a hosted
// pool: references of an object of the same manager, and for the objects of others references of this process.
type keep struct {
	host    *manager.Host
	local   []byte // the tokens of this manager, encoded
	foreign []wire.Token
	proxies []*manager.Proxy // for foreign objects, of a result
}

func (k keep) empty() bool { return k.local == nil && k.foreign == nil && k.proxies == nil }

// drop lets go. It does not block.
func (k keep) drop() {
	if k.local != nil {
		k.host.Drop(k.local)
	}
	wire.Release(k.foreign)
	for _, p := range k.proxies {
		_ = p.Close() // it always returns nil
	}
}

func dropAll(keeps []keep) {
	for _, k := range keeps {
		k.drop()
	}
}

// keepLocal keeps the objects of this manager among the tokens, and returns the others.
func keepLocal(host *manager.Host, tokens []wire.Token) (k keep, foreign []wire.Token, err error) {
	here := host.Token().Address
	k.host = host
	for _, t := range tokens {
		if t.Address == here && t.ID != 0 {
			k.local = wire.AppendToken(k.local, t)
		} else {
			foreign = append(foreign, t)
		}
	}
	if k.local != nil {
		err = host.Keep(k.local)
	}
	return k, foreign, err
}

// keepArguments keeps alive what is in the arguments of a submission, each task's on its own; all or, with an error,
// none. It may wait for other managers.
func keepArguments(ctx context.Context, host *manager.Host, s *submission) ([]keep, error) {
	if !s.holds {
		return nil, nil
	}
	keeps := make([]keep, 0, len(s.tasks))
	for _, t := range s.tasks {
		k, err := keepArgument(ctx, host, t.arg)
		if err != nil {
			dropAll(keeps)
			return nil, err
		}
		keeps = append(keeps, k)
	}
	return keeps, nil
}

func keepArgument(ctx context.Context, host *manager.Host, encoded []byte) (keep, error) {
	tokens, err := wire.FindTokens(encoded)
	if err != nil || len(tokens) == 0 {
		return keep{}, err
	}
	k, foreign, err := keepLocal(host, tokens)
	if err != nil {
		return keep{}, err
	}
	if len(foreign) > 0 {
		if err := wire.Hold(ctx, foreign); err != nil {
			k.drop()
			return keep{}, err
		}
		k.foreign = foreign
	}
	return k, nil
}

// keepResult keeps alive what is in a worker's result. The worker has sent it on its way to this process, so it is taken
// over here, where nobody else decodes it. It may wait for managers.
func keepResult(host *manager.Host, encoded []byte) (keep, error) {
	tokens, err := wire.FindTokens(encoded)
	if err != nil || len(tokens) == 0 {
		return keep{}, err
	}
	k, _, err := keepLocal(host, tokens)
	if err != nil {
		return keep{}, err
	}
	here := host.Token().Address
	for _, t := range tokens {
		if t.ID == 0 {
			continue // a manager itself: there is nothing to keep
		}
		p := new(manager.Proxy)
		if _, failure := p.UnmarshalMsg(wire.AppendToken(nil, t)); failure != nil {
			err = errors.Join(err, failure)
			continue
		}
		if t.Address != here {
			k.proxies = append(k.proxies, p)
			continue
		}
		_ = p.Close() // the object is kept already
	}
	if err != nil {
		k.drop()
		return keep{}, err
	}
	return k, nil
}
