package manager

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/multiproc-go/multiproc/spawn"
	"github.com/multiproc-go/multiproc/wire"
)

// Defaults of Options.
const (
	DefaultGrace        = time.Second
	DefaultTransitGrace = 30 * time.Second
)

// Options are those of Start, Connect and NewServer. A nil *Options, and the zero value of each field, is the default.
// What is wrong with them is reported all together, before anything is started.
type Options struct {
	// Address is where to listen: "unix:/path", "tcp:host:port", or "" for a Unix socket that only this user can reach.
	// On Linux that has no name in the file system, and a path below /proc: however the manager ends, nothing is left
	// of it. Elsewhere it is in a directory of its own. Connect takes its address as an argument and ignores this one.
	Address string

	// Advertise is the address that clients and tokens are told, where it is another than Address: "tcp:host:port", for a
	// manager that listens at every address of its machine ("tcp:0.0.0.0:0"), behind a name, or behind a forwarded
	// port. A port of 0 is the one that it listens on. Start's process and NewServer know it.
	Advertise string

	// Key is what both ends prove to each other to have. Nil is a random key that this program shares with all its
	// child processes, whenever they were started, and with nobody else: so a manager for other programs needs one.
	Key []byte

	// Name is the manager's for people: ps shows that of a process, and Info has it.
	Name string

	// Initializer runs in the manager's process before the first client is served. Start alone knows it.
	Initializer *Initializer

	// Process says how Start's process is to be run; its Name and Grace are taken from here where they are zero there.
	Process *spawn.Options

	// Security puts encryption under a TCP connection. Without it TCP needs InsecureTCP.
	Security *Security

	// InsecureTCP allows TCP without encryption, where everybody on the way can read and change what is sent.
	InsecureTCP bool

	// Grace is how long the manager has to end: for what runs in it, and for its process as a whole.
	// 0 means DefaultGrace.
	Grace time.Duration

	// TransitGrace is how long an object outlives the death of a process that had sent a proxy for it on its way,
	// for the receiver to take it up. See the package's section on proxies. 0 means DefaultTransitGrace.
	TransitGrace time.Duration

	// HandshakeTimeout bounds the handshake of a connection; 0 means wire.DefaultAuthTimeout.
	HandshakeTimeout time.Duration

	// VerdictTimeout is how long a call whose context has ended waits for what became of it. After that the session is
	// lost. 0 means wire.DefaultVerdictTimeout.
	VerdictTimeout time.Duration

	// MaxMessage limits each argument and each result, in bytes; at least 64 KiB. 0 means wire.DefaultMaxFrame.
	MaxMessage int64

	// MaxCalls is how many calls of one session may be in progress; 0 means wire.DefaultMaxCalls.
	MaxCalls int

	// OutputLimit is how many bytes of results may wait for a client, if there are several. While there are more, none of
	// its further calls is begun, and when it takes nothing for wire.DefaultStallTimeout, its session ends. 0 means
	// wire.DefaultOutputLimit.
	OutputLimit int64

	// NoSharedMemory keeps sessions to their sockets. Without it, a session that is used over a Unix socket on Linux takes
	// 132 KiB of address space in both processes, of which up to 20 KiB are memory as long as its calls are small and few
	// at once, and small calls go through that, at a fraction of the time.
	NoSharedMemory bool

	// Logger is told of sessions and of connections that were refused; nil is told nothing. Start's process has none.
	Logger *slog.Logger
}

// Security is an encryption for TCP connections: crypto/tls in a few lines of the user's, so that programs without it
// need not carry that package. See RegisterSecurity.
type Security struct {
	name   string
	server func(context.Context, net.Conn) (net.Conn, error)
	client func(context.Context, net.Conn) (net.Conn, error)
}

// smallestMessage is what the manager's own messages need, in bytes.
const smallestMessage = 64 << 10

// normalised returns the options with defaults filled in, or everything that is wrong with them.
func (o *Options) normalised() (Options, error) {
	var n Options
	if o != nil {
		n = *o
	}
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if o != nil && o.Key != nil && len(o.Key) == 0 {
		fault("the Key is empty: leave it nil, or give it bytes")
	}
	for what, d := range map[string]time.Duration{
		"Grace": n.Grace, "TransitGrace": n.TransitGrace, "HandshakeTimeout": n.HandshakeTimeout,
		"VerdictTimeout": n.VerdictTimeout,
	} {
		if d < 0 {
			fault("%s is %v, and must not be negative", what, d)
		}
	}
	for what, limit := range map[string]int64{
		"MaxMessage": n.MaxMessage, "MaxCalls": int64(n.MaxCalls), "OutputLimit": int64(n.OutputLimit),
	} {
		if limit < 0 {
			fault("%s is %d, and must not be negative", what, limit)
		}
	}
	if n.MaxMessage > 0 && n.MaxMessage < smallestMessage {
		fault("MaxMessage is %d, and must be at least %d", n.MaxMessage, smallestMessage)
	}
	if n.Security != nil && n.InsecureTCP {
		fault("Security and InsecureTCP exclude each other")
	}
	if n.Address != "" {
		a, err := parseAddress(n.Address)
		switch {
		case err != nil:
			faults = append(faults, err)
		case a.network == "tcp" && n.Security == nil && !n.InsecureTCP:
			fault("TCP needs Security, or InsecureTCP where the network can be trusted")
		case a.network == "unix" && (n.Security != nil || n.InsecureTCP):
			fault("Security and InsecureTCP are for TCP: a Unix socket does not leave the machine")
		}
	}
	if err := n.checkAdvertise(); err != nil {
		fault("Advertise: %w", err)
	}
	if len(faults) != 0 {
		return n, fmt.Errorf("manager: options: %w", errors.Join(faults...))
	}
	n.Grace = orDefault(n.Grace, DefaultGrace)
	n.TransitGrace = orDefault(n.TransitGrace, DefaultTransitGrace)
	n.MaxMessage = orDefault(n.MaxMessage, wire.DefaultMaxFrame)
	if n.Logger == nil {
		n.Logger = slog.New(slog.DiscardHandler)
	}
	return n, nil
}

func orDefault[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}
