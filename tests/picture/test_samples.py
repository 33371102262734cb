"""TIFFs of scanners, archives and cameras: every depth, polarity and layout shows what it holds."""

import io
import struct
import warnings

import numpy as np
import pytest
from PIL import Image

from handmade import levels, refusal, tiff_of
from intarsia import picture
from intarsia.errors import IntarsiaError

LAYOUTS = {
    "plain": {},
    "strips": {"rowsperstrip": 5},
    "tiles": {"tile": (16, 16)},
    "big-endian": {"byteorder": ">"},
    "deflate, predictor": {"compression": "zlib", "predictor": True},
    "lzw, predictor": {"compression": "lzw", "predictor": True},
    "big-endian, deflate, predictor": {"byteorder": ">", "compression": "zlib", "predictor": True},
    "packbits": {"compression": "packbits"},
    "BigTIFF": {"bigtiff": True, "compression": "zlib"},
    "tiles of big-endian BigTIFF": {"bigtiff": True, "byteorder": ">", "tile": (16, 32), "compression": "lzw"},
}
KINDS = [
    ("minisblack", 1, 0),
    ("miniswhite", 1, 0),
    ("minisblack", 1, 1),
    ("miniswhite", 1, 1),
    ("rgb", 3, 0),
    ("rgb", 3, 1),
]
DEPTHS = [1, 2, 4, 8, 12, 16, 32]


def random(bits, channels, h=21, w=19, seed=0):
    kind = np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32
    return np.random.default_rng(seed).integers(0, 2**bits, (h, w, channels), np.uint64).astype(kind)


def shown(values, bits, photometric="minisblack"):
    scaled = values.astype(float) / (2**bits - 1)
    return 1 - scaled if photometric == "miniswhite" else scaled


def written(values, photometric, bits, planar, alpha, options):
    """None where tifffile does not write such, or, as of 12 bits big-endian, writes it wrong."""
    options = dict(options)
    if bits not in (8, 16, 32):
        options |= {"bitspersample": bits}
        options.pop("predictor", None)
    if bits == 12 and options.get("byteorder") == ">" and "compression" not in options:
        return None
    options |= {"planarconfig": "separate" if planar else "contig"} if values.shape[2] > 1 else {}
    options |= {"extrasamples": ["unassalpha"]} if alpha else {}
    ordered = values.transpose(2, 0, 1).copy() if planar else values.squeeze()
    try:
        return tiff_of(ordered, photometric=photometric, **options)
    except (ValueError, NotImplementedError):
        return None


@pytest.mark.parametrize("bits", DEPTHS)
@pytest.mark.parametrize(("photometric", "colors", "alpha"), KINDS)
def test_every_depth_polarity_and_layout(bits, photometric, colors, alpha):
    tried = 0
    values = random(bits, colors + alpha)
    for options in LAYOUTS.values():
        for planar in (False, True) if colors + alpha > 1 else (False,):
            data = written(values, photometric, bits, planar, alpha, options)
            if data is None:
                continue
            tried += 1
            opened = picture.read(data)
            expected = np.broadcast_to(shown(values[:, :, :colors], bits, photometric), (21, 19, 3))
            assert np.allclose(opened.image.permute(1, 2, 0).numpy(), expected, atol=2e-5), options
            assert opened.depth == (8 if bits <= 8 else 16)
            if alpha:
                assert np.allclose(opened.alpha.numpy(), shown(values[:, :, -1], bits), atol=2e-5), options
            else:
                assert opened.alpha is None
    assert tried >= 3


def packed(values, bits):
    """(h, n) of so many bits each, the highest first, whatever the byte order; rows begin at a byte."""
    rows = ["".join(f"{value:0{bits}b}" for value in row) for row in values]
    rows = [row + "0" * (-len(row) % 8) for row in rows]
    return b"".join(int(row, 2).to_bytes(len(row) // 8, "big") for row in rows)


def by_hand(order, size, data, **changed):
    """An uncompressed TIFF, from its tags by number."""
    sign = {"II": "<", "MM": ">"}[order]
    tags = {256: size[0], 257: size[1], 258: 8, 259: 1, 262: 1, 273: 0, 277: 1, 278: size[1], 279: len(data)}
    tags |= {int(name[1:]): value for name, value in changed.items()}
    tags = {tag: value for tag, value in tags.items() if value is not None}
    tags[273] = 8 + 2 + 12 * len(tags) + 4
    table = b"".join(struct.pack(f"{sign}HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return (
        order.encode() + struct.pack(f"{sign}HI", 42, 8) + struct.pack(f"{sign}H", len(tags)) + table + bytes(4) + data
    )


@pytest.mark.parametrize("order", ["II", "MM"])
@pytest.mark.parametrize("white_is_zero", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6, 10, 12, 14])
def test_packed_samples_by_hand(order, white_is_zero, bits):
    values = random(bits, 1, 5, 7)[:, :, 0]
    data = by_hand(order, (7, 5), packed(values, bits), t258=bits, t262=0 if white_is_zero else 1)
    expected = shown(values, bits, "miniswhite" if white_is_zero else "minisblack")
    assert np.allclose(picture.read(data).image[0].numpy(), expected, atol=2e-5)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize(
    "options", [{}, {"compression": "zlib", "predictor": 3}, {"byteorder": ">"}, {"tile": (16, 16)}]
)
def test_floats_in_color(kind, planar, options):
    values = np.random.default_rng(0).random((18, 17, 4)).astype(kind)
    ordered = values.transpose(2, 0, 1).copy() if planar == "separate" else values
    data = tiff_of(ordered, photometric="rgb", planarconfig=planar, extrasamples=["unassalpha"], **options)
    opened = picture.read(data)
    assert opened.depth == 16
    assert np.allclose(opened.image.permute(1, 2, 0).numpy(), values[:, :, :3], atol=1e-6)
    assert np.allclose(opened.alpha.numpy(), values[:, :, 3], atol=1e-6)


def test_floats_outside_are_stretched_and_told():
    values = np.linspace(0, 4, 27, dtype=np.float32).reshape(3, 3, 3)
    opened = picture.read(tiff_of(values, photometric="rgb"))
    assert np.allclose(opened.image.permute(1, 2, 0).numpy(), values / 4, atol=1e-6)
    assert "from 0 to 4" in opened.notices[0]
    assert "not finite" in refusal(tiff_of(np.full((3, 3, 3), np.nan, np.float32), photometric="rgb"))


def test_a_float_that_is_white_at_zero():
    values = np.linspace(0, 1, 6, dtype=np.float32).reshape(2, 3)
    opened = picture.read(tiff_of(values, photometric="miniswhite"))
    assert np.allclose(opened.image[0].numpy(), 1 - values)


@pytest.mark.parametrize(("kind", "most"), [(np.uint8, 255), (np.uint16, 65535)])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_premultiplied_alpha_is_divided(kind, most, planar):
    color = np.random.default_rng(1).integers(0, most, (6, 7, 3), endpoint=True)
    alpha = np.full((6, 7, 1), most // 2)
    both = np.concatenate([np.round(color * (alpha / most)), alpha], 2).astype(kind)
    ordered = both.transpose(2, 0, 1).copy() if planar == "separate" else both
    opened = picture.read(tiff_of(ordered, photometric="rgb", planarconfig=planar, extrasamples=["assocalpha"]))
    assert np.abs(levels(opened.image, kind).astype(int) - color).max() <= 2


@pytest.mark.parametrize("extra", [["unspecified"], ["unspecified", "unassalpha"], ["unassalpha", "unspecified"]])
def test_alpha_is_the_sample_that_says_so(extra):
    values = random(16, 3 + len(extra))
    opened = picture.read(tiff_of(values, photometric="rgb", extrasamples=extra))
    assert np.array_equal(levels(opened.image, np.uint16), values[:, :, :3])
    if "unassalpha" in extra:
        assert np.array_equal(levels(opened.alpha, np.uint16), values[:, :, 3 + extra.index("unassalpha")])
    else:
        assert opened.alpha is None


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("options", [{}, {"planarconfig": "separate"}, {"compression": "lzw"}, {"tile": (16, 16)}])
def test_inks(bits, options):
    values = random(bits, 4, 20, 18)
    separate = "planarconfig" in options
    ordered = values.transpose(2, 0, 1).copy() if separate else values
    opened = picture.read(tiff_of(ordered, photometric="separated", **options))
    eight = values if bits == 8 else np.round(values / 257).astype(np.uint8)
    assert np.array_equal(levels(opened.image), np.array(Image.fromarray(eight, "CMYK").convert("RGB")))
    assert len(opened.notices) == (bits == 16)


@pytest.mark.parametrize("bits", [9, 10, 12, 14, 15])
def test_fewer_bits_in_16_that_the_file_tells_of(bits):
    values = random(bits, 1, 6, 5)[:, :, 0]
    data = by_hand("II", (5, 6), values.astype("<u2").tobytes(), t258=16, t281=2**bits - 1)
    opened = picture.read(data)
    assert np.allclose(opened.image[0].numpy(), shown(values, bits), atol=2e-5)
    assert str(2**bits - 1) in opened.notices[0]


def test_a_dark_16_bit_picture_is_told():
    assert "4000 of 65535" in picture.read(tiff_of(np.array([[7, 4000]], np.uint16))).notices[0]
    assert picture.read(tiff_of(np.array([[7, 40_000]], np.uint16))).notices == ()


@pytest.mark.parametrize(
    ("values", "expected", "told"),
    [
        (np.array([[0, 2**31, 2**32 - 1]], np.uint32), [0, 0.5, 1], None),
        (np.array([[0, 500, 65535]], np.uint32), [0, 500 / 65535, 1], "numbers of 16 bits"),
        (np.array([[0, 50_000, 100_000]], np.uint32), [0, 0.5, 1], "100000"),
        (np.array([[0, 500, 65535]], np.int32), [0, 500 / 65535, 1], "numbers of 16 bits"),
        (np.array([[0, 500, 32767]], np.int16), [0, 500 / 65535, 32767 / 65535], "numbers of 16 bits"),
    ],
)
def test_wide_and_signed_integers(values, expected, told):
    opened = picture.read(tiff_of(values))
    assert np.allclose(opened.image[0, 0].numpy(), expected, atol=2e-5)
    assert (told is None and opened.notices == ()) or told in opened.notices[0]


@pytest.mark.parametrize("values", [[[-5, 7]], [[0, 70_000]]])
def test_integers_that_are_no_levels_are_refused(values):
    assert "integers from" in refusal(tiff_of(np.array(values, np.int32)))
    assert "kind" in refusal(tiff_of(np.array([[1 + 2j]], np.complex64)))


def test_a_volume_is_refused():
    assert "volume" in refusal(tiff_of(np.zeros((16, 16, 16), np.uint16), volumetric=True, tile=(16, 16, 16)))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_scans_are_turned(orientation, bits):
    values = random(bits, 1, 5, 7)[:, :, 0]
    data = by_hand("MM", (7, 5), packed(values, bits), t258=bits, t274=orientation)
    turn = {
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: np.transpose,
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(a.T, 2),
        8: np.rot90,
    }.get(orientation, lambda a: a)
    assert np.allclose(picture.read(data).image[0].numpy(), turn(shown(values, bits)), atol=2e-5)


@pytest.mark.parametrize("tag", [273, 279])
@pytest.mark.parametrize("wrong", [0, 2**31 - 1])
def test_a_missing_strip_is_told(tag, wrong):
    """Readers fill it with black."""
    data = by_hand("II", (7, 5), bytes(70), t258=16)
    at = data.index(struct.pack("<HHI", tag, 4, 1)) + 8
    assert "broken" in refusal(data[:at] + struct.pack("<I", wrong) + data[at + 4 :])


HEADERS = {
    "no kind of color": {262: None},
    "no bits, of more than one": {258: None},
    "other bits than the strips have": {258: 16},
    "fewer bits": {258: 4},
    "no samples": {277: 0},
    "more samples": {277: 3},
    "narrower": {256: 5},
    "wider": {256: 9},
    "lower": {257: 3},
    "higher": {257: 6},
    "no such planes": {284: 7},
    "compressed, it says": {259: 5},
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_cannot_be_true_is_told(name):
    """Readers take the usual value, or what fits, and so see another picture: a negative, stripes."""
    changed = {f"t{tag}": value for tag, value in ({278: 5, 284: 1} | HEADERS[name]).items()}
    assert np.array_equal(levels(picture.read(by_hand("II", (7, 5), bytes(range(35)))).image[0]).ravel(), range(35))
    assert "broken" in refusal(by_hand("II", (7, 5), bytes(range(35)), **changed))


@pytest.mark.parametrize("tag", [258, 262])
@pytest.mark.parametrize("compression", ["packbits", "tiff_lzw"])
def test_a_palette_without_what_it_needs_is_told(tag, compression):
    stream = io.BytesIO()
    Image.fromarray(random(8, 3)).quantize(16).save(stream, "TIFF", compression=compression)
    data = stream.getvalue()
    assert picture.read(data).image.shape == (3, 21, 19)
    at = data.index(struct.pack("<HH", tag, 3))
    assert "broken" in refusal(data[:at] + struct.pack("<H", 65000) + data[at + 2 :])


KINDS_OF_PILLOW = [
    (mode, compression)
    for mode in ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
    for compression in (None, "group4", "jpeg", "tiff_lzw", "packbits", "tiff_adobe_deflate", "zstd", "lzma")
    if (compression != "group4" or mode == "1") and (compression != "jpeg" or mode in ("L", "RGB", "YCbCr", "CMYK"))
]


@pytest.mark.parametrize(("mode", "compression"), KINDS_OF_PILLOW)
def test_every_kind_that_pillow_writes_is_read_as_it_reads_it(mode, compression):
    stream = io.BytesIO()
    image = Image.fromarray(random(8, 3))
    image = image.quantize(16).convert("PA") if mode == "PA" else image.convert(mode)
    image.save(stream, "TIFF", **({"compression": compression} if compression else {}))
    with Image.open(stream) as again:
        expected = np.array(again.convert("RGB")).astype(int)
    assert np.abs(levels(picture.read(stream.getvalue()).image).astype(int) - expected).max() <= 1


def test_a_few_bytes_too_many_are_told():
    data = by_hand("II", (70, 5), bytes(range(70)) * 5 + bytes(20))
    opened = picture.read(data)
    assert np.array_equal(levels(opened.image[0]), np.broadcast_to(np.arange(70), (5, 70)))
    assert "more bytes than its header says" in opened.notices[0]
    assert picture.read(by_hand("II", (70, 5), bytes(353))).notices == ()


@pytest.mark.parametrize("bits", [1, 4, 12, 16])
def test_bits_in_the_other_order(bits):
    values = random(bits, 1, 5, 8)[:, :, 0]
    turned = bytes(int(f"{byte:08b}"[::-1], 2) for byte in packed(values, bits))
    data = by_hand("MM", (8, 5), turned, t258=bits, t266=2)
    assert np.allclose(picture.read(data).image[0].numpy(), shown(values, bits), atol=2e-5)


def test_a_tag_that_comes_twice_is_told():
    data = by_hand("II", (7, 5), bytes(70), t258=16, t339=1)
    assert picture.read(data).depth == 16
    at = data.index(struct.pack("<HHI", 339, 4, 1))
    assert "comes twice" in refusal(data[:at] + struct.pack("<H", 262) + data[at + 2 :])


# ---- fuzz ------------------------------------------------------------------------------------------------------------


def _seeds():
    color = random(8, 3, 12, 11)
    yield tiff_of(color, photometric="rgb", rowsperstrip=4)
    yield tiff_of(random(16, 4, 12, 11), photometric="rgb", extrasamples=["unassalpha"], compression="zlib")
    yield tiff_of(random(16, 3, 11, 12).transpose(2, 0, 1).copy(), photometric="rgb", planarconfig="separate")
    yield tiff_of(random(8, 1, 20, 20)[:, :, 0], tile=(16, 16), compression="lzw", byteorder=">")
    yield tiff_of(np.random.default_rng(2).random((12, 11), np.float32), photometric="miniswhite")
    yield by_hand("MM", (7, 5), packed(random(12, 1, 5, 7)[:, :, 0], 12), t258=12)
    stream = io.BytesIO()
    pages = [Image.fromarray(color), Image.fromarray(color).resize((5, 6))]
    pages[0].save(stream, "TIFF", save_all=True, append_images=pages[1:], compression="tiff_lzw")
    yield stream.getvalue()
    stream = io.BytesIO()
    pages[0].quantize(16).save(stream, "TIFF", compression="packbits")
    yield stream.getvalue()


def mutated(data, random):
    """A few bytes changed, most of them outside of the pixels; or the end cut off; or a piece repeated."""
    data = bytearray(data)
    directory = int.from_bytes(data[4:8], "little" if data[:2] == b"II" else "big")
    for _ in range(int(random.integers(1, 5))):
        near = random.random() < 0.8
        at = int(random.integers(directory, min(directory + 200, len(data))) if near else random.integers(len(data)))
        data[at] = int(random.choice([0, 1, 2, 3, 8, 16, 255, random.integers(256)]))
    if random.random() < 0.2:
        del data[int(random.integers(8, len(data))) :]
    return bytes(data)


def _as_others_see_it(data):
    """By Pillow, where it is sure: None for what it does not read, or pads, or has a notion of its own of."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.mode not in ("RGB", "L") or getattr(image, "n_frames", 1) != 1:
                return None
            return np.array(image.convert("RGB"))
    except Exception:
        return None


@pytest.mark.parametrize("number", range(8))
def test_fuzzed_tiffs_are_refused_or_right(number):
    """100 of each kind, always the same: no failure but an error of ours, and no picture that another reader sees
    otherwise, unless a notice tells."""
    seed = list(_seeds())[number]
    random = np.random.default_rng(number)
    read = compared = 0
    for _ in range(100):
        data = mutated(seed, random)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                opened = picture.read(data, max_pixels=1_000_000)
            except IntarsiaError:
                continue
            other = _as_others_see_it(data)
        read += 1
        assert np.isfinite(opened.image.numpy()).all()
        assert 0 <= opened.image.min() <= opened.image.max() <= 1
        if other is not None and not opened.notices and opened.depth == 8:
            compared += 1
            assert np.abs(levels(opened.image).astype(int) - other).max() <= 1
    assert read
    assert compared >= 3 or number not in (0, 3)  # of 8 bits, and not a palette, which it takes for itself
