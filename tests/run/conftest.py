import pytest

from intarsia import picture
from intarsia.recipe import Recipe

QUICK = {"encoder": "toy", "coarsest": 16, "precision": "fp32"}


@pytest.fixture
def folder(tmp_path, monkeypatch, random_image):
    """The current folder, with content.png (64 x 48), style.png and other.png (40 x 40)."""
    monkeypatch.chdir(tmp_path)
    picture.write("content.png", random_image(48, 64, 1))
    picture.write("style.png", random_image(40, 40, 2))
    picture.write("other.png", random_image(40, 40, 3))
    return tmp_path


@pytest.fixture
def recipe(folder):
    """`recipe(30, tv=0.5)`: so many steps on content.png, with these settings of the method; quick."""

    def make(steps: int = 4, **settings) -> Recipe:
        return Recipe(
            content="content.png", styles=["style.png"], size=64, settings=QUICK | {"steps": steps} | settings
        )

    return make
