"""SMPL's original pickles become plain arrays where everybody looks, and nothing in them is run."""

import os
import pickle
import subprocess
import sys
import types
import zipfile

import numpy as np
import pytest
from golden_rule import smpl_arrays
from scipy import sparse
from weight_files import smpl_bytes

from humantrack.body.smpl_file import read_smpl
from humantrack.weights.catalog import CATALOG, locate
from humantrack.weights.cli import main
from humantrack.weights.fetch import fetch
from humantrack.weights.sources import given

ORIGINAL = "basicModel_neutral_lbs_10_207_0_v1.0.0.pkl"
KEYS = ("v_template", "shapedirs", "posedirs", "weights", "J_regressor", "f", "kintree_table")


@pytest.fixture(scope="module")
def arrays():
    content = smpl_arrays()
    del content["J_regressor_extra"]
    return content


@pytest.fixture
def original(tmp_path, monkeypatch, arrays):
    """Writes a file as SMPL's authors made theirs: chumpy's expressions and scipy's matrices."""
    kinds = {}
    for module, names in {
        "chumpy": (),
        "chumpy.ch": ("Ch", "add", "subtract", "multiply"),
        "chumpy.reordering": ("Select", "Reshape", "transpose"),
    }.items():
        made = types.ModuleType(module)
        for name in names:
            kinds[name] = type(name, (), {"__module__": module})
            setattr(made, name, kinds[name])
        monkeypatch.setitem(sys.modules, module, made)

    def node(kind, **fields):
        result = kinds[kind]()
        result.__dict__.update(_dirty_vars=set(), _itr=None, **fields)
        return result

    def ch(array):
        return node("Ch", x=np.asarray(array, np.float64))

    def write(form=sparse.csc_matrix, protocol=2, **changes):
        order = np.random.default_rng(1).permutation(arrays["shapedirs"].size)
        shuffled = np.empty(order.size)
        shuffled[order] = arrays["shapedirs"].ravel()
        template = arrays["v_template"].astype(np.float64)
        content = arrays | {
            "v_template": node("add", a=ch(template - 1), b=ch(np.ones((6890, 3)))),
            "shapedirs": node("Select", a=ch(shuffled), idxs=order, preferred_shape=(6890, 3, 10)),
            "posedirs": node("Reshape", a=ch(arrays["posedirs"].ravel()), newshape=(6890, 3, 207)),
            "weights": node("transpose", a=ch(arrays["weights"].T), axes=None),
            "J_regressor": form(arrays["J_regressor"].astype(np.float64)),
            "J_regressor_prior": sparse.csc_matrix(np.eye(3)),
            "J": ch(np.zeros((24, 3))),
            "bs_style": "lbs",
            "callback": kinds["multiply"](),
            **changes,
        }
        path = tmp_path / ORIGINAL
        data = pickle.dumps(content, protocol=protocol)
        if protocol < 4:  # a name's length comes before it in later protocols
            data = data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
            data = data.replace(b"scipy.sparse._cs", b"scipy.sparse.cs")
        path.write_bytes(data)
        for module in ("chumpy", "chumpy.ch", "chumpy.reordering"):
            monkeypatch.delitem(sys.modules, module)
        return path

    return write


def places(cache):
    return [cache / place for place in CATALOG["SMPL_NEUTRAL.pkl"].places]


def assert_plain(path, arrays):
    """What the genuine programs do with the file, without chumpy."""
    content = pickle.loads(path.read_bytes(), encoding="latin1")
    for key in KEYS:
        assert type(content[key]) is np.ndarray, key
        np.testing.assert_allclose(content[key], arrays[key], atol=1e-12, err_msg=key)
    assert content["bs_style"] == "lbs"
    assert content["J"].shape == (24, 3)
    assert np.array_equal(content["J_regressor_prior"], np.eye(3))
    assert "callback" not in content
    assert b"numpy._core" not in path.read_bytes()


@pytest.mark.parametrize("form", [sparse.csc_matrix, sparse.csr_matrix, sparse.coo_matrix])
@pytest.mark.parametrize("protocol", [0, 2])
def test_the_original_file_is_converted(cache, original, arrays, form, protocol):
    path = original(form, protocol)
    assert main(["import", str(path)]) == 0
    assert len(places(cache)) == 2
    for place in places(cache):
        assert_plain(place, arrays)
    assert "chumpy" not in sys.modules
    assert np.allclose(read_smpl(places(cache)[0]).v_template, arrays["v_template"], atol=1e-6)


def test_a_program_without_chumpy_and_scipy_can_open_it(cache, original):
    assert main(["import", str(original())]) == 0
    code = (
        "import sys; sys.modules['chumpy'] = sys.modules['scipy'] = None\n"
        "import pickle\n"
        f"d = pickle.load(open({str(places(cache)[1])!r}, 'rb'), encoding='latin1')\n"
        "print(d['J_regressor'].shape, d['shapedirs'].dtype)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(24, 6890) float64"


def test_the_genuine_loader_opens_it(cache, original, arrays):
    smplx = pytest.importorskip("smplx")
    assert main(["import", str(original())]) == 0
    layer = smplx.SMPLLayer(model_path=str(places(cache)[1].parent), gender="neutral")
    assert np.allclose(layer.v_template.numpy(), arrays["v_template"], atol=1e-6)
    assert np.allclose(layer.J_regressor.numpy(), arrays["J_regressor"], atol=1e-6)


def test_an_npz_file_becomes_a_pickle(cache, tmp_path, arrays):
    np.savez(tmp_path / "SMPL_NEUTRAL.npz", **arrays)
    assert main(["import", str(tmp_path / "SMPL_NEUTRAL.npz")]) == 0
    for place in places(cache):
        assert set(KEYS) <= set(pickle.loads(place.read_bytes()))


@pytest.mark.parametrize("name", ["SMPL_NEUTRAL.pkl", "basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl"])
def test_a_plain_file_is_taken_as_it_is(cache, tmp_path, name):
    (tmp_path / name).write_bytes(smpl_bytes())
    assert main(["import", str(tmp_path / name)]) == 0
    assert [place.read_bytes() for place in places(cache)] == [smpl_bytes()] * 2


def test_from_the_archive_of_the_authors(cache, original, tmp_path, arrays):
    path = original()
    with zipfile.ZipFile(tmp_path / "SMPL_python_v.1.1.0.zip", "w") as packed:
        packed.write(path, "SMPL/smpl/models/basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl")
        packed.writestr("SMPL/smpl/models/basicmodel_f_lbs_10_207_0_v1.1.0.pkl", b"female")
    assert main(["import", str(tmp_path / "SMPL_python_v.1.1.0.zip")]) == 0
    assert_plain(locate("SMPL_NEUTRAL.pkl"), arrays)


def test_from_a_folder_that_was_carried_over(cache, original, arrays):
    path = original()
    got = fetch(CATALOG["SMPL_NEUTRAL.pkl"], sources=[given(str(path.parent))], official=False)
    assert got == places(cache)[0]
    assert_plain(places(cache)[1], arrays)


class Harm:
    def __init__(self, run, *args):
        self.run, self.args = run, args

    def __reduce__(self):
        return self.run, self.args


@pytest.mark.parametrize("key", ["v_template", "J", "anything"])
def test_a_model_that_would_run_something_is_not_kept(cache, tmp_path, original, capsys, key):
    target = tmp_path / "made"
    path = original(**{key: Harm(os.mkdir, str(target))})
    assert main(["import", str(path)]) == 6
    assert "asks to run" in capsys.readouterr().err
    assert not target.exists()
    assert not [p for p in cache.rglob("*") if p.is_file()]


def test_a_circle_of_expressions_is_an_unknown_form(cache, tmp_path, capsys):
    """An object that is its own value: found out, not followed for ever."""
    head, name = b"\x80\x02}(X\x0a\x00\x00\x00v_template", b"cchumpy.ch\nCh\n)\x81q\x00"
    path = tmp_path / ORIGINAL
    path.write_bytes(head + name + b"}X\x01\x00\x00\x00xh\x00sbu.")
    assert main(["import", str(path)]) == 6
    assert "'v_template' is stored in a form that is not known" in capsys.readouterr().err


@pytest.mark.parametrize("gender", ["basicModel_f_lbs_10_207_0_v1.0.0.pkl", "SMPL_MALE.pkl"])
def test_other_genders_are_taken_only_when_named_and_then_said(
    cache, tmp_path, capsys, caplog, gender
):
    (tmp_path / gender).write_bytes(smpl_bytes())
    assert main(["import", str(tmp_path / gender)]) == 2
    assert "--as NAME" in capsys.readouterr().err
    assert main(["import", str(tmp_path / gender), "--as", "SMPL_NEUTRAL.pkl"]) == 0
    assert "model by its name" in caplog.text
