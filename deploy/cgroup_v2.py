"""What deploy/cgroup-v2.sh runs in its virtual machine: the conformance suite's attacks on memory and processor time.

Each runs under a control group of version 2 and must end as it does under one of version 1.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sandbox.base import Limits, Program
from sandbox.bubblewrap import open_bubblewrap
from sandbox.cgroups import find_home
from sandbox.selftest import self_test
from tests.sandbox import attacks_on_limits
from tests.sandbox.attacks import Attack

_GOOD = Attack(name="a-good-program", source="print(sum(map(int, input().split())))", output="6")
_GROUPS = Path("/sys/fs/cgroup")


def main() -> int:
    """Print what each program did; return 0 when all ended as they must and no group is left."""
    home = find_home()
    failed = home is None or home.version != 2
    with open_bubblewrap(1) as sandbox:
        sys.stdout.write(f"{sandbox.notice}\n")
        for attack in (_GOOD, *attacks_on_limits.MEMORY, *attacks_on_limits.TIME):
            # Without hardware support everything takes its time.
            limits = Limits(cpu_s=4 * attack.cpu_s, memory_mb=attack.memory_mb)
            (done,) = sandbox.run(Program(source=attack.source, mode="stdio"), ["1 2 3"], limits)
            is_right = done.status in (attack.status, attack.or_status)
            failed |= not is_right
            words = f"{done.status}, {done.cpu_s:.2f} CPU s, peak {done.peak_mb:.0f} MB"
            sys.stdout.write(f"{attack.name}: {words}{'' if is_right else f', NOT {attack.status}'}\n")
        walls = self_test(sandbox)
        sys.stdout.write(f"{sum(wall.holds for wall in walls)} of {len(walls)} walls hold\n")
        failed |= not all(wall.holds for wall in walls)
    failed |= any(_GROUPS.glob("atlas-box-*"))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
