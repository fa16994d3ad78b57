"""Being found: answers a search by hardware id, and takes an address when it has none."""

from protocol.generated.wire import (
    ADDRESS_MAX,
    ADDRESS_UNASSIGNED,
    unpack_assign,
    unpack_hush,
    unpack_search,
)

ID_BITS = 64
NO_SEARCH = -1


class Finder:
    """`hardware_id`: 8 bytes. `keep(address)` takes it for good; whether it could."""

    def __init__(self, hardware_id, address, keep):
        self.address = address
        self._hardware_id = hardware_id
        self._keep = keep
        self._hushed_in = NO_SEARCH

    def is_meant(self, frame, at, size):
        """Whether this search asks for us; WireError when it is malformed."""
        number, address, bits, prefix = unpack_search(frame, at, size)
        if bits > ID_BITS or address != self.address or number == self._hushed_in:
            return False
        whole = bits >> 3
        for i in range(whole):
            if prefix[i] != self._hardware_id[i]:
                return False
        rest = bits & 7
        return not rest or (prefix[whole] ^ self._hardware_id[whole]) >> (8 - rest) == 0

    def hush(self, frame, at, size):
        """Leave the rest of a search unanswered when this names us."""
        number, hardware_id = unpack_hush(frame, at, size)
        if hardware_id == self._hardware_id:
            self._hushed_in = number

    def take_address(self, frame, at, size):
        """Take the address that this gives us; whether it did. Only who has none takes one."""
        hardware_id, address = unpack_assign(frame, at, size)
        if hardware_id != self._hardware_id or not 1 <= address <= ADDRESS_MAX:
            return False
        if self.address not in (ADDRESS_UNASSIGNED, address):
            return False
        if self.address != address:
            if not self._keep(address):
                return False
            self.address = address
        return True
