# libdlbind: rules that the Makefile includes.

DLBIND_OBJS := $(patsubst %,$B/%.o,$(wildcard dlbind/*.c))
DLBIND_SONAME := libdlbind.so.1
OBJCOPY ?= objcopy

PACKAGES += valgrind:valgrind

# Its objects outlive its users: it is never unloaded.
$B/$(DLBIND_SONAME): $(DLBIND_OBJS) dlbind/libdlbind.map
	@echo "  LINK $@"
	@$(CC) $(SOLDFLAGS) -Wl,-z,nodelete -Wl,-soname,$(DLBIND_SONAME) \
		-Wl,--version-script=dlbind/libdlbind.map -o $@ $(DLBIND_OBJS) $(LIBS)

$B/libdlbind.so: $B/$(DLBIND_SONAME)
	@ln -sfn $(DLBIND_SONAME) $@

# One object whose inner names are local, so that it can be linked into anything; and
# dlreload, which an embedder may have one of its own of.
$B/libdlbind.a: $(DLBIND_OBJS)
	@echo "  AR   $@"
	@$(LD) -r -o $B/dlbind/libdlbind.o $(filter-out %/reload.c.o,$(DLBIND_OBJS))
	@$(OBJCOPY) --localize-hidden $B/dlbind/libdlbind.o
	@rm -f $@
	@$(AR) rcs $@ $B/dlbind/libdlbind.o $B/dlbind/reload.c.o
DLBIND_WRAPPED := malloc calloc realloc strdup mmap madvise mprotect ftruncate write \
	dlopen open
DLBIND_TEST_CFLAGS := -std=gnu11 -O1 -g -D_GNU_SOURCE -Wall -Wextra -Werror -Iinclude -Idlbind \
	-Idlbind/examples

# The static library: its own calls can be wrapped.
$B/test/unit/dlbind%: test/unit/dlbind%.c test/unit/dlbind_shared.h test/unit/wrap.h $B/libdlbind.a \
		include/dlbind.h
	@mkdir -p $(@D)
	@$(CC) $(DLBIND_TEST_CFLAGS) -rdynamic -o $@ $< $B/libdlbind.a \
		$(if $(filter %_failures,$@),$(patsubst %,-Xlinker --wrap=%,$(DLBIND_WRAPPED))) \
		$$(pkg-config --cflags --libs check) $(LIBS)

# An empty stem does not match the pattern above.
$B/test/unit/dlbind: test/unit/dlbind.c test/unit/dlbind_shared.h $B/libdlbind.a include/dlbind.h
	@mkdir -p $(@D)
	@$(CC) $(DLBIND_TEST_CFLAGS) -rdynamic -o $@ $< $B/libdlbind.a \
		$$(pkg-config --cflags --libs check) $(LIBS)

$B/test/dlbind-%: test/dlbind/%.c $B/libdlbind.so include/dlbind.h
	@mkdir -p $(@D)
	@$(CC) $(DLBIND_TEST_CFLAGS) -O2 -o $@ $< -L$B -ldlbind -Wl,-rpath,'$$ORIGIN/..' $(LIBS)

$B/test/dlbind-bench: test/bench/measure.h

# A million random steps; `make check` runs fewer.
.PHONY: soak-dlbind
soak-dlbind: $B/test/dlbind-property
	@$B/test/dlbind-property 1000000 $${SEED:-$$(date +%s)}

.PHONY: bench-dlbind
bench-dlbind: $B/test/dlbind-bench
	@test/dlbind/bench

bench: bench-dlbind
soak: soak-dlbind
