package proxygen

import (
	"fmt"
	"go/types"
	"reflect"
	"strings"
)

// A traveller finds out whether values of a type can be sent to another process. It says of a type what package wire
// would say of it when the program starts.
type traveller struct {
	seen map[types.Type]bool
}

// cannotTravel returns why values of a type cannot be sent, or "". path names the way to it.
func cannotTravel(t types.Type, path string) string {
	v := traveller{map[types.Type]bool{}}
	return v.fault(t, path)
}

func (v *traveller) fault(t types.Type, path string) string {
	t = types.Unalias(t)
	if v.seen[t] {
		return ""
	}
	v.seen[t] = true
	if named, ok := t.(*types.Named); ok {
		if settled, fault := v.byMethods(named, path); settled {
			return fault
		}
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return basicFault(u, t, path)
	case *types.Chan:
		return because(path, t, "a channel means nothing outside its process")
	case *types.Signature:
		return because(path, t, "a function means nothing outside its process")
	case *types.Interface:
		return interfaceFault(u, t, path)
	case *types.Pointer:
		return v.fault(u.Elem(), path)
	case *types.Slice:
		return v.fault(u.Elem(), path+"[]")
	case *types.Array:
		return v.fault(u.Elem(), path+"[]")
	case *types.Map:
		if _, isPointer := types.Unalias(u.Key()).Underlying().(*types.Pointer); isPointer {
			return because(path, t, "a pointer would not be the same key in another process")
		}
		if fault := v.fault(u.Key(), path+"[key]"); fault != "" {
			return fault
		}
		return v.fault(u.Elem(), path+"[]")
	case *types.Struct:
		return v.structFault(u, t, path)
	default:
		return because(path, t, "it cannot be sent to another process")
	}
}

// byMethods looks at types that encode themselves. settled is false for those that don't.
func (v *traveller) byMethods(t *types.Named, path string) (settled bool, fault string) {
	switch t.Underlying().(type) {
	case *types.Pointer, *types.Interface:
		return false, ""
	}
	if isFrom(t, "time", "Time") {
		return true, ""
	}
	marshals, unmarshals := encodes(t, "Msg")
	if marshals != unmarshals {
		return true, because(path, t, "it has one of the methods MarshalMsg and UnmarshalMsg, and lacks the other")
	}
	if _, isStruct := t.Underlying().(*types.Struct); marshals || !isStruct {
		return marshals, ""
	}
	for _, form := range []string{"Binary", "Text"} {
		if marshals, unmarshals := encodes(t, form); marshals && unmarshals {
			return true, ""
		}
	}
	return false, ""
}

// shapes are the methods by which types encode themselves.
var shapes = map[string]string{
	"MarshalMsg": "([]byte) ([]byte, error)", "UnmarshalMsg": "([]byte) ([]byte, error)",
	"MarshalBinary": "() ([]byte, error)", "UnmarshalBinary": "([]byte) error",
	"MarshalText": "() ([]byte, error)", "UnmarshalText": "([]byte) error",
}

// encodes reports whether a type has both methods of a form. Those that it has from an embedded part encode that part
// alone, and don't count.
func encodes(t *types.Named, form string) (marshals, unmarshals bool) {
	marshals, promoted := hasMethod(t, "Marshal"+form)
	if promoted {
		return false, false
	}
	unmarshals, _ = hasMethod(t, "Unmarshal"+form)
	return marshals, unmarshals
}

func hasMethod(t *types.Named, name string) (has, promoted bool) {
	object, index, _ := types.LookupFieldOrMethod(types.NewPointer(t), false, nil, name)
	method, ok := object.(*types.Func)
	if !ok || shapeOf(method.Signature()) != shapes[name] {
		return false, false
	}
	return true, len(index) > 1
}

// shapeOf writes a signature without the names of its parameters.
func shapeOf(s *types.Signature) string {
	var list []string
	for v := range s.Params().Variables() {
		list = append(list, types.TypeString(types.Unalias(v.Type()), nil))
	}
	shape := "(" + strings.Join(list, ", ") + ")"
	list = nil
	for v := range s.Results().Variables() {
		list = append(list, types.TypeString(types.Unalias(v.Type()), nil))
	}
	switch len(list) {
	case 0:
		return shape
	case 1:
		return shape + " " + list[0]
	default:
		return shape + " (" + strings.Join(list, ", ") + ")"
	}
}

func (v *traveller) structFault(s *types.Struct, t types.Type, path string) string {
	visible, hidden := 0, false
	for i := range s.NumFields() {
		f := s.Field(i)
		tag, _, _ := strings.Cut(reflect.StructTag(s.Tag(i)).Get("msg"), ",")
		if tag == "-" {
			continue
		}
		if !f.Exported() {
			switch reached, fault := v.embedded(f, path); {
			case fault != "":
				return fault
			case !reached:
				hidden = hidden || f.Name() != "_"
				continue
			}
		}
		visible++
		if fault := v.fault(f.Type(), path+"."+f.Name()); fault != "" {
			return fault
		}
	}
	if hidden && visible == 0 {
		return because(path, t, "none of its fields is exported: export those that are to be sent, or give it the methods "+
			"MarshalMsg and UnmarshalMsg, or MarshalBinary and UnmarshalBinary")
	}
	return ""
}

// embedded looks at a field whose name is not exported. reached is true for an embedded struct, whose own fields count.
func (v *traveller) embedded(f *types.Var, path string) (reached bool, fault string) {
	if !f.Embedded() {
		return false, ""
	}
	t := types.Unalias(f.Type())
	_, isPointer := t.Underlying().(*types.Pointer)
	_, isStruct := t.Underlying().(*types.Struct)
	own := false
	if named, ok := t.(*types.Named); ok && isStruct {
		own, _ = v.byMethods(named, path)
	}
	if isPointer || own {
		return false, because(path+"."+f.Name(), t, "it is embedded but not exported, which keeps its parts out of reach: "+
			"export it, or tag it `msg:\"-\"`")
	}
	return isStruct, ""
}

func basicFault(b *types.Basic, t types.Type, path string) string {
	switch b.Kind() {
	case types.Invalid:
		return fmt.Sprintf("the type of %s is unknown", path)
	case types.Uintptr, types.UnsafePointer:
		return because(path, t, "an address means nothing outside its process")
	}
	return ""
}

func interfaceFault(i *types.Interface, t types.Type, path string) string {
	switch {
	case isError(t):
		return because(path, t, "an error travels as the last result alone; send its text")
	case i.NumMethods() != 0:
		return because(path, t, "an interface with methods does not say which type to decode")
	}
	return ""
}

func because(path string, t types.Type, why string) string {
	if path == shortType(t) {
		return path + ": " + why
	}
	return fmt.Sprintf("%s is of type %s: %s", path, shortType(t), why)
}

// shortType names a type for people: with the names of packages and not their paths.
func shortType(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string { return p.Name() })
}

func isError(t types.Type) bool { return types.Identical(t, types.Universe.Lookup("error").Type()) }

// isFrom reports whether a type is the one of that name in a package.
func isFrom(t types.Type, path, name string) bool {
	named, ok := types.Unalias(t).(*types.Named)
	return ok && named.Obj().Name() == name && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == path
}
