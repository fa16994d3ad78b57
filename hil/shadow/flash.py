"""A NOR flash in a host file, as a block device for littlefs.

Programming can only clear bits, erasing sets a whole block to 0xFF. Erases and programs are
counted here and told to the street.
"""

import plant

BLOCK_BYTES = 4096
_ERASE, _PROGRAM = 0, 1


class Flash:
    """The block device over the image at `path`, whose length is a multiple of BLOCK_BYTES."""

    def __init__(self, path):
        self._file = open(path, "r+b")
        self.block_count = self._file.seek(0, 2) // BLOCK_BYTES
        self.erase_count = 0
        self.program_count = 0
        self._scratch = bytearray(256)
        self._erased = b"\xff" * 256

    def readblocks(self, block, buf, offset=0):
        """Fill `buf` from `offset` in `block`."""
        self._file.seek(block * BLOCK_BYTES + offset)
        self._file.readinto(buf)

    def writeblocks(self, block, buf, offset=None):
        """Program `buf`; without an offset whole blocks are erased first."""
        if offset is None:
            for index in range(len(buf) // BLOCK_BYTES):
                self.ioctl(6, block + index)
            offset = 0
        start = block * BLOCK_BYTES + offset
        scratch = self._scratch
        size = len(buf)
        done = 0
        while done < size:
            step = min(len(scratch), size - done)
            self._file.seek(start + done)
            self._file.readinto(scratch)
            for index in range(step):
                scratch[index] &= buf[done + index]
            self._file.seek(start + done)
            if step == len(scratch):
                self._file.write(scratch)
            else:
                self._file.write(memoryview(scratch)[:step])
            done += step
        self.program_count += 1
        plant.send(plant.FLASH, _PROGRAM, block)

    def ioctl(self, operation, argument):
        """The block device's control operations, see MicroPython's `vfs.AbstractBlockDev`."""
        if operation == 4:
            return self.block_count
        if operation == 5:
            return BLOCK_BYTES
        if operation == 6:
            self._file.seek(argument * BLOCK_BYTES)
            for _ in range(BLOCK_BYTES // len(self._erased)):
                self._file.write(self._erased)
            self.erase_count += 1
            plant.send(plant.FLASH, _ERASE, argument)
        return 0
