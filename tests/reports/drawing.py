"""Draws a small two-room picture as a PNG, with the standard library alone."""

import base64
import random
import struct
import zlib

Color = tuple[int, int, int]
SIZE = 64


def blend(a: Color, b: Color, share: float) -> Color:
    """A colour on the way from one to the other."""
    r, g, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return (r, g, blue)


def picture_of_room(wall: Color, ball: Color, ball_x: int, ball_y: int, noise: float = 0.0) -> str:
    """Two rooms with a door and an agent, as base64 of a PNG."""
    draw = random.Random(3)
    rows = bytearray()
    for y in range(SIZE):
        rows.append(0)
        for x in range(SIZE):
            color = wall
            edge = x < 3 or y < 3 or x >= SIZE - 3 or y >= SIZE - 3
            if edge or (31 <= x <= 34 and not 26 <= y <= 38):
                color = (58, 56, 54)
            if (x - ball_x) ** 2 + (y - ball_y) ** 2 <= 16:
                color = ball
            if noise:
                color = blend(color, (draw.randrange(256),) * 3, 0.45 * noise)
            rows.extend(color)
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, part) for kind, part in parts)
    return base64.b64encode(data).decode()


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + check
