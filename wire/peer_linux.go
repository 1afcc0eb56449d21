package wire

import (
	"fmt"
	"net"
	"os"
	"syscall"
)

// checkPeer returns an error that wraps ErrPeerUser unless the process at the other end has our user or root's.
func checkPeer(c *net.UnixConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return fmt.Errorf("wire: user of the peer: %w", err)
	}
	var (
		peer    *syscall.Ucred
		peerErr error
	)
	err = raw.Control(func(fd uintptr) {
		peer, peerErr = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	switch {
	case err != nil:
		return fmt.Errorf("wire: user of the peer: %w", err)
	case peerErr != nil:
		return fmt.Errorf("wire: user of the peer: %w", os.NewSyscallError("getsockopt", peerErr))
	}
	return allowUser(int(peer.Uid), os.Geteuid(), int(peer.Pid))
}

func allowUser(peer, own, pid int) error {
	if peer == own || peer == 0 {
		return nil
	}
	return fmt.Errorf("wire: %w: process %d has user %d, and we have %d", ErrPeerUser, pid, peer, own)
}
