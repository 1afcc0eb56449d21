package wire

import "encoding/binary"

// The headers of calls as they mostly are, read without a walk through each form that a value may have.

// readShort is read for a header with a short name. It reports false for one that read has to look at.
func (h *requestHeader) readShort(frame []byte, known *names) (payload []byte, ok bool) {
	const head = 2 // the array of 5, the kind
	if len(frame) < head || frame[0] != 0x95 || frame[1] != byte(kindRequest) {
		return nil, false
	}
	call, rest, ok := shortUint(frame[head:])
	if !ok {
		return nil, false
	}
	object, rest, ok := shortUint(rest)
	if !ok {
		return nil, false
	}
	method, rest, ok := known.read(rest)
	if !ok {
		return nil, false
	}
	size, payload, ok := shortUint(rest)
	*h = requestHeader{kindRequest, call, object, method, size}
	return payload, ok
}

// readShort is requestHeader.readShort for a reply.
func (h *replyHeader) readShort(frame []byte) (payload []byte, ok bool) {
	const head = 2 // the array of 4, the kind
	if len(frame) < head || frame[0] != 0x94 || frame[1] != byte(kindReply) {
		return nil, false
	}
	call, rest, ok := shortUint(frame[head:])
	if !ok {
		return nil, false
	}
	name, rest, ok := shortText(rest)
	if !ok {
		return nil, false
	}
	size, payload, ok := shortUint(rest)
	*h = replyHeader{kindReply, call, replyKind(string(name)), size}
	return payload, ok
}

// shortUint reads a whole number from 0, in the forms that are made for them.
func shortUint(src []byte) (v uint64, rest []byte, ok bool) {
	if len(src) == 0 {
		return 0, nil, false
	}
	lead, rest := src[0], src[1:]
	switch {
	case lead <= 0x7f:
		return uint64(lead), rest, true
	case lead == 0xcc && len(rest) >= 1:
		return uint64(rest[0]), rest[1:], true
	case lead == 0xcd && len(rest) >= 2:
		return uint64(binary.BigEndian.Uint16(rest)), rest[2:], true
	case lead == 0xce && len(rest) >= 4:
		return uint64(binary.BigEndian.Uint32(rest)), rest[4:], true
	case lead == 0xcf && len(rest) >= 8:
		return binary.BigEndian.Uint64(rest), rest[8:], true
	}
	return 0, nil, false
}

// shortText reads a string of up to 31 bytes, which stays in src.
func shortText(src []byte) (text, rest []byte, ok bool) {
	if len(src) == 0 || src[0]&0xe0 != 0xa0 || len(src) <= int(src[0]&0x1f) {
		return nil, nil, false
	}
	length := int(src[0] & 0x1f)
	return src[1 : 1+length], src[1+length:], true
}

// names are the methods' names that one end of a connection has read in headers, which come again and again: they are kept, up
// to a few, so that each takes memory once. The zero value is empty. They belong to the goroutine that reads.
type names struct {
	last  string
	known map[string]string
}

// mostNames is how many names are kept. They are of 31 bytes at most.
const mostNames = 64

// read reads a string of up to 31 bytes.
func (n *names) read(src []byte) (name string, rest []byte, ok bool) {
	text, rest, ok := shortText(src)
	if !ok {
		return "", nil, false
	}
	if string(text) == n.last {
		return n.last, rest, true
	}
	name, ok = n.known[string(text)]
	if !ok {
		name = string(text)
		if n.known == nil {
			n.known = make(map[string]string)
		}
		if len(n.known) < mostNames {
			n.known[name] = name
		}
	}
	n.last = name
	return name, rest, true
}
