package proxygen

import (
	"fmt"
	"strings"
)

func (w *writer) writeTable() {
	w.line(`
// $TABLE returns the methods of $A_TYPE as a manager calls them, without reflection.
func $TABLE() map[string]$manager.GoMethod[$TYPE] {
	return map[string]$manager.GoMethod[$TYPE]{`)
	for _, m := range w.methods {
		w.writeEntry(m)
	}
	w.line("}\n}")
}

func (w *writer) writeEntry(m *method) {
	ctx := "_"
	var pass []string
	if m.context {
		ctx, pass = "ctx", []string{"ctx"}
	}
	w.line(`"%s": func(%s $context.Context, object *$TYPE, arguments []byte) ($manager.GoResult, error) {`, m.name, ctx)
	w.line("in := $ARGUMENTS{rest: arguments}")
	for i, v := range m.parameters {
		name, text := fmt.Sprintf("a%d", i+1), w.names.text(v.Type())
		if !m.variadic || i < len(m.parameters)-1 {
			w.line("%s := $NEXT[%s](&in)", name, text)
			pass = append(pass, name)
			continue
		}
		w.line("var %s %s\nfor in.err == nil && len(in.rest) != 0 {\n%s = append(%s, $NEXT[%s](&in))\n}",
			name, text, name, name, strings.TrimPrefix(text, "[]"))
		pass = append(pass, name+"...")
	}
	w.line("if err := in.end(); err != nil {\nreturn $manager.GoResult{}, err\n}")
	w.writeReturn(m, "object."+m.name+"("+strings.Join(pass, ", ")+")")
	w.line("},")
}

// writeReturn writes the call, and what becomes of what it returns.
func (w *writer) writeReturn(m *method, call string) {
	if m.result != nil {
		if m.err {
			w.line("result, err := %s\nif err != nil {\nreturn $manager.GoResult{}, err\n}", call)
		} else {
			w.line("result := %s", call)
		}
	}
	switch {
	case m.shared != nil:
		w.line("return $manager.GoResult{Shared: result}, nil")
	case m.result != nil:
		w.line("return $ENCODE(&result)")
	case m.err:
		w.line("return $manager.GoResult{}, %s", call)
	default:
		w.line("%s\nreturn $manager.GoResult{}, nil", call)
	}
}

// writeArguments writes the functions that decode arguments and encode results, as far as they are needed.
func (w *writer) writeArguments() {
	takes, returns := false, false
	for _, m := range w.methods {
		takes = takes || len(m.parameters) != 0
		returns = returns || m.result != nil && m.shared == nil
	}
	if len(w.methods) != 0 {
		w.line(`
// $ARGUMENTS are the encoded arguments of a call.
type $ARGUMENTS struct {
	rest []byte // those that were not decoded yet
	n    int    // how many were
	err  error  // the first fault
}

// end returns the first fault, which may be that there are more arguments.
func (in *$ARGUMENTS) end() error {
	if in.err == nil && len(in.rest) != 0 {
		in.err = $fmt.Errorf("%%w: there are more than the %%d that it takes", $manager.ErrArguments, in.n)
	}
	return in.err
}`)
	}
	if takes {
		w.line(`
// $NEXT decodes the next argument.
func $NEXT[A any](in *$ARGUMENTS) (argument A) {
	if in.err != nil {
		return argument
	}
	in.n++
	if len(in.rest) == 0 {
		in.err = $fmt.Errorf("%%w: argument %%d is missing", $manager.ErrArguments, in.n)
		return argument
	}
	codec, err := $wire.CodecOf[A]()
	if err == nil {
		in.rest, err = codec.DecodeNext(in.rest, &argument)
	}
	if err != nil {
		in.err = $fmt.Errorf("%%w: argument %%d: %%w", $manager.ErrArguments, in.n, err)
	}
	return argument
}`)
	}
	if returns {
		w.line(`
// $ENCODE encodes what a method has returned.
func $ENCODE[R any](result *R) ($manager.GoResult, error) {
	codec, err := $wire.CodecOf[R]()
	if err != nil {
		return $manager.GoResult{}, err
	}
	encoded, err := codec.Append(nil, result)
	return $manager.GoResult{Encoded: encoded}, err
}`)
	}
}
