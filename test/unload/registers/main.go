// registers lists the package-level variables of std that callers can leave something in, one
// a line: PKG.VAR; or those of the packages that are given.  An exported function that takes something other than numbers writes to it,
// itself or by a function or method of the package; or the variable is exported, and such a
// method writes to what it is or points to.  And it can keep an interface, func, pointer, map,
// slice or channel.
//
// It reads the sources of the go command in PATH, and follows calls by name; what is written
// by way of a local pointer it does not see.  Package testing, whose Main runs once, is left
// out.
package main

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
)

var fset = token.NewFileSet()

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

// keeps: can a value of type t keep something of a caller's?
func keeps(t types.Type, seen map[types.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	switch u := t.Underlying().(type) {
	case *types.Interface, *types.Signature, *types.Map, *types.Slice, *types.Chan, *types.Pointer:
		return true
	case *types.Basic:
		return u.Kind() == types.UnsafePointer
	case *types.Array:
		return keeps(u.Elem(), seen)
	case *types.Struct:
		if n, ok := types.Unalias(t).(*types.Named); ok && n.Obj().Pkg() != nil {
			switch n.Obj().Pkg().Path() + "." + n.Obj().Name() {
			case "sync.Mutex", "sync.RWMutex", "sync.Once", "sync.WaitGroup", "sync.Cond", "sync.Pool", "internal/sync.Mutex":
				return false
			}
		}
		for i := 0; i < u.NumFields(); i++ {
			if keeps(u.Field(i).Type(), seen) {
				return true
			}
		}
	}
	return false
}

// gives: does it take a parameter that is no number?
func gives(s *types.Signature) bool {
	for i := 0; i < s.Params().Len(); i++ {
		if b, ok := s.Params().At(i).Type().Underlying().(*types.Basic); !ok || b.Info()&types.IsString != 0 {
			return true
		}
	}
	return false
}

// pkg is one package: what its functions write to, and call.
type pkg struct {
	path  string
	types *types.Package
	info  *types.Info
	// of a function: variables of the package, and its own receiver as nil
	writes map[*types.Func]map[*types.Var]bool
	calls  map[*types.Func]map[call]bool
}

// call: a function calls another one, of something rooted in this variable (its own
// receiver: of; else nil).
type call struct {
	fn   *types.Func
	on   *types.Var
	self bool
}

// root returns the package's variable that an expression starts with; self: the receiver.
func (p *pkg) root(e ast.Expr, recv *types.Var) (v *types.Var, self bool) {
	for {
		switch x := e.(type) {
		case *ast.ParenExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.UnaryExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.Ident:
			v, _ := p.info.Uses[x].(*types.Var)
			if v == nil {
				return nil, false
			}
			if recv != nil && v == recv {
				return nil, true
			}
			if v.Parent() == p.types.Scope() && keeps(v.Type(), map[types.Type]bool{}) {
				return v, false
			}
			return nil, false
		default:
			return nil, false
		}
	}
}

var storing = map[string]bool{"Store": true, "LoadOrStore": true, "Swap": true, "CompareAndSwap": true}

func (p *pkg) function(d *ast.FuncDecl) {
	fn, _ := p.info.Defs[d.Name].(*types.Func)
	if fn == nil || d.Body == nil {
		return
	}
	recv := fn.Type().(*types.Signature).Recv()
	w, c := map[*types.Var]bool{}, map[call]bool{}
	p.writes[fn], p.calls[fn] = w, c
	write := func(e ast.Expr) {
		if id, ok := e.(*ast.Ident); ok && recv != nil && p.info.Uses[id] == recv {
			return // another value for the parameter
		}
		if v, self := p.root(e, recv); v != nil || self {
			w[v] = true
		}
	}
	ast.Inspect(d.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, e := range n.Lhs {
					write(e)
				}
			}
		case *ast.CallExpr:
			switch f := n.Fun.(type) {
			case *ast.Ident:
				if callee, ok := p.info.Uses[f].(*types.Func); ok {
					c[call{fn: callee}] = true
				}
			case *ast.SelectorExpr:
				callee, ok := p.info.Uses[f.Sel].(*types.Func)
				if !ok {
					break
				}
				callee = callee.Origin()
				v, self := p.root(f.X, recv)
				if callee.Pkg() == p.types {
					c[call{callee, v, self}] = true
				} else if storing[callee.Name()] && (v != nil || self) {
					w[v] = true
				}
			}
		}
		return true
	})
}

// spread follows calls until nothing is new.
func (p *pkg) spread() {
	for again := true; again; {
		again = false
		for fn, cs := range p.calls {
			for c := range cs {
				for v := range p.writes[c.fn] {
					if v == nil && !c.self { // the callee's receiver
						v = c.on
						if v == nil {
							continue
						}
					}
					if !p.writes[fn][v] {
						p.writes[fn][v] = true
						again = true
					}
				}
			}
		}
	}
}

func (p *pkg) list(out map[string]bool) {
	for fn, vars := range p.writes {
		s := fn.Type().(*types.Signature)
		if !fn.Exported() || !gives(s) {
			continue
		}
		for v := range vars {
			if v != nil {
				out[p.path+"."+v.Name()] = true
			}
		}
		if s.Recv() == nil || !vars[nil] {
			continue
		}
		for _, n := range p.types.Scope().Names() {
			v, ok := p.types.Scope().Lookup(n).(*types.Var)
			if ok && v.Exported() && is(v.Type(), s.Recv().Type()) {
				out[p.path+"."+n] = true
			}
		}
	}
}

func is(t, recv types.Type) bool {
	bare := func(t types.Type) types.Type {
		if p, ok := t.(*types.Pointer); ok {
			return p.Elem()
		}
		return t
	}
	return types.Identical(bare(t), bare(recv)) ||
		types.IsInterface(t) && types.AssignableTo(recv, t) && !types.IsInterface(recv)
}

func main() {
	packages := os.Args[1:]
	if len(packages) == 0 {
		text, err := exec.Command("go", "list", "std").Output()
		check(err)
		packages = strings.Fields(string(text))
	}
	build.Default.CgoEnabled = false
	imp := importer.ForCompiler(fset, "source", nil)
	out := map[string]bool{}
	for _, path := range packages {
		if strings.HasPrefix(path, "vendor/") || strings.Contains("/"+path+"/", "/internal/") || path == "runtime" || path == "unsafe" || path == "builtin" || path == "testing" {
			continue
		}
		bp, err := build.Import(path, filepath.Join(build.Default.GOROOT, "src"), 0)
		check(err)
		var files []*ast.File
		for _, f := range bp.GoFiles {
			file, err := parser.ParseFile(fset, filepath.Join(bp.Dir, f), nil, parser.SkipObjectResolution)
			check(err)
			files = append(files, file)
		}
		p := &pkg{path: path, writes: map[*types.Func]map[*types.Var]bool{}, calls: map[*types.Func]map[call]bool{},
			info: &types.Info{Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}}
		conf := types.Config{Importer: imp, FakeImportC: true, Sizes: types.SizesFor("gc", "amd64"), Error: func(error) {}}
		p.types, _ = conf.Check(path, fset, files, p.info)
		for _, f := range files {
			for _, d := range f.Decls {
				if fd, ok := d.(*ast.FuncDecl); ok {
					p.function(fd)
				}
			}
		}
		p.spread()
		p.list(out)
	}
	lines := make([]string, 0, len(out))
	for l := range out {
		lines = append(lines, l)
	}
	sort.Strings(lines)
	for _, l := range lines {
		fmt.Println(l)
	}
}
