"""What a post has to do, as single steps: sentences that hold whatever table makes them true.

Each of STEPS: a sentence, the states it is about (their letters, or ALL but those after a minus),
names of the bits that are set beside SETTLED and LEASE, and the state after it; SAME is no change.
A step of a state named in LOWERED has the lower end switch on, unless the bits name an end.
"""

LETTERS = "DN PW RI UP LO IN LK EM MA PF FA BO GR PA ST"
ALL = LETTERS
SAME = ""
LOWERED = "DN LK GR PA"

STEPS = (
    ("before the inputs have settled nothing is concluded", "BO FA", "-SETTLED", SAME),
    ("an emergency stop locks", ALL, "EMERGENCY", "FA"),
    ("an emergency stop beats emergency lowering", ALL, "EMERGENCY EMERGENCY_LOWER", "FA"),
    ("an emergency stop beats a reset", ALL, "EMERGENCY RESET", "FA"),
    ("both ends at once lock", ALL, "AT_TOP AT_BOTTOM", "FA"),
    ("both ends beat a reset", ALL, "AT_TOP AT_BOTTOM RESET", "FA"),
    ("a travel that takes too long locks", "RI LO IN EM MA PF", "OVERRUN", "FA"),
    ("a travel that takes too long beats orders", "RI LO IN", "OVERRUN LOWER", "FA"),
    ("a travel that takes too long beats lowering", "RI EM", "OVERRUN EMERGENCY_LOWER", "FA"),
    ("emergency lowering lowers", ALL + " -FA BO", "EMERGENCY_LOWER", "EM"),
    ("emergency lowering beats lost power", ALL + " -FA BO", "EMERGENCY_LOWER POWER_LOST", "EM"),
    ("emergency lowering beats a reset", "EM", "EMERGENCY_LOWER RESET", SAME),
    ("a lock obeys no order to lower", "FA EM", "LOWER", SAME),
    ("a lock obeys no order to hold", "FA EM", "HOLD", SAME),
    ("a lock obeys no order to raise", "FA EM", "RAISE", SAME),
    ("a lock obeys no grant", "FA EM", "GRANT", SAME),
    ("a boot obeys no order", "BO", "RAISE", SAME),
    ("a boot obeys no grant", "BO", "GRANT", SAME),
    ("a lowering is not turned round by a raise", "LO IN", "RAISE", SAME),
    ("a lowering is not turned round by a warning", "LO IN", "WARNED", SAME),
    ("what passes is not raised", "PA", "RAISE", SAME),
    ("a hand is not overruled by a raise", "MA", "RAISE", SAME),
    ("a hand is not overruled by a grant", "MA", "GRANT", SAME),
    ("a lock stands against emergency lowering", "FA", "EMERGENCY_LOWER", SAME),
    ("emergency lowering that a boot finds is locked", "BO", "EMERGENCY_LOWER", "FA"),
    ("lost power ends what was going on", ALL + " -EM FA BO", "POWER_LOST", "PF"),
    ("lost power beats orders", ALL + " -EM FA BO", "POWER_LOST LOWER", "PF"),
    ("lost power changes nothing in a lock", "EM FA", "POWER_LOST", SAME),
    ("lost power beats a reset", "FA", "POWER_LOST RESET", SAME),
    ("lost power keeps a boot waiting", "BO", "POWER_LOST", SAME),
    ("power that is back moves nothing", "PF", "", "BO"),
    ("power that is back moves nothing, at the top", "PF", "AT_TOP", "BO"),
    ("power that is back moves nothing, at the bottom", "PF", "AT_BOTTOM", "BO"),
    ("power that is back needs a new key", "PF", "LOCAL_KEY", "BO"),
    ("power that is back moves nothing, near a vehicle", "PF", "UP_RECENT LOOP_A", "BO"),
    ("a reset ends a lock", "FA EM", "RESET", "BO"),
    ("without a reset a lock stays", "FA EM", "", SAME),
    ("without a reset a lock stays, at the top", "FA EM", "AT_TOP", SAME),
    ("without a reset a lock stays, at the bottom", "FA EM", "AT_BOTTOM", SAME),
    ("a lock does not follow keys", "FA EM", "LOCAL_KEY", SAME),
    ("a lock does not follow the key to lower", "FA EM", "LOCAL_LOWER", SAME),
    ("a lock stays near a vehicle", "FA EM", "UP_RECENT LOOP_A", SAME),
    ("hold holds what is down", LOWERED, "HOLD", "LK"),
    ("hold lowers what is not down", "PW RI UP LO IN ST", "HOLD", "LO"),
    ("hold beats lower", "UP", "HOLD LOWER TO_LOCK", "LO"),
    ("hold beats lower below", "DN", "HOLD LOWER", "LK"),
    ("hold beats presence", "RI", "HOLD UP_RECENT LOOP_A", "LO"),
    ("lower keeps down what is down", LOWERED, "LOWER", "DN"),
    ("lower lowers what is not down", "PW RI UP LO IN ST", "LOWER", "LO"),
    ("lower beats raise", "DN LK GR", "LOWER RAISE", "DN"),
    ("lower beats raise in between", "ST", "LOWER RAISE", "LO"),
    ("lower beats presence", "RI", "LOWER UP_RECENT LOOP_A", "LO"),
    ("lower beats grant", "DN", "LOWER GRANT", "DN"),
    ("lower beats a warning that is over", "PW", "LOWER WARNED", "LO"),
    ("presence while rising turns round", "RI MA", "UP_RECENT LOOP_A", "IN"),
    ("the other loop while rising turns round", "RI MA", "UP_RECENT LOOP_B", "IN"),
    ("a broken loop while rising turns round", "RI MA", "UP_RECENT LOOP_FAULT", "IN"),
    ("an obstacle while rising turns round", "RI MA", "UP_RECENT OBSTACLE", "IN"),
    ("an overload while rising turns round", "RI MA", "UP_RECENT OVERLOAD", "IN"),
    ("presence beats a held key", "MA", "UP_RECENT LOOP_A LOCAL_KEY WARNED", "IN"),
    ("presence beats the top", "RI", "UP_RECENT LOOP_A AT_TOP WARNED", "IN"),
    ("presence beats grant", "RI", "UP_RECENT LOOP_A GRANT", "IN"),
    ("presence after a rise changes nothing", "DN PW UP LO IN ST", "UP_RECENT LOOP_A", SAME),
    ("presence long after a drive is no inversion", "MA", "LOOP_A", "ST"),
    ("an overload while lowering locks", "LO IN EM MA PF", "OVERLOAD", "FA"),
    ("an overload beats a key", "MA", "OVERLOAD LOCAL_LOWER", "FA"),
    ("a key takes over", "DN PW RI UP LK MA GR PA ST", "LOCAL_KEY", "MA"),
    ("the key to lower takes over", "DN PW RI UP LK MA GR PA ST", "LOCAL_LOWER", "MA"),
    ("a key beats a warning that is over", "PW RI", "LOCAL_KEY WARNED", "MA"),
    ("a key beats grant", "DN", "LOCAL_KEY GRANT", "MA"),
    ("a key does not stop a lowering", "LO IN", "LOCAL_KEY", SAME),
    ("the key to lower does not stop one either", "LO IN", "LOCAL_LOWER", SAME),
    ("a key that a boot finds held must be let go", "BO", "LOCAL_KEY", SAME),
    ("the other one too", "BO", "LOCAL_LOWER AT_BOTTOM", SAME),
    ("without a key it stops", "MA", "", "ST"),
    ("a passage is granted below", "DN GR", "GRANT", "GR"),
    ("a passage is granted above", "PW RI UP ST", "GRANT", "LO"),
    ("grant beats the end of patience", "GR", "GRANT TIME_OVER", "GR"),
    ("a rise that cannot begin is given up", "PW", "TIME_OVER", "DN"),
    ("a rise is given up though it is warned", "PW", "TIME_OVER WARNED", "DN"),
    ("a vehicle that stays keeps the post down", "PA", "TIME_OVER", "DN"),
    ("a hold ends below", "LK", "TIME_OVER", "DN"),
    ("a passage that nobody uses is closed", "GR", "TIME_OVER", "PW"),
    ("the end of patience beats raise", "LK", "TIME_OVER RAISE", "DN"),
    ("raise warns first", "DN LK GR ST", "RAISE", "PW"),
    ("raise beats a passage", "GR", "RAISE PASSAGE", "PW"),
    ("a vehicle that passes turns the light", "GR", "PASSAGE", "PA"),
    ("a vehicle that has left closes the passage", "PA", "PASSAGE", "PW"),
    ("a passage does not end by the way", "GR", "PASSAGE TIME_OVER", "PW"),
    ("the upper end is up", "DN PW RI UP LK MA BO GR PA ST", "AT_TOP", "UP"),
    ("the upper end is up though it warns", "RI PW", "AT_TOP WARNED", "UP"),
    ("the upper end does not stop a lowering", "LO IN", "AT_TOP", SAME),
    ("it rises once it has warned", "PW", "WARNED", "RI"),
    ("it rises from the bottom once it has warned", "PW", "WARNED AT_BOTTOM TO_RAISE", "RI"),
    ("it rises while it warns", "RI", "WARNED", SAME),
    ("it rises from the bottom while it warns", "RI", "WARNED AT_BOTTOM TO_RAISE", SAME),
    ("a rise that lost its warning lowers", "RI", "", "LO"),
    ("a rise that lost it at the bottom warns again", "RI", "AT_BOTTOM TO_RAISE", "PW"),
    ("a lowering for a passage ends granted", "LO", "AT_BOTTOM TO_GRANT", "GR"),
    ("a granted passage waits", "GR PA", "TO_GRANT", SAME),
    ("a lowering to hold ends held", "LO IN", "AT_BOTTOM TO_LOCK", "LK"),
    ("what is held stays", "LK", "TO_LOCK", SAME),
    ("an inversion tries again", "IN", "AT_BOTTOM TO_RAISE", "PW"),
    ("it warns below", "PW", "AT_BOTTOM TO_RAISE", SAME),
    ("the lower end is down", "UP LO IN MA BO ST", "AT_BOTTOM", "DN"),
    ("what is down stays", "DN LK", "", SAME),
    ("what left its end has stopped", "DN UP GR PA", "-AT_BOTTOM", "ST"),
    ("what is in between at boot has stopped", "BO", "", "ST"),
    ("what is on its way stays so", "PW LO IN ST", "", SAME),
    ("what is held and creeps stays held", "LK", "-AT_BOTTOM", SAME),
)

# A sentence, the drive that is wanted, the bits beside SETTLED, and the drive that is allowed.
UP, DOWN = 1, 2
GOOD = "LEASE WARNED "
PERMITS = (
    ("it rises", UP, GOOD, UP),
    ("it rises from the bottom", UP, GOOD + "AT_BOTTOM", UP),
    ("the local key stands for the permission", UP, "WARNED LOCAL_KEY", UP),
    ("without a permission it does not rise", UP, "WARNED", 0),
    ("without a warning it does not rise", UP, "LEASE", 0),
    ("nor with the local key", UP, "LOCAL_KEY LEASE", 0),
    ("not over a loop", UP, GOOD + "LOOP_A", 0),
    ("not over the other loop", UP, GOOD + "LOOP_B", 0),
    ("not over a broken loop", UP, GOOD + "LOOP_FAULT", 0),
    ("not under an obstacle", UP, GOOD + "OBSTACLE", 0),
    ("not beyond the top", UP, GOOD + "AT_TOP", 0),
    ("not just after it was lowered", UP, GOOD + "DOWN_RECENT", 0),
    ("not against emergency lowering", UP, GOOD + "EMERGENCY_LOWER", 0),
    ("not without power", UP, GOOD + "POWER_LOST", 0),
    ("not with an overload", UP, GOOD + "OVERLOAD", 0),
    ("not beyond the travel limit", UP, GOOD + "OVERRUN", 0),
    ("not in an emergency", UP, GOOD + "EMERGENCY", 0),
    ("not before the inputs have settled", UP, GOOD + "-SETTLED", 0),
    ("it may rise after it rose", UP, GOOD + "UP_RECENT", UP),
    ("it lowers", DOWN, "", DOWN),
    ("it lowers from the top", DOWN, "AT_TOP", DOWN),
    ("it lowers whatever is there", DOWN, "LOOP_A LOOP_B LOOP_FAULT OBSTACLE DOOR_OPEN", DOWN),
    ("it lowers without power", DOWN, "POWER_LOST", DOWN),
    ("it lowers in an emergency lowering", DOWN, "EMERGENCY_LOWER", DOWN),
    ("it may lower after it was lowered", DOWN, "DOWN_RECENT", DOWN),
    ("not below the bottom", DOWN, "AT_BOTTOM", 0),
    ("not just after it rose", DOWN, "UP_RECENT", 0),
    ("not lowered with an overload", DOWN, "OVERLOAD", 0),
    ("not lowered beyond the travel limit", DOWN, "OVERRUN", 0),
    ("not lowered in an emergency", DOWN, "EMERGENCY", 0),
    ("not lowered with both ends", DOWN, "AT_TOP AT_BOTTOM", 0),
    ("not lowered before the inputs have settled", DOWN, "-SETTLED", 0),
    ("both drives are none", UP | DOWN, GOOD, 0),
    ("no drive is none", 0, GOOD, 0),
    ("what is no drive is none", 4, GOOD, 0),
)

# A sentence, states, bits beside SETTLED, and what such a state drives after that step.
DRIVES = (
    ("who rises drives up", "RI", GOOD, UP),
    ("who lowers drives down", "LO IN EM", "", DOWN),
    ("an emergency lowering goes on", "EM", "EMERGENCY_LOWER", DOWN),
    ("the key drives up", "MA", "WARNED LOCAL_KEY", UP),
    ("the key to lower drives down", "MA", "LOCAL_LOWER", DOWN),
    ("both keys drive nothing", "MA", "WARNED LOCAL_KEY LOCAL_LOWER", 0),
    ("without power it stops", "PF", "POWER_LOST", 0),
    ("without power it is lowered where that was commissioned", "PF", "POWER_LOST SINKS", DOWN),
    ("who warns does not drive", "PW", "LEASE", 0),
    ("a lock does not drive", "FA", GOOD, 0),
    ("who has stopped does not drive", "ST", GOOD, 0),
    ("who is up does not drive", "UP", GOOD + "AT_TOP", 0),
    ("who is down does not drive", "DN LK", GOOD + "AT_BOTTOM", 0),
    ("who is held and creeps does not drive", "LK", "", 0),
    ("a passage does not drive", "GR PA", GOOD + "AT_BOTTOM TO_GRANT", 0),
    ("a boot does not drive", "BO", "POWER_LOST SINKS", 0),
    ("a boot does not follow a key", "BO", "WARNED LOCAL_KEY", 0),
    ("the step that begins a rise drives nothing", "PW", GOOD, 0),
    ("the step that begins a lowering drives nothing", "UP", "LOWER", 0),
    ("the step that begins an emergency lowering drives nothing", "UP", "EMERGENCY_LOWER", 0),
)

# A sentence, states, bits beside SETTLED and LEASE, and the names of the guards of raise, grant and
# lower (0: none).
GUARDS = (
    ("nothing refuses", "DN UP ST GR", "", "NONE NONE NONE"),
    ("an emergency stop refuses", ALL, "EMERGENCY", "EMERGENCY EMERGENCY EMERGENCY"),
    ("a fault refuses", "FA", "", "FAULT FAULT FAULT"),
    ("a fault refuses first", "FA", "EMERGENCY_LOWER", "FAULT FAULT FAULT"),
    ("an emergency lowering refuses", "EM", "", "EMERGENCY EMERGENCY EMERGENCY"),
    ("while it is asked for, too", "DN UP", "EMERGENCY_LOWER", "EMERGENCY EMERGENCY EMERGENCY"),
    ("lost power refuses", "DN UP PF BO", "POWER_LOST", "POWER POWER POWER"),
    ("who does not know yet refuses", "BO PF", "", "BUSY BUSY BUSY"),
    ("a hand refuses", "MA", "", "LOCAL LOCAL LOCAL"),
    ("a held key refuses", "DN UP", "LOCAL_KEY", "LOCAL LOCAL LOCAL"),
    ("the other key refuses", "DN UP", "LOCAL_LOWER", "LOCAL LOCAL LOCAL"),
    ("a hold refuses", "LK", "TO_LOCK", "LOCKED LOCKED NONE"),
    ("many inversions do not", "LK", "", "NONE LOCKED NONE"),
    ("a lowering goes on", "LO IN", "", "BUSY BUSY NONE"),
    ("a rise goes on", "PW RI", "", "BUSY NONE NONE"),
    ("a passage goes on", "PA", "", "BUSY BUSY NONE"),
    ("a vehicle keeps it down", "DN", "LOOP_A", "OCCUPIED NONE NONE"),
    ("on the other loop too", "DN", "LOOP_B", "OCCUPIED NONE NONE"),
    ("an obstacle keeps it down", "DN", "OBSTACLE LOOP_A", "OBSTACLE NONE NONE"),
    (
        "a broken loop sees no passage",
        "DN",
        "LOOP_FAULT OBSTACLE",
        "SENSOR_INVALID SENSOR_INVALID NONE",
    ),
    ("an open door keeps it down", "DN", "DOOR_OPEN", "DOOR_OPEN DOOR_OPEN NONE"),
    ("an open door without permission too", "DN", "DOOR_OPEN -LEASE", "DOOR_OPEN DOOR_OPEN NONE"),
    ("presence comes before the door", "DN", "DOOR_OPEN LOOP_A", "OCCUPIED DOOR_OPEN NONE"),
    ("without permission it stays", "DN", "-LEASE", "LEASE NONE NONE"),
    ("what turns round is busy", "RI", "UP_RECENT LOOP_A", "BUSY BUSY NONE"),
)

# A sentence, bits beside SETTLED, and the name of the guard of a reset.
RESETS = (
    ("a reset", "", "NONE"),
    ("a reset in an emergency", "EMERGENCY", "EMERGENCY"),
    ("a reset while lowering is asked for", "EMERGENCY_LOWER", "EMERGENCY"),
    ("a reset with both ends", "AT_TOP AT_BOTTOM", "SENSOR_INVALID"),
    ("a reset with inputs to wait for", "-SETTLED", "SENSOR_INVALID"),
    ("a reset without power", "POWER_LOST", "POWER"),
)

# A sentence, a state, bits, and the colour it shows.
SHOWN = (
    ("green below", "DN LK EM GR", "AT_BOTTOM", "GREEN"),
    ("red where the end switch is not sure", "DN LK EM GR", "", "RED"),
    ("red for the next vehicle", "PA", "AT_BOTTOM", "RED"),
    ("red for who warns, moves, or does not know", "PW RI UP LO IN MA PF FA BO ST", "", "RED"),
    ("wherever it is", "PW RI UP LO IN MA PF FA BO ST", "AT_BOTTOM", "RED"),
)


def states_of(text):
    """The states that some letters name, without those after a minus."""
    letters = [str(name) for name in LETTERS.split()]
    named = text.split(" -")
    left_out = named[1].split() if len(named) > 1 else []
    return [letters.index(name) for name in named[0].split() if name not in left_out]


def bits_of(logic, text, sample):
    """A sample with the named bits set, those after a minus cleared."""
    for name in text.split():
        if name[0] == "-":
            sample &= ~getattr(logic, name[1:])
        else:
            sample |= getattr(logic, name)
    return sample


def failures(logic):
    """The sentences that do not hold of a module like firmware.logic.bollard."""
    found = []
    letters = [str(name) for name in LETTERS.split()]
    for sentence, states, bits, after in STEPS:
        for state in states_of(states):
            calm = logic.SETTLED | logic.LEASE
            if letters[state] in LOWERED.split() and "AT_TOP" not in bits:
                calm |= logic.AT_BOTTOM
            wanted = letters.index(after) if after else state
            if logic.step(state, bits_of(logic, bits, calm))[0] != wanted:
                found.append((sentence, letters[state]))
    for sentence, drive, bits, wanted in PERMITS:
        if logic.permit(drive, bits_of(logic, bits, logic.SETTLED)) != wanted:
            found.append((sentence, ""))
    for sentence, states, bits, wanted in DRIVES:
        for state in states_of(states):
            if logic.step(state, bits_of(logic, bits, logic.SETTLED))[1] != wanted:
                found.append((sentence, letters[state]))
    return found + _failing_guards(logic)


def _failing_guards(logic):
    found = []
    for sentence, states, bits, wanted in GUARDS:
        for state in states_of(states):
            sample = bits_of(logic, bits, logic.SETTLED | logic.LEASE)
            guards = (logic.raise_guard, logic.grant_guard, logic.lower_guard)
            given = [guard(state, sample) for guard in guards]
            if given != [getattr(logic, "GUARD_" + name) for name in wanted.split()]:
                found.append((sentence, state))
    for sentence, bits, wanted in RESETS:
        sample = bits_of(logic, bits, logic.SETTLED)
        if logic.reset_guard(sample) != getattr(logic, "GUARD_" + wanted):
            found.append((sentence, ""))
    for sentence, states, bits, wanted in SHOWN:
        for state in states_of(states):
            shown = logic.signals(state, bits_of(logic, bits, logic.SETTLED))
            if shown & (logic.RED | logic.GREEN) != getattr(logic, wanted):
                found.append((sentence, state))
    return found
