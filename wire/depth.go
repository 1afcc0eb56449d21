package wire

import (
	"reflect"
	"strings"
)

// selfContaining reports whether a value of typ can contain itself: a type on the way comes back to one that
// encloses it, or an interface may hold anything.
func selfContaining(typ reflect.Type, around map[reflect.Type]bool) bool {
	switch typ.Kind() {
	case reflect.Interface:
		return true
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map, reflect.Struct:
	default:
		return false
	}
	if inside, seen := around[typ]; seen {
		return inside
	}
	around[typ] = true
	defer func() { around[typ] = false }()
	switch typ.Kind() {
	case reflect.Struct:
		for i := range typ.NumField() {
			if f := typ.Field(i); travels(f) && selfContaining(f.Type, around) {
				return true
			}
		}
		return false
	default:
		return selfContaining(typ.Elem(), around)
	}
}

// travels reports whether generated methods encode a field.
func travels(f reflect.StructField) bool {
	name, _, _ := strings.Cut(f.Tag.Get("msg"), ",")
	return name != "-" && (f.IsExported() || f.Anonymous)
}

// checkDepth returns ErrTooDeep for a value that is nested more than MaxDepth levels deep, when depth levels are
// around it. It follows the fields that generated methods encode.
func checkDepth(v reflect.Value, depth int) error {
	if depth > MaxDepth {
		return ErrTooDeep
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return checkDepth(v.Elem(), depth+1)
	case reflect.Struct:
		return checkFields(v, depth+1)
	case reflect.Slice, reflect.Array:
		if isPlain(v.Type().Elem()) {
			return nil
		}
		for i := range v.Len() {
			if err := checkDepth(v.Index(i), depth+1); err != nil {
				return err
			}
		}
	case reflect.Map:
		if isPlain(v.Type().Elem()) {
			return nil
		}
		for entries := v.MapRange(); entries.Next(); {
			if err := checkDepth(entries.Value(), depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkFields(v reflect.Value, depth int) error {
	typ := v.Type()
	for i := range v.NumField() {
		f := v.Field(i)
		if isPlain(f.Type()) || !travels(typ.Field(i)) {
			continue
		}
		if err := checkDepth(f, depth); err != nil {
			return err
		}
	}
	return nil
}

// isPlain reports whether values of typ contain no others.
func isPlain(typ reflect.Type) bool {
	switch typ.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Struct, reflect.Slice, reflect.Array, reflect.Map:
		return false
	}
	return true
}
