"""A bollard's controller without its hardware: a post that moves, people who order, a gateway."""

from firmware.logic import bollard
from firmware.nodes.bollard import BollardNode
from firmware.services.authority import Authority
from protocol import orders
from protocol.generated import wire, wire_bollard, wire_gateway
from tests.dual.firmware_rig import BOOT, EPOCH, HARDWARE_ID, Rig, configured

COMMAND_KEY = bytes(range(32, 64))
OPERATOR = (("alice", wire_bollard.ROLE_OPERATOR),)
SUPERVISOR = (("chris", wire_bollard.ROLE_SUPERVISOR),)
STALLED_MA = 15000
PAIR = (("chris", wire_bollard.ROLE_SUPERVISOR), ("dora", wire_bollard.ROLE_SUPERVISOR))


class FakeBollard:
    """Outputs and inputs of a post that moves: `height_ms` of its travel `travel_ms`.

    `directions` is every drive it was ever told, `driven` what it is told now. `sensed` is what
    its contacts read beside the end switches; `ends` overrules those when it is not negative. With
    `blocked` it drives and does not move; what pushes on its end is a load. `frozen_ma` is what the
    current sensor reads for ever, when it is not negative.
    """

    def __init__(self):
        self.directions = set()
        self.driven = 0
        self.shown = 0
        self.sensed = 0
        self.ends = -1
        self.travel_ms = 2000
        self.height_ms = 0
        self.blocked = False
        self.ma = 6000
        self.kpa = 6000
        self.frozen_ma = -1

    def drive(self, direction):
        self.directions.add(direction)
        self.driven = direction

    def signals(self, bits):
        self.shown = bits

    def pass_time(self, duration_ms):
        """Move as driven."""
        if self.driven and not self.blocked:
            moved_ms = duration_ms if self.driven == bollard.DRIVE_UP else -duration_ms
            self.height_ms = min(max(self.height_ms + moved_ms, 0), self.travel_ms)

    def bits(self):
        ends = self.ends
        if ends < 0:
            ends = 0
            if self.height_ms <= 0:
                ends = bollard.AT_BOTTOM
            elif self.height_ms >= self.travel_ms:
                ends = bollard.AT_TOP
        return self.sensed | ends

    def current_ma(self):
        if self.frozen_ma >= 0:
            return self.frozen_ma
        if not self.driven:
            return 0
        ends_at_ms = self.travel_ms if self.driven == bollard.DRIVE_UP else 0
        return STALLED_MA if self.height_ms == ends_at_ms else self.ma

    def pressure_kpa(self):
        return self.kpa if self.driven else 0


class BollardRig(Rig):
    """A post: `plant` is what it drives and senses. `secured`: people may order it, too."""

    def __init__(self, parameters, secured=False, plant=None):
        self.plant = plant or FakeBollard()
        Rig.__init__(self, configured("bollard", parameters), self.plant, secured)
        node = self.controller.node
        assert isinstance(node, BollardNode)
        self.node = node
        self.transaction = 100
        self.authority = Authority({EPOCH: COMMAND_KEY}, HARDWARE_ID, BOOT, b"")
        if secured:
            self.controller.desk.trust(self.authority)

    def pass_time(self, duration_ms):
        """Later, and the post has moved."""
        self.now_ms += duration_ms
        self.plant.pass_time(duration_ms)

    def proof(self, verb, duration_s, people, transaction, lifetime_ms=60000):
        """An authority by `people`, (name, role) each, under the present nonce."""
        nonce = self.authority.nonce
        order = orders.Order(verb, 0, duration_s, lifetime_ms, transaction)
        message = order.signed_bytes(nonce, HARDWARE_ID)
        signatures = []
        for name, role in people:
            operator = orders.operator_field(name)
            key = orders.person_key(COMMAND_KEY, role, operator)
            signatures.append((operator, role, orders.sign(key, message)))
        return orders.join(nonce, lifetime_ms, signatures)

    def order(self, verb, duration_s=0, people=OPERATOR):
        """(status, guard) of a signed command under a new transaction."""
        self.transaction += 1
        proof = self.proof(verb, duration_s, people, self.transaction)
        answer = self.command(verb, self.transaction, 1000, 0, duration_s, proof)
        return answer[1:3]

    def live(self, duration_ms, period_ms=100):
        """Time passes while the gateway polls, with its permission when `permit` is set."""
        end_ms = self.now_ms + duration_ms
        while self.now_ms < end_ms:
            self.poll()
            self.run(min(period_ms, end_ms - self.now_ms))

    def live_until(self, state, limit_ms=60000):
        """Live until the post is in that state; returns how long that took."""
        begin_ms = self.now_ms
        while self.node.state != state:
            assert self.now_ms - begin_ms < limit_ms, self.node.state
            self.live(10, 10)
        return self.now_ms - begin_ms

    def run_until(self, driven, limit_ms=20000):
        """Time passes without a gateway until that is driven; returns how long it took."""
        begin_ms = self.now_ms
        while self.plant.driven != driven:
            assert self.now_ms - begin_ms < limit_ms, self.node.state
            self.run(10)
        return self.now_ms - begin_ms

    def result(self, transaction=None):
        """(status, guard) told as the last word about a command, None when there was none."""
        wanted = self.transaction if transaction is None else transaction
        self.drain()
        for code, _, _, value, number in reversed(self.events()):
            if code == wire.EVENT_CODE_COMMAND_RESULT and number == wanted:
                return value & 0xFF, value >> 8 & 0xFF
        return None

    def motions(self):
        """(drive, cause, state, transaction, operator, second) of every motion so far."""
        self.drain()
        return [
            wire_gateway.unpack_motion(body, 0, len(body))
            for kind, _, _, body in self.records
            if kind == wire_bollard.RECORD_MOTION
        ]

    def status(self):
        """The newest bollard_status."""
        self.drain()
        body = self.last(wire_bollard.RECORD_BOLLARD_STATUS)
        return wire_gateway.unpack_bollard_status(body, 0, len(body))
