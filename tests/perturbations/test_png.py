import base64
import struct
import zlib

import numpy as np

from perturbations.pictures.png import fitted, png_base64


def decode(text):
    """Read back what the writer writes: one IDAT, 8-bit RGB, filter 0."""
    data = base64.b64decode(text)
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, place = {}, 8
    while place < len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        kind, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        (check,) = struct.unpack(">I", data[place + 8 + length : place + 12 + length])
        assert check == zlib.crc32(kind + body)
        chunks[kind] = body
        place += 12 + length
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), dtype=np.uint8)
    lines = lines.reshape(height, 1 + 3 * width)
    assert (lines[:, 0] == 0).all()
    return lines[:, 1:].reshape(height, width, 3)


def test_a_picture_comes_back_as_it_was():
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)

    assert (decode(png_base64(picture)) == picture).all()
    assert png_base64(picture) == png_base64(picture.copy())


def test_larger_frames_are_averaged_and_smaller_ones_repeated():
    frames = np.zeros((1, 4, 4, 3), dtype=np.uint8)
    frames[:, :, ::2] = 200

    assert (fitted(frames, 2) == 100).all()
    assert (fitted(frames, 8)[0, :, :2] == 200).all()
    assert (fitted(frames, 4) == frames).all()
