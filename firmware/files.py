"""Files on flash, whole or not at all, and what was accepted of them."""

import os

NO_SUCH_FILE = 2  # ENOENT


class ConfigurationError(Exception):
    """What is kept is not acceptable; the text says which key or file and why."""


class Configuration:
    """A valid configuration: `kind` of wire.KIND_*, `address`, `parameters` with all defaults."""

    def __init__(self, kind, address, parameters, crc):
        self.kind = kind
        self.address = address
        self.parameters = parameters
        self.crc = crc
        self.provisioned = kind != 0


def content(path, most):
    """The bytes of a file; OSError when there is none, ConfigurationError above `most` bytes.

    Takes no more heap than the file is long: on a heap in pieces, a boot must not fail for the
    room that the longest file would need.
    """
    size = os.stat(path)[6]
    if size > most:
        raise ConfigurationError("%s: longer than %d bytes" % (path, most))
    with open(path, "rb") as file:
        return file.read(size)


def replace(path, content):
    """Make `content` the file at `path`, or leave the old one: written aside, read back, renamed.

    Raises OSError, or ConfigurationError when flash does not return what was written.
    """
    aside = path + ".new"
    with open(aside, "wb") as file:
        file.write(content)
        file.flush()
    with open(aside, "rb") as file:
        if file.read(len(content) + 1) != content:
            raise ConfigurationError("flash: reads back other bytes than were written")
    os.rename(aside, path)
