# goaudit: make demo, make check; see README.md.

VERSION := 0.1.0
B := .build
CC := gcc
CFLAGS ?= -O2 -g
ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -fPIC \
	-fvisibility=hidden -Iinclude -Iaudit -MMD -MP \
	-DGOAUDIT_VERSION='"$(VERSION)"' $(CFLAGS)
SOLDFLAGS := -shared -Wl,-z,defs -Wl,-z,relro -Wl,-z,now -Wl,--as-needed

AUDIT_OBJS := $(patsubst %,$B/%.o,$(wildcard audit/*.c audit/*.S))
IMAGE_SRCS := $(filter-out audit/image/image_dwarf.c,$(wildcard audit/image/*.c))
IMAGE_OBJS := $(patsubst %,$B/%.o,$(IMAGE_SRCS))
TOOL_OBJS := $(patsubst %,$B/%.o,$(wildcard audit/tool/*.c))

PRODUCTS := $B/libgoaudit.so $B/libgoaudit-image.so $B/libgoaudit-tiny.so \
	$B/libgoaudit-mainstub.so $B/goaudit $B/overlay

.PHONY: all
all: $(PRODUCTS)

$B/%.c.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$B/%.S.o: %.S
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$B/libgoaudit.so: $(AUDIT_OBJS) audit/libgoaudit.map
	$(CC) $(SOLDFLAGS) -Wl,--version-script=audit/libgoaudit.map -o $@ $(AUDIT_OBJS)

$B/libgoaudit-image.so: $(IMAGE_OBJS)
	$(CC) $(SOLDFLAGS) -o $@ $(IMAGE_OBJS) -lelf

$B/libgoaudit-tiny.so: audit/base/tiny.c
	$(CC) $(CFLAGS) -shared -fPIC -nostdlib -o $@ $<

$B/libgoaudit-mainstub.so: audit/base/mainstub.c
	$(CC) $(CFLAGS) -shared -fPIC -nostdlib -o $@ $<

$B/goaudit: $(TOOL_OBJS) $(IMAGE_OBJS)
	$(CC) -o $@ $^ -lelf

$B/overlay:
	@mkdir -p $B
	ln -sfn ../audit/go/overlay $@

-include $(shell find $B -name '*.d' 2>/dev/null)
