"""Every sentence about a single step of a post holds of the logic that ships."""

from firmware.logic import bollard
from tests.dual import bollard_vectors

SAMPLES = 1 << 12


def test_every_sentence_holds():
    assert bollard_vectors.failures(bollard) == []


def test_every_state_and_every_input_has_a_next_state():
    for state in range(15):
        for inputs in range(0, SAMPLES, 3):
            for more in (bollard.SETTLED, bollard.SETTLED | bollard.WARNED | bollard.LEASE):
                after, drive = bollard.step(state, inputs | more)
                assert 0 <= after < 15
                assert drive in (bollard.OFF, bollard.DRIVE_UP, bollard.DRIVE_DOWN)


def test_permit_only_removes():
    for sample in range(SAMPLES):
        for more in (0, bollard.SETTLED, bollard.SETTLED | bollard.WARNED | bollard.LEASE):
            for drive in range(6):
                assert bollard.permit(drive, sample | more) in (bollard.OFF, drive)


def test_a_sample_stays_a_small_integer():
    assert bollard.RAISE << 1 == 1 << 30
