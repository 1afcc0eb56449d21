package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
)

// connPair returns the two ends of a Unix socket pair in memory of the kernel.
func connPair(t testing.TB, maxFrame int64) (*Conn, *Conn) {
	t.Helper()
	l, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	near, far := NewConn(a, maxFrame), NewConn(b, maxFrame)
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return near, far
}

func TestGoldenFrames(t *testing.T) {
	for want, length := range map[string]int64{
		"\x00\x00\x00\x00": 0,
		"\x00\x00\x00\x05": 5,
		"\x7f\xff\xff\xff": 1<<31 - 1,
		"\xff\xff\xff\xff\x00\x00\x00\x00\x80\x00\x00\x00": 1 << 31,
		"\xff\xff\xff\xff\x00\x00\x00\x02\x00\x00\x00\x01": 1<<33 + 1,
	} {
		if got := string(appendFrameHeader(nil, length)); got != want {
			t.Errorf("%d is written as %x, not as %x", length, got, want)
		}
		if got, size, err := readFrameHeader([]byte(want + "tail")); got != length || size != len(want) || err != nil {
			t.Errorf("%x is read as %d of %d bytes, %v", want, got, size, err)
		}
	}
}

func TestFramesArriveWhole(t *testing.T) {
	near, far := connPair(t, 0)
	sizes := []int{0, 1, smallFrame, smallFrame + 1, readBuffer, 1 << 20, 3<<20 + 5}
	var writing sync.WaitGroup
	writing.Go(func() {
		for _, n := range sizes {
			body := bytes.Repeat([]byte{byte(n)}, n)
			if err := near.WriteFrame(body[:n/3], nil, body[n/3:]); err != nil {
				t.Error(err)
			}
		}
		near.Close()
	})
	var buf []byte
	for _, n := range sizes {
		var err error
		if buf, err = far.ReadFrame(buf); err != nil || len(buf) != n || bytes.Count(buf, []byte{byte(n)}) != n {
			t.Fatalf("%d bytes for %d, %v", len(buf), n, err)
		}
	}
	if _, err := far.ReadFrame(buf); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	writing.Wait()
}

// A connection has a small buffer as long as little comes at once, and loses nothing when it gets a larger one.
func TestReaderGrowsWithWhatComes(t *testing.T) {
	near, far := connPair(t, 0)
	exchange := func(frames, size int) {
		t.Helper()
		var all []byte
		for i := range frames {
			all = append(appendFrameHeader(all, int64(size)), bytes.Repeat([]byte{byte(i)}, size)...)
		}
		if _, err := near.NetConn().Write(all); err != nil {
			t.Fatal(err)
		}
		for i := range frames {
			got, err := far.ReadFrame(nil)
			if err != nil || len(got) != size || bytes.Count(got, []byte{byte(i)}) != size {
				t.Fatalf("frame %d: %d bytes for %d, %v", i, len(got), size, err)
			}
		}
	}
	for range 200 {
		exchange(1, 16)
	}
	if size := far.reader.Size(); size != firstBuffer {
		t.Errorf("few small frames are read into %d bytes", size)
	}
	exchange(100, 16) // the first ones fill the small buffer, and a frame lies across its end
	exchange(100, 16)
	if size := far.reader.Size(); size != readBuffer {
		t.Errorf("many frames are read into %d bytes", size)
	}
	exchange(1, 3*readBuffer)
}

// A stream that always fills the small buffer to its end, whatever its frames' size, is read into the larger one.
func TestReaderGrowsUnderAStream(t *testing.T) {
	for size := 1; size < 600; size++ {
		frame := append(appendFrameHeader(nil, int64(size)), make([]byte, size)...)
		c := NewConn(&brimming{frame: frame}, 0)
		for range 200 + 2*firstBuffer/len(frame) {
			if got, err := c.ReadFrame(nil); err != nil || len(got) != size {
				t.Fatalf("%d bytes for %d, %v", len(got), size, err)
			}
		}
		if got := c.reader.Size(); got != readBuffer {
			t.Errorf("frames of %d bytes are read into %d", size, got)
		}
	}
}

// brimming is a connection on which a frame comes again and again, as much of it as there is room for.
type brimming struct {
	net.Conn
	frame []byte
	at    int
}

func (b *brimming) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = b.frame[b.at]
		b.at = (b.at + 1) % len(b.frame)
	}
	return len(p), nil
}

// A connection that takes small frames alone needs no larger buffer than for one, and makes it once more at most.
func TestReaderOfSmallFramesGrowsOnce(t *testing.T) {
	near, far := connPair(t, 300)
	var all []byte
	for range 1000 {
		all = append(appendFrameHeader(all, 100), make([]byte, 100)...)
	}
	go func() { _, _ = near.NetConn().Write(all) }() // the reader finds out
	readers := map[*bufio.Reader]bool{}
	for range 1000 {
		if _, err := far.ReadFrame(nil); err != nil {
			t.Fatal(err)
		}
		readers[far.reader] = true
	}
	if len(readers) > 2 {
		t.Errorf("%d readers were made", len(readers))
	}
}

func TestReadFrameReusesItsBuffer(t *testing.T) {
	near, far := connPair(t, 0)
	if err := near.WriteFrame([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 3, 10)
	got, err := far.ReadFrame(buf)
	if err != nil || string(got) != "hello" || &got[0] != &buf[0] {
		t.Errorf("%q %v", got, err)
	}
}

// A deadline that passes before anything of a frame has gone harms no later one, and one within a frame does.
func TestFramesAfterADeadline(t *testing.T) {
	ours, theirs := net.Pipe()
	near, far := NewConn(ours, 0), NewConn(theirs, 0)
	defer near.Close()
	defer far.Close()
	deadline := func(d time.Time) error { return ours.SetWriteDeadline(d) }
	if err := deadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if err := near.WriteFrame([]byte("nobody reads it")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	if err := deadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() {
		err := near.WriteFrame([]byte("hello"))
		if err != nil {
			near.Close() // or it would be waited for
		}
		written <- err
	}()
	if got, err := far.ReadFrame(nil); err != nil || string(got) != "hello" {
		t.Fatal(string(got), err)
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	read := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(theirs, make([]byte, 6))
		read <- errors.Join(err, deadline(time.Unix(1, 0)))
	}()
	if err := near.WriteFrame([]byte("a part of it is read")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	if err := errors.Join(<-read, deadline(time.Time{})); err != nil {
		t.Fatal(err)
	}
	if err := near.WriteFrame([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after a part of a frame: %v", err)
	}
}

func TestConcurrentFramesDoNotMix(t *testing.T) {
	near, far := connPair(t, 0)
	const writers, frames = 8, 200
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for n := range frames {
				if err := near.WriteFrame(bytes.Repeat([]byte{byte(w)}, n*97)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	var buf []byte
	for range writers * frames {
		var err error
		if buf, err = far.ReadFrame(buf); err != nil {
			t.Fatal(err)
		}
		if len(buf) != 0 && bytes.Count(buf, buf[:1]) != len(buf) {
			t.Fatal("mixed")
		}
	}
	writing.Wait()
}

func TestLimitsInBothDirections(t *testing.T) {
	near, far := connPair(t, 10)
	if err := near.WriteFrame(make([]byte, 6), make([]byte, 5)); !errors.Is(err, ErrFrameTooLarge) {
		t.Error(err)
	}
	if err := near.WriteFrame(make([]byte, 10)); err != nil { // nothing was written before
		t.Error(err)
	}
	far.SetMaxFrame(9)
	if _, err := far.ReadFrame(nil); !errors.Is(err, ErrFrameTooLarge) || !strings.Contains(err.Error(), "10 bytes") {
		t.Error(err)
	}
}

// A stream is a net.Conn that only reads.
type stream struct {
	net.Conn
	io.Reader
}

func (s stream) Read(p []byte) (int, error) { return s.Reader.Read(p) }
func (stream) Close() error                 { return nil }

func readAll(src string) ([]byte, error) {
	return NewConn(stream{Reader: iotest.OneByteReader(strings.NewReader(src))}, 1<<40).ReadFrame(nil)
}

func TestBrokenFrames(t *testing.T) {
	for src, want := range map[string]error{
		"":                                     io.EOF,
		"\x00":                                 io.ErrUnexpectedEOF,
		"\x00\x00\x00\x05":                     io.ErrUnexpectedEOF,
		"\x00\x00\x00\x05hell":                 io.ErrUnexpectedEOF,
		"\x7f\xff\xff\xffa lie":                io.ErrUnexpectedEOF,
		"\xff\xff\xff\xfe":                     ErrBadFrame,
		"\xff\xff\xff\xff\x00\x00":             io.ErrUnexpectedEOF,
		"\xff\xff\xff\xff" + "\xff2345678":     ErrBadFrame,
		"\xff\xff\xff\xff" + "\x7f2345678":     ErrFrameTooLarge,
		"\xff\xff\xff\xff\x00\x00\x00\x00\x80": io.ErrUnexpectedEOF,
	} {
		got, err := readAll(src)
		if !errors.Is(err, want) || cap(got) > 2*firstRead {
			t.Errorf("%x: %v, with %d bytes taken", src, err, cap(got))
		}
	}
	if got, err := readAll("\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x02ok"); string(got) != "ok" || err != nil {
		t.Errorf("%q %v", got, err)
	}
}

func TestCloseEndsReadingAndWriting(t *testing.T) {
	near, far := connPair(t, 0)
	read, written := make(chan error, 1), make(chan error, 1)
	go func() { _, err := near.ReadFrame(nil); read <- err }()
	go func() { written <- near.WriteFrame(make([]byte, 64<<20)) }() // nobody reads it
	if err := near.Close(); err != nil {
		t.Error(err)
	}
	if err := near.Close(); err != nil {
		t.Error(err)
	}
	for _, result := range []chan error{read, written} {
		if err := <-result; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
	if err := near.WriteFrame(nil); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if _, err := far.ReadFrame(nil); err == nil {
		t.Error("read from a closed connection")
	}
}

func BenchmarkFrame(b *testing.B) {
	for name, size := range map[string]int{"32B": 32, "1MiB": 1 << 20} {
		b.Run(name, func(b *testing.B) {
			near, far := connPair(b, 0)
			done := make(chan struct{})
			go func() {
				defer close(done)
				var buf []byte
				for {
					var err error
					if buf, err = far.ReadFrame(buf); err != nil {
						return
					}
				}
			}()
			body := make([]byte, size)
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				if err := near.WriteFrame(body); err != nil {
					b.Fatal(err)
				}
			}
			near.Close()
			<-done
		})
	}
}
