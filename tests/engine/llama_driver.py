"""Runs llama_driver.cpp: inference on an image of a model, tokens in and logits out."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

PROGRAM = "llama-driver"


@dataclass(frozen=True)
class Driver:
    """The program, with an emulator before it where its processor is another one."""

    command: Sequence[str]

    def kernels(self) -> list[str]:
        return self._run("kernels").decode().split()

    def check(self, image: Path) -> list[str]:
        """Fault and tensor; for a whole image also two digests, name and licence."""
        return self._run("check", image).decode().splitlines()

    def logits(self, image: Path, kernels: str, context: int, tokens: Sequence[int]) -> Floats:
        """The logits behind each of the tokens. [tokens x vocabulary]"""
        output = self._run("logits", image, kernels, context, tokens=tokens)
        return np.frombuffer(output, np.float32).reshape(len(tokens), -1)

    def greedy(self, image: Path, kernels: str, context: int, prompt: Sequence[int]) -> list[int]:
        """The prompt and the likeliest tokens that follow, `context` in all."""
        output = self._run("greedy", image, kernels, context, tokens=prompt)
        return np.frombuffer(output, np.uint32).tolist()

    def encode(self, image: Path, texts: Iterable[bytes]) -> list[list[int]]:
        output = self._run(
            "encode", image, content=b"".join(struct.pack("<I", len(t)) + t for t in texts)
        )
        return [list(struct.unpack(f"<{len(part) // 4}I", part)) for part in _parts(output, 4)]

    def decode(self, image: Path, tokens: Sequence[int]) -> list[bytes]:
        """What each token lets through, and at last what was left."""
        return _parts(self._run("decode", image, tokens=tokens), 1)

    def _run(
        self, what: str, *arguments: object, tokens: Sequence[int] = (), content: bytes = b""
    ) -> bytes:
        done = subprocess.run(
            [*self.command, what, *map(str, arguments)],
            input=content or np.array(tokens, np.uint32).tobytes(),
            capture_output=True, timeout=600, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout


def _parts(output: bytes, unit: int) -> list[bytes]:
    """Cuts output at the lengths that stand before each part."""
    parts, offset = [], 0
    while offset < len(output):
        (length,) = struct.unpack_from("<I", output, offset)
        offset += 4
        parts.append(output[offset : offset + length * unit])
        offset += length * unit
    return parts
