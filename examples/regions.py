"""Two regions of one photograph, each in the manner of its own style, from masks made in code.

Paints demo/regions.png, 256 pixels wide."""

from pathlib import Path

import skimage.data
import torch

from intarsia import Gatys, Guide, Region, picture, swatches

FOLDER = Path("demo")


def main() -> None:
    content = picture.read(skimage.data.coffee()).image  # (3, 400, 600), sRGB, 0..1
    content = picture.resize(content, picture.fit(400, 600, 256))
    cup = disc(content.shape[-2:], center=(0.46, 0.51), radius=0.33)
    guide = Guide(
        (
            Region(swatches.paint("starry", (256, 256)), content_map=cup, name="cup"),
            Region(swatches.paint("scream", (256, 256)), content_map=1 - cup, strength=0.8, name="table"),
        )
    )
    for frame in Gatys(steps=150)(content, guide):
        if frame.step % 50 == 0:
            print(f"step {frame.step} of {frame.steps}, loss {frame.loss:.3f}")
    FOLDER.mkdir(exist_ok=True)
    picture.write(FOLDER / "regions.png", frame.image)
    print(f"look at {FOLDER / 'regions.png'}")


def disc(size: tuple[int, int], center: tuple[float, float], radius: float, edge: float = 0.05) -> torch.Tensor:
    """1 inside, 0 outside, soft over `edge`; all in parts of the width. Center: x, y."""
    h, w = size
    y, x = torch.meshgrid((torch.arange(h) + 0.5) / w, (torch.arange(w) + 0.5) / w, indexing="ij")
    distance = ((x - center[0]) ** 2 + (y - center[1] * h / w) ** 2).sqrt()
    return ((radius - distance) / edge + 0.5).clamp(0, 1)


if __name__ == "__main__":
    main()
