"""Where the studio keeps its files: pictures and maps by the sum of what is in them, jobs in folders of their own.

    pictures/SUM   as it was sent          shown/SUM.webp, small/SUM.webp   what the page shows of it
    maps/SUM.png   a map, 8 bits           jobs/ID/                         a job: its files, recipe.json, painted.png

A file is whole or not there, and is never changed. Neither torch nor a decoder is loaded for this.
"""

import hashlib
import io
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, PngImagePlugin

from intarsia.errors import OutputError

PARTS = ("pictures", "shown", "small", "maps", "jobs", "new")
MAP_TEXT = ("intarsia map", "levels are shares")  # as `picture.write_map` marks a map
STEPS = "intarsia steps"


@dataclass(frozen=True)
class Folder:
    root: Path

    def made(self) -> "Folder":
        """Raises OutputError where it cannot be written to."""
        try:
            for part in PARTS:
                (self.root / part).mkdir(parents=True, exist_ok=True)
            for left in (self.root / "new").iterdir():  # of a server that was killed
                left.unlink()
            (self.root / "new" / "tried").write_bytes(b"")
            (self.root / "new" / "tried").unlink()
        except OSError as error:
            raise OutputError(
                f"{self.root}: the studio cannot keep its files here ({error.strerror}). Choose another `folder`."
            ) from error
        return self

    def picture(self, key: str) -> Path:
        return self.root / "pictures" / key

    def shown(self, key: str) -> Path:
        return self.root / "shown" / f"{key}.webp"

    def small(self, key: str) -> Path:
        return self.root / "small" / f"{key}.webp"

    def map(self, key: str) -> Path:
        return self.root / "maps" / f"{key}.png"

    def job(self, name: str) -> Path:
        return self.root / "jobs" / name

    def new(self) -> Path:
        """A name for a file on its way."""
        return self.root / "new" / secrets.token_hex(8)

    def store_map(self, width: int, height: int, levels: bytes, steps: str = "") -> str:
        """One byte per pixel, row by row; steps: how it was made, in words. Gives its key."""
        file, text = io.BytesIO(), PngImagePlugin.PngInfo()
        text.add_text(*MAP_TEXT)
        if steps:
            text.add_text(STEPS, steps, zip=True)
        Image.frombytes("L", (width, height), levels).save(file, "PNG", pnginfo=text, compress_level=2)
        key = hashlib.sha256(file.getvalue()).hexdigest()
        if not self.map(key).exists():
            self.store(self.map(key), lambda path: path.write_bytes(file.getvalue()))
        else:
            os.utime(self.map(key))
        return key

    def store(self, target: Path, write: Callable[[Path], object]) -> None:
        """Written beside, then put in place: whole, or not there."""
        path = self.new()
        try:
            write(path)
            os.replace(path, target)
        finally:
            path.unlink(missing_ok=True)

    # ---- room --------------------------------------------------------------------------------------------------------

    def size(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self._files())

    def forget(self, pictures: Iterable[str], maps: Iterable[str], jobs: Iterable[str], age: float) -> None:
        """Deletes what is not among these and has not been touched for so many seconds."""
        kept, before = {*pictures, *maps}, time.time() - age
        for path in [one for one in self._files() if "jobs" not in one.relative_to(self.root).parts]:
            if path.stem not in kept and path.stat().st_mtime < before:
                path.unlink(missing_ok=True)
        known = set(jobs)
        for home in (self.root / "jobs").iterdir():
            if home.name not in known and home.stat().st_mtime < before:
                shutil.rmtree(home, ignore_errors=True)

    def _files(self) -> Iterator[Path]:
        return (path for part in PARTS for path in (self.root / part).rglob("*") if path.is_file())


def steps_of(path: Path) -> str:
    """How a stored map was made, in words that name other stored maps by their keys; empty where nobody has told."""
    with Image.open(path) as image:
        return image.info.get(STEPS, "")
