"""Fusing folders of safetensors: the result, what is refused, and that nothing half-written is left."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.errors import ModelError
from engine.fuse.checkpoint_folder import new_folder
from engine.fuse.merge import load_merged, merge, merge_parameter, open_inputs
from engine.fuse.recipe import FuseMethod, FuseRecipe, read_fuse_recipe
from engine.fuse.search import search_coefficients, weighted_recall
from engine.fuse.task_vectors import Parameter, TensorFolder, measure_geometry


def save(folder: Path, change: float = 0.0, **tensors: Tensor) -> Path:
    """A checkpoint in two files whose tensors are the base's plus ``change``."""
    folder.mkdir()
    backbone = {"backbone.a": torch.arange(6.0).reshape(2, 3) + change, "backbone.b": torch.ones(4) + change}
    other = {"audio_projector.w": torch.full((2,), 5.0 + change), "image_projector.w": torch.zeros(3) + change}
    save_file(backbone, folder / "first.safetensors")
    save_file({**other, **tensors}, folder / "second.safetensors")
    (folder / "config.json").write_text("{}")
    return folder


@pytest.fixture
def recipe(tmp_path: Path) -> FuseRecipe:
    save(tmp_path / "base")
    specialists = {"image": save(tmp_path / "image", 1.0), "audio": save(tmp_path / "audio", -2.0)}
    return FuseRecipe(base=tmp_path / "base", specialists=specialists, coefficients={"image": 0.5, "audio": 0.25})


def test_a_sum_and_the_owners_copy(recipe: FuseRecipe, tmp_path: Path) -> None:
    fused = TensorFolder(merge(recipe, tmp_path / "fused"))
    assert fused.read("backbone.b").tolist() == [1.0] * 4  # 1 + .5 * 1 + .25 * -2
    assert fused.read("image_projector.w").tolist() == [0.0] * 3
    assert fused.read("audio_projector.w").tolist() == [3.0] * 2  # the audio specialist's, whole
    assert (tmp_path / "fused" / "config.json").read_text() == "{}"
    told = tomllib.loads((tmp_path / "fused" / "recipe.toml").read_text())
    assert told["settings"]["coefficients"] == {"image": 0.5, "audio": 0.25}
    assert set(told["made_from"]["audio_specialist"]["sha256"]) == {"first.safetensors", "second.safetensors"}


def test_what_no_specialist_changed_stays_the_same_to_the_bit() -> None:
    base = torch.tensor([-0.0, 0.0, 1.0], dtype=torch.float16)
    method = FuseMethod(coefficients={"image": 0.3, "audio": 0.5})
    fused = merge_parameter(Parameter("image_encoder.a", base, {"image": base.float(), "audio": base.float()}), method)
    assert torch.equal(torch.signbit(fused), torch.signbit(base)) and torch.equal(fused, base.float())


def test_zero_coefficients_give_the_base(recipe: FuseRecipe, tmp_path: Path) -> None:
    zero = recipe.model_copy(update={"coefficients": {"image": 0.0, "audio": 0.0}, "owned": {}})
    fused, base = TensorFolder(merge(zero, tmp_path / "fused")), TensorFolder(recipe.base)
    assert all(torch.equal(fused.read(name), base.read(name)) for name in base.files)


@pytest.mark.parametrize("method", ["sum", "ties", "dare"])
def test_merging_into_a_model_gives_what_is_written(recipe: FuseRecipe, tmp_path: Path, method: str) -> None:
    recipe = recipe.model_copy(update={"method": method})
    fused = TensorFolder(merge(recipe, tmp_path / "fused"))
    model = torch.nn.Module()
    for name, tensor in {name: fused.read(name) for name in fused.files}.items():
        head, tail = name.split(".")
        if not hasattr(model, head):
            setattr(model, head, torch.nn.Module())
        setattr(getattr(model, head), tail, torch.nn.Parameter(torch.empty_like(tensor)))
    load_merged(model, *open_inputs(recipe), recipe)
    assert all(torch.equal(tensor, fused.read(name)) for name, tensor in model.state_dict().items())


def test_the_files_take_the_dtype_asked_for(recipe: FuseRecipe, tmp_path: Path) -> None:
    fused = TensorFolder(merge(recipe.model_copy(update={"dtype": "float16"}), tmp_path / "fused"))
    assert {fused.read(name).dtype for name in fused.files} == {torch.float16}


@pytest.mark.parametrize(
    ("tensors", "complaint"),
    [
        ({"image_projector.w": torch.zeros(4)}, r"audio: tensor image_projector.w has shape \[4\]"),
        ({"extra.w": torch.zeros(1)}, "has no tensor extra.w"),
        ({"backbone.b": torch.zeros(4)}, "backbone.b is in both first.safetensors and second.safetensors"),
    ],
)
def test_what_does_not_fit_is_named(
    recipe: FuseRecipe, tmp_path: Path, tensors: dict[str, Tensor], complaint: str
) -> None:
    for file in (tmp_path / "audio").iterdir():
        file.unlink()
    (tmp_path / "audio").rmdir()
    save(tmp_path / "audio", **tensors)
    with pytest.raises(ModelError, match=complaint):
        merge(recipe, tmp_path / "fused")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audio", "base", "image"]


def test_a_damaged_a_missing_and_an_existing_folder(recipe: FuseRecipe, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="exists already"):
        merge(recipe, tmp_path / "image")
    weights = tmp_path / "audio" / "first.safetensors"
    weights.write_bytes(weights.read_bytes()[:40])
    with pytest.raises(ModelError, match=r"audio: cannot read first.safetensors"):
        merge(recipe, tmp_path / "fused")
    weights.unlink()
    with pytest.raises(ModelError, match=r"tensor backbone.a of the base .* is missing"):
        merge(recipe, tmp_path / "fused")


def test_an_error_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), new_folder(tmp_path / "new") as folder:
        (folder / "half").write_text("written")
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_geometry_in_figures(recipe: FuseRecipe) -> None:
    geometry = measure_geometry(*open_inputs(recipe))
    assert geometry.norms == pytest.approx({"image": 10**0.5, "audio": 40**0.5})
    assert geometry.relative_norms["image"] == pytest.approx((10 / (55 + 4)) ** 0.5)
    assert geometry.cosines == {("audio", "image"): pytest.approx(-1.0)}


def recipe_file(folder: Path, text: str) -> Path:
    path = folder / "fuse.toml"
    path.write_text(text)
    return path


def test_a_recipe_file_names_folders_beside_it(tmp_path: Path) -> None:
    text = 'base = "b"\nmethod = "ties"\n[specialists]\naudio = "a"\n[coefficients]\naudio = 0.5\n'
    recipe = read_fuse_recipe(recipe_file(tmp_path, text))
    assert (recipe.base, recipe.specialists["audio"], recipe.method) == (tmp_path / "b", tmp_path / "a", "ties")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("base = 'b'\nalpha = 1\nspecialists = {audio = 'a'}\ncoefficients = {audio = 1}", "unknown key alpha"),
        ("base = 'b'\nspecialists = {audio = 'a'}\ncoefficients = {image = 1}", "coefficients must name each"),
        ("base = 'b'\nspecialists = {smell = 'a'}\ncoefficients = {smell = 1}", "smell"),
        ("base = ", "not valid TOML"),
    ],
)
def test_a_wrong_recipe_is_refused_in_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ModelError, match=complaint) as error:
        read_fuse_recipe(recipe_file(tmp_path, text))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["grid", "coordinate"])
def test_a_search_finds_the_top_of_a_hill_and_logs_its_way(tmp_path: Path, kind: Any) -> None:
    top = {"image": 0.2, "audio": 0.4}

    def hill(at: Any) -> float:
        return -sum((at[name] - top[name]) ** 2 for name in top)

    values = [0.0, 0.2, 0.4, 0.6]
    found = search_coefficients(["image", "audio"], values, hill, kind, log=tmp_path / "log.jsonl")
    assert found.best.coefficients == top
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == len(found.tries)
    tried = {tuple(one.coefficients.items()) for one in found.tries}
    assert len(tried) == len(found.tries) == (16 if kind == "grid" else len(tried))
    assert found == search_coefficients(["image", "audio"], values, hill, kind)


def test_recall_at_one_decides() -> None:
    drifted, whole = [(0.4, 0.95)], [(0.6, 0.93)]
    assert weighted_recall(whole) > weighted_recall(drifted)
