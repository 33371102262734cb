import json

import pytest

from intarsia import __version__, picture
from intarsia.cli import run


def test_info_is_a_line_per_fact(capsys):
    assert run(["info"]) == 0
    told = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    assert told["intarsia"].strip() == __version__
    for name in ("torch", "device", "processor", "cache folder", "network"):
        assert told[name].strip()


def test_info_is_json_for_programs(capsys, monkeypatch):
    monkeypatch.setenv("INTARSIA_OFFLINE", "1")
    assert run(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["intarsia"] == __version__
    assert facts["network"] == "off (INTARSIA_OFFLINE)"


def test_a_sheet_shows_every_swatch(folder, capsys):
    assert run(["swatches", "-o", "sheet.png", "--size", "32"]) == 0
    assert capsys.readouterr().out == "sheet.png\n"
    assert picture.read("sheet.png").image.shape[-1] > 5 * 32


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["-o", "sheet.gif"], 2, "no picture format 'gif'"),
        (["-o", "nowhere/sheet.png"], 1, "does not exist"),
        (["-o", "sheet.png", "--size", "4"], 2, "--size is 4; it must be 32 to 2048"),
        (["-o", "sheet.png", "--size", "32", "--seed", "-1"], 2, "a seed is 0 or more"),
    ],
)
def test_a_sheet_that_cannot_be_is_told(folder, capsys, arguments, code, words):
    assert run(["swatches", *arguments]) == code
    assert words in capsys.readouterr().err


def test_a_sheet_on_standard_output_is_the_picture_alone(folder, capsysbinary):
    assert run(["swatches", "-o", "-", "--size", "32"]) == 0
    assert picture.read(capsysbinary.readouterr().out).image.shape[0] == 3
