"""HMAC, HKDF and device keys on both interpreters, against published vectors."""

from protocol import keys

HARDWARE_ID = bytes(range(8))


def unhex(text):
    return bytes([int(text[i : i + 2], 16) for i in range(0, len(text), 2)])


# RFC 4231, test cases 1 to 4, 6 and 7: key, data, HMAC-SHA-256.
RFC_4231 = (
    (
        b"\x0b" * 20,
        b"Hi There",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ),
    (
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (
        b"\xaa" * 20,
        b"\xdd" * 50,
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
    ),
    (
        bytes(range(1, 26)),
        b"\xcd" * 50,
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    ),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        b"\xaa" * 131,
        (
            b"This is a test using a larger than block-size key and a larger than block-size data."
            b" The key needs to be hashed before being used by the HMAC algorithm."
        ),
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
)

# RFC 5869, test cases 1 to 3: material, salt, info, size, output.
RFC_5869 = (
    (
        b"\x0b" * 22,
        bytes(range(13)),
        bytes(range(0xF0, 0xFA)),
        42,
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        bytes(range(0x50)),
        bytes(range(0x60, 0xB0)),
        bytes(range(0xB0, 0x100)),
        82,
        (
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
            "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
            "cc30c58179ec3e87c14c01d5c1f3434f1d87"
        ),
    ),
    (
        b"\x0b" * 22,
        b"",
        b"",
        42,
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
)


def raised(error, call, *arguments):
    try:
        call(*arguments)
    except error:
        return True
    return False


def test_hmac_gives_what_rfc_4231_says():
    for key, data, wanted in RFC_4231:
        assert keys.hmac_sha256(key, data) == unhex(wanted)


def test_hkdf_gives_what_rfc_5869_says():
    for material, salt, info, size, wanted in RFC_5869:
        assert keys.hkdf(material, salt, info, size) == unhex(wanted)
    assert raised(ValueError, keys.hkdf, b"", b"", b"", 8161)


def test_bytes_are_the_same_only_when_all_are():
    assert keys.same(b"", b"")
    assert keys.same(b"abc", b"abc")
    for other in (b"abd", b"bbc", b"ab", b"abcd", b""):
        assert not keys.same(b"abc", other)


def test_every_device_epoch_and_purpose_has_its_own_key():
    site = bytes(range(32))
    made = {
        make(site, epoch, bytes([unit]) * 8)
        for make in (keys.link_key, keys.command_key)
        for epoch in (0, 1, 255)
        for unit in (0, 1, 255)
    }
    made.add(keys.link_key(bytes(32), 0, bytes(8)))
    assert len(made) == 19
    assert all(len(key) == keys.DEVICE_KEY_SIZE for key in made)


def test_the_keys_of_a_device_never_change():
    site = bytes(range(32))
    assert keys.link_key(site, 1, HARDWARE_ID) == unhex(
        "df878ca8212de90b1ead03b09b22358f4f9bb4c3678ad1af3f79a6ddc47fbbdf"
    )


def test_keys_and_ids_of_another_size_are_refused():
    for site, epoch, hardware_id in (
        (bytes(31), 1, bytes(8)),
        (bytes(33), 1, bytes(8)),
        (bytes(32), 256, bytes(8)),
        (bytes(32), -1, bytes(8)),
        (bytes(32), 1, bytes(7)),
    ):
        assert raised(ValueError, keys.link_key, site, epoch, hardware_id)
