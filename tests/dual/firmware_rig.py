"""A controller without hardware for dual tests: drivers that remember, and a gateway's end."""

from firmware import config
from firmware.controller import Controller
from firmware.nodes.bin import BinNode
from firmware.nodes.lamp import LampNode
from firmware.services.uplink import Identity
from protocol.framing import Deframer
from protocol.generated import wire, wire_gateway
from protocol.link_gateway import Requester, broadcast
from protocol.security import ControllerSecurity
from protocol.security_gateway import Group, Opening

HARDWARE_ID = b"\x01\x02\x03\x04\x05\x06\x07\x08"
BOOT = 7
EPOCH = 3
LINK_KEY = bytes(range(32))


class FakeLine:
    """What a line driver offers; `arrived` is what the next turn finds, `sent` what it answered."""

    def __init__(self):
        self.buffer = bytearray(256)
        self.arrived = b""
        self.sent = b""

    def receive(self):
        data = self.arrived[:256]
        self.arrived = self.arrived[256:]
        self.buffer[: len(data)] = data
        return len(data)

    def send(self, data, size):
        self.sent += bytes(data[:size])


class FakeSystem:
    """Light, heap and flash of a chip."""

    def __init__(self):
        self.lit = 0
        self.blinks = 0

    def led(self, lit):
        self.blinks += lit
        self.lit = lit

    def heap_free(self):
        return 65536

    def erases(self):
        return 3


class FakeLamp:
    """Outputs and inputs of a lamp."""

    def __init__(self):
        self.duty = 0
        self.level = 0
        self.on = 0
        self.somebody = 0
        self.ma = 700
        self.celsius = 20
        self.lux = 0

    def dim(self, duty, level):
        self.duty = duty
        self.level = level

    def relay(self, on):
        self.on = on

    def presence(self):
        return self.somebody

    def current_ma(self):
        return self.ma

    def temperature_c(self):
        return self.celsius

    def photocell_lux(self):
        return self.lux


class FakeBin:
    """Outputs and inputs of a bin."""

    def __init__(self):
        self.directions = set()
        self.sensed = 0
        self.distance = 1200
        self.warmth_dc = 200
        self.battery = 12800
        self.drawn_ma = 0

    def press(self, direction):
        self.directions.add(direction)

    def bits(self):
        return self.sensed

    def distance_mm(self):
        return self.distance

    def temperature_dc(self):
        return self.warmth_dc

    def battery_mv(self):
        return self.battery

    def press_ma(self):
        return self.drawn_ma


class Rig:
    """One controller in virtual time, joined to `plant`, and its gateway.

    `now_ms` is the time; `records` gathers (type, sequence, quality, body) of everything polled;
    `kept` the addresses that it was given, which `keeps` lets it keep. `secured`: it has keys;
    `open` then opens a session, and everything after it goes under that; its polls permit upward
    drive while `permit` is set.
    """

    def __init__(self, configuration, plant, secured=False):
        self.address = configuration.address
        self.line = FakeLine()
        self.system = FakeSystem()
        identity = Identity(HARDWARE_ID, BOOT, wire.RESET_CAUSE_POWER_ON, 0, False)
        security = (
            ControllerSecurity({EPOCH: LINK_KEY}, HARDWARE_ID, BOOT, b"") if secured else None
        )
        self.keeps = True
        self.permit = True
        self.kept = []
        self.group = Group(bytes(16))
        self.controller = Controller(
            configuration,
            identity,
            self.line,
            plant,
            plant,
            self.system,
            self.keep_address,
            security,
        )
        self.requester = Requester(self.address, 100)
        self.now_ms = 0
        self.boot = BOOT
        self.routine = 1
        self.urgent = wire.URGENT_SEQUENCE_BASE + 1
        self.records = []

    def keep_address(self, address):
        self.kept.append(address)
        return self.keeps

    def open(self):
        """Open a session; returns the hello that confirms it."""
        opening = Opening(LINK_KEY, HARDWARE_ID, bytes(8), EPOCH, bytes(16))
        data = self.requester.request(wire.SESSION_OPEN, opening.payload(), True)
        answer = self.deliver(data)
        assert answer is not None
        assert answer[0] == wire.SESSION_ACCEPT
        payload, session = opening.confirm(answer[2], self.address, self.group, self.now_ms)
        answer = self.deliver(self.requester.confirm(payload, session))
        assert answer is not None
        assert answer[0] == wire.HELLO
        assert answer[1] & wire.FLAG_SECURED
        return wire_gateway.unpack_hello(answer[2], 0, len(answer[2]))

    def run(self, duration_ms):
        """Let time pass; the controller turns as often as it asks to."""
        end_ms = self.now_ms + duration_ms
        while True:
            wait_ms = self.controller.turn(self.now_ms)
            if self.now_ms + wait_ms > end_ms:
                self.pass_time(end_ms - self.now_ms)
                return
            self.pass_time(wait_ms)

    def pass_time(self, duration_ms):
        """Later, and nothing else."""
        self.now_ms += duration_ms

    def ask(self, kind, payload, flags=0):
        """(kind, flags, payload) of the answer to a request with these flags."""
        answer = self.deliver(self.requester.request(kind, payload, False, flags))
        assert answer is not None
        return answer

    def deliver(self, data):
        """Put bytes on the line, turn once, and take the answer to the open request."""
        self.say(data)
        deframer = Deframer()
        at = 0
        while at < len(self.line.sent):
            at = deframer.push(self.line.sent, at, len(self.line.sent))
            if deframer.size >= 0:
                answer = self.requester.accept(deframer.buffer, deframer.size)
                if answer is not None:
                    return answer
        return None

    def hear(self, kind, payload):
        """Broadcast a message, secured when there is a session."""
        group = None if self.requester.session is None else self.group
        self.say(broadcast(kind, payload, 1, group))

    def say(self, data):
        """Put bytes on the line, turn once; returns what is answered, as bytes."""
        self.line.arrived = data
        self.line.sent = b""
        self.controller.turn(self.now_ms)
        return self.line.sent

    def poll_payload(self, limit=220):
        payload = bytearray(wire.POLL_SIZE)
        wire_gateway.pack_poll(
            payload, 0, self.boot, self.routine, self.routine, self.urgent, self.urgent, limit
        )
        return bytes(payload)

    def explain(self, verb, level=0, duration_s=0):
        """(transaction, status, guard, progress) that a command would get."""
        payload = bytearray(wire.EXPLAIN_SIZE)
        wire_gateway.pack_explain(payload, 0, verb, level, duration_s)
        kind, _, answer = self.ask(wire.EXPLAIN, payload)
        assert kind == wire.COMMAND_RESULT
        return wire_gateway.unpack_command_result(answer, 0, len(answer))

    def poll(self, limit=220):
        """One poll that acknowledges everything before; returns the flags of the answer."""
        permission = wire.FLAG_PERMIT if self.permit else 0
        kind, flags, payload = self.ask(wire.POLL, self.poll_payload(limit), permission)
        assert kind == wire.RECORDS
        boot, _ = wire_gateway.unpack_records(payload, 0, len(payload))
        assert boot == BOOT
        for record in split(payload, wire.RECORDS_SIZE):
            self.records.append(record)
            if record[1] > wire.URGENT_SEQUENCE_BASE:
                self.urgent = record[1] + 1
            else:
                self.routine = record[1] + 1
        return flags

    def drain(self):
        """Poll until nothing is left; returns the records that came."""
        before = len(self.records)
        while self.poll() & (wire.FLAG_MORE | wire.FLAG_URGENT):
            pass
        return self.records[before:]

    def command(self, verb, transaction=1, lifetime_ms=1000, level=0, duration_s=0, proof=b""):
        """(transaction, status, guard, progress) of a command."""
        payload = bytearray(wire.COMMAND_SIZE)
        wire_gateway.pack_command(payload, 0, transaction, verb, lifetime_ms, level, duration_s)
        kind, _, answer = self.ask(wire.COMMAND, bytes(payload) + proof)
        assert kind == wire.COMMAND_RESULT
        return wire_gateway.unpack_command_result(answer, 0, len(answer))

    def events(self):
        """(code, severity, active, value, transaction) of every event polled so far."""
        return [
            wire_gateway.unpack_event(body, 0, len(body))
            for kind, _, _, body in self.records
            if kind == wire.RECORD_EVENT
        ]

    def last(self, kind):
        """Body of the newest polled record of a kind."""
        return [record[3] for record in self.records if record[0] == kind][-1]


def configured(kind, parameters, address=5):
    """A configuration, mostly for address 5."""
    return config.validate({"kind": kind, "address": address, "parameters": parameters})


class LampRig(Rig):
    """A lamp: `plant` is what it drives and senses."""

    def __init__(self, parameters, secured=False):
        self.plant = FakeLamp()
        Rig.__init__(self, configured("lamp", parameters), self.plant, secured)
        node = self.controller.node
        assert isinstance(node, LampNode)
        self.node = node


class BinRig(Rig):
    """A bin: `plant` is what it drives and senses."""

    def __init__(self, parameters, secured=False):
        self.plant = FakeBin()
        Rig.__init__(self, configured("bin", parameters), self.plant, secured)
        node = self.controller.node
        assert isinstance(node, BinNode)
        self.node = node


def split(data, at):
    """(type, sequence, quality, body) of every record in data[at:]."""
    found = []
    while at < len(data):
        kind, size, quality, sequence, _, _ = wire_gateway.unpack_record_header(
            data, at, wire.RECORD_HEADER_SIZE
        )
        at += wire.RECORD_HEADER_SIZE
        found.append((kind, sequence, quality, bytes(data[at : at + size])))
        at += size
    assert at == len(data)
    return found
