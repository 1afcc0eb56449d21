package wire

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/tinylib/msgp/msgp"
)

// A field is one that travels. Its key is encoded beforehand.
type field struct {
	index     int
	name      string
	key       []byte
	plan      *plan
	omitEmpty bool
}

func (b *planner) fillStruct(p *plan, path string) error {
	fields, err := b.fields(p, path)
	if err != nil {
		return err
	}
	byName := make(map[string]int, len(fields))
	omits := false
	for i, f := range fields {
		if _, twice := byName[f.name]; twice {
			return unsupported(path, p.typ, fmt.Sprintf("two of its fields have the name %q", f.name))
		}
		byName[f.name] = i
		omits = omits || f.omitEmpty
	}
	p.append = func(dst []byte, v reflect.Value, depth int) ([]byte, error) {
		if depth >= MaxDepth {
			return dst, ErrTooDeep
		}
		return appendFields(dst, fields, omits, v, depth+1)
	}
	p.decode = func(src []byte, v reflect.Value) ([]byte, error) {
		return decodeFields(src, fields, byName, v)
	}
	return nil
}

// fields returns the fields of a struct that travel.
func (b *planner) fields(p *plan, path string) ([]field, error) {
	var fields []field
	hidden := false
	for i := range p.typ.NumField() {
		f := p.typ.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("msg"), ",")
		if name == "-" {
			continue
		}
		if unreachable(f) {
			return nil, unsupported(path+"."+f.Name, f.Type, "it is embedded but not exported, which keeps its parts out of "+
				"reach: export it, or tag it `msg:\"-\"`")
		}
		if !f.IsExported() && !promotes(f) {
			// A blank field is padding; any other one is data that would be lost.
			hidden = hidden || f.Name != "_"
			continue
		}
		if name == "" {
			name = f.Name
		}
		part, err := b.part(p, f.Type, path+"."+f.Name)
		if err != nil {
			return nil, err
		}
		fields = append(fields, field{
			index: i, name: name, key: msgp.AppendString(nil, name), plan: part,
			omitEmpty: strings.Contains(","+options+",", ",omitempty,"),
		})
	}
	if hidden && len(fields) == 0 {
		return nil, unsupported(path, p.typ, "none of its fields is exported; give it the methods MarshalMsg and "+
			"UnmarshalMsg, or MarshalBinary and UnmarshalBinary")
	}
	return fields, nil
}

func appendFields(dst []byte, fields []field, omits bool, v reflect.Value, depth int) (_ []byte, err error) {
	n := len(fields)
	if omits {
		for i := range fields {
			if fields[i].omitted(v) {
				n--
			}
		}
	}
	dst = msgp.AppendMapHeader(dst, uint32(n))
	for i := range fields {
		f := &fields[i]
		if f.omitted(v) {
			continue
		}
		dst = append(dst, f.key...)
		if dst, err = f.plan.append(dst, v.Field(f.index), depth); err != nil {
			return dst, inField(f.name, err)
		}
	}
	return dst, nil
}

func (f *field) omitted(v reflect.Value) bool { return f.omitEmpty && f.plan.empty(v.Field(f.index)) }

// decodeFields takes fields in any order, ignores those that the struct has not, and leaves zero those that are
// missing: two builds of a program whose struct has grown can share a container.
func decodeFields(src []byte, fields []field, byName map[string]int, v reflect.Value) ([]byte, error) {
	n, rest, err := msgp.ReadMapHeaderBytes(src)
	if err != nil {
		return src, err
	}
	next := 0
	for range n {
		var name []byte
		if name, rest, err = msgp.ReadMapKeyZC(rest); err != nil {
			return src, err
		}
		if next >= len(fields) || string(name) != fields[next].name {
			at, known := byName[string(name)]
			if !known {
				if rest, err = skipValue(rest); err != nil {
					return src, err
				}
				continue
			}
			next = at
		}
		f := &fields[next]
		next++
		if rest, err = f.plan.decode(rest, v.Field(f.index)); err != nil {
			return src, inField(f.name, err)
		}
	}
	return rest, nil
}

// promotes reports whether an unexported field's own exported fields can be reached through it.
func promotes(f reflect.StructField) bool {
	return f.Anonymous && f.Type.Kind() == reflect.Struct && !hasMethods(f.Type)
}

// unreachable reports whether an unexported field has parts that users of the struct see and reflection cannot set.
func unreachable(f reflect.StructField) bool {
	if f.IsExported() || !f.Anonymous {
		return false
	}
	return f.Type.Kind() == reflect.Pointer || f.Type.Kind() == reflect.Struct && hasMethods(f.Type)
}

// A fieldError says in which field a value could not be encoded or decoded.
type fieldError struct {
	path string
	err  error
}

func (e *fieldError) Error() string { return "field " + e.path + ": " + e.err.Error() }
func (e *fieldError) Unwrap() error { return e.err }

// maxFieldPath bounds the path, in bytes: it has a part for each level of the value.
const maxFieldPath = 256

func inField(name string, err error) error {
	inner, ok := err.(*fieldError) //nolint:errorlint // deeper ones belong to a method's own error
	switch {
	case !ok:
		return &fieldError{path: name, err: err}
	case len(inner.path) < maxFieldPath:
		inner.path = name + "." + inner.path
	}
	return err
}
