"""Pictures as rounded levels, a band at a time, so that a large picture has no second one of its kind in memory."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped
from PIL import Image
from torch import Tensor

from intarsia.large import bands, let_go

Band = Shaped[np.ndarray, "h w c"]  # uint8 or uint16; c is 3, or 4 with alpha


class CannotHold(Exception):
    """The format has no room for this picture."""


@dataclass(frozen=True, eq=False)
class Pixels:
    """A picture, clamped to 0..1 and rounded to levels of so many bits. on_white: laid on it where transparent."""

    image: Float[Tensor, "3 h w"]
    alpha: Float[Tensor, "h w"] | None = None
    depth: int = 8
    on_white: bool = False

    @property
    def size(self) -> tuple[int, int]:
        return self.image.shape[1], self.image.shape[2]

    @property
    def channels(self) -> int:
        return 3 if self.alpha is None or self.on_white else 4

    def rows(self) -> Iterator[slice]:
        """Of each band, from top to bottom."""
        for rows in (box.rows for box in bands(self.size)):
            yield rows
            let_go(self.image)

    def is_finite(self) -> bool:
        return all(bool(self.image[:, rows].isfinite().all()) for rows in self.rows())

    def band(self, rows: slice) -> Band:
        most, kind = (255, np.uint8) if self.depth == 8 else (65535, np.uint16)
        band = _clamped(self.image[:, rows])
        if self.alpha is not None:
            cover = _clamped(self.alpha[None, rows])
            band = band * cover + (1 - cover) if self.on_white else np.concatenate([band, cover])
        return np.ascontiguousarray(np.round(band * np.float32(most)).transpose(1, 2, 0)).astype(kind)

    def whole(self) -> Image.Image:
        """In 8 bits."""
        h, w = self.size
        out = Image.new("RGB" if self.channels == 3 else "RGBA", (w, h))
        for rows in self.rows():
            out.paste(Image.fromarray(self.band(rows)), (0, rows.start))
        return out


def _clamped(part: Float[Tensor, "c h w"]) -> Float[np.ndarray, "c h w"]:
    return part.detach().float().clamp(0, 1).cpu().numpy()
