// Debug information for types that are in a shared library (-linkshared).
//
// The loader knows such a type as an SDYNIMPORT symbol: a name, in most cases a
// hash of the real one (typeSymbolMangle), and the descriptor's bytes, but none
// of its pointers, since relocations of a library belong to no symbol. While
// debug information is generated (goauditEnter to goauditLeave), a symbol with
// the real name stands for each type, with the descriptor's bytes, and a
// pointer in it is found through the library's dynamic relocations. Afterwards
// the symbols are emptied again: the link itself must not see them.

package ld

import (
	"bytes"
	"cmd/internal/dwarf"
	"cmd/link/internal/loader"
	"cmd/link/internal/sym"
	"debug/elf"
	"encoding/binary"
	"internal/abi"
	"strconv"
	"strings"
	"unsafe"
)

const goauditTypePrefix = "type:"

// goauditLib is a shared library that the image is linked against.
type goauditLib struct {
	file  *elf.File
	path  string
	addr  map[string]uint64 // type symbol, as exported -> address
	rel   map[uint64]string // address of a pointer -> type symbol it points to
	types uint64            // runtime.types, what name offsets are relative to
}

// goauditPlace is where a type descriptor is.
type goauditPlace struct {
	lib  *goauditLib
	addr uint64
}

// goauditDynamic has the symbols that the loader has read.
var goauditDynamic = map[*elf.File][]elf.Symbol{}

// goauditLibs is nil outside of goauditEnter and goauditLeave, and always in a
// link without -linkshared.
var goauditLibs *goauditTables

type goauditTables struct {
	ldr   *loader.Loader
	libs  []*goauditLib
	real  map[string]string           // exported, hashed symbol -> real name's symbol
	done  map[loader.Sym]loader.Sym   // what goauditResolve has answered
	place map[loader.Sym]goauditPlace // of symbols that were filled in
}

func goauditEnter(ctxt *Link) {
	if !ctxt.linkShared || len(ctxt.Shlibs) == 0 {
		return
	}
	t := &goauditTables{
		ldr:   ctxt.loader,
		real:  map[string]string{},
		done:  map[loader.Sym]loader.Sym{},
		place: map[loader.Sym]goauditPlace{},
	}
	for i := range ctxt.Shlibs {
		t.libs = append(t.libs, goauditOpenLib(&ctxt.Shlibs[i]))
	}
	// Names that this image's own objects mention in full.
	for s := loader.Sym(1); s < loader.Sym(t.ldr.NSym()); s++ {
		n := t.ldr.SymName(s)
		if strings.HasPrefix(n, dwarf.InfoPrefix) {
			n = goauditTypePrefix + n[len(dwarf.InfoPrefix):]
		}
		if strings.HasPrefix(n, goauditTypePrefix) && !goauditIsHash(n) {
			if h := typeSymbolMangle(n); h != n {
				t.real[h] = n
			}
		}
	}
	goauditLibs = t
}

func goauditLeave() {
	if goauditLibs == nil {
		return
	}
	for s := range goauditLibs.place {
		su := goauditLibs.ldr.MakeSymbolUpdater(s)
		su.SetType(sym.Sxxx)
		su.SetData(nil)
		su.SetSize(0)
	}
	goauditLibs = nil
}

func goauditOpenLib(sh *Shlib) *goauditLib {
	f := sh.File
	l := &goauditLib{file: f, path: sh.Path, addr: map[string]uint64{}, rel: map[uint64]string{}}
	dyn := goauditDynamic[f]
	for i := range dyn {
		if dyn[i].Section != elf.SHN_UNDEF && strings.HasPrefix(dyn[i].Name, goauditTypePrefix) {
			l.addr[dyn[i].Name] = dyn[i].Value
		}
	}
	for _, s := range f.Sections {
		if s.Type == elf.SHT_RELA && s.Flags&elf.SHF_ALLOC != 0 {
			l.readRelocations(s, dyn)
		}
	}
	l.types = l.local("runtime.types")
	return l
}

// local returns the value of a local symbol, without reading all of them.
func (l *goauditLib) local(name string) uint64 {
	table := l.file.SectionByType(elf.SHT_SYMTAB)
	if table == nil || int(table.Link) >= len(l.file.Sections) {
		Exitf("dwarf: %s: it has no symbol table", l.path)
	}
	names, err := l.file.Sections[table.Link].Data()
	if err != nil {
		Exitf("dwarf: %s: %v", l.path, err)
	}
	data := make([]byte, min(uint64(table.Info)*elf.Sym64Size, table.Size))
	if _, err := table.ReadAt(data, 0); err != nil {
		Exitf("dwarf: %s: %v", l.path, err)
	}
	want := []byte(name + "\x00")
	for ; len(data) >= elf.Sym64Size; data = data[elf.Sym64Size:] {
		at := uint64(binary.LittleEndian.Uint32(data))
		if at < uint64(len(names)) && bytes.HasPrefix(names[at:], want) {
			return binary.LittleEndian.Uint64(data[8:])
		}
	}
	return 0
}

func (l *goauditLib) readRelocations(s *elf.Section, dyn []elf.Symbol) {
	data, err := s.Data()
	if err != nil {
		Exitf("dwarf: %s: %v", l.path, err)
	}
	for ; len(data) >= 24; data = data[24:] {
		info := binary.LittleEndian.Uint64(data[8:])
		index := info >> 32
		if elf.R_X86_64(uint32(info)) != elf.R_X86_64_64 || index == 0 || index > uint64(len(dyn)) ||
			binary.LittleEndian.Uint64(data[16:]) != 0 {
			continue
		}
		if n := dyn[index-1].Name; strings.HasPrefix(n, goauditTypePrefix) {
			l.rel[binary.LittleEndian.Uint64(data)] = n
		}
	}
}

// read returns up to n bytes at an address of the library.
func (l *goauditLib) read(addr uint64, n int) []byte {
	for _, s := range l.file.Sections {
		if s.Type == elf.SHT_NOBITS || s.Flags&elf.SHF_ALLOC == 0 || addr < s.Addr || addr-s.Addr >= s.Size {
			continue
		}
		b := make([]byte, min(uint64(n), s.Size-(addr-s.Addr)))
		if _, err := s.ReadAt(b, int64(addr-s.Addr)); err != nil {
			Exitf("dwarf: %s: %v", l.path, err)
		}
		return b
	}
	return nil
}

// name reads an abi.Name: a byte of flags, a length, the text.
func (l *goauditLib) name(addr uint64) (head int, text []byte) {
	b := l.read(addr, 1+binary.MaxVarintLen64)
	if len(b) < 2 {
		return 0, nil
	}
	n, w := binary.Uvarint(b[1:])
	if b = l.read(addr, 1+w+int(n)); len(b) < 1+w {
		return 0, nil
	}
	return 1 + w, b[1+w:]
}

func (l *goauditLib) nameText(off uint32) string {
	_, text := l.name(l.types + uint64(off))
	return string(text)
}

// goauditIsHash tells "type:" and a hash by typeSymbolMangle from a name.
func goauditIsHash(n string) bool {
	h := strings.TrimPrefix(n, goauditTypePrefix)
	if len(h) != 8 || len(h) == len(n) {
		return false
	}
	for _, c := range h {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '/') {
			return false
		}
	}
	return true
}

func (t *goauditTables) find(n string) (goauditPlace, bool) {
	h := typeSymbolMangle(n)
	for _, l := range t.libs {
		for _, name := range [2]string{h, n} {
			if a, ok := l.addr[name]; ok {
				return goauditPlace{l, a}, true
			}
		}
	}
	return goauditPlace{}, false
}

// The fixed part of a descriptor, abi.Type.
const (
	goauditTflagOff = unsafe.Offsetof(abi.Type{}.TFlag)
	goauditKindOff  = unsafe.Offsetof(abi.Type{}.Kind_)
	goauditStrOff   = unsafe.Offsetof(abi.Type{}.Str)
	goauditTypeSize = unsafe.Sizeof(abi.Type{})
	goauditKindMask = 31
	goauditDeepest  = 20 // of a type's name: no real one comes near
)

// goauditUncommonOff says where a descriptor's UncommonType is.
func goauditUncommonOff(kind abi.Kind) uint64 {
	switch kind {
	case abi.Pointer:
		return uint64(unsafe.Sizeof(abi.PtrType{}))
	case abi.Func:
		return uint64(unsafe.Sizeof(abi.FuncType{}))
	case abi.Slice:
		return uint64(unsafe.Sizeof(abi.SliceType{}))
	case abi.Array:
		return uint64(unsafe.Sizeof(abi.ArrayType{}))
	case abi.Chan:
		return uint64(unsafe.Sizeof(abi.ChanType{}))
	case abi.Map:
		return uint64(unsafe.Sizeof(goauditMapType{}))
	case abi.Interface:
		return uint64(unsafe.Sizeof(abi.InterfaceType{}))
	case abi.Struct:
		return uint64(unsafe.Sizeof(abi.StructType{}))
	}
	return uint64(goauditTypeSize)
}

// typeName works out the linker's name of a type from its descriptor: its own
// text has package names where the linker has import paths.
func (t *goauditTables) typeName(p goauditPlace, depth int) string {
	b := p.lib.read(p.addr, int(unsafe.Sizeof(abi.ArrayType{})))
	if uintptr(len(b)) < goauditTypeSize || p.lib.types == 0 {
		return ""
	}
	text := p.lib.nameText(binary.LittleEndian.Uint32(b[goauditStrOff:]))
	flags, kind := abi.TFlag(b[goauditTflagOff]), abi.Kind(b[goauditKindOff]&goauditKindMask)
	if flags&abi.TFlagExtraStar != 0 && text != "" {
		text = text[1:]
	}
	if flags&abi.TFlagNamed != 0 {
		return p.qualified(text, flags, kind)
	}
	first, second := t.element(p, 0, depth), ""
	if kind == abi.Map {
		second = t.element(p, 8, depth)
	}
	switch {
	case first == "":
	case kind == abi.Pointer:
		return "*" + first
	case kind == abi.Slice:
		return "[]" + first
	case kind == abi.Array && uintptr(len(b)) == unsafe.Sizeof(abi.ArrayType{}):
		n := binary.LittleEndian.Uint64(b[unsafe.Offsetof(abi.ArrayType{}.Len):])
		return "[" + strconv.FormatUint(n, 10) + "]" + first
	case kind == abi.Map && second != "":
		return "map[" + first + "]" + second
	}
	return text
}

// qualified replaces the package's name in pkg.T or pkg.T[args] by its path.
func (p goauditPlace) qualified(text string, flags abi.TFlag, kind abi.Kind) string {
	if flags&abi.TFlagUncommon == 0 {
		return text
	}
	u := p.lib.read(p.addr+goauditUncommonOff(kind), 4)
	if len(u) < 4 {
		return text
	}
	pkg := p.lib.nameText(binary.LittleEndian.Uint32(u))
	head, args := text, ""
	if i := strings.IndexByte(text, '['); i >= 0 {
		head, args = text[:i], text[i:]
	}
	if i := strings.LastIndexByte(head, '.'); i >= 0 && pkg != "" {
		return pkg + head[i:] + args
	}
	return text
}

// element names the type that the pointer at off, behind abi.Type, leads to.
func (t *goauditTables) element(p goauditPlace, off uint64, depth int) string {
	n := p.lib.rel[p.addr+uint64(goauditTypeSize)+off]
	if r, ok := t.real[n]; ok {
		n = r
	}
	if goauditIsHash(n) && depth < goauditDeepest {
		return t.typeName(goauditPlace{p.lib, p.lib.addr[n]}, depth+1)
	}
	return strings.TrimPrefix(n, goauditTypePrefix)
}

// goauditType is ldr.Lookup of a type symbol, which may be in a library.
func goauditType(ldr *loader.Loader, n string) loader.Sym {
	s := ldr.Lookup(n, 0)
	if goauditLibs == nil {
		return s
	}
	if s == 0 {
		if _, ok := goauditLibs.find(n); !ok {
			return 0
		}
		s = ldr.LookupOrCreateSym(n, 0)
	}
	return goauditLibs.resolve(s)
}

// goauditResolve returns the symbol to use for the type symbol s: the one with
// the real name. 0: its descriptor is nowhere.
func goauditResolve(ldr *loader.Loader, s loader.Sym) loader.Sym {
	if goauditLibs == nil {
		return s
	}
	if s = goauditLibs.resolve(s); len(ldr.Data(s)) == 0 {
		return 0
	}
	return s
}

func (t *goauditTables) resolve(s loader.Sym) loader.Sym {
	r, ok := t.done[s]
	if ok || s == 0 {
		return r
	}
	r = s
	n, typ := t.ldr.SymName(s), t.ldr.SymType(s)
	if strings.HasPrefix(n, goauditTypePrefix) && (typ == sym.SDYNIMPORT || typ == sym.Sxxx) {
		if p, ok := t.find(n); ok {
			if real := t.realName(n, p); real != n {
				r = t.ldr.LookupOrCreateSym(real, 0)
			}
			t.fill(r, n, p)
		}
		t.done[r] = r
	}
	t.done[s] = r
	return r
}

func (t *goauditTables) realName(n string, p goauditPlace) string {
	if !goauditIsHash(n) {
		return n
	}
	if r, ok := t.real[n]; ok {
		return r
	}
	if r := t.typeName(p, 0); r != "" {
		return goauditTypePrefix + r
	}
	return n
}

// fill gives the symbol r the descriptor that the loader has read for n.
func (t *goauditTables) fill(r loader.Sym, n string, p goauditPlace) {
	from := t.ldr.Lookup(typeSymbolMangle(n), 0)
	if len(t.ldr.Data(r)) != 0 || t.ldr.SymType(r) != sym.Sxxx || from == 0 || len(t.ldr.Data(from)) == 0 {
		return
	}
	su := t.ldr.MakeSymbolUpdater(r)
	su.SetType(sym.SDYNIMPORT)
	su.SetData(t.ldr.Data(from))
	su.SetSize(t.ldr.SymSize(from))
	t.place[r] = p
}

// goauditTarget returns what the pointer at off in the type s leads to.
func goauditTarget(ldr *loader.Loader, s loader.Sym, off int32) loader.Sym {
	t := goauditLibs
	p, ok := t.place[s]
	if !ok {
		if p, ok = t.find(ldr.SymName(s)); !ok {
			return 0
		}
	}
	n := p.lib.rel[p.addr+uint64(off)]
	if n == "" {
		return 0
	}
	r := ldr.LookupOrCreateSym(n, 0)
	if !strings.HasPrefix(n, goauditTypePrefix+".") {
		return t.resolve(r)
	}
	if len(ldr.Data(r)) == 0 { // the name of a field or a method
		if head, text := p.lib.name(p.lib.addr[n]); head != 0 {
			ldr.MakeSymbolUpdater(r).SetData(p.lib.read(p.lib.addr[n], head+len(text)))
		}
	}
	return r
}

func goauditIsImport(ldr *loader.Loader, s loader.Sym) bool {
	return goauditLibs != nil && ldr.SymType(s) == sym.SDYNIMPORT
}

// goauditIsForeign: the attribute's value is a symbol that this image does not
// define. A type that nothing has asked for yet is not known as an import here:
// mangleTypeSym, which comes later, makes it one.
func goauditIsForeign(data any) bool {
	s, ok := data.(dwSym)
	if !ok || goauditLibs == nil {
		return false
	}
	typ := goauditLibs.ldr.SymType(loader.Sym(s))
	return typ == sym.SDYNIMPORT || typ == sym.Sxxx
}
