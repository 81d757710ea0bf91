"""The data sets by name: which files they are, where those come from, and how they become tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from benchmark import evalplus, folder, gpqa, lcb, plain_sets, scicode
from benchmark.evalplus import load_evalplus
from benchmark.published import fetch, find
from benchmark.task import Loaded, TaskError, TaskSet, TaskSource, embedded_tasks

EMBEDDED_TASKS = 200
RELEASES = ("v1", "v2", "v3", "v4", "v5", "v6")
"""Of LiveCodeBench; each holds the ones before it."""
DEFAULT_RELEASE = "v5"
_HUMANEVAL_PLUS = ("HumanEvalPlus-v0.1.10.jsonl.gz", "HumanEvalPlus-v0.1.10.jsonl", "HumanEvalPlus.jsonl.gz")
_MBPP_PLUS = ("MbppPlus-v0.2.0.jsonl.gz", "MbppPlus-v0.2.0.jsonl", "MbppPlus.jsonl.gz")
_HUMANEVAL = ("HumanEval.jsonl.gz", "HumanEval.jsonl")
_MBPP = ("mbpp.jsonl", "mbpp.jsonl.gz", "sanitized-mbpp.json", "sanitized-mbpp.json.gz")


def open_data_set(source: TaskSource) -> TaskSet:
    """Return the tasks of a named data set, or of a folder of problems.

    Raises:
        TaskError: there is no such data set, or its files are missing or not whole.
    """
    if source.release and source.data_set != "lcb":
        raise TaskError(f"--release is for lcb, not for {source.data_set}: leave it out")
    if source.data_set in _OPENERS:
        return _OPENERS[source.data_set](source)
    path = Path(source.data_set).expanduser()
    if path.is_dir():
        return Loaded(folder.load_folder(path))
    raise TaskError(f"{source.data_set} is neither a data set nor a folder; known are {', '.join(NAMES)}")


def release_of(source: TaskSource) -> str:
    """Return the release that a source of LiveCodeBench is, or whose rows it takes; nothing for another data set."""
    if source.data_set != "lcb":
        return ""
    if source.data and Path(source.data).expanduser().is_file():
        return f"rows of {Path(source.data).name}"
    return source.release or DEFAULT_RELEASE


def in_words(source: TaskSource) -> str:
    """Return where tasks come from, as a table's head says it."""
    if source.data_set and source.data_set != "embedded":
        return f"{source.data_set} {release_of(source)}".strip()
    return source.file or f"embedded family, {source.part or 'held_out'}, seed {source.seed}"


def lcb_files(data: str, release: str) -> tuple[Path, ...]:
    """Return the files of a release of LiveCodeBench, or a single file of rows, which is no release.

    Raises:
        TaskError: one is missing, or a release is asked for with a single file.
    """
    if release and release not in RELEASES:
        raise TaskError(f"LiveCodeBench has no release {release}; known are {', '.join(RELEASES)}")
    path = Path(data).expanduser()
    if data and path.is_file():
        if release:
            raise TaskError(f"{data}: a release is several files; give their folder, or leave --release out")
        return (path,)
    wanted = release or DEFAULT_RELEASE
    names = list(lcb.ROWS)[: RELEASES.index(wanted) + 1]
    if not data:
        return fetch(lcb.REPOSITORY, names)
    absent = [name for name in names if not (path / name).is_file()]
    if absent:
        raise TaskError(f"{data}: release {wanted} lacks {', '.join(absent)}; give their folder, or one file of rows")
    return tuple(path / name for name in names)


def _lcb(source: TaskSource) -> TaskSet:
    return lcb.LcbRows(lcb_files(source.data, source.release))


def _humaneval(source: TaskSource) -> TaskSet:
    path = find(_given(source), (*_HUMANEVAL, *_HUMANEVAL_PLUS), "HumanEval")
    if path.name in _HUMANEVAL_PLUS:
        return Loaded(load_evalplus(path, "humaneval", plus=False))
    return Loaded(plain_sets.load_plain(path, "humaneval"))


def _mbpp(source: TaskSource) -> TaskSet:
    path = find(_given(source), (*_MBPP, *_MBPP_PLUS), "MBPP")
    if path.name in _MBPP_PLUS:
        return Loaded(load_evalplus(path, "mbpp", plus=False))
    return Loaded(plain_sets.load_plain(path, "mbpp"))


def _humaneval_plus(source: TaskSource) -> TaskSet:
    return Loaded(load_evalplus(find(_given(source), _HUMANEVAL_PLUS, "HumanEval+"), "humaneval", plus=True))


def _mbpp_plus(source: TaskSource) -> TaskSet:
    return Loaded(load_evalplus(find(_given(source), _MBPP_PLUS, "MBPP+"), "mbpp", plus=True))


def _gpqa(source: TaskSource) -> TaskSet:
    if not source.data:
        return Loaded(gpqa.load_gpqa(fetch(gpqa.REPOSITORY, ["gpqa_diamond.csv"])[0]))
    return Loaded(gpqa.load_gpqa(find(source.data, list(gpqa.ROWS), "GPQA")))


def _scicode(source: TaskSource) -> TaskSet:
    if not source.data:
        raise TaskError("scicode needs a folder with problems_test.jsonl and test_data.h5: name it with --data PATH")
    data = Path(source.data).expanduser()
    # Without the authors' file of expected values the validation problems are all that can be graded.
    whole = ("problems_test.jsonl", "problems_test.jsonl.gz")
    names = (*whole, scicode.VALIDATION) if (data / scicode.TARGETS[0]).is_file() else (scicode.VALIDATION, *whole)
    problems = find(source.data, names, "SciCode")
    targets = find(str(problems.parent), scicode.TARGETS, "expected values")
    return Loaded(scicode.load_scicode(problems, targets))


def _embedded(source: TaskSource) -> TaskSet:
    return Loaded(embedded_tasks("held_out", source.n or EMBEDDED_TASKS, source.seed))


def _given(source: TaskSource) -> str:
    if not source.data:
        names = ", ".join(name for _, _, name in evalplus.PUBLISHED.values())
        raise TaskError(
            f"{source.data_set} is released as files, not on the hub: fetch one of {names}, then --data PATH"
        )
    return source.data


_OPENERS: Mapping[str, Callable[[TaskSource], TaskSet]] = {
    "lcb": _lcb,
    "humaneval": _humaneval,
    "humaneval+": _humaneval_plus,
    "mbpp": _mbpp,
    "mbpp+": _mbpp_plus,
    "gpqa": _gpqa,
    "scicode": _scicode,
    "embedded": _embedded,
}
NAMES = tuple(_OPENERS)
