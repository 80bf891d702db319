"""Everything that can go wrong, as one tree. `str(error)` is what a user should read.

UgptError
|-- PortError               the bytes cannot flow
|   |-- PortNotFound
|   |   `-- BadAddress
|   |-- PortBusy
|   |-- PortPermission
|   |-- PortLost
|   |-- SeveralPorts
|   `-- DeviceProgramError  the virtual device is missing or ended
|       `-- WrongDeviceOption
|-- LinkError               they flow, but no conversation comes of it
|   |-- NoAnswer
|   |-- ProtocolError
|   |-- VersionMismatch
|   |-- DeviceRestarted
|   `-- LinkClosed
|-- DeviceError             the device refused a request, one class for each code of the schema
|   |-- BadMessage, UnknownMethod, BadParams, WrongVersion, Busy, NoModel, DoesNotFit, BadShape,
|   `-- DocumentGap, BadToken, UnknownTensor, FlashFailed, NoRoom, NotFinite, RunMismatch, BadData,
|       HandshakeRequired, NoStory, BadStory, LongPrompt
|-- InvalidValue            a value that is wrong whatever files and devices there are
|   |-- UnfitValue          not in itself, but for this file or this device
|   `-- BadAddress, WrongDeviceOption, WrongAddress
|-- DataError               a training text
|   `-- ReadOnce            that is in a pipe with a name
|-- RunError                a run folder
|   |-- NoRun               is none, or is not there
|   |-- NewerRun            of a later version
|   |-- DiskFull            has no room for a file
|   |-- DamagedCheckpoint   has a checkpoint that is not what was written
|   `-- OtherDevice         it belongs to another device than the one that answers
|-- ExportError             a run as a file for other programs
|-- WouldOverwrite          something on a board that is nowhere else
|   `-- WouldInterrupt      a detached run
|-- ModelFileError          a pretrained model
|   `-- NewerImage          of a later version
|-- ImageError              a firmware image
|-- FleetError              many boards at once
|   |-- NoBoards            none can be used
|   |-- BadBoardsFile       a list of boards
|   |-- CannotListen        a board cannot be offered at an address
|   `-- JointError          one model trained by many boards
|       |-- BoardLost       its task goes to another board
|       |-- NoOtherBoard    and there is none
|       `-- BadScheduler    a Dask scheduler
|-- OutputLost              standard output takes no more
`-- ToolError               another program that is needed

Each family is defined in the room that raises it: PortError, LinkError and DeviceError in
`rpc.errors`, DataError in `data.errors`, RunError in `runs.errors`, ExportError in `export.errors`,
ModelFileError in `models.errors`, ImageError and ToolError in `firmware.errors`, FleetError in
`fleet.errors` and `joint.errors`, OutputLost in `view.streams`.
"""

from __future__ import annotations


class UgptError(Exception):
    """What went wrong and where (`message`), and what to try (`advice`, may be empty)."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message, advice)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".rstrip()


def reason_of(error: Exception) -> str:
    """What the system says of a path or a port, without naming it."""
    said = error.strerror if isinstance(error, OSError) else None
    return said or str(error) or type(error).__name__


class InvalidValue(UgptError):
    """A value cannot be, whatever files and devices there are; nothing was begun."""


class UnfitValue(InvalidValue):
    """A value that could be, but not with this file or this device."""
