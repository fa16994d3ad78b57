"""The wires between a controller and its plant: message kinds, and the pin numbers of the boards.

The counterpart of `hil/shadow/plant.py`; pin numbers are those of `firmware/boards`.
"""

import struct
from enum import IntEnum


class Kind(IntEnum):
    """First byte of a message (`MESSAGE`): what the index and the value mean."""

    DIGITAL = 0
    """index = pin, value 0 or 1; 2 to an input: nothing is connected"""
    PWM = 1
    """index = pin, value = duty 0..65535"""
    ADC = 2
    """index = pin, value = 0..65535 of full scale"""
    I2C = 3
    """index = register, value = 16 bits, high byte first; index 255: the device answers (1)"""
    WATCHDOG = 4
    """index 0: arm, value = timeout in 16 ms; index 1: feed"""
    RESET = 5
    """the firmware asks to be reset"""
    FLASH = 6
    """index 0: block `value` was erased; 1: programmed"""
    BOOTED = 7
    """the flash is mounted and provisioned"""


MESSAGE = struct.Struct("<BBH")
UNCONNECTED = 2
I2C_PRESENT = 0xFF
WATCHDOG_ARM, WATCHDOG_FEED = 0, 1
WATCHDOG_UNIT_MS = 16
FLASH_ERASE, FLASH_PROGRAM = 0, 1

IDENTIFY_LED = 25


class LampPin(IntEnum):
    """A lamp's board."""

    RELAY = 13
    PRESENCE = 14
    DIM = 15
    CURRENT = 26
    TEMPERATURE = 27
    PHOTOCELL = 28


class BollardPin(IntEnum):
    """A bollard's board.

    Loops, obstacle edge, emergency stop, emergency lower, door and mains are normally closed
    contacts: 0 is clear or healthy, 1 or an open wire is active. End switches and keys are active
    at 1; an open wire of the upper end switch is active too, those of `LIVE` are not.
    """

    DRIVE_UP = 2
    DRIVE_DOWN = 3
    WARNING_LIGHT = 4
    RED = 5
    GREEN = 6
    BUZZER = 7
    LOOP_A = 8
    LOOP_B = 9
    LOOP_FAULT = 10
    OBSTACLE = 11
    AT_TOP = 12
    AT_BOTTOM = 13
    EMERGENCY = 14
    LOCAL_KEY = 15
    DOOR = 16
    EMERGENCY_LOWER = 17
    LOCAL_LOWER = 18
    POWER_LOST = 19
    MOTOR_CURRENT = 26
    PRESSURE = 27


LIVE = frozenset({BollardPin.AT_BOTTOM, BollardPin.LOCAL_KEY, BollardPin.LOCAL_LOWER})
"""Pulled down, so that an open wire presses no key and reaches no end."""


class BinPin(IntEnum):
    """A bin's board; the distance sensor is on I2C."""

    LID = 14
    DOOR = 15
    TILT = 16
    PRESS = 17
    RETRACT = 18
    EYE = 19
    WATER = 20
    PRESS_CURRENT = 26
    BATTERY = 27
    TEMPERATURE = 28


DISTANCE_REGISTER = 0x02  # DFRobot SEN0754: distance in mm
DISTANCE_INTERFERENCE = 0xFFFE
DISTANCE_NO_OBJECT = 0xFFFD
