"""A controller for tests of the emulator: it obeys one-letter commands on its UART.

Every reply begins with the letter. Presence (pin 14) lights the lamp (PWM 15), ADC 26 is doubled
as the duty of PWM 16.
"""

import gc
import json
import select
import time

import machine


def main(board):
    with open("/flash/config.json") as file:
        address = json.load(file)["address"]
    uart = machine.UART(0, 115_200)
    poll = select.poll()
    poll.register(uart, select.POLLIN)
    presence = machine.Pin(14, machine.Pin.IN)
    dim = machine.PWM(machine.Pin(board.DIM))
    adc = machine.ADC(26)
    follower = machine.PWM(machine.Pin(16))
    watchdog = machine.WDT(timeout=1000)
    me = bytes((48 + address,))
    buf = bytearray(256)
    line = b""
    print("ready", address)
    while True:
        for _ in poll.ipoll(10):
            pass
        watchdog.feed()
        dim.duty_u16(65535 if presence.value() else 1000)
        follower.duty_u16(adc.read_u16() // 2)
        count = uart.readinto(buf)
        if count:
            # A command is: address digit, letter, argument, newline; others' lines are skipped.
            *lines, line = (line + bytes(buf[:count])).split(b"\n")
            for each in lines:
                if each[:1] == me:
                    obey(uart, chr(each[1]), each[2:])


def obey(uart, letter, argument):
    if letter == "e":  # echo
        answer = argument
    elif letter == "m":  # heap that 1000 reads of inputs and duties take
        pin, pwm, adc = machine.Pin(14), machine.PWM(machine.Pin(15)), machine.ADC(26)
        gc.collect()
        before = gc.mem_alloc()
        for step in range(1000):
            pin.value()
            adc.read_u16()
            pwm.duty_u16(step & 1)
        answer = str(gc.mem_alloc() - before)
    elif letter == "u":
        answer = "".join("%02x" % byte for byte in machine.unique_id())
    elif letter == "c":
        answer = str(machine.reset_cause())
    elif letter == "d":  # distance
        answer = str(int.from_bytes(machine.I2C(0).readfrom_mem(0x70, 2, 2), "big"))
    elif letter == "w":  # write a file
        with open("/flash/note", "w") as file:
            file.write(argument)
        answer = "ok"
    elif letter == "r":
        with open("/flash/note") as file:
            answer = file.read()
    elif letter == "o":  # an output goes on
        machine.Pin(int(argument), machine.Pin.OUT, value=1)
        answer = "ok"
    elif letter == "s":  # stall
        while True:
            time.sleep_ms(100)
    elif letter == "x":
        raise ValueError("asked to fail")
    elif letter == "R":
        machine.reset()
    else:
        return
    uart.write(letter.encode() + (answer if isinstance(answer, bytes) else answer.encode()) + b"\n")
