package reflect

// Types that are made for guests.
//
// An unnamed type like struct{ A int } that no lasting module has is made of lasting
// types by this package's own functions, so that it is the same that reflect would
// give to anybody, and stays as long as the process.  See goaudit_types.go of package
// runtime.  A descriptor's bytes are never copied: they lead to code and data of the
// guest.

import (
	"internal/abi"
	"unsafe"
)

//go:linkname goauditOnMake runtime.goauditOnMake
func goauditOnMake(makeType func(t unsafe.Pointer) unsafe.Pointer, setHashes func(types []*abi.Type, hashes []uint32))

//go:linkname goauditLastingPart runtime.goauditLastingPart
func goauditLastingPart(t unsafe.Pointer) unsafe.Pointer

func init() { goauditOnMake(goauditMake, goauditSetHashes) }

// goauditPart returns the lasting type that t is.  There is one: goauditMake is asked
// for types of lasting parts only.
func goauditPart(t *abi.Type) Type {
	return toType((*abi.Type)(goauditLastingPart(unsafe.Pointer(t))))
}

func goauditPartList(ts []*abi.Type) (list []Type) {
	for _, t := range ts {
		list = append(list, goauditPart(t))
	}
	return
}

// goauditMake returns nil for what cannot be made: the functions panic.
func goauditMake(p unsafe.Pointer) (made unsafe.Pointer) {
	defer func() {
		if recover() != nil {
			made = nil
		}
	}()
	t := (*abi.Type)(p)
	var r Type
	switch Kind(t.Kind()) {
	case Pointer:
		r = PointerTo(goauditPart(t.Elem()))
	case Slice:
		r = SliceOf(goauditPart(t.Elem()))
	case Array:
		r = ArrayOf(t.Len(), goauditPart(t.Elem()))
	case Chan:
		r = ChanOf(ChanDir((*abi.ChanType)(p).Dir), goauditPart(t.Elem()))
	case Map:
		r = MapOf(goauditPart(t.Key()), goauditPart(t.Elem()))
	case Func:
		f := (*abi.FuncType)(p)
		r = FuncOf(goauditPartList(f.InSlice()), goauditPartList(f.OutSlice()), f.IsVariadic())
	case Struct:
		r = StructOf(goauditFields((*structType)(p)))
	case Interface:
		return unsafe.Pointer(goauditInterface((*interfaceType)(p)))
	}
	n := &r.(*rtype).t
	if n.Size_ != t.Size_ || n.PtrBytes != t.PtrBytes || n.Align_ != t.Align_ ||
		(n.Equal == nil) != (t.Equal == nil) || goauditMethods(n) != goauditMethods(t) {
		return nil
	}
	if t.Kind() == abi.Struct && !goauditPointer(n, t) {
		return nil
	}
	return unsafe.Pointer(n)
}

func goauditMethods(t *abi.Type) int {
	if u := t.Uncommon(); u != nil {
		return int(u.Mcount)
	}
	return 0
}

// goauditPointer gives the struct type n, which has been made for t, a pointer type with
// the methods that the guest's pointer to t has.  They are of an embedded field, like
// those of struct{ sync.Mutex; N int }.  If that is the first field, its address is the
// struct's, and its methods do; there is no code for others, and t stays the guest's.
func goauditPointer(n, t *abi.Type) bool {
	if t.PtrToThis == 0 {
		return true
	}
	p := typeOffFor(t, aTypeOff(t.PtrToThis))
	if goauditMethods(p) == 0 {
		return true
	}
	first := &(*structType)(unsafe.Pointer(n)).Fields[0]
	if !first.Name.IsEmbedded() || Kind(first.Typ.Kind()) == Pointer {
		return false
	}
	from := &PointerTo(toType(first.Typ)).(*rtype).t
	if n.PtrToThis != 0 || goauditMethods(from) != goauditMethods(p) {
		return n.PtrToThis != 0 && goauditMethods(typeOffFor(n, aTypeOff(n.PtrToThis))) == goauditMethods(p)
	}
	var methods []abi.Method
	for _, m := range from.Uncommon().Methods() {
		methods = append(methods, abi.Method{
			Name: resolveReflectName(nameOffFor(from, m.Name)),
			Mtyp: resolveReflectType(typeOffFor(from, m.Mtyp)),
			Ifn:  resolveReflectText(textOffFor(from, m.Ifn)),
			Tfn:  resolveReflectText(textOffFor(from, m.Tfn)),
		})
	}
	mem := New(StructOf([]StructField{
		{Name: "P", Type: TypeFor[ptrType]()},
		{Name: "U", Type: TypeFor[uncommonType]()},
		{Name: "M", Type: ArrayOf(len(methods), TypeFor[abi.Method]())},
	})).Elem()
	pp := (*ptrType)(mem.Field(0).Addr().UnsafePointer())
	u := (*uncommonType)(mem.Field(1).Addr().UnsafePointer())
	var like any = (*unsafe.Pointer)(nil)
	*pp = **(**ptrType)(unsafe.Pointer(&like))
	pp.TFlag |= abi.TFlagUncommon
	pp.Hash = p.Hash
	pp.Str = resolveReflectName(newName("*"+stringFor(n), "", false, false))
	pp.PtrToThis = 0
	pp.Elem = n
	u.Mcount = uint16(len(methods))
	u.Xcount = from.Uncommon().Xcount
	u.Moff = uint32(mem.Type().Field(2).Offset - mem.Type().Field(1).Offset)
	copy(mem.Field(2).Slice(0, len(methods)).Interface().([]abi.Method), methods)
	if _, taken := ptrMap.LoadOrStore(toRType(n), pp); taken {
		return false // somebody has made one without methods
	}
	n.PtrToThis = resolveReflectType(&pp.Type)
	return true
}

func goauditFields(st *structType) (fields []StructField) {
	for i := range st.Fields {
		f := &st.Fields[i]
		field := StructField{
			Name:      string([]byte(f.Name.Name())), // not the guest's bytes
			Type:      goauditPart(f.Typ),
			Tag:       StructTag([]byte(f.Name.Tag())),
			Anonymous: f.Name.IsEmbedded(),
		}
		if !f.Name.IsExported() {
			field.PkgPath = string([]byte(st.PkgPath.Name()))
		}
		fields = append(fields, field)
	}
	return
}

// goauditInterfaces keeps the interface types that have been made, which no cache of
// this package knows.  Under runtime.goauditMerging.
var goauditInterfaces []*interfaceType

// goauditInterface makes an interface type; this package has no function for it.
func goauditInterface(t *interfaceType) *abi.Type {
	like := (*interfaceType)(unsafe.Pointer(&TypeFor[error]().(*rtype).t))
	if len(t.Methods) == 0 {
		like = (*interfaceType)(unsafe.Pointer(&TypeFor[any]().(*rtype).t))
	}
	n := new(interfaceType)
	n.Type = like.Type
	n.TFlag = t.TFlag &^ (abi.TFlagExtraStar | abi.TFlagUncommon | abi.TFlagNamed)
	n.Hash = t.Hash
	n.Str = resolveReflectName(newName(string([]byte(stringFor(&t.Type))), "", false, false))
	n.PtrToThis = 0
	for i := range t.Methods {
		m := &t.Methods[i] // offsets of its own module: goauditMethodType of package runtime
		name := abi.Name{Bytes: (*byte)(resolveNameOff(unsafe.Pointer(m), int32(m.Name)))}
		if !name.IsExported() {
			return nil
		}
		typ := (*abi.Type)(goauditLastingPart(resolveTypeOff(unsafe.Pointer(m), int32(m.Typ))))
		n.Methods = append(n.Methods, abi.Imethod{
			Name: resolveReflectName(newName(string([]byte(name.Name())), "", true, false)),
			Typ:  resolveReflectType(typ),
		})
	}
	goauditInterfaces = append(goauditInterfaces, n)
	return &n.Type
}

// goauditSetHashes gives made types the compiler's hashes, by which switches go.
//
// Function and struct types are filed here by the hashes of what they are made of, so
// those that are made of these types are filed anew before.  They stay where they were,
// too: somebody may have computed the old key already.
func goauditSetHashes(types []*abi.Type, hashes []uint32) {
	next := make(map[*abi.Type]uint32, len(types))
	for i, t := range types {
		if t.Hash != hashes[i] {
			next[t] = hashes[i]
		}
	}
	if len(next) == 0 {
		return
	}
	hash := func(t *abi.Type) uint32 {
		if h, ok := next[t]; ok {
			return h
		}
		return t.Hash
	}
	funcLookupCache.Lock()
	defer funcLookupCache.Unlock()
	structLookupCache.Lock()
	defer structLookupCache.Unlock()
	var funcs []*abi.Type
	funcLookupCache.m.Range(func(_, v any) bool { funcs = append(funcs, v.([]*abi.Type)...); return true })
	for _, t := range funcs {
		key := goauditFuncKey((*abi.FuncType)(unsafe.Pointer(t)), hash)
		v, _ := funcLookupCache.m.Load(key)
		l, _ := v.([]*abi.Type)
		if !goauditListed(l, t) {
			funcLookupCache.m.Store(key, append(l[:len(l):len(l)], t))
		}
	}
	var structs []Type
	structLookupCache.m.Range(func(_, v any) bool { structs = append(structs, v.([]Type)...); return true })
	for _, t := range structs {
		key := goauditStructKey((*structType)(unsafe.Pointer(&t.(*rtype).t)), hash)
		v, _ := structLookupCache.m.Load(key)
		l, _ := v.([]Type)
		if !goauditListed(l, t) {
			structLookupCache.m.Store(key, append(l[:len(l):len(l)], t))
		}
	}
	for t, h := range next {
		t.Hash = h
	}
}

func goauditListed[T comparable](l []T, t T) bool {
	for _, o := range l {
		if o == t {
			return true
		}
	}
	return false
}

func goauditAddHash(key, h uint32) uint32 {
	return fnv1(key, byte(h>>24), byte(h>>16), byte(h>>8), byte(h))
}

// goauditFuncKey is what FuncOf files f by.
func goauditFuncKey(f *abi.FuncType, hash func(*abi.Type) uint32) (key uint32) {
	for _, t := range f.InSlice() {
		key = goauditAddHash(key, hash(t))
	}
	if f.IsVariadic() {
		key = fnv1(key, 'v')
	}
	key = fnv1(key, '.')
	for _, t := range f.OutSlice() {
		key = goauditAddHash(key, hash(t))
	}
	return
}

// goauditStructKey is what StructOf files st by.
func goauditStructKey(st *structType, hash func(*abi.Type) uint32) uint32 {
	key := fnv1(0, []byte("struct {")...)
	for i := range st.Fields {
		f := &st.Fields[i]
		key = goauditAddHash(fnv1(key, []byte(f.Name.Name())...), hash(f.Typ))
		if f.Name.HasTag() {
			key = fnv1(key, []byte(f.Name.Tag())...)
		}
	}
	return fnv1(key, '}')
}
