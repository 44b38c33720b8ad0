"""Text in parquet files: nothing there makes sure that it is text at all."""

from __future__ import annotations

import pyarrow as pa

__all__ = ["mended_batch", "mended_text"]


def mended_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Mend all columns of text; see `mended_text`."""
    columns = [mended_text(column) for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def mended_text(column: pa.Array) -> pa.Array:
    """Replace what is not UTF-8 in a column of text by U+FFFD; other columns are left alone.

    Arrow takes the bytes as they are, and whoever makes text of them later meets the error.
    """
    if not _is_text(column.type):
        return column
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        cells = column.cast(pa.large_string()).cast(pa.large_binary()).to_pylist()
        texts = [None if cell is None else cell.decode("utf-8", "replace") for cell in cells]
        return pa.array(texts, column.type)
    return column


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(test(kind) for test in tests)
