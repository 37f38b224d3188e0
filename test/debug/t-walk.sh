#!/bin/bash
# The walk in goaudit(7), with the guest and the host of README.md, word for word: each command
# as it stands there, and each line of output that is shown.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
. "$ROOT/test/gdb.sh"
[ -f "$ROOT/README.md" ] && [ -f "$ROOT/audit/man/goaudit.7" ] || skip "the sources are not here"
case $(go env GOVERSION) in go1.2[2-5]*) skip "the walk shows lines of Go 1.26" ;; esac
[ "$(gdb_major)" -lt 16 ] || skip "the walk shows what gdb before 16 prints"

cat >walk.py <<'P'
import re, sys
what, readme, manual = sys.argv[1:4]
text = open(readme).read()
text = text[text.index("## Ten lines"):]
man = open(manual).read()
man = man[man.index(".Ss A walk"):man.index(".Ss goaudit-gdb.py")]
blocks = [b.replace("\\&", "").splitlines() for b in
          re.findall(r"\.Bd -literal -offset indent\n(.*?)\.Ed\n", man, re.S)]

def shown(lines):
    """Commands of gdb, and the lines that follow each."""
    out = []
    for l in lines:
        if l.startswith("(gdb) "):
            out.append((l[6:], []))
        elif out:
            out[-1][1].append(l)
    return out

def pattern(line):
    p = re.escape(line).replace(re.escape("..."), ".*")
    p = re.sub(r"0x[0-9a-f]+", "0x[0-9a-f]+", p)
    p = re.sub(r"_cgoexp_[0-9a-f]+_", "_cgoexp_[0-9a-f]+_", p)
    p = re.sub(r"(cgocall\\\.go|asm_amd64\\\.s|_cgo_export\\\.c):[0-9]+", r"\1:[0-9]+", p)
    return p

if what == "sources":
    go, c = (re.search("```%s\n(.*?)```" % k, text, re.S).group(1) for k in ("go", "c"))
    open("guest/guest.go", "w").write(go)
    open("host.c", "w").write(c)
elif what == "shell":
    print("\n".join(l[2:] for l in blocks[0] + blocks[1] if l.startswith("$ ") and "gdb" not in l))
elif what == "gdb":
    audit = sys.argv[4]
    for n, block in enumerate(blocks[1:]):
        if n:
            print("shell sh ./again.sh")
        for command, _ in shown(block):
            print("echo (gdb) %s\\n" % command)
            print(command.replace("/path/to/libgoaudit.so", audit))
else:   # each line that is shown comes, in this order, behind its command
    log = open(sys.argv[4]).read().splitlines()
    at = 0
    for block in blocks[1:]:
        for command, lines in shown(block):
            at = log.index("(gdb) " + command, at) + 1
            end = next((i for i in range(at, len(log)) if log[i].startswith("(gdb) ")), len(log))
            for line in lines:
                if line == "...":
                    continue
                hit = [i for i in range(at, end) if re.fullmatch(pattern(line), log[i])]
                if not hit:
                    sys.exit("%s: not shown: %s" % (command, line))
                at = hit[0] + 1
P
walk() { python3 walk.py "$1" "$ROOT/README.md" "${MANUAL:-$ROOT/audit/man/goaudit.7}" "${@:2}"; }

mkdir guest
walk sources
grep -q 'edit, goaudit build, press return' host.c || fail "$(cat host.c)"
(cd guest && go mod init guest) >mod.txt 2>&1 || fail "$(cat mod.txt)"
walk shell >shell.sh
grep -q 'gcc -g host.c' shell.sh || fail "$(cat shell.sh)"
export CPATH=$ROOT/include PATH=$GOAUDIT_BUILD:$PATH LIBRARY_PATH=
sh -e ./shell.sh >build.txt 2>&1 || fail "$(cat build.txt)"

# The other terminal; return is for the host, which has gdb's standard input.
mkfifo in
exec 7<>in
cat >again.sh <<E
set -e
sed -i 's/generation 1/generation 2/' guest/guest.go
$(sed -n 1p shell.sh)
echo >in
E
walk gdb "$AUDIT" >commands
gdb -nx -q -batch -iex 'set debuginfod enabled off' -iex 'set auto-load no' -ex 'set width 0' \
	-ex 'set startup-with-shell off' -x commands ./a.out <in >gdb.log 2>&1 || true
walk check gdb.log || fail "$(cat gdb.log)"

# The control: another text is missed.
sed 's/"generation 2"/"generation 3"/' "$ROOT/audit/man/goaudit.7" >other.7
! MANUAL=other.7 walk check gdb.log 2>/dev/null || fail "the control passes"
