"""How many threads FAISS uses for one search."""

from collections.abc import Iterator
from contextlib import contextmanager

import faiss


@contextmanager
def one_thread() -> Iterator[None]:
    """FAISS computes in the calling thread alone as long as the context lasts.

    One query over one index has nothing to share out, and FAISS brings an OpenMP of its own: its second thread waits
    for a processor on which torch's threads still look out for work, 10 ms at worst for a search of a tenth of one.
    """
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
