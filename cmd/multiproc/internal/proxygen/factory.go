package proxygen

import (
	"go/types"
)

// A factory is the function that makes a value from what the proxy's constructor was given.
type factory struct {
	name string
	signature
}

// noFactory as Options.Factory is for types whose objects are results of methods alone.
const noFactory = "-"

// findFactory returns the factory, or nil where clients may not create objects. Without a function it makes zero values.
func (t *exposed) findFactory(name string, faults *faultList) *factory {
	if name == noFactory {
		return nil
	}
	if name == "" {
		if name = t.usualFactory(); name == "" {
			return &factory{}
		}
	}
	fn, isFunction := t.source.Types.Scope().Lookup(name).(*types.Func)
	if !isFunction {
		faults.add(t.typ.Obj().Pos(), "there is no function %s that could make a %s: -new names one of this package", name, t.name)
		return nil
	}
	return t.readFactory(fn, faults)
}

// usualFactory returns the name of the function that makes values by its name, if there is one.
func (t *exposed) usualFactory() string {
	for _, prefix := range []string{"new", "New"} {
		name := t.local(prefix, "")
		if _, isFunction := t.source.Types.Scope().Lookup(name).(*types.Func); isFunction {
			return name
		}
	}
	return ""
}

func (t *exposed) readFactory(fn *types.Func, faults *faultList) *factory {
	what := "function " + fn.Name()
	const instead = ": name another function with -new, or -new - for none"
	if fn.Signature().TypeParams().Len() != 0 {
		faults.add(fn.Pos(), "%s is generic and cannot make a %s in a manager%s", what, t.name, instead)
		return nil
	}
	f := &factory{fn.Name(), t.readSignature(fn, what, false, faults)}
	if f.variadic {
		faults.add(fn.Pos(), "%s: its arguments are passed on to the manager one by one, so it cannot be variadic%s", what, instead)
	}
	if f.result == nil || !types.Identical(f.result, types.NewPointer(t.typ)) {
		faults.add(fn.Pos(), "%s: it has to return a *%s, or that and an error%s", what, t.name, instead)
	}
	return f
}
