// Methods whose code is in a shared library (-linkshared).
//
// A type's table of methods has offsets from the start of the image's own code
// (R_METHODOFF). An image can describe a type of the library's whose methods it has
// no code of: that of an instance like unique.Handle[netip.addrDetail], which the
// compiler has put into the package that made it first. Go's linker gives up then.
// Here such a method gets code in the image, a jump by way of the offset table to
// the library's, so that it can be called by reflection, and by an interface that is
// made at run time. A jump changes no register and no stack, so a traceback from
// there is that of the method's caller.

package ld

import (
	"cmd/internal/objabi"
	"cmd/internal/sys"
	"cmd/link/internal/loader"
	"cmd/link/internal/sym"
)

// goauditJumps has the code for each function of a library that a table refers to.
var goauditJumps = map[loader.Sym]loader.Sym{}

func goauditMethods(ctxt *Link) {
	if !ctxt.linkShared || ctxt.Arch.Family != sys.AMD64 {
		return
	}
	ldr := ctxt.loader
	for s := loader.Sym(1); s < loader.Sym(ldr.NSym()); s++ {
		if !ldr.AttrReachable(s) {
			continue
		}
		relocs := ldr.Relocs(s)
		for i := 0; i < relocs.Count(); i++ {
			r := relocs.At(i)
			to := r.Sym()
			if r.Type() != objabi.R_METHODOFF || to == 0 || !ldr.AttrReachable(to) ||
				ldr.SymType(to) != sym.SDYNIMPORT || goauditJumps[to] != 0 {
				continue
			}
			goauditJumps[to] = goauditJump(ctxt, to)
		}
	}
}

// goauditJump makes
//
//	ff 25 00 00 00 00	jmp *to@GOTPCREL(%rip)
func goauditJump(ctxt *Link, to loader.Sym) loader.Sym {
	ldr := ctxt.loader
	jump := ldr.MakeSymbolUpdater(ldr.CreateStaticSym(ldr.SymName(to)))
	jump.SetType(sym.STEXT)
	jump.SetReachable(true)
	jump.AddUint8(0xff)
	jump.AddUint8(0x25)
	jump.AddSymRef(ctxt.Arch, to, 0, objabi.R_GOTPCREL, 4)
	ctxt.Textp = append(ctxt.Textp, jump.Sym())
	return jump.Sym()
}

// goauditMethod returns the code in this image for what a table of methods refers to.
func goauditMethod(to loader.Sym) loader.Sym {
	if jump := goauditJumps[to]; jump != 0 {
		return jump
	}
	return to
}
