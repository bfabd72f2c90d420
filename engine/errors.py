"""Errors of the engine: the model, and what is asked of it."""

from storage.errors import SynestheteError


class ModelError(SynestheteError):
    """A model cannot be loaded: its folder, config.json or a weight is missing, damaged or of another shape."""

    exit_code = 30


class SettingsError(SynestheteError):
    """A settings file or variable has an unknown key, a wrong type, or cannot be read."""

    exit_code = 31


class QueryError(SynestheteError):
    """What was asked makes no sense as it stands: nothing to look for, a file that cannot be a query, a bad date."""

    exit_code = 2


class ServiceError(SynestheteError):
    """The service cannot be started: its address is taken, or another one serves this library."""

    exit_code = 32


class HubError(ModelError):
    """A model of a hub cannot be had: no such name, no network, no access, no space, or it was not downloaded yet."""

    exit_code = 33
