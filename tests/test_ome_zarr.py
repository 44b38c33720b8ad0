"""Plates of OME-Zarr that others wrote: opened, shown and compared as RxRx3 is."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import builders as b
import napari_rxrx3 as rx
import zarr_plates as z
from napari_rxrx3.core.errors import DatasetNotFound, ImageUnavailable, MetadataError
from napari_rxrx3.core.plate import LAYOUTS, Layout
from napari_rxrx3.data.images.decode import shrink
from napari_rxrx3.data.images.ome_zarr import fields_of, image_info, plate_info

VERSIONS = pytest.mark.parametrize("version", ["0.5", "0.4"])


def opened(path: Path, tmp_path: Path) -> rx.Dataset:
    return rx.open_dataset(path, cache_dir=tmp_path / "cache")


def attributes_file(group: Path) -> Path:
    return next(f for f in (group / "zarr.json", group / ".zattrs") if f.exists())


@VERSIONS
@pytest.mark.parametrize("padded", [False, True])
def test_a_plate_gives_its_wells_and_planes(tmp_path: Path, version: str, padded: bool) -> None:
    wells = {a: z.planes_of(a) for a in ("B2", "B3", "P24")}
    path = z.write_plate(tmp_path / "BR001.zarr", wells, version=version, padded=padded)
    dataset = opened(path, tmp_path)
    assert list(dataset.wells.index) == ["BR001_1_B02", "BR001_1_B03", "BR001_1_P24"]
    assert list(dataset.wells["has_image"]) == [True] * 3
    for address, planes in wells.items():
        well = f"BR001_1_{address[0]}{int(address[1:]):02d}"
        np.testing.assert_array_equal(dataset.read(well), planes)
        np.testing.assert_array_equal(dataset.image(well).compute(), planes)
    assert [s.name for s in dataset.stains] == ["Hoechst", "Tubulin", "Actin", "pH3"]
    assert dataset.stains[0].color == (0, 0, 1)
    assert dataset.layout == Layout(16, 24)
    assert dataset.pixel_size_um == pytest.approx(0.325)
    assert "embeddings" in dataset.describe()


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_plates_of_6_to_1536_wells(tmp_path: Path, layout: Layout) -> None:
    last = f"{z.row_name(layout.rows - 1)}{layout.columns}"
    wells = {"A1": z.planes_of("A1"), last: z.planes_of("last")}
    z.write_plate(tmp_path / "p.zarr", wells, rows=layout.rows, columns=layout.columns)
    dataset = opened(tmp_path / "p.zarr", tmp_path)
    assert dataset.layout == layout
    assert len(dataset.wells) == 2
    np.testing.assert_array_equal(dataset.read(dataset.wells.index[-1]), wells[last])


@pytest.mark.parametrize("n", [1, 2, 7, 20])
def test_1_to_20_channels(tmp_path: Path, n: int) -> None:
    planes = z.planes_of("A1", n)
    z.write_plate(tmp_path / "p.zarr", {"A1": planes}, channels=None)
    dataset = opened(tmp_path / "p.zarr", tmp_path)
    assert len(dataset.stains) == len(dataset.channels) == n
    assert len({s.name for s in dataset.stains}) == n
    np.testing.assert_array_equal(dataset.read("p_1_A01"), planes)
    assert dataset.thumbnail("p_1_A01", 16).shape == (n, 16, 16)
    with pytest.raises(ImageUnavailable):
        dataset.plane("p_1_A01", n + 1)


@VERSIONS
def test_time_points_and_depth(tmp_path: Path, version: str) -> None:
    rng = np.random.default_rng(3)
    image = rng.integers(1, 1000, (2, 4, 5, 48, 48), dtype=np.uint16)
    z.write_plate(tmp_path / "p.zarr", {"A1": image}, axes="tczyx", version=version)
    dataset = opened(tmp_path / "p.zarr", tmp_path)
    np.testing.assert_array_equal(dataset.read("p_1_A01"), image[0, :, 2])


@VERSIONS
def test_shards_and_smaller_levels(tmp_path: Path, version: str) -> None:
    planes = z.planes_of("A1", size=256)
    path = tmp_path / "p.zarr"
    z.write_plate(path, {"A1": planes}, version=version, levels=3, sharded=version == "0.5")
    dataset = opened(path, tmp_path)
    quarter = planes[:, ::4, ::4]
    np.testing.assert_array_equal(dataset.preview("p_1_A01", 2), quarter[1])
    for chunks in (path / "A" / "1" / "0" / "0").iterdir():
        if chunks.is_dir():
            shutil.rmtree(chunks)  # a small picture needs no large one
    again = rx.open_dataset(path, cache_dir=tmp_path / "other")
    np.testing.assert_array_equal(again.preview("p_1_A01", 2), quarter[1])
    with pytest.raises(ImageUnavailable):
        again.read("p_1_A01")


def test_of_several_fields_the_first_unless_said(tmp_path: Path) -> None:
    fields = [z.planes_of("one"), z.planes_of("two")]
    path = z.write_plate(tmp_path / "p.zarr", {"A1": fields, "A2": fields[:1]})
    np.testing.assert_array_equal(opened(path, tmp_path).read("p_1_A01"), fields[0])
    (path / "napari-rxrx3.toml").write_text("[images]\nfield = 2\n")
    dataset = opened(path, tmp_path)
    np.testing.assert_array_equal(dataset.read("p_1_A01"), fields[1])
    said = "\n".join(dataset.check().problems["detail"])
    assert "A/2" in said
    assert "no field 2" in said


@VERSIONS
@pytest.mark.parametrize(
    ("rows", "columns", "field"),
    [("ab", ("001", "002"), "cycle0"), ("12", ("1", "2"), "1_illum"), ("AB", ("01", "2"), "0")],
)
def test_rows_columns_and_fields_of_any_name(
    tmp_path: Path, version: str, rows: str, columns: tuple[str, str], field: str
) -> None:
    """As ome-zarr-py and ngio write them, which take any letters and digits."""
    wells = {"A1": z.planes_of("first"), "B2": z.planes_of("last")}
    path = z.write_plate(tmp_path / "p.zarr", wells, rows=2, columns=2, version=version)
    for number, (row, column) in enumerate(zip(rows, columns, strict=True)):
        well = path / "AB"[number] / str(number + 1)
        (well / "0").rename(well / "field")
        (well / "field").rename(well / field)
        edit(well, "well", {"images": [{"path": field, "acquisition": 3}]})
        well.rename(well.with_name(column))
        (path / "AB"[number]).rename(path / row)
    said = [
        {"path": f"{row}/{column}", "rowIndex": n, "columnIndex": n}
        for n, (row, column) in enumerate(zip(rows, columns, strict=True))
    ]
    plate = {
        "rows": [{"name": name} for name in rows],
        "columns": [{"name": name} for name in columns],
        "wells": said,
        "acquisitions": [{"id": 3, "name": "third"}],
    }
    edit(path, "plate", plate)
    dataset = opened(path, tmp_path)
    assert [name[-3:] for name in dataset.wells.index] == ["A01", "B02"]
    for well, planes in zip(dataset.wells.index, wells.values(), strict=True):
        np.testing.assert_array_equal(dataset.read(well), planes)
    assert dataset.check().is_clean


def edit(group: Path, key: str, value: Any) -> None:
    """Replace what the attributes of a group say of something."""
    file = attributes_file(group)
    content = json.loads(file.read_text())
    attributes = content.get("attributes", content)
    attributes.get("ome", attributes)[key] = value
    file.write_text(json.dumps(content))


def test_what_is_listed_and_not_there_is_said(tmp_path: Path) -> None:
    wells = {a: z.planes_of(a) for a in ("A1", "A2", "A3", "A4")}
    path = z.write_plate(tmp_path / "p.zarr", wells)
    shutil.rmtree(path / "A" / "2")
    shutil.rmtree(path / "A" / "3" / "0")
    attributes_file(path / "A" / "4" / "0").write_text("{")
    dataset = opened(path, tmp_path)
    assert list(dataset.wells.index) == ["p_1_A01"]
    said = "\n".join(dataset.check().problems["detail"])
    for words in ("A/2", "A/3", "A/4", "not there", "damaged"):
        assert words in said


def test_planes_that_are_not_stored_are_no_dark_images(tmp_path: Path) -> None:
    path = z.write_plate(tmp_path / "p.zarr", {"A1": z.planes_of("A1"), "A2": z.planes_of("A2")})
    for chunks in (path / "A" / "1" / "0").glob("*/c/2"):
        shutil.rmtree(chunks)
    dataset = opened(path, tmp_path)
    with pytest.raises(ImageUnavailable, match="nothing is stored"):
        dataset.plane("p_1_A01", 3)
    assert dataset.plane("p_1_A01", 2).any()
    assert "unreadable_plane" in set(dataset.check().problems["kind"])


@VERSIONS
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe\x00",
        b'{"attributes": []}',
        b'{"plate": 3, "attributes": {"ome": {"plate": 3}}}',
        b'{"plate": {"wells": {}}, "attributes": {"ome": {"plate": {}}}}',
    ],
)
def test_damaged_metadata_are_one_sentence(tmp_path: Path, version: str, content: bytes) -> None:
    path = z.write_plate(tmp_path / "p.zarr", {"A1": z.planes_of("A1")}, version=version)
    attributes_file(path).write_bytes(content)
    with pytest.raises(DatasetNotFound) as error:
        opened(path, tmp_path)
    assert "p.zarr" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_chunk_that_is_damaged_is_one_plane_less(tmp_path: Path) -> None:
    path = z.write_plate(tmp_path / "p.zarr", {"A1": z.planes_of("A1")})
    for chunk in (path / "A" / "1" / "0" / "0" / "c" / "1").rglob("*"):
        if chunk.is_file():
            chunk.write_bytes(b"no chunk")
    dataset = opened(path, tmp_path)
    with pytest.raises(ImageUnavailable, match="A/1"):
        dataset.plane("p_1_A01", 2)
    assert dataset.plane("p_1_A01", 1).any()


def test_pixels_of_other_kinds(tmp_path: Path) -> None:
    kinds = {
        **dict.fromkeys(("uint8", "uint16"), None),
        **dict.fromkeys(("int8", "int16", "uint32", "int64", "float16", "float64"), "float32"),
    }
    for dtype, shown in kinds.items():
        planes = z.planes_of("A1").clip(0, 127).astype(dtype)
        if dtype[0] in "if":
            planes -= planes.dtype.type(40)
        path = z.write_plate(tmp_path / f"{dtype}.zarr", {"A1": planes})
        dataset = opened(path, tmp_path)
        read = dataset.read(f"{dtype}_1_A01")
        assert read.dtype == (shown or dtype)
        np.testing.assert_array_equal(read, planes)
        assert dataset.image(f"{dtype}_1_A01").dtype == read.dtype
        assert dataset.check().is_clean


def test_a_folder_of_plates_is_one_data_set(tmp_path: Path) -> None:
    for name in ("BR001", "BR002", "screen-Plate7"):
        z.write_plate(tmp_path / "data" / f"{name}.zarr", {"C3": z.planes_of(name)})
    (tmp_path / "data" / "else.zarr").mkdir()
    dataset = opened(tmp_path / "data", tmp_path)
    ids = ["BR001_1_C03", "BR002_1_C03", "screen_7_C03"]
    assert sorted(dataset.wells.index) == ids
    for well in ids:
        name = "screen-Plate7" if "_7_" in well else well.split("_")[0]
        np.testing.assert_array_equal(dataset.read(well), z.planes_of(name))


def test_plates_that_call_their_channels_otherwise_are_named(tmp_path: Path) -> None:
    z.write_plate(tmp_path / "data" / "a.zarr", {"A1": z.planes_of("a")})
    other = (*z.FOUR[:3], ("GFP", "00FF00", (0.0, 1.0)))
    z.write_plate(tmp_path / "data" / "b.zarr", {"A1": z.planes_of("b")}, channels=other)
    problems = opened(tmp_path / "data", tmp_path).check().problems
    said = problems[problems["kind"] == "disagreement"]["detail"].iloc[0]
    assert "GFP" in said
    assert "pH3" in said


@VERSIONS
def test_what_is_exported_comes_back(tmp_path: Path, version: str) -> None:
    rows = [b.guide_row("gene-001", 1, a, "PLK1") for a in ("B02", "AA15", "AE47")]
    rows += [b.control_row("gene-001", 1, "C03")]
    screen = b.Screen.of(rows, 128, "uint16")
    source = rx.open_dataset(screen.write_rxrx3(tmp_path / "data"), cache_dir=tmp_path / "cache")
    rx.export_zarr(source, tmp_path / "out", ngff=version)
    back = opened(tmp_path / "out", tmp_path)
    assert back.stains == rx.STAINS
    assert back.layout == source.layout
    columns = ["treatment", "gene", "well_type", "perturbation_type", "row", "column"]
    pd.testing.assert_frame_equal(back.wells[columns], source.wells[columns])
    for well in back.wells.index:
        np.testing.assert_array_equal(back.read(well), source.read(well))
        np.testing.assert_array_equal(back.preview(well, 1), shrink(source.plane(well, 1), 64))


def test_a_gap_that_an_export_left_stays_one(tmp_path: Path) -> None:
    rows = [b.guide_row("gene-001", 1, a, "PLK1") for a in ("B02", "B03")]
    screen = b.Screen.of(rows, 128, "uint16")
    root = screen.write_rxrx3(tmp_path / "data")
    files = b.image_files(screen.by_plate()["gene-001", "1"])
    del files["B02_s1_w3.png"]
    b.write_tar(root / "images" / "gene-001" / "Plate1.tar", files)
    rx.export_zarr(opened(root, tmp_path), tmp_path / "out")
    back = opened(tmp_path / "out", tmp_path)
    with pytest.raises(ImageUnavailable) as error:
        back.plane("gene-001_1_B02", 3)
    assert error.value.missing
    assert "missing_plane" in set(back.check().problems["kind"])


# --- wells that a table of one's own lists ---------------------------------------------------


def own_screen(folder: Path, **table: Any) -> Path:
    for plate in ("BR001", "BR002"):
        wells = {f"{r}{c}": z.planes_of(f"{plate}{r}{c}") for r in "AB" for c in (1, 2, 3)}
        z.write_plate(folder / f"{plate}.zarr", wells, rows=8, columns=12)
    rows = []
    for plate in ("BR001", "BR002"):
        for i, (r, c) in enumerate((r, c) for r in "AB" for c in (1, 2, 3)):
            drug = "DMSO" if i < 2 else ("taxol" if i < 4 else "nocodazole")
            dose = "" if i < 2 else 500
            rows.append([plate, f"{r}{c}", drug, dose, "x"])
    pd.DataFrame(rows, columns=["Barcode", "Position", "Drug", "conc_nM", "note"]).to_csv(
        folder / "layout.csv", index=False
    )
    return folder


def test_a_table_of_any_columns_says_what_wells_received(tmp_path: Path) -> None:
    dataset = opened(own_screen(tmp_path / "data"), tmp_path)
    wells = dataset.wells
    assert len(wells) == 12
    assert dataset.layout == Layout(8, 12)
    assert wells.loc["BR001_1_A01", "treatment"] == "EMPTY_control"
    assert wells.loc["BR001_1_A01", "well_type"] == "EMPTY_control"
    assert wells.loc["BR002_1_B03", "treatment"] == "nocodazole"
    assert wells.loc["BR002_1_B03", "concentration"] == pytest.approx(0.5)
    assert set(wells["has_image"]) == {True}
    said = [p.detail for p in dataset.problems if p.kind == "interpreted"]
    assert any("'Drug' as treatment" in text and "'DMSO'" in text for text in said)
    assert dataset.own_table is not None
    assert dataset.own_table.roles.controls == ("DMSO",)


def test_what_the_user_says_holds(tmp_path: Path) -> None:
    folder = own_screen(tmp_path / "data")
    (folder / "napari-rxrx3.toml").write_text(
        '[controls]\nvalues = ["taxol"]\n\n[stains]\nnames = ["DNA"]\ncolors = ["#ff0000"]\n\n'
        "[layout]\nwells = 384\n"
    )
    dataset = opened(folder, tmp_path)
    assert dataset.wells.loc["BR001_1_A01", "treatment"] == "DMSO"
    assert dataset.wells.loc["BR001_1_A03", "treatment"] == "EMPTY_control"
    assert [s.name for s in dataset.stains] == ["DNA", "Tubulin", "Actin", "pH3"]
    assert dataset.stains[0].color == (1, 0, 0)
    assert dataset.layout == Layout(16, 24)


def test_maps_are_made_of_vectors_of_ones_own(tmp_path: Path) -> None:
    folder = own_screen(tmp_path / "data")
    ids = opened(folder, tmp_path).wells.index
    rng = np.random.default_rng(1)
    table = pd.DataFrame(rng.normal(size=(len(ids), 6)), columns=[f"f_{i}" for i in range(6)])
    table.insert(0, "well_id", list(ids))
    table.to_parquet(folder / "vectors.parquet")
    dataset = opened(folder, tmp_path)
    assert dataset.wells["has_embedding"].all()
    phenomap = dataset.phenomap(align="none")
    assert set(phenomap.labels["treatment"]) == {"EMPTY_control", "taxol", "nocodazole"}


def test_without_a_table_wells_are_those_of_the_images(tmp_path: Path) -> None:
    path = z.write_plate(tmp_path / "p.zarr", {"A1": z.planes_of("A1")})
    (path / "notes.csv").write_text("a,b\n1,2\n")
    dataset = opened(path, tmp_path)
    assert not dataset.has_metadata
    assert list(dataset.wells.index) == ["p_1_A01"]


def test_a_damaged_toml_is_one_sentence(tmp_path: Path) -> None:
    folder = own_screen(tmp_path / "data")
    for text in ("[columns", "[else]\na = 1", "[columns]\nwell = 3", "[layout]\nwells = 5"):
        (folder / "napari-rxrx3.toml").write_text(text)
        with pytest.raises(MetadataError, match=r"napari-rxrx3\.toml"):
            opened(folder, tmp_path)


@VERSIONS
def test_plates_of_a_server(tmp_path: Path, version: str) -> None:
    wells = {f"A{n}": z.planes_of(f"A{n}") for n in range(1, 9)}
    sharded = version == "0.5"
    z.write_plate(tmp_path / "served" / "p.zarr", wells, version=version, sharded=sharded)
    store = b.Store()
    with b.served(tmp_path / "served", True, store) as url:
        dataset = rx.open_dataset(f"{url}/p.zarr", cache_dir=tmp_path / "cache")
        assert len(dataset.wells) == 8
        assert not store.was_asked("/A/5")  # a plate is not looked through
        store.asked.clear()
        np.testing.assert_array_equal(dataset.read("p_1_A05"), wells["A5"])
        about = [path for path in store.asked if "/c/" not in path and path[-1] not in "01"]
        assert len(about) <= 4
        if sharded:
            assert len(store.asked) <= 8
        store.trouble["/A/6"] = "404"
        with pytest.raises(ImageUnavailable):
            dataset.read("p_1_A06")
        store.asked.clear()
        dataset.read("p_1_A05")
        assert store.asked == []


def test_vectors_by_plate_and_well(tmp_path: Path) -> None:
    folder = own_screen(tmp_path / "data")
    rng = np.random.default_rng(1)
    names = ["Cells_Area", "Cells_Texture", "Nuclei_Area", "Nuclei_Mean", *"abcdef"]
    rows = [(p, f"{r}0{c}") for p in ("BR001", "BR002") for r in "AB" for c in (1, 2, 3)]
    table = pd.DataFrame(rng.normal(size=(12, len(names))), columns=names)
    table.insert(0, "Metadata_Plate", [plate for plate, _ in rows])
    table.insert(1, "Metadata_Well", [well for _, well in rows])
    table.to_csv(folder / "profiles.csv", index=False)
    dataset = opened(folder, tmp_path)
    assert dataset.wells["has_embedding"].all()
    ids, vectors = dataset.vectors("profiles")
    place = list(ids).index("BR002_1_A02")
    np.testing.assert_allclose(vectors[place], table.iloc[7, 2:].to_numpy(float), rtol=1e-6)
    again = rx.open_dataset(folder, cache_dir=tmp_path / "cache")
    np.testing.assert_array_equal(again.vectors("profiles")[1], vectors)


def test_one_plate_of_a_screen_brings_the_table_beside_it(tmp_path: Path) -> None:
    folder = own_screen(tmp_path / "data")
    (folder / "napari-rxrx3.toml").write_text('[controls]\nvalues = ["taxol"]\n')
    dataset = opened(folder / "BR002.zarr", tmp_path)
    assert set(dataset.wells["experiment_name"]) == {"BR002"}
    assert len(dataset.wells) == 6
    assert dataset.wells.loc["BR002_1_A03", "treatment"] == "EMPTY_control"


def test_a_table_in_the_folder_of_a_plate_is_about_that_plate(tmp_path: Path) -> None:
    for name in ("a", "b"):
        path = z.write_plate(tmp_path / "data" / f"{name}.zarr", {"A1": z.planes_of(name)})
        (path / "wells.csv").write_text(f"Well,Drug\nA1,drug {name}\nA2,DMSO\n")
    wells = opened(tmp_path / "data", tmp_path).wells
    assert wells.loc["a_1_A01", "treatment"] == "drug a"
    assert wells.loc["b_1_A01", "treatment"] == "drug b"
    assert wells.loc["b_1_A02", "treatment"] == "EMPTY_control"
    assert not wells.loc["b_1_A02", "has_image"]


def test_napari_takes_plates_for_ours(tmp_path: Path) -> None:
    from napari_rxrx3.data.recognition import looks_like_ours

    path = z.write_plate(tmp_path / "data" / "a.zarr", {"A1": z.planes_of("a")})
    (tmp_path / "data" / "b.zarr").mkdir()
    assert looks_like_ours(str(path))
    assert looks_like_ours(str(tmp_path / "data"))
    assert not looks_like_ours(str(tmp_path / "data" / "b.zarr"))
    assert not looks_like_ours(str(path / "A" / "1" / "0"))


# --- whatever metadata say ------------------------------------------------------------------

WORDS = st.sampled_from(
    [
        *("plate", "wells", "path", "rows", "columns", "name", "rowIndex", "A/1", "B/02"),
        *("multiscales", "axes", "x", "y", "c", "z", "t", "scale", "coordinateTransformations"),
        *("omero", "channels", "label", "color", "window", "start", "end", "unit", "well"),
        *("datasets", "images"),
    ]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | WORDS
    | st.just(10**400),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=6)
    ),
    max_leaves=30,
)
IMAGE = st.fixed_dictionaries(
    {
        "multiscales": st.lists(
            st.fixed_dictionaries(
                {
                    "axes": st.just([{"name": "c"}, {"name": "y"}, {"name": "x"}]) | JSON,
                    "datasets": st.lists(
                        st.fixed_dictionaries(
                            {
                                "path": JSON,
                                "coordinateTransformations": JSON
                                | st.lists(
                                    st.fixed_dictionaries(
                                        {"scale": st.lists(JSON, min_size=3, max_size=3)}
                                    ),
                                    max_size=2,
                                ),
                            }
                        ),
                        max_size=3,
                    )
                    | JSON,
                }
            ),
            max_size=2,
        )
        | JSON,
        "omero": st.fixed_dictionaries({"channels": JSON}) | JSON,
        "napari_rxrx3": st.fixed_dictionaries({"missing_channels": JSON}) | JSON,
    }
)
SCALED = {
    "multiscales": [
        {
            "axes": ["c", "y", "x"],
            "datasets": [
                {
                    "path": "0",
                    "coordinateTransformations": [{"scale": [1, 5e-324, 10**400]}],
                }
            ],
        }
    ],
    "omero": {"channels": [{"window": {"start": 0, "end": 10**400}, "color": 10**400}]},
}
PLATE = st.fixed_dictionaries(
    {
        "plate": st.fixed_dictionaries(
            {
                "rows": JSON,
                "columns": JSON,
                "wells": st.lists(
                    st.fixed_dictionaries({"path": JSON, "rowIndex": JSON, "columnIndex": JSON}),
                    max_size=4,
                ),
            }
        )
        | JSON
    }
)


@settings(deadline=None, max_examples=150)
@example({"plate": {"wells": [{"path": "x", "rowIndex": 10**400, "columnIndex": 1}]}}, SCALED, [])
@given(PLATE, IMAGE, JSON)
def test_metadata_of_any_content_are_read_or_refused(plate: Any, image: Any, well: Any) -> None:
    with suppress(OSError):
        found = plate_info(plate)
        for place in found.wells if found is not None else ():
            assert 0 <= place.row < found.layout.rows
            assert 0 <= place.column < found.layout.columns
    with suppress(OSError):
        info = image_info(image)
        assert {"x", "y"} <= set(info.axes)
        assert info.levels[0][1] == 1
    with suppress(OSError):
        assert all(fields_of({"well": well}, "A/1"))
