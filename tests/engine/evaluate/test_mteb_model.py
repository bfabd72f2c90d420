"""Our model as mteb sees it: mteb's own evaluation of tiny tasks whose data lie in memory, without network."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("mteb")

import datasets
import huggingface_hub
from mteb import TaskMetadata
from mteb.abstasks import AbsTaskRetrieval

from engine.errors import ModelError
from engine.evaluate.mteb_model import MtebModel, cut_row, named_tasks, resample, run_tasks
from engine.evaluate.tables import markdown
from engine.model.embedder import ModelEmbedder
from indexer.pieces import ExtractedPiece, MediaFormat
from tests.engine.train.tiny import COLOURS, CONCEPTS, save_tiny

RATE = 16_000


def tone(number: int, seconds: float = 0.5) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    partials = range(3 * number + 1)
    return (sum(np.sin(2 * np.pi * 97 * (3 * n + 1) * time) for n in partials) / len(partials)).astype(np.float32)


CONTENT: dict[str, list[Any]] = {
    "text": [f"the colour {concept}" for concept in CONCEPTS],
    "image": [Image.new("RGB", (40, 32), colour) for colour in COLOURS],
    "audio": [{"array": tone(number), "sampling_rate": RATE} for number in range(len(CONCEPTS))],
}


def task(asking: str, answering: str) -> AbsTaskRetrieval:
    """Twelve queries and twelve answers, in memory."""

    class Local(AbsTaskRetrieval):
        metadata = TaskMetadata(
            name=f"Local{asking.title()}To{answering.title()}",
            description="Colours.",
            dataset={"path": "NA", "revision": "NA"},
            type="Any2AnyRetrieval",
            category=f"{asking[0]}2{answering[0]}",
            modalities=sorted({asking, answering}),
            eval_splits=["test"],
            eval_langs=["eng-Latn"],
            main_score="ndcg_at_10",
        )

        def load_data(self, num_proc: int | None = None, **told: Any) -> None:
            numbers = range(len(CONCEPTS))
            self.dataset = {
                "default": {
                    "test": {
                        "queries": table(asking, [f"q{n}" for n in numbers]),
                        "corpus": table(answering, [f"d{n}" for n in numbers]),
                        "relevant_docs": {f"q{n}": {f"d{n}": 1} for n in numbers},
                        "top_ranked": None,
                    }
                }
            }
            self.data_loaded = True

    return Local()


def table(modality: str, names: list[str]) -> datasets.Dataset:
    features = {"image": datasets.Image()}.get(modality)
    data = datasets.Dataset.from_dict({"id": names, modality: CONTENT[modality]})
    return data if features is None else data.cast_column(modality, features)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if these libraries had been imported under HF_HUB_OFFLINE; other tests have imported them long since."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("mteb") / "model")


@pytest.fixture(scope="module")
def embedder(folder: Path) -> ModelEmbedder:
    return ModelEmbedder.load(folder)


@pytest.mark.parametrize(
    ("asking", "answering"), [("text", "text"), ("text", "image"), ("image", "image"), ("audio", "text")]
)
def test_mteb_reaches_the_score_that_our_own_embeddings_give(
    folder: Path, embedder: ModelEmbedder, asking: str, answering: str
) -> None:
    report = run_tasks(folder, [task(asking, answering)])
    name = f"Local{asking.title()}To{answering.title()}"
    assert report["fingerprint"] == embedder.fingerprint and report["tasks"][name]["metric"] == "ndcg_at_10"

    def vectors(modality: str) -> np.ndarray:
        return np.concatenate([embedder.embed([piece(modality, number)]) for number in range(len(CONCEPTS))])

    cosines = vectors(asking) @ vectors(answering).T
    gains = [float(1 / np.log2(1 + rank)) if rank <= 10 else 0.0 for rank in worst_ranks(cosines)]
    best = [float(1 / np.log2(1 + rank)) if rank <= 10 else 0.0 for rank in best_ranks(cosines)]
    assert np.mean(gains) - 1e-4 <= report["tasks"][name]["score"] <= np.mean(best) + 1e-4
    if asking == answering:
        assert report["tasks"][name]["score"] == pytest.approx(1.0)
    json.dumps(report)
    assert f"| {name} | ndcg_at_10 | {report['tasks'][name]['score']:.4f} |" in markdown(report)


def piece(modality: str, number: int) -> ExtractedPiece:
    if modality == "text":
        return ExtractedPiece("text", text=CONTENT["text"][number])
    if modality == "image":
        return ExtractedPiece("image", frames=np.asarray(CONTENT["image"][number])[np.newaxis])
    return ExtractedPiece("audio", sound=resample(CONTENT["audio"][number]["array"], RATE, MediaFormat().sample_rate))


def worst_ranks(cosines: np.ndarray, slack: float = 1e-5) -> np.ndarray:
    return (cosines >= cosines.diagonal()[:, None] - slack).sum(axis=1)


def best_ranks(cosines: np.ndarray, slack: float = 1e-5) -> np.ndarray:
    return (cosines > cosines.diagonal()[:, None] + slack).sum(axis=1) + 1


def test_a_row_is_cut_as_its_file_would_be() -> None:
    media = MediaFormat(image_size=32, sample_rate=RATE)
    picture = Image.new("RGB", (64, 40), "red")
    (page,) = cut_row({"text": "a page", "image": picture}, media)
    assert page.modality == "document" and page.text == "a page" and page.frames is not None
    assert page.frames.shape == (1, 32, 51, 3)
    film = np.stack([np.full((3, 40, 64), 10 * number, np.uint8) for number in range(9)])
    moment, *sound = cut_row({"video": film, "audio": {"array": tone(1, 12), "sampling_rate": RATE}}, media)
    assert moment.modality == "video" and moment.frames is not None
    assert moment.frames[:, 0, 0, 0].tolist() == [0, 30, 50, 80]
    assert [one.modality for one in sound] == ["audio"] * 3
    assert [len(one.sound) / RATE for one in sound if one.sound is not None] == [5, 5, 2]
    with pytest.raises(ModelError, match="none of text, image, audio, video"):
        cut_row({}, media)


def test_sound_is_mixed_and_resampled() -> None:
    stereo = np.stack([tone(0, 1), np.zeros(RATE, np.float32)])
    found = resample(stereo, RATE, 44_100)
    assert found.dtype == np.float32 and abs(len(found) - 44_100) < 50
    spectrum = np.abs(np.fft.rfft(found))
    assert spectrum.argmax() * 44_100 / len(found) == pytest.approx(97, abs=1.5)
    assert np.abs(found).max() == pytest.approx(0.5, abs=0.05)


def test_a_row_of_several_pieces_is_their_mean_direction(embedder: ModelEmbedder) -> None:
    model = MtebModel(embedder)
    rows = [{"audio": {"array": tone(number, 11), "sampling_rate": RATE}} for number in range(2)]
    loader = type("Loader", (), {"__iter__": lambda self: iter([self.collate_fn(rows)])})()
    found = model.encode(loader)
    pieces = embedder.embed(cut_row(rows[1], embedder.media))
    assert len(pieces) == 3
    expected = pieces.mean(axis=0) / np.linalg.norm(pieces.mean(axis=0))
    np.testing.assert_allclose(found[1], expected, atol=1e-5)
    np.testing.assert_allclose(model.similarity(found, found).diagonal(), [1, 1], atol=1e-5)
    np.testing.assert_allclose(model.similarity_pairwise(found, found), [1, 1], atol=1e-5)


def test_a_task_that_there_is_not_or_that_cannot_be_fetched_is_one_line(folder: Path) -> None:
    with pytest.raises(ModelError, match="no task NoSuchTask"):
        named_tasks(["NoSuchTask"])
    (public,) = named_tasks(["NFCorpus"])
    with pytest.raises(ModelError, match="NFCorpus failed") as caught:
        run_tasks(folder, [public])
    assert "\n" not in str(caught.value)
