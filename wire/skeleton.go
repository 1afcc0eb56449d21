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
	ErrTooDeep        = errors.New("wire: value is nested too deeply")
	ErrMalformed      = errors.New("wire: malformed value")
	ErrNoCustodian    = errors.New("wire: no custodian")
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

type Codec[T any] struct{}

func CodecOf[T any]() (*Codec[T], error)                    { panic("TODO") }
func (c *Codec[T]) Append(dst []byte, v *T) ([]byte, error) { panic("TODO") }
func (c *Codec[T]) Decode(src []byte, v *T) error           { panic("TODO") }
func (c *Codec[T]) Direct() bool                            { panic("TODO") }
func (c *Codec[T]) MayHoldProxy() bool                      { panic("TODO") }

type Token struct {
	Type    string
	Address string
	ID      uint64
}

func AppendToken(dst []byte, t Token) []byte     { panic("TODO") }
func FindTokens(encoded []byte) ([]Token, error) { panic("TODO") }

type Custodian interface {
	Hold(ctx context.Context, tokens []Token) error
	Adopt(ctx context.Context, tokens []Token) error
	Release(tokens []Token)
}

func SetCustodian(c Custodian)                        { panic("TODO") }
func Hold(ctx context.Context, tokens []Token) error  { panic("TODO") }
func Adopt(ctx context.Context, tokens []Token) error { panic("TODO") }
func Release(tokens []Token)                          { panic("TODO") }

type RemoteError struct {
	Code    string
	Message string
	Stack   string
	Panic   bool
}

func (e *RemoteError) Error() string               { return e.Message }
func (e *RemoteError) Is(target error) bool        { panic("TODO") }
func RegisterError(code string, err error)         { panic("TODO") }
func AppendError(dst []byte, err error) []byte     { panic("TODO") }
func DecodeError(src []byte) (*RemoteError, error) { panic("TODO") }

type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { panic("TODO") }
