"""A method yields a frame after every step: watch the loss, and keep the pictures as an animation.

Paints demo/frames.gif, 192 pixels wide."""

from pathlib import Path

import skimage.data

from intarsia import Gatys, Guide, picture, swatches

FOLDER = Path("demo")


def main() -> None:
    content = picture.read(skimage.data.chelsea()).image
    content = picture.resize(content, picture.fit(*content.shape[-2:], 192))
    guide = Guide.everywhere(swatches.paint("woodcut", (256, 256)))
    shown = [content]
    for frame in Gatys(steps=120)(content, guide):
        if frame.step % 8 == 0:
            losses = "  ".join(f"{name} {value:.3f}" for name, value in frame.losses.items())
            print(f"{frame.done:4.0%}  {losses}")
            shown.append(picture.resize(frame.image, content.shape[-2:]))  # the first sizes are smaller
    FOLDER.mkdir(exist_ok=True)
    first, *rest = [picture.to_pil(image) for image in shown]
    first.save(FOLDER / "frames.gif", save_all=True, append_images=rest, duration=150, loop=0)
    print(f"look at {FOLDER / 'frames.gif'}")


if __name__ == "__main__":
    main()
