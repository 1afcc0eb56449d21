// Package wire carries values, errors and calls between processes.
package wire

import (
	"context"
	"errors"
	"net"
	"time"
)

const DefaultMaxFrame = 1 << 30

var (
	ErrFrameTooLarge  = errors.New("wire: frame is larger than the limit")
	ErrBadFrame       = errors.New("wire: malformed frame")
	ErrAuthentication = errors.New("wire: authentication failed")
)

type Conn struct{}

func NewConn(c net.Conn, maxFrame int64) *Conn       { panic("TODO") }
func (c *Conn) ReadFrame(buf []byte) ([]byte, error) { panic("TODO") }
func (c *Conn) WriteFrame(parts ...[]byte) error     { panic("TODO") }
func (c *Conn) SetMaxFrame(n int64)                  { panic("TODO") }
func (c *Conn) Close() error                         { panic("TODO") }
func (c *Conn) NetConn() net.Conn                    { panic("TODO") }

type AuthOptions struct {
	Key      []byte
	Timeout  time.Duration
	AllowMD5 bool
}

func (o AuthOptions) Client(ctx context.Context, c *Conn) error { panic("TODO") }
func (o AuthOptions) Server(ctx context.Context, c *Conn) error { panic("TODO") }
