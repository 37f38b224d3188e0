# goaudit: `make demo` shows it, `make check` tests it; see README.md.

VERSION := 0.1.0
B := .build
CC := gcc
CFLAGS ?= -O2 -g
ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -fPIC \
	-fvisibility=hidden -Iinclude -Iaudit -MMD -MP \
	-DGOAUDIT_VERSION='"$(VERSION)"' $(CFLAGS)
SOLDFLAGS := -shared -Wl,-z,defs -Wl,-z,relro -Wl,-z,now -Wl,--as-needed

# Where things are installed. DESTDIR goes in front of all of it.
prefix ?= /usr/local
bindir ?= $(prefix)/bin
libdir ?= $(prefix)/lib/$(shell $(CC) -print-multiarch)
includedir ?= $(prefix)/include
mandir ?= $(prefix)/share/man
completiondir ?= $(prefix)/share/bash-completion/completions
# The command finds the library by its way from itself.
LIB_FROM_BIN := $(shell realpath -ms --relative-to=$(bindir) $(libdir))

# Raised when a program that was built for the last release no longer runs.
SOVERSION := 0

AUDIT_OBJS := $(patsubst %,$B/%.o,$(wildcard audit/*.c audit/*.S))
IMAGE_OBJS := $(patsubst %,$B/%.o,$(wildcard audit/image/*.c))
TOOL_OBJS := $(patsubst %,$B/%.o,$(wildcard audit/tool/*.c))

LIBRARIES := $B/libgoaudit.so $B/libgoaudit-image.so $B/libgoaudit-tiny.so \
	$B/libgoaudit-mainstub.so $B/libgoaudit-entries.so $B/libdlbind.so $B/libdlbind.a
PRODUCTS := $(LIBRARIES) $B/goaudit $B/overlay $B/linker $B/libgoaudit.so-gdb.py
UNIT_TESTS := $(patsubst test/%.c,$B/test/%,$(wildcard test/unit_*.c))
SWITCHES := $B/test/switches
TEST_PROGRAMS := $B/test/demo-host $B/test/bench $B/test/fuzz $B/test/proof \
	$B/test/dlbind-bench $B/test/dlbind-property $(SWITCHES)/libgoaudit.so $(UNIT_TESTS)

.PHONY: all
all: deps
	@$(MAKE) -s --no-print-directory $(PRODUCTS)

# What the build and the tests need, by Debian package. Nothing is installed
# when nothing is missing.
PACKAGES := gcc:gcc g++:g++ pkg-config:pkg-config gdb:gdb gdbserver:gdbserver \
	eu-stack:elfutils lldb:lldb valgrind:valgrind /usr/include/dwarf.h:libdw-dev \
	python3:python3 mandoc:mandoc dpkg-shlibdeps:dpkg-dev \
	/usr/include/libelf.h:libelf-dev /usr/include/check.h:check /usr/include/xxhash.h:libxxhash-dev

.PHONY: deps
deps:
	@missing=; for p in $(PACKAGES); do \
		what=$${p%%:*}; \
		case $$what in \
		/*) [ -e $$what ] ;; \
		*) command -v $$what >/dev/null ;; \
		esac || missing="$$missing $${p##*:}"; \
	done; \
	if [ -n "$$missing" ]; then \
		echo "installing:$$missing"; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq $$missing >/dev/null; } || { \
			echo "make: cannot install$$missing: run apt-get install$$missing as root" >&2; \
			exit 1; }; \
	fi
	@command -v go >/dev/null || { \
		echo "make: go is not in PATH: install Go 1.22 or later" >&2; exit 1; }

$B/%.c.o: %.c
	@mkdir -p $(@D)
	@echo "  CC   $<"
	@$(CC) $(ALL_CFLAGS) -c -o $@ $<

$B/%.S.o: %.S
	@mkdir -p $(@D)
	@echo "  AS   $<"
	@$(CC) $(ALL_CFLAGS) -c -o $@ $<

# The tool's main is compiled anew when the folders change.
$B/libdir: FORCE
	@mkdir -p $B
	@echo '$(LIB_FROM_BIN)' | cmp -s - $@ || echo '$(LIB_FROM_BIN)' >$@
FORCE:
$B/audit/tool/main.c.o: $B/libdir
$B/audit/tool/main.c.o: ALL_CFLAGS += -DGOAUDIT_LIB_FROM_BIN='"$(LIB_FROM_BIN)"'

$B/libgoaudit.so: $(AUDIT_OBJS) audit/libgoaudit.map
	@echo "  LINK $@"
	@$(CC) $(SOLDFLAGS) -Wl,-soname,libgoaudit.so.$(SOVERSION) \
		-Wl,--version-script=audit/libgoaudit.map -o $@ $(AUDIT_OBJS)

$B/libgoaudit-image.so: $(IMAGE_OBJS)
	@echo "  LINK $@"
	@$(CC) $(SOLDFLAGS) -o $@ $(IMAGE_OBJS) -lelf

# No libc and no code: they only have to be objects.
$B/libgoaudit-tiny.so: audit/base/tiny.c
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -shared -fPIC -nostdlib -o $@ $<

$B/libgoaudit-mainstub.so: audit/base/mainstub.c
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -shared -fPIC -nostdlib -o $@ $<

$B/libgoaudit-entries.so: audit/base/entries_x86_64.S audit/base/guard.c audit/go/protocol.h
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -shared -fPIC -nostdlib -Wl,-Bsymbolic -o $@ $(filter-out %.h,$^)

$B/goaudit: $(TOOL_OBJS) $(IMAGE_OBJS)
	@echo "  LINK $@"
	@$(CC) -o $@ $^ -lelf

$B/libgoaudit.so-gdb.py:
	@mkdir -p $B
	@ln -sfn ../gdb-scripts/goaudit-gdb.py $@

$B/overlay $B/linker:
	@mkdir -p $B
	@ln -sfn ../audit/go/$(@F) $@

$B/test/demo-host: test/demo/host.c include/goaudit.h
	@mkdir -p $(@D)
	@$(CC) -O2 -g -Wall -Wextra -Werror -Iinclude -o $@ $<

$B/test/proof: test/bench/proof.c include/goaudit.h
	@mkdir -p $(@D)
	@$(CC) -O2 -g -D_GNU_SOURCE -Wall -Wextra -Werror -Iinclude -o $@ $<

$B/test/bench: test/bench/bench.c include/goaudit.h
	@mkdir -p $(@D)
	@$(CC) -O2 -g -D_GNU_SOURCE -Wall -Wextra -Werror -Iinclude -o $@ $<

# The module with GOAUDIT_TEST_UNLINK: test/unload's negative controls leave parts of
# the check out, and the benchmark the whole proof.  The module that users get has no such thing.
$(SWITCHES)/libgoaudit.so: $(AUDIT_OBJS) audit/libgoaudit.map
	@mkdir -p $(@D)
	@$(CC) $(ALL_CFLAGS) -DGOAUDIT_TEST_SWITCHES -c -o $(SWITCHES)/gort.c.o audit/gort.c
	@$(CC) $(SOLDFLAGS) -Wl,--version-script=audit/libgoaudit.map -o $@ \
		$(filter-out %/gort.c.o,$(AUDIT_OBJS)) $(SWITCHES)/gort.c.o
	@ln -sf ../../libgoaudit-image.so ../../libgoaudit-tiny.so \
		../../libgoaudit-mainstub.so $(@D)

$B/test/unit_audit: test/unit_audit.c $(AUDIT_OBJS)
	@mkdir -p $(@D)
	@$(CC) $(ALL_CFLAGS) -o $@ $< $(AUDIT_OBJS) \
		$$(pkg-config --cflags --libs check)

# It puts its own malloc before libc's.
$B/test/unit_%: test/unit_%.c $(IMAGE_OBJS)
	@mkdir -p $(@D)
	@$(CC) $(ALL_CFLAGS) -fvisibility=default -o $@ $< $(IMAGE_OBJS) -lelf \
		$$(pkg-config --cflags --libs check)

# Instrumented, so from the sources. Without the tool's main.
FUZZED := $(wildcard audit/image/*.c) audit/tool/util.c \
	$(filter-out audit/tool/inspect_print.c,$(wildcard audit/tool/inspect*.c))
$B/test/fuzz: test/fuzz/fuzz.c $(FUZZED) $(wildcard audit/tool/*.h audit/image/*.h)
	@mkdir -p $(@D)
	@echo "  CC   $@"
	@$(CC) $(filter-out -MMD -MP,$(ALL_CFLAGS)) -Iaudit/tool -O1 \
		-fsanitize=address,undefined -fno-sanitize-recover=all \
		-o $@ test/fuzz/fuzz.c $(FUZZED) -lelf

include dlbind/build.mk

-include $(shell find $B -name '*.d' 2>/dev/null)

.PHONY: test-programs
test-programs: all
	@$(MAKE) -s --no-print-directory $(TEST_PROGRAMS)

.PHONY: demo
demo: test-programs
	@test/demo/run

.PHONY: check
check: test-programs
	@$B/goaudit runtime
	@test/run

.PHONY: bench
bench: test-programs
	@$B/goaudit runtime
	@test/bench/run

.PHONY: soak
soak: test-programs
	@$B/goaudit runtime
	@test/soak/run
	@test/unload/run-soak

# A million hostile images for goaudit inspect.
.PHONY: fuzz
fuzz: test-programs
	@$B/goaudit runtime
	@test/fuzz/run

# The tests over releases of glibc and Go; downloads what it needs.
.PHONY: matrix
matrix:
	@test/matrix/run

# ---- installing ----

D = $(DESTDIR)
# Where gdb looks for what belongs to a library, by the library's full name.
GDB_SCRIPT = $(prefix)/share/gdb/auto-load$(libdir)/libgoaudit.so.$(VERSION)-gdb.py
PRIVATE = $D$(libdir)/goaudit

.PHONY: install
install:
	@$(MAKE) -s --no-print-directory all
	install -d $D$(bindir) $D$(libdir)/pkgconfig $(PRIVATE) $D$(includedir) \
		$D$(mandir)/man1 $D$(mandir)/man3 $D$(mandir)/man7 $D$(completiondir)
	install -m 755 $B/goaudit $D$(bindir)/goaudit
	install -m 755 $B/libgoaudit.so $D$(libdir)/libgoaudit.so.$(VERSION)
	ln -sf libgoaudit.so.$(VERSION) $D$(libdir)/libgoaudit.so.$(SOVERSION)
	ln -sf libgoaudit.so.$(SOVERSION) $D$(libdir)/libgoaudit.so
	install -m 755 $(filter-out $B/libgoaudit.so,$(LIBRARIES)) $(PRIVATE)
	rm -rf $(PRIVATE)/overlay $(PRIVATE)/linker
	cd audit/go && find overlay linker -type f ! -name README \
		-exec install -D -m 644 {} $(abspath $(PRIVATE))/{} \;
	install -D -m 644 gdb-scripts/goaudit-gdb.py $D$(GDB_SCRIPT)
	install -m 644 include/goaudit.h include/goaudit-debug.h $D$(includedir)
	sed -e 's|@prefix@|$(prefix)|; s|@includedir@|$(includedir)|; s|@libdir@|$(libdir)|; s|@version@|$(VERSION)|' \
		audit/package/goaudit.pc.in >$D$(libdir)/pkgconfig/goaudit.pc
	install -m 644 audit/man/goaudit.1 $D$(mandir)/man1
	install -m 644 audit/man/goaudit.7 $D$(mandir)/man7
	install -m 644 audit/man/dlreload.3 $D$(mandir)/man3
	for f in $(MAN3_LINKS); do echo '.so man3/dlreload.3' >$D$(mandir)/man3/$$f.3; done
	install -m 644 audit/package/completion.bash $D$(completiondir)/goaudit
	@[ -n "$D" ] || ldconfig || echo "make: run ldconfig as root, so that LD_AUDIT=libgoaudit.so is found"

# The functions that dlreload(3) describes too.
MAN3_LINKS = $(shell sed -n '/^.Sh NAME/,/^.Sh SYN/s/^\.Nm \([a-z_]*\).*/\1/p' \
	audit/man/dlreload.3 | grep -vx dlreload)

.PHONY: uninstall
uninstall:
	rm -f $D$(bindir)/goaudit $D$(libdir)/libgoaudit.so $D$(libdir)/libgoaudit.so.$(SOVERSION) \
		$D$(libdir)/libgoaudit.so.$(VERSION) $D$(includedir)/goaudit.h \
		$D$(includedir)/goaudit-debug.h $D$(libdir)/pkgconfig/goaudit.pc \
		$D$(mandir)/man1/goaudit.1 $D$(mandir)/man7/goaudit.7 \
		$(addprefix $D$(mandir)/man3/,$(addsuffix .3,dlreload $(MAN3_LINKS))) \
		$D$(completiondir)/goaudit $D$(GDB_SCRIPT)
	rm -rf $(PRIVATE)
	@[ -n "$D" ] || ldconfig || :

# What is committed, as a tar file that builds.
.PHONY: dist
dist:
	@mkdir -p $B
	@git archive --prefix=goaudit-$(VERSION)/ -o $B/goaudit-$(VERSION).tar.gz HEAD
	@echo $B/goaudit-$(VERSION).tar.gz

# A Debian package, with dpkg's own tools.
DEB := $B/goaudit_$(VERSION)_amd64.deb
.PHONY: deb
deb: all
	@command -v dpkg-shlibdeps >/dev/null || { \
		echo "make: no dpkg-shlibdeps: run apt-get install dpkg-dev" >&2; exit 1; }
	@rm -rf $B/deb
	@$(MAKE) -s --no-print-directory install DESTDIR=$(abspath $B)/deb/debian/goaudit prefix=/usr >/dev/null
	@cd $B/deb && mkdir debian/goaudit/DEBIAN && cp $(CURDIR)/audit/package/control debian/control && \
		depends=$$(dpkg-shlibdeps -O --ignore-missing-info -e debian/goaudit/usr/bin/goaudit \
			$$(find debian/goaudit -name 'libgoaudit*.so*' -type f -printf '-e %p ') 2>$(abspath $B)/deb.log) && \
		cd debian/goaudit && \
		find usr/share/man -type f -exec gzip -9n {} + && \
		find . -name '*.so*' -type f -exec strip --strip-unneeded {} + && strip usr/bin/goaudit && \
		install -D -m 644 $(CURDIR)/LICENSE usr/share/doc/goaudit/copyright && \
		find usr -type f -exec md5sum {} + >DEBIAN/md5sums && \
		echo 'activate-noawait ldconfig' >DEBIAN/triggers && \
		{ sed -n '/^Package:/,$$p' ../control; \
		  echo "Version: $(VERSION)"; echo "$$depends" | sed 's/^shlibs:Depends=/Depends: /'; \
		  echo "Installed-Size: $$(du -sk usr | cut -f1)"; } >DEBIAN/control
	@dpkg-deb --root-owner-group -b $B/deb/debian/goaudit $(DEB) >/dev/null
	@rm -rf $B/deb
	@echo $(DEB)

.PHONY: clean
clean:
	rm -rf $B
