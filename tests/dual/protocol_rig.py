"""Both ends of the secured link, wire to wire, for the tests of sessions."""

# Without a session there would be an error, and the test would have failed as it should.
# pyright: reportOptionalMemberAccess=false, reportOptionalSubscript=false
# pyright: reportAttributeAccessIssue=false

from protocol import framing, keys, link, link_gateway, security, security_gateway
from protocol.framing import PAYLOAD_AT
from protocol.generated import wire, wire_gateway

ADDRESS = 5
ECHO = 0x40
SITE_KEY = bytes(range(32))
GATEWAY = b"park-gw1"
UNIT = bytes([0xE6, 0x61, 0x4C, 0x31, 0x1B, 0x3A, 0x7F, 0x29])
EPOCH = 1
SECURED = 0x20 | wire.FLAG_SECURED
SECURED_REPLY = SECURED | wire.FLAG_REPLY


class Recorder:
    """A service that answers ECHO with the payload backwards, and remembers what it was asked."""

    def __init__(self):
        self.asked = []
        self.heard = []
        self.now_ms = None

    def answer(self, kind, frame, at, size, reply, reply_at, now_ms):
        self.now_ms = now_ms
        payload = bytes(frame[at : at + size])
        if kind == wire.IDENTIFY:
            return wire.HELLO, wire.HELLO_SIZE, 0
        self.asked.append((kind, payload))
        for i in range(size):
            reply[reply_at + i] = payload[size - 1 - i]
        return kind, size, wire.FLAG_MORE

    def hear(self, kind, frame, at, size, now_ms):
        self.now_ms = now_ms
        self.heard.append((kind, bytes(frame[at : at + size])))


class Street:
    """A gateway's end and a controller's end, wire to wire."""

    def __init__(self, unit=UNIT, link_key=None, address=ADDRESS, boot=3, chance=1):
        self.chance = chance
        self.unit = unit
        self.link_key = link_key or keys.link_key(SITE_KEY, EPOCH, unit)
        self.security = security.ControllerSecurity({EPOCH: self.link_key}, unit, boot, b"")
        self.responder = link.Responder(address, Recorder(), self.security)
        self.requester = link_gateway.Requester(address, 0)
        self.group = security_gateway.Group(bytes([0x47]) * 16)
        self.now_ms = 1000

    @property
    def asked(self):
        return self.responder.service.asked

    def opening(self, unit=None, link_key=None, gateway=GATEWAY, epoch=EPOCH):
        self.chance += 1
        nonce = bytes([self.chance]) * 16
        key = link_key or self.link_key
        return security_gateway.Opening(key, unit or self.unit, gateway, epoch, nonce)

    def deliver(self, line):
        return deliver(self.responder, line, self.now_ms)

    def ask(self, kind, payload, plain=False):
        """What the gateway takes for the answer, or None."""
        answers = accept(self.requester, self.deliver(self.requester.request(kind, payload, plain)))
        return answers[0] if answers else None

    def confirmation(self, opening=None):
        """session_confirm on the wire, and the session it would begin."""
        opening = opening or self.opening()
        answer = self.ask(wire.SESSION_OPEN, opening.payload(), True)
        payload, session = opening.confirm(
            answer[2], self.requester.address, self.group, self.now_ms
        )
        return self.requester.confirm(payload, session), session

    def open(self):
        """Open a session; what the gateway takes for the answer to session_confirm."""
        line, _ = self.confirmation()
        return accept(self.requester, self.deliver(line))


def opened(**options):
    street = Street(**options)
    assert street.open()
    return street


def checked(line):
    """The frames of a line as (buffer, size), each buffer its own."""
    deframer, found, at = framing.Deframer(), [], 0
    while at < len(line):
        at = deframer.push(line, at, len(line))
        if deframer.size >= 0:
            found.append((bytearray(deframer.buffer), deframer.size))
    return found


def deliver(responder, line, now_ms=1000):
    """What the controller says to this line, as bytes."""
    said = b""
    for frame, size in checked(line):
        count = responder.receive(frame, size, now_ms)
        said += bytes(responder.reply[:count])
    return said


def accept(requester, line):
    """What the gateway takes of this line."""
    answers = [requester.accept(frame, size) for frame, size in checked(line)]
    return [answer for answer in answers if answer is not None]


def altered(line, changes):
    """The first frame of a line with bytes changed, counted from the header, and a correct CRC."""
    frame, size = checked(line)[0]
    for offset, value in changes:
        frame[1 + offset] = value
    return bytes(frame[: framing.finish_frame(frame, size)])


def refusal(line):
    """(type, reason) of a refusal in plain on this line."""
    frame, size = checked(line)[0]
    assert frame[4] == wire.REFUSAL
    assert not frame[1] & wire.FLAG_SECURED
    return wire_gateway.unpack_refusal(frame, PAYLOAD_AT, size)


def raised(error, call, *arguments):
    try:
        call(*arguments)
    except error:
        return True
    return False
