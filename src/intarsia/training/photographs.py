"""Photographs for training from any folder, of any sizes, read as they are needed and one batch ahead."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from intarsia import swatches
from intarsia.errors import PictureError, UsageError, notice
from intarsia.training.pictures import Crops, as_images

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".avif", ".ppm")
DEMO = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png", "hubble_deep_field.jpg")
SEEN = (".samples.png", ".losses.png")  # ends of the names of what a training shows, which is no photograph
SHOWN = 5  # broken files that a notice names
PERMUTED = 0.2  # part of the crops whose channels change places: photographs have few places of a strong color
TRIES = 100  # files in a row that cannot be read, after which there is something wrong with all of them
Picture = Path | Image.Image


@dataclass(eq=False)
class Photographs:
    """The pictures of a folder. rank, ranks: which of so many processes that train together this is; each draws its
    share of every batch."""

    pictures: Sequence[Picture]
    rank: int = 0
    ranks: int = 1
    _broken: set[str] = field(default_factory=set)
    _ahead: dict[tuple[Crops, tuple[int, ...]], Future[Tensor]] = field(default_factory=dict)
    _reader: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))

    @classmethod
    def read(cls, folder: Path, crop: int, rank: int = 0, ranks: int = 1) -> "Photographs":
        """Those in `folder` and the folders in it. crop: the side of the crops; smaller pictures are enlarged, and a
        notice counts them, as it names what is no picture. Raises UsageError where there is none."""
        if not folder.is_dir():
            raise UsageError(f"`pictures`: there is no folder {folder}. Name one with photographs, or demo.")
        files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
        files = [path for path in files if not path.name.endswith(SEEN)]
        sides = {path: side for path in files if (side := _short_side(path)) is not None}
        if not sides:
            raise UsageError(
                f"`pictures`: there is no picture in {folder} that can be read ({len(files)} files were looked at). "
                "Name a folder with photographs, some hundreds or more, or demo."
            )
        if rank == 0:
            _tell_broken([path.name for path in files if path not in sides])
            small = sum(side < crop for side in sides.values())
            if small:
                notice(f"{small} of {len(sides)} pictures are smaller than a crop ({crop} pixels) and are enlarged.")
        return cls(list(sides), rank, ranks)

    @classmethod
    def demo(cls, rank: int = 0, ranks: int = 1) -> "Photographs":
        """Without a folder: the photographs that come with scikit-image, and all swatches. Raises UsageError without
        scikit-image."""
        try:
            import skimage
        except ImportError:
            told = "`pictures` demo needs scikit-image: pip install 'intarsia[demo]'. Or name a folder."
            raise UsageError(told) from None
        folder = Path(skimage.__file__).parent / "data"
        photographs = [_opened(folder / name) for name in DEMO if (folder / name).is_file()]
        painted = [_as_pil(swatches.paint(name, (256, 256))) for name in swatches.SWATCHES]
        return cls([*photographs * 3, *painted], rank, ranks)

    def batch(self, crops: Crops, seed: tuple[int, ...]) -> Float[Tensor, "b 3 s s"]:
        """Crops, 0 to 1: squares of half to all of a picture's short side, half of them flipped, some in other colors.
        The next batch is read in the background meanwhile."""
        now = self._ahead.pop((crops, seed), None) or self._reader.submit(self.drawn, crops, seed)
        after = (*seed[:-1], seed[-1] + 1)
        self._ahead = {(crops, after): self._reader.submit(self.drawn, crops, after)}
        return now.result()

    def digest(self) -> str:
        """Of the names and sizes of the files: to read them all would take too long."""
        told = [f"{one.name} {one.stat().st_size}" if isinstance(one, Path) else str(one.size) for one in self.pictures]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()

    def drawn(self, crops: Crops, seed: tuple[int, ...]) -> Float[Tensor, "b 3 s s"]:
        """This process' share of a batch."""
        places = range(crops.batch)[self.rank :: self.ranks]
        return as_images(np.stack([self._crop(crops.crop, np.random.default_rng((*seed, i))) for i in places]))

    def _crop(self, side: int, rng: np.random.Generator) -> Float[np.ndarray, "s s 3"]:
        picture = None
        for _ in range(TRIES):
            picture = self.pictures[int(rng.integers(len(self.pictures)))]
            try:
                return _cut(_opened(picture, side) if isinstance(picture, Path) else picture, side, rng)
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
                self._broken.add(str(picture))  # a header that was good, with a broken picture behind it
        raise PictureError(f"{TRIES} pictures in a row cannot be read, {picture} the last. Look at the folder.")

    def tell_broken(self) -> None:
        """A notice of the files that turned out to be broken since the last."""
        _tell_broken(sorted(self._broken))
        self._broken.clear()


def _cut(picture: Image.Image, side: int, rng: np.random.Generator) -> Float[np.ndarray, "s s 3"]:
    taken = max(1, round(min(picture.size) * 2.0 ** -rng.random()))
    left, top = (int(rng.integers(length - taken + 1)) for length in picture.size)
    box = (left, top, left + taken, top + taken)
    crop = np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC, box), np.float32)
    crop = crop[..., rng.permutation(3)] if rng.random() < PERMUTED else crop
    return crop[:, ::-1] if rng.random() < 0.5 else crop


def _opened(path: Path, side: int = 1 << 16) -> Image.Image:
    """side: about as fine as is needed, which a JPEG is read quicker for."""
    with Image.open(path) as image:
        image.draft("RGB", (2 * side, 2 * side))
        return image.convert("RGB")


def _short_side(path: Path) -> int | None:
    """From the header alone; None for what is no picture."""
    try:
        with Image.open(path) as image:
            return min(image.size)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _tell_broken(names: Sequence[str]) -> None:
    if names:
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        notice(f"{len(names)} files are left out, since they cannot be read: {', '.join(names[:SHOWN])}{more}.")


def _as_pil(image: Float[Tensor, "3 h w"]) -> Image.Image:
    return Image.fromarray((image * 255).round().to(torch.uint8).permute(1, 2, 0).numpy())
