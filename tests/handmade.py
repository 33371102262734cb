"""Files made by hand, for the tests of pictures."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from intarsia import picture
from intarsia.errors import InputError

RECIPE = '{"method": "gatys", "note": "Öl, 油絵, 🎨", "steps": 300}'


def noise(h=7, w=5, channels=3, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, (h, w, channels), dtype, endpoint=True)


def tensor(array):
    """(h, w, c) levels as a picture."""
    return torch.from_numpy((array / np.iinfo(array.dtype).max).astype(np.float32)).permute(2, 0, 1)


def levels(image, dtype=np.uint8):
    """A picture, or a map, as (h, w, c) or (h, w) levels."""
    values = image if image.ndim == 2 else image.permute(1, 2, 0)
    return (values.double() * np.iinfo(dtype).max).round().numpy().astype(dtype)


def encoded(image, format, **options):
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(size, depth, kind, rows=b"", before=(), after=()):
    """A PNG by hand; `rows` without their filter bytes, `before` and `after` are chunks around the pixels."""
    w, h = size
    step = len(rows) // h if rows else 0
    lines = b"".join(b"\0" + rows[y * step : (y + 1) * step] for y in range(h)) if rows else b""
    body = [chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, kind, 0, 0, 0)), *(chunk(*c) for c in before)]
    body += [chunk(b"IDAT", zlib.compress(lines)), *(chunk(*c) for c in after), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def tiff_of(pixels, **options):
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **options)
    return stream.getvalue()


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def tiff(tags, data=b"", types=()):
    directory = ImageFileDirectory_v2()
    for tag, value in tags.items():
        directory[tag] = value
    directory.tagtype.update(types)
    stream = io.BytesIO()
    directory.save(stream)
    return stream.getvalue() + data


def refusal(source, **options):
    with pytest.raises(InputError) as caught:
        picture.read(source, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


PICTURE = Image.fromarray(noise(40, 60))
SMOOTH = torch.linspace(0, 1, 24).expand(3, 20, 24).contiguous()
FORMATS = {
    "png": ("PNG", {}),
    "jpg": ("JPEG", {}),
    "jpg, progressive": ("JPEG", {"progressive": True}),
    "webp": ("WEBP", {}),
    "webp, lossless": ("WEBP", {"lossless": True}),
    "tif": ("TIFF", {}),
    "tif, lzw": ("TIFF", {"compression": "tiff_lzw"}),
    "tif, deflate": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "avif": ("AVIF", {}),
    "bmp": ("BMP", {}),
    "ppm": ("PPM", {}),
}
each_format = pytest.mark.parametrize(("format", "options"), FORMATS.values(), ids=FORMATS)


def fixed(*numbers):
    """ICC's s15Fixed16."""
    return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))


def profile(space, tags, connection=b"XYZ ", kind=b"mntr"):
    """An ICC profile (version 2.4) by hand."""
    text, white = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78), fixed(0.9642, 1.0, 0.8249)
    tags = {b"desc": text, b"cprt": b"text" + bytes(4) + b"none\0", b"wtpt": b"XYZ " + bytes(4) + white, **tags}
    table, body, start = b"", b"", 132 + 12 * len(tags)
    for name, data in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4xI4s4s4s12x4s28x", start + len(body), 0x02400000, kind, space, connection, b"acsp")
    return head + white + bytes(48) + struct.pack(">I", len(tags)) + table + body


def gamma(exponent):
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(exponent * 256))


def untrained(path, style, seed=0):
    """A small network as if trained on `style`: it paints in its mean color, with noise that goes by the content."""
    from intarsia.models import write_model
    from intarsia.nets import Singular

    torch.manual_seed(seed)
    network = Singular(width=2, blocks=1)
    with torch.no_grad():
        network.out.conv.weight.mul_(0.3)
        network.out.conv.bias.copy_(style.mean((1, 2)) - 0.5)
    write_model(path, network, style, {"width": 2, "blocks": 1}, {})
    return path
