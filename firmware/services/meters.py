"""The counters of a node on flash, so that a restart does not begin them anew.

The file: kind, number of counters, each counter (u32), CRC-32 of all that; little-endian. A power
cut loses what was counted since the last store: that of KEEP_MS, and of the time to the next rest.
"""

import binascii
import struct

from firmware import files
from protocol.generated.wire import EVENT_CODE_STORAGE_FAULT, SEVERITY_WARNING

FILE = "meters.bin"
# Twelve stores a day, of a quarter of an erase each: littlefs keeps so small a file in its folder.
KEEP_MS = 2 * 3600000
CRC_BYTES = 4


class Keeper:
    """Keeps the counters of a node of that kind in a file.

    The node offers `counters()` → tuple of integers below 2**32, `resume(counters)`, and
    `at_rest()`: whether nothing drives or is about to, so that a pause for a write does no harm.
    Trouble is a `storage_fault` with the value 1; that of the whole flash has 0.
    """

    def __init__(self, path, kind, node, outbox):
        self._path = path
        self._node = node
        self._outbox = outbox
        self._kind = kind
        self._kept = b""
        self._failed = 0
        self._due_ms = KEEP_MS

    def load(self, first_boot, now_ms):
        """Resume what is kept; the outputs must be safe.

        Counters that are damaged or missing begin at zero and are told, unless it is the first
        boot. Those that cannot be read today are told and left for the next boot: nothing is
        stored until then.
        """
        fresh = self._content()
        found = b""
        try:
            found = files.content(self._path, len(fresh))
        except files.ConfigurationError:
            pass
        except OSError as error:
            if error.errno != files.NO_SUCH_FILE:
                self._path = None
                first_boot = False
        data = found[:-CRC_BYTES]
        if len(found) == len(fresh) and found[:2] == fresh[:2] and found == _sealed(data):
            self._node.resume(struct.unpack("<%dI" % data[1], data[2:]))
            self._kept = found
            return
        if not first_boot:
            self._tell(1, now_ms)
        # From now on a file that is missing was lost.
        self.keep(now_ms)

    def turn(self, now_ms):
        """Store the counters when it is time for that, and the node is at rest."""
        if now_ms >= self._due_ms and self._node.at_rest():
            self._due_ms = now_ms + KEEP_MS
            self.keep(now_ms)

    def keep(self, now_ms):
        """Store the counters if they have changed, whole or not at all. Only with no drive on."""
        content = self._content()
        if content == self._kept or self._path is None:
            return
        try:
            files.replace(self._path, content)
        except (OSError, files.ConfigurationError):
            self._tell(1, now_ms)
            return
        self._kept = content
        if self._failed:
            self._tell(0, now_ms)

    def _content(self):
        counters = self._node.counters()
        count = len(counters)
        return _sealed(struct.pack("<BB%dI" % count, self._kind, count, *counters))

    def _tell(self, failed, now_ms):
        self._failed = failed
        self._outbox.event(EVENT_CODE_STORAGE_FAULT, SEVERITY_WARNING, failed, 1, 0, now_ms)


def _sealed(data):
    return data + struct.pack("<I", binascii.crc32(data))
