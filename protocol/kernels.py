"""The byte loops of the frame path: the fastest of the three modules that runs here. Dual."""

try:
    from protocol.kernels_viper import (
        copy,
        copy_until_zero,
        counter_blocks,
        crc16,
        equal,
        mac_blocks,
        put_counter,
        put_tag,
        stuff,
        tag_matches,
        unstuff,
        xor_into,
    )
except (ImportError, SyntaxError, AttributeError):
    try:
        from protocol.kernels_host import (
            copy,
            copy_until_zero,
            counter_blocks,
            crc16,
            equal,
            mac_blocks,
            put_counter,
            put_tag,
            stuff,
            tag_matches,
            unstuff,
            xor_into,
        )
    except ImportError:
        from protocol.kernels_plain import (
            copy,
            copy_until_zero,
            counter_blocks,
            crc16,
            equal,
            mac_blocks,
            put_counter,
            put_tag,
            stuff,
            tag_matches,
            unstuff,
            xor_into,
        )

__all__ = (
    "copy",
    "copy_until_zero",
    "counter_blocks",
    "crc16",
    "equal",
    "mac_blocks",
    "put_counter",
    "put_tag",
    "stuff",
    "tag_matches",
    "unstuff",
    "xor_into",
)
