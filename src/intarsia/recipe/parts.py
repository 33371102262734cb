"""A part of a picture that is painted alone and put back: as data, and done.

Four corners are brought to a rectangle by a homography, painted there, and mapped back. What is drawn by a polygon or
filled from a point is painted on the upright box around it. Either way its edge is blended, and beyond the edge the
picture stays as it is, or takes a style of its own.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from intarsia import maps, picture
from intarsia.composite import BLENDS, Blend, feather, statistics
from intarsia.engine import Frame, State
from intarsia.errors import GuideError
from intarsia.geometry import CORNERS, apply, homography, pixel_centers, sample
from intarsia.large import Box
from intarsia.recipe.pasting import BlendName
from intarsia.recipe.regions import WrittenPoint
from intarsia.sizes import resize, size_of
from intarsia.sources import flood_fill, polygon
from intarsia.sources.written.grammar import Change
from intarsia.types import Homography, Image, Map, Points, Size

FINER = 1.25  # times the pixels along a side, for what two resamplings would lose
LEAST = 8  # pixels that a side of what is painted has at least
SPILLED = 0.9  # part of the picture from which on a flood fill has run over
HELD = 0.75  # less than so much of it has not
CONTEXT = 0.1  # of a drawn area's longer side, that is painted around it and not shown
FLAT = 0.02  # by which opposite sides differ where a picture of a rectangle tells nothing of perspective
SMOOTH = 0.005  # of the picture's longer side: how far the outline of a flood fill is smoothed
REACH = 64  # in pixels, of the blends whose edge has no width, or of a narrow edge
LINE = (1.0, 0.2, 0.1)  # color of an outline
SOFT = {"feather": feather, "statistics": statistics}  # blends whose edge has a width
AROUND, BEFORE = "part.around", "part.before"  # what a state holds once the surroundings are painted

Paint = Callable[[State | None], Iterator[Frame]]


class Part(BaseModel):
    """Which part is painted, told in one of three ways, and how it goes back. Points are X,Y, 0 to 1 from the top left
    corner of the picture."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    corners: list[WrittenPoint] = Field(default=[])
    """Of something flat, a screen or a sheet of paper, in their order around, the first two along its upper edge."""
    polygon: list[WrittenPoint] = Field(default=[])
    """Three points or more around it."""
    flood: WrittenPoint | None = None
    """What hangs together with this point and has its color."""
    tolerance: float = Field(default=10.0, ge=0)
    """How far colors may be from that of the point (CIELAB); 2 is hardly visible, 10 a shade, 100 all."""
    blend: BlendName = "feather"
    """How the edge is blended: over, feather, poisson, pyramid, statistics."""
    feather: float = Field(default=3.0, ge=0, le=1000)
    """Half the width of a feathered edge, in pixels of the result."""
    surround: str | None = None
    """A style for the rest of the picture, painted in the same run."""

    @model_validator(mode="after")
    def _one_area(self) -> "Part":
        if bool(self.corners) + bool(self.polygon) + (self.flood is not None) != 1:
            raise ValueError("say which part is painted in one way: by `corners`, by a `polygon`, or by a `flood`")
        if self.corners and len(self.corners) != 4:
            raise ValueError(f"`corners` are four points, in their order around; {len(self.corners)} came")
        if self.polygon and len(self.polygon) < 3:
            raise ValueError(f"a `polygon` takes three points or more; {len(self.polygon)} came")
        points = [*self.corners, *self.polygon, *([] if self.flood is None else [self.flood])]
        for x, y in points:
            if not (0 <= x <= 1 and 0 <= y <= 1):
                raise ValueError(
                    f"the point {x:g},{y:g} is outside the picture: x and y go from 0 to 1. Divide pixels by the "
                    "picture's width and height"
                )
        return self

    def renamed(self, change: Change) -> "Part":
        return self if self.surround is None else self.model_copy(update={"surround": change(self.surround)})


@dataclass(frozen=True, eq=False)
class Area:
    """A part of a picture at hand. scene: the whole picture; cover: the part on it, before its edge is blended; matrix:
    carries points of the scene to those of the part as it is painted; content: that, its alpha what is to be painted;
    blend, quick: how the edge is blended at last, and before; reach: how far it goes at most, in pixels."""

    scene: Image
    cover: Map
    matrix: Homography
    content: picture.Opened
    blend: Blend
    quick: Blend
    reach: int = REACH

    @classmethod
    def of(cls, part: Part, scene: picture.Opened) -> "Area":
        """Raises GuideError for corners that cross or lie on a line, an area that is next to nothing or the whole
        picture, and a flood fill that spills."""
        cover = _covered(part, scene.image)
        if bool((cover >= 1).all()):
            raise GuideError("the part is the whole picture, and nothing is left around it. Paint it as a whole.")
        matrix, size = _facing(part.corners, size_of(cover)) if part.corners else _boxed(cover, part.feather)
        if min(size) < LEAST:
            raise GuideError(
                f"the part is {size[1]} x {size[0]} pixels, too small to be painted: a side has {LEAST} or more. Take "
                "a larger part, or a larger `size`."
            )
        seen = None if part.corners else maps.grow(cover, part.feather)
        if scene.alpha is not None:
            seen = scene.alpha if seen is None else seen * scene.alpha
        alpha = None if seen is None else maps.settled(_facing_us(seen[None], matrix, size)[0])
        content = picture.Opened(_facing_us(scene.image, matrix, size), alpha, scene.depth, ())
        pixels = part.feather
        blend = functools.partial(SOFT[part.blend], pixels=pixels) if part.blend in SOFT else BLENDS[part.blend]
        quick, reach = functools.partial(feather, pixels=pixels), max(REACH, math.ceil(pixels) + 1)
        return cls(scene.image, cover, matrix, content, blend, quick, reach)

    def back(self, image: Image, scene: Image | None = None, last: bool = True) -> Image:
        """A scene (by default its own) with the image of the part in its place. last: else its edge is blended in a
        quicker way."""
        scene = self.scene if scene is None else scene
        box = Box.around(self.cover > 0).grown(self.reach, size_of(scene))
        placed = self.placed(resize(image.cpu(), size_of(self.content.image)), box)
        out = scene.clone()
        box.of(out).copy_((self.blend if last else self.quick)(placed, box.of(scene), box.of(self.cover)))
        return out

    def placed(self, image: Image, box: Box | None = None) -> Image:
        """The image of the part where it belongs in the scene, or in a box of it, its border going on beyond it."""
        box = Box.whole(size_of(self.scene)) if box is None else box
        grid = apply(self.matrix, pixel_centers(size_of(self.scene))[box.rows, box.left : box.right])
        return sample(image, grid, "bicubic").clamp(0, 1)

    def outlined(self) -> Image:
        """The scene with a line around the part."""
        wide = max(1.0, max(size_of(self.cover)) / 400)
        inside = (self.cover > 0.5).float()
        line = maps.grow(inside, wide) - maps.shrink(inside, wide)
        return torch.where(line > 0, torch.tensor(LINE)[:, None, None], self.scene)

    def taken(self, scene: Float[Tensor, "c h w"]) -> Float[Tensor, "c h2 w2"]:
        """What is in the place of the part, on the scene or a map of it, at the size at which the part is painted."""
        return _facing_us(scene, self.matrix, size_of(self.content.image))

    def frames(self, part: Paint, surroundings: Paint | None, state: State | None) -> Iterator[Frame]:
        """The surroundings first, where they are painted, then the part. Each frame shows the whole scene."""
        scene, before = self.scene, 0
        around = scene
        if surroundings is not None and (state is None or AROUND not in state):
            for frame in surroundings(state):
                shown = _half(frame, resize(frame.image.cpu(), size_of(scene)))
                yield shown
                before, around = frame.steps, shown.image
            scene, state = around, None
        elif surroundings is not None and state is not None:
            scene, before = state[AROUND], int(state[BEFORE])
            state = {name: one for name, one in state.items() if name not in (AROUND, BEFORE)} or None
        for frame in part(state):
            yield self._shown(frame, scene, before)

    def _shown(self, frame: Frame, scene: Image, before: int) -> Frame:
        def state() -> State:
            return frame.state() | ({AROUND: scene, BEFORE: torch.tensor(before)} if before else {})

        steps, done = before + frame.steps, (1 + frame.done) / 2 if before else frame.done
        image = self.back(frame.image, scene, last=frame.step == frame.steps)
        return Frame(image, before + frame.step, steps, frame.losses, done, state)


def _half(frame: Frame, image: Image) -> Frame:
    """A frame of the surroundings; with the last of them its own state is done with."""
    done = {AROUND: image, BEFORE: torch.tensor(frame.steps)}
    state = frame.state if frame.step < frame.steps else lambda: done
    return dataclasses.replace(frame, image=image, steps=2 * frame.steps, done=frame.done / 2, state=state)


# ---- where it is -----------------------------------------------------------------------------------------------------


def _covered(part: Part, scene: Image) -> Map:
    if part.flood is not None:
        return _flooded(scene, part.flood, part.tolerance)
    return polygon(size_of(scene), torch.tensor(part.corners or part.polygon))


def _flooded(scene: Image, point: tuple[float, float], tolerance: float) -> Map:
    """With its outline smoothed."""
    seed = torch.tensor([point])
    filled = flood_fill(scene, seed, tolerance)
    if float(filled.mean()) > SPILLED:
        raise GuideError(_spilled(scene, seed, tolerance, float(filled.mean())))
    return maps.settled(maps.feather(filled, max(2.0, SMOOTH * max(size_of(scene)))))


def _spilled(scene: Image, seed: Points, tolerance: float, share: float) -> str:
    """What happened, and a tolerance that does not spill, if there is one."""
    told = f"the flood fill at {seed[0, 0]:g},{seed[0, 1]:g} takes {100 * share:.0f} % of the picture"
    for smaller in (tolerance / 2 ** (i / 2) for i in range(1, 15)):
        if (share := float(flood_fill(scene, seed, smaller).mean())) < HELD:
            return f"{told}. Try a `tolerance` of {smaller:.3g}, which takes {100 * share:.2g} %."
    return f"{told}, and no smaller `tolerance` helps. Take another point, or draw the part with `polygon`."


def _facing(corners: list[tuple[float, float]], size: Size) -> tuple[Homography, Size]:
    """What carries the corners to those of a rectangle, and the rectangle's size (h, w): of its true aspect, and each
    of its sides `FINER` times the longest that it is in the picture, or more."""
    points = torch.tensor(corners, dtype=torch.float64)
    matrix = homography(points, torch.tensor(CORNERS, dtype=torch.float64))
    pixels = (points - 0.5) * torch.tensor(size[::-1])
    top, right, bottom, left = (pixels.roll(-1, 0) - pixels).norm(dim=1).tolist()
    w, h = max(top, bottom), max(left, right)
    usual = (top + bottom) / (left + right)
    aspect = min(max(_aspect(pixels) or usual, usual / 3), usual * 3)
    w, h = (FINER * side for side in ((h * aspect, h) if w < h * aspect else (w, w / aspect)))
    return matrix, (max(1, math.ceil(h)), max(1, math.ceil(w)))


def _aspect(corners: Points) -> float | None:
    """Width by height of a rectangle that is seen in perspective, in pixels from the middle of the picture, if the
    corners tell: Zhang and He 2007, "Whiteboard scanning and image enhancement", eq. 11, 12, 20 and 21, for square
    pixels and a principal point in the middle."""
    top_left, top_right, bottom_right, bottom_left = torch.nn.functional.pad(corners, (0, 1), value=1)
    across = torch.linalg.cross(top_left, bottom_right)
    along_x = across @ bottom_left / (torch.linalg.cross(top_right, bottom_right) @ bottom_left) * top_right - top_left
    along_y = across @ top_right / (torch.linalg.cross(bottom_left, bottom_right) @ top_right) * bottom_left - top_left
    (x, y), far = (along_x[:2], along_y[:2]), along_x[2] * along_y[2]
    longest = float(corners.norm(dim=1).max())
    if float(torch.maximum(along_x[2].abs(), along_y[2].abs())) < FLAT:
        return float((x @ x / (y @ y)).sqrt())  # no perspective: a parallelogram
    squared = float(-(x @ y) / far) if float(far.abs()) > 1e-12 else -1.0
    if not (0.3 * longest) ** 2 < squared < (30 * longest) ** 2:
        return None
    return float(((x @ x / squared + along_x[2] ** 2) / (y @ y / squared + along_y[2] ** 2)).sqrt())


def _boxed(cover: Map, pixels: float) -> tuple[Homography, Size]:
    """The upright box around what is covered, with something around it."""
    tight, (h, w) = Box.around(cover > 0), size_of(cover)
    area = tight.grown(math.ceil(pixels + CONTEXT * max(tight.size)), (h, w))
    top, left, bottom, right = area
    box = torch.tensor([[left / w, top / h], [right / w, top / h], [right / w, bottom / h], [left / w, bottom / h]])
    return homography(box.double(), torch.tensor(CORNERS, dtype=torch.float64)), area.size


def _facing_us(image: Float[Tensor, "c h w"], matrix: Homography, size: Size) -> Float[Tensor, "c h2 w2"]:
    """What is in the place of the part, at `size` (h, w)."""
    return sample(image, apply(torch.linalg.inv(matrix), pixel_centers(size)), "bicubic").clamp(0, 1)
