"""Searches vectors with faiss's exact flat index, one query a line; runs where faiss is.

Usage: python faiss_flat.py VECTORS.npy K
"""

import json
import sys
import time

import faiss
import numpy as np


def main(file: str, k: int) -> None:
    """Answer each row number on stdin with the seconds it took and the rows that were found."""
    vectors = np.load(file)
    faiss.normalize_L2(vectors)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    print(json.dumps({"threads": faiss.omp_get_max_threads()}), flush=True)
    for line in sys.stdin:
        query = vectors[int(line)][np.newaxis]
        start = time.perf_counter()
        _, found = index.search(query, k + 1)
        seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds, "found": found[0].tolist()}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
