"""Control groups as this machine has them, and both spellings of the kernel's files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.bubblewrap import Bubblewrap
from sandbox.cgroups import Group, Groups, Home, find_home, sweep_groups
from sandbox.meters import Grouped

MB = 1 << 20
pytestmark = pytest.mark.bubblewrap


@pytest.fixture(scope="module")
def home():
    return find_home()


def limit_of(home, group):
    (folder,) = (Path(path).parent for path in group.paths() if path.startswith(str(home.memory)))
    return int((folder / ("memory.max" if home.version == 2 else "memory.limit_in_bytes")).read_text())


def test_a_limit_can_be_raised_and_lowered(home):
    if home is None:
        assert not Bubblewrap().exact
        return
    groups = Groups(home)
    group = groups.make(128 * MB)
    try:
        for mb in (64, 256, 256, 32):
            group.limit(mb * MB)
            assert limit_of(home, group) == mb * MB
        assert group.kills() == 0
    finally:
        groups.leave(group)
        groups.close()
    assert not Path(group.paths()[0]).exists()


def test_who_has_entered_is_counted_and_bounded(home):
    if home is None:
        assert not Bubblewrap().exact
        return
    groups = Groups(home)
    group = groups.make(64 * MB)
    hoard = "import sys\nfor path in sys.argv[1:]: open(path, 'w').write('0')\nx = []\n"
    hoard += "while True: x.append(b'x' * 1000000)"
    try:
        done = subprocess.run([sys.executable, "-S", "-c", hoard, *group.paths()], check=False)
        assert done.returncode == -9
        assert group.kills() == 1
        files = group.accounts()
        try:
            meter = Grouped(files)
            assert meter.kills() == 1
            assert abs(meter.memory()) < MB
            # Nobody is in it, and this process's own time is taken off.
            assert -1 < meter.cpu_s() <= 0.01
        finally:
            for fd in files.values():
                os.close(fd)
    finally:
        groups.leave(group)
        groups.close()


def test_groups_of_the_dead_are_swept_and_those_of_the_living_are_not(tmp_path):
    home = Home(version=1, memory=tmp_path / "memory", cpu=tmp_path / "cpu")
    space = str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    for folder in (home.memory, home.cpu):
        for name in (f"{space}-{os.getpid()}-1-0-a", f"{space}-{2**22 + 1}-1-0-b", "4-1-1-0-c"):
            (folder / f"atlas-box-{name}").mkdir(parents=True)
    groups = Groups(home)
    living = groups.make(MB)
    sweep_groups(home)
    assert sorted(path.name[-1] for path in home.memory.glob("atlas-box-4-*")) == ["c"]
    assert len(list(home.memory.iterdir())) == 2
    assert all(Path(path).parent.is_dir() for path in living.paths())


V1 = {"cpu": "2500000000\n", "memory": "104857600\n", "events": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"}
V2 = {
    "cpu": "usage_usec 2500000\nuser_usec 1\nsystem_usec 2\n",
    "memory": "104857600\n",
    "events": "low 0\nhigh 0\nmax 9\noom 4\noom_kill 3\noom_group_kill 0\n",
}
STAT = "anon 1\nfile 2\nshmem 3\ninactive_anon 4\ninactive_file 1048576\nactive_file 1048576\ntotal_inactive_file 7\n"


@pytest.mark.parametrize("texts", [V1, V2], ids=["version-1", "version-2"])
def test_both_spellings_mean_the_same(tmp_path, texts):
    paths = {name: tmp_path / name for name in (*texts, "stat")}
    for name, path in paths.items():
        path.write_text((texts | {"stat": STAT})[name])
    files = {name: os.open(path, os.O_RDONLY) for name, path in paths.items()}
    try:
        meter = Grouped(files)
        assert meter.kills() == 3
        paths["memory"].write_text(f"{(100 + 50) * MB}\n")
        assert meter.memory() == 50 * MB
        more = {"2500000000": "4500000000", "usage_usec 2500000": "usage_usec 4500000"}
        text = texts["cpu"]
        for before, after in more.items():
            text = text.replace(before, after)
        paths["cpu"].write_text(text)
        assert 1.5 < meter.cpu_s() <= 2.0
    finally:
        for fd in files.values():
            os.close(fd)


def test_version_2_swaps_nothing_out(tmp_path):
    home = Home(version=2, memory=tmp_path, cpu=tmp_path)
    group = Group(home, "one", 64 * MB)
    folder = tmp_path / "one"
    assert (folder / "memory.max").read_text() == str(64 * MB)
    (folder / "memory.swap.max").write_text("max")
    (folder / "memory.events").write_text(V2["events"])
    group.limit(32 * MB)
    assert (folder / "memory.max").read_text() == str(32 * MB)
    assert (folder / "memory.swap.max").read_text() == "0"
    assert group.kills() == 3
    assert group.paths() == [str(folder / "cgroup.procs")]
