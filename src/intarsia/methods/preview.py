"""A quick look at what a guide will paint, again and again while it changes.

A feature transform at a few hundred pixels takes a fraction of a second once the styles have been looked at. What does
not change from one guide to the next is kept: moments of the styles per style and scale, features of the content. So a
change of a map costs the mixing and the decoding, and the levels after the first, which look at what was painted.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from intarsia import picture
from intarsia.encoders import Encoder, Familiar
from intarsia.engine import Frame
from intarsia.guide import Guide
from intarsia.methods.adain import AdaIN
from intarsia.methods.wct import WCT
from intarsia.scene import painted
from intarsia.sizes import fit, resize, size_of
from intarsia.types import Image

SIZE = 384


@dataclass(frozen=True, eq=False)
class Preview:
    """What `preview` gives. Call it with a guide, and it gives the picture (RGB, 0..1, at the content's size) that the
    method would paint, to rounding.

    content: at the size that is painted; encoder: familiar with it. Where a region asks for the content's colors, the
    content is recolored by the guide, and looked at anew."""

    content: Image
    method: WCT | AdaIN
    encoder: Encoder

    def __call__(self, guide: Guide) -> Image:
        *_, last = self.frames(guide)
        return last.image.cpu()

    def frames(self, guide: Guide) -> Iterator[Frame]:
        """The picture level by level, the last as it is: for those who may not want it any more meanwhile."""
        return painted(self.method, self.content, guide, encoder=self.encoder)


def preview(
    content: Any, *, size: int = SIZE, method: WCT | AdaIN | None = None, encoder: Encoder | None = None
) -> Preview:
    """A session of quick looks at one content: `look = preview("photo.jpg")`, then `look(guide)` as often as the guide
    changes.

    content: a path, a PIL image, an array (h w 3, uint8 or float 0..1) or a tensor ("3 h w", 0..1); size: long side of
    what is painted, in pixels, never more than the content's; method: `WCT` by default, which stands for the slower
    ones too; encoder: one that is loaded already, whose moments of styles serve several contents. Raises PictureError
    for a content that cannot be read."""
    method = method or WCT()
    image = picture.read(content).image
    encoder = encoder or method.networks.load_encoder()
    small = resize(image, fit(*size_of(image), min(size, max(size_of(image))))).to(encoder.device)
    return Preview(small, method, dataclasses.replace(encoder, familiar=Familiar(small)))
