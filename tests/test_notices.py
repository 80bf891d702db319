"""The notices that go with the firmware images."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from device.notices import NoticeError, notices, read_components
from tests.support.tools import ROOT, ToolFailed, run

SCRIPT = ROOT / "device" / "notices.py"
SOURCE = (
    '/* SPDX: MIT */\n/*\n * Copyright {name}\n * {words} ...\n */\n#include "x.h" /* more */\n'
)


@pytest.fixture
def framework(tmp_path: Path) -> Path:
    """A folder with a text in the place of each licence."""
    for component in read_components():
        if component.file:
            path = tmp_path / component.file
            path.parent.mkdir(parents=True, exist_ok=True)
            source = SOURCE.format(name=component.name, words=component.comment)
            path.write_text(source if component.comment else f"\n  Licence of {component.name}\n\n")
    return tmp_path


def test_every_component_says_what_it_is() -> None:
    components = read_components()
    assert {"ESP-IDF", "FreeRTOS kernel", "newlib", "TLSF"} <= {c.name for c in components}
    for component in components:
        assert component.purpose.endswith(".")
        assert component.holder
        assert component.licence
        assert bool(component.file) != bool(component.text), component.name


def test_texts_are_taken_word_for_word(framework: Path) -> None:
    text = run(sys.executable, SCRIPT, framework)
    assert (ROOT / "LICENSE").read_text() in text
    for component in read_components():
        assert f"{component.name}\n{component.purpose}\n" in text
        assert component.holder in text
        if component.text:
            assert component.text in text
        elif component.comment:
            assert f"/*\n * Copyright {component.name}\n * {component.comment} ...\n */" in text
        else:
            assert f"\n  Licence of {component.name}\n" in text
    assert "#include" not in text


def test_a_missing_text_is_an_error(framework: Path) -> None:
    (framework / "components/newlib/COPYING.NEWLIB").unlink()
    with pytest.raises(ToolFailed, match=r"exit status 1\n.*newlib cannot be read: .*NEWLIB"):
        run(sys.executable, SCRIPT, framework)


def test_a_comment_without_the_licence_is_an_error(framework: Path) -> None:
    (framework / "components/xtensa/xtensa_vectors.S").write_text("/* Copyright */ nop\n")
    with pytest.raises(NoticeError, match=r"xtensa_vectors\.S does not hold the licence of Xtensa"):
        notices(framework)


def test_the_framework_holds_every_text() -> None:
    if "IDF_PATH" not in os.environ:
        pytest.skip("IDF_PATH is not set: there is no ESP-IDF to look into")
    assert "Apache License" in notices(Path(os.environ["IDF_PATH"]))
