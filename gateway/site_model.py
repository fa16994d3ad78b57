"""The street as `site.toml` describes it: typed values and their defaults, not yet checked."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from gateway.site_parameters import LampParameters, Parameters

Kind = Literal["lamp", "bollard", "bin"]

DEFAULT_BAUD = 115_200
DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}


class SiteTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[site]`: names used in topics, and where the street is (degrees, for sunrise and sunset).

    `link_key` is the key file that opens sessions with the controllers, relative to the site file;
    `stoep keys init` makes it. `clock` "ntp": the controllers trust the time while the machine's
    clock is synchronised; "trusted": always, for a machine that gets its time in another way.
    `users` is the file that says who may ask for what (see `people.py`); without it the broker's
    own access control decides alone.
    """

    name: str
    gateway: str
    latitude: float
    longitude: float
    link_key: str = "keys/link.json"
    clock: Literal["ntp", "trusted"] = "ntp"
    users: str | None = None


class Broker(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[broker]`: `url` is mqtt://HOST[:PORT] (1883) or mqtts://HOST[:PORT] (8883, with TLS).

    `username` and `password_file` log in; `ca_file`, `certificate_file` and `key_file` are PEM
    files for TLS, relative to the site file. The password is never in the site file.
    """

    url: str = "mqtt://127.0.0.1:1883"
    username: str | None = None
    password_file: str | None = None
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None

    @property
    def host(self) -> str:
        """Host name or address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """TCP port."""
        parts = urlsplit(self.url)
        return parts.port or DEFAULT_PORTS[parts.scheme]

    @property
    def tls(self) -> bool:
        """True for mqtts."""
        return urlsplit(self.url).scheme == "mqtts"


class StoreTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[store]`: `path` of the database, relative to the site file; `limit_mb` bounds it.

    Not the journal in it, about 5 MB a day of a busy site: that only grows.
    `linger_s` is how long routine records wait for a common commit, to spare an SD card.
    """

    path: str = "stoep.db"
    limit_mb: int = 512
    linger_s: float = 15.0


class MetricsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[metrics]`: where Prometheus finds them over HTTP, as HOST:PORT; without it nowhere."""

    listen: str | None = None


class Bus(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[bus]]`: a serial line. `port` is a pyserial URL or device.

    `baud` in bits per second; `turnaround_ms` is the longest a controller takes to begin a reply,
    beyond the time on the line.
    """

    name: str
    port: str
    baud: int = DEFAULT_BAUD
    turnaround_ms: int = 30


class Slot(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[slot]]`: a place in the street and the unit that is in it now.

    `unit` is the 64-bit hardware id as 16 hex digits, lower case. `position` is x and y in metres.
    `neighbours` are the slots that are told about presence here. Bollards of one `group` stand in
    one lane: none rises while another is not clear.
    """

    name: str
    kind: Kind
    bus: str
    address: int
    unit: str
    position: tuple[float, float] = (0.0, 0.0)
    neighbours: tuple[str, ...] = ()
    group: str | None = None
    parameters: Parameters = LampParameters()


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """A whole site file, checked. `file` is where it came from."""

    file: Path
    site: SiteTable
    broker: Broker
    store: StoreTable
    metrics: MetricsTable = MetricsTable()
    buses: tuple[Bus, ...]
    slots: tuple[Slot, ...]

    def resolve(self, path: str) -> Path:
        """A path of the site file as one that can be opened: relative ones start at the file."""
        return self.file.parent / path

    @property
    def store_path(self) -> Path:
        """The database file."""
        return self.resolve(self.store.path)

    def slot(self, name: str) -> Slot | None:
        """The slot of that name, or None."""
        return next((slot for slot in self.slots if slot.name == name), None)

    def lane(self, slot: Slot) -> tuple[str, ...]:
        """The other slots of its group, in the order of the file."""
        if slot.group is None:
            return ()
        return tuple(
            one.name for one in self.slots if one.group == slot.group and one.name != slot.name
        )

    def on_bus(self, bus: str) -> tuple[Slot, ...]:
        """The slots of a bus, by address."""
        mine = (slot for slot in self.slots if slot.bus == bus)
        return tuple(sorted(mine, key=lambda slot: slot.address))
