"""What a program has in it, by its tree: what it defines, prints, reads and lacks. Nothing is run."""

from __future__ import annotations

import ast
import builtins
import sys

from nodes.parsing.mending import tree_of


def defines(tree: ast.Module, name: str) -> bool:
    """Whether a program binds a name at its top, or as the method of a class."""
    inner = [node for owner in tree.body if isinstance(owner, ast.ClassDef) for node in owner.body]
    return any(name in _bound(node) and not _has_it_elsewhere(node, name) for node in (*tree.body, *inner))


def _has_it_elsewhere(node: ast.stmt, name: str) -> bool:
    """Whether a statement takes a name from the solution, or binds it to what the function of that name gives."""
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").split(".")[0] not in sys.stdlib_module_names
    value = getattr(node, "value", None)
    return isinstance(value, ast.Call) and _word(value.func) == name


def _bound(node: ast.stmt) -> set[str]:
    """Return the names that a statement binds where it stands."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    names = (name for target in targets if target is not None for name in ast.walk(target))
    return {name.id for name in names if isinstance(name, ast.Name)}


def is_stub(tree: ast.Module, name: str) -> bool:
    """Whether every function of a name only says that it is to be written."""
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    bodies = [node.body for node in nodes if node.name == name]
    return bool(bodies) and all(all(map(_says_nothing, body)) for body in bodies)


def _says_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Raise) and "NotImplemented" in ast.dump(node))


def prints(tree: ast.Module) -> bool:
    """Whether a program writes to standard output."""
    return any(
        isinstance(node, ast.Call) and _word(node.func) in ("print", "write", "writelines") for node in ast.walk(tree)
    )


def reads(tree: ast.AST) -> bool:
    """Whether a piece of a program reads its input."""
    return any(_word(node) in ("input", "stdin", "open", "fileinput") for node in ast.walk(tree))


def _word(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def names(tree: ast.Module) -> set[str]:
    """Return the names that a program binds at its top."""
    return set().union(*(_bound(node) for node in tree.body))


def unbound_names(code: str) -> tuple[str, ...]:
    """Return the names that a program uses and neither binds nor has from Python; none where it is no Python."""
    tree = tree_of(code)
    return tuple(sorted(lacking(tree))) if tree is not None else ()


def lacking(tree: ast.Module) -> set[str]:
    """Return the names that a program uses and neither binds anywhere nor has from Python."""
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    statements = (node for node in ast.walk(tree) if isinstance(node, ast.stmt))
    bound |= set().union(*(_bound(node) for node in statements))
    handlers = (node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar))
    bound |= {node.name for node in handlers if node.name}
    return used - bound - set(dir(builtins))
