"""A client of the Debug Adapter Protocol, as VS Code is one, that follows a guest.

dap.py DLV PROGRAM GUEST-SOURCE LINE HOST-SOURCE LINE

Sets a breakpoint in the guest, which is not open yet, and one in the host behind each
reload, where the guest's breakpoints are taken away and set again.  Prints each stop in
the guest: function, line, the frames of main packages, and the local variables.
"""

import json
import os
import socket
import subprocess
import sys

dlv, program, guest, guest_line, host, host_line = sys.argv[1:]


class Client:
    def __init__(self, address):
        name, port = address.rsplit(":", 1)
        self.file = socket.create_connection((name, int(port))).makefile("rwb")
        self.sequence = 0
        self.events = []

    def receive(self):
        length = 0
        while True:
            line = self.file.readline()
            if not line:
                raise EOFError("the debugger has closed the connection")
            if not line.strip():
                break
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return json.loads(self.file.read(length))

    def send(self, command, arguments):
        self.sequence += 1
        body = json.dumps({"seq": self.sequence, "type": "request", "command": command,
                           "arguments": arguments}).encode()
        self.file.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.file.flush()
        return self.sequence

    def request(self, command, **arguments):
        number = self.send(command, arguments)
        while True:
            message = self.receive()
            if message["type"] == "event":
                self.events.append(message)
            elif message["type"] == "response" and message["request_seq"] == number:
                return message

    def event(self, *names):
        while True:
            for message in self.events:
                if message["event"] in names:
                    self.events.remove(message)
                    return message
            message = self.receive()
            if message["type"] == "event":
                self.events.append(message)


def breakpoints(client, path, lines):
    body = client.request("setBreakpoints", source={"path": path},
                          breakpoints=[{"line": int(line)} for line in lines])["body"]
    return [b["verified"] for b in body["breakpoints"]]


def show(client, thread, frames):
    scopes = client.request("scopes", frameId=frames[0]["id"])["body"]["scopes"]
    variables = client.request("variables",
                               variablesReference=scopes[0]["variablesReference"])
    values = ["%s=%s" % (v["name"], v["value"]) for v in variables["body"]["variables"]]
    own = [f["name"] for f in frames if f["name"].startswith("main.")]
    print("guest: line %d, %s, %s" % (frames[0]["line"], " < ".join(own),
                                      " ".join(sorted(values))))


def stops(client):
    while True:
        event = client.event("stopped", "terminated")
        if event["event"] == "terminated":
            return
        thread = event["body"].get("threadId", 1)
        if not client.request("threads")["body"]["threads"][0]["name"].startswith("*"):
            print("no current goroutine")
        reply = client.request("stackTrace", threadId=thread, startFrame=0, levels=50)
        frames = (reply.get("body") or {}).get("stackFrames", [])
        if not frames:
            print("stopped, no stack: %s" % reply.get("message"))
        elif frames[0].get("source", {}).get("path") == guest:
            show(client, thread, frames)
        else:       # in the host, behind a reload
            breakpoints(client, guest, [])
            breakpoints(client, guest, [guest_line])
        client.request("continue", threadId=thread)


server = subprocess.Popen([dlv, "dap", "--listen=127.0.0.1:0"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
try:
    client = Client(server.stdout.readline().split()[-1])
    client.request("initialize", adapterID="go", pathFormat="path", linesStartAt1=True,
                   columnsStartAt1=True)
    client.send("launch", {"request": "launch", "mode": "exec", "program": program,
                           "cwd": os.getcwd(), "outputMode": "remote",
                           "env": {"LD_AUDIT": os.environ["AUDIT"]}})
    client.event("initialized")
    print("before it is open:", breakpoints(client, guest, [guest_line]))
    breakpoints(client, host, [host_line])
    client.request("configurationDone")
    stops(client)
    client.send("disconnect", {"terminateDebuggee": True})
finally:
    server.kill()
