"""The rules that no linter has, as functions from source to findings (`line: what is wrong`)."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator

HARDWARE = frozenset({"machine", "umachine", "rp2", "esp", "esp32"})
NOT_IN_MICROPYTHON = frozenset(
    {"__future__", "abc", "contextlib", "dataclasses", "enum", "functools", "pathlib", "typing"}
    | {"itertools", "logging", "threading", "unittest", "pytest", "hypothesis", "construct"}
)
NOT_IN_MODULE = {
    "struct": {"Struct"},
    "binascii": {"crc_hqx"},
    "collections": {"abc", "Counter", "ChainMap", "UserDict"},
}
# Calls whose result cannot be changed later.
IMMUTABLE_CALLS = frozenset(
    {"bool", "bytes", "calcsize", "const", "float", "format", "from_bytes", "fromhex", "frozenset"}
    | {"int", "join", "len", "max", "min", "ord", "pack", "range", "round", "str", "sum", "tuple"}
    | {"encode", "getattr", "hasattr", "to_bytes", "unhexlify"}
)


def _imports(tree: ast.AST) -> Iterator[tuple[ast.stmt, str, tuple[str, ...]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name, ()
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            yield node, "." * node.level + (node.module or ""), names


def hardware_imports(source: str) -> list[str]:
    """Imports of the hardware; only drivers may have them."""
    return [
        f"{node.lineno}: imports {module}; only firmware/drivers knows the hardware"
        for node, module, _ in _imports(ast.parse(source))
        if module.split(".")[0] in HARDWARE
    ]


def any_imports(source: str) -> list[str]:
    """Imports of anything; logic has none."""
    return [
        f"{node.lineno}: imports {module}; logic imports nothing"
        for node, module, _ in _imports(ast.parse(source))
    ]


def not_dual(source: str) -> list[str]:
    """What CPython has and MicroPython has not, and names that MicroPython hides."""
    tree = ast.parse(source)
    found = [
        f"{node.lineno}: a match statement; MicroPython has none"
        for node in ast.walk(tree)
        if isinstance(node, ast.Match)
    ]
    for node, module, names in _imports(tree):
        if module.split(".")[0] in NOT_IN_MICROPYTHON or module == "collections.abc":
            found.append(f"{node.lineno}: imports {module}; MicroPython has none")
        missing = NOT_IN_MODULE.get(module, set()) & set(names)
        found += [f"{node.lineno}: {module}.{name} is not in MicroPython" for name in missing]
        found += [
            f"{node.lineno}: imports {name}; MicroPython hides `_x = const()` from importers"
            for name in names
            if name.startswith("_")
        ]
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=module), attr=name):
                if name in NOT_IN_MODULE.get(module, ()):
                    found.append(f"{node.lineno}: {module}.{name} is not in MicroPython")
            case _:
                pass
    return found


def _is_immutable(node: ast.expr | None) -> bool:
    match node:
        case None | ast.Constant() | ast.Name() | ast.Attribute() | ast.Lambda() | ast.JoinedStr():
            return True
        case ast.Compare() | ast.Subscript():
            return True
        case ast.Tuple(elts=parts) | ast.BoolOp(values=parts):
            return all(map(_is_immutable, parts))
        case ast.Starred(value=part) | ast.UnaryOp(operand=part) | ast.NamedExpr(value=part):
            return _is_immutable(part)
        case ast.BinOp(left=left, right=right):
            return _is_immutable(left) and _is_immutable(right)
        case ast.IfExp(body=left, orelse=right):
            return _is_immutable(left) and _is_immutable(right)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=arguments):
            elements = [a.elt for a in arguments if isinstance(a, ast.GeneratorExp)]
            return name in IMMUTABLE_CALLS and not any(map(_makes_mutable, elements))
        case _:
            return False


def _makes_mutable(node: ast.expr) -> bool:
    displays = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
    makers = ("bytearray", "dict", "list", "set")
    return isinstance(node, displays) or (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in makers
    )


def _is_main_guard(node: ast.If) -> bool:
    return ast.unparse(node.test) == "__name__ == '__main__'"


def _state(body: list[ast.stmt], where: str) -> Iterator[str]:
    for node in body:
        match node:
            case ast.Import() | ast.ImportFrom() | ast.FunctionDef() | ast.AsyncFunctionDef():
                pass
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                pass
            case ast.ClassDef():
                yield from _state(node.body, f"class {node.name}")
            case ast.Assign(value=value) | ast.AnnAssign(value=value):
                if not _is_immutable(value):
                    yield f"{node.lineno}: {where} holds what can change: {ast.unparse(node)[:60]}"
            case ast.If() if not _is_main_guard(node):
                yield from _state(node.body + node.orelse, where)
            case ast.Try():
                handlers = [part for handler in node.handlers for part in handler.body]
                rest = node.orelse + node.finalbody
                yield from _state(node.body + handlers + rest, where)
            case ast.If():
                pass
            case _:
                yield f"{node.lineno}: {where} does something: {ast.unparse(node)[:60]}"


def global_state(source: str) -> list[str]:
    """State that controllers in one interpreter would share: globals, class attributes."""
    tree = ast.parse(source)
    named = [
        f"{node.lineno}: a global statement"
        for node in ast.walk(tree)
        if isinstance(node, ast.Global)
    ]
    return named + list(_state(tree.body, "the module"))


_SUPPRESSION = re.compile(
    r"(?P<kind>noqa|type:\s*ignore|pyright:\s*ignore)"
    r"(?P<codes>:\s*[A-Z]+\d+(?:\s*,\s*[A-Z]+\d+)*|\[[^\]]+\])?(?P<reason>.*)"
)


def unexplained_suppressions(source: str) -> list[str]:
    """Suppressed warnings that do not say which warning, or why."""
    found: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        hit = _SUPPRESSION.search(token.string) if token.type == tokenize.COMMENT else None
        if hit is None:
            continue
        if not hit["codes"]:
            found.append(f"{token.start[0]}: {hit['kind']} names no warning")
        elif len(re.findall(r"\w+", hit["reason"])) < 2:
            found.append(f"{token.start[0]}: {hit['kind']}{hit['codes']} gives no reason")
    return found


# In two parts each, so that this file is not a finding.
_PERSONAL = re.compile(
    "|".join(("/" + r"home/\w", "/" + r"root/", "/" + r"Users/\w", "file:" + "///"))
)


def machine_specific(text: str) -> list[str]:
    """Paths that exist on one person's machine only."""
    return [
        f"{number}: {line.strip()[:80]}"
        for number, line in enumerate(text.split("\n"), 1)
        if _PERSONAL.search(line)
    ]
