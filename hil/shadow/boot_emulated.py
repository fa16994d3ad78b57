"""What a Pico's boot code does, for an emulated controller: mount the flash, start the firmware.

STOEP_FLASH_NEW says that the image was never written, so that it may be formatted; a mount that
fails on any other image is an error and changes nothing. STOEP_PROVISION is the configuration to
write before the firmware starts, as JSON.
"""

import gc
import os
import sys

import plant

PROGRAM_BYTES = 256  # as the RP2 port mounts its flash


def shorten():
    """Make the path to the firmware as short as a Pico's.

    Every module's file name lies on the heap, and the host's long folders would take kilobytes.
    """
    for folder in sys.path:
        if folder.endswith("/root"):
            image = os.getenv("STOEP_FLASH")
            if image and not image.startswith("/"):
                os.putenv("STOEP_FLASH", os.getcwd() + "/" + image)
            os.chdir(folder)
            sys.path[:] = ["", "../shadow", ".frozen"]
            return


def mount():
    """Mount the flash image of STOEP_FLASH at /flash."""
    import vfs
    from flash import Flash

    # The stubs ask for their own abstract class; MicroPython asks for the methods.
    device: vfs.AbstractBlockDev = Flash(os.getenv("STOEP_FLASH"))  # pyright: ignore[reportAssignmentType] - see above
    if os.getenv("STOEP_FLASH_NEW"):
        vfs.VfsLfs2.mkfs(device, progsize=PROGRAM_BYTES)
    vfs.mount(vfs.VfsLfs2(device, progsize=PROGRAM_BYTES), "/flash")


def provision():
    """Write the configuration that the street asked for, if it did."""
    wanted = os.getenv("STOEP_PROVISION")
    if wanted:
        import json

        from firmware import config, keyring

        document = json.loads(wanted)
        keys = document.pop("keys", None)
        config.provision("/flash/" + config.FILE, document)
        if keys is not None:
            keyring.provision("/flash/" + keyring.FILE, keys)


def run():
    """Start the application; it returns only when it has failed."""
    shorten()
    mount()
    provision()
    plant.send(plant.BOOTED, 0, 0)
    gc.collect()
    from firmware.boards import emulated
    from firmware.main import main

    gc.collect()
    main(emulated)


try:
    run()
except Exception as error:  # noqa: BLE001  # the last resort: tell why, and stop
    sys.print_exception(error)
    sys.exit(1)
