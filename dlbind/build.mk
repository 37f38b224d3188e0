# libdlbind: rules that the Makefile includes.

DLBIND_OBJS := $(patsubst %,$B/%.o,$(wildcard dlbind/*.c))
DLBIND_SONAME := libdlbind.so.1

LIBRARIES += $B/libdlbind.so $B/libdlbind.a

# Its objects outlive its users: it is never unloaded.
$B/$(DLBIND_SONAME): $(DLBIND_OBJS) dlbind/libdlbind.map
	@echo "  LINK $@"
	@$(CC) $(SOLDFLAGS) -Wl,-z,nodelete -Wl,-soname,$(DLBIND_SONAME) \
		-Wl,--version-script=dlbind/libdlbind.map -o $@ $(DLBIND_OBJS)

$B/libdlbind.so: $B/$(DLBIND_SONAME)
	@ln -sfn $(DLBIND_SONAME) $@

$B/libdlbind.a: $(DLBIND_OBJS)
	@echo "  AR   $@"
	@rm -f $@
	@$(AR) rcs $@ $(DLBIND_OBJS)
