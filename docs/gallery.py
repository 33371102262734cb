"""Makes the pictures of these pages from free photographs and our own swatches, with the commands that a user types.

    python docs/gallery.py                  all pictures, into docs/pictures/
    python docs/gallery.py cup-starry       some of them, by name
    python docs/gallery.py --keep           takes the paintings that are in demo/gallery/ already

Needs scikit-image (the extra `demo`), whose wheel holds the photographs: nothing is downloaded. The same machine makes
the same bytes again."""

import argparse
import io
import shlex
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import skimage.data
import torch
from PIL import Image, ImageDraw, ImageFont

from intarsia import picture, swatches
from intarsia.geometry import Pairs
from intarsia.geometry.files import write_points
from intarsia.sources import Canvas, WrittenMap

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "demo" / "gallery"  # photographs, masks and paintings; the commands run here
PICTURES = ROOT / "docs" / "pictures"
MOST_BYTES = 165_000
GAP, PAPER, INK = 8, (247, 246, 243), (60, 55, 50)

# The photographs inside scikit-image's wheel that may be used by anybody, as its documentation says of each.
PHOTOGRAPHS: dict[str, Callable[[], np.ndarray]] = {
    "astronaut": skimage.data.astronaut,  # Eileen Collins; NASA, public domain
    "cat": skimage.data.chelsea,  # Chelsea; Stefan van der Walt, CC0
    "cup": skimage.data.coffee,  # Rachel Michetti, CC0
    "rocket": skimage.data.rocket,  # Falcon 9 with DSCOVR; SpaceX, public domain
}


# ---- masks: gray pictures, white where a region is -------------------------------------------------------------------


def woman() -> np.ndarray:
    """The astronaut and her helmet: a polygon drawn by hand on the photograph of 512 x 512."""
    corners = """
        0 512 18 440 20 388 30 300 55 255 80 232 112 210 113 190 125 160 160 148 182 148 178 128 162 110 153 85 158 60
        180 42 205 22 240 15 270 24 290 42 300 70 297 105 285 122 270 134 262 160 255 174 280 187 300 215 306 237 330
        248 345 270 355 300 362 342 400 342 440 357 470 385 490 430 500 470 512 512"""
    polygon = np.array(corners.split(), np.int32).reshape(-1, 2)
    return softened(cv2.fillPoly(np.zeros((512, 512), np.float32), [polygon], 1.0))


def cup() -> np.ndarray:
    """The cup with its saucer: two ellipses on the photograph of 600 x 400."""
    mask = np.zeros((400, 600), np.float32)
    for center, axes in (((278, 222), (203, 166)), ((288, 113), (116, 96))):
        cv2.ellipse(mask, center, axes, 8, 0, 360, 1.0, -1)
    return softened(mask)


def softened(mask: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(mask, (0, 0), 2).clip(0, 1)


MASKS: dict[str, Callable[[], np.ndarray]] = {
    "behind-her": lambda: 1 - woman(),
    "the-woman": woman,
    "the-cup": cup,
    "table": lambda: 1 - cup(),
}

# Maps in words, each on its photograph.
ELLIPSES = "ellipse 0.463,0.555 0.34,0.41 angle=8 | add ellipse 0.48,0.28 0.19,0.24 | feather 1%"
WORDS = {
    "words-ellipse": ("cup", ELLIPSES),
    "words-fill": ("rocket", "fill 0.3,0.1 tolerance=35 | grow 2 | feather 1%"),
    "words-cut": (
        "astronaut",
        "polygon 0.05,1 0.12,0.55 0.33,0.4 0.32,0.05 0.6,0.05 0.6,0.4 0.8,0.7 0.95,1 | cut band=40",
    ),
    "words-radial": ("cat", "radial 0.4,0.4 inner=0.2 outer=0.7 | invert"),
}

# ---- label maps: flat colors that mean the same on both sides --------------------------------------------------------

SKY, STAR, HILL, TREE = (58, 110, 165), (242, 199, 68), (61, 122, 77), (122, 31, 47)


def starry_map() -> np.ndarray:
    """Of swatch:starry at 512 x 512."""
    page = flat((512, 512), SKY)
    stars = ((65, 75, 50), (127, 33, 24), (219, 26, 20), (165, 143, 31), (54, 236, 28), (430, 28, 26), (440, 77, 24))
    for x, y, radius in (*stars, (467, 116, 18), (463, 234, 19), (493, 278, 28)):
        cv2.circle(page, (x, y), radius, STAR, -1)
    polygon(page, HILL, "0 352 100 335 220 360 330 345 400 350 400 512 0 512")
    polygon(page, TREE, "415 95 440 150 425 230 435 300 462 380 455 420 495 512 360 512 385 400 380 330 405 240")
    return page


def rocket_map() -> np.ndarray:
    """Of the photograph of 640 x 427."""
    page = flat((427, 640), SKY)
    polygon(page, HILL, "0 395 320 385 640 395 640 427 0 427")
    for corners in ("35 0 95 0 80 427 0 427 0 330", "305 130 320 118 335 130 342 427 300 427"):
        polygon(page, TREE, corners)
    for corners in (
        "183 200 200 200 206 427 176 427",
        "440 200 458 200 466 427 434 427",
        "560 0 640 0 640 427 600 427",
    ):
        polygon(page, TREE, corners)
    for x, y in ((80, 350), (150, 375), (190, 408), (363, 408), (110, 418), (448, 412)):
        cv2.circle(page, (x, y), 14, STAR, -1)
    return page


def doodle() -> np.ndarray:
    page = flat((384, 576), SKY)
    cv2.circle(page, (440, 95), 62, STAR, -1)
    for x, y, radius in ((60, 60, 24), (300, 50, 20), (255, 150, 26), (545, 200, 20), (340, 190, 16)):
        cv2.circle(page, (x, y), radius, STAR, -1)
    polygon(page, HILL, "0 300 110 250 230 285 340 245 450 290 576 255 576 384 0 384")
    polygon(page, TREE, "120 80 150 150 165 240 190 384 70 384 90 240 100 150")
    polygon(page, TREE, "215 190 232 240 250 384 185 384 200 240")
    return page


def flat(size: tuple[int, int], color: tuple[int, int, int]) -> np.ndarray:
    return np.full((*size, 3), color, np.uint8)


def polygon(page: np.ndarray, color: tuple[int, int, int], corners: str) -> None:
    cv2.fillPoly(page, [np.array(corners.split(), np.int32).reshape(-1, 2)], color, cv2.LINE_AA)


# ---- pairs of points: x, y on the photograph, and x, y where they would be in another drawing of it ------------------


def large_eyes() -> Pairs:
    """Of the cat: its eyes half as large again, its nose small, and what is around them where it is."""
    around = torch.tensor([[-1.0, 0.0], [1.0, 0.0], [0.0, -1.0], [0.0, 1.0]], dtype=torch.float64)
    forms = (
        ((0.38, 0.383), (0.078, 0.107), 1.5),
        ((0.707, 0.457), (0.053, 0.09), 1.5),
        ((0.588, 0.817), (0.06, 0.06), 0.6),
    )
    points = [torch.tensor(middle) + around * torch.tensor(radii) for middle, radii, _ in forms]
    drawn = [torch.tensor(middle) + scale * around * torch.tensor(radii) for middle, radii, scale in forms]
    held = torch.tensor([[0.1, 0.35], [0.2, 0.75], [0.85, 0.75], [0.83, 0.2], [0.58, 0.12]], dtype=torch.float64)
    return Pairs.of(torch.cat([*points, held]), torch.cat([*drawn, held]))


LABEL_MAPS = {"starry-map": starry_map, "rocket-map": rocket_map, "doodle": doodle}


# ---- paintings: what follows `intarsia stylize` (or its own command), by the name of the output ----------------------

CUP_REGIONS = "cup.png swatch:starry swatch:scream --content-mask the-cup.png --content-mask table.png"
CAT = "cat.png swatch:woodcut swatch:scream"
CAT_RAMP = f"{CAT} --gradient 'linear 0: 1 -> 2'"
ROCKET = "rocket.png starry.png --content-map rocket-map.png --style-map starry-map.png"
EYES = "ellipse 0.36,0.38 0.09,0.11 | add ellipse 0.71,0.45 0.07,0.1 | feather 1%"

# The defaults before quality was judged by style and content together.
BEFORE = (
    "--loss gram --content-tap relu4_1 --content-weight 0.15 --chroma-smoothing 0 --steps 300"
    + "".join(f" --style-taps relu{n}_1" for n in range(1, 6))
    + " --tap-weights 1" * 5
)

ON_THE_TABLE = "--corners 0.758,0.25 0.933,0.1125 0.997,0.425 0.833,0.5875"
PASTED_CUP = "composite starry.png --object cup.png --object-mask the-cup.png --at 0.5,0.6 --scale 0.7"
THE_WOMAN = "rocket-starry.png --object astronaut.png --object-mask the-woman.png --at 0.28,0.63 --scale 0.75"
BLENDS = ("over", "feather", "poisson", "pyramid", "statistics")
# Other than `stylize`, before what they paint.
COMMANDS = ("deform", "doodle", "texture", "masks", "partial", "composite", "harmonize")

PAINTINGS = {
    "astronaut-starry": "astronaut.png swatch:starry",
    "cup-starry": "cup.png swatch:starry",
    "cup-cubist": "cup.png swatch:cubist",
    "cup-scream": "cup.png swatch:scream",
    "astronaut-ink": "astronaut.png swatch:ink",
    "face-gram": f"astronaut.png swatch:starry {BEFORE}",
    "rocket-gram": f"rocket.png swatch:starry {BEFORE}",
    "face-wct": "astronaut.png swatch:starry --method wct",
    "face-wct-5": "astronaut.png swatch:starry --method wct --levels 5 --levels 4 --levels 3 --levels 2 --levels 1"
    " --alpha 0.6",
    "face-specks": "astronaut.png swatch:starry --chroma-smoothing 0",
    "texture-quick": "texture starry.png --size 512x384 --method wct",
    "cat-impasto": "cat.png swatch:impasto",
    "cat-copied": "cat.png swatch:impasto --copy-patches",
    "cat-woodcut": "cat.png swatch:woodcut",
    "rocket-starry": "rocket.png swatch:starry",
    "rocket-strotss": "rocket.png swatch:starry --method strotss",
    "cat-deformed": "deform cat.png swatch:cubist --points cat-points.json --smooth-weight 4 --grid cat-grid.png",
    "cup-regions": CUP_REGIONS,
    "cup-regions-half": f"{CUP_REGIONS} --strength 0.4 --strength 1",
    "astronaut-untouched": "astronaut.png swatch:starry --content-mask behind-her.png",
    "cat-ramp": CAT_RAMP,
    "cat-ramp-no-blends": f"{CAT_RAMP} --no-blends",
    "cat-radial": f"{CAT} --gradient 'radial 0.5,0.4 outer=0.7: 2 -> 1'",
    "cat-light": f"{CAT} --gradient 'luminance | levels black=0.2 white=0.8: 1 -> 2'",
    "kept-eyes": f"{CAT_RAMP} --region \"eyes: content='{EYES}' keep\"",
    "own-settings": "cup.png swatch:mosaic swatch:starry"
    " --region 'cup: content=the-cup.png style=1 scale=0.6 color=match'"
    " --region 'table: content=rest style=2 content-weight=2'",
    "rocket-labels": ROCKET,
    "rocket-patches": f"{ROCKET} --content-patch 96 --style-patch 128",
    "doodle-painted": "doodle doodle.png --style starry.png --style-map starry-map.png",
    "doodle-soft": "doodle doodle.png --style starry.png --style-map starry-map.png --no-copy-patches",
    "auto": "cup.png swatch:woodcut --auto-regions 2",
    "cup-woodcut": "cup.png swatch:woodcut",
    "look": "masks cup.png --content-mask 'fill 0.1,0.03 0.5,0.03 0.9,0.03 tolerance=20'"
    " --content-mask 'ellipse 0.463,0.555 0.34,0.41'",
    "cup-wct": "cup.png swatch:starry --method wct",
    "cup-fast-glass": "cup.png trained:glass --method fast",
    "cup-fast-starry": "cup.png trained:starry --method fast",
    "cup-adain": "cup.png swatch:starry --method adain",
    "cup-filtered": "cup.png swatch:starry --method wct --finish guided-filter",
    **{f"alpha-{a}": f"cup.png swatch:starry --method wct --alpha {a}" for a in ("0.3", "1")},
    **{f"level-{n}": f"cup.png swatch:starry --method wct --levels {n} --alpha 1" for n in range(5, 0, -1)},
    "cup-large": "cup.png swatch:starry --method wct --size 3072",
    "cup-large-0": "cup.png swatch:starry --method wct --size 3072 --coarsest 0",
    "texture-starry": "texture starry.png --size 512x384",
    "texture-glass": "texture swatch:glass --size 512x384",
    **{f"cup-{rule}": f"cup.png swatch:starry --color {rule}" for rule in ("match", "luminance", "histogram")},
    "cup-mixture": "cup.png swatch:starry swatch:scream --weight 1 --weight 1",
    **{f"face-{w}": f"astronaut.png swatch:starry --content-weight {w}" for w in ("0.03", "0.5")},
    **{f"scale-{s}": f"cup.png swatch:mosaic --size 384 --style-scale {s}" for s in ("0.5", "1", "2")},
    **{f"strength-{s}": f"cup.png swatch:woodcut --size 384 --strength {s}" for s in ("0.1", "0.25", "0.5", "1")},
    "part-table": f"partial cup.png swatch:mosaic {ON_THE_TABLE}",
    "part-sky": "partial rocket.png swatch:starry --flood 0.4,0.4 --tolerance 20",
    "part-surround": "partial rocket.png swatch:starry --flood 0.4,0.4 --tolerance 20 --surround swatch:ink",
    **{f"pasted-{blend}": f"{PASTED_CUP} --blend {blend}" for blend in BLENDS},
    "woman-naive": f"composite {THE_WOMAN} --blend over",
    "woman-harmonized": f"harmonize {THE_WOMAN}",
    "woman-half": f"harmonize {THE_WOMAN} --strength 0.5",
    "woman-quick": f"harmonize {THE_WOMAN} --quick",
    **{f"steps-{n}": f"cup.png swatch:starry --size 384 --steps {n}" for n in ("15", "60", "200", "600")},
}


# ---- sheets: pictures side by side, with words beneath ---------------------------------------------------------------


@dataclass(frozen=True)
class Tile:
    """shows: a photograph, a mask or a painting by its name, a `NAME/detail` of it, or `swatch:NAME`."""

    shows: str
    words: str = ""


def tiles(*pairs: str) -> list[Tile]:
    """Each told as `name` or `name | words`."""
    return [Tile(*(part.strip() for part in pair.split("|"))) for pair in pairs]


CONTENT_WEIGHTS = (("face-0.03", "0.03"), ("astronaut-starry", "0.13"), ("face-0.5", "0.5"))

SHEETS: dict[str, list[Tile]] = {
    "astronaut-starry": tiles("astronaut", "swatch:starry", "astronaut-starry"),
    "cup-starry": tiles("cup", "swatch:starry", "cup-starry"),
    "cup-cubist": tiles("cup", "swatch:cubist", "cup-cubist"),
    "astronaut-ink": tiles("astronaut", "swatch:ink", "astronaut-ink"),
    "cat-impasto": tiles("cat", "swatch:impasto", "cat-impasto"),
    "cat-woodcut": tiles("cat", "swatch:woodcut", "cat-woodcut"),
    "rocket-starry": tiles("rocket", "swatch:starry", "rocket-starry"),
    "transport": tiles("rocket", "swatch:starry", "rocket-starry | gatys", "rocket-strotss | strotss"),
    "deformation": tiles("cat-grid | --grid", "cat-deformed | painted and bent"),
    "regions": tiles("cup", "swatch:starry | for the cup", "swatch:scream | for the rest", "cup-regions"),
    "region-masks": tiles("the-cup | the-cup.png", "table | table.png"),
    "region-strength": tiles("cup-regions | strength 1 and 1", "cup-regions-half | cup 0.4, table 1"),
    "untouched": tiles("astronaut", "behind-her | behind-her.png", "astronaut-untouched"),
    "ramp": tiles("cat", "swatch:woodcut", "swatch:scream", "cat-ramp"),
    "words": tiles(*(f"{name} | {text.split()[0]}" for name, (_, text) in WORDS.items())),
    "masks": tiles("cup", "look | look.png"),
    "own-settings": tiles("cup", "swatch:mosaic", "swatch:starry", "own-settings"),
    "kept-eyes": tiles("cat", "kept-eyes"),
    "gradients": tiles("cat-ramp | linear", "cat-radial | radial", "cat-light | luminance"),
    "label-maps": tiles(
        "rocket", "rocket-map | rocket-map.png", "starry", "starry-map | starry-map.png", "rocket-labels"
    ),
    "patches": tiles("rocket-labels | labels", "rocket-patches | patches"),
    "doodle": tiles("doodle | doodle.png", "starry", "starry-map | starry-map.png", "doodle-painted"),
    "auto-regions": tiles("cup", "auto-map | photograph and style", "auto | --auto-regions 2", "cup-woodcut | without"),
    "universal": tiles("cup", "cup-wct | wct", "cup-adain | adain", "cup-starry | gatys"),
    "fast": tiles("cup", "cup-fast-glass | trained:glass", "cup-fast-starry | trained:starry"),
    "alpha": tiles("alpha-0.3 | --alpha 0.3", "cup-wct | 0.85", "alpha-1 | 1"),
    "levels": tiles(*(f"level-{n} | --levels {n}" for n in range(5, 0, -1))),
    "finish": tiles("cup-wct | none", "cup-filtered | --finish guided-filter"),
    "large": tiles(
        *(f"{name} | {words}" for name, words in (("cup-large-0", "--coarsest 0"), ("cup-large", "1024 (default)"))),
        *(f"{name}/detail | a detail" for name in ("cup-large-0", "cup-large")),
    ),
    "textures": tiles("starry", "texture-starry", "swatch:glass", "texture-glass"),
    "texture-methods": tiles("starry", "texture-starry | gatys (default)", "texture-quick | --method wct"),
    "quality-face": tiles("face-gram | defaults before", "astronaut-starry | defaults now"),
    "quality-rocket": tiles("rocket-gram | defaults before", "rocket-starry | defaults now"),
    "quality-wct": tiles("face-wct-5 | levels 5 4 3 2 1", "face-wct | levels 3 2 1 (default)"),
    "quality-specks": tiles("face-specks/detail | not smoothed", "astronaut-starry/detail | smoothed twice"),
    "quality-doodle": tiles(
        "doodle-soft/detail | --no-copy-patches", "doodle-painted/detail | patches copied at the end (default)"
    ),
    "copy-patches": tiles("cat", "cat-impasto | default", "cat-copied | --copy-patches"),
    "color": tiles("cup-starry | none", *(f"cup-{rule} | {rule}" for rule in ("match", "luminance", "histogram"))),
    "blends": tiles("cat-ramp-no-blends | --no-blends", "cat-ramp | blends (default)"),
    "mixture": tiles("cup-starry | starry", "cup-mixture | one to one", "cup-scream | scream"),
    "content-weight": tiles(*(f"{name} | --content-weight {w}" for name, w in CONTENT_WEIGHTS)),
    "style-scale": tiles(*(f"scale-{s} | --style-scale {s}" for s in ("0.5", "1", "2"))),
    "strength": tiles(*(f"strength-{s} | --strength {s}" for s in ("0.1", "0.25", "0.5", "1"))),
    "steps": tiles(*(f"steps-{n} | --steps {n}" for n in ("15", "60", "200", "600"))),
    "partial": tiles("part-table | --corners", "part-sky | --flood", "part-surround | --surround swatch:ink"),
    "pasting": tiles(*(f"pasted-{blend} | {blend}" for blend in BLENDS)),
    "harmonizing": tiles(
        *(
            "woman-naive | pasted",
            "woman-harmonized | harmonized",
            "woman-half | --strength 0.5",
            "woman-quick | --quick",
        )
    ),
    "swatches": [Tile(f"swatch:{name}", name) for name in swatches.SWATCHES],
}


def sheet(row: list[Tile], height: int, columns: int = 5) -> Image.Image:
    shown = [(fitted(open_tile(tile.shows), height), tile.words) for tile in row]
    rows = [shown[i : i + columns] for i in range(0, len(shown), columns)]
    label = height // 10 + 4 if any(tile.words for tile in row) else 0
    width = max(sum(one.width + GAP for one, _ in cells) for cells in rows) - GAP
    page = Image.new("RGB", (width, len(rows) * (height + label + GAP) - GAP), PAPER)
    font = ImageFont.load_default(max(13, height // 17))
    for i, cells in enumerate(rows):
        left, top = 0, i * (height + label + GAP)
        for one, words in cells:
            page.paste(one, (left, top))
            middle = (left + one.width // 2, top + height + label // 2)
            ImageDraw.Draw(page).text(middle, words, INK, font, anchor="mm")
            left += one.width + GAP
    return page


def open_tile(shows: str) -> Image.Image:
    if shows.startswith("swatch:"):
        return picture.to_pil(swatches.paint(shows.removeprefix("swatch:"), (512, 512)))
    name, _, detail = shows.partition("/")
    one = Image.open(WORK / f"{name}.png").convert("RGB")
    w, h = one.width // 5, one.height // 5
    return one.crop((2 * w, 2 * h, 3 * w, 3 * h)) if detail else one


def fitted(one: Image.Image, height: int) -> Image.Image:
    return one.resize((round(one.width * height / one.height), height), Image.Resampling.LANCZOS)


def jpeg(row: list[Tile]) -> bytes:
    """As large and as good as the limit of bytes allows."""
    for height, quality in [(360, 88), (360, 82), (320, 82), (280, 82), (240, 82), (200, 82), (180, 78)]:
        page = sheet(row, height)
        if page.width > 1500:
            continue
        file = io.BytesIO()
        page.save(file, "JPEG", quality=quality, optimize=True, subsampling=0 if quality > 85 else 2)
        if file.tell() <= MOST_BYTES:
            return file.getvalue()
    raise SystemExit("a sheet is too large at every size; show fewer pictures in it")


# ---- making them -----------------------------------------------------------------------------------------------------


def prepare() -> None:
    """Photographs and masks, as files that the commands name."""
    WORK.mkdir(parents=True, exist_ok=True)
    PICTURES.mkdir(exist_ok=True)
    for name, load in PHOTOGRAPHS.items():
        Image.fromarray(load()).save(WORK / f"{name}.png")
    for name, draw in MASKS.items():
        Image.fromarray(np.round(draw() * 255).astype(np.uint8)).save(WORK / f"{name}.png")
    for name, draw in LABEL_MAPS.items():
        Image.fromarray(draw()).save(WORK / f"{name}.png")
    write_points(str(WORK / "cat-points.json"), large_eyes())
    picture.write(WORK / "starry.png", swatches.paint("starry", (512, 512)))
    for name, (photograph, text) in WORDS.items():
        picture.write(WORK / f"{name}.png", shaded(picture.read(WORK / f"{photograph}.png").image, text))


def shaded(image: torch.Tensor, text: str) -> torch.Tensor:
    """The photograph where the map is, and darkened where it is not."""
    size = (image.shape[1], image.shape[2])
    canvas = Canvas(image, size, "content", picture.read_map, lambda name: picture.read(name).image)
    return image * (0.25 + 0.75 * WrittenMap.parse(text).draw(canvas))


def paint(name: str, threads: int, keep: bool) -> None:
    target = f"{name}.png"
    if keep and (WORK / target).exists():
        return
    said = shlex.split(PAINTINGS[name])
    words = ["intarsia", *([] if said[0] in COMMANDS else ["stylize"]), *said, "-o", target]
    lines = textwrap.wrap(shlex.join(words), 110, subsequent_indent="    ", break_on_hyphens=False)
    print(*lines, sep=" \\\n", flush=True)
    began = time.monotonic()
    command = str(Path(sys.executable).with_name("intarsia"))
    how = [] if said[0] in ("masks", "composite") else ["--threads", str(threads), "--quiet"]
    subprocess.run([command, *words[1:], *how], cwd=WORK, check=True)
    if name == "auto":
        partition = [command, "partition", "--match", "cup.png", "swatch:woodcut", "-k", "2", "-o", "auto-map.png"]
        subprocess.run(partition, cwd=WORK, check=True)
    print(f"    {time.monotonic() - began:.0f} s", flush=True)


def needed(names: list[str]) -> Iterator[str]:
    shown = {tile.shows.partition("/")[0] for name in names for tile in SHEETS[name]}
    words = {word for name in shown & PAINTINGS.keys() for word in shlex.split(PAINTINGS[name])}
    return (name for name in PAINTINGS if name in shown or f"{name}.png" in words)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the pictures of the pages.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of these: {', '.join(SHEETS)}; all if none is given")
    parser.add_argument("--keep", action="store_true", help="take paintings that are there already")
    parser.add_argument("--threads", type=int, default=1, help="another number gives slightly other pictures")
    asked = parser.parse_args()
    unknown = set(asked.names) - set(SHEETS)
    if unknown:
        parser.error(f"no picture '{unknown.pop()}'; there are {', '.join(SHEETS)}")
    names = asked.names or list(SHEETS)
    prepare()
    for name in needed(names):
        paint(name, asked.threads, asked.keep)
    for name in names:
        data = jpeg(SHEETS[name])
        picture.atomic_write(PICTURES / f"{name}.jpg", data)
        print(f"docs/pictures/{name}.jpg  {len(data) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
