"""The languages that boxes run, one small declaration each: where its packages come from, how it compiles and runs.

A new language is one entry here and one case in the tests. Commands are lists of words, never a shell's line; they
run in /box, which is read for the source and wiped after each test. What a compiler makes goes to /build, the one
file system of a box from which programs may be executed.

`python-science` is Python with the packages of sandbox/science.py, which are there only where somebody built them.

Limits: `function` mode exists for Python alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sandbox.inside import BUILD


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """How programs of one language are compiled and run."""

    name: str
    source: str
    """Name of the source file."""
    run: tuple[str, ...]
    """Command that runs one test; the test is its standard input."""
    compile: tuple[str, ...] = ()
    """Command that is run once per candidate; empty for a language that runs its source."""
    artifact: str = ""
    """The one file that compiling leaves and running needs."""
    packages: tuple[str, ...] = ()
    """Debian packages of the image, beside Python, which every box needs for its runner."""
    program: str = ""
    """The file that has to be there for the language to work."""
    environment: tuple[tuple[str, str], ...] = ()
    """Variables beside the common ones, for compiling and running."""
    shelf: str = ""
    """Where a box shows the packages for scientific programs; empty: nowhere."""
    address_space: bool = True
    """Whether a limit on address space makes sense; some runtimes reserve far more than they use."""
    out_of_memory: str = r"\AMemoryError"
    """Pattern of what a program says that ended for lack of memory: of its last line, or of any if not anchored."""

    @property
    def is_python(self) -> bool:
        """Whether its programs are Python's."""
        return self.source == "main.py"


_GO = (("GOCACHE", f"{BUILD}/cache"), ("GOPATH", f"{BUILD}/go"), ("GO111MODULE", "off"), ("GOMAXPROCS", "2"))
_TYPESCRIPT = "/usr/share/nodejs/typescript/lib/typescript.js"
# Types are dropped, not checked: without the declarations of Node.js every program would fail for `require`.
_TRANSPILE = f"""
const ts = require("{_TYPESCRIPT}"), fs = require("fs");
const compilerOptions = {{target: "ES2020", module: "CommonJS"}};
const options = {{fileName: "main.ts", reportDiagnostics: true, compilerOptions}};
const made = ts.transpileModule(fs.readFileSync("main.ts", "utf8"), options);
for (const found of made.diagnostics) {{
  const at = found.file.getLineAndCharacterOfPosition(found.start);
  const words = ts.flattenDiagnosticMessageText(found.messageText, " ");
  console.error(`main.ts:${{at.line + 1}}:${{at.character + 1}}: ${{words}}`);
}}
if (made.diagnostics.length) process.exit(1);
fs.writeFileSync("{BUILD}/main.js", made.outputText);
"""
_NODE = ("/usr/bin/node", "--max-semi-space-size=4", "--stack-size=3900")
_NODE_MEMORY = r"JavaScript heap out of memory|Array buffer allocation failed|process out of memory"
_NATIVE = f"{BUILD}/main"

# Not -I: it ignores PYTHONHASHSEED, and a set of strings would come out in another order on every run.
# Integers of so many digits may become text, as the official grader of LiveCodeBench allows.
_PYTHON = ("{python}", "-s", "-P", "-B", "-X", "int_max_str_digits=50000")
PYTHON = Language(name="python", source="main.py", run=(*_PYTHON, "main.py"))
SHELF = "/opt/science"
SCIENCE = Language(
    name="python-science",
    source="main.py",
    run=PYTHON.run,
    packages=("libstdc++6",),
    shelf=SHELF,
    # Matplotlib keeps a file of fonts, and would look for a screen.
    environment=(("PYTHONPATH", SHELF), ("MPLCONFIGDIR", "/tmp"), ("MPLBACKEND", "Agg")),
)
"""Python with NumPy, SciPy, SymPy and Matplotlib."""
CALL_FUNCTION = (*_PYTHON, "{harness}")
"""Command that calls the function named by one more word, with the test as its arguments."""

LANGUAGES = {
    language.name: language
    for language in (
        PYTHON,
        SCIENCE,
        Language(
            name="c",
            source="main.c",
            compile=("/usr/bin/gcc", "-std=gnu17", "-O2", "-pipe", "-w", "-o", _NATIVE, "main.c", "-lm"),
            run=(_NATIVE,),
            artifact=_NATIVE,
            packages=("gcc", "libc6-dev"),
            program="/usr/bin/gcc",
        ),
        Language(
            name="cpp",
            source="main.cpp",
            compile=("/usr/bin/g++", "-std=gnu++17", "-O2", "-pipe", "-w", "-o", _NATIVE, "main.cpp"),
            run=(_NATIVE,),
            artifact=_NATIVE,
            packages=("g++", "libc6-dev"),
            program="/usr/bin/g++",
            out_of_memory=r"std::bad_alloc",
        ),
        Language(
            name="javascript",
            source="main.js",
            run=(*_NODE, "main.js"),
            packages=("nodejs",),
            program="/usr/bin/node",
            address_space=False,
            out_of_memory=_NODE_MEMORY,
        ),
        Language(
            name="typescript",
            source="main.ts",
            compile=("/usr/bin/node", "-e", _TRANSPILE),
            run=(*_NODE, f"{BUILD}/main.js"),
            artifact=f"{BUILD}/main.js",
            packages=("nodejs", "node-typescript"),
            program=_TYPESCRIPT,
            address_space=False,
            out_of_memory=_NODE_MEMORY,
        ),
        Language(
            name="go",
            source="main.go",
            compile=("/usr/bin/go", "build", "-p", "1", "-o", _NATIVE, "main.go"),
            run=(_NATIVE,),
            artifact=_NATIVE,
            packages=("golang-go",),
            program="/usr/bin/go",
            environment=_GO,
            address_space=False,
            out_of_memory=r"runtime: (out of memory|cannot allocate memory)",
        ),
        Language(
            name="rust",
            source="main.rs",
            compile=("/usr/bin/rustc", "--edition", "2021", "-C", "opt-level=2", "-C", "linker=/usr/bin/gcc",
                     "-A", "warnings", "-o", _NATIVE, "main.rs"),
            run=(_NATIVE,),
            artifact=_NATIVE,
            packages=("rustc",),
            program="/usr/bin/rustc",
            out_of_memory=r"memory allocation of \d+ bytes failed",
        ),
        Language(
            name="bash",
            source="main.sh",
            run=("/bin/bash", "main.sh"),
            packages=("bash", "coreutils", "grep", "sed", "mawk"),
            program="/usr/bin/bash",
            out_of_memory=r"cannot allocate \d+ bytes",
        ),
    )
}  # fmt: skip
"""Every language by its name."""


_SCIENTIFIC = re.compile(r"^[ \t]*(?:import|from)[ \t]+(?:numpy|scipy|sympy|mpmath|matplotlib)\b", re.MULTILINE)


def with_its_packages(language: str, source: str) -> str:
    """Return the language to run a program as: `python-science` for Python that imports what only that one has."""
    return SCIENCE.name if language == PYTHON.name and _SCIENTIFIC.search(source) else language


def language_named(name: str) -> Language:
    """Return a language.

    Raises:
        ValueError: there is none of that name; the message names those that are.
    """
    if name not in LANGUAGES:
        raise ValueError(f"no language {name!r}: known are {', '.join(LANGUAGES)}")
    return LANGUAGES[name]
