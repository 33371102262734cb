import pytest

from intarsia import picture


@pytest.fixture
def pictures(random_image):
    return random_image(24, 32, 1), random_image(20, 20, 2), random_image(20, 20, 3)


@pytest.fixture
def folder(tmp_path, monkeypatch, pictures):
    monkeypatch.chdir(tmp_path)
    for name, image in zip(("content.png", "style.png", "other.png"), pictures, strict=True):
        picture.write(name, image)
    return tmp_path
