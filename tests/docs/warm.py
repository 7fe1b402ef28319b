"""``freehold`` for snippets: each command is a fork of one process that has imported it already.

The commands of the pages are hundreds, and starting Python for each was most of their time. What
runs is the same entry point, in a process of its own, with the caller's folder, environment and
streams.
"""

import array
import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

PLACE = "FREEHOLD_WARM"
_MODULES = (
    "freehold.cli.main",
    "freehold.cli.bundle",
    "freehold.cli.explain",
    "freehold.cli.records",
    "freehold.app.gateway",
    "freehold.app.terminal",
)
_CLIENT = """\
#!{python} -SE
import array, json, os, signal, socket, sys
there = socket.socket(socket.AF_UNIX)
there.connect(os.environ["FREEHOLD_WARM"])
asked = {{"words": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)}}
asked = json.dumps(asked)
streams = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))
there.sendmsg([len(asked).to_bytes(4, "big")], [streams])
there.sendall(asked.encode())
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: there.shutdown(socket.SHUT_WR))
sys.exit((there.recv(1) or b"\\x46")[0])
"""


@contextmanager
def commands(folder: Path) -> Iterator[dict[str, str]]:
    """What to add to a shell's environment, so that its ``freehold`` is a warm one."""
    binaries = folder / "bin"
    binaries.mkdir()
    client = binaries / "freehold"
    client.write_text(_CLIENT.format(python=sys.executable))
    client.chmod(0o755)
    place = folder / "warm"
    server = subprocess.Popen([sys.executable, __file__, str(place)], stdout=subprocess.PIPE)
    assert server.stdout is not None
    try:
        assert server.stdout.readline() == b"ready\n"
        yield {"PATH": str(binaries), PLACE: str(place)}
    finally:
        server.terminate()
        server.wait(20)
        server.stdout.close()


def serve(place: str) -> None:
    """Fork for whoever asks, until ended."""
    for name in _MODULES:
        import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(place)
        listening.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            caller, _ = listening.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listening.close()
                _one(caller)
            caller.close()


def _one(caller: socket.socket) -> None:
    code = 70
    try:
        streams = array.array("i")
        size, ancillary, _, _ = caller.recvmsg(4, socket.CMSG_LEN(3 * streams.itemsize))
        streams.frombytes(ancillary[0][2])
        asked = b""
        while len(asked) < int.from_bytes(size, "big"):
            asked += caller.recv(1 << 20)
        wanted = json.loads(asked)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.environ.clear()
        os.environ.update(wanted["environment"])
        os.chdir(wanted["folder"])
        sys.argv = ["freehold", *wanted["words"]]
        threading.Thread(target=_end_with, args=(caller,), daemon=True).start()
        code = _run()
    finally:
        with suppress(OSError):
            caller.send(bytes([code]))
        os._exit(code)


def _end_with(caller: socket.socket) -> None:
    """A shell that ends its ``freehold`` means this one."""
    with suppress(OSError):
        if not caller.recv(1):
            os.kill(os.getpid(), signal.SIGTERM)


def _run() -> int:
    from freehold.cli.main import main

    try:
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1 if ended.code else 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    atexit._run_exitfuncs()
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    return code


if __name__ == "__main__":
    serve(sys.argv[1])
