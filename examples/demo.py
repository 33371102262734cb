"""A first picture without a download: a cat (CC0, from scikit-image) in thick paint.

Runs the same command that you would type, and lays content, style and result side by side in demo/."""

import subprocess
import sys
import time
from pathlib import Path

import skimage.data
import torch

from intarsia import picture, swatches

FOLDER = Path("demo")


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    content, style, result = (FOLDER / f"{name}.png" for name in ("content", "style", "result"))
    picture.write(content, picture.read(skimage.data.chelsea()).image)
    picture.write(style, swatches.paint("impasto", (512, 512)))
    command = ["intarsia", "stylize", str(content), str(style), "-o", str(result)]
    print(" ".join(command), flush=True)
    began = time.monotonic()
    subprocess.run([str(Path(sys.executable).with_name("intarsia")), *command[1:]], check=True)
    seconds = time.monotonic() - began
    shown = [picture.read(path).image for path in (content, style, result)]
    height = shown[-1].shape[-2]
    sized = [picture.resize(one, (height, round(one.shape[-1] * height / one.shape[-2]))) for one in shown]
    picture.write(FOLDER / "sheet.png", torch.cat(sized, 2))
    print(f"painted in {seconds:.1f} s; look at {FOLDER / 'sheet.png'} (content, style, result)")


if __name__ == "__main__":
    main()
