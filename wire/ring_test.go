package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
)

// lanes returns the two ends of one lane.
func lanes(t testing.TB) (client, server *lane) {
	t.Helper()
	memory := make([]byte, laneBytes)
	return newLane(memory, true), newLane(memory, false)
}

func frameOf(payload string) []byte {
	return append(appendFrameHeader(nil, int64(len(payload))), payload...)
}

// send puts frames into a ring as one record, and reports whether there was room.
func send(t testing.TB, w *ringWriter, frames ...string) bool {
	t.Helper()
	var all []byte
	for _, f := range frames {
		all = append(all, frameOf(f)...)
	}
	room, err := w.reserve(len(all))
	if err != nil {
		t.Fatal(err)
	}
	if room == nil {
		return false
	}
	copy(room, all)
	w.publish()
	return true
}

func TestRingKeepsOrderAndRoom(t *testing.T) {
	client, server := lanes(t)
	w, r := &client.out, &server.in
	sent, got := 0, 0
	text := func(n int) string { return fmt.Sprintf("%d %s", n, bytes.Repeat([]byte{'x'}, n*131%4000)) }
	for got < 5000 {
		for sent-got < 100 && send(t, w, text(sent), text(sent+1)) {
			sent += 2
		}
		for !r.empty() {
			frame, found, err := r.next(nil)
			if err != nil || found != foundFrame {
				t.Fatal(found, err)
			}
			if string(frame) != text(got) {
				t.Fatalf("%d: %.20q", got, frame)
			}
			got++
		}
	}
	if sent != got {
		t.Errorf("%d were sent, and %d came", sent, got)
	}
}

// A ring is never so full that a detour has no room.
func TestRingHasRoomForADetour(t *testing.T) {
	for first := range 64 {
		client, server := lanes(t)
		w, r := &client.out, &server.in
		send(t, w, string(make([]byte, 8*first)))
		n := 1
		for send(t, w, "0123456789") {
			n++
		}
		w.detour()
		for range n {
			if _, found, err := r.next(nil); err != nil || found != foundFrame {
				t.Fatal(found, err)
			}
		}
		if _, found, err := r.next(nil); err != nil || found != foundDetour {
			t.Fatal(found, err)
		}
		if !r.empty() || !send(t, w, "again") {
			t.Fatal("it cannot be used again")
		}
	}
}

// Nobody sleeps on what was published before he has asked for a bell.
func TestLaneDoesNotSleepOnWhatIsThere(t *testing.T) {
	client, server := lanes(t)
	if !server.sleep() || client.peerSleeps.Load() != 1 {
		t.Error("it does not sleep, or does not say so")
	}
	server.wake()
	if client.peerSleeps.Load() != 0 {
		t.Error("it still asks for a bell")
	}
	send(t, &client.out, "one")
	if server.sleep() || client.peerSleeps.Load() != 0 {
		t.Error("it sleeps")
	}
}

// What is read in time takes little of the ring's memory.
func TestRingStaysAtHome(t *testing.T) {
	client, server := lanes(t)
	for range 10_000 {
		send(t, &client.out, "0123456789012345678901234567890123456789")
		if _, found, err := server.in.next(nil); err != nil || found != foundFrame {
			t.Fatal(found, err)
		}
	}
	if far := client.out.ring[homeBytes:]; !bytes.Equal(far, make([]byte, len(far))) {
		t.Error("more than that was written")
	}
}

// Neither end believes the other's words.
func TestRingRefusesCorruptWords(t *testing.T) {
	for name, corrupt := range map[string]func(client, server *lane){
		"tail beyond the ring":   func(c, _ *lane) { c.out.tail.Store(ringBytes + 8) },
		"tail going back":        func(c, _ *lane) { c.out.tail.Store(0) },
		"tail that is crooked":   func(c, _ *lane) { c.out.tail.Store(c.out.tail.Load() + 3) },
		"tail near the end":      func(c, _ *lane) { c.out.tail.Store(1<<64 - 8) },
		"length beyond the tail": func(c, _ *lane) { binary.NativeEndian.PutUint32(c.out.ring, 4000) },
		"length beyond the ring": func(c, _ *lane) { binary.NativeEndian.PutUint32(c.out.ring, 1<<31) },
		"skip beyond the tail":   func(c, _ *lane) { binary.NativeEndian.PutUint32(c.out.ring, skipRest) },
		"skip of it all": func(c, _ *lane) { // a writer that went on so would hold its reader for ever
			binary.NativeEndian.PutUint32(c.out.ring, skipRest)
			c.out.tail.Store(ringBytes)
		},
		"unknown kind": func(c, _ *lane) { binary.NativeEndian.PutUint32(c.out.ring[4:], 9) },
		"frame beyond the record": func(c, _ *lane) {
			binary.BigEndian.PutUint32(c.out.ring[recordHeader:], 100)
		},
		"negative frame": func(c, _ *lane) { binary.BigEndian.PutUint32(c.out.ring[recordHeader:], 1<<32-1) },
	} {
		client, server := lanes(t)
		send(t, &client.out, "one")
		if _, _, err := server.in.next(nil); err != nil {
			t.Fatal(err)
		}
		server.in.position, server.in.seen = 0, 0 // and once more
		if name == "tail going back" {
			server.in.seen = 16
			server.in.position = 16
		}
		corrupt(client, server)
		if _, found, err := server.in.next(nil); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v, %v", name, found, err)
		}
	}
	client, _ := lanes(t)
	send(t, &client.out, "one")
	client.out.head.Store(1 << 40)
	var err error
	for range 2 * ringBytes / 16 {
		if _, err = client.out.reserve(8); err != nil {
			break
		}
		client.out.publish()
	}
	if !errors.Is(err, ErrProtocol) {
		t.Errorf("a head beyond the tail: %v", err)
	}
}

// FuzzRing: whatever the writer leaves in the memory, the reader returns what lies within it, or an error, and ends.
func FuzzRing(f *testing.F) {
	f.Add([]byte("\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03one\x00"), uint64(16), uint64(0))
	f.Add([]byte("\x00\x00\x00\x00\x01\x00\x00\x00"), uint64(8), uint64(0))
	f.Fuzz(func(t *testing.T, content []byte, tail, position uint64) {
		_, server := lanes(t)
		r := &server.in
		r.position = position &^ 7
		r.seen = r.position
		place := r.position % ringBytes
		for i, b := range content[:min(len(content), ringBytes)] {
			r.ring[(place+uint64(i))%ringBytes] = b
		}
		r.tail.Store(tail)
		total := 0
		for range ringBytes { // each step takes 8 bytes, or an empty frame of 4
			frame, found, err := r.next(nil)
			if total += len(frame); err != nil || found == foundNothing {
				if total > ringBytes {
					t.Fatalf("%d bytes of frames", total)
				}
				return
			}
		}
		t.Fatal("it does not end")
	})
}

// What is read is given back: at once where nothing more is known to be there, and else some at a time.
func TestRingGivesBack(t *testing.T) {
	client, server := lanes(t)
	w, r := &client.out, &server.in
	for round := range 200 {
		records := round%40 + 1
		for n := range records {
			room, err := w.reserve(len(frameOf("x")) + n)
			if err != nil || room == nil {
				t.Fatal(room, err)
			}
			copy(room, appendFrameHeader(nil, int64(1+n)))
		}
		w.publish()
		for n := range records {
			if _, found, err := r.next(nil); err != nil || found != foundFrame {
				t.Fatal(found, err)
			}
			switch kept := r.position - r.head.Load(); {
			case n == records-1 && kept != 0:
				t.Fatalf("%d bytes were kept of %d records", kept, records)
			case kept >= giveEvery:
				t.Fatalf("%d bytes are kept after %d of %d records", kept, n+1, records)
			}
		}
	}
}
