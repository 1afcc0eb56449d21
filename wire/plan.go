package wire

import (
	"fmt"
	"reflect"
	"sync"
	"time"
)

// A plan is how values of one type are encoded and decoded by reflection. Plans are made whole before any is
// used, and then never change. They may refer to themselves, as types do.
//
// The reflection is our own, on msgp's runtime, for what every worker would pay for a library that does it: of the two
// that can be told to read these tags, one nearly doubles the time in which a small process starts, and the other knows
// msgp's methods only through a table that it shares with the whole program.
type plan struct {
	typ reflect.Type
	// append and decode run under a guard against panics. depth counts the levels around v.
	append func(dst []byte, v reflect.Value, depth int) ([]byte, error)
	decode func(src []byte, v reflect.Value) (rest []byte, err error)

	mayProxy bool // the value may contain tokens
	endless  bool // the value may contain itself: through its type, or through an interface
	empty    func(v reflect.Value) bool
}

// plans holds the finished *plan of each type that was asked for; a type that has none is asked for again.
var plans sync.Map

// planFor returns the plan for typ. The error wraps ErrUnsupportedType.
func planFor(typ reflect.Type) (*plan, error) {
	if p, ok := plans.Load(typ); ok {
		return p.(*plan), nil
	}
	b := planner{made: make(map[reflect.Type]*plan)}
	p, err := b.plan(typ, typ.String())
	if err != nil {
		return nil, err
	}
	b.spread()
	for t, made := range b.made {
		plans.LoadOrStore(t, made)
	}
	return p, nil
}

// A planner makes the plan for one type and for all that it consists of.
type planner struct {
	made  map[reflect.Type]*plan
	parts map[*plan][]*plan // what each consists of, for spread
}

// plan returns the plan for typ, which may be still unfinished when typ contains itself. path names the way to it.
func (b *planner) plan(typ reflect.Type, path string) (*plan, error) {
	if p, ok := b.made[typ]; ok {
		return p, nil
	}
	p := &plan{typ: typ, empty: emptyFor(typ)}
	b.made[typ] = p
	if err := b.fill(p, path); err != nil {
		return nil, err
	}
	return p, nil
}

// part is plan for a type that whole consists of.
func (b *planner) part(whole *plan, typ reflect.Type, path string) (*plan, error) {
	p, err := b.plan(typ, path)
	if err != nil {
		return nil, err
	}
	if b.parts == nil {
		b.parts = make(map[*plan][]*plan)
	}
	b.parts[whole] = append(b.parts[whole], p)
	return p, nil
}

func (b *planner) fill(p *plan, path string) error {
	typ := p.typ
	methods, err := methodsOf(typ)
	switch {
	case err != nil:
		return unsupported(path, typ, err.Error())
	case typ == timeType:
		p.append, p.decode = appendTimeValue, decodeTimeValue
		return nil
	case methods == msgpMethods:
		fillMsgp(p)
		return nil
	case methods == binaryMethods:
		p.append, p.decode = appendBinaryValue, decodeBinaryValue
		return nil
	case methods == textMethods:
		p.append, p.decode = appendTextValue, decodeTextValue
		return nil
	}
	if d := directFor(typ); d != nil {
		p.append, p.decode = directPlan(d)
		return nil
	}
	switch typ.Kind() {
	case reflect.Pointer:
		return b.fillPointer(p, path)
	case reflect.Struct:
		return b.fillStruct(p, path)
	case reflect.Slice:
		return b.fillSlice(p, path)
	case reflect.Array:
		return b.fillArray(p, path)
	case reflect.Map:
		return b.fillMap(p, path)
	case reflect.Interface:
		return fillInterface(p, path)
	default:
		return unsupported(path, typ, "it means nothing outside its process")
	}
}

// spread carries what is true of a part to the wholes that it is part of, and finds the types that contain
// themselves.
func (b *planner) spread() {
	for whole := range b.parts {
		whole.endless = whole.endless || b.reaches(whole, whole, make(map[*plan]bool))
	}
	for changed := true; changed; {
		changed = false
		for whole, parts := range b.parts {
			for _, part := range parts {
				if part.mayProxy && !whole.mayProxy || part.endless && !whole.endless {
					whole.mayProxy = whole.mayProxy || part.mayProxy
					whole.endless = whole.endless || part.endless
					changed = true
				}
			}
		}
	}
}

func (b *planner) reaches(from, to *plan, seen map[*plan]bool) bool {
	for _, part := range b.parts[from] {
		if part == to {
			return true
		}
		if !seen[part] {
			seen[part] = true
			if b.reaches(part, to, seen) {
				return true
			}
		}
	}
	return false
}

func unsupported(path string, typ reflect.Type, why string) error {
	if path == typ.String() {
		return fmt.Errorf("wire: %w: %v: %s", ErrUnsupportedType, typ, why)
	}
	return fmt.Errorf("wire: %w: %s is of type %v: %s", ErrUnsupportedType, path, typ, why)
}

// emptyFor returns the test that omitempty makes.
func emptyFor(typ reflect.Type) func(reflect.Value) bool {
	switch typ.Kind() {
	case reflect.Slice, reflect.Map:
		return func(v reflect.Value) bool { return v.Len() == 0 }
	case reflect.Struct:
		if typ == timeType {
			return func(v reflect.Value) bool { return v.Interface().(time.Time).IsZero() }
		}
	}
	return reflect.Value.IsZero
}
