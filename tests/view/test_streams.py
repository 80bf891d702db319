"""The standard streams: what they cannot show, and what happens once they take no more."""

from __future__ import annotations

import io
import itertools
import json
import math
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ugpt.view import streams
from ugpt.view.output import print_json
from ugpt.view.streams import OutputLost, guarded_streams, hurry, output_lost


@contextmanager
def standard_output(monkeypatch: pytest.MonkeyPatch, stream: Any) -> Iterator[None]:
    monkeypatch.setattr(sys, "stdout", stream)
    with guarded_streams():
        yield


def text_stream(encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding)


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", "?lo?"), ("iso-8859-1", "?ló?"), ("utf-8", "Łló€")]
)
def test_what_a_stream_cannot_show_is_replaced(
    monkeypatch: pytest.MonkeyPatch, encoding: str, shown: str
) -> None:
    stream = text_stream(encoding)
    with standard_output(monkeypatch, stream):
        print("Łló€" if encoding != "ascii" else "Łlo€", end="")
    assert stream.buffer.getvalue().decode(encoding) == shown  # type: ignore[attr-defined]


@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-1", "utf-8", "utf-16"])
@pytest.mark.parametrize("text", ["plain", "Łódź", "日本", "\U0001f600", "\udcff", "\x00\x1b"])
def test_json_is_exact_in_any_encoding(
    monkeypatch: pytest.MonkeyPatch, encoding: str, text: str
) -> None:
    stream = text_stream(encoding)
    with standard_output(monkeypatch, stream):
        print_json({"text": text})
    line = stream.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
    assert json.loads(line) == {"text": text}


def test_json_has_no_numbers_that_are_not_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = text_stream("utf-8")
    with standard_output(monkeypatch, stream):
        print_json({"loss": math.nan, "norms": [1.0, math.inf], "of": {"a": -math.inf}})
    line = stream.buffer.getvalue().decode()  # type: ignore[attr-defined]
    assert line == '{"loss": null, "norms": [1.0, null], "of": {"a": null}}\n'


def test_a_stream_that_takes_no_more_says_so_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream, standard_output(monkeypatch, stream):
        print("heard", flush=True)
        assert output_lost() is None
        assert os.read(reader, 100) == b"heard\n"
        os.close(reader)
        for _ in range(2):
            with pytest.raises(OutputLost, match="Broken pipe") as caught:
                print("unheard", flush=True)
            assert caught.value.reader_gone
        assert output_lost() is not None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_no_reader_that_went(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/full").open("w") as stream, standard_output(monkeypatch, stream):
        with pytest.raises(OutputLost, match="No space left") as caught:
            print("lost", flush=True)
        assert not caught.value.reader_gone


def test_a_lost_standard_error_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        with guarded_streams():
            print("unheard", file=sys.stderr, flush=True)


def test_streams_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    with guarded_streams():
        print("nobody", flush=True)
        print("hears", file=sys.stderr, flush=True)
        assert sys.stdin.read() == ""
        assert not sys.stdout.isatty()
        assert output_lost() is None
    assert sys.stdout is None


@pytest.mark.skipif(sys.platform == "win32", reason="only here can a pipe be waited for")
def test_a_slow_reader_gets_all_and_one_that_stands_still_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader, writer = os.pipe()
    text = "0123456789" * 20_000
    heard: list[bytes] = []

    def read() -> None:
        while sum(map(len, heard)) < len(text):
            heard.append(os.read(reader, 1000))

    thread = threading.Thread(target=read)
    with os.fdopen(writer, "w") as stream, standard_output(monkeypatch, stream):
        thread.start()
        print(text, end="", flush=True)
        thread.join()
        assert b"".join(heard).decode() == text
        hurry()
        with pytest.raises(OutputLost, match="timed out"):
            print(text, flush=True)
    os.close(reader)


@pytest.mark.skipif(sys.platform == "win32", reason="only here can a pipe be waited for")
def test_a_reader_that_stands_still_is_waited_for_unless_the_program_is_to_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with guarded_streams():
        hurry()  # of a program before this one
    reader, writer = os.pipe()
    looks = iter(([], [], []))
    looking = SimpleNamespace(select=lambda *_: ([], next(looks, [writer]), []))
    monkeypatch.setattr(streams, "select", looking)
    monkeypatch.setattr(streams, "monotonic", itertools.count(step=10.0).__next__)
    with os.fdopen(writer, "w") as stream, standard_output(monkeypatch, stream):
        print("heard", flush=True)
    assert os.read(reader, 100) == b"heard\n"
    os.close(reader)
