"""Options that the operators' commands share.

A command takes them as one argument of type `Connection` or `Giving`; `@expanded` shows each
field to typer as an option of its own.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from dataclasses import MISSING, dataclass, fields
from typing import Annotated, Any, ParamSpec, get_type_hints

import typer

from tools.errors import UsageError
from tools.ops.address import DEFAULT_URL, BrokerAddress, parse_broker
from tools.ops.client import Order, Scope, default_actor
from tools.ops.durations import parse_duration

MAX_TEXT_LENGTH = 200
"""Of actor, reason and ticket: what the gateway takes."""
FORBIDDEN_IN_TOPICS = "/+#\0"
LONGEST_TIMEOUT_S = 300

SlotName = Annotated[str, typer.Argument(metavar="SLOT", help="Name of the slot, as in stoep ls.")]

P = ParamSpec("P")


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Over which broker, to which gateways, and how to print."""

    broker: Annotated[
        str, typer.Option(envvar="STOEP_BROKER", metavar="URL", help="mqtt://HOST:PORT or mqtts://")
    ] = DEFAULT_URL
    site: Annotated[
        str | None, typer.Option(envvar="STOEP_SITE", help="Site, where there are several.")
    ] = None
    gateway: Annotated[
        str | None, typer.Option(envvar="STOEP_GATEWAY", help="Gateway, where there are several.")
    ] = None
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False

    @property
    def address(self) -> BrokerAddress:
        """Where the broker is. Raises UsageError."""
        return parse_broker(self.broker)

    @property
    def scope(self) -> Scope:
        """The gateways to look at. Raises UsageError for a name that no topic can hold."""
        for option, value in (("--site", self.site), ("--gateway", self.gateway)):
            if value is not None and (not value or any(c in value for c in FORBIDDEN_IN_TOPICS)):
                raise UsageError(f"{option} {value!r} is no name: not empty, without / + #")
        return Scope(self.site, self.gateway)


@dataclass(frozen=True, kw_only=True)
class Giving(Connection):
    """With which words a command is given, and how long it is valid; `reason` may be asked for."""

    reason: Annotated[str, typer.Option(help="Why; kept with the command.")]
    ticket: Annotated[
        str | None, typer.Option(help="Work order or incident that it belongs to.")
    ] = None
    actor: Annotated[
        str | None,
        typer.Option(envvar="STOEP_ACTOR", help="Who gives it.", show_default="user@host"),
    ] = None
    timeout: Annotated[
        str, typer.Option(metavar="DURATION", help="How long it stays valid and is waited for.")
    ] = "10s"

    def order(self, verb: str, args: dict[str, int | bool]) -> Order:
        """The order to send. Raises UsageError."""
        return Order(
            verb=verb,
            args=args,
            actor=text("--actor", self.actor if self.actor is not None else default_actor()),
            reason=text("--reason", self.reason),
            ticket=text("--ticket", self.ticket) if self.ticket is not None else None,
            validity_s=duration("--timeout", self.timeout, most_s=LONGEST_TIMEOUT_S),
        )


@dataclass(frozen=True, kw_only=True)
class GivingFreely(Giving):
    """As `Giving`, for what needs no reason of its own."""

    reason: Annotated[str, typer.Option(help="Why; kept with the command.")] = "operator"


def expanded(function: Callable[P, None]) -> Callable[P, None]:
    """For typer: each field of an argument that is a `Connection` becomes an option."""
    hints = get_type_hints(function, include_extras=True)
    bundles = {n: t for n, t in hints.items() if isinstance(t, type) and issubclass(t, Connection)}
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name in bundles:
            parameters += _options(bundles[name])
        else:
            kind = inspect.Parameter.KEYWORD_ONLY
            parameters.append(parameter.replace(annotation=hints[name], kind=kind))

    call: Callable[..., None] = function

    def command(**values: Any) -> None:
        for name, bundle in bundles.items():
            taken = {field.name: values.pop(field.name) for field in fields(bundle)}
            values[name] = bundle(**taken)
        call(**values)

    # What typer reads; it calls with keywords only.
    seen: Any = command
    seen.__name__, seen.__doc__ = function.__name__, function.__doc__
    seen.__signature__ = inspect.Signature(parameters)
    seen.__annotations__ = {p.name: p.annotation for p in parameters}
    return seen


def _options(bundle: type[Connection]) -> list[inspect.Parameter]:
    hints = get_type_hints(bundle, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=hints[field.name],
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
        )
        # What is asked for comes first in the help.
        for field in sorted(fields(bundle), key=lambda f: f.name in _CONNECTION)
    ]


_CONNECTION = frozenset(field.name for field in fields(Connection))


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a command to its end; Ctrl-C ends it."""
    asyncio.run(work)


def text(option: str, value: str) -> str:
    """A text that goes with a command. Raises UsageError when it is empty or too long."""
    value = value.strip()
    if not value or len(value) > MAX_TEXT_LENGTH:
        raise UsageError(f"{option} needs 1 to {MAX_TEXT_LENGTH} characters")
    return value


def duration(option: str, value: str, *, most_s: int) -> int:
    """Whole seconds. Raises UsageError."""
    try:
        return parse_duration(value, most_s=most_s)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None
