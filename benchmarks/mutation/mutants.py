"""All mutants of a module: what mutmut's operators make of its syntax tree, and three operators of our own.

mutmut changes expressions; it leaves no statement out, forces no branch and breaks no error handler, and
in a store those are the mistakes to fear (an fsync that is not there). So three operators stand beside
its table, in its form: (type of node, node -> mutated nodes).

A mutant's name must survive edits elsewhere in its file. It is a digest of where the statement stands
(module, class, function), of the statement's text before and after, and, where a function says the same
twice, of which of them is meant. Line numbers are for the reader only.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import libcst as cst
from benchmarks.mutation.exclusions import Exclusions
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

Operator = Callable[[Any], Iterable[cst.CSTNode]]
Table = tuple[tuple[type, str, Operator], ...]


def omitted(node: cst.SimpleStatementLine) -> Iterable[cst.CSTNode]:
    """Leave a statement out that is there for its effect (Offutt et al. 1996: statement deletion)."""
    if len(node.body) != 1:
        return
    only = node.body[0]
    stored = isinstance(only, cst.Assign | cst.AnnAssign) and any(
        isinstance(target, cst.Attribute) for target in _targets(only)
    )
    effect = isinstance(only, cst.Raise | cst.Return | cst.Continue | cst.Break | cst.AugAssign)
    called = isinstance(only, cst.Expr) and not isinstance(only.value, cst.Yield | cst.Ellipsis)
    if stored or effect or called or isinstance(only, cst.Del):
        yield node.with_changes(body=[cst.Pass()])


def _targets(node: cst.Assign | cst.AnnAssign) -> list[cst.BaseExpression]:
    if isinstance(node, cst.AnnAssign):
        return [] if node.value is None else [node.target]
    found: list[cst.BaseExpression] = []
    for one in node.targets:
        if isinstance(one.target, cst.Tuple):
            found += [element.value for element in one.target.elements]
        else:
            found.append(one.target)
    return found


def forced(node: cst.If) -> Iterable[cst.CSTNode]:
    """Take always, or never, the branch of an ``if``."""
    for value in ("True", "False"):
        yield node.with_changes(
            test=cst.Name(value), whitespace_before_test=cst.SimpleWhitespace(" ")
        )


def unhandled(node: cst.ExceptHandler) -> Iterable[cst.CSTNode]:
    """Let an error through that is handled."""
    again = cst.SimpleStatementLine([cst.Raise()])
    if not node.body.deep_equals(cst.IndentedBlock([again])):
        yield node.with_changes(body=cst.IndentedBlock([again]))


OPERATORS: Table = (
    *((of, one.__name__.removeprefix("operator_"), one) for of, one in mutation_operators),
    (cst.SimpleStatementLine, "omitted", omitted),
    (cst.If, "forced", forced),
    (cst.ExceptHandler, "unhandled", unhandled),
)


def identity(module: str, function: str, before: str, after: str, ordinal: int = 0) -> str:
    """A mutant's name."""
    told = (module, function, before, after, str(ordinal))
    return hashlib.sha256("\0".join(told).encode()).hexdigest()[:10]


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One change of one statement. ``before`` and ``after`` are that statement, without its block."""

    module: str
    function: str
    operator: str
    line: int
    before: str
    after: str
    ordinal: int
    tree: cst.Module = field(repr=False, compare=False)
    node: cst.CSTNode = field(repr=False, compare=False)
    mutated: cst.CSTNode = field(repr=False, compare=False)

    @cached_property
    def id(self) -> str:
        return identity(self.module, self.function, self.before, self.after, self.ordinal)

    @cached_property
    def source(self) -> str:
        """The whole module with this one change."""
        changed = self.tree.deep_replace(self.node, self.mutated)
        assert isinstance(changed, cst.Module)
        return changed.code


def candidates(module: str, code: str, exclusions: Exclusions) -> list[Mutant]:
    """Every change that the operators make of a module's ``code``, but for what the exclusions name."""
    wrapper = MetadataWrapper(cst.parse_module(code))
    visitor = _Visitor(module, wrapper.module, exclusions)
    wrapper.visit(visitor)
    return visitor.found


class Filter:
    """Keeps out what is no mutant: text that does not compile, or that is the original or an earlier one.

    Compared are syntax trees, so another spelling is not another mutant.
    """

    def __init__(self, sources: dict[str, str]) -> None:
        self._seen = {(module, _shape(code)) for module, code in sources.items()}

    def takes(self, mutant: Mutant) -> bool:
        shape = _shape(mutant.source)
        key = (mutant.module, shape)
        if shape is None or key in self._seen:
            return False
        self._seen.add(key)
        return True


def _shape(source: str) -> str | None:
    try:
        compile(source, "<mutant>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    return hashlib.sha256(ast.dump(ast.parse(source)).encode()).hexdigest()


class _Visitor(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, module: str, tree: cst.Module, exclusions: Exclusions) -> None:
        super().__init__()
        self.found: list[Mutant] = []
        self._module = module
        self._tree = tree
        self._exclusions = exclusions
        self._above: list[cst.CSTNode] = []
        self._told: dict[tuple[str, str, str], int] = {}

    def on_visit(self, node: cst.CSTNode) -> bool:
        if self._exclusions.excludes(node, self._above):
            return False
        for of, name, operator in OPERATORS:
            if isinstance(node, of):
                for mutated in operator(node):
                    self._add(node, mutated, name)
        self._above.append(node)
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if self._above and self._above[-1] is original_node:
            self._above.pop()

    def _add(self, node: cst.CSTNode, mutated: cst.CSTNode, operator: str) -> None:
        statement = next(one for one in self._statements(node))
        before = _header(statement)
        # _header keeps what is not of the block as it is, so the node is found in it by identity
        after = mutated if statement is node else statement.deep_replace(node, mutated)
        assert isinstance(after, cst.CSTNode)
        texts = (self._function(), _text(before), _text(_header(after)))
        ordinal = self._told.get(texts, 0)
        self._told[texts] = ordinal + 1
        self.found.append(
            Mutant(
                module=self._module, function=texts[0], operator=operator,
                line=self.get_metadata(PositionProvider, statement).start.line,
                before=texts[1], after=texts[2], ordinal=ordinal,
                tree=self._tree, node=node, mutated=mutated,
            )
        )  # fmt: skip

    def _statements(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        kinds = (
            cst.SimpleStatementLine,
            cst.BaseCompoundStatement,
            cst.ExceptHandler,
            cst.MatchCase,
        )
        for one in (node, *reversed(self._above)):
            if isinstance(one, kinds):
                yield one

    def _function(self) -> str:
        names = [
            one.name.value for one in self._above if isinstance(one, cst.ClassDef | cst.FunctionDef)
        ]
        return ".".join(names) or "<module>"


def _header(node: cst.CSTNode) -> cst.CSTNode:
    """A statement without its block and without what follows it."""
    changes: dict[str, Any] = {}
    bodied = isinstance(node, cst.BaseCompoundStatement | cst.ExceptHandler | cst.MatchCase)
    if bodied and not isinstance(node, cst.Match):
        changes["body"] = cst.SimpleStatementSuite([cst.Expr(cst.Ellipsis())])
    for name in ("orelse", "finalbody"):
        if getattr(node, name, None) is not None:
            changes[name] = None
    if hasattr(node, "handlers"):
        changes["handlers"] = ()
    if hasattr(node, "leading_lines"):
        changes["leading_lines"] = ()
    if isinstance(node, cst.SimpleStatementLine):
        changes["trailing_whitespace"] = cst.TrailingWhitespace()
    if isinstance(node, cst.Try):
        changes["finalbody"] = cst.Finally(cst.SimpleStatementSuite([cst.Pass()]))
    if isinstance(node, cst.ExceptHandler) and _raises(node.body):
        changes["body"] = cst.SimpleStatementSuite([cst.Raise()])
    return node.with_changes(**changes)


def _raises(body: cst.BaseSuite) -> bool:
    return _text(body).strip() == "raise"


def _text(node: cst.CSTNode) -> str:
    code = cst.Module(body=()).code_for_node(node)
    return " ".join(code.split())
