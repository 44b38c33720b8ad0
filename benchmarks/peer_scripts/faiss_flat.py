"""Searches vectors with faiss's exact flat index, one query a line; runs where faiss is.

Usage: python faiss_flat.py VECTORS.npy K
"""

import json
import sys
import time

import faiss
import numpy as np


def main(file: str, k: int) -> None:
    """Say how long the index took; answer each row number on stdin with seconds and rows found."""
    vectors = np.load(file)
    start = time.perf_counter()
    faiss.normalize_L2(vectors)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    took = time.perf_counter() - start
    print(json.dumps({"seconds": took, "version": faiss.__version__}), flush=True)
    for line in sys.stdin:
        query = vectors[int(line)][np.newaxis]
        start = time.perf_counter()
        _, found = index.search(query, k + 1)
        seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds, "found": found[0].tolist()}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
