"""Makes the pictures of these pages from free photographs and our own swatches, with the commands that a user types.

    python docs/gallery.py                  all pictures, into docs/pictures/
    python docs/gallery.py cup-starry       some of them, by name
    python docs/gallery.py --keep           takes the paintings that are in demo/gallery/ already

Needs scikit-image (the extra `demo`), whose wheel holds the photographs: nothing is downloaded. The same machine makes
the same bytes again."""

import argparse
import io
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
from PIL import Image, ImageDraw, ImageFont

from intarsia import picture, swatches

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


def ramp() -> np.ndarray:
    """From 0 at the left to 1 at the right, for the photograph of 451 x 300."""
    return np.tile(np.linspace(0, 1, 451, dtype=np.float32), (300, 1))


def softened(mask: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(mask, (0, 0), 2).clip(0, 1)


MASKS: dict[str, Callable[[], np.ndarray]] = {
    "behind-her": lambda: 1 - woman(),
    "the-cup": cup,
    "table": lambda: 1 - cup(),
    "left": lambda: 1 - ramp(),
    "right": ramp,
}


# ---- paintings: what follows `intarsia stylize`, by the name of the output -------------------------------------------

CUP_REGIONS = "cup.png swatch:starry swatch:scream --content-mask the-cup.png --content-mask table.png"
CAT_RAMP = "cat.png swatch:woodcut swatch:scream --content-mask left.png --content-mask right.png"

PAINTINGS = {
    "astronaut-starry": "astronaut.png swatch:starry",
    "cup-starry": "cup.png swatch:starry",
    "cup-cubist": "cup.png swatch:cubist",
    "cup-scream": "cup.png swatch:scream",
    "astronaut-ink": "astronaut.png swatch:ink --content-weight 0.3",
    "cat-impasto": "cat.png swatch:impasto",
    "cat-woodcut": "cat.png swatch:woodcut",
    "rocket-starry": "rocket.png swatch:starry",
    "cup-regions": CUP_REGIONS,
    "cup-regions-half": f"{CUP_REGIONS} --strength 0.4 --strength 1",
    "astronaut-untouched": "astronaut.png swatch:starry --content-mask behind-her.png",
    "cat-ramp": CAT_RAMP,
    "cat-ramp-no-blends": f"{CAT_RAMP} --no-blends",
    "cup-mixture": "cup.png swatch:starry swatch:scream --weight 1 --weight 1",
    **{f"face-{w}": f"astronaut.png swatch:starry --content-weight {w}" for w in ("1", "4")},
    **{f"scale-{s}": f"cup.png swatch:mosaic --size 384 --style-scale {s}" for s in ("0.5", "1", "2")},
    **{f"strength-{s}": f"cup.png swatch:woodcut --size 384 --strength {s}" for s in ("0.1", "0.25", "0.5", "1")},
    **{f"steps-{n}": f"cup.png swatch:starry --size 384 --steps {n}" for n in ("15", "60", "300", "1000")},
}


# ---- sheets: pictures side by side, with words beneath ---------------------------------------------------------------


@dataclass(frozen=True)
class Tile:
    """shows: a photograph, a mask or a painting by its name, or `swatch:NAME`."""

    shows: str
    words: str = ""


def tiles(*pairs: str) -> list[Tile]:
    """Each told as `name` or `name | words`."""
    return [Tile(*(part.strip() for part in pair.split("|"))) for pair in pairs]


CONTENT_WEIGHTS = (("astronaut-starry", "0.15"), ("face-1", "1"), ("face-4", "4"))

SHEETS: dict[str, list[Tile]] = {
    "astronaut-starry": tiles("astronaut", "swatch:starry", "astronaut-starry"),
    "cup-starry": tiles("cup", "swatch:starry", "cup-starry"),
    "cup-cubist": tiles("cup", "swatch:cubist", "cup-cubist"),
    "astronaut-ink": tiles("astronaut", "swatch:ink", "astronaut-ink"),
    "cat-impasto": tiles("cat", "swatch:impasto", "cat-impasto"),
    "cat-woodcut": tiles("cat", "swatch:woodcut", "cat-woodcut"),
    "rocket-starry": tiles("rocket", "swatch:starry", "rocket-starry"),
    "regions": tiles("cup", "swatch:starry | for the cup", "swatch:scream | for the rest", "cup-regions"),
    "region-masks": tiles("the-cup | the-cup.png", "table | table.png"),
    "region-strength": tiles("cup-regions | strength 1 and 1", "cup-regions-half | cup 0.4, table 1"),
    "untouched": tiles("astronaut", "behind-her | behind-her.png", "astronaut-untouched"),
    "ramp": tiles("cat", "left | left.png", "right | right.png", "cat-ramp"),
    "blends": tiles("cat-ramp-no-blends | --no-blends", "cat-ramp | blends (default)"),
    "mixture": tiles("cup-starry | starry", "cup-mixture | one to one", "cup-scream | scream"),
    "content-weight": tiles(*(f"{name} | --content-weight {w}" for name, w in CONTENT_WEIGHTS)),
    "style-scale": tiles(*(f"scale-{s} | --style-scale {s}" for s in ("0.5", "1", "2"))),
    "strength": tiles(*(f"strength-{s} | --strength {s}" for s in ("0.1", "0.25", "0.5", "1"))),
    "steps": tiles(*(f"steps-{n} | --steps {n}" for n in ("15", "60", "300", "1000"))),
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
    return Image.open(WORK / f"{shows}.png").convert("RGB")


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


def paint(name: str, threads: int, keep: bool) -> None:
    target = f"{name}.png"
    if keep and (WORK / target).exists():
        return
    words = ["intarsia", "stylize", *PAINTINGS[name].split(), "-o", target]
    lines = textwrap.wrap(" ".join(words), 110, subsequent_indent="    ", break_on_hyphens=False)
    print(*lines, sep=" \\\n", flush=True)
    began = time.monotonic()
    command = str(Path(sys.executable).with_name("intarsia"))
    subprocess.run([command, *words[1:], "--threads", str(threads), "--quiet"], cwd=WORK, check=True)
    print(f"    {time.monotonic() - began:.0f} s", flush=True)


def needed(names: list[str]) -> Iterator[str]:
    shown = {tile.shows for name in names for tile in SHEETS[name]}
    return (name for name in PAINTINGS if name in shown)


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
