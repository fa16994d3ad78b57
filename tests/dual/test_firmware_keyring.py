"""The keys of a controller on a file system: all of them, or the ones before."""

import json

from firmware import boot, config, files, keyring
from tests.dual.test_firmware_config import Folder, write

OLD = {"link": {"1": "11" * 32}, "command": {"1": "21" * 32}}
NEW = {"link": {"1": "11" * 32, "2": "12" * 32}, "command": {"2": "22" * 32}}


def is_refused(document):
    try:
        keyring.validate(document)
    except config.ConfigurationError:
        return True
    return False


def is_loaded(path):
    try:
        keyring.load(path)
    except config.ConfigurationError:
        return False
    return True


def test_what_was_provisioned_is_loaded_by_epoch():
    with Folder() as root:
        path = root + "/" + keyring.FILE
        keyring.provision(path, OLD)
        keyring.provision(path, NEW)
        ring = keyring.load(path)
        assert ring.link == {1: b"\x11" * 32, 2: b"\x12" * 32}
        assert ring.command == {2: b"\x22" * 32}


def test_keys_that_are_none_are_refused():
    good = OLD["link"]
    for bad in (
        None,
        [],
        {},
        {"1": "11" * 31},
        {"1": "11" * 33},
        {"1": "1" * 63},
        {"1": "zz" * 32},
        {"1": 5},
        {"1": None},
        {"0": "11" * 32},
        {"256": "11" * 32},
        {"-1": "11" * 32},
        {"one": "11" * 32},
    ):
        assert is_refused({"link": bad, "command": good})
        assert is_refused({"link": good, "command": bad})
    assert is_refused({"link": good})
    assert is_refused({"command": good})
    assert is_refused([OLD])
    assert not is_refused(OLD)


def test_refused_keys_leave_the_old_ones():
    with Folder() as root:
        path = root + "/" + keyring.FILE
        keyring.provision(path, OLD)
        try:
            keyring.provision(path, {"link": NEW["link"], "command": {}})
            raise AssertionError("taken")
        except config.ConfigurationError:
            pass
        assert keyring.load(path).link == {1: b"\x11" * 32}


def test_a_file_of_keys_that_is_damaged_anywhere_is_not_accepted():
    with Folder() as root:
        path = root + "/" + keyring.FILE
        keyring.provision(path, OLD)
        with open(path, "rb") as file:
            text = file.read()
        same = json.loads(text)
        for at in range(len(text)):
            for changed in (text[:at], text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :]):
                write(path, changed)
                # A change that means the same, as in the case of a digit, does no harm.
                assert not is_loaded(path) or json.loads(changed) == same
        write(path, text + b" " * keyring.MAX_BYTES)
        assert not is_loaded(path)


def test_the_checksum_tells_rings_and_epochs_apart():
    one, other = b"\x01" * 32, b"\x02" * 32
    sums = {
        keyring.checksum(keyring.Keyring(link, command))
        for link, command in (
            ({}, {}),
            ({1: one}, {}),
            ({}, {1: one}),
            ({2: one}, {}),
            ({1: one}, {2: other}),
            ({1: one, 2: other}, {}),
            ({1: other, 2: one}, {}),
        )
    }
    assert len(sums) == 7


def test_a_boot_without_keys_or_with_damaged_ones_has_none():
    assert boot.keys(None)[1] == 0
    with Folder() as root:
        ring, problems = boot.keys(root)
        assert (ring.link, ring.command, problems) == ({}, {}, 0)
        write(root + "/" + keyring.FILE, b'{"link":')
        ring, problems = boot.keys(root)
        assert (ring.link, ring.command, problems) == ({}, {}, boot.BAD_CONFIGURATION)
        keyring.provision(root + "/" + keyring.FILE, OLD)
        ring, problems = boot.keys(root + "/")
        assert (len(ring.link), len(ring.command), problems) == (1, 1, 0)


def test_an_address_is_kept_for_the_next_boot():
    with Folder() as root:
        path = root + "/" + config.FILE
        parameters = {"hold_s": 30}
        config.provision(path, {"kind": "lamp", "address": 254, "parameters": parameters})
        assert boot.keep_address(root, 9)
        moved = config.load(path)
        assert (moved.address, moved.parameters["hold_s"]) == (9, 30)


def test_an_address_that_cannot_be_written_is_not_kept():
    with Folder() as root:
        path = root + "/" + config.FILE
        config.provision(path, {"kind": "lamp", "address": 254, "parameters": {}})
        good = files.replace

        def broken(_path, _content):
            raise OSError(5)

        files.replace = broken
        try:
            assert not boot.keep_address(root, 9)
        finally:
            files.replace = good
        assert config.load(path).address == 254
        write(path, b"{")
        assert not boot.keep_address(root, 9)


def test_without_a_configuration_an_address_holds_until_the_next_boot():
    with Folder() as root:
        assert boot.keep_address(root, 9)
        assert boot.keep_address(None, 9)
