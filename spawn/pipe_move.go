package spawn

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"weak"

	"github.com/tinylib/msgp/msgp"
)

// endExtension is the kind of MessagePack extension as which a pipe end is encoded; its body is the end's number in the
// process that has it, as 8 bytes in network order.
const endExtension = 81

// ends finds the ends that an encoded argument speaks of.
var ends = endTable{open: map[uint64]weak.Pointer[PipeEnd]{}}

type endTable struct {
	mu       sync.Mutex // guards the fields below
	last     uint64
	open     map[uint64]weak.Pointer[PipeEnd]
	arriving map[uint64]net.Conn // those of the argument that is being decoded
}

func (t *endTable) add(e *PipeEnd) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last++
	t.open[t.last] = weak.Make(e)
	return t.last
}

func (t *endTable) remove(id uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, id)
}

func (t *endTable) find(id uint64) *PipeEnd {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open[id].Value()
}

func (t *endTable) empty() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.open) == 0
}

// MarshalMsg makes the end a part of an encoded argument. It is called by the encoding, not by programs.
func (e *PipeEnd) MarshalMsg(b []byte) ([]byte, error) {
	if e == nil {
		return msgp.AppendNil(b), nil
	}
	if _, err := e.open(); err != nil {
		return b, err
	}
	body := binary.BigEndian.AppendUint64(nil, e.id)
	return msgp.AppendExtension(b, &msgp.RawExtension{Type: endExtension, Data: body})
}

// UnmarshalMsg takes the end that has arrived with the argument of a child. It is called by the decoding, not by
// programs.
func (e *PipeEnd) UnmarshalMsg(b []byte) ([]byte, error) {
	raw := msgp.RawExtension{Type: endExtension}
	rest, err := msgp.ReadExtensionBytes(b, &raw)
	if err != nil {
		return b, err
	}
	if len(raw.Data) != 8 {
		return b, fmt.Errorf("spawn: a pipe end of %d bytes", len(raw.Data))
	}
	id := binary.BigEndian.Uint64(raw.Data)
	ends.mu.Lock()
	conn := ends.arriving[id]
	delete(ends.arriving, id)
	ends.mu.Unlock()
	if conn == nil {
		return b, errors.New("spawn: a pipe end can only be passed in the argument of a registered function, once")
	}
	e.attach(conn)
	return rest, nil
}

// Msgsize is the greatest size of the encoded end, in bytes.
func (e *PipeEnd) Msgsize() int { return 16 }

// moving are the ends that one start takes along.
type moving struct {
	ends  []*PipeEnd
	ids   []uint64
	files []*os.File // their descriptors, for the child to inherit
}

// moveEnds finds the pipe ends in an encoded argument and marks them as moved. After an error none is.
func moveEnds(encoded []byte) (*moving, error) {
	m := &moving{}
	if len(encoded) == 0 || ends.empty() {
		return m, nil
	}
	ids, err := findEnds(encoded)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if err := m.take(id); err != nil {
			m.stay()
			return nil, err
		}
	}
	return m, nil
}

func (m *moving) take(id uint64) error {
	e := ends.find(id)
	if e == nil {
		return fmt.Errorf("pipe end in the argument: %w", net.ErrClosed)
	}
	conn, err := e.open()
	if err != nil {
		return fmt.Errorf("pipe end in the argument: %w", err)
	}
	file, err := conn.NetConn().(*net.UnixConn).File()
	if err != nil {
		return fmt.Errorf("pipe end in the argument: %w", err)
	}
	e.mu.Lock()
	taken := e.moved
	e.moved = true
	e.mu.Unlock()
	if taken { // by another start, or for the second time in this argument
		return errors.Join(ErrPipeMoved, file.Close())
	}
	m.ends, m.ids, m.files = append(m.ends, e), append(m.ids, id), append(m.files, file)
	return nil
}

// stay gives the ends back after a start that failed.
func (m *moving) stay() {
	for _, e := range m.ends {
		e.mu.Lock()
		e.moved = false
		e.mu.Unlock()
	}
	m.closeFiles()
}

// leave closes the parent's ends after a start that succeeded.
func (m *moving) leave() {
	for _, e := range m.ends {
		_ = e.Close() // the child has its own
	}
	m.closeFiles()
}

func (m *moving) closeFiles() {
	for _, file := range m.files {
		_ = file.Close()
	}
}

// receiveEnds makes the inherited files ready to be taken by the decoding of the argument.
func receiveEnds(ids []uint64, files []*os.File) error {
	arriving := make(map[uint64]net.Conn, len(ids))
	for i, id := range ids {
		if i >= len(files) {
			return errors.New("spawn: fewer files than pipe ends were inherited")
		}
		conn, err := connFromFile(files[i])
		if err != nil {
			return fmt.Errorf("spawn: inherited pipe end: %w", err)
		}
		arriving[id] = conn
	}
	ends.mu.Lock()
	defer ends.mu.Unlock()
	ends.arriving = arriving
	return nil
}

// dropEnds closes the ends that the decoding has not taken.
func dropEnds() {
	ends.mu.Lock()
	left := ends.arriving
	ends.arriving = nil
	ends.mu.Unlock()
	for _, conn := range left {
		_ = conn.Close()
	}
}

// findEnds walks over an encoded value and returns the numbers of the ends in it.
func findEnds(encoded []byte) (ids []uint64, err error) {
	for values := uint64(1); values > 0; values-- {
		var n uint32
		switch msgp.NextType(encoded) {
		case msgp.ArrayType:
			n, encoded, err = msgp.ReadArrayHeaderBytes(encoded)
			values += uint64(n)
		case msgp.MapType:
			n, encoded, err = msgp.ReadMapHeaderBytes(encoded)
			values += 2 * uint64(n)
		case msgp.ExtensionType:
			ids, encoded, err = appendEnd(ids, encoded)
		default:
			encoded, err = msgp.Skip(encoded)
		}
		if err != nil {
			return nil, fmt.Errorf("look for pipe ends in the argument: %w", err)
		}
	}
	return ids, nil
}

// appendEnd appends the end's number if the extension at the head of encoded is one.
func appendEnd(ids []uint64, encoded []byte) ([]uint64, []byte, error) {
	rest, err := msgp.Skip(encoded)
	if err != nil {
		return ids, encoded, err
	}
	raw := msgp.RawExtension{Type: endExtension}
	if _, err := msgp.ReadExtensionBytes(encoded, &raw); err == nil && len(raw.Data) == 8 {
		ids = append(ids, binary.BigEndian.Uint64(raw.Data))
	}
	return ids, rest, nil
}
