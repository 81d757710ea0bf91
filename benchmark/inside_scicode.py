"""Runs inside the box, after a program and before SciCode's tests: expected values, and a stand-in for its comparisons.

The tests see the program's names and `targets`; all of ours begin with `_atlas`, so that none hides one of theirs.
"""

# The text stands in the middle of a script.
# ruff: noqa: ANN001, ANN202
# mypy: ignore-errors

import json as _atlas_json
import sys as _atlas_sys
import types as _atlas_types


def _atlas_array(body):
    import base64

    import numpy

    kind, shape, data = body
    return numpy.frombuffer(base64.b64decode(data), dtype=kind).reshape(shape).copy()


def _atlas_sparse(body):
    import scipy.sparse

    kind, parts = body
    parts = {name: _atlas_value(part) for name, part in parts.items()}
    shape = tuple(parts["shape"])
    if kind == "coo":
        return scipy.sparse.coo_matrix((parts["data"], (parts["row"], parts["col"])), shape=shape)
    inner = (parts["data"], parts["indices"], parts["indptr"])
    if kind == "bsr":
        return scipy.sparse.bsr_matrix(inner, shape=shape, blocksize=tuple(parts["blocksize"]))
    return scipy.sparse.csr_matrix(inner, shape=shape)


def _atlas_value(node):
    if not isinstance(node, dict):
        return node
    ((tag, body),) = node.items()
    readers = {
        "array": _atlas_array,
        "sparse": _atlas_sparse,
        "complex": lambda body: complex(*body),
        "list": lambda body: [_atlas_value(item) for item in body],
        "tuple": lambda body: tuple(_atlas_value(item) for item in body),
        "dict": lambda body: {key: _atlas_value(item) for key, item in body},
    }
    return readers[tag](body)


def _atlas_is_symbol(value):
    return type(value).__module__.startswith("sympy")


def _atlas_is_close(mine, theirs):
    import numpy

    if hasattr(mine, "toarray"):
        return bool(numpy.allclose(mine.toarray(), theirs.toarray()))
    if isinstance(mine, dict):
        return _atlas_dicts(mine, theirs)
    if isinstance(mine, (bool, str)):
        return bool(mine == theirs)
    if _atlas_is_symbol(mine):
        return str(mine) == str(theirs)
    try:
        return bool(numpy.allclose(mine, theirs))
    except ValueError:
        return bool(mine == theirs)


def _atlas_dicts(mine, theirs, atol=1e-8, rtol=1e-5):
    named = [{str(key) if _atlas_is_symbol(key) else key: one[key] for key in one} for one in (mine, theirs)]
    return named[0].keys() == named[1].keys() and all(_atlas_is_close(named[0][key], named[1][key]) for key in named[0])


def _atlas_items(mine, theirs):
    return len(mine) == len(theirs) and all(map(_atlas_is_close, mine, theirs))


_atlas_cmp = _atlas_types.ModuleType("scicode.compare.cmp")
vars(_atlas_cmp).update(
    are_dicts_close=_atlas_dicts, are_csc_matrix_close=_atlas_is_close, cmp_tuple_or_list=_atlas_items
)
for _atlas_part in ("scicode", "scicode.compare"):
    _atlas_sys.modules[_atlas_part] = _atlas_types.ModuleType(_atlas_part)
_atlas_sys.modules["scicode.compare.cmp"] = _atlas_cmp
targets = [_atlas_value(node) for node in _atlas_json.loads(_atlas_sys.stdin.read())]
