package manager

import (
	"net"
	"syscall"
	"time"
)

// tcpUserTimeout is the option TCP_USER_TIMEOUT, which package syscall does not name.
const tcpUserTimeout = 18

// silence is how long a TCP peer may leave what was sent to it without acknowledgement: longer, and its session is over.
const silence = 30 * time.Second

// tuneNetwork has a TCP connection notice that its peer's machine has gone, also while something waits to be sent.
func tuneNetwork(c net.Conn) {
	if inner, ok := c.(interface{ NetConn() net.Conn }); ok { // as tls.Conn has it
		c = inner.NetConn()
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{
		Enable: true, Idle: silence / 3, Interval: silence / 6, Count: 4,
	}) // without it a loss is noticed later
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(silence.Milliseconds()))
	})
}
