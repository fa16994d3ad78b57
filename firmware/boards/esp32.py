"""ESP32 development board on the Stoep carrier: pins by GPIO number, scales of its inputs.

GPIO 34 to 39 have no pull resistor: they are analog here, or contacts with a pull-up on the
carrier. 12 must be low while the chip starts.

A scale is what the analog input means at 0 and at its full reading.
"""

REVISION = 3
FLASH = "esp32"
FLASH_ROOT = "/"
FLASH_PROGRAM_BYTES = 128
WATCHDOG_MS = 8000
POST_WATCHDOG_MS = 1000  # of a bollard, once it runs

UART = 1
UART_TX = 17
UART_RX = 16
DRIVER_ENABLE = 4
BAUD = 115200
LED = 2

LAMP_RELAY = 26
LAMP_PRESENCE = 27
LAMP_DIM = 25
LAMP_PWM_HZ = 1000
LAMP_CURRENT = 36
LAMP_TEMPERATURE = 39
LAMP_PHOTOCELL = 34
LAMP_CURRENT_MA = (0, 2000)
LAMP_PHOTOCELL_LUX = (0, 200)
TEMPERATURE_DC = (-500, 1500)  # 0.1 °C

POST_DRIVE_UP = 25
POST_DRIVE_DOWN = 26
POST_WARNING = 18
POST_RED = 19
POST_GREEN = 21
POST_BUZZER = 0  # sounds while the chip starts
# In the order of wire.BOLLARD_INPUT_*: loop_a, loop_b, loop_fault, obstacle, emergency, door,
# at_top, at_bottom, local_key, emergency_lower, local_lower, power_lost. The lower end switch and
# the keys close to 3.3 V and are pulled down; the others close to ground and are pulled up.
POST_CONTACTS = (13, 14, 27, 32, 33, 23, 5, 15, 12, 34, 22, 35)
POST_CURRENT = 36
POST_PRESSURE = 39
POST_CURRENT_MA = (0, 20000)
POST_PRESSURE_KPA = (0, 25000)

BIN_I2C = 0
BIN_SDA = 21
BIN_SCL = 22
BIN_LID = 13
BIN_DOOR = 14
BIN_TILT = 27
BIN_PRESS = 25
BIN_RETRACT = 26
BIN_EYE = 33
BIN_WATER = 32
BIN_PRESS_CURRENT = 36
BIN_BATTERY = 39
BIN_TEMPERATURE = 34
BIN_PRESS_MA = (0, 20000)
BIN_BATTERY_MV = (0, 16000)
