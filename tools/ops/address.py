"""Where a broker is: `mqtt://[user[:password]@]host[:port]`, or `mqtts://` for TLS."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from tools.errors import UsageError

DEFAULT_URL = "mqtt://127.0.0.1:1883"
PORTS = {"mqtt": 1883, "mqtts": 8883}
"""Registered ports of MQTT and of MQTT over TLS."""


@dataclass(frozen=True)
class BrokerAddress:
    """A broker and how to log in to it; `str` of it holds no password."""

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = None

    @property
    def url(self) -> str:
        """The URL with who logs in: a secret."""
        if self.username is None:
            return str(self)
        login = quote(self.username, safe="")
        if self.password is not None:
            login += ":" + quote(self.password, safe="")
        return str(self).replace("://", f"://{login}@")

    def __str__(self) -> str:
        """The URL without who logs in."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


def parse_broker(url: str) -> BrokerAddress:
    """The broker that `url` names. Raises UsageError."""
    hint = f"write it as mqtt://HOST:PORT, such as {DEFAULT_URL}"
    if "://" not in url:
        raise UsageError(f"--broker {url!r} has no scheme: {hint}")
    parts = urlsplit(url)
    if parts.scheme not in PORTS:
        raise UsageError(f"--broker {url!r}: {parts.scheme!r} is neither mqtt nor mqtts: {hint}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UsageError(f"--broker {url!r}: the port is no number up to 65535: {hint}") from None
    if not host:
        raise UsageError(f"--broker {url!r} names no host: {hint}")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise UsageError(f"--broker {url!r} goes on after the port: {hint}")
    return BrokerAddress(
        host=host,
        port=port or PORTS[parts.scheme],
        tls=parts.scheme == "mqtts",
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )
