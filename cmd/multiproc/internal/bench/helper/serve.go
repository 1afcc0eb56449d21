package helper

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/rpc"
	"os"
	"sync"
	"syscall"
)

// serve is a helper's life.
func serve(kind Kind, connections, size int) error {
	switch kind {
	case Bare:
		return answerOnce()
	case Echo:
		return echoAll(connections, size)
	case RPC:
		return serveRPC()
	}
	return fmt.Errorf("no helper is called %s", kind)
}

// answerOnce is the least that a process can do: say a byte, and wait for the end of the connection.
func answerOnce() error {
	file := os.NewFile(firstFile, "connection")
	if _, err := file.Write([]byte{1}); err != nil {
		return err
	}
	_, err := file.Read(make([]byte, 1))
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// echoAll ends when the first connection does.
func echoAll(connections, size int) error {
	ended := make(chan error, connections)
	for i := range connections {
		conn, err := inherited(i)
		if err != nil {
			return err
		}
		go func() { ended <- echo(conn, size) }()
	}
	return <-ended
}

func echo(conn net.Conn, size int) error {
	message := make([]byte, size)
	for {
		if _, err := io.ReadFull(conn, message); err != nil {
			return ending(err)
		}
		if _, err := conn.Write(message); err != nil {
			return ending(err)
		}
	}
}

// ending is nil for the errors that a connection has at its end.
func ending(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return nil
	}
	return err
}

func inherited(i int) (net.Conn, error) {
	file := os.NewFile(uintptr(firstFile+i), "connection")
	defer file.Close()
	return net.FileConn(file)
}

func serveRPC() error {
	conn, err := inherited(0)
	if err != nil {
		return err
	}
	server := rpc.NewServer()
	if err := server.RegisterName("Service", &Service{}); err != nil {
		return err
	}
	server.ServeConn(conn)
	return nil
}

// Service is what a helper serves by net/rpc.
type Service struct {
	mu    sync.Mutex // guards the field below
	value int
}

// Get returns the value.
func (s *Service) Get(_ int, reply *int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	*reply = s.value
	return nil
}

// Double returns twice the number.
func (s *Service) Double(n int, reply *int) error {
	*reply = 2 * n
	return nil
}

// Echo returns the payload.
func (s *Service) Echo(payload []byte, reply *[]byte) error {
	*reply = payload
	return nil
}

// Block never returns.
func (s *Service) Block(_ int, _ *int) error {
	select {}
}
