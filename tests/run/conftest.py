import pytest

from intarsia.recipe import Recipe

QUICK = {"encoder": "toy", "coarsest": 16, "precision": "fp32"}


@pytest.fixture
def recipe(folder):
    """`recipe(30, tv=0.5)`: so many steps on content.png, with these settings of the method; quick."""

    def make(steps: int = 4, **settings) -> Recipe:
        return Recipe(
            content="content.png", styles=["style.png"], size=64, settings=QUICK | {"steps": steps} | settings
        )

    return make
