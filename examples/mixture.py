"""Two styles in one picture, by weight: from all of the one to all of the other.

Paints demo/mixture.png, five pictures side by side."""

from pathlib import Path

import skimage.data
import torch

import intarsia
from intarsia import picture

FOLDER = Path("demo")


def main() -> None:
    photo = skimage.data.rocket()
    painted = []
    for part in (0.0, 0.25, 0.5, 0.75, 1.0):
        result = intarsia.stylize(
            photo,
            "swatch:starry",
            "swatch:scream",
            weights=[1 - part, part],
            size=192,
            method=intarsia.Gatys(steps=120),
        )
        print(f"{1 - part:.0%} starry, {part:.0%} scream: loss {result.frame.loss:.3f}")
        painted.append(result.image)
    FOLDER.mkdir(exist_ok=True)
    picture.write(FOLDER / "mixture.png", torch.cat(painted, 2))
    print(f"look at {FOLDER / 'mixture.png'}")


if __name__ == "__main__":
    main()
