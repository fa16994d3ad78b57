"""Whom a frame on the line is for, as far as its first bytes tell."""

from collections.abc import Mapping

from hil.line import GATEWAY, Addressee

# Offsets of the decoded frame, see protocol.framing. Version and address are never 0 in a request,
# so COBS leaves them as they are; a reply's address is 0, and then the COBS byte points to it.
DESTINATION_AT = 2


def addressee(stations: Mapping[int, str]) -> Addressee:
    """For `Line.addressee`: the endpoint that a burst is for, by the addresses of a site.

    None for broadcasts, for unknown addresses and for what is no frame.
    """

    def find(_talker: str, data: bytes) -> str | None:
        frame = data.lstrip(b"\0")[: DESTINATION_AT + 1]
        if len(frame) <= DESTINATION_AT:
            return None
        return GATEWAY if frame[0] == DESTINATION_AT else stations.get(frame[DESTINATION_AT])

    return find
