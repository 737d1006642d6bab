"""Any array a user hands over: right after at most one copy, or refused by name."""

from __future__ import annotations

import numpy as np
import pytest

import indrnn_engine as ie
from layouts import LAYOUTS
from numpy_calls import INPUTS, B, C, H, T, calls, embedded, forward, network

OLD_NUMPY = tuple(map(int, np.__version__.split(".")[:2])) < (1, 25)

ARGUMENTS = [
    ("forward", "x"),
    ("forward", "lengths"),
    ("forward", "resets"),
    ("embedded", "x"),
    ("backward", "dy"),
    ("step", "x"),
    *[("indrnn_forward", name) for name in ("z", "u", "h0", "lengths")],
    *[("indrnn_backward", name) for name in ("dh", "h", "u", "h0", "lengths")],
    *[("softmax_cross_entropy", name) for name in ("logits", "targets", "mask")],
    *[("mean_squared_error", name) for name in ("y", "target", "mask")],
]
every_argument = pytest.mark.parametrize(("operation", "name"), ARGUMENTS)


def message_names(error: BaseException, name: str) -> bool:
    return f"] {name}" in str(error)


@every_argument
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_gives_the_same_bits(operation, name, layout):
    call = calls()[operation]
    if "dlpack" in layout and call.arguments[name].dtype == bool and OLD_NUMPY:
        pytest.skip("this NumPy gives no bool arrays by DLPack")
    expected = call.results()
    found = call.results(**{name: LAYOUTS[layout](call.arguments[name])})
    for actual, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(actual, wanted)


@every_argument
def test_inputs_are_not_changed(operation, name):
    call = calls()[operation]
    before = call.arguments[name].copy()
    call.results()
    np.testing.assert_array_equal(call.arguments[name], before)


@every_argument
def test_a_wrong_dtype_is_refused_by_name(operation, name):
    call = calls()[operation]
    good = call.arguments[name]
    # The first argument of ops and losses may be float32 as well; then the others are wrong.
    wrong = {
        "f": "float16 longdouble complex128 int64 bool O U32",
        "i": "float64 longdouble bool O U32",
        "b": "uint8 float64 int64",
    }
    if name in ("x", "targets"):
        wrong["i"] += " int32 uint64"
    if good.dtype.kind == "f" and name in ("x", "dy", "u", "h0", "dh", "target"):
        wrong["f"] += " float32"
    for dtype in wrong[good.dtype.kind].split():
        with np.errstate(invalid="ignore"):
            bad = np.abs(good).astype(dtype)
        with pytest.raises(TypeError, match=str(np.dtype(dtype))) as raised:
            call.results(**{name: bad})
        assert message_names(raised.value, name)


def test_the_dtype_message_says_which_cast_helps():
    net = network(dtype="float32")
    with pytest.raises(
        TypeError, match=r"x must be float32, got float64; use x\.astype\(np\.float32\)"
    ):
        net.forward(np.zeros((T, B, INPUTS)))


@every_argument
@pytest.mark.parametrize("change", ["fewer", "more"])
def test_a_wrong_number_of_dimensions_is_refused_by_name(operation, name, change):
    call = calls()[operation]
    good = call.arguments[name]
    bad = good[0] if change == "fewer" else good[None]
    if isinstance(bad, np.generic):
        bad = np.asarray(bad)
    with pytest.raises(ValueError, match=r"got|must") as raised:
        call.results(**{name: bad})
    # In losses the first argument sets the shape, so the second one is the odd one out.
    follower = {"logits": "targets", "y": "target"}.get(name, name)
    assert message_names(raised.value, name) or message_names(raised.value, follower)


# The others set the sizes that these must have.
SIZED = [argument for argument in ARGUMENTS if argument[1] not in ("x", "z", "logits", "y", "dh")]


@pytest.mark.parametrize(("operation", "name"), SIZED)
def test_a_wrong_size_is_refused_by_name(operation, name):
    call = calls()[operation]
    good = call.arguments[name]
    for axis in range(good.ndim):
        bad = np.concatenate([good, good], axis=axis)
        with pytest.raises(ValueError, match=r"shape|must") as raised:
            call.results(**{name: bad})
        assert message_names(raised.value, name)


def test_features_must_be_the_input_size():
    with pytest.raises(ValueError, match=r"\[forward\] x must"):
        network().forward(np.zeros((T, B, INPUTS + 1)))
    with pytest.raises(ValueError, match=r"\[step\] x must"):
        network().step(np.zeros((B, INPUTS + 1)))


@every_argument
def test_an_array_of_no_dimensions_is_refused_by_name(operation, name):
    call = calls()[operation]
    with pytest.raises(ValueError, match=r"got|must") as raised:
        call.results(**{name: np.zeros((), call.arguments[name].dtype)})
    assert message_names(raised.value, name)


@every_argument
def test_records_and_dates_are_refused_by_name(operation, name):
    call = calls()[operation]
    shape = call.arguments[name].shape
    for dtype in ([("value", "f8")], "M8[s]", "m8[s]", "V8"):
        with pytest.raises(TypeError, match=r"got") as raised:
            call.results(**{name: np.zeros(shape, dtype)})
        assert message_names(raised.value, name)


@every_argument
def test_an_array_repeated_by_strides_of_zero_is_read_right(operation, name):
    call = calls()[operation]
    value = call.arguments[name]
    repeated = np.broadcast_to(value[:1], value.shape)
    found, expected = (call.results(**{name: each}) for each in (repeated, repeated.copy()))
    for actual, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(actual, wanted)


@every_argument
@pytest.mark.parametrize("bad", [[[[1.0, 2.0]]], (1, 2), 3.5, "text", {}, object(), b"bytes"])
def test_what_is_no_array_is_refused_by_name(operation, name, bad):
    with pytest.raises(TypeError, match=r"array|bytes|S5|uint8") as raised:
        calls()[operation].results(**{name: bad})
    assert message_names(raised.value, name)


@every_argument
def test_a_masked_array_is_refused_by_name(operation, name):
    call = calls()[operation]
    with pytest.raises(TypeError, match="masked") as raised:
        call.results(**{name: np.ma.masked_array(call.arguments[name])})
    assert message_names(raised.value, name)


@every_argument
@pytest.mark.parametrize("layout", ["__array__", "old __array__", "dlpack", "buffer"])
def test_a_wrong_dtype_behind_a_protocol_is_refused_by_name(operation, name, layout):
    call = calls()[operation]
    wrong = np.dtype(np.float32 if name == "lengths" else np.uint8)
    with pytest.raises(TypeError, match=str(wrong)) as raised:
        call.results(**{name: LAYOUTS[layout](call.arguments[name].astype(wrong))})
    assert message_names(raised.value, name)


def test_the_array_protocol_is_asked_once_and_for_no_copy():
    asked = []

    class Asked:
        def __array__(self, dtype=None, copy=None):
            asked.append((dtype, copy))
            return values

    values = calls()["forward"].arguments["x"]
    np.testing.assert_array_equal(forward(Asked())[0], forward(values)[0])
    assert asked == [(None, None)]


def test_an_array_protocol_that_gives_no_array_is_refused_by_name():
    class Lying:
        def __array__(self, dtype=None, copy=None):
            return [1.0, 2.0]

    with pytest.raises(TypeError, match=r"\[forward\] x of type Lying"):
        forward(Lying())


def test_dlpack_of_a_device_without_its_backend_is_refused_by_name():
    class Elsewhere:
        def __dlpack__(self, **options):
            raise AssertionError("not to be asked")

        def __dlpack_device__(self):
            return (10, 0)  # ROCm

    with pytest.raises(TypeError, match=r"\[forward\] x"):
        forward(Elsewhere())


def test_an_object_whose_protocol_fails_is_refused_by_name_with_its_own_reason():
    class Broken:
        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("on another device")

    with pytest.raises(TypeError, match=r"\[forward\] x .*on another device") as raised:
        forward(Broken())
    assert isinstance(raised.value.__cause__, RuntimeError)


def test_memory_error_and_interrupt_of_a_protocol_pass_through():
    class Raising:
        def __init__(self, error):
            self.error = error

        def __array__(self, dtype=None, copy=None):
            raise self.error

    for error in (MemoryError, KeyboardInterrupt):
        with pytest.raises(error):
            forward(Raising(error))


def test_a_torch_tensor_is_read_as_an_array():
    torch = pytest.importorskip("torch")
    call = calls()["forward"]
    np.testing.assert_array_equal(
        call.results(x=torch.from_numpy(call.arguments["x"]))[0], call.results()[0]
    )
    with pytest.raises(TypeError, match=r"\[forward\] x .*requires grad"):
        call.results(x=torch.zeros(T, B, INPUTS, dtype=torch.float64, requires_grad=True))


class TestLengths:
    @pytest.mark.parametrize(
        "dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i4", ">u8"]
    )
    def test_any_integer_dtype_is_right(self, dtype):
        call = calls()["forward"]
        expected = call.results()
        for actual, wanted in zip(
            call.results(lengths=call.arguments["lengths"].astype(dtype)), expected, strict=True
        ):
            np.testing.assert_array_equal(actual, wanted)

    @pytest.mark.parametrize("bad", [-1, T + 1, 2**40, -(2**63)])
    def test_out_of_range_is_named_with_its_position(self, bad):
        for operation in ("forward", "indrnn_forward", "indrnn_backward"):
            with pytest.raises(
                ValueError, match=rf"lengths\[1\] must be between 0 and T = {T}, got {bad}"
            ):
                calls()[operation].results(lengths=np.array([3, bad, -5]))

    def test_an_unsigned_length_beyond_int64_is_not_taken_for_a_negative_one(self):
        with pytest.raises(ValueError, match=rf"lengths\[2\] .* got {2**64 - 1}"):
            calls()["forward"].results(lengths=np.array([0, 1, 2**64 - 1], np.uint64))

    def test_nan_lengths_are_refused(self):
        with pytest.raises(TypeError, match=r"lengths must be integers \(int64\), got float64"):
            calls()["forward"].results(lengths=np.array([1.0, np.nan, 2.0]))


class TestIndices:
    @pytest.mark.parametrize("bad", [-1, 9, 2**62])
    def test_an_index_outside_the_embedding_is_refused(self, bad):
        x = np.zeros((T, B), np.int64)
        x[2, 1] = bad
        with pytest.raises(ValueError, match=rf"{bad}"):
            embedded(x)

    def test_an_index_past_the_length_is_not_read(self):
        net = network([ie.nn.Embedding(9, 4), ie.nn.IndRNN(H)])
        lengths = np.array([2, 7, 0])
        x = np.zeros((T, B), np.int64)
        wanted, _ = net.forward(x, lengths=lengths)
        x[np.arange(T)[:, None] >= lengths] = -99
        found, _ = net.forward(x, lengths=lengths)
        np.testing.assert_array_equal(found, wanted)


class TestZeroSize:
    def test_no_time_steps(self):
        net = network()
        state = net.initial_state(B)
        state.flat[:] = 0.5
        y, after = net.forward(np.zeros((0, B, INPUTS)), state)
        assert y.shape == (0, B, C)
        np.testing.assert_array_equal(after.flat, state.flat)

    def test_no_samples(self):
        net = network()
        y, state = net.forward(np.zeros((T, 0, INPUTS)), training=True)
        assert y.shape == (T, 0, C)
        assert state["0.hidden"].shape == (0, H)
        dx, _ = net.backward(np.zeros((T, 0, C)))
        assert dx.shape == (T, 0, INPUTS)
        assert not net.gradients.any()

    def test_a_step_of_no_samples(self):
        y, state = network().step(np.zeros((0, INPUTS)))
        assert y.shape == (0, C)
        assert state.batch == 0

    @pytest.mark.parametrize("shape", [(0, B, H), (T, 0, H), (T, B, 0)])
    def test_the_recurrence_of_nothing(self, shape):
        z, u = np.zeros(shape), np.zeros(shape[2])
        assert ie.ops.indrnn_forward(z, u).shape == shape
        dz, du, dh0 = ie.ops.indrnn_backward(z, z, u)
        assert (dz.shape, du.shape, dh0.shape) == (shape, u.shape, shape[1:])
        assert not du.any()
        assert not dh0.any()


def test_a_masked_array_is_refused_where_values_are_copied():
    net = ie.Network([ie.nn.IndRNN(2)], 2)
    state, adam, sgd = net.initial_state(3), ie.optim.Adam(net), ie.optim.SGD(net, 0.1, 0.9)
    with pytest.raises(TypeError, match=r"\[State\] 0.hidden is a masked array, whose mask"):
        state["0.hidden"] = np.ma.masked_array(state["0.hidden"], mask=True)
    for optimizer, name in ((adam, "first_moment"), (adam, "second_moment"), (sgd, "velocity")):
        saved = optimizer.state_dict()
        saved[name] = np.ma.masked_array(saved[name], mask=True)
        with pytest.raises(TypeError, match=f"{name} is a masked array, whose mask"):
            optimizer.load_state_dict(saved)
