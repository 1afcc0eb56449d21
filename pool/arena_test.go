package pool

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/multiproc-go/multiproc/wire"
)

// Pieces in use never overlap, and lie within their memory; one that is given back is used again.
func TestPiecesDoNotOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const limit = 1 << 20
		var p pieces
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			if len(p) > 0 && rapid.Bool().Draw(t, "give") {
				p.give(p[rapid.IntRange(0, len(p)-1).Draw(t, "which")])
				continue
			}
			size := rapid.IntRange(1, limit/3).Draw(t, "size")
			made, ok := p.take(size, limit)
			if ok && (made.at%alignPiece != 0 || made.at+made.size > limit || made.size != size) {
				t.Fatalf("got %+v for %d bytes", made, size)
			}
			if !ok && len(p) == 0 {
				t.Fatal("there is no room in empty memory")
			}
			for i := 1; i < len(p); i++ {
				if p[i-1].at+p[i-1].size > p[i].at {
					t.Fatalf("pieces overlap: %+v", p)
				}
			}
		}
	})
}

// A link looks at no place outside of an arena, whatever its worker says.
func TestResultsOutsideOfAnArenaAreRefused(t *testing.T) {
	a := newArena()
	if a == nil {
		t.Skip("there are no arenas here")
	}
	defer func() {
		if err := a.close(); err != nil {
			t.Error(err)
		}
	}()
	half := uint64(arenaHalf)
	l := &link{arena: a, pool: &Pool{options: &Options{MaxPayload: 1 << 30}}}
	for _, where := range [][2]uint64{{half, 1}, {0, half + 1}, {1 << 63, 1}, {1, 1<<64 - 1}, {half - 1, 2}} {
		answered := answer{payload: wherePiece(nil, where[0], where[1])}
		if err := l.openResult(&answered); !errors.Is(err, errCorrupt) && !errors.Is(err, wire.ErrFrameTooLarge) {
			t.Errorf("%x: %v", where, err)
		}
	}
	short := answer{payload: make([]byte, pieceSize-1)}
	if err := l.openResult(&short); !errors.Is(err, errCorrupt) {
		t.Error(err)
	}
	good := answer{payload: wherePiece(nil, half-8, 8)}
	if err := l.openResult(&good); err != nil || len(good.payload) != 8 || !good.shared {
		t.Error(err, len(good.payload))
	}
}
