"""SMPL files of every form, wrong ones, and ones that mean harm."""

import os
import pickle
import sys
import types

import numpy as np
import pytest
from golden_rule import smpl_arrays
from scipy import sparse

from humantrack.body.smpl_file import read_extra_regressor, read_smpl
from humantrack.errors import MissingWeightsError, WeightsError


@pytest.fixture(scope="module")
def arrays():
    content = smpl_arrays()
    del content["J_regressor_extra"]
    return content


@pytest.fixture
def chumpy(monkeypatch):
    """Stand-ins for chumpy's classes, there only while a file is written."""

    def holder(name, module):
        return type(name, (), {"__module__": module})

    package, parts = types.ModuleType("chumpy"), {}
    for module, names in {"chumpy.ch": ["Ch"], "chumpy.reordering": ["Select"]}.items():
        parts[module] = types.ModuleType(module)
        for name in names:
            setattr(parts[module], name, holder(name, module))
        monkeypatch.setitem(sys.modules, module, parts[module])
    monkeypatch.setitem(sys.modules, "chumpy", package)

    def ch(array):
        made = parts["chumpy.ch"].Ch()
        made.__dict__.update(_dirty_vars={"x"}, _itr=None, _depends_on_deps={}, x=array)
        return made

    def select(source, index, shape):
        made = parts["chumpy.reordering"].Select()
        made.__dict__.update(a=ch(source), idxs=index, preferred_shape=shape)
        return made

    return types.SimpleNamespace(ch=ch, select=select)


def write(path, content, protocol=2):
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


def assert_same(model, arrays):
    for name in ("v_template", "shapedirs", "posedirs", "weights"):
        assert np.array_equal(getattr(model, name), arrays[name]), name
    assert np.array_equal(model.j_regressor, arrays["J_regressor"])
    assert np.array_equal(model.faces, arrays["f"])
    assert model.parents[0] == -1
    assert np.array_equal(model.parents[1:], arrays["kintree_table"][0, 1:])
    assert model.parents.dtype == model.faces.dtype == np.int64


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_plain_pickle(tmp_path, arrays, protocol):
    path = write(tmp_path / "SMPL_NEUTRAL.pkl", arrays, protocol)
    assert_same(read_smpl(path), arrays)


@pytest.mark.parametrize("form", [sparse.csc_matrix, sparse.csr_matrix])
@pytest.mark.parametrize("module", [b"scipy.sparse._csc", b"scipy.sparse.csc"])
def test_sparse_regressor_of_old_and_new_scipy(tmp_path, arrays, form, module):
    path = write(
        tmp_path / "SMPL_NEUTRAL.pkl", arrays | {"J_regressor": form(arrays["J_regressor"])}
    )
    data = path.read_bytes()
    for kind in (b"csc", b"csr"):
        data = data.replace(b"scipy.sparse._" + kind, module.replace(b"csc", kind))
    path.write_bytes(data)
    assert_same(read_smpl(path), arrays)


@pytest.mark.parametrize("protocol", [0, 2])
def test_original_file_with_chumpy_objects(tmp_path, arrays, chumpy, protocol, monkeypatch):
    order = np.random.default_rng(1).permutation(arrays["shapedirs"].size)
    shuffled = np.empty(arrays["shapedirs"].size, np.float32)
    shuffled[order] = arrays["shapedirs"].ravel()
    content = arrays | {
        "v_template": chumpy.ch(arrays["v_template"].astype(np.float64)),
        "posedirs": chumpy.ch(arrays["posedirs"]),
        "weights": chumpy.ch(arrays["weights"]),
        "shapedirs": chumpy.select(shuffled, order, arrays["shapedirs"].shape),
        "J_regressor": sparse.csc_matrix(arrays["J_regressor"]),
        "bs_style": "lbs",
        "J": chumpy.ch(np.zeros((24, 3))),
    }
    path = write(tmp_path / "basicModel_neutral_lbs_10_207_0_v1.0.0.pkl", content, protocol)
    data = path.read_bytes().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    path.write_bytes(data)
    monkeypatch.undo()
    assert "chumpy" not in sys.modules
    assert_same(read_smpl(path), arrays)
    assert "chumpy" not in sys.modules


def test_python_2_strings(tmp_path):
    """An array as Python 2 wrote it: the bytes are a str, to be read as latin1."""
    raw = np.arange(19 * 6890, dtype="<f8").reshape(19, 6890)
    head = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    shape = b"(K\x01K\x13M" + (6890).to_bytes(2, "little") + b"\x86"
    none = b"J\xff\xff\xff\xff"
    dtype = b"cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNN" + none + none + b"K\x00tb"
    body = raw.tobytes()
    data = head + shape + dtype + b"\x89T" + len(body).to_bytes(4, "little") + body + b"tb."
    path = tmp_path / "SMPL_to_J19.pkl"
    path.write_bytes(data)
    assert np.array_equal(read_extra_regressor(path), raw.astype(np.float32))


def test_npz(tmp_path, arrays):
    path = tmp_path / "SMPL_NEUTRAL.npz"
    notes = np.array([{"a note": 1}], dtype=object)
    np.savez(path, **arrays, notes=notes)
    assert_same(read_smpl(path), arrays)


def test_300_shapes_become_10(tmp_path, arrays):
    wide = np.concatenate([arrays["shapedirs"], np.ones((6890, 3, 290), np.float32)], axis=2)
    path = write(tmp_path / "SMPL_NEUTRAL.pkl", arrays | {"shapedirs": wide})
    assert_same(read_smpl(path), arrays)


@pytest.mark.parametrize(
    ("name", "gender"),
    [
        ("SMPL_FEMALE.pkl", "female"),
        ("basicmodel_m_lbs_10_207_0_v1.1.0.pkl", "male"),
        ("SMPL_MALE.pkl", "male"),
        ("basicModel_f_lbs_10_207_0_v1.0.0.pkl", "female"),
        ("SMPL_NEUTRAL.pkl", None),
        ("basicModel_neutral_lbs_10_207_0_v1.0.0.pkl", None),
    ],
)
def test_other_genders_are_said(tmp_path, arrays, caplog, name, gender):
    read_smpl(write(tmp_path / name, arrays))
    said = [record.getMessage() for record in caplog.records]
    assert bool(said) == (gender is not None)
    if gender:
        assert f"is a {gender} model" in said[0]


def changed(arrays, **changes):
    return {key: value for key, value in (arrays | changes).items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"posedirs": None}, "no 'posedirs'"),
        ({"v_template": np.zeros((10475, 3))}, "SMPL-X"),
        ({"v_template": np.zeros((778, 3))}, "MANO"),
        ({"kintree_table": np.zeros((2, 52))}, r"SMPL\+H"),
        ({"shapedirs": np.zeros((6890, 3, 4))}, "shapedirs"),
        ({"v_template": np.full((6890, 3), np.nan)}, "no numbers"),
        ({"f": np.full((13776, 3), 6890)}, "vertices that do not exist"),
        ({"kintree_table": np.full((2, 24), 30)}, "not a tree"),
        ({"f": np.full((13776, 3), "a")}, "no numbers"),
        ({"weights": "text"}, "not known"),
        ({"J_regressor": np.array([None] * 3)}, "instead of"),
    ],
)
def test_wrong_models_say_what_is_wrong(tmp_path, arrays, changes, says):
    path = write(tmp_path / "SMPL_NEUTRAL.pkl", changed(arrays, **changes))
    with pytest.raises(WeightsError, match=says) as caught:
        read_smpl(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [b"", b"<!DOCTYPE html>", b"\x80\x02", b"PK\x03\x04 cut short", bytes(range(100)), b"I1\n."],
)
def test_files_that_are_no_model(tmp_path, data):
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(data)
    with pytest.raises(WeightsError):
        read_smpl(path)


def test_a_truncated_model(tmp_path, arrays):
    path = write(tmp_path / "SMPL_NEUTRAL.pkl", arrays)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(WeightsError):
        read_smpl(path)


def test_a_missing_model(tmp_path):
    with pytest.raises(MissingWeightsError, match="licence"):
        read_smpl(tmp_path / "SMPL_NEUTRAL.pkl")


class Harm:
    def __init__(self, run, *args):
        self.run, self.args = run, args

    def __reduce__(self):
        return self.run, self.args


@pytest.mark.parametrize("where", ["J", "v_template", "nested"])
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_model_that_would_run_something(tmp_path, arrays, where, protocol):
    target = tmp_path / "made"
    harm = Harm(os.mkdir, str(target))
    content = arrays | {where: [harm] if where == "nested" else harm}
    path = write(tmp_path / "SMPL_NEUTRAL.pkl", content, protocol)
    with pytest.raises(WeightsError, match="asks to run"):
        read_smpl(path)
    assert not target.exists()


def test_the_extra_regressor(tmp_path):
    want = np.random.default_rng(0).normal(size=(19, 6890))
    assert np.array_equal(
        read_extra_regressor(write(tmp_path / "SMPL_to_J19.pkl", want)), want.astype(np.float32)
    )
    with pytest.raises(WeightsError, match=r"\(19, 6890\), got float64 of shape \(3,\)"):
        read_extra_regressor(write(tmp_path / "SMPL_to_J19.pkl", np.zeros(3)))
    with pytest.raises(WeightsError, match="no array"):
        read_extra_regressor(write(tmp_path / "SMPL_to_J19.pkl", {"a": 1}))
    with pytest.raises(MissingWeightsError):
        read_extra_regressor(tmp_path / "none.pkl")
