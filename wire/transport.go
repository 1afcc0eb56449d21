package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// TransportOptions are what both ends of a connection have to agree on. The zero value is for a Unix socket whose
// peer has the same user.
type TransportOptions struct {
	// Auth is the handshake of each connection; with an empty Key there is none. TCP needs one.
	Auth AuthOptions
	// MaxFrame limits frames in both directions, in bytes of payload; 0 means DefaultMaxFrame.
	MaxFrame int64
	// Secure, if not nil, puts encryption on a fresh TCP connection, such as tls.Server or tls.Client with its
	// HandshakeContext, and returns what to use instead. It must return when ctx ends; Auth.Timeout bounds it. It is a
	// function, so that a worker that speaks to nobody over TCP need not start with crypto/tls inside.
	Secure func(ctx context.Context, c net.Conn) (net.Conn, error)
	// InsecureTCP allows TCP without Secure, where everybody on the way can read and change what is sent.
	InsecureTCP bool
	// AnyUser allows the peer on a Unix socket to be a process of another user. Otherwise it must have ours, or be
	// root's, where the system tells (Linux).
	AnyUser bool
}

// ErrPeerUser is wrapped when the peer on a Unix socket is a process of another user.
var ErrPeerUser = errors.New("the peer belongs to another user")

// check reports all faults of the options together.
func (o *TransportOptions) check(network string) error {
	var faults []error
	switch network {
	case "unix":
		if o.Secure != nil {
			faults = append(faults, errors.New("encryption is for TCP: a Unix socket does not leave the machine"))
		}
	case "tcp", "tcp4", "tcp6":
		if o.Secure == nil && !o.InsecureTCP {
			faults = append(faults, errors.New("TCP needs an encryption, or InsecureTCP where the network can be trusted"))
		}
		if len(o.Auth.Key) == 0 {
			faults = append(faults, errors.New("TCP needs a key: anybody can connect"))
		}
	default:
		faults = append(faults, fmt.Errorf("the network %q is none of unix, tcp, tcp4 and tcp6", network))
	}
	return errors.Join(faults...)
}

// A shaker makes one side's handshake.
type shaker func(AuthOptions, context.Context, *Conn) error

// establish makes a Conn of a fresh network connection, which it closes on an error.
func (o *TransportOptions) establish(ctx context.Context, raw net.Conn, shake shaker) (*Conn, error) {
	if unix, ok := raw.(*net.UnixConn); ok && !o.AnyUser {
		if err := checkPeer(unix); err != nil {
			return nil, errors.Join(err, raw.Close())
		}
	}
	if o.Secure != nil {
		timeout := orDefault(o.Auth.Timeout, DefaultAuthTimeout)
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		secured, err := o.Secure(ctx, raw)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("wire: secure: %w", err), raw.Close())
		}
		raw = secured
	}
	c := NewConn(raw, o.MaxFrame)
	if len(o.Auth.Key) != 0 {
		if err := shake(o.Auth, ctx, c); err != nil {
			_ = c.Close() // the handshake's error is the one to tell
			return nil, err
		}
	}
	return c, nil
}

// Dial connects to a listener on "unix", "tcp", "tcp4" or "tcp6" and makes the handshake. options may be nil. It
// blocks until that is done or has failed, or ctx ends, which has no influence on the connection afterwards. The
// caller owns the Conn. Errors wrap ErrAuthentication, ErrPeerUser, ctx's error, or are the network's.
func Dial(ctx context.Context, network, address string, options *TransportOptions) (*Conn, error) {
	o := optionsOrZero(options)
	if err := o.check(network); err != nil {
		return nil, fmt.Errorf("wire: dial %s: %w", address, err)
	}
	raw, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("wire: %w", err)
	}
	c, err := o.establish(ctx, raw, AuthOptions.Client)
	if err != nil {
		return nil, fmt.Errorf("wire: dial %s: %w", address, err)
	}
	return c, nil
}

func optionsOrZero(options *TransportOptions) TransportOptions {
	if options == nil {
		return TransportOptions{}
	}
	return *options
}
