# `make lint': what tools say of the sources without running them; rules that the Makefile
# includes, for test/lint, which says what was not run.  What is clean is not looked at
# again before it changes (.build/lint).

L := $B/lint
.PHONY: lint
lint:
	@test/lint

ifneq ($(filter lint-%,$(MAKECMDGOALS)),)
# A source is no program that make would build by itself.
%: %.c
%: %.sh
%: %.o
LINT_STYLED := $(shell find audit dlbind include test -name '*.[ch]')
LINT_HEADERS := $(filter %.h,$(LINT_STYLED))
# C that the Makefile compiles, and hosts that the tests do.
LINT_C := $(filter-out audit/examples/% dlbind/examples/%,$(wildcard $(LAYERS:%=audit/%/*.c) audit/*/*/*.c \
	audit/image/*.c audit/tool/*.c dlbind/*.c test/bench/*.c test/dlbind/*.c test/demo/*.c test/fuzz/*.c \
	test/hosts/*.c test/soak/*.c test/unit/*.c))
LINT_ANALYZED := $(filter audit/% dlbind/%,$(LINT_C))
LINT_SHELL := $(sort $(shell grep -rlE '^\#!(/usr)?/bin/(env )?(ba)?sh' .ci test) $(wildcard test/*.sh test/*/[a-z]*.sh))
LINT_PYTHON := $(wildcard gdb-scripts/*.py test/*.py)

LINT_FLAGS = $(filter-out -MMD -MP -O2 -g,$(ALL_CFLAGS)) -Idlbind -Idlbind/examples \
	-DGOAUDIT_LIB_FROM_BIN='""' -fsyntax-only
# As test/lib.sh compiles them.
LINT_HOSTS := -Itest/hosts -Wno-unused -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers

# gcc 12's analyzer loses sight of memory that a table or a struct owns, so every one of
# its leaks is false; and at -O1 the bound of strnlen is taken for a size.
LINT_ANALYZER := -O1 -fanalyzer -Wno-analyzer-malloc-leak -Wno-stringop-overread
# A member of a struct that is freed twice in its eyes, since a call between may change it.
$L/analyzer/audit/tool/build/pkgdir.c: LINT_ANALYZER += -Wno-analyzer-double-free
# What assembly writes it takes for uninitialized, and tables that the linker makes for NULL.
$L/analyzer/audit/tool/dfly/%: LINT_ANALYZER += -Wno-analyzer-use-of-uninitialized-value \
	-Wno-analyzer-null-dereference -Wno-analyzer-shift-count-negative
LINT_DFLY := -ffreestanding -mgeneral-regs-only -fPIE
$L/clang/audit/tool/dfly.clean: LINT_FLAGS += $(LINT_DFLY)
$L/analyzer/audit/tool/dfly/%: LINT_FLAGS += $(LINT_DFLY)
$L/clang/test/hosts.clean $L/clang/test/soak.clean: LINT_FLAGS += $(LINT_HOSTS)

# Runs a command whose output matters only where it fails: lint COMMAND
define lint
	@mkdir -p $(@D)
	@$(1) >$@.out 2>&1 || { cat $@.out; rm $@.out; exit 1; }
	@mv $@.out $@
endef

# Some tools take longer to start than to look at a file: they are started for a folder, or
# for all.  Of its files, those which have changed; all, where something else has: LIST
changed = $(filter $(1),$(if $(filter-out $(1),$?),$^,$?))
# in LIST FOLDER: its files there.
in = $(foreach f,$(1),$(if $(filter $(2)/,$(dir $f)),$f))
folders = $(sort $(patsubst %/,%,$(dir $(1))))

$L/format.clean: $(LINT_STYLED) .clang-format
	$(call lint,clang-format --dry-run -Werror $(call changed,$(LINT_STYLED)))
define clang_folder
$L/clang/$(1).clean: $(call in,$(LINT_C),$(1)) .clang-tidy test/lint.mk $(LINT_HEADERS)
	$$(call lint,clang-tidy --quiet $$(call changed,$(call in,$(LINT_C),$(1))) -- $$(LINT_FLAGS))
endef
$(foreach f,$(call folders,$(LINT_C)),$(eval $(call clang_folder,$f)))
define shell_folder
$L/shell/$(1).clean: $(call in,$(LINT_SHELL),$(1)) .shellcheckrc test/lint.mk
	$$(call lint,shellcheck -f gcc $$(call changed,$(call in,$(LINT_SHELL),$(1))))
endef
$(foreach f,$(call folders,$(LINT_SHELL)),$(eval $(call shell_folder,$f)))
$L/analyzer/%: % test/lint.mk $(LINT_HEADERS)
	$(call lint,gcc $(filter-out -fsyntax-only,$(LINT_FLAGS)) $(LINT_ANALYZER) -S -o /dev/null $<)
# Without a .pyc beside it.
$L/python/%: %
	$(call lint,python3 -W error -c 'import sys; compile(open(sys.argv[1]).read()$(comma) sys.argv[1]$(comma) "exec")' $<)
comma := ,

# In a list without a file nothing would be found.
listed = $(if $(strip $($(1))),,$(error $(1) is empty))
.PHONY: lint-format lint-clang lint-analyzer lint-shell lint-python
lint-format: $L/format.clean
	$(call listed,LINT_STYLED)
lint-clang: $(patsubst %,$L/clang/%.clean,$(call folders,$(LINT_C)))
	$(call listed,LINT_C)
lint-analyzer: $(LINT_ANALYZED:%=$L/analyzer/%)
	$(call listed,LINT_ANALYZED)
lint-shell: $(patsubst %,$L/shell/%.clean,$(call folders,$(LINT_SHELL)))
	$(call listed,LINT_SHELL)
lint-python: $(LINT_PYTHON:%=$L/python/%)
	$(call listed,LINT_PYTHON)
endif
