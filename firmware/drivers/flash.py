"""The flash of each family of boards as a block device, and its mount."""

import time

import vfs

ALREADY_MOUNTED = 1  # EPERM
MOUNT_TRIES = 5
BETWEEN_TRIES_MS = 100


def device(board):
    """The block device that holds the file system; OSError when there is none."""
    if board.FLASH == "rp2":
        import rp2

        return rp2.Flash()
    if board.FLASH == "esp32":
        import esp32  # pyright: ignore[reportMissingImports] - the stubs are those of the RP2

        return esp32.Partition.find(esp32.Partition.TYPE_DATA, label="vfs")[0]
    import os

    from flash import Flash  # pyright: ignore[reportAttributeAccessIssue] - the emulator's, found by its path

    return Flash(os.getenv("STOEP_FLASH"))


def mount(board):
    """Mount the flash at board.FLASH_ROOT; returns its device, or None when it does not work.

    A mount that fails is tried again, since one read error is no reason to give up. It never
    formats: what cannot be read today may be readable tomorrow.
    """
    for _ in range(MOUNT_TRIES):
        found = None
        try:
            found = device(board)
            vfs.mount(vfs.VfsLfs2(found, progsize=board.FLASH_PROGRAM_BYTES), board.FLASH_ROOT)
            return found
        except OSError as error:
            if found is not None and error.errno == ALREADY_MOUNTED:
                return found
            time.sleep_ms(BETWEEN_TRIES_MS)
    return None
