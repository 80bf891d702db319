"""Several cores without a data race: stories and training under the thread sanitizer."""

from __future__ import annotations

import subprocess

import pytest

from tests.support.tools import BuildFolder, ToolFailed


@pytest.mark.parametrize("part", ["app", "engine"])
def test_no_data_race(part: str) -> None:
    options = "-O1 -g1 -fsanitize=thread"  # functions and lines, which its reports name
    folder = BuildFolder(
        "thread-sanitizer",
        {"UGPT_TESTS": "ON", "CMAKE_BUILD_TYPE": "None", "CMAKE_CXX_FLAGS": options},
    )
    try:
        folder.make([f"test-{part}-team"])
    except ToolFailed as failure:
        if "cannot find -ltsan" in str(failure) or "unsupported option" in str(failure):
            pytest.skip("the compiler has no thread sanitizer")
        raise
    program = folder.path / "tests" / part / f"test-{part}-team"
    done = subprocess.run([program], capture_output=True, text=True, timeout=300, check=False)
    if "unexpected memory mapping" in done.stderr:
        pytest.skip("the thread sanitizer does not run on this kernel")
    assert done.returncode == 0, done.stdout + done.stderr
