# goaudit: `make demo` shows it, `make check` tests it; see README.md.

VERSION := 0.1.0
B := .build
CC := gcc
CFLAGS ?= -O2 -g
ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -fPIC \
	-fvisibility=hidden -Iinclude -Iaudit -MMD -MP \
	-DGOAUDIT_VERSION='"$(VERSION)"' $(CFLAGS)
SOLDFLAGS := -shared -Wl,-z,defs -Wl,-z,relro -Wl,-z,now -Wl,--as-needed
# Up to glibc 2.33 libraries of their own.
LIBS := -Wl,--as-needed -pthread -ldl

# Where things are installed. DESTDIR goes in front of all of it.
prefix ?= /usr/local
bindir ?= $(prefix)/bin
libdir ?= $(prefix)/lib/$(shell $(CC) -print-multiarch)
includedir ?= $(prefix)/include
mandir ?= $(prefix)/share/man
completiondir ?= $(prefix)/share/bash-completion/completions
zshdir ?= $(prefix)/share/zsh/site-functions
fishdir ?= $(prefix)/share/fish/vendor_completions.d
# The command finds the library by its way from itself.
LIB_FROM_BIN := $(shell realpath -ms --relative-to=$(bindir) $(libdir))

# Raised when a program that was built for the last release no longer runs.
SOVERSION := 0

# The module's layers, each above the ones before it (audit/HACKING).
LAYERS := core loader guest entry adapter adapter/go reload api
AUDIT_OBJS := $(patsubst %,$B/%.o,$(wildcard $(LAYERS:%=audit/%/*.c) $(LAYERS:%=audit/%/*.S)) \
	 dlbind/linkmap.c dlbind/private.c)
IMAGE_OBJS := $(patsubst %,$B/%.o,$(wildcard audit/image/*.c))
# With libdw, in a library of their own.
COMPARE_OBJS := $(patsubst %,$B/%.o,$(wildcard audit/image/compare/*.c))
# The program that runs others for DragonFly BSD: no libc, no thread-local storage, and
# none of the registers that it does not save.
DFLY_OBJS := $(patsubst %,$B/%.o,$(wildcard audit/tool/dfly/*.c audit/tool/dfly/*.S))
$(DFLY_OBJS): ALL_CFLAGS += -ffreestanding -fno-stack-protector -mgeneral-regs-only -fPIE \
	-fcf-protection=none -fno-sanitize=all -fno-lto
TOOL_OBJS := $(filter-out $(DFLY_OBJS),$(patsubst %,$B/%.o,$(wildcard audit/tool/*.c audit/tool/*/*.c) \
	audit/core/rows.c audit/core/arguments_x86_64.c))

LIBRARIES := $B/libgoaudit.so $B/libgoaudit-image.so $B/libgoaudit-dwarf.so $B/libgoaudit-entries.so
PRODUCTS := $(LIBRARIES) $B/libdlbind.so $B/libdlbind.a $B/goaudit $B/goaudit-dfly $B/overlay $B/linker $B/guest $B/exe/exe.o $B/exe/exe.list $B/libgoaudit.so-gdb.py
# failing.c and ranks.c are parts of the module that tests use.
UNIT_TESTS := $(patsubst %.c,$B/%,$(filter-out %/failing.c %/ranks.c,$(wildcard test/unit/*.c)))
SWITCHES := $B/test/switches
TEST_PROGRAMS := $B/test/demo-host $B/test/bench $B/test/swap $B/test/watched $B/test/stepped $B/test/copies $B/test/fuzz $B/test/proof \
	$B/test/dlbind-bench $B/test/dlbind-property $(SWITCHES)/libgoaudit.so $(UNIT_TESTS)

.PHONY: all
all: deps
	@$(MAKE) -s --no-print-directory $(PRODUCTS)

# What the build needs, and the tests beside it: what is looked for, then its package on
# Debian, Fedora and Arch.  The build names what is missing and installs nothing; demo and
# check install it where apt-get is.
BUILD_NEEDS := gcc:gcc:gcc:gcc /usr/include/libelf.h:libelf-dev:elfutils-libelf-devel:libelf \
	/usr/include/elfutils/libdw.h:libdw-dev:elfutils-devel:libelf \
	/usr/include/xxhash.h:libxxhash-dev:xxhash-devel:xxhash
CHECK_NEEDS := g++:g++:gcc-c++:gcc pkg-config:pkg-config:pkgconf:pkgconf gdb:gdb:gdb:gdb \
	gdbserver:gdbserver:gdb-gdbserver:gdb eu-stack:elfutils:elfutils:elfutils \
	lldb:lldb:lldb:lldb valgrind:valgrind:valgrind:valgrind python3:python3:python3:python \
	curl:curl:curl:curl column:bsdextrautils:util-linux:util-linux mandoc:mandoc:mandoc:mandoc \
	dpkg-shlibdeps:dpkg-dev:dpkg-dev:dpkg /usr/include/check.h:check:check-devel:check

LINT_NEEDS := clang-format:clang-format:clang-tools-extra:clang clang-tidy:clang-tidy:clang-tools-extra:clang \
	shellcheck:shellcheck:ShellCheck:shellcheck python3:python3:python3:python

.PHONY: deps deps-demo deps-check deps-lint
deps:
	@test/packages $(BUILD_NEEDS)
deps-demo:
	@test/packages -i $(BUILD_NEEDS)
deps-check:
	@test/packages -i $(BUILD_NEEDS) $(CHECK_NEEDS)
deps-lint:
	@test/packages -i $(LINT_NEEDS)

$B/%.c.o: %.c
	@mkdir -p $(@D)
	@echo "  CC   $<"
	@$(CC) $(ALL_CFLAGS) -c -o $@ $<

$B/%.S.o: %.S
	@mkdir -p $(@D)
	@echo "  AS   $<"
	@$(CC) $(ALL_CFLAGS) -c -o $@ $<

# The tool's self.c is compiled anew when the folders change.
$B/libdir: FORCE
	@mkdir -p $B
	@echo '$(LIB_FROM_BIN)' | cmp -s - $@ || echo '$(LIB_FROM_BIN)' >$@
FORCE:
$B/audit/tool/base/self.c.o: $B/libdir
$B/audit/tool/base/self.c.o: ALL_CFLAGS += -DGOAUDIT_LIB_FROM_BIN='"$(LIB_FROM_BIN)"'

$B/libgoaudit.so: $(AUDIT_OBJS) $B/libdlbind.a audit/libgoaudit.map
	@echo "  LINK $@"
	@$(CC) $(SOLDFLAGS) -Wl,-soname,libgoaudit.so.$(SOVERSION) \
		-Wl,--version-script=audit/libgoaudit.map -o $@ $(AUDIT_OBJS) $B/libdlbind.a $(LIBS)

# In a bundle libelf and libdw lie beside them, with what these need: that is found by
# DT_RPATH, and not by DT_RUNPATH.
BESIDE := -Wl,--disable-new-dtags,-rpath,'$$ORIGIN'
$B/libgoaudit-image.so: $(IMAGE_OBJS)
	@echo "  LINK $@"
	@$(CC) $(SOLDFLAGS) $(BESIDE) -o $@ $^ -lelf

$B/libgoaudit-dwarf.so: $(COMPARE_OBJS) $B/audit/image/elf.c.o
	@echo "  LINK $@"
	@$(CC) $(SOLDFLAGS) $(BESIDE) -o $@ $^ -ldw -lelf

# Without debug information of the entries: gdb is to step through them.
$B/libgoaudit-entries.so: audit/entry/host/entries_x86_64.S audit/entry/host/panic.c \
		audit/entry/host/unwound.c audit/core/layout.h audit/entry/panic_calls.h audit/go/protocol.h
	@mkdir -p $(@D)/audit/entry/host
	@$(CC) $(CFLAGS) -g0 -fPIC -c -o $B/audit/entry/host/entries.o audit/entry/host/entries_x86_64.S
	@$(CC) $(CFLAGS) -fPIC -c -o $B/audit/entry/host/panic.o audit/entry/host/panic.c
	@$(CC) $(CFLAGS) -fPIC -c -o $B/audit/entry/host/unwound.o audit/entry/host/unwound.c
	@$(CC) $(CFLAGS) -shared -nostdlib -Wl,-Bsymbolic -o $@ $B/audit/entry/host/entries.o \
		$B/audit/entry/host/panic.o $B/audit/entry/host/unwound.o

$B/goaudit: $(TOOL_OBJS) $(IMAGE_OBJS)
	@echo "  LINK $@"
	@$(CC) -o $@ $^ -lelf

$B/goaudit-dfly: $(DFLY_OBJS)
	@echo "  LINK $@"
	@$(CC) -nostdlib -nostartfiles -static-pie -Wl,-z,noexecstack -Wl,-z,relro -Wl,-z,now -o $@ $^

$B/libgoaudit.so-gdb.py:
	@mkdir -p $B
	@ln -sfn ../gdb-scripts/goaudit-gdb.py $@

$B/exe/exe.o: audit/go/exe/exe_x86_64.S
	@mkdir -p $(@D)
	@$(CC) -c -o $@ $<

$B/exe/exe.list: audit/go/exe/exe.list
	@mkdir -p $(@D)
	@cp $< $@

$B/overlay $B/linker $B/guest:
	@mkdir -p $B
	@ln -sfn ../audit/go/$(@F) $@

$B/test/demo-host: test/demo/host.c include/goaudit.h
	@mkdir -p $(@D)
	@$(CC) -O2 -g -Wall -Wextra -Werror -Iinclude -o $@ $< $(LIBS)

$B/test/bench $B/test/swap $B/test/proof $B/test/watched $B/test/stepped $B/test/copies: $B/test/%: test/bench/%.c test/bench/measure.h \
		include/goaudit.h
	@mkdir -p $(@D)
	@$(CC) -O2 -g -D_GNU_SOURCE -Wall -Wextra -Werror -Iinclude -o $@ $< $(LIBS)

# The module that tests use.  GOAUDIT_TEST_UNLINK: test/unload's negative controls leave
# parts of the check out, and the benchmark the whole proof.  GOAUDIT_TEST_FAILING: calls
# fail (test/unit/failing.c).  Locks have ranks (test/unit/ranks.c).  The module that users get has no such things.
FAILING := malloc calloc realloc strdup mmap mprotect fstat ftruncate read pread write \
	dlmopen open openat
RANKED := $(addprefix pthread_,mutex_lock mutex_trylock mutex_unlock rwlock_rdlock rwlock_wrlock rwlock_unlock \
	cond_wait cond_clockwait)
$(SWITCHES)/libgoaudit.so: $(AUDIT_OBJS) $B/libdlbind.a audit/libgoaudit.map test/unit/failing.c test/unit/ranks.c \
		test/unit/failing.h test/unit/wrap.h
	@mkdir -p $(@D)
	@$(CC) $(ALL_CFLAGS) -c -o $(SWITCHES)/failing.o test/unit/failing.c
	@$(CC) $(ALL_CFLAGS) -c -o $(SWITCHES)/ranks.o test/unit/ranks.c
	@$(CC) $(ALL_CFLAGS) -DGOAUDIT_TEST_SWITCHES -c -o $(SWITCHES)/gort.c.o audit/adapter/go/gort.c
	@$(CC) $(SOLDFLAGS) -Wl,--version-script=audit/libgoaudit.map -o $@ \
		$(patsubst %,-Xlinker --wrap=%,$(FAILING) $(RANKED)) $(filter-out %/gort.c.o,$(AUDIT_OBJS)) \
		$(SWITCHES)/gort.c.o $(SWITCHES)/failing.o $(SWITCHES)/ranks.o $B/libdlbind.a $(LIBS)
	@ln -sf ../../libgoaudit-image.so ../../libgoaudit-dwarf.so ../../libgoaudit-entries.so $(@D)

$B/test/unit/audit: test/unit/audit.c $(AUDIT_OBJS) $B/libdlbind.a
	@mkdir -p $(@D)
	@$(CC) $(ALL_CFLAGS) -o $@ $< $(AUDIT_OBJS) $B/libdlbind.a \
		$$(pkg-config --cflags --libs check) $(LIBS)

# It puts its own malloc before libc's.
$B/test/unit/%: test/unit/%.c $(IMAGE_OBJS) $(COMPARE_OBJS)
	@mkdir -p $(@D)
	@$(CC) $(ALL_CFLAGS) -fvisibility=default -o $@ $< $(IMAGE_OBJS) $(COMPARE_OBJS) -ldw -lelf \
		$$(pkg-config --cflags --libs check) $(LIBS)

# Instrumented, so from the sources.  Without the tool's main.  The guided one is of clang,
# and made by `make fuzz' alone.
FUZZED := test/fuzz/target.c $(wildcard audit/image/*.c audit/image/compare/*.c audit/tool/base/*.c \
	audit/tool/inspect/*.c) audit/core/rows.c audit/core/arguments_x86_64.c
FUZZ_FLAGS = $(filter-out -MMD -MP,$(ALL_CFLAGS)) -O1 -g -fno-sanitize-recover=all
FUZZ_HEADERS := $(wildcard audit/core/*.h audit/tool/*/*.h audit/image/*.h audit/image/*/*.h)
$B/test/fuzz: test/fuzz/fuzz.c $(FUZZED) $(FUZZ_HEADERS)
	@mkdir -p $(@D)
	@echo "  CC   $@"
	@$(CC) $(FUZZ_FLAGS) -fsanitize=address,undefined -o $@ test/fuzz/fuzz.c $(FUZZED) -ldw -lelf

$B/test/fuzz-guided: $(FUZZED) $(FUZZ_HEADERS)
	@mkdir -p $(@D)
	@echo "  CC   $@"
	@clang $(FUZZ_FLAGS) -fsanitize=fuzzer,address,undefined -o $@ $(FUZZED) -ldw -lelf

include dlbind/build.mk
include test/lint.mk

-include $(shell find $B -name '*.d' 2>/dev/null)

.PHONY: test-programs
test-programs: deps-check
	@$(MAKE) -s --no-print-directory $(PRODUCTS)
	@$(MAKE) -s --no-print-directory $(TEST_PROGRAMS)

.PHONY: demo
demo: deps-demo
	@$(MAKE) -s --no-print-directory $(PRODUCTS) $B/test/demo-host
	@test/demo/run

.PHONY: check
check: test-programs
	@$B/goaudit runtime
	@test/run

# The same against an installed tree; `make check' has a short form of it.
.PHONY: check-installed
check-installed: test-programs
	@$B/goaudit runtime
	@test/installed

.PHONY: bench
bench: test-programs
	@$B/goaudit runtime
	@test/bench/run

# Beside the projects that README compares with; fetches them.
.PHONY: bench-peers
bench-peers: test-programs
	@$B/goaudit runtime
	@test/bench/peers/run

.PHONY: soak
soak: test-programs
	@$B/goaudit runtime
	@test/soak/run
	@test/unload/run-soak
	@GOAUDIT_TEST_PATHS=100000 test/run -v reopen/names-used-once
	@GOAUDIT_TEST_INSTANCES=most test/guests/t-instances.sh
	@GOAUDIT_TEST_INSTANCES=1000 test/guests/t-instances-of-languages.sh
	@GOAUDIT_TEST_RELOADS=10000 test/reload/t-lasting-addresses.sh
	@GOAUDIT_TEST_FAILURES=1000 test/reload/t-failed-reloads.sh
	@GOAUDIT_TEST_SWEEPS=1000 test/reload/t-failing-calls.sh
	@GOAUDIT_RELOADS=1000 test/run -v http-hot-swap
	@SECONDS_UNDER_LOAD=60 test/run -v status-under-load

# Popular modules in guests, alone and over package libraries; fetches them.
.PHONY: modules
modules: test-programs
	@$B/goaudit runtime
	@test/modules/run

# Programs for DragonFly: a table of std's packages, Go's own tools, a thousand runs.
.PHONY: dfly
dfly: test-programs
	@test/dfly/run

# Ten million hostile images and pairs of such, guided by what code they reach.  Wants
# clang, and libFuzzer (Debian: libclang-rt-N-dev).
.PHONY: fuzz
fuzz: test-programs $B/test/fuzz-guided
	@$B/goaudit runtime
	@test/fuzz/guided

# The tests over releases of glibc and Go; downloads what it needs.
.PHONY: matrix
matrix:
	@test/matrix/run
	@test/matrix/debuggers

include audit/package/install.mk

.PHONY: clean
clean:
	rm -rf $B
