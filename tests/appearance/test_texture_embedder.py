"""Texture codes and distances against the genuine program's, and against one pair at a time."""

import numpy as np
import pytest
import torch
import tracker_rules
from golden_rule import hmar_uv, normal

from humantrack.appearance.autoencoder import Encoder
from humantrack.appearance.encoder import BatchedEmbedder, TextureEncoder
from humantrack.tracking import AssociationCost, PairEmbedder, Sample, SampleBatch


@pytest.fixture(scope="module")
def tracker_data(data):
    return data / "tracker"


@pytest.fixture(scope="module")
def rules():
    return tracker_rules


@pytest.fixture(scope="module")
def tracker_encoder(rules):
    """The encoder of the first set of tracker goldens."""
    encoder = Encoder()
    parts = zip(encoder.children(), rules.encoder_weights(), strict=True)
    with torch.no_grad():
        for conv, (weight, bias) in parts:
            conv.weight.copy_(torch.from_numpy(weight))
            conv.bias.copy_(torch.from_numpy(bias))
    return encoder.requires_grad_(False).eval()


def batch(rows):
    return SampleBatch.stack(
        [Sample(code=c, location=where, pose=p, uv=u) for c, where, p, u in rows]
    )


@pytest.fixture(scope="module")
def sides(rules):
    tracks, detections = rules.cost_inputs()
    return batch(tracks), batch(detections)


@pytest.fixture(scope="module")
def maps(sides):
    return sides[0].uv, sides[1].uv


@pytest.mark.parametrize("distance_type", ["EQ_019", "EQ_010"])
def test_golden_costs(distance_type, tracker_data, tracker_encoder, sides):
    embedder = BatchedEmbedder(tracker_encoder)
    cost = AssociationCost(predict="TPL", distance_type=distance_type, embedder=embedder)
    with np.load(tracker_data / "cost.npz") as file:
        want = file[f"cost__{distance_type}__TPL__shot0__encoder"]
    assert np.allclose(cost(*sides), want, rtol=1e-4)


def place(n, depth):
    vector = 0.5 + 0.1 * n
    vector[90:] = np.tile([0.3 * n[90], 0.3 * n[91], depth * np.exp(0.05 * n[92])], 3)
    return vector.astype(np.float32)


@pytest.mark.parametrize("distance_type", ["EQ_019", "EQ_010"])
def test_golden_costs_with_the_rules_weights(distance_type, tracker_data, encoder):
    uvs = hmar_uv()
    both = uvs.mean(axis=0)
    both[3] = np.where(both[3] > 0, 1, -1)
    code = np.zeros(4096, np.float32)
    tracks, detections = [], []
    for i in range(2):
        where = place(normal(f"golden.track.tl{i}", (99,)), (55, 80)[i])
        where[93:] = 0.02 + 0.01 * i, 0.03, 1.1 + 0.2 * i, 1, 1, 0
        tracks.append((code, where, 0.06 * normal(f"golden.track.tp{i}", (229,)), uvs[i]))
    for i in range(3):
        where = place(normal(f"golden.track.dl{i}", (99,)), 50 + 15 * i)
        pose = 0.06 * normal(f"golden.track.dp{i}", (229,))
        detections.append((code, where, pose, (*uvs, both)[i]))
    embedder = BatchedEmbedder(encoder)
    cost = AssociationCost(predict="TPL", distance_type=distance_type, embedder=embedder)
    with np.load(tracker_data / "tracking_golden.npz") as file:
        want = file[f"cost_{distance_type}"]
    assert np.allclose(cost(batch(tracks), batch(detections)), want, rtol=1e-4)


def test_golden_embeddings_of_a_pair(tracker_data, encoder):
    """What both maps show, encoded, and the distance between."""
    uvs = hmar_uv()
    shared = (uvs[:, 3] > 0.5).all(axis=0)
    with np.load(tracker_data / "tracking_golden.npz") as file:
        want = np.stack([file["uv_emb_track"], file["uv_emb_det"]])
        overlap = float(file["uv_overlap"])
    got = TextureEncoder(encoder)(np.where(shared, uvs, 0)) / 1000
    assert np.abs(got - want).max() < 1e-4 * np.abs(want).max()
    assert shared.mean() / 2 == pytest.approx(overlap)
    distance = BatchedEmbedder(encoder).squared_distances(uvs[:1], uvs[1:], np.ones((1, 1), bool))
    want = ((want[0] - want[1]).astype(np.float64) ** 2).sum()
    assert distance.item() == pytest.approx(want, rel=1e-3)


def test_it_agrees_with_one_pair_at_a_time(tracker_encoder, maps):
    maps, every = [m[:2] for m in maps], np.ones((2, 2), bool)
    one = PairEmbedder(TextureEncoder(tracker_encoder), batch_pairs=1)
    want = one.squared_distances(*maps, every)
    assert len(np.unique(want)) == 4
    for batch_pairs in (None, 3):
        embedder = BatchedEmbedder(tracker_encoder, batch_pairs=batch_pairs)
        assert np.allclose(embedder.squared_distances(*maps, every), want, rtol=1e-4)


def test_only_wanted_pairs_are_encoded(tracker_encoder, maps):
    sizes = []
    handle = tracker_encoder.register_forward_hook(
        lambda _m, given, _o: sizes.append(len(given[0]))
    )
    embedder = BatchedEmbedder(tracker_encoder, batch_pairs=4)
    wanted = np.zeros((3, 4), bool)
    assert not embedder.squared_distances(*maps, wanted).any()
    assert sizes == []
    wanted[[0, 2, 2, 1, 1], [3, 0, 1, 1, 2]] = True
    got = embedder.squared_distances(*maps, wanted)
    handle.remove()
    assert sizes == [8, 2]
    assert np.array_equal(got > 0, wanted)


def test_maps_are_left_as_they_are_and_may_be_read_only(tracker_encoder, maps):
    copies = [m.copy() for m in maps]
    for copy in copies:
        copy.flags.writeable = False
    BatchedEmbedder(tracker_encoder).squared_distances(*copies, np.ones((3, 4), bool))
    assert all(np.array_equal(a, b) for a, b in zip(copies, maps, strict=True))


def test_holes_may_hold_anything(tracker_encoder, maps):
    tracks, detections = maps
    odd = tracks.copy()
    hole = odd[:, 3:] < 0
    odd[:, :3] = np.where(hole, np.nan, odd[:, :3])
    embedder, every = BatchedEmbedder(tracker_encoder), np.ones((3, 4), bool)
    want = embedder.squared_distances(tracks, detections, every)
    assert np.array_equal(embedder.squared_distances(odd, detections, every), want)


def test_maps_that_share_nothing_do_not_differ(tracker_encoder, maps):
    tracks, detections = (m[:1].copy() for m in maps)
    tracks[:, 3, :128], detections[:, 3, 128:] = -1, -1
    got = BatchedEmbedder(tracker_encoder).squared_distances(
        tracks, detections, np.ones((1, 1), bool)
    )
    assert got.item() == 0


def test_the_encoder_takes_arrays_and_tensors_of_any_number(tracker_encoder, maps):
    encode = TextureEncoder(tracker_encoder, batch_size=2)
    codes = encode(maps[0])
    assert codes.shape == (3, 4096)
    assert codes.dtype == np.float32
    assert np.allclose(encode(torch.from_numpy(maps[0]).double()), codes, atol=1e-5)
    assert encode(maps[0][:0]).shape == (0, 4096)
