#!/bin/bash
# A function that is called with core.lock says so by its name, which ends in _locked, or in
# _forked for the child of a fork: who calls one is such a function itself or has taken the
# lock before in its own body; no such function takes it, and no other one has a contract
# that wants it.
. "$(dirname "$0")/../lib.sh"
command -v python3 >/dev/null || skip "no python3"

cat >suffixes.py <<'P'
import glob, re, sys

root, functions, contracts = sys.argv[1], [], 0
wants = re.compile(r"_locked$|_forked(_child|_parent)?$|_forking$")
lock = r"pthread_mutex_%s\(&[\w>.\-]*core(?:->|\.)lock\)"
event = re.compile(lock % "lock" + r"|\b(\w+)\(")

def blank(m):
    return re.sub(r"[^\n]", " ", m.group())

def say(path, text, at, what):
    print("%s:%d: %s" % (path[len(root) + 1:], text.count("\n", 0, at) + 1, what))

for layer in "core loader guest entry adapter adapter/go reload api".split():
    for path in sorted(glob.glob("%s/audit/%s/*.[ch]" % (root, layer))):
        text = open(path).read()
        # A comment that wants the lock, and the function behind it.
        for m in re.finditer(r"/\*((?:[^*]|\*(?!/))*)\*/\n([^\n;{}/#][^;{}/]*?)(\w+)\([^;{}]*\)[;\n]", text):
            if re.search(r"(?<!not w)(?<!or )With\s+(\*\s+)?(core\.lock|our lock)(?!,? or)", m.group(1)):
                contracts += 1
                if not wants.search(m.group(3)):
                    say(path, text, m.start(3), "%s wants core.lock: end its name in _locked" % m.group(3))
        code = re.sub(r"/\*.*?\*/", blank, text, flags=re.S)
        code = re.sub(r'"(\\.|[^"\\\n])*"', blank, code)
        for m in re.finditer(r"^[A-Za-z_][^\n;{}#]*?\b(\w+)\([^;{}]*?\)\n\{\n(.*?)^\}", code, re.S | re.M):
            name, held = m.group(1), wants.search(m.group(1))
            functions.append(name)
            takes = re.search(lock % "(un)?lock", m.group(2))
            if name.endswith("_locked") and takes and not takes.group(1):
                say(path, code, m.start(1), "%s takes the lock that it is called with" % name)
            for e in event.finditer(m.group(2)):
                if not e.group(1):
                    held = True
                elif e.group(1).endswith("_locked") and not held:
                    say(path, code, m.start(2) + e.start(), "%s calls %s without the lock" % (name, e.group(1)))
locked = sum(f.endswith("_locked") for f in functions)
print("%d functions, %s" % (len(functions), "enough" if locked >= 60 and contracts >= 30 else
                            "only %d with the suffix, %d contracts" % (locked, contracts)))
P

expect_output_of() { python3 suffixes.py "$1" | sed 's/^[0-9]* functions/N functions/'; }
expect_output expect_output_of "$ROOT" <<<'N functions, enough'

# The control: each rule broken once.
mkdir -p tree/audit && cp -r "$ROOT"/audit/{core,loader,guest,entry,adapter,reload,api} tree/audit/
cat >tree/audit/guest/bad.c <<'C'
static void without(struct guests *gs, struct guest *guest)
{
	registry_keep_locked(gs, guest);
	pthread_mutex_lock(&gs->core->lock);
	registry_keep_locked(gs, guest);
	pthread_mutex_unlock(&gs->core->lock);
}

static void twice_locked(struct guests *gs)
{
	pthread_mutex_lock(&gs->core->lock);
}

/* Changes it.  With core.lock. */
static void change(struct guest *guest)
{
	guest->kept++;
}
C
expect_output expect_output_of tree <<'E'
audit/guest/bad.c:15: change wants core.lock: end its name in _locked
audit/guest/bad.c:3: without calls registry_keep_locked without the lock
audit/guest/bad.c:9: twice_locked takes the lock that it is called with
N functions, enough
E
