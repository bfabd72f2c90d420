"""Which model answers: that of the settings, or that which made the library."""

from pathlib import Path

import pytest

from engine.errors import ModelError
from engine.loaded_models import LoadedModels
from engine.settings import ModelSettings
from storage.catalog import Catalog
from storage.errors import ModelMismatchError


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog(tmp_path / "data")


def test_a_model_is_loaded_once_and_answers_for_what_it_made(catalog: Catalog) -> None:
    models = LoadedModels(ModelSettings(threads=1))
    model = models.of(catalog)  # nothing has been made yet
    assert model is models.load("bundled") and models.name == "bundled"
    catalog.bind_model(model.fingerprint, model.dimension, "bundled")
    assert models.of(catalog) is model


def test_until_a_change_of_model_is_finished_the_old_one_answers(catalog: Catalog, tmp_path: Path) -> None:
    old = LoadedModels(ModelSettings(threads=1)).load("bundled")
    catalog.bind_model(old.fingerprint, old.dimension, "bundled")
    wanted = LoadedModels(ModelSettings(name=str(tmp_path / "another"), threads=1))
    assert wanted.of(catalog).fingerprint == old.fingerprint
    with pytest.raises(ModelError):
        wanted.load(wanted.name)


def test_a_model_that_is_not_to_be_had_any_more_is_told(catalog: Catalog) -> None:
    catalog.bind_model("0" * 64, 384, "bundled")
    with pytest.raises(ModelMismatchError, match=r"any more \(it has changed\)"):
        LoadedModels(ModelSettings(threads=1)).of(catalog)


def test_a_folder_is_named_absolutely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    assert LoadedModels(ModelSettings(name="mine")).name == str(tmp_path / "mine")
    assert LoadedModels(ModelSettings(name="hub:a/b")).name == "hub:a/b"
