"""Errors of the protocol room; one leaf per reaction. Dual: runs on CPython and MicroPython."""


class ProtocolError(Exception):
    """Root of everything that this package raises."""


class WireError(ProtocolError):
    """Bytes that are not what they claim to be: count and drop."""


class SecurityError(ProtocolError):
    """Keys, counters or proofs that do not allow to go on: open a new session, or ask a person."""


class EncodeError(ProtocolError):
    """A value that does not fit its field: a defect of the caller, never of the wire."""
