package wire

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
)

// What is read the short way is what the long way reads, and what is cut off is read neither way.
func TestShortHeaders(t *testing.T) {
	var known names
	for _, number := range []uint64{0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, math.MaxUint32, 1 << 32, math.MaxUint64} {
		for _, name := range []string{"", "Get", strings.Repeat("x", 31)} {
			request := requestHeader{kindRequest, number, number / 3, name, number / 5}
			reply := replyHeader{kindReply, number, ReplyKind(number % 5), number / 7}
			frame, _ := request.MarshalMsg(nil)
			testShort(t, append(frame, "payload"...), request, func(frame []byte) (requestHeader, []byte, bool) {
				var h requestHeader
				payload, ok := h.readShort(frame, &known)
				return h, payload, ok
			})
			frame, _ = reply.MarshalMsg(nil)
			testShort(t, append(frame, "payload"...), reply, func(frame []byte) (replyHeader, []byte, bool) {
				var h replyHeader
				payload, ok := h.readShort(frame)
				return h, payload, ok
			})
		}
	}
}

func testShort[H comparable](t *testing.T, frame []byte, want H, read func([]byte) (H, []byte, bool)) {
	t.Helper()
	got, payload, ok := read(frame)
	if !ok || got != want || string(payload) != "payload" {
		t.Errorf("%+v, %q, %t for %+v", got, payload, ok, want)
	}
	head := len(frame) - len(payload)
	for n := range head {
		if got, _, ok := read(frame[:n]); ok {
			t.Errorf("%+v of %d bytes of %x", got, n, frame)
		}
	}
}

// Whatever the frame, both ways agree wherever the short one reads anything.
func FuzzShortHeaders(f *testing.F) {
	for _, name := range []string{"Get", strings.Repeat("x", 40)} {
		request, _ := (&requestHeader{kindRequest, 300, 1 << 40, name, 70_000}).MarshalMsg(nil)
		reply, _ := (&replyHeader{kindReply, 7, Return, 0}).MarshalMsg(nil)
		f.Add(request)
		f.Add(reply)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		var known names
		var short, long requestHeader
		if payload, ok := short.readShort(frame, &known); ok {
			r := Reader{rest: frame}
			n := r.Array()
			long = requestHeader{messageKind(r.Uint()), r.Uint(), r.Uint(), r.Text(), r.Uint()}
			rest, err := r.after(n, 5)
			if err != nil || short != long || !bytes.Equal(rest, payload) {
				t.Errorf("%+v and %+v, %v", short, long, err)
			}
		}
		var shortReply, longReply replyHeader
		if payload, ok := shortReply.readShort(frame); ok {
			r := Reader{rest: frame}
			n := r.Array()
			longReply = replyHeader{messageKind(r.Uint()), r.Uint(), replyKind(r.Text()), r.Uint()}
			rest, err := r.after(n, 4)
			if err != nil || shortReply != longReply || !bytes.Equal(rest, payload) {
				t.Errorf("%+v and %+v, %v", shortReply, longReply, err)
			}
		}
	})
}

// Names are kept, but not any number of them.
func TestNamesAreKept(t *testing.T) {
	var known names
	for i := range 3 * mostNames {
		name := fmt.Sprint("name ", i)
		for range 2 {
			got, rest, ok := known.read(append([]byte{0xa0 | byte(len(name))}, name+"!"...))
			if !ok || got != name || string(rest) != "!" {
				t.Fatalf("%q, %q", got, rest)
			}
		}
	}
	if len(known.known) != mostNames {
		t.Errorf("%d", len(known.known))
	}
	src := append([]byte{0xa6}, "name 0"...)
	if allocated := testing.AllocsPerRun(100, func() { _, _, _ = known.read(src) }); allocated != 0 {
		t.Errorf("%v allocations", allocated)
	}
}
