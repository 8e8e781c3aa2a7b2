"""The made-up audit: a frame per nuisance and violation."""

import base64
import struct
import zlib

from envelope.records import Criteria, Picture
from tests.envelope.builders.nuisances import DIRECTIONS, UNITS, nuisance_condition


def png(red: int, green: int, blue: int, size: int = 8) -> str:
    """A square of one colour, as base64 of a PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    lines = (b"\0" + bytes((red, green, blue)) * size) * size
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + data).decode()


def pictures(criteria: Criteria) -> list[Picture]:
    """One frame per nuisance class at strengths 0.2, 0.6 and 1, and one per violation."""
    found = []
    for place, nuisance in enumerate(UNITS):
        direction = DIRECTIONS.get(nuisance, ("",))[0]
        for strength in (0.2, 0.6, 1.0):
            shade = round(255 * (1 - strength))
            found.append(
                Picture(
                    suite="nuisance_shift",
                    condition=nuisance_condition(nuisance, direction, strength),
                    png_base64=png(shade, 25 * place, 200),
                    caption=f"{nuisance} at strength {strength:g}",
                )
            )
    for place, (violation, criterion) in enumerate(criteria.violations.items()):
        found.append(
            Picture(
                suite="voe",
                condition={"violation": violation, "magnitude": criterion.claim_at},
                png_base64=png(200, 25 * place % 256, 40),
                caption=f"{violation} at {criterion.claim_at:g} {criterion.unit}",
            )
        )
    return found
