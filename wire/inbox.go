package wire

import (
	"bytes"
	"errors"
	"fmt"
)

var (
	// ErrProtocol is wrapped when the peer of a Caller or of Serve sent what the protocol does not allow.
	ErrProtocol = errors.New("protocol error")
	// ErrInputLimit is wrapped when a peer sends more than the limit for what is unanswered.
	ErrInputLimit = errors.New("the peer exceeds the input limit")
)

// shortPayload is up to how many bytes a payload takes less memory than its frame by so much that it is copied out of it.
const shortPayload = 16

// keep returns a payload for a receiver who may keep it for ever: in its frame's memory, if it fills that by half, and else in
// memory of its own, so that the frame's can be used again. kept reports whether the frame is the receiver's.
func keep(payload, frame []byte) (own []byte, kept bool) {
	if len(payload) <= shortPayload || 2*len(payload) < cap(frame) {
		return bytes.Clone(payload), false
	}
	return payload, true
}

func protocolError(what string) error { return fmt.Errorf("%w: %s", ErrProtocol, what) }

// kindOf returns the kind of the message that a frame holds, or 0.
func kindOf(frame []byte) messageKind {
	if len(frame) < 2 || frame[0]&0xf0 != 0x90 {
		return 0
	}
	return messageKind(frame[1])
}

// An arrival is a request or reply that was begun and is not whole yet.
type arrival[H any] struct {
	header  H
	payload []byte
	size    uint64
}

// An inbox puts the segments of one connection's messages together. It belongs to the goroutine that reads.
type inbox[H any] struct {
	maxSize  uint64 // bytes that one payload may have
	maxHeld  int64  // bytes that all arrivals may have
	held     int64
	arrivals map[uint64]*arrival[H]
}

func newInbox[H any](maxSize, maxHeld int64) *inbox[H] {
	return &inbox[H]{maxSize: uint64(maxSize), maxHeld: maxHeld, arrivals: make(map[uint64]*arrival[H])}
}

// begin takes a message's first frame, and reports whether it is the only one: then payload is the whole payload.
// Otherwise payload was copied.
func (in *inbox[H]) begin(call uint64, header H, size uint64, payload []byte) (whole bool, err error) {
	switch {
	case size > in.maxSize:
		return false, fmt.Errorf("%w: a message of %d bytes, and at most %d are allowed", ErrFrameTooLarge, size, in.maxSize)
	case uint64(len(payload)) > size:
		return false, protocolError("a frame is longer than its message")
	case in.arrivals[call] != nil:
		return false, protocolError("a message began twice")
	case uint64(len(payload)) == size:
		return true, nil
	}
	if len(in.arrivals) >= mostBegun {
		return false, fmt.Errorf("%w: more than %d messages have begun and not arrived", ErrInputLimit, mostBegun)
	}
	a := &arrival[H]{header: header, size: size}
	in.arrivals[call] = a
	return false, in.extend(a, payload)
}

// segment takes a later frame. It returns the arrival once that is whole, which is then no longer in the inbox.
func (in *inbox[H]) segment(frame []byte) (call uint64, a *arrival[H], err error) {
	var h segmentHeader
	payload, err := h.UnmarshalMsg(frame)
	if err != nil {
		return 0, nil, protocolError(err.Error())
	}
	a = in.arrivals[h.Call]
	if a == nil || len(payload) == 0 || uint64(len(a.payload)+len(payload)) > a.size {
		return 0, nil, protocolError("a segment belongs to no message")
	}
	if err := in.extend(a, payload); err != nil {
		return 0, nil, err
	}
	if uint64(len(a.payload)) < a.size {
		return h.Call, nil, nil // more is to come
	}
	in.drop(h.Call)
	return h.Call, a, nil
}

func (in *inbox[H]) extend(a *arrival[H], payload []byte) error {
	in.held += int64(len(payload))
	if in.held > in.maxHeld {
		return fmt.Errorf("%w of %d bytes", ErrInputLimit, in.maxHeld)
	}
	if need := len(a.payload) + len(payload); need > cap(a.payload) {
		grown := make([]byte, len(a.payload), min(max(need, 2*cap(a.payload), firstRead), int(a.size)))
		copy(grown, a.payload)
		a.payload = grown
	}
	a.payload = append(a.payload, payload...)
	return nil
}

// drop forgets an arrival, and reports whether there was one.
func (in *inbox[H]) drop(call uint64) bool {
	a := in.arrivals[call]
	if a == nil {
		return false
	}
	delete(in.arrivals, call)
	in.held -= int64(len(a.payload))
	return true
}
