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
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from intarsia import scratch, tiles
from intarsia.decoders import Decoder, load_decoder
from intarsia.encoders import Encoder
from intarsia.engine import Frame, State, by_region, styles_once
from intarsia.errors import notice
from intarsia.guide import Guide, Region
from intarsia.maps.edits import refine
from intarsia.memory import check_memory, free_memory
from intarsia.moments import Moments
from intarsia.recolor import Recolored
from intarsia.sizes import coarse_to_fine, enlarged, grid_of, pool_to_grid, resize, size_of
from intarsia.tiles import Box, Size
from intarsia.transforms import Affine
from intarsia.types import Image

FEWEST = 4.0  # positions at a level below which a region has no statistics, and is left as it is there
LARGEST_STYLE = 2048  # a style is not enlarged beyond this long side for a larger picture: it has nothing finer to show
BUDGET = 2**30  # bytes that one tile may take, where so much is free
FACTOR = 4.0  # of one size to the next
FINE = 3  # the deepest level at sizes beyond the first
LOOKING = 0.25  # part of a level's time that goes into its statistics; the rest into the transform and the decoder
PIECE = 512  # side of the tiles in which pixels alone are worked on

Transform = Callable[[Moments, Moments, Float[Tensor, "c c"] | None], Affine]  # content, style, basis of the tap


def load_decoders(encoder: Encoder, levels: Sequence[int], weights: Path | None = None) -> dict[int, Decoder]:
    return {level: load_decoder(encoder, level, weights) for level in levels}


def transfer(
    transform: Transform,
    steps: Sequence[tuple[int, float]],
    content: Image,
    guide: Guide,
    encoder: Encoder,
    decoders: Mapping[int, Decoder],
    *,
    start: Image | None = None,
    state: State | None = None,
    coarsest: int = 0,
    tile: int = 0,
    finish: str = "none",
) -> Iterator[Frame]:
    """The painting, size by size and level by level. steps: of each the level and its alpha; the others as in `WCT`."""
    content, guide = content.to(encoder.device), guide.merged()
    plan = plan_of(size_of(content), steps, coarsest)
    if all(region.strength == 0 for region in guide.regions):
        yield Frame(content, len(plan), len(plan), {}, 1.0, dict)
        return
    colors = Recolored.of(content, guide)
    image, first, sides = None if start is None else colors.there(start.to(encoder.device)), 0, None
    if state is not None:
        image, first, sides = state["image"].to(encoder.device), int(state["step"]), _from_rows(state["sides"])
    sides = sides_of_tiles(encoder, decoders, colors, plan, sides or tile, finish)
    work, frame = None, None
    for done, step in list(enumerate(plan))[first:]:
        if work is None or step.size != work.size:
            work = Work.build(transform, encoder, decoders, colors, step.size, sides, finish)
            image = work.begun(image, plan, done)
        assert image is not None
        before = image
        for part, image in work.through(before, step.level, step.alpha, last=done + 1 == len(plan)):
            if frame is None or part == 1:
                frame = work.frame(image, plan, done + (part == 1))
            yield frame if part == 1 else dataclasses.replace(frame, done=_done(plan, done, part))
    if work is None:  # the state of a finished run: nothing is left to do
        assert image is not None
        work = Work.build(transform, encoder, decoders, colors, plan[-1].size, sides, finish)
        yield work.frame(image, plan, len(plan))


class Step(NamedTuple):
    """size: at which it is done."""

    size: Size
    level: int
    alpha: float


def plan_of(size: Size, steps: Sequence[tuple[int, float]], coarsest: int) -> list[Step]:
    """All levels at the coarsest size, and the finer ones again at each larger size. coarsest: its long side, about; 0
    for the full size alone."""
    ratio = max(size) / coarsest if coarsest else 1.0
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
    """All that the levels share at one size. content: at that size, in the colors that are painted with; shares: of
    every region; cover: their sum, 0 = untouched; styles: moments of plain features, per tap, a region each; sides: of
    the tiles of each level, at all sizes."""

    transform: Transform
    encoder: Encoder
    decoders: Mapping[int, Decoder]
    colors: Recolored
    content: Image
    finish: str
    shares: Float[Tensor, "r h w"]
    cover: Float[Tensor, "h w"]
    styles: dict[str, Moments]
    sides: "Sides"

    @classmethod
    def build(
        cls,
        transform: Transform,
        encoder: Encoder,
        decoders: Mapping[int, Decoder],
        colors: Recolored,
        size: Size,
        sides: "Sides",
        finish: str,
    ) -> "Work":
        content, levels = resize(colors.content, size), sorted(level for at, level in sides if at == size)
        taps, least = [decoders[level].tap for level in levels], min(sides[size, level] for level in levels)
        shares, cover = (maps.to(encoder.device) for maps in _shares(colors.guide, size))
        styles = style_moments(encoder, colors.guide, max(size), taps, least)
        if size == size_of(colors.content):
            _tell_of_poor_styles(colors.guide, styles, taps)
        return cls(transform, encoder, decoders, colors, content, finish, shares, cover, styles, sides)

    @functools.cached_property
    def size(self) -> Size:
        return size_of(self.content)

    @functools.cached_property
    def everywhere(self) -> bool:
        return all(bool((box.of(self.cover) > 1 - 1e-5).all()) for box in tiles.boxes(self.size, PIECE))

    def begun(self, image: Image | None, plan: Sequence[Step], steps: int) -> Image:
        """What this size begins with after so many steps: the content, the start, or what is painted already, at this
        size or a smaller one. That is enlarged, and the details that the content has beyond it are added as far as it
        is not painted over: with all of them, the grain of a photograph shows through the strokes."""
        if image is None:
            return self.content
        if steps == 0 or size_of(image) == self.size:
            return resize(image, self.size)
        before = resize(self.colors.content, size_of(image))
        change = image.float() - before
        alpha = statistics.mean(step.alpha for step in plan if step.size == plan[0].size)
        opacity = [min(1.0, alpha * region.strength) for region in self.colors.guide.regions]
        out = scratch.empty(self.content.shape, device=self.content.device)
        for rows in scratch.bands(self.size):
            content, shares = self.content[:, rows], self.shares[:, rows]
            covered = torch.einsum("r,rhw->hw", shares.new_tensor(opacity), shares)
            details = content - enlarged(before, self.size, rows)
            out[:, rows] = (content + enlarged(change, self.size, rows) - covered * details).clamp_(0, 1)
            scratch.let_go(out, self.content, self.shares)
        return out

    def through(self, image: Image, level: int, alpha: float, last: bool = True) -> Iterator[tuple[float, Image]]:
        """The part of the level that is done, tile by tile, beside the image before it; at 1, the image after it.
        Between levels, a picture in tiles is kept in half precision."""
        decoder = self.decoders[level]
        stride = self.encoder.strides[decoder.tap]
        boxes = tiles.boxes(self.size, self.sides[self.size, level], stride)
        features = self.features(image, boxes[0], decoder.tap) if len(boxes) == 1 else None
        sums = []
        for i, box in enumerate(boxes):
            here = self.features(image, box, decoder.tap) if features is None else features
            sums.append(tiles.moments_in(here, self.shares, box, stride))
            scratch.let_go(self.shares)
            if len(boxes) > 1:
                yield LOOKING * (i + 1) / len(boxes), image
        maps = self._maps(functools.reduce(Moments.__add__, sums), decoder.tap, alpha)
        if maps is None:
            yield 1, image
            return
        dtype = torch.float32 if last or len(boxes) == 1 else _half(self.encoder)
        out = scratch.empty(image.shape, dtype, image.device)
        for i, box in enumerate(boxes):
            outer = box.grown(decoder.reach * stride, self.size)
            here = self.features(image, outer, decoder.tap) if features is None else features
            here = maps(here, self._mixture(outer, size_of(here), stride))
            piece = box.within(outer).of(decoder(here, (outer.bottom - outer.top, outer.right - outer.left)))
            box.of(out).copy_(self._untouched(piece, box))
            scratch.let_go(image, out, self.content, self.shares, self.cover)
            if i + 1 < len(boxes):
                yield LOOKING + (1 - LOOKING) * (i + 1) / len(boxes), image
        yield 1, out

    def features(self, image: Image, box: Box, tap: str) -> Float[Tensor, "c h w"]:
        found = tiles.features_in(self.encoder, image, box, [tap])[tap]
        scratch.let_go(image)
        return found

    def _maps(self, now: Moments, tap: str, alpha: float) -> Affine | None:
        """Of every region the map from the image's features to its style's; None where no region has enough positions
        at this tap to have statistics. now: moments of the image's features under the shares."""
        stride = self.encoder.strides[tap]
        enough = now.mass >= min(FEWEST, math.prod(grid_of(self.size, stride, stride)) / 2)
        if not bool(enough.any()):
            return None
        now = Moments(now.mass * enough, now.first, now.second)  # a region without mass stays as it is
        strengths = torch.tensor([min(1.0, alpha * region.strength) for region in self.colors.guide.regions])
        return self.transform(now, self.styles[tap], self.encoder.basis(tap)).weakened(strengths)

    def _mixture(self, box: Box, grid: Size, stride: int) -> Float[Tensor, "r h w"]:
        """Whose map each position takes: shares of what is painted there, so that a region is painted up to its edge;
        where it fades out, the picture is blended with the content in the end."""
        pooled = pool_to_grid(box.of(self.shares), grid, stride)
        return pooled / pooled.sum(0).clamp_min(1e-12)

    def _untouched(self, piece: Image, box: Box) -> Image:
        if self.everywhere:
            return piece
        return torch.where(box.of(self.cover) > 0, piece, box.of(self.content).to(piece))

    def frame(self, image: Image, plan: Sequence[Step], steps: int) -> Frame:
        """The picture as it would be kept after so many steps, and the state to go on from."""

        def state() -> State:  # the image is not written to again; with other tiles the last digits would differ
            return {"image": image, "step": torch.tensor(steps), "sides": _as_rows(self.sides)}

        shown = self.composed(image)
        if steps == len(plan) and self.finish == "guided-filter":
            shown = self.composed(filtered(shown, self.content))
        return Frame(self.colors.back(shown), steps, len(plan), {}, _done(plan, steps), state)

    def composed(self, image: Image) -> Image:
        """What is shown: the image where the guide reaches; the content, to the bit, where it does not."""
        if self.everywhere:
            return image
        out = scratch.empty(self.content.shape, device=self.content.device)
        for box in tiles.boxes(self.size, PIECE):
            cover, content = box.of(self.cover), box.of(self.content)
            blend = torch.lerp(content, box.of(image).to(content), cover.clamp(0, 1))
            box.of(out).copy_(torch.where(cover > 0, blend, content))
            scratch.let_go(image, self.content, self.cover, out)
        return out


def style_moments(encoder: Encoder, guide: Guide, long_side: int, taps: Sequence[str], side: int) -> dict[str, Moments]:
    """Per tap the moments of plain features of every region's style under its style map, r at once, in fp64. A style
    that several regions use at one scale is encoded once."""
    found = {
        members: tiles.moments_of(encoder, style.to(encoder.device), taps, maps.to(encoder.device), side)
        for members, style, maps in styles_once(guide, lambda region: shown_at(region, long_side))
    }
    return by_region(found, taps)


def shown_at(region: Region, long_side: int) -> int:
    """Long side at which a style is looked at: that of the picture times the style's scale, but a large picture does
    not enlarge it beyond `LARGEST_STYLE`."""
    return round(min(long_side, max(LARGEST_STYLE, *size_of(region.style))) * region.style_scale)


def _tell_of_poor_styles(guide: Guide, styles: Mapping[str, Moments], taps: Sequence[str]) -> None:
    first, deepest = styles[taps[0]], styles[taps[-1]]
    flat = _spread(first.covariance()) <= 1e-6 * _spread(first.gram())
    for r, region in enumerate(guide.regions):
        if bool(flat[r]):
            text = "its style is flat, so it gives one color and no texture."
        elif float(deepest.mass[r]) < FEWEST:
            text = (
                f"at level {taps[-1][4]} its style has {float(deepest.mass[r]):.1f} positions, so it gives hardly more "
                "than a color there. Give a larger part of it, a larger `style_scale`, or fewer `levels`."
            )
        else:
            continue
        notice(f"region '{region.name}': {text}")


def _spread(matrices: Float[Tensor, "r c c"]) -> Float[Tensor, " r"]:
    return matrices.diagonal(dim1=1, dim2=2).sum(1)


def _shares(guide: Guide, size: Size) -> tuple[Float[Tensor, "r h w"], Float[Tensor, "h w"]]:
    """Every region's part of every pixel, and their sum; where they are the same everywhere they take no memory."""
    if _alike(guide):
        shares = guide.shares((1, 1))
        return shares.expand(-1, *size), shares.sum(0).expand(size)
    shares, cover = guide.shares(size), scratch.empty(size)
    for rows in scratch.bands(size):
        cover[rows] = shares[:, rows].sum(0)
        scratch.let_go(shares, cover)
    return shares, cover


def _alike(guide: Guide) -> bool:
    return all(region.content_map is None or region.content_map.numel() == 1 for region in guide.regions)


def filtered(image: Image, content: Image) -> Image:
    """The image with the edges of the content: guided filter of each channel (He, Sun, Tang 2010), tile by tile."""
    size, radius = size_of(image), max(1, round(max(size_of(image)) / 100))
    out = scratch.empty(content.shape, device=content.device)
    for box in tiles.boxes(size, PIECE):
        outer = box.grown(2 * radius, size)
        pieces = [refine(channel.float(), outer.of(content), radius, 1e-4) for channel in outer.of(image)]
        box.of(out).copy_(box.within(outer).of(torch.stack(pieces)))
        scratch.let_go(image, content, out)
    return out


# ---- memory ----------------------------------------------------------------------------------------------------------


Sides = dict[tuple[Size, int], int]  # of the tiles at each size, at each level


def sides_of_tiles(
    encoder: Encoder,
    decoders: Mapping[int, Decoder],
    colors: Recolored,
    plan: Sequence[Step],
    asked: int | Sides,
    finish: str,
) -> Sides:
    """What is asked for, or what fits. Raises MemoryLimitError where not even tiles fit, and tells of tiles where there
    are any at the full size."""
    full, free = size_of(colors.content), free_memory(encoder.device)
    whole, disk = _pictures(encoder, colors, finish)
    budget = BUDGET if free is None else min(BUDGET, max(0, free - whole) / 2)
    sides, taken = {}, 0.0
    for size, level in dict.fromkeys((step.size, step.level) for step in plan):
        decoder = decoders[level]
        each = _bytes_per_pixel(encoder, decoder.tap)
        halo = tiles.reach(encoder, [decoder.tap]) + decoder.reach * encoder.strides[decoder.tap]
        wanted = asked[size, level] if isinstance(asked, dict) else asked
        sides[size, level] = wanted or tiles.side_that_fits(size, halo, each, budget)
        taken = max(taken, each * math.prod(min(length, sides[size, level] + 2 * halo) for length in size))
    check_memory(whole + taken, full, encoder.device)
    counts = [
        len(tiles.boxes(full, side, encoder.strides[decoders[level].tap]))
        for (size, level), side in sides.items()
        if size == full
    ]
    if max(counts) > 1:
        least, most = min(counts), max(counts)
        told = f"{least} tiles" if least == most else f"{least} to {most} tiles, depending on the level"
        room = f"about {(whole + taken) / 2**30:.1f} GiB of memory"
        room += f" and {disk / 2**30:.1f} GiB of the disk" if disk else ""
        notice(f"{full[1]} x {full[0]} is painted in {told}; it takes {room}.")
    return sides


def _as_rows(sides: Sides) -> Tensor:
    return torch.tensor([[*size, level, side] for (size, level), side in sides.items()])


def _from_rows(rows: Tensor) -> Sides:
    return {((h, w), level): side for h, w, level, side in rows.tolist()}


def _pictures(encoder: Encoder, colors: Recolored, finish: str) -> tuple[float, float]:
    """Bytes of memory and of the disk that go with the whole picture: its own before and after a level, the content's,
    those in other colors, with the content where the guide ends, and filtered; and the shares."""
    partial = not _alike(colors.guide)
    more = 2 * bool(colors.maps) + partial + 2 * (finish != "none")
    kinds = [(3, torch.float32), (3, _half(encoder)), *[(3, torch.float32)] * (1 + more)]
    kinds += [(len(colors.guide.regions) + 1, torch.float32)] * partial
    memory = disk = 0.0
    for channels, kind in kinds:
        each = math.prod(size_of(colors.content)) * channels * kind.itemsize
        there = scratch.on_disk((channels, *size_of(colors.content)), kind, encoder.device, beside=disk)
        memory, disk = memory + each * (not there), disk + each * there
    return memory, disk


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
