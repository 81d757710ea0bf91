"""A PostgreSQL server of our own: an empty cluster in a temporary folder, on a free port of this machine."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SECRET = "s3cret/with:odd@signs"
QUOTED = "s3cret%2Fwith%3Aodd%40signs"


def programs() -> Path:
    """Return the folder of the server's programs, the newest version's."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return (found[-1] if found else Path(shutil.which("initdb") or "")).parent


@contextmanager
def postgres() -> Iterator[str]:
    """Yield the address of a fresh database whose user needs a password."""
    folder = programs()
    user = {} if os.geteuid() else {"user": _other_user(), "group": "nogroup", "extra_groups": []}
    home = Path(tempfile.mkdtemp(prefix="atlas-postgres-"))
    if user:
        shutil.chown(home, str(user["user"]))
    password, data, port = home / "password", home / "data", _free_port()
    password.write_text(SECRET, encoding="utf-8")
    password.chmod(0o644)
    options = {"cwd": home, "check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT, **user}
    server = f"-p {port} -h 127.0.0.1 -k {home} -c fsync=off"
    make = ["-U", "atlas", "-A", "scram-sha-256", "--pwfile", str(password), "-E", "UTF8", "--locale=C"]
    try:
        subprocess.run([folder / "initdb", "-D", data, *make], timeout=120, **options)
        start = [folder / "pg_ctl", "-D", data, "-w", "-t", "60", "-l", home / "log", "-o", server, "start"]
        subprocess.run(start, timeout=120, **options)
        try:
            yield f"postgresql://atlas:{QUOTED}@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([folder / "pg_ctl", "-D", data, "-m", "immediate", "stop"], timeout=120, **options)
    finally:
        shutil.rmtree(home)


def _other_user() -> str:
    """Return a user that the server may run as: it refuses to run as root."""
    known = {one.pw_name for one in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
