# For gdb in batch mode: what the tests print, each line marked with "gdb: ".
import re

import gdb


def say(*what):
    print("gdb:", *what, flush=True)


def listed(end="/guest.so"):
    """How many objects of that name `info sharedlibrary' shows."""
    shown = gdb.execute("info sharedlibrary", to_string=True)
    return sum(1 for line in shown.splitlines() if line.endswith(end))


def value(expression):
    return re.sub(r"0x[0-9a-f]+", "ADDRESS", str(gdb.parse_and_eval(expression)))


def calls():
    """The names of all frames."""
    names, frame = [], gdb.newest_frame()
    while frame:
        names.append(frame.name() or "??")
        frame = frame.older()
    return names


def step_through(inside, limit=400):
    """Steps by instructions from main through functions of names that `inside' knows,
    and back; main has to be below each of them."""
    seen = set()
    for _ in range(limit):
        name = gdb.newest_frame().name() or "?"
        if inside(name):
            seen.add(name)
            if "main" not in calls():
                say("lost at", hex(gdb.newest_frame().pc()), calls())
        elif seen and name == "main":
            break
        gdb.execute("stepi", to_string=True)
    say("through", *sorted(seen))


def where():
    frame = gdb.selected_frame()
    sal = frame.find_sal()
    return "%s:%d in %s" % (
        sal.symtab.filename.split("/")[-1] if sal.symtab else "?", sal.line,
        frame.name())


class Call(gdb.Breakpoint):
    """Calls a function at each hit, and goes on."""

    def __init__(self, place, function):
        super().__init__(place)
        self.function = function

    def stop(self):
        self.function()
        return False


class Loads:
    """Counts how often gdb has read an object of that name."""

    def __init__(self, end="/guest.so"):
        self.end, self.count = end, 0
        gdb.events.new_objfile.connect(self.see)

    def see(self, event):
        self.count += event.new_objfile.filename.endswith(self.end)
