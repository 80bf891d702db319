"""A Hugging Face tokenizer.json, if it is what SentencePiece calls BPE with byte fall-back.

It says in which order pieces are merged, where a board has a score for each piece. Both lead to
the same tokens if any two pieces that make a third one may be merged, and none of them before
another two that make the same one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from .content import read_content
from .errors import ModelFileError
from .model import TokenPieces

_BLANK = "▁"
_BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
_UNREACHABLE = "\n{}\n"
"""What llama2.c makes of the marks of a text, so that no text has them as tokens."""
_ADVICE = "A tokenizer.model alone is not enough; save the tokenizer with transformers first."


def read_tokenizer_json(file: Path, bos: int, eos: int) -> TokenPieces:
    """Reads the vocabulary. Raises ModelFileError if a board would encode texts differently."""
    try:
        content = json.loads(read_content(file, _ADVICE))
        pieces = _pieces(file, content)
        first_byte = _first_byte(file, pieces)
        for piece in pieces:
            piece.encode()  # half a surrogate pair is no text
        merges = [_pair(merge) for merge in content["model"]["merges"]]
        _require_blanks(file, content, pieces)
    except (
        AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError,
    ):  # fmt: skip
        raise ModelFileError(f"{file} is not a Hugging Face tokenizer.") from None
    if not 0 <= bos < len(pieces) or not 0 <= eos < len(pieces):
        raise ModelFileError(
            f"{file} has {len(pieces)} tokens, and the marks of a text are {bos} and {eos}."
        )
    marks = {pieces[bos], pieces[eos]}
    _require_all_merges(file, pieces, merges, marks)
    scores = _scores(file, pieces, merges, first_byte)
    texts = [piece.replace(_BLANK, " ") for piece in pieces]
    for mark in (bos, eos):
        texts[mark] = _UNREACHABLE.format(pieces[mark])
    return TokenPieces(tuple(text.encode() for text in texts), scores, bos, eos, first_byte)


def _pieces(file: Path, content: Mapping[str, Any]) -> list[str]:
    """All of them, in the order of their tokens."""
    model = content["model"]
    if model.get("type", "BPE") != "BPE" or not model.get("byte_fallback"):
        raise _other(file, "it is not byte-pair encoding with byte fall-back")
    if model.get("ignore_merges") or model.get("dropout"):
        raise _other(file, "it does not always merge what can be merged")
    tokens = {str(piece): int(token) for piece, token in model["vocab"].items()}
    tokens |= {str(a["content"]): int(a["id"]) for a in content.get("added_tokens", ())}
    pieces = sorted(tokens, key=lambda piece: tokens[piece])
    if [tokens[piece] for piece in pieces] != list(range(len(pieces))):
        raise _other(file, "its tokens are not numbered from 0 on")
    return pieces


def _first_byte(file: Path, pieces: Sequence[str]) -> int:
    first = pieces.index(_BYTES[0]) if _BYTES[0] in pieces else 0
    if list(pieces[first : first + 256]) != _BYTES:
        raise _other(file, "the tokens of the bytes are missing, or do not follow each other")
    return first


def _pair(merge: str | Sequence[str]) -> tuple[str, str]:
    first, second = merge.split(" ") if isinstance(merge, str) else merge
    return first, second


def _require_blanks(file: Path, content: Mapping[str, Any], pieces: Sequence[str]) -> None:
    """A text gets one blank before it, blanks become a sign of their own, and nothing else."""
    steps = _flat(content.get("normalizer")) + _flat(content.get("pre_tokenizer"))
    prepends = replaces = False
    for step in steps:
        kind = step["type"]
        if kind == "Prepend" and step["prepend"] == _BLANK:
            prepends = True
        elif kind == "Replace" and step["pattern"] == {"String": " "} and step["content"] == _BLANK:
            replaces = True
        elif kind == "Metaspace" and step.get("replacement", _BLANK) == _BLANK:
            replaces = True
            before = step.get("prepend_scheme", "always")
            prepends |= step.get("add_prefix_space", before != "never")
            # Words are then merged by themselves, which is the same if no piece goes beyond one.
            if step.get("split", True) and any(_BLANK in piece[1:] for piece in pieces):
                raise _other(file, "it divides texts into words, and has pieces of several")
        else:
            raise _other(file, f"it changes texts before it encodes them ({kind})")
    if not prepends or not replaces:
        raise _other(file, "it does not put a blank before a text")


def _flat(step: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    if step is None:
        return []
    if step["type"] != "Sequence":
        return [step]
    parts = step.get("normalizers") or step.get("pretokenizers") or []
    return [inner for part in parts for inner in _flat(part)]


def _require_all_merges(
    file: Path, pieces: Sequence[str], merges: Sequence[tuple[str, str]], marks: Set[str]
) -> None:
    known, allowed = set(pieces), set(merges)
    if not all(piece in known for a, b in merges for piece in (a, b, a + b)):
        raise _other(file, "it merges pieces that it does not have")
    for piece in known - marks:
        for at in range(1, len(piece)):
            first, second = piece[:at], piece[at:]
            if first in known and second in known and (first, second) not in allowed:
                raise _other(file, f"it never merges {first!r} and {second!r}")


def _scores(
    file: Path, pieces: Sequence[str], merges: Sequence[tuple[str, str]], first_byte: int
) -> tuple[float, ...]:
    """SentencePiece's own if the pieces stand in the order in which they are merged."""
    made = [first + second for first, second in merges]
    order = [piece for piece, _ in groupby(made)]
    ranks = {piece: rank for rank, piece in enumerate(order)}
    if len(ranks) < len(order):
        raise _other(file, "other pieces are merged before all ways to one have been tried")
    tokens = {piece: token for token, piece in enumerate(pieces)}
    begin = first_byte + len(_BYTES)
    places = [begin - 1, *(tokens[piece] for piece in order)]
    if all(before < after for before, after in pairwise(places)):
        return tuple(-float(i - begin) if i >= begin else 0.0 for i in range(len(pieces)))
    return tuple(-float(ranks.get(piece, len(order))) for piece in pieces)


def _other(file: Path, why: str) -> ModelFileError:
    return ModelFileError(
        f"{file} is another kind of tokenizer than boards have: {why}.",
        "Only SentencePiece's BPE with byte fall-back is supported, as Llama 2 has it.",
    )
