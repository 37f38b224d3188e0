// Unwinding by .debug_frame, x86-64.
//
// Go's linker describes no saved register, and takes the stack pointer's
// distance from the caller's for known, which it is not in the functions that
// change stacks. Hence debuggers stop, or go astray, where C has called Go and
// where Go has called C. Here
//
//   - a function that has pushed the frame pointer says so;
//   - cgocallback, asmcgocall and systemstack are unwound through the frame
//     pointer, which leads from the one stack to the other;
//   - asmcgocall, while C runs, through what it keeps for itself: the
//     goroutine and the depth of its stack, for that may be moved meanwhile;
//   - crosscall2 says where it has saved C's registers;
//   - nothing called goexit.
//
// The code's bytes are looked at: where they are not as expected the function
// keeps what Go's linker says of it.

package ld

import (
	"bytes"
	"cmd/internal/dwarf"
	"cmd/internal/obj"
	"cmd/internal/sys"
	"cmd/link/internal/loader"
	"cmd/link/internal/sym"
	"debug/elf"
	"encoding/binary"
	"sort"
)

// DWARF's numbers of registers (x86-64 psABI, figure 3.36).
const (
	goauditRBX = 3
	goauditRBP = 6
	goauditRSP = 7
	goauditR12 = 12
	goauditRA  = 16
)

const (
	goauditDefCFAExpression = 0x0f
	goauditRestore          = 0xc0
	goauditOffset           = 0x80
	goauditBreg7            = 0x77 // DW_OP_breg7: rsp
	goauditDeref            = 0x06
	goauditPlus             = 0x23 // DW_OP_plus_uconst
	goauditMinus            = 0x1c
	goauditStackHi          = 8 // g.stack.hi: stack is g's first field
)

// goauditRow is a stretch of code in which the stack pointer is size bytes
// below where it was at the entry.
type goauditRow struct {
	pc, size int64
}

type goauditRule struct {
	pc    int64
	bytes []byte
}

// goauditFrames builds one function's instructions.
type goauditFrames struct {
	code  []byte
	rows  []goauditRow
	rules []goauditRule
}

func (f *goauditFrames) add(pc int64, b ...byte) {
	f.rules = append(f.rules, goauditRule{pc, b})
}

func goauditLeb(op byte, values ...uint64) []byte {
	b := []byte{op}
	for _, v := range values {
		b = dwarf.AppendUleb128(b, v)
	}
	return b
}

// saved: a register is at CFA-below.
func goauditSaved(reg byte, below int64) []byte {
	return goauditLeb(goauditOffset|reg, uint64(below/-dataAlignmentFactor))
}

func (f *goauditFrames) sizeAt(pc int64) int64 {
	size := int64(0)
	for _, r := range f.rows {
		if r.pc <= pc {
			size = r.size
		}
	}
	return size
}

// find returns where a pattern of code begins, from a place on; -1: none.
func (f *goauditFrames) find(from int64, pattern ...byte) int64 {
	if from < 0 || from > int64(len(f.code)) {
		return -1
	}
	if i := bytes.Index(f.code[from:], pattern); i >= 0 {
		return from + int64(i)
	}
	return -1
}

// goauditFrame returns the instructions of a function's entry in .debug_frame;
// buf has those of Go's own linker.
func goauditFrame(d *dwctxt, fn loader.Sym, buf []byte) []byte {
	if d.arch.Family != sys.AMD64 {
		return buf
	}
	f := &goauditFrames{code: d.ldr.Data(fn)}
	pcsp := obj.NewPCIter(uint32(d.arch.MinLC))
	for pcsp.Init(d.ldr.Data(d.ldr.Pcsp(fn))); !pcsp.Done; pcsp.Next() {
		f.rows = append(f.rows, goauditRow{int64(pcsp.PC), int64(pcsp.Value)})
	}
	if len(f.rows) == 0 {
		return buf
	}
	switch d.ldr.SymName(fn) {
	case "crosscall2":
		f.stackPointer()
		f.hostRegisters()
	case "runtime.cgocallback", "runtime.systemstack":
		if !f.framePointer() {
			return buf
		}
	case "runtime.asmcgocall":
		if !f.framePointer() {
			return buf
		}
		f.duringC()
	case "runtime.goexit":
		f.add(0, goauditLeb(dwarf.DW_CFA_undefined, goauditRA)...)
		f.stackPointer()
	default:
		f.stackPointer()
	}
	return f.encode()
}

// pushes: the frame pointer is pushed right before the row begins.
func (f *goauditFrames) pushes(r goauditRow) bool {
	return r.size == 8 && r.pc > 0 && f.code[r.pc-1] == 0x55
}

// stackPointer: the CFA is at a distance from the stack pointer.
func (f *goauditFrames) stackPointer() {
	saves, saved := false, false
	for _, r := range f.rows {
		f.add(r.pc, goauditLeb(dwarf.DW_CFA_def_cfa_offset, uint64(r.size+8))...)
		saves = saves || f.pushes(r)
		if now := saves && r.size > 0; now != saved {
			saved = now
			f.savedFramePointer(r.pc, saved)
		}
	}
}

func (f *goauditFrames) savedFramePointer(pc int64, saved bool) {
	if saved {
		f.add(pc, goauditSaved(goauditRBP, 16)...)
	} else {
		f.add(pc, goauditRestore|goauditRBP)
	}
}

// framePointer: the CFA is two words above where the frame pointer points.
func (f *goauditFrames) framePointer() bool {
	begin := int64(-1) // behind "push %rbp; mov %rsp,%rbp"
	for _, r := range f.rows {
		if begin < 0 && f.pushes(r) && f.find(r.pc, 0x48, 0x89, 0xe5) == r.pc {
			begin = r.pc + 3
			f.add(r.pc, goauditLeb(dwarf.DW_CFA_def_cfa_offset, 16)...)
			f.savedFramePointer(r.pc, true)
			f.add(begin, goauditLeb(dwarf.DW_CFA_def_cfa, goauditRBP, 16)...)
		}
	}
	if begin < 0 {
		return false
	}
	within := true
	for _, r := range f.rows {
		if r.pc < begin || (r.size > 0) == within {
			continue
		}
		within = r.size > 0
		if within {
			f.add(r.pc, goauditLeb(dwarf.DW_CFA_def_cfa, goauditRBP, 16)...)
		} else {
			f.add(r.pc, goauditLeb(dwarf.DW_CFA_def_cfa, goauditRSP, 8)...)
		}
		f.savedFramePointer(r.pc, within)
	}
	return true
}

// duringC: asmcgocall has put the goroutine and the depth of its stack on the
// thread's stack, for the time of a call; %rdi held them.
func (f *goauditFrames) duringC() {
	g := f.find(0, 0x48, 0x89, 0x7c, 0x24) // mov %rdi,G(%rsp)
	if g < 0 || g+5 > int64(len(f.code)) {
		return
	}
	depth, at := f.find(g+5, 0x48, 0x89, 0x3c, 0x24), byte(0) // mov %rdi,(%rsp)
	begin := depth + 4
	if d := f.find(g+5, 0x48, 0x89, 0x7c, 0x24); depth < 0 && d >= 0 { // mov %rdi,AT(%rsp)
		depth, at, begin = d, f.code[d+4], d+5
	}
	end := f.find(begin, 0x48, 0x89, 0xf4) // mov %rsi,%rsp
	if depth < 0 || depth-g > 32 || end < 0 || end-begin > 96 {
		return
	}
	expression := []byte{goauditBreg7, f.code[g+4], goauditDeref, goauditPlus, goauditStackHi, goauditDeref,
		goauditBreg7, at, goauditDeref, goauditMinus, goauditPlus, 16}
	f.add(begin, append([]byte{goauditDefCFAExpression, byte(len(expression))}, expression...)...)
	f.add(end, goauditLeb(dwarf.DW_CFA_def_cfa, goauditRBP, 16)...)
}

// hostRegisters: crosscall2 saves what belongs to its C caller; the frame
// pointer it has pushed before.
func (f *goauditFrames) hostRegisters() {
	last, saved := int64(0), []byte(nil)
	regs := []byte{goauditRBX, goauditR12, goauditR12 + 1, goauditR12 + 2, goauditR12 + 3}
	for i, modrm := range []byte{0x1c, 0x24, 0x2c, 0x34, 0x3c} {
		rex := byte(0x48)
		if i >= 1 {
			rex = 0x4c
		}
		// mov REG,(%rsp), mov REG,DISP(%rsp)
		pc, disp, size := f.find(0, rex, 0x89, modrm, 0x24), int64(0), int64(4)
		if p := f.find(0, rex, 0x89, modrm|0x40, 0x24); pc < 0 && p >= 0 && p+5 <= int64(len(f.code)) {
			pc, disp, size = p, int64(int8(f.code[p+4])), 5
		}
		if pc < 0 || disp < 0 {
			return
		}
		saved = append(saved, goauditSaved(regs[i], f.sizeAt(pc)+8-disp)...)
		last = max(last, pc+size)
	}
	f.add(last, saved...)
	for _, r := range f.rows {
		if r.pc > last && r.size == 0 {
			for _, reg := range regs {
				f.add(r.pc, goauditRestore|reg)
			}
			break
		}
	}
}

func (f *goauditFrames) encode() []byte {
	var b []byte
	sort.SliceStable(f.rules, func(i, j int) bool { return f.rules[i].pc < f.rules[j].pc })
	pc := int64(0)
	for _, r := range f.rules {
		if r.pc >= int64(len(f.code)) && len(f.code) > 0 {
			break
		}
		switch n := r.pc - pc; {
		case n == 0:
		case n < 0x40:
			b = append(b, dwarf.DW_CFA_advance_loc+byte(n))
		case n < 0x100:
			b = append(b, dwarf.DW_CFA_advance_loc1, byte(n))
		case n < 0x10000:
			b = binary.LittleEndian.AppendUint16(append(b, dwarf.DW_CFA_advance_loc2), uint16(n))
		default:
			b = binary.LittleEndian.AppendUint32(append(b, dwarf.DW_CFA_advance_loc4), uint32(n))
		}
		pc = r.pc
		b = append(b, r.bytes...)
	}
	return b
}

// goauditStackSymbols: gdb takes a caller whose frame lies below its callee's
// for a broken stack, and it does where a goroutine has called C. But it knows
// one function that may continue a stack anywhere, __morestack of gcc's
// -fsplit-stack (gdb, frame.c, get_prev_frame_always_1), and goes by the
// nearest symbol: so one of that name stands before each call in asmcgocall.
func goauditStackSymbols(ctxt *Link, bind elf.SymBind) {
	ldr := ctxt.loader
	fn := ldr.Lookup("runtime.asmcgocall", 0)
	if ctxt.Arch.Family != sys.AMD64 || bind != elf.STB_LOCAL || fn == 0 || !ldr.AttrReachable(fn) ||
		ldr.SymType(fn) == sym.SDYNIMPORT || ldr.SymSect(fn) == nil {
		return
	}
	addr := ldr.SymValue(fn)
	if ctxt.LinkMode == LinkExternal {
		addr -= int64(ldr.SymSect(fn).Vaddr)
	}
	relocs := ldr.Relocs(fn)
	for i := 0; i < relocs.Count(); i++ {
		r := relocs.At(i)
		if n := ldr.SymName(r.Sym()); n != "runtime.asmcgocall_landingpad" {
			continue
		}
		// The byte before the operand is the call's; the symbol must not
		// be found for the code behind it.
		putelfsyment(ctxt.Out, putelfstr("__morestack"), addr+int64(r.Off())-1, 5,
			elf.ST_INFO(elf.STB_LOCAL, elf.STT_NOTYPE), goauditSection(ldr.SymSect(fn)), 0)
		ctxt.numelfsym++
	}
}
