"""`strotss` beside `gatys`: style and content distances, speckle and seconds of processor time, on five pairs.

    python benchmarks/strotss.py --cases ../shared/cases --vgg19 FILE -o FOLDER

FILE: weights of the network that judges, up to relu3_4. Each method at several content weights. Processor time counts
all threads, so that other programs disturb it less than they do the clock."""

import time
from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import Parameter

from front import judged
from intarsia import picture
from intarsia.encoders import Encoder, load
from intarsia.encoders.vgg19 import load_vgg19
from intarsia.guide import Guide
from intarsia.methods import Gatys, Strotss
from intarsia.sizes import fit, size_of

PAIRS = {
    "tubingen": ("city_tubingen.jpg", "starry_night_1280.jpg"),
    "portrait": ("portrait_brad_pitt.jpg", "matisse_woman_with_hat.jpg"),
    "bridge": ("bridge_golden_gate.jpg", "the_scream_1528.jpg"),
    "dog": ("animal_dog.jpg", "great_wave_woodcut.jpg"),
    "vase": ("still_life_vase.jpg", "cezanne_basket_of_apples.jpg"),
}
WEIGHTS = {Gatys: (0.04, 0.13), Strotss: (0.5, 1.0, 2.0)}


def main(
    *,
    cases: Path,
    vgg19: Path,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    size: int = 384,
    pairs: tuple[str, ...] = tuple(PAIRS),
) -> None:
    judge, encoder = Encoder("vgg19", load_vgg19(vgg19, first_padding="reflect")), load("compact", device="cpu")
    out.mkdir(parents=True, exist_ok=True)
    print("| pair | method | content weight | style | content | speckle of color | seconds of processor time |")
    print("|---|---|---|---|---|---|---|")
    for name in pairs:
        content, style = (
            picture.read(cases / kind / file).image
            for kind, file in zip(("content", "style"), PAIRS[name], strict=True)
        )
        content = picture.resize(content, fit(*size_of(content), size))
        for kind, weights in WEIGHTS.items():
            for weight in weights:
                began = time.process_time()
                *_, last = kind(content_weight=weight)(content, Guide.everywhere(style), encoder=encoder)
                took = time.process_time() - began
                method = kind.__name__.lower()
                picture.write(out / f"{name}-{method}-{weight:g}.png", last.image)
                point = judged(judge, method, last.image, content, style, ours=True)
                numbers = f"{point.style:.3f} | {point.content:.3f} | {point.speckle:.2f} | {took:.0f}"
                print(f"| {name} | {method} | {weight:g} | {numbers} |", flush=True)


if __name__ == "__main__":
    cyclopts.run(main)
