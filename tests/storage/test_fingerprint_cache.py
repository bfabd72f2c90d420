"""The cache of fingerprints: what it keeps, and that damage costs no more than its contents."""

from pathlib import Path

import pytest

from storage.fingerprint_cache import FingerprintCache


def test_it_keeps_what_it_was_given_until_the_version_changes(tmp_path: Path) -> None:
    with FingerprintCache(tmp_path, version=1) as cache:
        cache.put(b"a", "image", b"one")
        cache.put(b"b", "image", b"two")
    with FingerprintCache(tmp_path, version=1) as cache:
        assert cache.known() == {(b"a", "image"), (b"b", "image")}
        assert cache.get(b"a", "image") == b"one" and cache.get(b"a", "video") is None
        cache.keep_only({b"b"})
        assert cache.get(b"a", "image") is None
    with FingerprintCache(tmp_path, version=2) as cache:
        assert cache.known() == set()


def test_a_damaged_file_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "fingerprints.sqlite").write_bytes(b"no database at all" * 100)
    with FingerprintCache(tmp_path, version=1) as cache:
        cache.put(b"a", "image", b"one")
    with FingerprintCache(tmp_path, version=1) as cache:
        assert cache.get(b"a", "image") == b"one"


@pytest.mark.parametrize("folder", ["gone"])
def test_where_nothing_can_be_written_it_works_from_memory(tmp_path: Path, folder: str) -> None:
    with FingerprintCache(tmp_path / folder, version=1) as cache:
        cache.put(b"a", "image", b"one")
        assert cache.get(b"a", "image") == b"one"
    assert not (tmp_path / folder).exists()
