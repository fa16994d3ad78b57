"""Dimming as people see it: the curve of IEC 62386-102, level n = 10^((n-1)*3/253-1) percent.

A level is 0 (off) or 1 to 254 (0.1 % to 100 %). A fine level counts 1/32 of a level, so that a
fade has no visible steps and time x scale stays a small int. A duty is 0 to 65535.
"""

FULL_LEVEL = 254
FINE_SHIFT = 5
FINE = 1 << FINE_SHIFT
FULL_FINE = FULL_LEVEL << FINE_SHIFT
FULL_DUTY = 65535
FINE_OF_LEVEL_1 = FINE

# DUTY[n] is the exact curve at level n, rounded to the nearest 1/65535.
# fmt: off
DUTY = (
    0, 66, 67, 69, 71, 73, 75, 77, 79, 82, 84, 86, 88, 91, 93, 96, 99, 101, 104, 107, 110, 113,
    116, 119, 123, 126, 130, 133, 137, 141, 145, 149, 153, 157, 161, 166, 170, 175, 180, 185, 190,
    195, 201, 206, 212, 218, 224, 230, 236, 243, 250, 257, 264, 271, 279, 286, 294, 302, 311, 319,
    328, 337, 347, 356, 366, 376, 387, 397, 408, 420, 431, 443, 455, 468, 481, 494, 508, 522, 536,
    551, 567, 582, 598, 615, 632, 649, 667, 686, 705, 724, 744, 765, 786, 808, 830, 853, 877, 901,
    926, 952, 978, 1005, 1033, 1062, 1091, 1121, 1152, 1184, 1217, 1251, 1285, 1321, 1357, 1395,
    1433, 1473, 1514, 1556, 1599, 1643, 1689, 1735, 1783, 1833, 1884, 1936, 1989, 2044, 2101, 2159,
    2219, 2280, 2343, 2408, 2475, 2543, 2614, 2686, 2760, 2837, 2915, 2996, 3079, 3164, 3252, 3342,
    3434, 3529, 3627, 3727, 3831, 3937, 4046, 4158, 4273, 4391, 4513, 4637, 4766, 4898, 5033, 5173,
    5316, 5463, 5614, 5769, 5929, 6093, 6262, 6435, 6613, 6796, 6985, 7178, 7377, 7581, 7791, 8006,
    8228, 8456, 8690, 8930, 9177, 9431, 9692, 9961, 10236, 10520, 10811, 11110, 11418, 11734,
    12059, 12392, 12735, 13088, 13450, 13822, 14205, 14598, 15002, 15418, 15844, 16283, 16734,
    17197, 17673, 18162, 18665, 19181, 19712, 20258, 20819, 21395, 21987, 22596, 23221, 23864,
    24524, 25203, 25901, 26618, 27354, 28112, 28890, 29689, 30511, 31356, 32224, 33115, 34032,
    34974, 35942, 36937, 37959, 39010, 40090, 41200, 42340, 43512, 44716, 45954, 47226, 48533,
    49877, 51257, 52676, 54134, 55632, 57172, 58755, 60381, 62052, 63770, 65535,
)
# fmt: on


def duty(fine):
    """PWM duty of a fine level from 0 to FULL_FINE, straight between two levels of the curve."""
    level = fine >> FINE_SHIFT
    part = fine & (FINE - 1)
    low = DUTY[level]
    if not part:
        return low
    return low + ((DUTY[level + 1] - low) * part >> FINE_SHIFT)


def level(percent):
    """The level whose light is nearest to a percentage from 0 to 100."""
    if percent <= 0:
        return 0
    wanted = percent * FULL_DUTY // 100
    low = 1
    high = FULL_LEVEL
    while low < high:
        middle = (low + high) >> 1
        if DUTY[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    if low > 1 and DUTY[low] - wanted > wanted - DUTY[low - 1]:
        return low - 1
    return low


def percent(level):
    """Light in percent of a level from 0 to 254, rounded; 0 only when the lamp is off."""
    if level <= 0:
        return 0
    return max(1, (DUTY[level] * 100 + FULL_DUTY // 2) // FULL_DUTY)


def fade(start, target, elapsed_ms, whole_scale_ms):
    """The fine level `elapsed_ms` after a fade began at fine level `start`, never past `target`.

    `whole_scale_ms` (0 to 120000) is how long a fade from off to full takes; 0 = at once.
    """
    if elapsed_ms >= whole_scale_ms:
        return target
    way = elapsed_ms * FULL_FINE // whole_scale_ms
    if target >= start:
        return min(start + way, target)
    return max(start - way, target)
