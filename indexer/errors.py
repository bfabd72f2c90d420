"""Errors of finding and taking apart files."""

from storage.errors import SynestheteError


class MissingPathError(SynestheteError):
    """A path that was named does not exist or cannot be read."""

    exit_code = 20


class DecoderStartError(SynestheteError):
    """The process that decodes files cannot be started on this machine."""

    exit_code = 22


class ExtractionError(SynestheteError):
    """One file could not be taken apart. The text is the reason alone, without the path: it is recorded beside it."""

    exit_code = 21


class RecogniserError(SynestheteError):
    """Words cannot be recognised in pictures or speech: an extra is not installed, or its model cannot be loaded."""

    exit_code = 23
