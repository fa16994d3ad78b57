"""What the gateway raises: one root, one leaf per reaction. Every message says what to do."""

from __future__ import annotations


class GatewayError(Exception):
    """Root of everything that this package raises."""


class StoreError(GatewayError):
    """The store cannot do its job; nothing was acknowledged that is not durable."""


class StoreFullError(StoreError):
    """The disk is full. Records stay on the controllers; the store recovers when there is room."""


class StoreReadOnlyError(StoreError):
    """The file or file system cannot be written. The store recovers when it can be."""


class StoreDamagedError(StoreError):
    """The file is not a sound database. It is evidence: keep it, and start on another file."""


class StoreVersionError(StoreError):
    """The file was written by a newer Stoep."""


class StoreInUseError(StoreError):
    """Another process has the store open."""


class StoreUnavailableError(StoreError):
    """The file cannot be opened or the store is closed."""


class ContractError(GatewayError):
    """A value that the northbound contract has no place for: a defect of the caller."""
