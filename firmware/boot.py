"""Safe boot: find out who this is, whatever is broken. Nothing here formats or raises."""

from firmware import files
from firmware.controller import BAD_CONFIGURATION, CRASHED, NO_STORAGE

CRASH_FILE = "crash.txt"
CRASH_BYTES = 1024


class Start:
    """What the boot found: `configuration`, number of the `boot`, `problems` as controller bits."""

    def __init__(self, configuration, boot, problems):
        self.configuration = configuration
        self.boot = boot
        self.problems = problems


def start(root, draw):
    """Read what the file system at `root` holds; `root` is None when it could not be mounted.

    Without a usable configuration the controller starts unprovisioned: outputs untouched, but on
    the line to identify itself. `draw()` gives 15 random bits for a boot that cannot be counted.
    """
    from firmware import config

    if root is None:
        return Start(config.unprovisioned(), config.DRAWN_BOOT | draw(), NO_STORAGE)
    if not root.endswith("/"):
        root += "/"
    problems = 0
    boot = config.next_boot(root + config.BOOT_FILE, draw)
    try:
        configuration = config.load(root + config.FILE)
    except OSError as error:
        configuration = config.unprovisioned()
        if error.errno != files.NO_SUCH_FILE:
            problems |= NO_STORAGE
    except files.ConfigurationError:
        configuration = config.unprovisioned()
        problems |= BAD_CONFIGURATION
    if _exists(root + CRASH_FILE):
        problems |= CRASHED
        _set_aside(root + CRASH_FILE)
    return Start(configuration, boot, problems)


def keys(root):
    """(keyring, problems): what was provisioned over USB, or none."""
    from firmware import keyring

    if root is None:
        return keyring.none(), 0
    if not root.endswith("/"):
        root += "/"
    try:
        return keyring.load(root + keyring.FILE), 0
    except OSError as error:
        return keyring.none(), 0 if error.errno == files.NO_SUCH_FILE else NO_STORAGE
    except files.ConfigurationError:
        return keyring.none(), BAD_CONFIGURATION


def keep_address(root, address):
    """Write an address that the gateway gave into the configuration; whether that succeeded.

    A controller without a configuration keeps the address until its next boot only.
    """
    if root is None:
        return True
    if not root.endswith("/"):
        root += "/"
    from firmware import config

    try:
        config.move(root + config.FILE, address)
    except (OSError, files.ConfigurationError):
        return False
    return True


def forget():
    """Let go of what is needed no more once the controller is made."""
    from firmware import config

    config.forget()


def keep_crash(root, text):
    """Store the traceback of a crash for the next boot to tell and a technician to read."""
    if root is None:
        return
    if not root.endswith("/"):
        root += "/"
    try:
        files.replace(root + CRASH_FILE, text[:CRASH_BYTES])
    except (OSError, files.ConfigurationError):
        return


def _exists(path):
    try:
        with open(path, "rb"):
            return True
    except OSError:
        return False


def _set_aside(path):
    """Rename a crash that is about to be told, so that the next boot does not tell it again."""
    import os

    try:
        os.rename(path, path + ".told")
    except OSError:
        return
