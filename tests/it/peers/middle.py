"""A go-between as nobody wants one, so that the tests can be seen to fail; and one that refuses `server/discover`.

middle.py KIND COMMAND…
"""

import json
import subprocess
import sys
import threading

KIND, *COMMAND = sys.argv[1:]
SERVER = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
#: Nobody waits for a log message, so that the conversation goes on whatever is done to it.
VICTIM = b'"notifications/message"'


def from_the_server():
    spoil = {"drops": drop, "reorders": reorder, "reformats": reformat, "repeats": repeat}.get(KIND)
    for line in SERVER.stdout:
        if spoil and VICTIM in line:
            say(spoil(line))
            spoil = None
        else:
            say(line)
    sys.stdout.close()


def drop(_line):
    return b""


def reorder(line):
    return SERVER.stdout.readline() + line


def reformat(line):
    return json.dumps(json.loads(line), separators=(" ,", " : ")).encode() + b"\n"


def repeat(line):
    return line + line


def say(line):
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def to_the_server():
    for line in sys.stdin.buffer:
        if KIND == "refuses-discover" and b'"server/discover"' in line:
            error = {"code": -32601, "message": "Method not found"}
            say(json.dumps({"jsonrpc": "2.0", "id": json.loads(line)["id"], "error": error}).encode() + b"\n")
        elif KIND == "forges" and b'"tools/call"' in line:
            SERVER.stdin.write(line.replace(b'"tools/call"', b'"tools\\/call"'))
        else:
            SERVER.stdin.write(line)
    SERVER.stdin.close()


threading.Thread(target=from_the_server).start()
to_the_server()
