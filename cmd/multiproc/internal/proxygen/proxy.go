package proxygen

import (
	"fmt"
	"strconv"
	"strings"
)

func (w *writer) writeProxy() {
	w.line(`
// $TYPENAME is the name that managers know the type by.
const $TYPENAME = %s

// $A_PROXY refers to $A_TYPE that lives in a manager, and calls its methods there. A call blocks until the method has
// returned; when ctx ends first, the method's context ends too, and what it returns then counts. Errors are those of
// manager.Call.
//
// It is safe for concurrent use, and may be part of any value that goes to another process. Close lets go of the object.
type $PROXY struct{ $manager.Proxy }`, strconv.Quote(w.registered))
}

func (w *writer) writeRegistration() {
	var results []string
	for _, m := range w.methods {
		if m.shared != nil {
			other := exposed{name: m.shared.Obj().Name()}
			results = append(results, strconv.Quote(m.name)+": "+other.proxyType())
		}
	}
	w.line("\nfunc init() {")
	switch {
	case w.factory == nil:
		w.line("$manager.RegisterGo[$TYPE, struct{}]($TYPENAME, nil, &$manager.GoOptions[$TYPE]{")
		w.line("ByMethodsOnly: true,")
	default:
		w.line("$manager.RegisterGo($TYPENAME, %s, &$manager.GoOptions[$TYPE]{", w.factoryText())
	}
	w.line("Methods: []string{},") // none by reflection
	if results != nil {
		w.line("Results: map[string]string{%s},", strings.Join(results, ", "))
	}
	w.line("Dispatch: $TABLE(),\n})\n}")
}

// factoryText writes a function that makes a value of the constructor's encoded argument.
func (w *writer) factoryText() string {
	f := w.factory
	if f.name == "" {
		return w.expand("func($context.Context, struct{}) (*$TYPE, error) { return new($TYPE), nil }")
	}
	var pass []string
	ctx, argument := "_", "_"
	if f.context {
		ctx, pass = "ctx", append(pass, "ctx")
	}
	for i := range f.parameters {
		argument = "argument"
		if len(f.parameters) == 1 {
			pass = append(pass, "argument")
		} else {
			pass = append(pass, fmt.Sprintf("argument.A%d", i+1))
		}
	}
	call := fmt.Sprintf("%s(%s)", f.name, strings.Join(pass, ", "))
	if !f.err {
		call += ", nil"
	}
	return w.expand("func(" + ctx + " $context.Context, " + argument + " " + w.argumentText() + ") (*$TYPE, error) { return " + call + " }")
}

// argumentText is the type of what the constructor sends.
func (w *writer) argumentText() string {
	switch list := w.factory.parameters; len(list) {
	case 0:
		return "struct{}"
	case 1:
		return w.names.text(list[0].Type())
	default:
		return w.argumentStruct()
	}
}

func (w *writer) writeConstructors() {
	if w.factory != nil {
		w.writeConstructor()
	}
	w.line(`
// $PROXYOF makes a typed proxy of another that refers to $A_TYPE; closing either closes both. It asks nobody. The error
// wraps manager.ErrNoSuchType where the object is of another type.
func $PROXYOF(p *$manager.Proxy) (*$PROXY, error) {
	if p.Token().Type != $TYPENAME {
		return nil, $fmt.Errorf("%%w: %%s is no $TYPE", $manager.ErrNoSuchType, p)
	}
	return &$PROXY{*p}, nil
}`)
}

func (w *writer) writeConstructor() {
	names := w.names.parameters(w.factory.parameters)
	parameters := ""
	for i, v := range w.factory.parameters {
		parameters += ", " + names[i] + " " + w.names.text(v.Type())
	}
	value := "struct{}{}"
	switch {
	case len(names) == 1:
		value = names[0]
	case len(names) > 1:
		value = w.argumentStruct() + "{" + strings.Join(names, ", ") + "}"
		w.line("\n// $PACKED is what $NEWPROXY sends.\ntype $PACKED struct {")
		for i, v := range w.factory.parameters {
			w.line("A%d %s", i+1, w.names.text(v.Type()))
		}
		w.line("}")
	}
	by := "the zero value"
	if w.factory.name != "" {
		by = "by " + w.factory.name
	}
	w.line(`
// $NEWPROXY makes $A_TYPE in a manager, %s, and returns a proxy for it; or for the one of the name in o, if
// it is there already. o may be nil. It blocks and fails as manager.Create does. The caller closes the proxy.
func $NEWPROXY(ctx $context.Context, m *$manager.Manager%s, o *$manager.ObjectOptions) (*$PROXY, error) {
	encoded, err := $wire.AppendValue(nil, %s)
	if err != nil {
		return nil, $fmt.Errorf("encode the arguments of $NEWPROXY: %%w", err)
	}
	proxy, err := $manager.Create(ctx, m, $TYPENAME, encoded, o)
	if err != nil {
		return nil, err
	}
	return $PROXYOF(proxy)
}`, by, parameters, value)
}

func (w *writer) writeEncoding() {
	w.line(`
// MarshalMsg and UnmarshalMsg pass the proxy on to other processes, as part of any value.
func (p *$PROXY) MarshalMsg(dst []byte) ([]byte, error) { return p.Proxy.MarshalMsg(dst) }

// UnmarshalMsg takes the proxy over: see MarshalMsg.
func (p *$PROXY) UnmarshalMsg(src []byte) ([]byte, error) {
	rest, err := p.Proxy.UnmarshalMsg(src)
	if err != nil {
		return src, err
	}
	if _, err := $PROXYOF(&p.Proxy); err != nil {
		_ = p.Proxy.Close()
		return src, err
	}
	return rest, nil
}`)
}

func (w *writer) writeMethod(m *method) {
	names := w.names.parameters(m.parameters)
	parameters := ""
	for i, v := range m.parameters {
		text := w.names.text(v.Type())
		if m.variadic && i == len(names)-1 {
			text = "..." + strings.TrimPrefix(text, "[]")
		}
		parameters += ", " + names[i] + " " + text
	}
	w.line("")
	if m.comment == "" {
		w.comment(m.name + " calls the object's method " + m.name + ".")
	} else {
		w.comment(m.comment)
	}
	result := "error"
	switch {
	case m.shared != nil:
		result = "(*" + m.shared.Obj().Name() + "Proxy, error)"
	case m.result != nil:
		result = "(" + w.names.text(m.result) + ", error)"
	}
	w.line("func (p *$PROXY) %s(ctx $context.Context%s) %s {", m.name, parameters, result)
	w.writeCall(m, names)
	w.line("}")
}

func (w *writer) writeCall(m *method, names []string) {
	pass := ""
	if m.variadic {
		last := len(names) - 1
		w.line("args := make([]any, 0, %d+len(%s))", last, names[last])
		if last > 0 {
			w.line("args = append(args, %s)", strings.Join(names[:last], ", "))
		}
		w.line("for _, v := range %s {\nargs = append(args, v)\n}", names[last])
		pass = ", args..."
	} else if len(names) > 0 {
		pass = ", " + strings.Join(names, ", ")
	}
	switch {
	case m.shared != nil:
		other := exposed{name: m.shared.Obj().Name()}
		w.line(`proxy, err := $manager.Call[*$manager.Proxy](ctx, &p.Proxy, "%s"%s)
if err != nil {
	return nil, err
}
return %s(proxy)`, m.name, pass, other.converter())
	case m.result != nil:
		w.line(`return $manager.Call[%s](ctx, &p.Proxy, "%s"%s)`, w.names.text(m.result), m.name, pass)
	default:
		w.line(`return $manager.Do(ctx, &p.Proxy, "%s"%s)`, m.name, pass)
	}
}
