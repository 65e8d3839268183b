"""Stands between two ends of a conversation, passes every byte on untouched and writes down what passed.

recorder.py RECORD [--needs MODULE] COMMAND…

The record is frames: a line `DIRECTION SECONDS LENGTH`, then that many bytes and a newline. The directions are `>` for
what goes to the command, `<` for what comes from it, and for facts about the processes `process` and `end`.
"""

import importlib
import os
import signal
import subprocess
import sys
import threading
import time

STARTED = time.monotonic()
LOCK = threading.Lock()


def main():
    record, *command = sys.argv[1:]
    if command[0] == "--needs":
        importlib.import_module(command[1])
        command = command[2:]
    with open(record, "wb", buffering=0) as file:
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _: child.send_signal(number))
        note(file, "process", b"%d %d" % (os.getpid(), child.pid))
        threading.Thread(target=pump, args=(file, ">", 0, child.stdin.fileno(), child.stdin.close), daemon=True).start()
        pump(file, "<", child.stdout.fileno(), 1, lambda: os.close(1))
        status = child.wait()
        note(file, "end", b"%d" % status)
    # Not `sys.exit`: the other thread may sit in a read of stdin that never ends.
    os._exit(status if status >= 0 else 128 - status)


def pump(file, direction, source, sink, close):
    try:
        while data := os.read(source, 1 << 16):
            note(file, direction, data)
            while data:
                data = data[os.write(sink, data) :]
    except OSError:
        pass  # the reader has gone; the rest is of interest to nobody
    try:
        close()
    except OSError:
        pass


def note(file, direction, data):
    head = b"%s %.3f %d\n" % (direction.encode(), time.monotonic() - STARTED, len(data))
    with LOCK:
        file.write(head + data + b"\n")


main()
