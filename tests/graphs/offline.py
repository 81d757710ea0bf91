"""Start LangGraph's server where the only way out is a device that this program reads, and count what leaves.

Run as `unshare --net --mount python -m tests.graphs.offline FOLDER` by root, or with `--map-root-user` in front. The
last line of its output is a JSON object: what a run on the server gave, the packets that left by then, and the packets
of a lookup that was made on purpose afterwards, which shows that the counter counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

from langgraph_sdk import get_client

from tests.graphs.studio_server import EXAMPLE, studio

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
DEVICE = "out"


def only_way_out(home: Path) -> int:
    """Make a device that everything but loopback is routed to; return the descriptor that its packets come from."""
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
    Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1", encoding="utf-8")
    names = home / "resolv.conf"
    names.write_text("nameserver 192.0.2.53\noptions timeout:1 attempts:1\n", encoding="utf-8")
    for command in (
        "ip link set lo up",
        f"ip addr add 192.0.2.1/24 dev {DEVICE}",
        f"ip link set {DEVICE} up",
        f"ip route add default dev {DEVICE}",
        f"mount --bind {names} /etc/resolv.conf",
    ):
        subprocess.run(command.split(), check=True)
    return tap


def packets(tap: int) -> list[str]:
    """Return what left since the last call, in printable characters."""
    found = []
    while True:
        try:
            found.append("".join(chr(b) if 32 <= b < 127 else "." for b in os.read(tap, 65536)))
        except BlockingIOError:
            return found


async def drive(url: str) -> str:
    async with get_client(url=url) as client:
        (assistant,) = await client.assistants.search()
        await client.assistants.get_graph(assistant["assistant_id"], xray=True)
        thread = (await client.threads.create())["thread_id"]
        given = {"statement": EXAMPLE}
        end = await client.runs.wait(thread, assistant["assistant_id"], input=given, context={"policy": "phase1"})
        await client.threads.get_history(thread)
        return str(dict(end)["answer"]["code"])


def main() -> None:
    home = Path(sys.argv[1])
    tap = only_way_out(home)
    with studio(home) as (url, _, _):
        code = asyncio.run(drive(url))
    left = packets(tap)
    with contextlib.suppress(OSError):
        socket.getaddrinfo("control.example", 443)
    print(json.dumps({"code": code, "left": left, "control": packets(tap)}))  # noqa: T201


if __name__ == "__main__":
    main()
