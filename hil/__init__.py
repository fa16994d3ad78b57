"""The emulated street: MicroPython controllers on a modelled RS-485 line, joined to physics."""
