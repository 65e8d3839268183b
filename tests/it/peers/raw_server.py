"""A server on the standard library that works on bytes: it answers with the very bytes of a request's id, says what it
is told to, and notes all that it read.

raw_server.py SEEN [asks] [chatters]
"""

import json
import os
import re
import signal
import sys

SEEN = open(sys.argv[1], "ab", buffering=0)
HABITS = sys.argv[2:]
ID = re.compile(rb'"id"\s*:\s*("(?:[^"\\]|\\.)*"|-?[0-9]+)')
#: Large enough not to fit into a pipe: whoever stops reading when the process has ended loses some of it.
FAREWELL = b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"%s"}}\n' % (b"bye " * 75000)
#: With an id that the client uses too: the two count independently.
QUESTION = b'{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}}\n'


def say(data):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def result(identity, text):
    return b'{"jsonrpc":"2.0","id":%s,"result":%s}' % (identity, text)


def initialize(message):
    told = {
        "protocolVersion": message["params"]["protocolVersion"],
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "raw", "version": "1"},
    }
    return json.dumps(told).encode()


def call(params):
    arguments = params.get("arguments", {})
    if params["name"] == "say":
        say(bytes.fromhex(arguments["hex"]))
    if params["name"] == "complain":
        print(arguments["text"], file=sys.stderr, flush=True)
    if params["name"] == "exit":
        sys.exit(arguments["status"])
    if params["name"] == "who":
        arguments = {"text": f"I am {os.getpid()}"}
    text = arguments.get("text", "") + "x" * arguments.get("size", 0)
    return b'{"content":[{"type":"text","text":%s}]}' % json.dumps(text).encode()


def answer(message, identity):
    method = message.get("method")
    if method == "initialize":
        return result(identity, initialize(message))
    if method == "ping":
        return result(identity, b"{}")
    if method == "tools/list":
        return result(identity, b'{"tools":[{"name":"say","inputSchema":{"type":"object"}}]}')
    if method == "tools/call":
        return result(identity, call(message["params"]))
    if method:
        return b'{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"method not found"}}' % identity
    return None


def answers(line):
    """The answer to a line, without its end; of a batch the array of them."""
    message = json.loads(line)
    identities = iter(ID.findall(line))
    if isinstance(message, list):
        said = [answer(one, next(identities)) for one in message if "id" in one]
        return b"[" + b",".join(said) + b"]" if said else None
    return answer(message, next(identities)) if isinstance(message, dict) and "id" in message else None


def quit_loudly(number, _frame):
    print(f"got {number}", file=sys.stderr, flush=True)
    sys.exit(40 + number)


for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, quit_loudly)
if "chatters" in HABITS:
    say(b"Welcome to \xff\xfe the server\n\n{ not json\n")
for line in sys.stdin.buffer:
    SEEN.write(line)
    try:
        said = answers(line)
    except ValueError:
        continue  # what is no JSON is not answered
    end = b"\r\n" if line.endswith(b"\r\n") else b"\n"
    asks = QUESTION if "asks" in HABITS and b'"initialize"' in line else b""
    if said:
        say(said + end + asks)
say(FAREWELL)
