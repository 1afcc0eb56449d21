package spawn

import "sync"

// tailSize is how much of the end of a child's stderr is kept, in bytes.
const tailSize = 8 << 10

// tail keeps the last tailSize bytes that were added to it.
type tail struct {
	mu   sync.Mutex // guards kept
	kept []byte     // at most twice tailSize, of which the end counts
}

func (t *tail) add(text []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(text) > tailSize {
		text = text[len(text)-tailSize:]
	}
	if len(t.kept)+len(text) > 2*tailSize {
		t.kept = append(t.kept[:0], t.kept[len(t.kept)-tailSize:]...)
	}
	t.kept = append(t.kept, text...)
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept[max(0, len(t.kept)-tailSize):])
}
