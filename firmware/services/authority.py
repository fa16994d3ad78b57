"""Who may order a bollard: fresh orders, signed by people whose role allows it.

Nothing here trusts the gateway, which only carries. The nonce that an order must bear is new at
boot, after every order that was signed as it must be, and after NONCE_MS; the age of an order is
that of its nonce, by this controller's own clock. The form of an order is in protocol.orders.
"""

from protocol import orders
from protocol.generated.wire import GUARD_LATE, GUARD_NONE
from protocol.generated.wire_bollard import (
    GUARD_BAD_AUTHORITY,
    GUARD_OLD_NONCE,
    GUARD_ROLE,
    GUARD_SECOND_PERSON,
    ROLE_OPERATOR,
    ROLE_SUPERVISOR,
    ROLE_TECHNICIAN,
    VERB_BYPASS,
    VERB_GRANT,
    VERB_HOLD,
    VERB_LOWER,
    VERB_RAISE,
    VERB_RESET,
)
from protocol.keys import hmac_sha256

NONCE_MS = 60000
LONGEST_LIFETIME_MS = 120000
NOBODY = bytes(orders.OPERATOR_SIZE)
# The least role for each verb; two people with it for those of PAIRED.
LEAST_ROLES = (
    (VERB_RAISE, ROLE_OPERATOR),
    (VERB_LOWER, ROLE_OPERATOR),
    (VERB_HOLD, ROLE_OPERATOR),
    (VERB_GRANT, ROLE_OPERATOR),
    (VERB_RESET, ROLE_SUPERVISOR),
    (VERB_BYPASS, ROLE_SUPERVISOR),
)
PAIRED = (VERB_BYPASS,)


class Authority:
    """Judges orders. `command_keys`: K_cmd by epoch; `entropy`: random bytes of this boot.

    `nonce` is what the next order must bear; after a `judge` that found nothing, `signed_by` is
    who did, one or two names.
    """

    def __init__(self, command_keys, hardware_id, boot, entropy):
        self.nonce = NOBODY
        self.signed_by = NOBODY, NOBODY
        self._command_keys = command_keys
        self._hardware_id = hardware_id
        secret = b"".join([command_keys[epoch] for epoch in sorted(command_keys)])
        seed = b"stoep order nonce" + boot.to_bytes(2, "little") + entropy
        self._seed = hmac_sha256(secret, seed)
        self._count = 0
        self._born_ms = 0
        self.renew(0)

    def renew(self, now_ms):
        """Another nonce, and every order under the one before is old."""
        self._count += 1
        self._born_ms = now_ms
        counted = self._count.to_bytes(4, "little")
        self.nonce = hmac_sha256(self._seed, counted)[: orders.NONCE_SIZE]

    def turn(self, now_ms):
        """Renew a nonce that has lived long enough."""
        if now_ms - self._born_ms >= NONCE_MS:
            self.renew(now_ms)

    def judge(self, verb, level_percent, duration_s, transaction, proof, now_ms):
        """The guard that refuses a command with this `proof`, or GUARD_NONE.

        What is no order needs no proof. An order that is signed and late, or that nothing here
        refuses, has used up the nonce: whatever becomes of it, it comes but once.
        """
        least_role = _least_role(verb)
        if not least_role:
            return GUARD_NONE
        parsed = orders.parse(proof)
        if parsed is None:
            return GUARD_BAD_AUTHORITY
        nonce, lifetime_ms, signatures = parsed
        if nonce != self.nonce:
            return GUARD_OLD_NONCE
        order = orders.Order(verb, level_percent, duration_s, lifetime_ms, transaction)
        message = order.signed_bytes(nonce, self._hardware_id)
        for signature in signatures:
            if not orders.covers(self._command_keys, signature, message):
                return GUARD_BAD_AUTHORITY
        guard = _rights(verb, least_role, signatures)
        if guard:
            return guard
        age_ms = now_ms - self._born_ms
        self.renew(now_ms)
        if lifetime_ms > LONGEST_LIFETIME_MS or age_ms > lifetime_ms:
            return GUARD_LATE
        second = signatures[1][0] if len(signatures) > 1 else NOBODY
        self.signed_by = signatures[0][0], second
        return GUARD_NONE


def _least_role(verb):
    """Who may give an order at least; 0 for what is none."""
    for known, role in LEAST_ROLES:
        if known == verb:
            return role
    return 0


def _rights(verb, least_role, signatures):
    """What refuses a verb to who signed it, GUARD_NONE for nothing."""
    for _, role, _ in signatures:
        if not least_role <= role <= ROLE_TECHNICIAN:
            return GUARD_ROLE
    if len(signatures) > 1 and signatures[0][0] == signatures[1][0]:
        return GUARD_SECOND_PERSON
    if verb in PAIRED and len(signatures) < orders.MAX_SIGNATURES:
        return GUARD_SECOND_PERSON
    return GUARD_NONE
