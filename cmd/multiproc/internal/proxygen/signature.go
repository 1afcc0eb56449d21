package proxygen

import (
	"go/token"
	"go/types"
)

// A method is one that is exposed.
type method struct {
	name    string
	comment string
	signature
	shared *types.Named // the type of the shared object that the result becomes, or nil
}

// A signature is what a method or factory takes and returns.
type signature struct {
	context    bool // takes one, first
	parameters []*types.Var
	variadic   bool
	result     types.Type // or nil
	err        bool       // returns one, last
}

// readMethod returns nil, with faults, for a method that cannot be exposed.
func (t *exposed) readMethod(selection *types.Selection, shared bool, faults *faultList) *method {
	fn := selection.Obj().(*types.Func)
	before := len(faults.list)
	t.checkMethodName(selection, faults)
	m := &method{name: fn.Name(), comment: t.comment(fn)}
	what := "method " + fn.Name()
	m.signature = t.readSignature(fn, what, !shared, faults)
	if shared && len(faults.list) == before {
		m.shared = t.sharedResult(fn, m.result, faults)
	}
	if len(faults.list) != before {
		return nil
	}
	return m
}

func (t *exposed) checkMethodName(selection *types.Selection, faults *faultList) {
	fn := selection.Obj().(*types.Func)
	switch name := fn.Name(); {
	case name == "Close":
		faults.add(fn.Pos(), "method Close: the proxy's Close lets go of the object, and the manager calls the object's when "+
			"the last reference has gone, if it is a Close() error: rename it, or leave it out with -methods")
	case name == "MarshalMsg", name == "UnmarshalMsg", name == "Proxy":
		faults.add(fn.Pos(), "method %s: the proxy has a %s of its own: rename it, or leave it out with -methods", name, name)
	case len(selection.Index()) > 1 && fn.Pkg() != nil && fn.Pkg().Path() == "sync":
		faults.add(t.typ.Obj().Pos(), "method %s is embedded from package sync: called from elsewhere it would outlive a caller "+
			"that dies. Give the field a name", name)
	}
}

// readSignature reads what a function takes and returns, and adds a fault for everything that cannot travel.
func (t *exposed) readSignature(fn *types.Func, what string, checkResult bool, faults *faultList) signature {
	declared := fn.Signature()
	s := signature{variadic: declared.Variadic()}
	for i := range declared.Params().Len() {
		parameter := declared.Params().At(i)
		if isFrom(parameter.Type(), "context", "Context") {
			if i != 0 {
				faults.add(place(parameter, fn), "%s: a context has to be the first argument", what)
			}
			s.context = true
			continue
		}
		typ := parameter.Type()
		if s.variadic && i == declared.Params().Len()-1 {
			typ = typ.(*types.Slice).Elem()
		}
		t.checkType(typ, place(parameter, fn), what+": argument "+nameOr(parameter, i+1), faults)
		s.parameters = append(s.parameters, parameter)
	}
	results := declared.Results()
	n := results.Len()
	if s.err = n > 0 && isError(results.At(n-1).Type()); s.err {
		n--
	}
	if n > 1 {
		faults.add(fn.Pos(), "%s: it returns %d values, and may return a value, an error, or a value and an error: put the values "+
			"into a struct", what, n)
		return s
	}
	if n == 1 {
		s.result = results.At(0).Type()
		if checkResult {
			t.checkType(s.result, place(results.At(0), fn), what+": the result", faults)
		}
	}
	return s
}

// place is where a parameter stands, or its function if it is not known.
func place(v *types.Var, fn *types.Func) token.Pos {
	if v.Pos().IsValid() {
		return v.Pos()
	}
	return fn.Pos()
}

// sharedResult returns the type of the object that a method's result becomes.
func (t *exposed) sharedResult(fn *types.Func, result types.Type, faults *faultList) *types.Named {
	if pointer, ok := types.Unalias(resultOr(result)).(*types.Pointer); ok {
		if named, ok := types.Unalias(pointer.Elem()).(*types.Named); ok && named.Obj().Pkg() == t.source.Types {
			return named
		}
	}
	faults.add(fn.Pos(), "method %s: its result cannot become a shared object: it has to be a pointer to a type of this package "+
		"that has a generated proxy too", fn.Name())
	return nil
}

func resultOr(result types.Type) types.Type {
	if result == nil {
		return types.Typ[types.Invalid]
	}
	return result
}
