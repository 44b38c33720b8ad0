"""What is exported to learn from is read by what the field learns with, each in its own place."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import napari_rxrx3 as rx
import screens as s
import zarr_plates as z
from own_environments import python_with, run_script

pytestmark = pytest.mark.soak  # pip takes a minute the first time

READERS = ("datasets", "webdataset", "numpy", "pillow")

LOAD_DATASET = """
import hashlib, json, sys
import numpy as np
from datasets import load_dataset
found = {}
for split, rows in load_dataset(sys.argv[1]).items():
    for row in rows:
        planes = [np.asarray(row[f"w{c}"]) for c in range(1, int(sys.argv[2]) + 1)]
        what = [split, row["treatment"], row["top"], row["left"], str(planes[0].dtype)]
        digest = hashlib.sha256(b"".join(p.astype(float).tobytes() for p in planes)).hexdigest()
        found[row["__key__"]] = [*what, digest]
print(json.dumps(found))
"""

WEBDATASET = """
import glob, hashlib, io, json, sys
import numpy as np
import webdataset as wds
from PIL import Image

def plane(sample, name):
    if f"{name}.npy" in sample:
        return np.load(io.BytesIO(sample[f"{name}.npy"]))
    return np.asarray(Image.open(io.BytesIO(sample[f"{name}.png"])))

found = {}
tars = sorted(glob.glob(sys.argv[1] + "/data/*.tar"))
for sample in wds.WebDataset(tars, shardshuffle=False):
    said = json.loads(sample["json"])
    planes = [plane(sample, f"w{c}") for c in range(1, int(sys.argv[2]) + 1)]
    what = [said["split"], said["treatment"], said["top"], said["left"], str(planes[0].dtype)]
    digest = hashlib.sha256(b"".join(p.astype(float).tobytes() for p in planes)).hexdigest()
    found[said["__key__"]] = [*what, digest]
print(json.dumps(found))
"""


@pytest.fixture(scope="module", params=["uint8", "uint16", "float32"])
def dataset(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> rx.Dataset:
    folder = tmp_path_factory.mktemp("learning")
    addresses = ("A1", "B2", "C3")
    for plate in ("first", "second", "third"):
        planes = {a: z.planes_of(f"{plate}{a}").clip(0, 255) for a in addresses}
        if request.param == "float32":
            planes = {a: (p.astype("float32") - 100) / 7 for a, p in planes.items()}
        planes = {a: p.astype(request.param) for a, p in planes.items()}
        z.write_plate(folder / "data" / f"{plate}.zarr", planes)
    rows = [
        (p, a, d)
        for p in ("first", "second", "third")
        for a, d in zip(addresses, ("DMSO", f"drug of {p}", f"other of {p}"), strict=True)
    ]
    table = pd.DataFrame(rows, columns=["Plate", "Well", "Drug"])
    table.to_csv(folder / "data" / "wells.csv", index=False)
    return rx.open_dataset(folder / "data", folder / "cache")


def expected(dataset: rx.Dataset, folder: Path, size: int) -> dict[str, list[object]]:
    """What each crop must say, by the images themselves."""
    import hashlib

    split_of = pd.read_csv(folder / "splits.csv").set_index("experiment_name")["split"]
    found: dict[str, list[object]] = {}
    for well_id, row in dataset.wells.iterrows():
        image = dataset.read(str(well_id))
        room = image.shape[1] - size
        for number, left in enumerate((0, room)):
            top = room // 2
            cut = image[:, top : top + size, left : left + size].astype(float)
            key = f"{row['experiment_name']}/Plate1/{row['address']}_s1_{number}"
            digest = hashlib.sha256(np.ascontiguousarray(cut).tobytes()).hexdigest()
            what = [split_of[row["experiment_name"]], row["treatment"], top, left]
            found[key] = [*what, str(image.dtype), digest]
    return found


@pytest.mark.parametrize(
    ("form", "script"), [("parquet", LOAD_DATASET), ("webdataset", WEBDATASET)]
)
def test_crops_are_read_as_they_were_cut(
    dataset: rx.Dataset, tmp_path: Path, form: str, script: str
) -> None:
    python = python_with("readers", READERS)
    folder = tmp_path / "crops"
    rx.export_crops(dataset, folder, size=16, per_well=2, form=form, shares=(1, 1, 1))
    said = json.loads(run_script(python, script, folder, 4, home=tmp_path))
    assert said == expected(dataset, folder, 16)
    assert len({what[0] for what in said.values()}) == 3


TORCH = (*READERS, "torch==2.13.0+cpu")
"""Without what a graphics card needs, which is 2 GB more; skipped where pip does not find it."""

IN_BATCHES = """
import glob, hashlib, io, json, sys
import numpy as np
import torch
from torch.utils.data import DataLoader

folder, n, form = sys.argv[1], int(sys.argv[2]), sys.argv[3]
names = [f"w{c}" for c in range(1, n + 1)]

def batch(rows):
    planes = [torch.stack([row[name].squeeze() for name in names]) for row in rows]
    said = [[row[k] for k in ("__key__", "split", "treatment")] for row in rows]
    where = torch.tensor([[int(row["top"]), int(row["left"])] for row in rows])
    return torch.stack(planes), said, where

def sample_of(sample):
    from PIL import Image
    row = json.loads(sample["json"])
    for name in names:
        if f"{name}.npy" in sample:
            plane = np.load(io.BytesIO(sample[f"{name}.npy"]))
        else:
            plane = np.array(Image.open(io.BytesIO(sample[f"{name}.png"])))
        row[name] = torch.from_numpy(plane)
    return row

if form == "parquet":
    from datasets import load_dataset
    found = load_dataset(folder).with_format("torch")
    loaders = [DataLoader(rows, batch_size=2, num_workers=2, collate_fn=batch)
               for rows in found.values()]
    for rows in found.values():  # as the guide has it
        rows = rows.select_columns(["treatment", *names])
        for each in DataLoader(rows, batch_size=2, num_workers=2):
            planes = torch.cat([each[name] for name in names], dim=1).float()
            assert planes.shape[1:] == (n, 16, 16) and len(each["treatment"]) == len(planes)
else:
    import webdataset as wds
    tars = sorted(glob.glob(folder + "/data/*.tar"))
    rows = wds.WebDataset(tars, shardshuffle=False).map(sample_of)
    loaders = [DataLoader(rows, batch_size=2, num_workers=2, collate_fn=batch)]
rows, shapes = {}, set()
for images, said, where in (each for loader in loaders for each in loader):
    shapes.add(tuple(images.shape[1:]))
    for image, (key, split, treatment), (top, left) in zip(images, said, where.tolist()):
        digest = hashlib.sha256(np.ascontiguousarray(image.double().numpy())).hexdigest()
        assert key not in rows, key + " came twice"
        rows[key] = [split, treatment, top, left, str(image.dtype), digest]
print(json.dumps([rows, sorted(shapes)]))
"""


@pytest.mark.parametrize("form", ["parquet", "webdataset"])
def test_workers_of_torch_give_crops_in_batches(
    dataset: rx.Dataset, tmp_path: Path, form: str
) -> None:
    python = python_with("torch", TORCH)
    folder = tmp_path / "crops"
    rx.export_crops(dataset, folder, size=16, per_well=2, form=form, shares=(1, 1, 1))
    said, shapes = json.loads(run_script(python, IN_BATCHES, folder, 4, form, home=tmp_path))
    wanted = expected(dataset, folder, 16)
    assert shapes == [[4, 16, 16]]
    kind = next(iter(wanted.values()))[4]
    assert {row.pop(4) for row in said.values()} == {f"torch.{kind}"}
    assert said == {key: [*row[:4], *row[5:]] for key, row in wanted.items()}


H5AD = """
import json, sys
import anndata, numpy as np
import napari_rxrx3 as rx
m = rx.open_dataset(sys.argv[1], sys.argv[2]).phenomap(level=sys.argv[3])
made = m.to_anndata()
m.to_h5ad(sys.argv[4])
again = anndata.read_h5ad(sys.argv[4])
for each in (made, again):
    np.testing.assert_array_equal(each.X, m.vectors)
    assert list(each.obs_names) == list(m.labels.index)
    numbers = m.all_numbers()
    assert set(each.obs) == set(m.labels) | set(numbers)
    for table in (m.labels, numbers):
        for name in table:
            ours, theirs = table[name], each.obs[name]
            assert (ours.isna().to_numpy() == theirs.isna().to_numpy()).all(), name
            known = ours.notna().to_numpy()
            assert list(ours[known]) == list(theirs[known]), name
print(again.uns["napari_rxrx3"])
"""


@pytest.mark.parametrize("level", ["well", "perturbation"])
def test_a_map_comes_back_from_anndata(tmp_path: Path, level: str) -> None:
    python = python_with("anndata", ("anndata", f"pandas=={pd.__version__}"), ours=True)
    address = s.gene_screen(6, plates=1).open(tmp_path).address
    where = (address, tmp_path / "cache", level, tmp_path / "map.h5ad")
    made = json.loads(run_script(python, H5AD, *where, home=tmp_path))
    assert (made["level"], made["plugin"]) == (level, rx.__version__)
    command = "from napari_rxrx3.cli import main; import sys; sys.exit(main(sys.argv[1:]))"
    file = tmp_path / "again.h5ad"
    said = run_script(python, command, "export", "map", address, file, home=tmp_path)
    assert f"written to {file}" in said
    assert file.read_bytes()[:4] == b"\x89HDF"
