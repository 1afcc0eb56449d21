package proxygen

import (
	"go/token"
	"go/types"
	"strconv"
	"strings"
)

// checkType adds a fault where a type cannot travel, or cannot be written down in the generated file.
func (t *exposed) checkType(typ types.Type, at token.Pos, what string, faults *faultList) {
	if fault := cannotTravel(typ, shortType(typ)); fault != "" {
		faults.add(at, "%s: %s", what, fault)
		return
	}
	if fault := t.cannotName(typ); fault != "" {
		faults.add(at, "%s: %s", what, fault)
	}
}

// cannotName returns why a type cannot be written down, or "". Values of unexported types of the package itself may be
// passed to the proxy of an unexported type, which is not seen elsewhere either.
func (t *exposed) cannotName(typ types.Type) string {
	switch u := types.Unalias(typ).(type) {
	case *types.Named:
		return t.cannotNameNamed(u)
	case *types.Map:
		if fault := t.cannotName(u.Key()); fault != "" {
			return fault
		}
		return t.cannotName(u.Elem())
	case interface{ Elem() types.Type }: // pointers, slices, arrays
		return t.cannotName(u.Elem())
	case *types.Struct:
		for field := range u.Fields() {
			if fault := t.cannotName(field.Type()); fault != "" {
				return fault
			}
			if !field.Exported() && field.Pkg() != t.source.Types {
				return "field " + field.Name() + " of a struct of package " + field.Pkg().Path() + " is not exported"
			}
		}
	}
	return ""
}

func (t *exposed) cannotNameNamed(named *types.Named) string {
	object := named.Obj()
	for argument := range named.TypeArgs().Types() {
		if fault := t.cannotName(argument); fault != "" {
			return fault
		}
	}
	switch {
	case object.Pkg() == nil: // predeclared
		return ""
	case object.Pkg() == t.source.Types:
		if localName(object.Name()) {
			return "type " + object.Name() + " has the name of a variable in the generated file: rename it"
		}
		if t.exported() && !object.Exported() {
			return "type " + object.Name() + " is not exported, and users of " + t.proxy + " in other packages could not name it: " +
				"export it"
		}
		return ""
	case !object.Exported():
		return "type " + object.Name() + " of package " + object.Pkg().Path() + " is not exported there"
	case !importable(object.Pkg().Path(), t.source.PkgPath):
		return "package " + object.Pkg().Path() + " is internal to others"
	}
	return ""
}

// importable reports whether a package may be imported by another, as far as internal packages go.
func importable(path, importer string) bool {
	parts := strings.Split(path, "/")
	for i := len(parts) - 1; i >= 0; i-- {
		if parts[i] == "internal" {
			parent := strings.Join(parts[:i], "/")
			return parent == "" || importer == parent || strings.HasPrefix(importer, parent+"/")
		}
	}
	return true
}

// nameOr names a parameter, by its number if it has no name.
func nameOr(v *types.Var, number int) string {
	if v.Name() == "" || v.Name() == "_" {
		return strconv.Itoa(number)
	}
	return v.Name()
}
