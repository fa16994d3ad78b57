"""Options that the operators' commands share.

A command takes them as one argument of type `Connection`, `Giving` …; `@expanded` shows each
field to typer as an option of its own.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar, get_type_hints

import typer

from gateway.contract import KINDS
from tools.errors import UsageError
from tools.ops.address import DEFAULT_URL, BrokerAddress, parse_broker
from tools.ops.asking import asked
from tools.ops.client import Scope
from tools.ops.durations import parse_duration
from tools.ops.order import Order, default_actor
from tools.ops.signing import MOST_VALIDITY_S, KeyOptions, Signer, find_signers
from tools.ops.street import Selection

MAX_TEXT_LENGTH = 200
"""Of actor, reason and ticket: what the gateway takes."""
FORBIDDEN_IN_TOPICS = "/+#\0"
LONGEST_TIMEOUT_S = 300

SlotName = Annotated[str, typer.Argument(metavar="SLOT", help="Name of the slot, as in stoep ls.")]
SlotNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SLOT]...", help="Names or patterns in quotes: lamp-1 'post-*'."),
]
Groups = Annotated[
    list[str] | None,
    typer.Option("--group", metavar="GROUP", help="All posts of a lane, also those that are mute."),
]
KindOnly = Annotated[
    str | None, typer.Option("--kind", metavar="KIND", help="Of these only lamp, bollard or bin.")
]

Name = Annotated[
    str | None,
    typer.Option(
        "--as",
        "--actor",
        envvar=["STOEP_OPERATOR", "STOEP_ACTOR"],
        metavar="NAME",
        help="Who gives it, by the name in the users file.",
        show_default="user@host",
    ),
]

P = ParamSpec("P")
T = TypeVar("T")


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
    """With which words a command is given, and how long it is valid; the reason is asked for."""

    reason: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Why; kept with the command, asked for on a terminal."),
    ] = None
    ticket: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Work order or incident that it belongs to.")
    ] = None
    actor: Name = None
    timeout: Annotated[
        str, typer.Option(metavar="DURATION", help="How long it may wait before it begins.")
    ] = "10s"
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only ask whether it would be done now."),
    ] = False

    def order(
        self, verb: str, args: dict[str, int | bool], *, ticket_for: str | None = None
    ) -> Order:
        """The order to send; `ticket_for` tells why it needs a ticket. Raises UsageError."""
        reason, ticket = self.reason, self.ticket
        if self.dry_run:
            reason = reason or "dry run"
        elif reason is None:
            reason = asked("--reason", "Reason", f"{verb} is kept with who gave it and why")
        if ticket is None and ticket_for and not self.dry_run:
            ticket = asked("--ticket", "Ticket", f"{ticket_for} belongs to a work order")
        return Order(
            verb=verb,
            args=args,
            actor=text("--as", self.actor if self.actor is not None else default_actor()),
            reason=text("--reason", reason),
            ticket=text("--ticket", ticket) if ticket is not None else None,
            validity_s=duration("--timeout", self.timeout, most_s=LONGEST_TIMEOUT_S),
            dry_run=self.dry_run,
        )

    def signers(self, verb: str) -> list[Signer]:
        """Who signs it; nobody does where nothing has to be signed."""
        del verb
        return []


@dataclass(frozen=True, kw_only=True)
class GivingFreely(Giving):
    """As `Giving`, for what needs no reason of its own."""

    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why; kept with the command.")
    ] = "operator"


@dataclass(frozen=True, kw_only=True)
class GivingSigned(Giving):
    """As `Giving`, for what moves a bollard: signed with the key of who gives it."""

    key: Annotated[
        Path | None,
        typer.Option(envvar="STOEP_KEY", metavar="FILE", help="Your key file; it signs."),
    ] = None
    command_key: Annotated[
        Path | None,
        typer.Option(
            envvar="STOEP_COMMAND_KEY",
            metavar="FILE",
            help="The office's command key instead; with --as and --role.",
        ),
    ] = None
    role: Annotated[
        str | None,
        typer.Option(metavar="ROLE", help="With --command-key: operator, supervisor, technician."),
    ] = None

    def order(
        self, verb: str, args: dict[str, int | bool], *, ticket_for: str | None = None
    ) -> Order:
        """As the base; in the name of who signs. Raises UsageError and ConfigurationError."""
        duration("--timeout", self.timeout, most_s=MOST_VALIDITY_S)
        order = super().order(verb, args, ticket_for=ticket_for)
        signers = self.signers(verb)
        return replace(order, actor=signers[0].name) if signers else order

    def signers(self, verb: str) -> list[Signer]:
        """Who signs it; nobody has to for a dry run. Raises UsageError and ConfigurationError."""
        return [] if self.dry_run else find_signers(self.keys(), verb)

    def keys(self) -> KeyOptions:
        """What the command line says of keys."""
        return KeyOptions(self.key, self.command_key, self.actor, self.role)


@dataclass(frozen=True, kw_only=True)
class GivingTogether(GivingSigned):
    """As `GivingSigned`, by two people."""

    second_key: Annotated[
        Path | None,
        typer.Option(
            envvar="STOEP_SECOND_KEY", metavar="FILE", help="Key file of the second person."
        ),
    ] = None
    request: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the order for a second person elsewhere, who signs and sends it.",
        ),
    ] = None

    def keys(self) -> KeyOptions:
        """With the second person's."""
        return replace(super().keys(), second_key=self.second_key)


def expanded(function: Callable[P, None], *, several: bool = False) -> Callable[P, None]:
    """For typer: each field of an argument that is a `Connection` becomes an option.

    With `several`, the argument `slot` becomes options for a `Selection`.
    """
    hints = get_type_hints(function, include_extras=True)
    bundles = {n: t for n, t in hints.items() if isinstance(t, type) and issubclass(t, Connection)}
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name in bundles:
            parameters += _options(bundles[name])
        elif several and name == "slot":
            parameters += _SELECTION
        else:
            kind = inspect.Parameter.KEYWORD_ONLY
            parameters.append(parameter.replace(annotation=hints[name], kind=kind))

    call: Callable[..., None] = function

    def command(**values: Any) -> None:
        for name, bundle in bundles.items():
            taken = {field.name: values.pop(field.name) for field in fields(bundle)}
            values[name] = bundle(**taken)
        if several:
            values["slot"] = selection(*(values.pop(one.name) for one in _SELECTION))
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


def selection(names: list[str] | None, groups: list[str] | None, kind: str | None) -> Selection:
    """What the command line selects. Raises UsageError when that is nothing."""
    if kind is not None and kind not in KINDS:
        raise UsageError(f"--kind {kind!r} is none of {', '.join(KINDS)}")
    if not (names or groups or kind):
        raise UsageError("name the slots: SLOT..., --group GROUP or --kind KIND")
    return Selection(names or (), groups or (), kind)


_SELECTION = [
    inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=hint, default=None)
    for name, hint in (("slots", SlotNames), ("groups", Groups), ("kind", KindOnly))
]
_CONNECTION = frozenset(field.name for field in fields(Connection))


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command to its end; Ctrl-C ends it."""
    return asyncio.run(work)


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
