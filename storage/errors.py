"""The one base class of every error a user can meet, and the errors of the storage layer.

Each class carries the exit code with which the command line ends. ``docs/errors.md`` lists them all; a test holds that
table against the classes.
"""


class SynestheteError(Exception):
    """Base of all errors that are a user's to solve; its text is one line: what happened, to which file, what to do."""

    exit_code = 1


class DataFolderError(SynestheteError):
    """The data folder cannot be created, read or written."""

    exit_code = 10


class LibraryBusyError(SynestheteError):
    """Another process is changing this library."""

    exit_code = 11


class NewerCatalogError(SynestheteError):
    """The catalog was written by a newer version of synesthete."""

    exit_code = 12


class DamagedCatalogError(SynestheteError):
    """The catalog is not a readable SQLite file, or what it holds contradicts itself."""

    exit_code = 13


class ModelMismatchError(SynestheteError):
    """The library holds embeddings of another model than the one in use."""

    exit_code = 14
