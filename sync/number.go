package sync

import (
	"reflect"

	"github.com/multiproc-go/multiproc/sync/internal/state"
)

// numberKind returns the kind of numbers that a type is, or 0 for others.
func numberKind[T any]() state.NumberKind {
	t := reflect.TypeFor[T]()
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return state.Signed(t.Bits())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return state.Unsigned(t.Bits())
	case reflect.Float32, reflect.Float64:
		return state.Float(t.Bits())
	default:
		return 0
	}
}

// addition appends to a message what is to be added.
func (e element[T]) addition(m message, delta T) (message, error) {
	kind := numberKind[T]()
	if kind == 0 {
		return nil, ErrNotNumber
	}
	return e.encode(m.uint(uint64(kind)), delta)
}
