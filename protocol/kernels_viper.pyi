# Types for the host, which knows no ptr8: the three kernel modules have the same functions.
from protocol.kernels_plain import copy as copy
from protocol.kernels_plain import copy_until_zero as copy_until_zero
from protocol.kernels_plain import counter_blocks as counter_blocks
from protocol.kernels_plain import crc16 as crc16
from protocol.kernels_plain import equal as equal
from protocol.kernels_plain import mac_blocks as mac_blocks
from protocol.kernels_plain import put_counter as put_counter
from protocol.kernels_plain import put_tag as put_tag
from protocol.kernels_plain import stuff as stuff
from protocol.kernels_plain import tag_matches as tag_matches
from protocol.kernels_plain import unstuff as unstuff
from protocol.kernels_plain import xor_into as xor_into
