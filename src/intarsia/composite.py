"""One picture on another: what is shown under a cover, objects that are placed, and edges that blend.

A blend takes the image that is put on, the picture under it and a mask, 1 where the image goes; all of one size. Far
from the mask each leaves the picture to the bit.
"""

from collections.abc import Callable

import cv2
import numpy as np
import scipy
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from intarsia import maps
from intarsia.errors import GuideError, UsageError, notice
from intarsia.geometry import CORNERS, apply, grid_of_homography, sample
from intarsia.large import Box
from intarsia.sizes import size_of
from intarsia.types import Homography, Image, Map, Size

Blend = Callable[[Image, Image, Map], Image]
MOST_TONED = 3.0  # by which contrast and chroma of an object change at most


def over(
    image: Float[Tensor, "*c h w"], content: Float[Tensor, "*c h w"], cover: Float[Tensor, "h w"]
) -> Float[Tensor, "*c h w"]:
    """What is shown: the image where the cover is 1, the content where it is 0, both to the bit; a linear blend
    between."""
    return torch.where(cover > 0, torch.lerp(content, image, cover.clamp(0, 1)), content)


def paste(picture: Image, thing: Image, alpha: Map, matrix: Homography, blend: Blend = over) -> Image:
    """The picture with a thing on it, as `placed` says, its edges blended: `over`, `poisson`, or
    functools.partial(feather, pixels=8)."""
    image, cover = placed(thing, alpha, matrix, size_of(picture))
    return blend(image, picture, cover)


def placed(thing: Image, alpha: Map, matrix: Homography, size: Size) -> tuple[Image, Map]:
    """A thing alone on a canvas of `size` (h, w), and what it covers there, 0..1.

    matrix: carries points of the thing to those of the canvas (`geometry.homography`, `geometry.similarity`). Colors
    are weighted by alpha, so that what is transparent has no say; beyond the thing its border goes on. What reaches
    beyond the canvas is cut off, with a Notice. GuideError for an alpha that is empty or of another size, and for a
    thing that is larger than the canvas or outside it."""
    _check_size("alpha", alpha, "object", thing)
    if not bool((alpha > 0).any()):
        raise GuideError("the object's alpha is empty, so there is nothing to paste. Give one that shows the object.")
    _check_place(apply(matrix, torch.tensor(CORNERS, dtype=torch.float64)).T, size)
    grid, own = grid_of_homography(torch.linalg.inv(matrix), size), torch.tensor(size_of(thing)[::-1])
    framed = F.pad(torch.cat([thing * alpha, alpha[None]]), (1, 1, 1, 1))  # a border of nothing
    seen = sample(framed, (grid * own + 1) / (own + 2))
    cover = maps.settled(seen[3])
    return torch.where(cover > 0, seen[:3] / cover.clamp_min(1e-5), sample(thing, grid)).clamp(0, 1), cover


def feather(image: Image, picture: Image, mask: Map, pixels: float = 8) -> Image:
    """Edges blurred by a Gaussian that ends `pixels` away, in x and in y (`maps.feather`)."""
    _check_mask(image, picture, mask)
    return over(image, picture, maps.feather(mask, pixels).to(picture))


def pyramid(image: Image, picture: Image, mask: Map, levels: int = 4) -> Image:
    """Coarse shapes blend widely and fine ones closely: a Laplacian pyramid (Burt and Adelson 1983, "A Multiresolution
    Spline With Application to Image Mosaics").

    The picture stays farther than 2^(levels + 2) pixels from the mask, in x and in y. UsageError for fewer than 0
    levels."""
    _check_mask(image, picture, mask)
    if levels < 0:
        raise UsageError(f"{levels} levels of a pyramid cannot be. Take 0 or more.")
    difference = np.ascontiguousarray((image - picture).permute(1, 2, 0).float().numpy(force=True))
    change = _change(difference, mask.float().numpy(force=True)[..., None], levels)
    return (picture + torch.from_numpy(change).permute(2, 0, 1).to(picture)).clamp(0, 1)


def poisson(image: Image, picture: Image, mask: Map) -> Image:
    """The image's gradients with the picture's colors around: Poisson editing (Perez, Gangnet, Blake 2003, "Poisson
    Image Editing", eq. 4 to 10), where the mask is above 1/2; elsewhere the picture stays.

    What is added to the image is harmonic in the mask, and the difference to the picture around it. Where the mask
    touches the border of the picture, nothing is known beyond, and the border is free (no slope across it). Not
    `cv2.seamlessClone`: that changes the whole box around the mask, by up to 42 of 255 for an ellipse, and has 8 bits
    only. Exact, and not for the largest masks: 211,000 pixels took 5 s and 0.3 GB, 663,000 took 15 s and 1.1 GB."""
    _check_mask(image, picture, mask)
    inside = mask.to(picture.device) > 0.5
    if not bool(inside.any()):
        return picture
    box = Box.around(inside).grown(1, size_of(picture))
    thing, under, where = box.of(image), box.of(picture), box.of(mask).to(picture.device) > 0.5
    out = picture.clone()
    box.of(out).copy_(torch.where(where, (thing + _harmonic(under - thing, where)).clamp(0, 1), under))
    return out


def statistics(image: Image, picture: Image, mask: Map, pixels: float = 8) -> Image:
    """The image as light, as contrasty and as colorful as the picture around it, its edges as in `feather`.

    In CIELAB: mean and deviation of the lightness become those of the surroundings, and so does the mean chroma; hues
    stay. The surroundings are the picture beside the mask, as wide as what the mask covers, the nearer the weightier.
    Contrast and chroma change by a factor of `MOST_TONED` at most, so that flat surroundings do not flatten it."""
    _check_mask(image, picture, mask)
    flat = mask.float().cpu()
    around = maps.feather(flat, max(8.0, float(flat.sum()) ** 0.5)) * (flat == 0)
    own, theirs = _lab(image), _lab(picture)
    here, there = _tone(own, flat), _tone(theirs, around if bool(around.any()) else 1 - flat)
    contrast, chroma = (there[1:] / here[1:].clamp_min(1e-3)).clamp(1 / MOST_TONED, MOST_TONED)
    lightness = (own[:1] - here[0]) * contrast + there[0]
    toned = torch.cat([lightness.clamp(0, 100), own[1:] * chroma])
    return feather(_rgb(toned).to(picture), picture, mask, pixels)


BLENDS: dict[str, Blend] = {
    "over": over,
    "feather": feather,
    "poisson": poisson,
    "pyramid": pyramid,
    "statistics": statistics,
}


def _tone(lab: Float[Tensor, "3 h w"], weights: Map) -> Float[Tensor, "3"]:
    """Mean and deviation of the lightness, and the mean chroma."""
    weights = weights / weights.sum()
    mean = (lab[0] * weights).sum()
    deviation = ((lab[0] - mean).square() * weights).sum().sqrt()
    return torch.stack([mean, deviation, (lab[1:].norm(dim=0) * weights).sum()])


def _lab(image: Image) -> Float[Tensor, "3 h w"]:
    """CIELAB: L in 0..100, a, b."""
    pixels = np.ascontiguousarray(image.permute(1, 2, 0).float().numpy(force=True))
    return torch.from_numpy(cv2.cvtColor(pixels, cv2.COLOR_RGB2Lab)).permute(2, 0, 1)


def _rgb(lab: Float[Tensor, "3 h w"]) -> Image:
    pixels = np.ascontiguousarray(lab.permute(1, 2, 0).numpy())
    return torch.from_numpy(cv2.cvtColor(pixels, cv2.COLOR_Lab2RGB)).permute(2, 0, 1).clamp(0, 1)


def _change(difference: np.ndarray, mask: np.ndarray, levels: int) -> np.ndarray:
    """What the pyramid of a difference adds under that of a mask; exactly nothing where neither reaches."""
    if levels == 0 or min(mask.shape[:2]) < 2:
        return difference * mask
    size = (mask.shape[1], mask.shape[0])
    small, half = cv2.pyrDown(difference), cv2.pyrDown(mask).reshape(-(-size[1] // 2), -(-size[0] // 2), 1)
    fine = (difference - cv2.pyrUp(small, dstsize=size)) * mask
    return fine + cv2.pyrUp(_change(small, half, levels - 1), dstsize=size)


def _harmonic(values: Float[Tensor, "c h w"], inside: Bool[Tensor, "h w"]) -> Float[Tensor, "c h w"]:
    """`values` outside; inside, each the mean of its neighbors as far as the picture goes."""
    inner = inside.flatten().numpy(force=True)
    flat = values.flatten(1).double().numpy(force=True).T.copy()  # (h w, c)
    ones = (scipy.sparse.csr_array(scipy.sparse.eye_array(length)) for length in inside.T.shape)
    across, down = (one[1:] - one[:-1] for one in ones)  # differences of neighbors
    laplacian = scipy.sparse.csr_array(scipy.sparse.kronsum(across.T @ across, down.T @ down))[inner]
    solver = scipy.sparse.linalg.splu(
        laplacian[:, inner].tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}
    )
    flat[inner] = solver.solve(-(laplacian[:, ~inner] @ flat[~inner]))
    return torch.from_numpy(flat.T.copy()).view(values.shape).to(values)


def _check_place(shown: Float[Tensor, "2 4"], size: Size) -> None:
    low, high = shown.amin(1), shown.amax(1)
    (left, right), (top, bottom) = ((round(float(a), 3), round(float(b), 3)) for a, b in zip(low, high, strict=True))
    spans = f"it spans x {left} to {right} and y {top} to {bottom}, the picture 0 to 1"
    if bool((high - low > 1 + 1e-6).any()):
        raise GuideError(f"the object is larger than the picture: {spans}. Give it a smaller scale.")
    if bool(((high <= 0) | (low >= 1)).any()):
        raise GuideError(f"the object is outside the picture: {spans}. Move it inside.")
    if bool(((low < -1e-6) | (high > 1 + 1e-6)).any()):
        notice(f"the object reaches beyond the picture of {size[1]} x {size[0]}; what is outside was cut off.")


def _check_size(name: str, given: Tensor, what: str, picture: Tensor) -> None:
    if size_of(given) != size_of(picture):
        (h, w), (high, wide) = size_of(given), size_of(picture)
        raise GuideError(f"the {name} is {w} x {h}, the {what} {wide} x {high}. Resize one of them to go together.")


def _check_mask(image: Image, picture: Image, mask: Map) -> None:
    _check_size("image", image, "picture under it", picture)
    _check_size("mask", mask, "picture", picture)
    if not bool((mask > 0).any()):
        raise GuideError("the mask is empty, so there is nothing to blend. Paint where the image goes.")
    if bool((mask >= 1).all()):
        raise GuideError(
            "the mask covers all of the picture, so there is nothing to blend into. Leave a part of it out."
        )
