"""What can be chosen of exports: names and numbers, without any table or image."""

from __future__ import annotations

from dataclasses import dataclass

from napari_rxrx3.core.errors import RxRx3Error

__all__ = ["ENDINGS", "NGFF_VERSIONS", "PLACES", "SHARES", "SPLITS", "CropChoices"]

ENDINGS = {"parquet": ".parquet", "webdataset": ".tar"}
PLACES = ("grid", "random", "nuclei")
NGFF_VERSIONS = ("0.5", "0.4")
SPLITS = ("train", "validation", "test")
SHARES = (0.8, 0.1, 0.1)


@dataclass(frozen=True)
class CropChoices:
    """How wells are cut, and which experiments are held out.

    Attributes
    ----------
    size : int
        Side of a crop in pixels of the image.
    per_well : int
        How many of each well.
    places : {"grid", "random", "nuclei"}
        Spread evenly over the well, anywhere by `seed`, or around nuclei chosen by `seed`.
    form : {"parquet", "webdataset"}
    shares : tuple of float (3,)
        How much trains, validates and tests.
    apart : bool
        See `split_experiments`.
    """

    size: int = 256
    per_well: int = 4
    places: str = "grid"
    form: str = "parquet"
    seed: int = 0
    shares: tuple[float, ...] = SHARES
    apart: bool = False

    def __post_init__(self) -> None:
        for name, value, known in (("form", self.form, ENDINGS), ("places", self.places, PLACES)):
            if value not in known:
                raise RxRx3Error(f"There is no {name} {value!r}; there is {' and '.join(known)}.")
        if self.size < 1 or self.per_well < 1:
            raise RxRx3Error("A crop has a side of 1 pixel or more, and a well 1 crop or more.")

    @property
    def ending(self) -> str:
        return ENDINGS[self.form]
