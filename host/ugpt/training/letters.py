"""How well a model predicts each character."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from ..data.dataset import positions
from ..device.client import Device
from .events import LetterLosses
from .session import Session

_MINOR = 1  # of the protocol, from which on devices tell losses by token
_POSITIONS_MAX = 1024  # a moment of work for a small board


class Letters:
    """Measures on documents held out, if there are any, and on others otherwise."""

    def __init__(self, session: Session) -> None:
        split = session.split
        self._texts = _some(split.validation or split.training, session)
        self._session = session

    async def measure(self, device: Device, step: int) -> None:
        """Tells the mean loss of each character; of a device too old for that, nothing."""
        if device.hello.minor < _MINOR:
            return
        evaluated = await device.evaluate_tokens(
            [self._session.encode(text) for text in self._texts]
        )
        losses: dict[str, list[float]] = defaultdict(list)
        for text, values in zip(self._texts, evaluated.losses, strict=True):
            for number, loss in enumerate(values):
                losses[text[number : number + 1]].append(loss)
        means = {letter: sum(values) / len(values) for letter, values in losses.items()}
        self._session.emit(LetterLosses(step, means))


def _some(documents: Sequence[str], session: Session) -> list[str]:
    """The first documents, up to so many positions."""
    block_size = session.run.config.shape.block_size
    texts: list[str] = []
    room = _POSITIONS_MAX
    for index in range(len(documents)):
        room -= positions(documents[index], block_size)
        if room < 0 and texts:
            break
        texts.append(documents[index])
    return texts
