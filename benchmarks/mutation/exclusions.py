"""What is not mutated, by rule: messages, logging, annotations, docstrings, and declarations of shape.

A rule looks at a node and at the nodes above it, and knows no single place in the code:

* annotations, type aliases, type variables, ``if TYPE_CHECKING`` and imports: never executed, or typing only;
* docstrings;
* messages: whatever a refusal or another exception is made with, titles of refusals, texts of ``assert``;
* logging: calls on a log, and the list of problems that a sweep returns for it;
* the bodies of ``Protocol`` classes; decorators and the keywords of a class (frozen, slots): shape, not deed;
* calls of ``len`` and ``isinstance``, as mutmut itself does.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Sequence

import libcst as cst
import libcst.matchers as m

_LOGS = frozenset({"log", "_log", "problems"})
_MESSAGE_FUNCTIONS = frozenset({"shown"})
_MESSAGE_NAMES = frozenset({"title", "_SHOWN_CHARS_MAX", "__all__"})
_MESSAGE_ARGUMENTS = {"decimal": 0, "Refused": 2}  # a header's name for what is said, or all of it
_CALLS = frozenset({"len", "isinstance", "TypeVar", "cast"})
_BUILTIN_ERRORS = frozenset(
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
)


class Exclusions:
    """``errors`` are the names of exception classes."""

    def __init__(self, errors: Iterable[str] = ()) -> None:
        self._errors = _BUILTIN_ERRORS | frozenset(errors)

    def excludes(self, node: cst.CSTNode, above: Sequence[cst.CSTNode]) -> bool:
        """Whether ``node``, and all in it, stays as it is."""
        return (
            isinstance(
                node, cst.Annotation | cst.Import | cst.ImportFrom | cst.Decorator | cst.Assert
            )
            or _is_docstring(node)
            or _is_typing(node, above)
            or _is_call_of(node, _CALLS)
            or _is_logging(node)
            or _is_message_code(node, above)
            or self._makes_error(node, above)
            or (isinstance(node, cst.Arg) and bool(above) and isinstance(above[-1], cst.ClassDef))
        )

    def _makes_error(self, node: cst.CSTNode, above: Sequence[cst.CSTNode]) -> bool:
        """A call whose arguments are what an exception says, be it raised here or only made."""
        if not isinstance(node, cst.Call):
            return False
        raised = bool(above) and isinstance(above[-1], cst.Raise)
        return raised or _last_name(node.func) in self._errors


def errors_in(sources: Iterable[str]) -> frozenset[str]:
    """The names of all exception classes that these modules define."""
    bases: dict[str, set[str]] = {}
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ClassDef):
                bases[node.name] = {one.id for one in node.bases if isinstance(one, ast.Name)}
    found: set[str] = set()
    while more := {
        name for name in bases.keys() - found if bases[name] & (found | _BUILTIN_ERRORS)
    }:
        found |= more
    return frozenset(found)


def _is_docstring(node: cst.CSTNode) -> bool:
    text = m.Expr(value=m.SimpleString() | m.ConcatenatedString())
    return m.matches(node, m.SimpleStatementLine(body=[text]))


def _is_typing(node: cst.CSTNode, above: Sequence[cst.CSTNode]) -> bool:
    if isinstance(node, cst.If):
        return m.matches(node.test, m.Name("TYPE_CHECKING"))
    if isinstance(node, cst.ClassDef):
        return any(_last_name(base.value) == "Protocol" for base in node.bases)
    outermost = not any(isinstance(one, cst.FunctionDef | cst.ClassDef) for one in above)
    return outermost and isinstance(node, cst.Assign) and _is_alias(node.value)


def _is_alias(value: cst.BaseExpression) -> bool:
    """``Span = tuple[int, int]``, ``Outcome = Response | None``, ``T = TypeVar("T")``."""
    alias = m.Subscript() | m.BinaryOperation(
        left=m.Name(), operator=m.BitOr(), right=m.Name() | m.BinaryOperation()
    )
    return m.matches(value, alias) or _is_call_of(value, frozenset({"TypeVar"}))


def _is_call_of(node: cst.CSTNode, names: frozenset[str]) -> bool:
    return (
        isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value in names
    )


def _is_logging(node: cst.CSTNode) -> bool:
    return m.matches(node, m.SimpleStatementLine()) and any(
        isinstance(one, cst.Expr)
        and isinstance(one.value, cst.Call)
        and isinstance(one.value.func, cst.Attribute)
        and _last_name(one.value.func.value) in _LOGS
        for one in cst.ensure_type(node, cst.SimpleStatementLine).body
    )


def _is_message_code(node: cst.CSTNode, above: Sequence[cst.CSTNode]) -> bool:
    if isinstance(node, cst.FunctionDef):
        return node.name.value in _MESSAGE_FUNCTIONS
    if isinstance(node, cst.Assign):
        return any(_last_name(target.target) in _MESSAGE_NAMES for target in node.targets)
    if not isinstance(node, cst.SimpleString) or not above:
        return False
    if isinstance(above[-1], cst.Arg):
        call = above[-2]
        at = _MESSAGE_ARGUMENTS.get(_last_name(call.func)) if isinstance(call, cst.Call) else None
        return at is not None and cst.ensure_type(call, cst.Call).args[at] is above[-1]
    return any(isinstance(one, cst.Assign) and _titles(one) for one in above)


def _titles(node: cst.Assign) -> bool:
    return any(
        isinstance(target.target, cst.Tuple)
        and any(_last_name(one.value) in _MESSAGE_NAMES for one in target.target.elements)
        for target in node.targets
    )


def _last_name(node: cst.CSTNode) -> str:
    if isinstance(node, cst.Attribute):
        return node.attr.value
    return node.value if isinstance(node, cst.Name) else ""
