"""Reads TensorBoard's event files, from their published formats alone: TFRecord framing, CRC-32C and the wire format of
protobuf are done by hand here, so that nothing is shared with what wrote them.
"""

import math
import pathlib
import struct

Fields = dict[int, list]


def crc32c(data: bytes) -> int:
    """Bit by bit, with the reflected polynomial of RFC 3720."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> int:
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(data: bytes) -> list[bytes]:
    """Whole records; half of one at the end, of a writer that was killed, is left out, as TensorBoard does."""
    found, at = [], 0
    while len(data) - at >= 12:
        length, length_crc = struct.unpack_from("<QI", data, at)
        assert length_crc == masked(data[at : at + 8]), f"checksum of the length at byte {at}"
        body = data[at + 12 : at + 12 + length]
        if len(data) - at < 16 + length:
            break
        (crc,) = struct.unpack_from("<I", data, at + 12 + length)
        assert crc == masked(body), f"checksum of the record at byte {at}"
        found.append(body)
        at += 16 + length
    return found


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def fields(data: bytes) -> Fields:
    """A message by field numbers: integers, floats, doubles, or bytes."""
    found: Fields = {}
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 1:
            (value,), at = struct.unpack_from("<d", data, at), at + 8
        elif kind == 5:
            (value,), at = struct.unpack_from("<f", data, at), at + 4
        else:
            assert kind == 2, f"wire type {kind}"
            length, at = varint(data, at)
            value, at = data[at : at + length], at + length
        found.setdefault(number, []).append(value)
    return found


class Board:
    """What TensorBoard shows of a folder: it reads the files by name, and forgets steps from a START on."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.files = sorted(path for path in folder.iterdir() if "tfevents" in path.name)
        self.scalars: dict[str, dict[int, float]] = {}
        self.texts: dict[str, dict[int, str]] = {}
        self.described: dict[str, str] = {}
        self.wall_times: dict[int, float] = {}
        self.starts: list[int] = []
        for path in self.files:
            events = [fields(each) for each in records(path.read_bytes())]
            assert events[0][3] == [b"brain.Event:2"], f"{path} begins with its version"
            for event in events:
                self._take(event)

    def _take(self, event: Fields) -> None:
        step = event.get(2, [0])[0]
        for log in event.get(7, []):
            assert fields(log)[1] == [1], "only START is written"
            self.starts.append(step)
            for series in (*self.scalars.values(), *self.texts.values(), self.wall_times):
                for old in [each for each in series if each >= step]:
                    del series[old]
        for summary in event.get(5, []):
            for value in fields(summary)[1]:
                self._value(step, fields(value))
            self.wall_times[step] = event[1][0]

    def _value(self, step: int, value: Fields) -> None:
        tag = value[1][0].decode()
        metadata = fields(value[9][0]) if 9 in value else {}
        if 3 in metadata:
            self.described[tag] = metadata[3][0].decode()
        if 8 in value:
            assert fields(metadata[1][0])[1] == [b"text"], f"{tag} is for the text plugin"
            tensor = fields(value[8][0])
            assert tensor[1] == [7], "DT_STRING"
            self.texts.setdefault(tag, {})[step] = tensor[8][0].decode()
            return
        number = value[2][0] if 2 in value else math.nan
        assert step not in self.scalars.get(tag, {}), f"{tag} has step {step} twice"
        self.scalars.setdefault(tag, {})[step] = number
