#!/bin/bash
# The layers: each folder includes only what the list gives it, and no two files of audit/,
# dlbind/ or tool/ lead to each other by includes, directly or through others.
. "$(dirname "$0")/../lib.sh"
command -v python3 >/dev/null || skip "no python3"

cat >layers.py <<'P'
import os, re, sys

root = sys.argv[1]
# folder: what it may include besides itself
layers = {
    "dlbind": "",
    "audit/core": "dlbind",
    "audit/loader": "dlbind audit/core",
    "audit/guest": "dlbind audit/core audit/loader audit/image audit/image/compare",
    "audit/entry": "dlbind audit/core audit/loader audit/guest",
    "audit/entry/host": "audit/core audit/go audit/entry",
    "audit/adapter": "dlbind audit/core audit/loader audit/guest audit/entry audit/image audit/adapter/go",
    "audit/adapter/go": "dlbind audit/core audit/loader audit/guest audit/entry audit/image audit/image/compare audit/go audit/adapter",
    "audit/reload": "dlbind audit/core audit/loader audit/guest audit/entry audit/adapter audit/image audit/image/compare",
    "audit/api": "dlbind audit/core audit/loader audit/guest audit/entry audit/adapter audit/reload audit/image",
    "audit/image": "audit/core audit/go dlbind",
    "audit/image/compare": "audit/core audit/image audit/go",
}
tool = {
    "audit/tool/base": "",
    "audit/tool/runtime": "audit/tool/base",
    "audit/tool/inspect": "audit/tool/base audit/tool/runtime",
    "audit/tool/share": "audit/tool/base audit/tool/runtime",
    "audit/tool/build": "audit/tool/base audit/tool/runtime audit/tool/inspect audit/tool/share",
    "audit/tool/deploy": "audit/tool/base audit/tool/inspect",
    "audit/tool/live": "audit/tool/base audit/tool/inspect audit/tool/build",
    "audit/tool": "audit/tool/base audit/tool/runtime audit/tool/share audit/tool/inspect audit/tool/build audit/tool/deploy audit/tool/live",
    "audit/tool/dfly": "",
}
for folder in tool:
    if folder != "audit/tool/dfly":
        tool[folder] += " audit/core audit/image audit/go dlbind"
layers.update(tool)
bad = 0
graph = {}
include = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)

def say(text):
    global bad
    bad += 1
    print(text)

def module(path):
    return re.sub(r"\.[chS]$", "", path)

files = [os.path.relpath(os.path.join(d, f), root)
         for top in ("audit", "dlbind") for d, _, fs in os.walk(os.path.join(root, top))
         for f in fs if re.search(r"\.[chS]$", f)]
for path in sorted(files):
    folder = os.path.dirname(path)
    if re.search(r"/(examples|go)(/|$)", path):
        continue
    if folder not in layers:
        say("%s: a folder without a place in the list" % folder)
        continue
    with open(os.path.join(root, path)) as f:
        names = include.findall(f.read())
    for name in names:
        if os.path.exists(os.path.join(root, "include", name)):
            continue
        found = next((os.path.relpath(os.path.normpath(os.path.join(root, base, name)), root)
                      for base in (folder, "audit", "", "audit/tool")
                      if os.path.exists(os.path.join(root, base, name))), None)
        if found is None:
            say("%s: %s is nowhere" % (path, name))
            continue
        to = os.path.dirname(found)
        if to != folder and to not in layers[folder].split():
            say("%s: includes %s, which is not below it" % (path, found))
        graph.setdefault(module(path), set()).add(module(found))

# Who asks which language it is: outside of the adapters nobody does.
languages = re.compile(r"gort|go_(adapter|module|held|init|move|unlink|settle)\b|is_go\b|\bGO_[A-Z]")
# The public record says it.
may = {"audit/guest/registry.c": "gen->info->is_go = s->facts.kind == IMAGE_GO_GUEST;"}
for path in sorted(files):
    if re.match(r"audit/(reload|guest|entry|api)/(?!host/)", path):
        with open(os.path.join(root, path)) as f:
            for i, line in enumerate(f, 1):
                if languages.search(line) and line.strip() != may.get(path):
                    say("%s:%d: asks for a language: %s" % (path, i, line.strip()))

# A circle: from a module through others back to it.
def reach(start):
    seen, todo = set(), [start]
    while todo:
        for n in graph.get(todo.pop(), ()):
            if n not in seen and n != start or n == start and n not in seen:
                seen.add(n)
                todo.append(n)
    return seen
for m in sorted(graph):
    graph[m].discard(m)
for m in sorted(graph):
    if m in reach(m):
        say("%s: includes itself through others" % m)
sys.exit(bad != 0)
P
python3 layers.py "$ROOT" || fail "the layers are not kept"

# It can fail: an include that goes up, and a circle.
mkdir -p tree/audit tree/include
cp -r "$ROOT/dlbind" tree
cp -r "$ROOT"/audit/{core,loader,guest,entry,adapter,reload,api,image,tool,go} tree/audit
cp "$ROOT"/include/*.h tree/include
sed -i '1i #include "reload/reaper.h"' tree/audit/guest/registry.c
python3 layers.py tree >out && fail "an include that goes up is not seen"
grep -q 'registry.c: includes audit/reload/reaper.h, which is not below it' out
cp "$ROOT/audit/guest/registry.c" tree/audit/guest
sed -i '1i #include "guest/registry.h"' tree/audit/guest/stamp.h
sed -i '1i #include "guest/stamp.h"' tree/audit/guest/registry.h
python3 layers.py tree >out && fail "a circle is not seen"
grep -q 'audit/guest/stamp: includes itself through others' out
cp "$ROOT"/audit/guest/{stamp,registry}.h tree/audit/guest
python3 layers.py tree >out || fail "$(cat out)"
sed -i 's/gen->reaped/gen->info->is_go/' tree/audit/reload/retire.c
python3 layers.py tree >out && fail "a question of language is not seen"
grep -q 'retire.c:[0-9]*: asks for a language' out
