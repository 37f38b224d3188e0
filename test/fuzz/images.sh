# Makes, in the current folder, the images that both fuzzers start from; build: the products.
# shellcheck shell=bash

so() { gcc -shared -fPIC -s -x c "$@" -; }
echo 'int n; int value(void) { return ++n; }' | so -o plain.so
echo 'int n; int value(void) { return ++n; }' | so -o sysv.so -Wl,--hash-style=sysv -Wl,-z,nodelete
echo 'int n; int value(void) { return ++n; }' | so -o relr.so -Wl,-z,pack-relative-relocs 2>/dev/null || rm -f relr.so
echo '__thread int n; int value(void) { return ++n; } int g; int *where(void) { return &g; }' |
	so -o tls.so -ftls-model=initial-exec -Wl,-Bsymbolic -Wl,-soname,libtls.so.1 -Wl,-rpath,'$ORIGIN/x'
echo 'template <class T> struct S { static int n; }; template <class T> int S<T>::n; int f() { return S<int>::n + S<char>::n; }' |
	g++ -shared -fPIC -s -x c++ -o unique.so -
echo 'int _d_dso_registry(void); int f(void) { return _d_dso_registry(); }' | so -o d.so
echo 'extern int g; int value(void); int main(void) { return g + value(); }' |
	gcc -no-pie -fno-pic -s -x c -o host - -x none ./tls.so
echo 'extern int g; int main(void) { return g; } int value(void) { return 1; }' |
	gcc -pie -rdynamic -x c -o pie - -x none ./tls.so
# A Go guest, and what of a runtime library and of rt0_go is looked at, without
# their megabytes: the sequence of instructions, and the notes, in C.
mkdir guest && cd guest
printf 'module example.com/guest\n\ngo 1.22\n' >go.mod
printf 'package main\n\nimport "C"\n\n//export value\nfunc value() C.int { return 1 }\n\nfunc main() {}\n' >main.go
# shellcheck disable=SC2154	# of who includes this
"$build/goaudit" build -ldflags=-s -o ../guest.so . 2>/dev/null
cd ..
cat >rt0.S <<'S'
	.section .note.go.buildid,"a",@note
	.long 3, 4, 4
	.asciz "Go"
	.byte 0
	.long 1
	.text
	.globl _start
_start:	mov $1, %eax
	cpuid
	mov _cgo_init(%rip), %rax
	test %rax, %rax
	jz 1f
	ret
1:	lea m0(%rip), %rdi
	call settls
	ret
settls:	mov $158, %eax
	syscall
	ret
	.bss
_cgo_init: .quad 0
m0:	.quad 0
	.section .note.GNU-stack,"",@progbits
S
gcc -nostdlib -static -s -o rt0 rt0.S
cat >libstd.S <<'S'
	.section .note.go.abihash,"a",@note
	.long 4, 20, 2
	.ascii "Go\0\0"
	.ascii "01234567890123456789"
	.section .note.go.pkg-list,"",@note
	.long 4, 16, 1
	.ascii "Go\0\0"
	.ascii "bytes\nfmt\nsync\n\n"
	.text
	.globl runtime.goauditHello
runtime.goauditHello: ret
	.section .note.GNU-stack,"",@progbits
S
gcc -shared -nostdlib -o libstd.so libstd.S
