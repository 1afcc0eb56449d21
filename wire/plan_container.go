package wire

import (
	"fmt"
	"reflect"

	"github.com/tinylib/msgp/msgp"
)

func (b *planner) fillPointer(p *plan, path string) error {
	elem, err := b.part(p, p.typ.Elem(), path)
	if err != nil {
		return err
	}
	if elem == p {
		return unsupported(path, p.typ, "it is a pointer to itself")
	}
	p.append = func(dst []byte, v reflect.Value, depth int) ([]byte, error) {
		if v.IsNil() {
			return msgp.AppendNil(dst), nil
		}
		if depth >= MaxDepth {
			return dst, ErrTooDeep
		}
		return elem.append(dst, v.Elem(), depth+1)
	}
	p.decode = func(src []byte, v reflect.Value) ([]byte, error) {
		if msgp.IsNil(src) {
			v.SetZero()
			return src[1:], nil
		}
		fresh := reflect.New(elem.typ)
		rest, err := elem.decode(src, fresh.Elem())
		v.Set(fresh)
		return rest, err
	}
	return nil
}

func (b *planner) fillSlice(p *plan, path string) error {
	elem, err := b.part(p, p.typ.Elem(), path+"[]")
	if err != nil {
		return err
	}
	p.append = func(dst []byte, v reflect.Value, depth int) ([]byte, error) {
		if v.IsNil() {
			return msgp.AppendNil(dst), nil
		}
		return appendElements(dst, elem, v, depth)
	}
	p.decode = func(src []byte, v reflect.Value) ([]byte, error) {
		if msgp.IsNil(src) {
			v.SetZero()
			return src[1:], nil
		}
		return decodeElements(src, elem, v)
	}
	return nil
}

func (b *planner) fillArray(p *plan, path string) error {
	elem, err := b.part(p, p.typ.Elem(), path+"[]")
	if err != nil {
		return err
	}
	length := p.typ.Len()
	p.append = func(dst []byte, v reflect.Value, depth int) ([]byte, error) {
		return appendElements(dst, elem, v, depth)
	}
	p.decode = func(src []byte, v reflect.Value) ([]byte, error) {
		n, rest, err := msgp.ReadArrayHeaderBytes(src)
		if err != nil {
			return src, err
		}
		if int64(n) != int64(length) {
			return src, fmt.Errorf("%w: %d elements for %v", ErrMalformed, n, v.Type())
		}
		for i := 0; i < length && err == nil; i++ {
			rest, err = elem.decode(rest, v.Index(i))
		}
		return rest, err
	}
	return nil
}

func appendElements(dst []byte, elem *plan, v reflect.Value, depth int) (_ []byte, err error) {
	if depth >= MaxDepth {
		return dst, ErrTooDeep
	}
	n := v.Len()
	checkLength(n)
	dst = msgp.AppendArrayHeader(dst, uint32(n))
	for i := 0; i < n && err == nil; i++ {
		dst, err = elem.append(dst, v.Index(i), depth+1)
	}
	return dst, err
}

// firstElements is how many bytes of elements a slice is made with before any was seen to decode: a short
// encoding cannot claim much more memory than it fills.
const firstElements = 64 << 10

func decodeElements(src []byte, elem *plan, v reflect.Value) ([]byte, error) {
	header, rest, err := msgp.ReadArrayHeaderBytes(src)
	if err != nil {
		return src, err
	}
	n := int(header)
	first := min(n, 1+firstElements/(1+int(elem.typ.Size())))
	v.Set(reflect.MakeSlice(v.Type(), first, first))
	for i := range n {
		if i == v.Len() {
			v.Grow(1)
			v.SetLen(min(v.Cap(), n))
		}
		if rest, err = elem.decode(rest, v.Index(i)); err != nil {
			return rest, err
		}
	}
	return rest, nil
}

func (b *planner) fillMap(p *plan, path string) error {
	if p.typ.Key().Kind() == reflect.Pointer {
		return unsupported(path, p.typ, "a pointer would not be the same key there")
	}
	key, err := b.part(p, p.typ.Key(), path+"[key]")
	if err != nil {
		return err
	}
	elem, err := b.part(p, p.typ.Elem(), path+"[]")
	if err != nil {
		return err
	}
	p.append = func(dst []byte, v reflect.Value, depth int) ([]byte, error) {
		if v.IsNil() {
			return msgp.AppendNil(dst), nil
		}
		if depth >= MaxDepth {
			return dst, ErrTooDeep
		}
		return appendEntries(dst, key, elem, v, depth+1)
	}
	p.decode = func(src []byte, v reflect.Value) ([]byte, error) {
		if msgp.IsNil(src) {
			v.SetZero()
			return src[1:], nil
		}
		return decodeEntries(src, key, elem, v)
	}
	return nil
}

func appendEntries(dst []byte, key, elem *plan, v reflect.Value, depth int) (_ []byte, err error) {
	checkLength(v.Len())
	dst = msgp.AppendMapHeader(dst, uint32(v.Len()))
	k, e := reflect.New(key.typ).Elem(), reflect.New(elem.typ).Elem()
	for entries := v.MapRange(); entries.Next(); {
		k.SetIterKey(entries)
		e.SetIterValue(entries)
		if dst, err = key.append(dst, k, depth); err != nil {
			return dst, err
		}
		if dst, err = elem.append(dst, e, depth); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func decodeEntries(src []byte, key, elem *plan, v reflect.Value) ([]byte, error) {
	n, rest, err := msgp.ReadMapHeaderBytes(src)
	if err != nil {
		return src, err
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), int(min(n, 1024))))
	k, e := reflect.New(key.typ).Elem(), reflect.New(elem.typ).Elem()
	for range n {
		k.SetZero()
		e.SetZero()
		if rest, err = key.decode(rest, k); err != nil {
			return rest, err
		}
		if !k.Comparable() { // possible for an interface alone
			return rest, malformed("a key that cannot be compared")
		}
		if rest, err = elem.decode(rest, e); err != nil {
			return rest, err
		}
		v.SetMapIndex(k, e)
	}
	return rest, nil
}
