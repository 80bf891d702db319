"""Numbers and words as notebooks give them, such as np.int64(16) or "cosine"."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from enum import Enum, IntEnum
from numbers import Real
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..data.dataset import Dataset
from ..errors import InvalidValue, UgptError
from ..training.options import options_of

_MOST_BITS = 256

EnumT = TypeVar("EnumT", bound=Enum)
ErrorT = TypeVar("ErrorT", bound=UgptError)


def whole(name: str, value: Any) -> int:
    """Raises InvalidValue for what is not a whole number."""
    try:
        number = operator.index(value)
    except TypeError:
        raise InvalidValue(f"{name} must be a whole number, not {value!r}.") from None
    if number.bit_length() > _MOST_BITS:  # Python does not even show the largest
        raise InvalidValue(f"{name} has more than {_MOST_BITS} bits.")
    return number


def optional_whole(name: str, value: Any) -> int | None:
    return None if value is None else whole(name, value)


def real(name: str, value: Any) -> float:
    """Raises InvalidValue for what is no number."""
    if not isinstance(value, Real):
        raise InvalidValue(f"{name} must be a number, not {value!r}.")
    try:
        return float(value)
    except OverflowError:
        raise InvalidValue(f"{name} is too large for a number.") from None


def choice(kind: type[EnumT], name: str, value: Any) -> EnumT:
    """One of `kind`, or its name in lower case. Raises InvalidValue for another."""
    for each in kind:
        if value is each or value == each.name.lower():
            return each
    words = [repr(each.name.lower()) for each in kind]
    raise InvalidValue(f"{name} is {value!r}; it must be {', '.join(words[:-1])} or {words[-1]}.")


def in_keywords(error: ErrorT) -> ErrorT:
    """The error, whose advice names keywords instead of options of the command line."""
    error.advice = error.advice.replace("--overwrite", "overwrite=True").replace("--out", "out")
    return error


def options(group: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values for the fields of `group`, a dataclass of options. None is the default."""
    kinds = {name: kind for name, (kind, _) in options_of(group).items()}
    return {
        name: _converted(kinds[name], name, value)
        for name, value in values.items()
        if value is not None
    }


def _converted(kind: type, name: str, value: Any) -> Any:
    if kind is bool:
        if not isinstance(value, (bool, np.bool_)):
            raise InvalidValue(f"{name} must be True or False, not {value!r}.")
        return bool(value)
    if issubclass(kind, IntEnum):
        return choice(kind, name, value)
    return real(name, value) if kind is float else whole(name, value)


def dataset(data: Any) -> Dataset:
    """A text, or the one in a file. Raises InvalidValue for what is neither, DataError."""
    if isinstance(data, Dataset):
        return data
    if not isinstance(data, (str, Path)):
        raise InvalidValue(
            f"data must be the path of a text, not {type(data).__name__}.",
            'One comes with ugpt: "names".',
        )
    return Dataset.load(Path(data))
