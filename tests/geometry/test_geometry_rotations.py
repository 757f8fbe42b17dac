"""Rotations: round trips, agreement with scipy, and good manners where formulas degenerate."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from humantrack.geometry import rotations as rot

ORDERS = [
    "".join(axes)
    for letters in ("XYZ", "xyz")
    for axes in product(letters, repeat=3)
    if axes[0] != axes[1] and axes[1] != axes[2]
]


def numbers(*shape: int, limit: float = 10.0) -> st.SearchStrategy[np.ndarray]:
    return arrays(np.float64, shape, elements=st.floats(-limit, limit, allow_subnormal=False))


@st.composite
def rotation_vectors(draw: st.DrawFn) -> np.ndarray:
    """(5,3) with angles that like to be near 0 and pi."""
    axis = draw(numbers(5, 3))
    axis = np.where(np.linalg.norm(axis, axis=1, keepdims=True) > 1e-3, axis, [1.0, 0, 0])
    angle = draw(
        arrays(
            np.float64,
            (5, 1),
            elements=st.one_of(
                st.floats(0, np.pi),
                st.sampled_from([0.0, 1e-12, 1e-8, 1e-4, np.pi - 1e-4, np.pi - 1e-8, np.pi]),
            ),
        )
    )
    return axis / np.linalg.norm(axis, axis=1, keepdims=True) * angle


def is_rotation(matrix: np.ndarray) -> bool:
    orthogonal = np.allclose(matrix @ np.swapaxes(matrix, -1, -2), np.eye(3), atol=1e-9)
    return orthogonal and np.allclose(np.linalg.det(matrix), 1)


@given(rotation_vectors())
def test_axis_angle_agrees_with_scipy_and_returns(vector: np.ndarray) -> None:
    matrix = rot.axis_angle_to_matrix(vector)
    np.testing.assert_allclose(matrix, Rotation.from_rotvec(vector).as_matrix(), atol=1e-12)
    back = rot.matrix_to_axis_angle(matrix)
    # Half a turn has two vectors, so compare what they do; the angle itself is unambiguous.
    np.testing.assert_allclose(rot.axis_angle_to_matrix(back), matrix, atol=1e-9)
    np.testing.assert_allclose(rot.norm(back), rot.norm(vector), atol=1e-9)


@given(rotation_vectors())
def test_quaternions_return_with_positive_w(vector: np.ndarray) -> None:
    matrix = rot.axis_angle_to_matrix(vector)
    quaternion = rot.matrix_to_quaternion(matrix)
    assert np.all(quaternion[:, 0] >= 0)
    np.testing.assert_allclose(np.linalg.norm(quaternion, axis=1), 1)
    np.testing.assert_allclose(rot.quaternion_to_matrix(quaternion), matrix, atol=1e-12)
    np.testing.assert_allclose(rot.quaternion_to_matrix(-3 * quaternion), matrix, atol=1e-12)


@given(rotation_vectors(), rotation_vectors())
def test_product_turns_by_the_right_one_first(a: np.ndarray, b: np.ndarray) -> None:
    both = rot.axis_angle_to_matrix(a) @ rot.axis_angle_to_matrix(b)
    expected = (Rotation.from_rotvec(a) * Rotation.from_rotvec(b)).as_matrix()
    np.testing.assert_allclose(both, expected, atol=1e-12)
    assert is_rotation(both)


def test_quarter_turn_about_z_takes_x_to_y() -> None:
    quarter = rot.axis_angle_to_matrix(np.array([0, 0, np.pi / 2]))
    np.testing.assert_allclose(quarter @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(
        rot.matrix_to_quaternion(quarter), np.array([1, 0, 0, 1]) / np.sqrt(2), atol=1e-12
    )


@given(rotation_vectors())
def test_six_numbers_return(vector: np.ndarray) -> None:
    matrix = rot.axis_angle_to_matrix(vector)
    np.testing.assert_allclose(rot.sixd_to_matrix(rot.matrix_to_sixd(matrix)), matrix, atol=1e-12)


def test_six_numbers_are_two_consecutive_columns() -> None:
    matrix = rot.sixd_to_matrix(np.array([0, 2.0, 0, 1, 5, 0]))
    np.testing.assert_allclose(matrix, [[0, 1, 0], [1, 0, 0], [0, 0, -1]])


@given(numbers(4, 6))
def test_any_six_numbers_give_a_rotation(sixd: np.ndarray) -> None:
    assert is_rotation(rot.sixd_to_matrix(sixd))


@given(numbers(4, 3), numbers(4, 3))
def test_frame_keeps_the_first_direction(first: np.ndarray, second: np.ndarray) -> None:
    frame = rot.frame(first, second)
    assert is_rotation(frame)
    long = np.linalg.norm(first, axis=1) > 1e-6
    x = frame[long, :, 0]
    np.testing.assert_allclose(x * rot.norm(first[long]), first[long], atol=1e-9)
    assert np.all(np.einsum("na,na->n", frame[:, :, 1], second) >= -1e-4)


@given(rotation_vectors())
def test_across_are_right_angles_all_round(vector: np.ndarray) -> None:
    directions = rot.axis_angle_to_matrix(vector)  # its rows are three directions
    axes = np.concatenate([directions[..., None], rot.across(directions)], axis=-1)
    gram = rot.transpose(axes) @ axes
    np.testing.assert_allclose(gram, np.broadcast_to(np.eye(3), gram.shape), atol=1e-12)
    np.testing.assert_array_equal(rot.across(directions[..., 1, :]), axes[..., 1, :, 1:])


@pytest.mark.parametrize("first", [(0, 0, 0), (1, 1, 1)])
def test_frame_of_parallel_directions_is_a_rotation(first: tuple[float, ...]) -> None:
    first = np.array(first, float)
    assert is_rotation(rot.frame(first, -2 * first))


@pytest.mark.parametrize("order", ORDERS)
@settings(max_examples=25)
@given(vector=rotation_vectors())
def test_euler_angles_return(order: str, vector: np.ndarray) -> None:
    matrix = rot.axis_angle_to_matrix(vector)
    angles = rot.matrix_to_euler(matrix, order, degrees=True)
    np.testing.assert_allclose(rot.euler_to_matrix(angles, order, degrees=True), matrix, atol=1e-6)


@pytest.mark.parametrize("order", ORDERS)
def test_euler_angles_agree_with_scipy(order: str) -> None:
    angles = np.array([[10, 20, 30], [-170, 5, 90], [60, 80, -45]], float)
    expected = Rotation.from_euler(order, angles, degrees=True).as_matrix()
    matrix = rot.euler_to_matrix(angles, order, degrees=True)
    np.testing.assert_allclose(matrix, expected, atol=1e-12)
    np.testing.assert_allclose(rot.matrix_to_euler(matrix, order, degrees=True), angles, atol=1e-9)


@pytest.mark.parametrize("order", ORDERS)
def test_gimbal_lock_keeps_the_rotation(order: str) -> None:
    repeated = order[0] == order[2]
    middle = [0.0, np.pi] if repeated else [np.pi / 2, -np.pi / 2]
    angles = np.array([[0.3, m, 0.9] for m in middle])
    matrix = rot.euler_to_matrix(angles, order)
    found = rot.matrix_to_euler(matrix, order)
    np.testing.assert_allclose(rot.euler_to_matrix(found, order), matrix, atol=1e-7)


@pytest.mark.parametrize("order", ["", "XY", "XXY", "XYY", "XyZ", "ABC", "XYZX"])
def test_a_wrong_order_is_refused(order: str) -> None:
    with pytest.raises(ValueError, match="order of axes"):
        rot.euler_to_matrix(np.zeros(3), order)


@given(rotation_vectors())
def test_geodesic_angle_is_the_turn(vector: np.ndarray) -> None:
    start = rot.axis_angle_to_matrix(np.array([0.3, -1.0, 0.5]))
    end = start @ rot.axis_angle_to_matrix(vector)
    angle = np.linalg.norm(vector, axis=1)
    np.testing.assert_allclose(rot.geodesic_angle(start, end), angle, atol=1e-9)
    np.testing.assert_allclose(rot.geodesic_angle(end, start), angle, atol=1e-9)


@given(numbers(4, 3), numbers(4, 3))
def test_between_turns_one_direction_into_the_other(a: np.ndarray, b: np.ndarray) -> None:
    turn = rot.between(a, b)
    assert is_rotation(turn)
    length = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    real = (np.linalg.norm(a, axis=1) > 1e-6) & (np.linalg.norm(b, axis=1) > 1e-6)
    turned = (turn @ rot.unit(a)[..., None])[..., 0]
    np.testing.assert_allclose(turned[real], rot.unit(b)[real], atol=1e-6)
    # No way is shorter: the turn is as large as the angle between the directions.
    cosine = np.einsum("na,na->n", a, b)[real] / length[real]
    angle = rot.geodesic_angle(np.eye(3), turn[real])
    np.testing.assert_allclose(np.cos(angle), np.clip(cosine, -1, 1), atol=1e-6)


def test_between_opposite_directions_is_half_a_turn() -> None:
    a = np.concatenate([np.eye(3), -np.eye(3)])
    turn = rot.between(a, -a)
    np.testing.assert_allclose((turn @ a[..., None])[..., 0], -a, atol=1e-12)
    assert is_rotation(turn)


def test_between_without_direction_is_the_identity() -> None:
    np.testing.assert_array_equal(rot.between(np.zeros(3), np.array([1.0, 0, 0])), np.eye(3))


def test_limit_angle_shortens_only_what_is_too_long() -> None:
    vectors = np.array([[0.1, 0, 0], [0, 3.0, 0], [0, 0, 0]])
    np.testing.assert_allclose(rot.limit_angle(vectors, 1.0), [[0.1, 0, 0], [0, 1, 0], [0, 0, 0]])


@given(rotation_vectors(), st.floats(0, 1))
def test_slerp_goes_the_share_of_the_way(vector: np.ndarray, share: float) -> None:
    start = rot.axis_angle_to_matrix(np.array([1.0, 0.5, -0.2]))
    end = start @ rot.axis_angle_to_matrix(vector)
    between = rot.slerp(start, end, share)
    assert is_rotation(between)
    way = rot.geodesic_angle(start, end)
    np.testing.assert_allclose(rot.geodesic_angle(start, between), share * way, atol=1e-7)
    np.testing.assert_allclose(rot.geodesic_angle(between, end), (1 - share) * way, atol=1e-7)


def test_slerp_takes_a_fraction_per_rotation() -> None:
    end = rot.axis_angle_to_matrix(np.array([[0, 0, 1.0], [0, 0, 1.0]]))
    out = rot.slerp(np.eye(3), end, np.array([0.0, 0.5]))
    np.testing.assert_allclose(rot.matrix_to_axis_angle(out)[:, 2], [0, 0.5], atol=1e-12)


def test_mean_of_two_quaternions_is_half_way_and_blind_to_signs() -> None:
    vectors = np.array([[0, 0, 0.2], [0, 0, 1.0]])
    quaternions = rot.axis_angle_to_quaternion(vectors) * np.array([[1.0], [-1.0]])
    mean = rot.quaternion_to_axis_angle(rot.mean_quaternion(quaternions))
    np.testing.assert_allclose(mean, [0, 0, 0.6], atol=1e-12)


@given(rotation_vectors())
def test_mean_with_one_weight_is_that_rotation(vectors: np.ndarray) -> None:
    quaternions = rot.axis_angle_to_quaternion(vectors)
    mean = rot.mean_quaternion(quaternions, np.array([0, 0, 1.0, 0, 0]))
    np.testing.assert_allclose(abs(mean @ quaternions[2]), 1, atol=1e-9)


def test_mean_quaternion_is_batched() -> None:
    quaternions = rot.axis_angle_to_quaternion(np.random.default_rng(0).normal(size=(3, 2, 5, 3)))
    assert rot.mean_quaternion(quaternions).shape == (3, 2, 4)


@given(rotation_vectors(), numbers(5, 3, 3, limit=0.1))
def test_projection_gives_a_rotation_nearer_than_the_true_one(
    vector: np.ndarray, noise: np.ndarray
) -> None:
    true = rot.axis_angle_to_matrix(vector)
    nearest = rot.project_to_so3(true + noise)
    assert is_rotation(nearest)
    distance = np.linalg.norm(nearest - true - noise, axis=(1, 2))
    assert np.all(distance <= np.linalg.norm(noise, axis=(1, 2)) + 1e-9)


def test_projection_of_a_mirror_is_a_rotation() -> None:
    assert is_rotation(rot.project_to_so3(np.stack([np.diag([1.0, 1, -1]), -np.eye(3)])))
