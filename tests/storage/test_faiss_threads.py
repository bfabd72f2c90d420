"""One search uses one thread, and what comes after it as many as before."""

import faiss
import pytest

from storage.faiss_threads import one_thread


def test_threads_are_as_they_were_after_a_search_and_after_an_error() -> None:
    before = faiss.omp_get_max_threads()
    with one_thread():
        assert faiss.omp_get_max_threads() == 1
    assert faiss.omp_get_max_threads() == before
    with pytest.raises(ValueError), one_thread():
        raise ValueError
    assert faiss.omp_get_max_threads() == before
