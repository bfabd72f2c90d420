"""The models of a program that searches: each is loaded when it is first needed, once."""

import threading

from engine.errors import ModelError
from engine.model.spaces import SearchModel
from engine.paths import expanded
from engine.settings import ModelSettings
from storage.catalog import Catalog
from storage.errors import ModelMismatchError


class LoadedModels:
    """The model that ``settings`` name, and those that made what a library holds. Any thread may ask."""

    def __init__(self, settings: ModelSettings) -> None:
        self._settings = settings
        self._loaded: dict[str, SearchModel] = {}
        self._loading = threading.Lock()

    @property
    def name(self) -> str:
        """As the settings have it, a path made absolute, so that it means the same in whatever folder."""
        name = self._settings.name
        path = expanded(name)
        return str(path.absolute()) if name != "bundled" and path.exists() else name

    def load(self, name: str) -> SearchModel:
        """The model of that name. Raises ModelError."""
        with self._loading:
            if name not in self._loaded:
                from engine.model.loading import load_search_model

                self._loaded[name] = load_search_model(name, self._settings)
            return self._loaded[name]

    def of(self, catalog: Catalog) -> SearchModel:
        """The model that made what is in the library: until a change of model is finished, the old one.

        Raises ModelError, and ModelMismatchError if it is not to be had any more.
        """
        held, name = catalog.model(), self.name
        if held is None:
            return self.load(name)
        loaded = self._loaded.get(name)
        if loaded is not None and (loaded.fingerprint, loaded.dimension) == held:
            return loaded
        reason = "it has changed"
        for candidate in dict.fromkeys([catalog.model_name() or name, name]):
            try:
                model = self.load(candidate)
            except ModelError as error:
                if candidate == name:
                    raise
                reason = str(error)
                continue
            if (model.fingerprint, model.dimension) == held:
                return model
        raise ModelMismatchError(
            f"{catalog.path.parent}: the model that made this library cannot be loaded any more ({reason}); "
            "`synesthete rebuild` embeds everything anew with the model of the settings"
        )
