package wire_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net"
	"os"
	"runtime"

	"github.com/multiproc-go/multiproc/wire"
)

func Example() {
	ctx := context.Background()
	l, err := wire.Listen(ctx, "unix", "", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()
	served := make(chan error, 1)
	go func() { // usually another process
		conn, err := l.Accept(ctx)
		if err == nil {
			err = wire.Serve(ctx, conn, func(r *wire.Request) {
				r.Answer(wire.Reply{Payload: append([]byte(r.Method+" "), r.Argument...)})
			}, nil)
		}
		served <- err
	}()

	conn, err := wire.Dial(ctx, "unix", l.Addr().String(), nil)
	if err != nil {
		log.Fatal(err)
	}
	caller := wire.NewCaller(conn, nil)
	reply, err := caller.Call(ctx, 0, "hello", []byte("world"))
	fmt.Printf("%s %v\n", reply.Payload, err)
	_ = caller.Close()
	fmt.Println(<-served)
	// Output:
	// hello world <nil>
	// <nil>
}

func ExampleConn_Unanswered() {
	ctx := context.Background()
	ours, theirs := net.Pipe()
	conn := wire.NewConn(theirs, 0)
	asked := make(chan *wire.Request)
	served := make(chan error, 1)
	go func() { // usually another process
		served <- wire.Serve(ctx, conn, func(r *wire.Request) {
			go func() { asked <- r }() // who answers it later
		}, nil)
	}()

	caller := wire.NewCaller(wire.NewConn(ours, 0), nil)
	answered := make(chan error)
	go func() { _, err := caller.Call(ctx, 7, "wait", nil); answered <- err }()
	request := <-asked
	of7 := func(object uint64) bool { return object == 7 }
	for conn.Unanswered(of7) == 0 { // its handler is about to return
		runtime.Gosched()
	}
	request.Answer(wire.Reply{})
	fmt.Println(<-answered, conn.Unanswered(of7))
	_ = caller.Close()
	fmt.Println(<-served)
	// Output:
	// <nil> 0
	// <nil>
}

func ExampleCodec() {
	type job struct {
		Path  string
		Sizes []int `msg:"sizes,omitempty"`
	}
	codec, err := wire.CodecOf[job]()
	if err != nil {
		log.Fatal(err)
	}
	encoded, err := codec.Append(nil, &job{Path: "a.png", Sizes: []int{64, 128}})
	if err != nil {
		log.Fatal(err)
	}
	var received job
	err = codec.Decode(encoded, &received)
	fmt.Println(received, err)
	// Output: {a.png [64 128]} <nil>
}

func ExampleCodec_DecodeValue() {
	codec, err := wire.CodecOf[int]()
	if err != nil {
		log.Fatal(err)
	}
	n := 42
	encoded, err := codec.Append(nil, &n)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(codec.DecodeValue(encoded))
	// Output: 42 <nil>
}

func ExampleCodecOf_refused() {
	type job struct {
		Name string
		Done []chan bool
	}
	_, err := wire.CodecOf[job]()
	fmt.Println(err)
	// Output: wire: type cannot be sent to another process: wire_test.job.Done[] is of type chan bool: it means nothing outside its process
}

func ExampleRemoteError() {
	_, err := os.Open("/no/such/file")
	sent := wire.AppendError(nil, fmt.Errorf("thumbnail: %w", err))

	received, err := wire.DecodeError(sent) // in the caller's process
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(received)
	fmt.Println(errors.Is(received, fs.ErrNotExist), received.Code)
	// Output:
	// thumbnail: open /no/such/file: no such file or directory
	// true fs.not_exist
}

func ExampleFindTokens() {
	codec, err := wire.CodecOf[map[string]any]()
	if err != nil {
		log.Fatal(err)
	}
	encoded, err := codec.Append(nil, &map[string]any{"lock": wire.Token{Type: "Lock", Address: "/tmp/m/s", ID: 4}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(wire.FindTokens(encoded))
	// Output: [{Lock /tmp/m/s 4 0}] <nil>
}

func ExampleListener() {
	ctx := context.Background()
	options := wire.TransportOptions{Auth: wire.AuthOptions{Key: []byte("secret")}, InsecureTCP: true}
	l, err := wire.Listen(ctx, "tcp", "127.0.0.1:0", &wire.ListenOptions{TransportOptions: options})
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()
	sent := make(chan error, 1)
	go func() {
		conn, err := wire.Dial(ctx, "tcp", l.Addr().String(), &options)
		if err == nil {
			err = errors.Join(conn.WriteFrame([]byte("a "), []byte("frame")), conn.Close())
		}
		sent <- err
	}()

	conn, err := l.Accept(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	frame, err := conn.ReadFrame(nil)
	fmt.Printf("%s %v %v\n", frame, err, <-sent)
	// Output: a frame <nil> <nil>
}

// Many bytes are copied faster than by append, above all into memory that the process has yet to get from the system.
func ExampleCloneBytes() {
	frame := bytes.Repeat([]byte("payload "), 1<<17)
	kept := wire.CloneBytes(frame)
	clear(frame) // as if another was read into it
	fmt.Printf("%d bytes: %s...\n", len(kept), kept[:7])
	// Output: 1048576 bytes: payload...
}
