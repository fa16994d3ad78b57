"""Raspberry Pi Pico (RP2040) on the Stoep carrier: pins by GPIO number, scales of its inputs.

A scale is what the analog input means at 0 and at its full reading.
"""

REVISION = 1
FLASH = "rp2"
FLASH_ROOT = "/"
FLASH_PROGRAM_BYTES = 256
WATCHDOG_MS = 8000  # the RP2040 can count 8388
POST_WATCHDOG_MS = 1000  # of a bollard, once it runs

UART = 0
UART_TX = 0
UART_RX = 1
DRIVER_ENABLE = 22
BAUD = 115200
LED = 25

LAMP_RELAY = 13
LAMP_PRESENCE = 14
LAMP_DIM = 15
LAMP_PWM_HZ = 1000
LAMP_CURRENT = 26
LAMP_TEMPERATURE = 27
LAMP_PHOTOCELL = 28
LAMP_CURRENT_MA = (0, 2000)
LAMP_PHOTOCELL_LUX = (0, 200)
TEMPERATURE_DC = (-500, 1500)  # 0.1 °C

POST_DRIVE_UP = 2
POST_DRIVE_DOWN = 3
POST_WARNING = 4
POST_RED = 5
POST_GREEN = 6
POST_BUZZER = 7
# In the order of wire.BOLLARD_INPUT_*: loop_a, loop_b, loop_fault, obstacle, emergency, door,
# at_top, at_bottom, local_key, emergency_lower, local_lower, power_lost. The lower end switch and
# the keys close to 3.3 V and are pulled down; the others close to ground and are pulled up.
POST_CONTACTS = (8, 9, 10, 11, 14, 16, 12, 13, 15, 17, 18, 19)
POST_CURRENT = 26
POST_PRESSURE = 27
POST_CURRENT_MA = (0, 20000)
POST_PRESSURE_KPA = (0, 25000)

BIN_I2C = 0
BIN_SDA = 4
BIN_SCL = 5
BIN_LID = 14
BIN_DOOR = 15
BIN_TILT = 16
BIN_PRESS = 17
BIN_RETRACT = 18
BIN_EYE = 19
BIN_WATER = 20
BIN_PRESS_CURRENT = 26
BIN_BATTERY = 27
BIN_TEMPERATURE = 28
BIN_PRESS_MA = (0, 20000)
BIN_BATTERY_MV = (0, 16000)
