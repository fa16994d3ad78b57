"""The golden vectors against the code of both ends: generated wire codecs, framing, security."""

import json

from protocol import framing, security, security_gateway
from protocol.generated import wire, wire_bin, wire_bollard, wire_gateway, wire_lamp

PATH = __file__.rsplit("tests", 1)[0] + "protocol/vectors/frames.json"


def unhex(text):
    return bytes([int(text[i : i + 2], 16) for i in range(0, len(text), 2)])


def vectors(case):
    with open(PATH) as file:
        return [vector for vector in json.load(file) if vector["case"] == case]


def values_of(vector):
    return [unhex(v["hex"]) if isinstance(v, dict) else v for _, v in vector["values"]]


def codec(name):
    """A generated function or number, from the part of the wire that has it."""
    for part in (wire, wire_lamp, wire_bollard, wire_bin, wire_gateway):
        if hasattr(part, name):
            return getattr(part, name)
    raise AssertionError(name)


def replay_payload(vector):
    """The wire functions write these bytes, and read the values back."""
    name, payload, values = vector["layout"], unhex(vector["payload"]), values_of(vector)
    pack, unpack = codec("pack_" + name), codec("unpack_" + name)
    fixed = codec(name.upper() + "_SIZE")
    tail = payload[fixed:]
    if tail:
        assert values.pop() == tail
    elif values and values[-1] == b"":
        values.pop()
    buffer = bytearray(len(payload) + 4)
    assert pack(buffer, 2, *values) == 2 + fixed
    assert bytes(buffer[2 : 2 + fixed]) == payload[:fixed]
    assert list(unpack(payload, 0, len(payload))) == values


def test_every_message_and_record_packs_and_unpacks_as_promised():
    golden = vectors("message") + vectors("record")
    assert len(golden) > 20
    for vector in golden:
        replay_payload(vector)


def test_every_message_is_framed_as_promised():
    for vector in vectors("message"):
        payload, wanted = unhex(vector["payload"]), unhex(vector["wire"])
        kind = getattr(wire, vector["layout"].upper())
        buffer = bytearray(framing.BUFFER_SIZE)
        route = vector["flags"], vector["destination"], vector["source"]
        framing.start_frame(buffer, *route, kind, vector["counter"])
        buffer[framing.PAYLOAD_AT : framing.PAYLOAD_AT + len(payload)] = payload
        size = framing.finish_frame(buffer, len(payload))
        assert bytes(buffer[:size]) == wanted, vector["name"]


def bodies(deframer, chunk):
    at = 0
    while at < len(chunk):
        at = deframer.push(chunk, at, len(chunk))
        if deframer.size >= 0:
            yield bytes(deframer.buffer[1 : framing.PAYLOAD_AT + deframer.size])


def test_every_stream_is_deframed_as_promised():
    for vector in vectors("stream"):
        deframer = framing.Deframer()
        found = [body for chunk in vector["chunks"] for body in bodies(deframer, unhex(chunk))]
        assert found == [unhex(body) for body in vector["bodies"]], vector["name"]
        assert deframer.bad_frames == vector["bad_frames"], vector["name"]


def test_every_secured_frame_is_sealed_and_opened_as_promised():
    assert len(vectors("secured")) > 5
    for vector in vectors("secured"):
        header, payload = unhex(vector["header"]), unhex(vector["payload"])
        channel = security.Channel(
            unhex(vector["key"]), vector["direction"], vector["address"], security.Workspace()
        )
        frame = bytearray(framing.BUFFER_SIZE)
        frame[framing.HEADER_AT : framing.PAYLOAD_AT] = header
        frame[framing.PAYLOAD_AT : framing.PAYLOAD_AT + len(payload)] = payload
        size = channel.seal(frame, len(payload), vector["counter"])
        assert bytes(frame[: framing.finish_frame(frame, size)]) == unhex(vector["wire"])
        deframer = framing.Deframer()
        deframer.push(unhex(vector["wire"]), 0, len(unhex(vector["wire"])))
        assert channel.open(deframer.buffer, deframer.size, vector["counter"]) == len(payload)
        end = framing.PAYLOAD_AT + len(payload)
        assert bytes(deframer.buffer[framing.PAYLOAD_AT : end]) == payload


def test_every_handshake_goes_as_promised():
    for vector in vectors("handshake"):
        opened, accepted = unhex(vector["session_open"]), unhex(vector["session_accept"])
        identity = unhex(vector["gateway"]), unhex(vector["hardware_id"])
        link_key, boot, epoch = unhex(vector["link_key"]), vector["boot"], vector["epoch"]
        opening = security_gateway.Opening(link_key, identity[1], identity[0], epoch, opened[:16])
        assert opening.payload() == opened
        group = security_gateway.Group(unhex(vector["group_key"]))
        group.counter = vector["group_counter"]
        confirm, _ = opening.confirm(accepted, 5, group, 0)
        assert confirm == unhex(vector["session_confirm"])
        transcript = security.transcript_of(
            opened[:16], accepted[:16], identity[0], identity[1], boot, epoch
        )
        secrets = security.Secrets(link_key, transcript)
        assert secrets.to_controller == unhex(vector["to_controller"])
        assert secrets.to_gateway == unhex(vector["to_gateway"])
        assert secrets.accept_mac() == accepted[18:]
