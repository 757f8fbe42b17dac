"""Association costs against those of the genuine program."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from humantrack.errors import ConfigError
from humantrack.tracking import AssociationCost, PairEmbedder, Sample, SampleBatch
from humantrack.tracking.cost import EQUATIONS

COMPONENTS = ["A0", "P0", "L0", "LC", "N0", "NC"]


def encoder_from(weights):
    """Six 3x3 convolutions with ReLU, the first four followed by 2x2 max pooling."""
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional

    def encode(maps):
        x = torch.from_numpy(np.asarray(maps))
        with torch.no_grad():
            for k, (weight, bias) in enumerate(weights):
                w, b = torch.from_numpy(weight), torch.from_numpy(bias)
                x = functional.relu(functional.conv2d(x, w, b, padding=1))
                x = functional.max_pool2d(x, 2) if k < 4 else x
        return x.flatten(1).numpy()

    return encode


def batch(rows):
    return SampleBatch.stack(
        [Sample(code=c, location=where, pose=p, uv=u) for c, where, p, u in rows]
    )


@pytest.fixture(scope="module")
def inputs(rules):
    return rules.cost_inputs()


@pytest.fixture(scope="module")
def arrays(golden):
    with np.load(golden.data / "cost.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def encoders(rules):
    return {"stub": rules.stub_embeddings, "encoder": encoder_from(rules.encoder_weights())}


def test_the_inputs_are_the_golden_ones(inputs, arrays):
    tracks, detections = (batch(rows) for rows in inputs)
    for name, side in (("track", tracks), ("det", detections)):
        for key, array in (("appe", side.code), ("loca", side.location), ("pose", side.pose)):
            assert_allclose(array, arrays[f"{name}_{key}"], rtol=1e-6)
        sums = [side.uv.sum(dtype=float), np.abs(side.uv).sum(dtype=float)]
        assert_allclose(sums, arrays[f"{name}_uv__sum"], rtol=1e-6)


@pytest.mark.parametrize("shot", [0, 1])
@pytest.mark.parametrize("distance_type", ["EQ_019", "EQ_010"])
@pytest.mark.parametrize("compared", ["TPL__stub", "TPL__encoder", "APL__stub", "PL__stub"])
def test_equations(compared, distance_type, shot, *, inputs, arrays, encoders):
    predict, embedding = compared.split("__")
    cost = AssociationCost(
        predict=predict,
        distance_type=distance_type,
        embedder=PairEmbedder(encoders[embedding], batch_pairs=5),
    )
    found = cost(*(batch(rows) for rows in inputs), is_shot_start=bool(shot))
    key = f"cost__{distance_type}__{predict}__shot{shot}__{embedding}"
    assert_allclose(found, arrays[key], rtol=1e-4)


@pytest.mark.parametrize("name", COMPONENTS)
@pytest.mark.parametrize("key", ["TPL__stub", "APL", "TPL__encoder"])
def test_components(name, key, inputs, arrays, encoders):
    predict, _, embedding = key.partition("__")
    embedder = PairEmbedder(encoders[embedding]) if embedding else None
    cost = AssociationCost(predict=predict, distance_type=name, embedder=embedder)
    found = cost(*(batch(rows) for rows in inputs))
    assert_allclose(found, arrays[f"component__{name}__{key}"], rtol=1e-4, atol=1e-6)


def test_the_camera_can_be_part_of_the_pose(inputs, arrays):
    cost = AssociationCost(predict="PL", distance_type="EQ_019", pose_distance="joints")
    found = cost(*(batch(rows) for rows in inputs))
    assert_allclose(found, arrays["cost__EQ_019__PL__joints"], rtol=1e-4)


@pytest.mark.parametrize("newest", [2, 3])
def test_the_best_of_several_past_samples_counts(newest, rules, inputs, arrays):
    past = [rules.cost_inputs(seed=seed)[0] for seed in (8, 9, 7)][-newest:]
    rows = [old[track] for track in range(3) for old in past]
    cost = AssociationCost(predict="APL", distance_type="EQ_019")(batch(rows), batch(inputs[1]))
    found = cost.reshape(3, newest, 4).min(axis=1)
    assert_allclose(found, arrays[f"cost__EQ_019__APL__lookback{newest}"], rtol=1e-4)


def degenerate(inputs):
    tracks, detections = ([[a.copy() for a in row] for row in rows] for rows in inputs)
    tracks[0][1][93:96] = np.nan
    detections[1][1][92] = -30
    tracks[2][1][95] = 0
    detections[3][2][0] = np.nan
    return batch(tracks), batch(detections)


def test_nan_is_a_perfect_match_for_the_genuine_program_only(inputs, arrays):
    genuine = arrays["cost__EQ_019__APL__degenerate"]
    options = {"predict": "APL", "distance_type": "EQ_019"}
    found = AssociationCost(**options, nan_matches=True)(*degenerate(inputs))
    assert_allclose(found, genuine, rtol=1e-4)
    found = AssociationCost(**options)(*degenerate(inputs))
    assert_allclose(found, np.where(genuine == 0, np.inf, genuine), rtol=1e-4)
    assert np.isinf(found[0]).all()
    assert np.isinf(found[:, [1, 3]]).all()
    assert np.isfinite(found[1:, [0, 2]]).all()


def test_two_people_behind_the_camera_are_not_compared(inputs):
    tracks, detections = (batch(rows) for rows in inputs)
    tracks.location[:, 92] *= -1
    detections.location[:, 92] *= -1
    cost = AssociationCost(predict="PL", distance_type="EQ_019")
    assert np.isinf(cost(tracks, detections)).all()


def test_textures_that_cannot_matter_are_not_encoded(rules, inputs):
    calls = []

    def encode(maps):
        calls.append(len(maps))
        return rules.stub_embeddings(maps)

    cost = AssociationCost(predict="TPL", distance_type="EQ_019", embedder=PairEmbedder(encode))
    sides = [batch(rows) for rows in inputs]
    full, gated = cost(*sides), cost(*sides, threshold=100.0)
    assert_allclose(np.where(full <= 100, full, np.inf), np.where(gated <= 100, gated, np.inf))
    assert calls[0] == 2 * 12
    assert calls[1] < calls[0]


def test_an_encoder_gets_all_pairs_in_bounded_batches(rules, inputs):
    sizes = []

    def encode(maps):
        sizes.append(maps.shape)
        return rules.stub_embeddings(maps)

    tracks, detections = (batch(rows).uv for rows in inputs)
    every = np.ones((3, 4), bool)
    one = PairEmbedder(encode).squared_distances(tracks, detections, every)
    assert sizes == [(24, 4, 256, 256)]
    several = PairEmbedder(encode, batch_pairs=5).squared_distances(tracks, detections, every)
    assert [s[0] for s in sizes[1:]] == [10, 10, 4]
    assert_allclose(one, several)


def test_a_better_fit_costs_less(inputs):
    tracks, detections = (batch(rows) for rows in inputs)
    plain = AssociationCost(predict="APL", distance_type="EQ_019")
    code_alone = EQUATIONS["EQ_019"]._replace(pose=0, location=np.inf, depth=np.inf)

    def light(*batches):
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(EQUATIONS, "EQ_019", code_alone)
            return plain(*batches)

    assert (light(tracks, detections) < plain(tracks, detections)).all()
    code_only = light(tracks, detections)
    a0 = AssociationCost(predict="APL", distance_type="A0")(tracks, detections)
    assert_allclose(code_only, 1 + 4.0536 * a0)


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"EQ_999.*EQ_019, EQ_010, A0"):
        AssociationCost(predict="PL", distance_type="EQ_999")
    with pytest.raises(ConfigError, match="smpl, joints"):
        AssociationCost(predict="PL", distance_type="EQ_019", pose_distance="bones")
    with pytest.raises(ConfigError, match="encoder"):
        AssociationCost(predict="TPL", distance_type="EQ_019")


# A second, independent set of golden costs, with HMAR's encoder filled by a rule per key.


def hmar_weights(normal):
    layers = zip(
        ("conv1x", "conv2", "conv3", "conv4", "conv5", "conv5_1"),
        ((16, 4), (64, 16), (128, 64), (256, 128), (256, 256), (16, 256)),
        strict=True,
    )
    for name, channels in layers:
        key, shape = f"encoding_head.{name}", (*channels, 3, 3)
        scale = np.float32(1 / np.sqrt(np.prod(shape[1:])))
        weight = normal(f"{key}.weight", shape) * scale
        yield weight, np.float32(0.02) * normal(f"{key}.bias", shape[:1])


def place(n, depth):
    vector = 0.5 + 0.1 * n
    vector[90:] = np.tile([0.3 * n[90], 0.3 * n[91], depth * np.exp(0.05 * n[92])], 3)
    return vector.astype(np.float32)


@pytest.fixture(scope="module")
def second(golden):
    with np.load(golden.data / "tracking_golden.npz") as file:
        return dict(file)


@pytest.mark.parametrize("distance_type", ["EQ_019", "EQ_010"])
def test_equations_once_more(distance_type, second, normal, hmar_uvs):
    both = hmar_uvs.mean(axis=0)
    both[3] = np.where(both[3] > 0, 1, -1)
    code = np.zeros(4096, np.float32)
    tracks = []
    for i in range(2):
        where = place(normal(f"golden.track.tl{i}", (99,)), (55, 80)[i])
        where[93:] = 0.02 + 0.01 * i, 0.03, 1.1 + 0.2 * i, 1, 1, 0
        tracks.append((code, where, 0.06 * normal(f"golden.track.tp{i}", (229,)), hmar_uvs[i]))
    detections = [
        (
            code,
            place(normal(f"golden.track.dl{i}", (99,)), 50 + 15 * i),
            0.06 * normal(f"golden.track.dp{i}", (229,)),
            (*hmar_uvs, both)[i],
        )
        for i in range(3)
    ]
    cost = AssociationCost(
        predict="TPL",
        distance_type=distance_type,
        embedder=PairEmbedder(encoder_from(list(hmar_weights(normal)))),
    )
    found = cost(batch(tracks), batch(detections))
    assert_allclose(found, second[f"cost_{distance_type}"], rtol=1e-4)
    pose = AssociationCost(predict="PL", distance_type="P0")(batch(tracks), batch(detections))
    assert_allclose(pose, second["pose_distance"], rtol=1e-4)
