# make install, uninstall, dist, deb: rules that the Makefile includes.

D = $(DESTDIR)
# What nobody links with: the audit module's companions, the files for Go's
# standard library and linker, and the package for Go hosts.
PRIVATE = $D$(libdir)/goaudit
COMPANIONS := $(filter $B/libgoaudit-%.so,$(LIBRARIES)) $B/goaudit-dfly
HEADERS := $(wildcard include/*.h)
MAN_PAGES := $(wildcard audit/man/* dlbind/man/*)
# "SECTION PAGE NAME" of each other name in a page's first section, but for those that
# have a page of their own.
MAN_LINKS = for page in $(MAN_PAGES); do \
		base=$${page\#\#*/}; section=$${base\#\#*.}; \
		sed -n '/^.Sh NAME/,/^.Sh [^N]/s/^\.Nm \([A-Za-z_0-9]*\).*/\1/p' $$page | while read -r name; do \
			case " $(notdir $(MAN_PAGES)) " in *" $$name.$$section "*) ;; \
			*) echo "$$section $$base $$name" ;; esac; done; done
# Where gdb looks for what belongs to a library, by the library's full name.
GDB_SCRIPT = $(prefix)/share/gdb/auto-load$(libdir)/libgoaudit.so.$(VERSION)-gdb.py

.PHONY: install
install:
	@$(MAKE) -s --no-print-directory all
	install -d $D$(bindir) $D$(libdir)/pkgconfig $(PRIVATE) $D$(includedir) $D$(completiondir) \
		$D$(zshdir) $D$(fishdir)
	install -m 755 $B/goaudit $D$(bindir)/goaudit
	install -m 755 $B/libgoaudit.so $D$(libdir)/libgoaudit.so.$(VERSION)
	ln -sf libgoaudit.so.$(VERSION) $D$(libdir)/libgoaudit.so.$(SOVERSION)
	ln -sf libgoaudit.so.$(SOVERSION) $D$(libdir)/libgoaudit.so
	install -m 755 $(COMPANIONS) $(PRIVATE)
	rm -rf $(PRIVATE)/overlay $(PRIVATE)/linker $(PRIVATE)/guest $(PRIVATE)/exe
	cd audit/go && find overlay linker guest -type f ! -name README \
		-exec install -D -m 644 {} $(abspath $(PRIVATE))/{} \;
	install -D -m 644 -t $(PRIVATE)/exe $B/exe/exe.o $B/exe/exe.list
	install -D -m 644 gdb-scripts/goaudit-gdb.py $D$(GDB_SCRIPT)
	install -D -m 644 gdb-scripts/goaudit.star gdb-scripts/goaudit.lldb -t $D$(prefix)/share/goaudit
	install -m 755 $B/$(DLBIND_SONAME) $D$(libdir)/$(DLBIND_SONAME)
	ln -sf $(DLBIND_SONAME) $D$(libdir)/libdlbind.so
	install -m 644 $B/libdlbind.a $D$(libdir)
	install -m 644 $(HEADERS) $D$(includedir)
	for pc in audit/package/goaudit.pc.in dlbind/dlbind.pc.in; do \
		sed -e 's|@prefix@|$(prefix)|; s|@includedir@|$(includedir)|; s|@libdir@|$(libdir)|; s|@version@|$(VERSION)|' \
			$$pc >$D$(libdir)/pkgconfig/$$(basename $$pc .in) || exit 1; done
	for page in $(MAN_PAGES); do \
		install -D -m 644 $$page $D$(mandir)/man$${page##*.}/$${page##*/} || exit 1; done
	$(MAN_LINKS) | while read -r section page name; do \
		echo ".so man$$section/$$page" >$D$(mandir)/man$$section/$$name.$$section || exit 1; done
	install -m 644 audit/package/completion.bash $D$(completiondir)/goaudit
	install -m 644 audit/package/completion.zsh $D$(zshdir)/_goaudit
	install -m 644 audit/package/completion.fish $D$(fishdir)/goaudit.fish
	@[ -n "$D" ] || ldconfig || \
		echo "make: run ldconfig as root, so that LD_AUDIT=libgoaudit.so is found"

.PHONY: uninstall
uninstall:
	rm -f $D$(bindir)/goaudit $D$(completiondir)/goaudit $D$(zshdir)/_goaudit \
		$D$(fishdir)/goaudit.fish $D$(GDB_SCRIPT) \
		$(addprefix $D$(prefix)/share/goaudit/,goaudit.star goaudit.lldb) \
		$(addprefix $D$(libdir)/,libgoaudit.so libgoaudit.so.$(SOVERSION) \
			libgoaudit.so.$(VERSION) $(DLBIND_SONAME) libdlbind.so libdlbind.a \
			pkgconfig/goaudit.pc pkgconfig/dlbind.pc) \
		$(addprefix $D$(includedir)/,$(notdir $(HEADERS)))
	rm -f $(addprefix $(PRIVATE)/,$(notdir $(COMPANIONS)))
	rm -rf $(PRIVATE)/overlay $(PRIVATE)/linker $(PRIVATE)/guest $(PRIVATE)/exe
	[ ! -d $D$(prefix)/share/goaudit ] || rmdir --ignore-fail-on-non-empty $D$(prefix)/share/goaudit
	[ ! -d $(PRIVATE) ] || rmdir --ignore-fail-on-non-empty $(PRIVATE)
	for page in $(MAN_PAGES); do rm -f $D$(mandir)/man$${page##*.}/$${page##*/}; done
	$(MAN_LINKS) | while read -r section page name; do \
		rm -f $D$(mandir)/man$$section/$$name.$$section; done
	@[ -n "$D" ] || ldconfig || :

# What is committed, as a tar file that builds.
.PHONY: dist
dist:
	@mkdir -p $B
	@git archive --prefix=goaudit-$(VERSION)/ -o $B/goaudit-$(VERSION).tar.gz HEAD
	@echo $B/goaudit-$(VERSION).tar.gz

# A Debian package, with dpkg's own tools: the installed tree, stripped, with what
# it depends on as dpkg-shlibdeps finds it.
DEB := $B/goaudit_$(VERSION)_amd64.deb
DEB_TREE := $B/deb/debian/goaudit
.PHONY: deb
deb: all
	@rm -rf $B/deb
	@mkdir -p $(DEB_TREE)/DEBIAN
	@$(MAKE) -s --no-print-directory install DESTDIR=$(abspath $(DEB_TREE)) prefix=/usr >/dev/null
	@cp audit/package/control $B/deb/debian/control
	@cd $B/deb && dpkg-shlibdeps -O --ignore-missing-info -e debian/goaudit/usr/bin/goaudit \
		$$(find debian/goaudit -name '*.so*' -type f ! -name '*.py' -printf '-e %p ') \
		>depends 2>depends.log || { cat depends.log >&2; exit 1; }
	@cd $(DEB_TREE) && find usr/share/man -type f -exec gzip -9n {} + && \
		find . -name '*.so*' -type f ! -name '*.py' -exec strip --strip-unneeded {} + && \
		strip --strip-debug usr/lib/*/libdlbind.a && strip usr/bin/goaudit usr/lib/*/goaudit/goaudit-dfly && \
		install -D -m 644 $(CURDIR)/LICENSE usr/share/doc/goaudit/copyright && \
		gzip -9nc $(CURDIR)/audit/package/changelog >usr/share/doc/goaudit/changelog.gz && \
		find usr -type f -exec md5sum {} + >DEBIAN/md5sums && \
		echo 'activate-noawait ldconfig' >DEBIAN/triggers && \
		{ sed -n '/^Package:/,$$p' ../control; echo "Version: $(VERSION)"; \
		  sed 's/^shlibs:Depends=/Depends: /' ../../depends; \
		  echo "Installed-Size: $$(du -sk usr | cut -f1)"; } >DEBIAN/control
	@dpkg-deb --root-owner-group -b $(DEB_TREE) $(DEB) >/dev/null
	@rm -rf $B/deb
	@echo $(DEB)
