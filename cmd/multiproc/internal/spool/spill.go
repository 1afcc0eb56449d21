package spool

import (
	"io"
	"sync"
)

// generationSize is how large one file of a Spill grows, in bytes, before the
// next is begun: the space of a file comes back when all in it was dropped.
const generationSize = 64 << 20

// A Spill keeps pieces of output on disk until each is dropped. It is safe for
// concurrent use.
type Spill struct {
	mu      sync.Mutex
	current *generation // the file that is appended to, or nil
}

// A generation is one file of a Spill.
type generation struct {
	file   *File
	size   int64
	pieces int // that were not dropped yet
}

// A Piece is what one Append has put into a Spill. It is for one goroutine at a
// time.
type Piece struct {
	spill      *Spill
	generation *generation
	offset     int64
	size       int64
}

// Append copies size bytes of r to disk. The caller drops the piece that it
// returns. After an error (a full disk, say) nothing is kept of it.
func (s *Spill) Append(r io.Reader, size int64) (*Piece, error) {
	piece, err := s.reserve(size)
	if err != nil {
		return nil, err
	}
	to := io.NewOffsetWriter(piece.generation.file.File, piece.offset)
	if _, err := io.CopyN(to, r, size); err != nil {
		piece.Drop()
		return nil, Explain(err)
	}
	return piece, nil
}

// reserve gives out the next size bytes, so that any number of copies can run
// at a time.
func (s *Spill) reserve(size int64) (*Piece, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil || s.current.size >= generationSize {
		if err := s.beginLocked(); err != nil {
			return nil, err
		}
	}
	g := s.current
	piece := &Piece{spill: s, generation: g, offset: g.size, size: size}
	g.size += size
	g.pieces++
	return piece, nil
}

func (s *Spill) beginLocked() error {
	file, err := Create()
	if err != nil {
		return err
	}
	if g := s.current; g != nil && g.pieces == 0 {
		g.file.Close()
	}
	s.current = &generation{file: file}
	return nil
}

// Close frees the file that is appended to. Pieces must have been dropped, and
// nothing is appended any more.
func (s *Spill) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return nil
	}
	err := s.current.file.Close()
	s.current = nil
	return err
}

// Size returns how many bytes p holds.
func (p *Piece) Size() int64 { return p.size }

// WriteTo writes the bytes of p to w. It may be called again.
func (p *Piece) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, io.NewSectionReader(p.generation.file.File, p.offset, p.size))
}

// Drop gives the space of p back, together with its neighbours'. p must not be
// used afterwards.
func (p *Piece) Drop() {
	s, g := p.spill, p.generation
	s.mu.Lock()
	defer s.mu.Unlock()
	g.pieces--
	switch {
	case g.pieces > 0:
	case g != s.current:
		g.file.Close()
	case g.file.Truncate(0) == nil:
		g.size = 0
	}
}
