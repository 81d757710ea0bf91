"""Every language on every back end: compiled once, run on each input, judged like Python.

`ATLAS_LANGUAGES=c,go` says which; without it those of the set that continuous integration builds.
"""

from __future__ import annotations

import os
from pathlib import Path

import docker
import pytest

from sandbox import image
from sandbox.base import Limits, Program, SandboxUnavailableError
from sandbox.image.rootfs import package_files
from sandbox.languages import LANGUAGES
from tests.sandbox.languages import CASES

NAMED = os.environ.get("ATLAS_LANGUAGES", "")
CHOSEN = [name for name in (NAMED or "cpp,javascript").replace(",", " ").split() if name != "python"]


@pytest.fixture(scope="module", params=CHOSEN)
def language(request, sandbox):
    """A language that this machine can run in this back end; Docker's image is built when it is not there."""
    chosen = LANGUAGES[request.param]
    if not Path(chosen.program).is_file():
        assert not NAMED, f"{chosen.name} is asked for, but {chosen.program} is not installed (make setup)"
        pytest.skip(f"{chosen.program} is not installed")
    if sandbox.name == "docker":
        client = docker.from_env()
        try:
            image.find(client, chosen)
        except SandboxUnavailableError:
            image.build("local", chosen)
        finally:
            client.close()
    return chosen


def run(sandbox, language, source, *inputs, **limits):
    program = Program(source=source, mode="stdio", language=language.name)
    return sandbox.run(program, inputs or ("",), Limits(**limits))


def test_programs_of_each_language_end_as_they_must(sandbox, language):
    case = CASES[language.name]
    sums = run(sandbox, language, case.adds, "1 2\n", "30 4\n")
    assert [(done.status, done.output) for done in sums] == [("completed", "3\n"), ("completed", "34\n")], sums
    (crashed,) = run(sandbox, language, case.crashes)
    assert (crashed.status, bool(crashed.error)) == ("runtime_error", True), crashed
    (spun,) = run(sandbox, language, case.spins, cpu_s=0.5)
    assert spun.status == "timeout", spun
    (hoarded,) = run(sandbox, language, case.hoards, memory_mb=200, cpu_s=9)
    assert hoarded.status == "memory", hoarded


def test_what_does_not_compile_says_where(sandbox, language):
    case = CASES[language.name]
    first, second = run(sandbox, language, case.broken, "1", "2")
    assert first.status == second.status == "runtime_error"
    assert case.complaint in first.error.replace("‘", "'").replace("’", "'"), first.error
    assert first.error.startswith("the program does not compile:") is bool(language.compile)


LEAVE_TRACES = """
#include <fstream>
#include <filesystem>
#include <iostream>
#include <string>
#include <unistd.h>
namespace fs = std::filesystem;
int main() {
  std::string word; std::cin >> word;
  if (word == "attack") {
    unlink("/build/main"); std::ofstream("/build/main") << "#!/bin/sh\\necho forged\\n";
    for (auto folder : {"/build", "/box", "/tmp", "/dev/shm"}) std::ofstream(std::string(folder) + "/left") << 1;
    return 0;
  }
  for (auto folder : {"/build", "/box", "/tmp", "/dev/shm"})
    for (auto& entry : fs::directory_iterator(folder)) std::cout << entry.path().string() << ' ';
}
"""


def test_a_compiled_program_finds_nothing_of_its_last_test(sandbox, language):
    if language.name == "cpp":
        _, look = run(sandbox, language, LEAVE_TRACES, "attack", "look")
        assert (look.status, look.output) == ("completed", "/build/main "), look


def test_compiling_is_bounded(sandbox, language):
    if language.name == "cpp":
        (huge,) = run(sandbox, language, "int a[1 << 28] = {1};\nint main() { return a[0]; }")
        assert huge.status in ("runtime_error", "memory", "output_limit"), huge
        (included,) = run(sandbox, language, '#include "/dev/zero"\nint main() {}')
        assert included.status in ("runtime_error", "memory", "timeout"), included
        (host,) = run(sandbox, language, '#include "/etc/shadow"\n#include "/proc/1/environ"\nint main() {}')
        assert "No such file" in host.error or "Permission denied" in host.error


def test_only_a_box_that_compiles_has_a_place_to_execute_from(sandbox, language):
    source = "import os; print(os.path.exists('/build'))"
    assert sandbox.run(Program(source=source, mode="stdio"), [""])[0].output == "False\n"
    assert bool(language.compile) is bool(language.artifact)


@pytest.mark.docker
def test_a_language_without_its_image_names_the_command(monkeypatch):
    monkeypatch.setattr(image, "REPOSITORY", "atlas-sandbox-absent")
    assert image.tag(LANGUAGES["go"]).startswith("atlas-sandbox-absent:go-")
    client = docker.from_env()
    with pytest.raises(SandboxUnavailableError, match="make image ARGS='--language go'"):
        image.find(client, LANGUAGES["go"])
    client.close()


def test_packages_that_are_not_installed_name_the_command(monkeypatch, tmp_path):
    fake = tmp_path / "dpkg-query"
    fake.write_text("#!/bin/sh\nprintf 'installed\\tbash\\t\\tlibc6\\n'\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxUnavailableError, match="apt-get install golang-go"):
        package_files(LANGUAGES["go"])
    fake.unlink()
    with pytest.raises(SandboxUnavailableError, match="--base registry"):
        package_files(LANGUAGES["go"])


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_declaration_is_whole(name):
    declared = LANGUAGES[name]
    assert declared.is_python or (declared.packages and declared.program and name in CASES)
    assert declared.source.startswith("main.")
    assert image.tag(declared).startswith("atlas-sandbox:")
    assert len({image.tag(each) for each in LANGUAGES.values()}) == len(LANGUAGES)
