"""Configuration and boot counter on a file system: whole or not at all."""

import binascii
import os
import sys

from firmware import boot, config
from protocol.generated import wire

LAMP = {"kind": "lamp", "address": 12, "parameters": {"hold_s": 30, "autonomous": True}}


class Folder:
    """An empty folder of its own, as a root; gone afterwards."""

    def __enter__(self):
        name = binascii.hexlify(os.urandom(6)).decode()
        self.path = (os.getenv("TMPDIR") or "/tmp") + "/stoep-" + name
        os.mkdir(self.path)
        return self.path

    def __exit__(self, *error):
        for name in os.listdir(self.path):
            os.remove(self.path + "/" + name)
        os.rmdir(self.path)


def drawn():
    return 0x1234


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


def refusal(document):
    """The message with which a document is refused, or an empty one."""
    try:
        config.validate(document)
    except config.ConfigurationError as error:
        return str(error)
    return ""


def test_what_was_provisioned_is_loaded():
    with Folder() as root:
        path = root + "/config.json"
        written = config.provision(path, LAMP)
        read = config.load(path)
        assert (read.kind, read.address, read.crc) == (wire.KIND_LAMP, 12, written.crc)
        assert read.parameters["hold_s"] == 30
        assert read.parameters["autonomous"] == 1
        assert read.parameters["floor_percent"] == 20
        assert os.listdir(root) == ["config.json"]


def test_a_refused_document_names_its_key_and_leaves_the_old_one():
    with Folder() as root:
        path = root + "/config.json"
        config.provision(path, LAMP)
        for document, key in (
            ([], "configuration"),
            ({"kind": "tram", "address": 1}, "kind"),
            ({"kind": ["lamp"], "address": 1}, "kind"),
            ({"kind": "lamp"}, "address"),
            ({"kind": "lamp", "address": 0}, "address"),
            ({"kind": "lamp", "address": 248}, "address"),
            ({"kind": "lamp", "address": "1"}, "address"),
            ({"kind": "lamp", "address": 1, "colour": 2}, "colour"),
            ({"kind": "lamp", "address": 1, "parameters": [1]}, "parameters"),
            (
                {"kind": "lamp", "address": 1, "parameters": {"empty_mm": 900}},
                "parameters.empty_mm",
            ),
            ({"kind": "lamp", "address": 1, "parameters": {"hold_s": 0}}, "parameters.hold_s"),
            ({"kind": "lamp", "address": 1, "parameters": {"hold_s": 1.5}}, "parameters.hold_s"),
            ({"kind": "bin", "address": 1, "parameters": {"full_mm": 1200}}, "parameters.full_mm"),
        ):
            assert refusal(document).split(":")[0] == key
            try:
                config.provision(path, document)
            except config.ConfigurationError:
                pass
            assert config.load(path).address == 12


def test_a_file_that_is_damaged_anywhere_is_not_accepted():
    with Folder() as root:
        path = root + "/config.json"
        config.provision(path, LAMP)
        with open(path, "rb") as file:
            good = file.read()
        accepted = 0
        for at in range(len(good)):
            for damaged in (good[:at], good[:at] + b"\x00" + good[at + 1 :], good[:at] + b"9"):
                write(path, damaged)
                try:
                    found = config.load(path)
                except config.ConfigurationError:
                    continue
                # Only space between the tokens may differ.
                accepted += 1
                assert (found.kind, found.address, found.crc) == (wire.KIND_LAMP, 12, found.crc)
                assert found.parameters["hold_s"] == 30
        assert accepted <= 1
        write(path, b" " * (config.MAX_BYTES + 1))
        try:
            config.load(path)
            raise AssertionError("accepted")
        except config.ConfigurationError:
            pass


def test_the_checksum_does_not_depend_on_the_order_of_keys():
    one = {"kind": "bin", "address": 1, "parameters": {"full_mm": 300, "empty_mm": 900}}
    other = {"parameters": {"empty_mm": 900, "full_mm": 300}, "address": 1, "kind": "bin"}
    assert config.checksum(one) == config.checksum(other)
    # python3 -c "import binascii; print(binascii.crc32(b'kind=bin…'))", as a host would.
    assert config.checksum(one) != config.checksum(dict(one, address=2))


def test_boots_are_counted_from_one_and_a_damaged_counter_is_drawn():
    with Folder() as root:
        path = root + "/boot.bin"
        for number in (1, 2, 3):
            assert config.next_boot(path, drawn) == number
        write(path, b"\x00\x01\x00\x00")
        assert config.next_boot(path, drawn) == 0x8000 | 0x1234
        assert config.next_boot(path, drawn) == (0x8000 | 0x1234) + 1
        write(path, b"\xff\xff\x00\x00")
        assert config.next_boot(path, drawn) == 1
        assert config.next_boot("no-such-folder/boot.bin", drawn) == 0x8000 | 0x1234


def test_a_boot_without_flash_configuration_or_sense_still_starts():
    start = boot.start(None, drawn)
    assert start.problems == boot.NO_STORAGE
    assert not start.configuration.provisioned
    assert start.boot == 0x8000 | 0x1234
    with Folder() as root:
        start = boot.start(root, drawn)
        assert (start.problems, start.boot) == (0, 1)
        assert not start.configuration.provisioned
        write(root + "/config.json", b"{}")
        assert boot.start(root, drawn).problems == boot.BAD_CONFIGURATION
        config.provision(root + "/config.json", LAMP)
        start = boot.start(root + "/", drawn)
        assert (start.problems, start.boot) == (0, 3)
        assert start.configuration.address == 12


def test_what_a_boot_alone_needs_is_let_go_and_comes_back_for_an_address():
    with Folder() as root:
        config.provision(root + "/config.json", LAMP)
        start = boot.start(root, drawn)
        boot.keys(root)
        mine = []
        for name in sys.modules:
            parts = name.split(".")
            if parts[0] == "firmware" and parts[1:2] in (["config"], ["keyring"], ["parameters"]):
                mine.append((name, sys.modules[name]))
        assert len(mine) >= 5
        boot.forget()
        for name, _ in mine:
            assert name not in sys.modules
        assert boot.keep_address(root, 9)
        assert start.configuration.address == 12
        assert config.load(root + "/config.json").address == 9
    # Other tests go on with the modules that they have.
    for name, module in mine:
        sys.modules[name] = module
        if name.count(".") == 1:
            setattr(sys.modules["firmware"], name.split(".")[1], module)


def test_a_crash_is_told_once_and_kept_for_the_technician():
    with Folder() as root:
        boot.keep_crash(root, b"Traceback " * 1000)
        assert boot.start(root, drawn).problems == boot.CRASHED
        assert boot.start(root, drawn).problems == 0
        with open(root + "/crash.txt.told", "rb") as file:
            assert len(file.read()) == boot.CRASH_BYTES
        boot.keep_crash(None, b"nowhere to keep it")
        boot.keep_crash("no-such-folder", b"nor here")
