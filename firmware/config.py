"""What a controller is told to be: kind, address, parameters; kept on flash, whole or not at all.

The file is a JSON object with `kind`, `address`, `parameters` and a `crc`: CRC-32 of the lines
`kind=…`, `address=…` and `name=number` for each given parameter in the order of their names,
joined by newlines. The same number goes into hello, so both ends can prove that they mean the same.
"""

import binascii
import json
import sys

from firmware import files
from firmware.files import Configuration, ConfigurationError
from firmware.parameters import common
from protocol.generated.wire import (
    ADDRESS_MAX,
    ADDRESS_UNASSIGNED,
    KIND_BIN,
    KIND_BOLLARD,
    KIND_LAMP,
)

FILE = "config.json"
BOOT_FILE = "boot.bin"
MAX_BYTES = 4096
FORGOTTEN = ("config", "keyring", "parameters")
MAX_BOOT = 0xFFFF
# Boot numbers from here on were drawn by lot because the counter could not be trusted.
DRAWN_BOOT = 0x8000

KIND_NAMES = ("lamp", "bollard", "bin")
KIND_NUMBERS = (KIND_LAMP, KIND_BOLLARD, KIND_BIN)


def unprovisioned(address=ADDRESS_UNASSIGNED):
    """What a controller runs that nobody told what it is, or gave no keys: no kind, no outputs."""
    return Configuration(0, address, _with_defaults(common.PARAMETERS, {}), 0)


def checksum(document):
    """CRC-32 of a document with `kind`, `address` and `parameters`; its `crc` is not looked at."""
    parameters = document["parameters"]
    lines = ["kind=" + document["kind"], "address=%d" % document["address"]]
    for name in sorted(parameters):
        lines.append("%s=%d" % (name, parameters[name]))
    return binascii.crc32("\n".join(lines).encode()) & 0xFFFFFFFF


def validate(document):
    """The Configuration a document describes; raises ConfigurationError naming the bad key."""
    if not isinstance(document, dict):
        raise ConfigurationError("configuration: must be an object")
    for name in document:
        if name not in ("kind", "address", "parameters", "crc"):
            raise ConfigurationError("%s: unknown key" % name)
    kind = document.get("kind")
    if kind not in KIND_NAMES:
        raise ConfigurationError("kind: must be lamp, bollard or bin")
    address = document.get("address")
    if address != ADDRESS_UNASSIGNED:
        _check("address", address, 1, ADDRESS_MAX)
    given = document.get("parameters")
    if given is None:
        given = {}
    if not isinstance(given, dict):
        raise ConfigurationError("parameters: must be an object")
    index = KIND_NAMES.index(kind)
    own = _of_kind(kind)
    known = common.PARAMETERS + own.PARAMETERS
    names = [entry[0] for entry in known]
    for name in given:
        if name not in names:
            raise ConfigurationError("parameters.%s: unknown for a %s" % (name, kind))
    parameters = _with_defaults(known, given)
    problem = own.problem(parameters)
    if problem:
        raise ConfigurationError("parameters." + problem)
    crc = checksum({"kind": kind, "address": address, "parameters": given})
    return Configuration(KIND_NUMBERS[index], address, parameters, crc)


def provision(path, document):
    """Check a document and make it the configuration at `path`; returns its Configuration.

    Raises ConfigurationError and leaves what was there when it is not valid, or when flash does
    not read back what was written; raises OSError when flash cannot be written at all.
    """
    accepted = validate(document)
    stored = {
        "kind": document["kind"],
        "address": document["address"],
        "parameters": document.get("parameters") or {},
        "crc": accepted.crc,
    }
    files.replace(path, json.dumps(stored).encode())
    return accepted


def move(path, address):
    """Give the configuration at `path` another address; without a configuration, do nothing.

    Raises what `load` and `provision` raise.
    """
    try:
        load(path)
    except OSError:
        return
    document = json.loads(files.content(path, MAX_BYTES))
    provision(
        path, {"kind": document["kind"], "address": address, "parameters": document["parameters"]}
    )


def load(path):
    """The Configuration at `path`; OSError when there is none, ConfigurationError when damaged."""
    try:
        document = json.loads(files.content(path, MAX_BYTES))
    except (ValueError, UnicodeError):
        raise ConfigurationError("configuration: not JSON")
    accepted = validate(document)
    if document.get("crc") != accepted.crc:
        raise ConfigurationError("crc: does not match")
    return accepted


def next_boot(path, draw):
    """Count this boot in the file at `path`; returns its number, 1 to 65535.

    A number must never name two boots, so a counter that is damaged or cannot be stored is
    replaced by one drawn by lot: `draw()` gives 15 random bits.
    """
    try:
        with open(path, "rb") as file:
            text = file.read(5)
    except OSError:
        text = b"\x00\x00\xff\xff"
    number = int.from_bytes(text[:2], "little")
    if len(text) == 4 and number ^ int.from_bytes(text[2:4], "little") == 0xFFFF:
        number = number % MAX_BOOT + 1
    else:
        number = DRAWN_BOOT | draw()
    check = number ^ 0xFFFF
    try:
        files.replace(path, number.to_bytes(2, "little") + check.to_bytes(2, "little"))
    except (OSError, ConfigurationError):
        number = DRAWN_BOOT | draw()
    return number


def forget():
    """Let go of what only a boot needs: this module, the keyring, the tables of parameters.

    Who needs one of them later imports it again.
    """
    for name in sorted(sys.modules):
        parts = name.split(".")
        if len(parts) > 1 and parts[0] == "firmware" and parts[1] in FORGOTTEN:
            if len(parts) == 2 and hasattr(sys.modules["firmware"], parts[1]):
                delattr(sys.modules["firmware"], parts[1])
            del sys.modules[name]


def _of_kind(kind):
    """The parameters of a kind; a controller loads only those of its own."""
    if kind == "lamp":
        from firmware.parameters import lamp as own
    elif kind == "bollard":
        from firmware.parameters import bollard as own
    else:
        from firmware.parameters import bin as own
    return own


def _with_defaults(known, given):
    parameters = {}
    for name, default, least, most in known:
        value = given.get(name, default)
        _check("parameters." + name, value, least, most)
        parameters[name] = int(value)
    return parameters


def _check(name, value, least, most):
    # On MicroPython a bool is no int.
    if not isinstance(value, (int, bool)) or not least <= value <= most:
        raise ConfigurationError("%s: must be an integer from %d to %d" % (name, least, most))
