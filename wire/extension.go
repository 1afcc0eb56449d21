package wire

import (
	"encoding/binary"
	"math"
)

// MessagePack's lead bytes of extensions.
const (
	leadFixExt1  = 0xd4
	leadFixExt16 = 0xd8
	leadExt8     = 0xc7
	leadExt16    = 0xc8
	leadExt32    = 0xc9
)

// appendExtension appends an extension. len(body) must be below 4 GiB.
func appendExtension(dst []byte, kind int8, body []byte) []byte {
	switch n := len(body); {
	case n <= math.MaxUint8:
		dst = append(dst, leadExt8, byte(n))
	case n <= math.MaxUint16:
		dst = binary.BigEndian.AppendUint16(append(dst, leadExt16), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, leadExt32), uint32(n))
	}
	dst = append(dst, byte(kind))
	return append(dst, body...)
}

// readExtension returns the kind and body of the extension at the head of src. The body is a part of src.
func readExtension(src []byte) (kind int8, body, rest []byte, err error) {
	if len(src) == 0 || !isExtension(src[0]) {
		return 0, nil, src, malformed("no extension where one should be")
	}
	h, err := readHead(src)
	if err != nil {
		return 0, nil, src, err
	}
	kind = int8(src[h.size-1])
	return kind, src[h.size : h.size+h.body], src[h.size+h.body:], nil
}

func isExtension(lead byte) bool {
	return lead >= leadFixExt1 && lead <= leadFixExt16 || lead >= leadExt8 && lead <= leadExt32
}
