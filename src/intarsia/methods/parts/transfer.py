"""Feature transforms by regions, level by level, from coarse to fine, at any size: what `wct` and `adain` share.

    for each size, and each level l of it
      maps   = transform(moments of E_l(image), moments of the styles)     one per region, over all tiles
      image  = D_l(sum over regions  share_r maps_r(E_l(image)))           tile by tile

What a guide does not reach is the content, to the bit, at every level.
"""

import dataclasses
import functools
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from intarsia.decoders import Decoder
from intarsia.encoders import Encoder
from intarsia.engine import Frame, State
from intarsia.errors import notice
from intarsia.guide import Guide
from intarsia.large import Box, boxes, disk, in_parts, let_go
from intarsia.large.forecast import Demand, held, tiling
from intarsia.maps import refine
from intarsia.moments import Moments
from intarsia.scene import Scene, View
from intarsia.sizes import coarse_to_fine, enlarged, extent, grid_of, pool_to_grid, resize, size_of
from intarsia.styles import moments_in, style_moments
from intarsia.transforms import Affine
from intarsia.types import Image, Size

FEWEST = 4.0  # positions at a level below which a region has no statistics, and is left as it is there
LARGEST_STYLE = 2048  # a style is not enlarged beyond this long side for a larger picture: it has nothing finer to show
FACTOR = 4.0  # of one size to the next
FINE = 3  # the deepest level at sizes beyond the first
LOOKING = 0.25  # part of a level's time that goes into its statistics; the rest into the transform and the decoder
PIECE = 512  # side of the tiles in which pixels alone are worked on

Transform = Callable[[Moments, Moments, Encoder, str], Affine]  # content, style; of plain features at a tap
Sides = dict[tuple[Size, int], int]  # of the tiles at each size, at each level


class Coder(NamedTuple):
    encoder: Encoder
    decoders: Mapping[int, Decoder]  # by level


def transfer(
    transform: Transform,
    plan: Sequence["Step"],
    scene: Scene,
    coder: Coder,
    state: State | None = None,
    *,
    tile: int = 0,
    finish: str = "none",
) -> Iterator[Frame]:
    """The painting, step by step of the plan; tile and finish as in `WCT`."""
    image, first, sides = scene.start, 0, None
    if state is not None:
        image, first, sides = state["image"].to(coder.encoder.device), int(state["step"]), _from_rows(state["sides"])
    sides = sides_of_tiles(coder, scene, plan, sides or tile, finish)
    work, frame = None, None
    for done, step in list(enumerate(plan))[first:]:
        if work is None or step.size != work.view.size:
            work = Work.build(transform, coder, scene, step.size, sides, finish)
            image = work.begun(image, plan, done)
        assert image is not None
        before = image
        for part, image in work.through(before, step.level, step.alpha, last=done + 1 == len(plan)):
            if frame is None or part == 1:
                frame = work.frame(image, plan, done + (part == 1))
            yield frame if part == 1 else dataclasses.replace(frame, done=_done(plan, done, part))
    if work is None:  # the state of a finished run: nothing is left to do
        assert image is not None
        yield Work.build(transform, coder, scene, plan[-1].size, sides, finish).frame(image, plan, len(plan))


class Step(NamedTuple):
    """size: at which it is done."""

    size: Size
    level: int
    alpha: float


def plan_of(size: Size, steps: Sequence[tuple[int, float]], coarsest: int = 0) -> list[Step]:
    """All levels at the coarsest size, and the finer ones again at each larger size. steps: of each the level and its
    alpha; coarsest: the long side of the first size, about; 0 for the full size alone."""
    ratio = extent(size) / coarsest if coarsest else 1.0
    enlargements = round(math.log(ratio, FACTOR)) if ratio > 1 else 0
    sizes = coarse_to_fine(size, coarsest, ratio ** (1 / enlargements)) if enlargements else [size]
    fine = [one for one in steps if one[0] <= FINE] or steps
    return [Step(one, *step) for one in sizes for step in (steps if one == sizes[0] else fine)]


def _done(plan: Sequence[Step], steps: int, part: float = 0.0) -> float:
    """Part of the work, which grows with the area, after so many steps and a part of the next."""
    areas = [math.prod(step.size) for step in plan]
    return (sum(areas[:steps]) + (part * areas[steps] if part else 0)) / sum(areas)


@dataclasses.dataclass(frozen=True, eq=False)
class Work:
    """All that the levels share at one size. styles: moments of plain features, per tap, a region each; sides: of the
    tiles of each level, at all sizes."""

    transform: Transform
    coder: Coder
    scene: Scene
    view: View
    styles: dict[str, Moments]
    sides: Sides
    finish: str

    @classmethod
    def build(cls, transform: Transform, coder: Coder, scene: Scene, size: Size, sides: Sides, finish: str) -> "Work":
        levels = sorted(level for at, level in sides if at == size)
        taps, least = [coder.decoders[level].tap for level in levels], min(sides[size, level] for level in levels)
        view = scene.at(size)
        styles = style_moments(coder.encoder, scene.guide, max(size), taps, side=least, most=LARGEST_STYLE)
        if size == scene.size:
            _notice_poor_styles(scene.guide, styles, taps)
        return cls(transform, coder, scene, view, styles, sides, finish)

    def begun(self, image: Image | None, plan: Sequence[Step], steps: int) -> Image:
        """What this size begins with after so many steps: the content, the start, or what is painted already, at this
        size or a smaller one. That is enlarged, and the details that the content has beyond it are added as far as it
        is not painted over: with all of them, the grain of a photograph shows through the strokes."""
        size, content, shares = self.view.size, self.view.content, self.view.shares
        if image is None:
            return content
        if steps == 0 or size_of(image) == size:
            return resize(image, size)
        before = resize(self.scene.content, size_of(image))
        change = image.float() - before
        alpha = statistics.mean(step.alpha for step in plan if step.size == plan[0].size)
        opacity = shares.new_tensor([min(1.0, alpha * region.strength) for region in self.scene.guide.regions])

        def piece(box: Box) -> Tensor:
            covered = torch.einsum("r,rhw->hw", opacity, box.of(shares))
            details = box.of(content) - enlarged(before, size, box.rows)
            return (box.of(content) + enlarged(change, size, box.rows) - covered * details).clamp_(0, 1)

        return in_parts(piece, content.shape, content, shares, device=content.device)

    def through(self, image: Image, level: int, alpha: float, last: bool = True) -> Iterator[tuple[float, Image]]:
        """The part of the level that is done, tile by tile, beside the image before it; at 1, the image after it.
        Between levels, a picture in tiles is kept in half precision."""
        view, decoder = self.view, self.coder.decoders[level]
        stride = self.coder.encoder.strides[decoder.tap]
        parts = boxes(view.size, self.sides[view.size, level], stride)
        features = self.features(image, parts[0], decoder.tap) if len(parts) == 1 else None
        sums = []
        for i, box in enumerate(parts):
            here = self.features(image, box, decoder.tap) if features is None else features
            sums.append(moments_in(here, view.shares, box, stride))
            let_go(view.shares)
            if len(parts) > 1:
                yield LOOKING * (i + 1) / len(parts), image
        maps = self._maps(functools.reduce(Moments.__add__, sums), decoder.tap, alpha)
        if maps is None:
            yield 1, image
            return
        dtype = torch.float32 if last or len(parts) == 1 else _half(self.coder.encoder)
        out = disk.empty(image.shape, dtype, image.device)
        for i, box in enumerate(parts):
            outer = box.grown(decoder.reach * stride, view.size)
            here = self.features(image, outer, decoder.tap) if features is None else features
            here = maps(here, self._mixture(outer, size_of(here), stride))
            piece = box.within(outer).of(decoder(here, outer.size))
            box.of(out).copy_(view.kept(piece, box))
            let_go(image, out, view.content, view.shares, view.cover)
            if i + 1 < len(parts):
                yield LOOKING + (1 - LOOKING) * (i + 1) / len(parts), image
        yield 1, out

    def features(self, image: Image, box: Box, tap: str) -> Float[Tensor, "c h w"]:
        found = self.coder.encoder.within(image, box, [tap])[tap]
        let_go(image)
        return found

    def _maps(self, now: Moments, tap: str, alpha: float) -> Affine | None:
        """Of every region the map from the image's features to its style's; None where no region has enough positions
        at this tap to have statistics. now: moments of the image's features under the shares."""
        stride = self.coder.encoder.strides[tap]
        enough = now.mass >= min(FEWEST, math.prod(grid_of(self.view.size, stride, stride)) / 2)
        if not bool(enough.any()):
            return None
        now = Moments(now.mass * enough, now.first, now.second)  # a region without mass stays as it is
        strengths = torch.tensor([min(1.0, alpha * region.strength) for region in self.scene.guide.regions])
        return self.transform(now, self.styles[tap], self.coder.encoder, tap).weakened(strengths)

    def _mixture(self, box: Box, grid: Size, stride: int) -> Float[Tensor, "r h w"]:
        """Whose map each position takes: shares of what is painted there, so that a region is painted up to its edge;
        where it fades out, the picture is blended with the content in the end."""
        pooled = pool_to_grid(box.of(self.view.shares), grid, stride)
        return pooled / pooled.sum(0).clamp_min(1e-12)

    def frame(self, image: Image, plan: Sequence[Step], steps: int) -> Frame:
        """The picture as it would be kept after so many steps, and the state to go on from."""

        def state() -> State:  # the image is not written to again; with other tiles the last digits would differ
            return {"image": image, "step": torch.tensor(steps), "sides": _as_rows(self.sides)}

        shown = self.view.composed(image)
        if steps == len(plan) and self.finish == "guided-filter":
            shown = self.view.composed(filtered(shown, self.view.content))
        return Frame(self.scene.shown(shown), steps, len(plan), {}, _done(plan, steps), state)


def _notice_poor_styles(guide: Guide, styles: Mapping[str, Moments], taps: Sequence[str]) -> None:
    first, deepest = styles[taps[0]], styles[taps[-1]]
    flat = _spread(first.covariance()) <= 1e-6 * _spread(first.gram())
    for r, region in enumerate(guide.regions):
        if bool(flat[r]):
            notice(f"region '{region.name}': its style is flat, so it gives one color and no texture.")
        elif float(deepest.mass[r]) < FEWEST:
            notice(
                f"region '{region.name}': at level {taps[-1][4]} its style has {float(deepest.mass[r]):.1f} positions, "
                "so it gives hardly more than a color there. Give a larger part of it, a larger `style_scale`, or "
                "fewer `levels`."
            )


def _spread(matrices: Float[Tensor, "r c c"]) -> Float[Tensor, " r"]:
    return matrices.diagonal(dim1=1, dim2=2).sum(1)


def filtered(image: Image, content: Image) -> Image:
    """The image with the edges of the content: guided filter of each channel (He, Sun, Tang 2010), tile by tile."""
    size, radius = size_of(image), max(1, round(max(size_of(image)) / 100))

    def piece(box: Box) -> Tensor:
        outer = box.grown(2 * radius, size)
        pieces = [refine(channel.float(), outer.of(content), radius, 1e-4) for channel in outer.of(image)]
        return box.within(outer).of(torch.stack(pieces))

    return in_parts(piece, content.shape, image, content, parts=boxes(size, PIECE), device=content.device)


# ---- memory ----------------------------------------------------------------------------------------------------------


def sides_of_tiles(coder: Coder, scene: Scene, plan: Sequence[Step], asked: int | Sides, finish: str) -> Sides:
    """What is asked for, or what fits; see `tiling`."""
    encoder, demands = coder.encoder, {}
    for size, level in dict.fromkeys((step.size, step.level) for step in plan):
        decoder = coder.decoders[level]
        stride = encoder.strides[decoder.tap]
        halo = encoder.reach([decoder.tap]) + decoder.reach * stride
        demands[size, level] = Demand(size, _bytes_per_pixel(encoder, decoder.tap), halo, stride)
    return tiling(demands, asked, held(scene.size, _pictures(encoder, scene, finish), encoder.device), encoder.device)


def _as_rows(sides: Sides) -> Tensor:
    return torch.tensor([[*size, level, side] for (size, level), side in sides.items()])


def _from_rows(rows: Tensor) -> Sides:
    return {((h, w), level): side for h, w, level, side in rows.tolist()}


def _pictures(encoder: Encoder, scene: Scene, finish: str) -> list[tuple[int, torch.dtype]]:
    """Channels and precision of all that is of the whole picture's size: itself before and after a level, the
    content's, those in other colors, with the content where the guide ends, and filtered; and the shares."""
    partial = not scene.guide.is_even
    more = 2 * bool(scene.colors.maps) + partial + 2 * (finish != "none")
    shares = [(len(scene.guide.regions) + 1, torch.float32)] * partial
    return [(3, torch.float32), (3, _half(encoder)), *[(3, torch.float32)] * (1 + more), *shares]


def _half(encoder: Encoder) -> torch.dtype:
    """What a picture is kept in between levels: all that an encoder in bf16 sees of it, to the bit; or nearly all."""
    return encoder.precision if encoder.precision == torch.bfloat16 else torch.float16


def _bytes_per_pixel(encoder: Encoder, tap: str) -> float:
    """Of the picture in work: the layers before and after a convolution, padded, in the network's precision; or the
    rows of the transform, in fp32. Measured with the compact encoder in bf16: 564 at level 1, where this says 564, and
    327 at level 5, where this says 324."""
    precise = encoder.precision.itemsize
    rows = encoder.channels[tap] / encoder.strides[tap] ** 2
    return 36 + max(6 * precise * encoder.channels["relu1_1"], (20 + precise) * rows)
