"""Where the sun is: sunrise and sunset from date and place. Pure, integers only, below 2**30.

The sun's place is that of the Astronomical Almanac's low precision formulas: mean longitude, mean
anomaly, two terms of the equation of the centre. Sunrise is when the upper limb appears.

Angles are 65536 a turn, sines 32767 for 1. Days count from 2020-01-01. Seconds of a day are those
of local mean solar time: 0 is midnight and 43200 noon at this longitude, in every season.
"""

DAY_S = 86400
NOON_S = 43200

RIGHT_ANGLE = 16384
TURN = 65536
# SINE[i] = sine of i/64 of a right angle.
# fmt: off
SINE = (
    0, 804, 1608, 2410, 3212, 4011, 4808, 5602, 6393, 7179, 7962, 8739, 9512, 10278, 11039, 11793,
    12539, 13279, 14010, 14732, 15446, 16151, 16846, 17530, 18204, 18868, 19519, 20159, 20787,
    21403, 22005, 22594, 23170, 23731, 24279, 24811, 25329, 25832, 26319, 26790, 27245, 27683,
    28105, 28510, 28898, 29268, 29621, 29956, 30273, 30571, 30852, 31113, 31356, 31580, 31785,
    31971, 32137, 32285, 32412, 32521, 32609, 32678, 32728, 32757, 32767,
)
# fmt: on

# Mean longitude of the sun at 2020-01-01T00:00:00Z and what it gains a day, in 1/256 of a unit.
LONGITUDE = 13054605
GAIN = 45934  # and a half
# Of the perigee in 2030; it moves by 0.02 degrees a year, which nobody sees here.
PERIGEE = 51600
# The equation of the centre: 1.915 and 0.020 degrees, and 23.435 degrees between the two poles.
CENTRE = 349
CENTRE_TWICE = 4
SIN_TILT = 13032
COS_TILT = 30064
# Half of the sun (16 minutes of arc) and 31.4 of refraction below the horizon, as `astral` has it;
# the 34 minutes of other tables move the sun's crossing by 1.6 minutes at 65 degrees in June.
HORIZON = -452


def sine(angle):
    """Sine of an angle, 32767 for 1."""
    angle &= TURN - 1
    sign = 1
    if angle >= TURN >> 1:
        angle -= TURN >> 1
        sign = -1
    if angle > RIGHT_ANGLE:
        angle = (TURN >> 1) - angle
    i = angle >> 8
    part = angle & 255
    value = SINE[i]
    if part:
        value += ((SINE[i + 1] - value) * part + 128) >> 8
    return sign * value


def is_up(day, second, latitude_mdeg, longitude_mdeg):
    """Whether the sun stands above the horizon at a local mean solar time."""
    mean = LONGITUDE + day * GAIN + (day >> 1)
    # What the longitude gains between midnight in Greenwich and then: GAIN / 86400 a second.
    mean = (mean + (second - longitude_mdeg * 6 // 25) * 1361 // 2560) >> 8
    anomaly = mean - PERIGEE
    ecliptic = mean + ((sine(anomaly) * CENTRE + sine(2 * anomaly) * CENTRE_TWICE) >> 15)
    across = sine(ecliptic)
    # The sun in the plane of the equator, and the sky overhead.
    turned = mean + second * 512 // 675 + (TURN >> 1)
    latitude = latitude_mdeg * 8192 // 45000
    x = sine(ecliptic + RIGHT_ANGLE) * sine(turned + RIGHT_ANGLE) >> 15
    y = (COS_TILT * across >> 15) * sine(turned) >> 15
    z = (SIN_TILT * across >> 15) * sine(latitude) >> 15
    return z + ((x + y) * sine(latitude + RIGHT_ANGLE) >> 15) > HORIZON


def sunrise(day, latitude_mdeg, longitude_mdeg):
    """Second of the day at which the sun comes up.

    0 when it does not set before this day begins, NOON_S when it does not come up at all.
    """
    return _crossing(day, 0, latitude_mdeg, longitude_mdeg)


def sunset(day, latitude_mdeg, longitude_mdeg):
    """Second of the day at which the sun goes down; DAY_S when it does not, NOON_S: never up."""
    return _crossing(day, DAY_S, latitude_mdeg, longitude_mdeg)


def _crossing(day, midnight_s, latitude_mdeg, longitude_mdeg):
    """Halve the time between midnight and noon until the sun's crossing is known to a second."""
    if is_up(day, midnight_s, latitude_mdeg, longitude_mdeg):
        return midnight_s
    down_s = midnight_s
    up_s = NOON_S
    if not is_up(day, up_s, latitude_mdeg, longitude_mdeg):
        return NOON_S
    while abs(up_s - down_s) > 1:
        middle_s = (up_s + down_s) >> 1
        if is_up(day, middle_s, latitude_mdeg, longitude_mdeg):
            up_s = middle_s
        else:
            down_s = middle_s
    return up_s
