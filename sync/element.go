package sync

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/multiproc-go/multiproc/wire"
)

// errZeroValue is what a call says of which the argument cannot even be encoded, since nobody made the proxy.
var errZeroValue = errors.New("the proxy refers to nothing: it is the zero value")

// An element knows how values of a type are encoded in shared objects: so that what is equal in Go is equal there.
type element[T any] struct {
	codec *wire.Codec[T]
	maps  bool // there may be maps in it, which have no order in Go
}

func elementOf[T any]() (element[T], error) {
	codec, err := wire.CodecOf[T]()
	if err != nil {
		return element[T]{}, err
	}
	return element[T]{codec, mayHoldMaps(reflect.TypeFor[T](), map[reflect.Type]bool{})}, nil
}

// encode appends a value to a message.
func (e element[T]) encode(m message, v T) (message, error) {
	if e.codec == nil {
		return nil, errZeroValue
	}
	from := len(m)
	encoded, err := e.codec.Append(m, &v)
	if err != nil {
		return nil, err
	}
	if e.maps {
		return sortMaps(encoded, from)
	}
	return encoded, nil
}

// encodeAll appends an array of values to a message.
func (e element[T]) encodeAll(m message, values []T) (message, error) {
	m = m.arrayOf(len(values))
	var err error
	for _, v := range values {
		if m, err = e.encode(m, v); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// decode reads the next value of a message.
func (e element[T]) decode(r *reader) T {
	var v T
	encoded := r.Value()
	if r.Err() == nil {
		var err error
		if v, err = e.codec.DecodeValue(encoded); err != nil {
			r.Fail(err)
		}
	}
	return v
}

// decodeAll reads an array of values.
func (e element[T]) decodeAll(r *reader) []T {
	n := r.Array()
	values := make([]T, 0, n)
	for range n {
		values = append(values, e.decode(r))
	}
	if r.Err() != nil {
		return nil
	}
	return values
}

// typeName names a type so that no two types of a program have the same, as far as that can be told.
func typeName[T any]() string {
	t := reflect.TypeFor[T]()
	return fmt.Sprintf("%s %s", t.PkgPath(), t)
}

// mayHoldMaps reports whether there may be maps in the encoding of a type.
func mayHoldMaps(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Map, reflect.Interface:
		return true
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return mayHoldMaps(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if mayHoldMaps(t.Field(i).Type, seen) {
				return true
			}
		}
	}
	return false
}
