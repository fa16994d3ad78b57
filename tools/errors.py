"""What ends a command of `stoep` early: one root, one leaf for each exit code.

Every message is one line that says what is wrong and what to do.
"""

from __future__ import annotations

EXIT_DONE = 0
EXIT_DEFECT = 1
EXIT_USAGE = 2
EXIT_REFUSED = 3
EXIT_FAILED = 4
EXIT_EXPIRED = 5
EXIT_UNREACHABLE = 6
EXIT_CONFIGURATION = 7
EXIT_INTERRUPTED = 130

EXIT_CODES = {
    EXIT_DONE: "done",
    EXIT_DEFECT: "a defect of stoep itself",
    EXIT_USAGE: "wrong options or arguments",
    EXIT_REFUSED: "refused (REJECTED)",
    EXIT_FAILED: "failed or cancelled",
    EXIT_EXPIRED: "expired before it was carried out",
    EXIT_UNREACHABLE: "unreachable: no broker, no gateway, no answer",
    EXIT_CONFIGURATION: "wrong configuration, or something is not installed",
    EXIT_INTERRUPTED: "interrupted (Ctrl-C)",
}
"""Exit code -> meaning, as `stoep --help` prints it."""


class ToolError(Exception):
    """Root of what `stoep` reports to its user; `exit_code` is what scripts see."""

    exit_code = EXIT_FAILED


class UsageError(ToolError):
    """The command line asks for something that does not exist or makes no sense."""

    exit_code = EXIT_USAGE


class Refused(ToolError):
    """The gateway or the controller refused the command, and did nothing."""

    exit_code = EXIT_REFUSED


class Failed(ToolError):
    """It was tried and did not succeed, or was cancelled."""

    exit_code = EXIT_FAILED


class Expired(ToolError):
    """Its validity ended before it could be carried out; it will not happen later."""

    exit_code = EXIT_EXPIRED


class Unreachable(ToolError):
    """Nobody answers: no broker, no gateway, or no result in time."""

    exit_code = EXIT_UNREACHABLE


class Interrupted(ToolError):
    """Ctrl-C while something goes on without us; without that, nothing is said."""

    exit_code = EXIT_INTERRUPTED


class ConfigurationError(ToolError):
    """A file or the installation is not as it must be."""

    exit_code = EXIT_CONFIGURATION
