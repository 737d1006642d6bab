"""Whatever array a user hands over: right numbers after at most one copy, or an error that names the argument."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import indrnn_engine as ie
import numpy as np
import pytest
from layouts import LAYOUTS

T, B, I, H, C = 7, 3, 2, 5, 4


class Call:
    """A public function that takes arrays, good arguments for it, and the name each argument has in messages."""

    def __init__(self, run: Callable[..., Any], **arguments: np.ndarray) -> None:
        self.run = run
        self.arguments = arguments

    def results(self, **changed: Any) -> list[np.ndarray]:
        return self.run(**{**self.arguments, **changed})


def network(layers: list[Any] | None = None, **options: Any) -> ie.Network:
    options = {"input_size": I, "dtype": "float64", "seed": 5, **options}
    return ie.Network(layers or [ie.nn.IndRNN(H), ie.nn.Linear(C)], **options)


def forward(x: Any, lengths: Any = None, resets: Any = None) -> list[np.ndarray]:
    y, state = network().forward(x, lengths=lengths, resets=resets)
    return [y, state.flat]


def embedded(x: Any) -> list[np.ndarray]:
    y, state = network([ie.nn.Embedding(9, 4), ie.nn.IndRNN(H)]).forward(x)
    return [y, state.flat]


def backward(dy: Any) -> list[np.ndarray]:
    net = network()
    net.forward(np.random.default_rng(1).normal(size=(T, B, I)), training=True)
    dx, dstate = net.backward(dy)
    return [dx, dstate.flat, net.gradients]


def step(x: Any) -> list[np.ndarray]:
    y, state = network().step(x)
    return [y, state.flat]


def calls() -> dict[str, Call]:
    rng = np.random.default_rng(0)
    z, h0, u = rng.normal(size=(T, B, H)), rng.random((B, H)), rng.uniform(-1, 1, H)
    lengths = np.array([7, 0, 4])
    h = ie.ops.indrnn_forward(z, u, h0, lengths=lengths)
    mask = rng.random((T, B)) < 0.5
    return {
        "forward": Call(
            forward, x=rng.normal(size=(T, B, I)), lengths=lengths, resets=rng.random((T, B)) < 0.3
        ),
        "embedded": Call(embedded, x=rng.integers(0, 9, (T, B))),
        "backward": Call(backward, dy=rng.normal(size=(T, B, C))),
        "step": Call(step, x=rng.normal(size=(B, I))),
        "indrnn_forward": Call(
            lambda **a: [ie.ops.indrnn_forward(**a)], z=z, u=u, h0=h0, lengths=lengths
        ),
        "indrnn_backward": Call(
            lambda **a: list(ie.ops.indrnn_backward(**a)),
            dh=rng.normal(size=h.shape),
            h=h,
            u=u,
            h0=h0,
            lengths=lengths,
        ),
        "softmax_cross_entropy": Call(
            lambda **a: list(ie.losses.softmax_cross_entropy(**a)),
            logits=rng.normal(size=(T, B, C)),
            targets=rng.integers(0, C, (T, B)),
            mask=mask,
        ),
        "mean_squared_error": Call(
            lambda **a: list(ie.losses.mean_squared_error(**a)),
            y=rng.normal(size=(T, B, C)),
            target=rng.normal(size=(T, B, C)),
            mask=mask,
        ),
    }


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
    # Of the first argument of ops and losses float32 is right as well: the others then are the wrong ones.
    wrong = {"f": "float16 complex128 int64 bool O", "i": "float64 bool O", "b": "uint8 float64 int64"}
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
    with pytest.raises(TypeError, match=r"x must be float32, got float64; use x\.astype\(np\.float32\)"):
        net.forward(np.zeros((T, B, I)))


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


@every_argument
def test_a_wrong_size_is_refused_by_name(operation, name):
    call = calls()[operation]
    if operation in ("forward", "embedded", "step") and name == "x":
        pytest.skip("B is free here; test_features_must_be_the_input_size has I")
    good = call.arguments[name]
    for axis in range(good.ndim):
        if name in ("z", "logits", "y", "dh"):
            continue  # it sets the sizes for the others, whose turn comes
        bad = np.concatenate([good, good], axis=axis)
        with pytest.raises(ValueError, match=r"shape|must") as raised:
            call.results(**{name: bad})
        assert message_names(raised.value, name)


def test_features_must_be_the_input_size():
    with pytest.raises(ValueError, match=r"\[forward\] x must"):
        network().forward(np.zeros((T, B, I + 1)))
    with pytest.raises(ValueError, match=r"\[step\] x must"):
        network().step(np.zeros((B, I + 1)))


@every_argument
@pytest.mark.parametrize("bad", [[[[1.0, 2.0]]], (1, 2), 3.5, "text", {}, object(), b"bytes"])
def test_what_is_no_array_is_refused_by_name(operation, name, bad):
    with pytest.raises(TypeError, match="array|bytes|S5|uint8") as raised:
        calls()[operation].results(**{name: bad})
    assert message_names(raised.value, name)


def test_a_masked_array_is_refused():
    masked = np.ma.masked_array(np.zeros((T, B, I)), mask=np.ones((T, B, I), bool))
    with pytest.raises(TypeError, match="masked"):
        forward(masked)


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
        call.results(x=torch.zeros(T, B, I, dtype=torch.float64, requires_grad=True))


class TestLengths:
    @pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i4", ">u8"])
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
            with pytest.raises(ValueError, match=rf"lengths\[1\] must be between 0 and T = {T}, got {bad}"):
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


# Operations that take out=, with the array that it must be like.
def outputs() -> dict[str, tuple[Callable[..., np.ndarray], np.ndarray]]:
    arguments = {name: call.arguments for name, call in calls().items()}
    net = network()
    runs = {
        "forward": lambda out: net.forward(arguments["forward"]["x"], out=out)[0],
        "step": lambda out: net.step(arguments["step"]["x"], out=out)[0],
        "indrnn_forward": lambda out: ie.ops.indrnn_forward(**arguments["indrnn_forward"], out=out),
        "softmax_cross_entropy": lambda out: ie.losses.softmax_cross_entropy(
            **arguments["softmax_cross_entropy"], out=out
        )[1],
        "mean_squared_error": lambda out: ie.losses.mean_squared_error(
            **arguments["mean_squared_error"], out=out
        )[1],
    }
    return {name: (run, run(None)) for name, run in runs.items()}


@pytest.mark.parametrize("operation", ["forward", "step", "indrnn_forward", "softmax_cross_entropy", "mean_squared_error"])
class TestOut:
    def test_out_is_written_and_returned(self, operation):
        run, expected = outputs()[operation]
        out = np.full_like(expected, np.nan)
        assert run(out) is out
        np.testing.assert_array_equal(out, expected)

    def test_results_without_out_are_new_and_c_contiguous(self, operation):
        run, first = outputs()[operation]
        second = run(None)
        assert first.flags.c_contiguous
        assert second.flags.c_contiguous
        assert second.flags.owndata
        assert not np.shares_memory(first, second)

    @pytest.mark.parametrize("dtype", ["float32", "int64", ">f8", "complex128"])
    def test_out_is_never_cast(self, operation, dtype):
        run, expected = outputs()[operation]
        out = np.zeros(expected.shape, dtype)
        with pytest.raises(TypeError, match=rf"\[{operation}\] out must be float64"):
            run(out)
        assert not out.any()

    def test_out_of_another_shape_is_refused(self, operation):
        run, expected = outputs()[operation]
        for shape in (expected.shape[:-1], (*expected.shape, 1), expected.shape[::-1], (expected.size,)):
            if shape == expected.shape:
                continue
            with pytest.raises(ValueError, match=rf"\[{operation}\] out must have shape"):
                run(np.zeros(shape))

    @pytest.mark.parametrize("layout", ["sliced", "reversed", "fortran", "misaligned"])
    def test_out_of_another_layout_is_refused_and_untouched(self, operation, layout):
        run, expected = outputs()[operation]
        out = LAYOUTS[layout](np.zeros_like(expected))
        with pytest.raises(ValueError, match=rf"\[{operation}\] out must be C-contiguous"):
            run(out)
        assert not out.any()

    def test_read_only_out_is_refused_and_untouched(self, operation):
        run, expected = outputs()[operation]
        out = LAYOUTS["read_only"](np.zeros_like(expected))
        with pytest.raises(ValueError, match=rf"\[{operation}\] out must be writable"):
            run(out)
        assert not out.any()

    @pytest.mark.parametrize("layout", ["subclass", "__array__", "dlpack"])
    def test_out_that_is_no_plain_array_is_refused(self, operation, layout):
        run, expected = outputs()[operation]
        with pytest.raises(TypeError, match=rf"\[{operation}\] out must be a NumPy array"):
            run(LAYOUTS[layout](np.zeros_like(expected)))


class TestOverlap:
    def test_out_over_the_input_is_refused_where_it_would_be_read_later(self):
        net = network([ie.nn.IndRNN(I)])
        memory = np.ones((T + 1, B, I))
        for out in (memory[:T], memory[1:]):
            before = memory.copy()
            with pytest.raises(ValueError, match=r"out must not share memory with x"):
                net.forward(memory[:T], out=out)
            np.testing.assert_array_equal(memory, before)

    def test_out_over_the_parameters_is_refused(self):
        net = ie.Network([ie.nn.Linear(2, bias=False)], input_size=2, dtype="float64")
        with pytest.raises(ValueError, match="parameters"):
            net.forward(np.zeros((1, 2, 2)), out=net.parameters.reshape(1, 2, 2))

    def test_the_recurrence_may_run_in_place_but_not_shifted(self):
        arguments = calls()["indrnn_forward"].arguments
        expected = ie.ops.indrnn_forward(**arguments)
        z = arguments["z"].copy()
        assert ie.ops.indrnn_forward(**{**arguments, "z": z}, out=z) is z
        np.testing.assert_array_equal(z, expected)
        memory = np.zeros((T + 1, B, H))
        with pytest.raises(ValueError, match="share memory"):
            ie.ops.indrnn_forward(memory[:T], arguments["u"], out=memory[1:])

    def test_cross_entropy_may_run_in_place(self):
        arguments = calls()["softmax_cross_entropy"].arguments
        loss, expected = ie.losses.softmax_cross_entropy(**arguments)
        logits = arguments["logits"].copy()
        found, gradient = ie.losses.softmax_cross_entropy(**{**arguments, "logits": logits}, out=logits)
        assert found == loss
        assert gradient is logits
        np.testing.assert_array_equal(logits, expected)

    def test_a_view_of_the_state_as_input_of_a_step(self):
        net = network([ie.nn.IndRNN(I)])
        state = net.initial_state(B)
        state["0.hidden"][:] = np.arange(1.0, 1.0 + B * I).reshape(B, I)
        expected, _ = net.step(state["0.hidden"].copy(), state.copy())
        found, _ = net.step(state["0.hidden"], state)
        np.testing.assert_array_equal(found, expected)

    def test_a_view_of_the_gradients_as_output_gradient(self):
        def gradients(view: bool) -> np.ndarray:
            net = ie.Network([ie.nn.Linear(2, bias=False)], input_size=2, dtype="float64", seed=2)
            net.forward(np.arange(1.0, 5.0).reshape(1, 2, 2), training=True)
            net.gradients[:] = [1.0, 2.0, 3.0, 4.0]
            dy = net.gradients.reshape(1, 2, 2)
            net.backward(dy if view else dy.copy())
            return net.gradients.copy()

        np.testing.assert_array_equal(gradients(view=True), gradients(view=False))


class TestZeroSize:
    def test_no_time_steps(self):
        net = network()
        state = net.initial_state(B)
        state.flat[:] = 0.5
        y, after = net.forward(np.zeros((0, B, I)), state)
        assert y.shape == (0, B, C)
        np.testing.assert_array_equal(after.flat, state.flat)

    def test_no_samples(self):
        net = network()
        y, state = net.forward(np.zeros((T, 0, I)), training=True)
        assert y.shape == (T, 0, C)
        assert state["0.hidden"].shape == (0, H)
        dx, _ = net.backward(np.zeros((T, 0, C)))
        assert dx.shape == (T, 0, I)
        assert not net.gradients.any()

    def test_a_step_of_no_samples(self):
        y, state = network().step(np.zeros((0, I)))
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


class TestViews:
    def test_writes_through_the_flat_view_reach_the_names_and_back(self):
        net = network()
        net.parameters[:] = np.arange(net.num_parameters)
        flat = np.concatenate([view.ravel() for view in net.named_parameters().values()])
        np.testing.assert_array_equal(flat, net.parameters)
        net.named_parameters()["1.bias"][:] = -1.0
        np.testing.assert_array_equal(net.parameters[-C:], -1.0)

    def test_writes_reach_the_computation(self):
        net = network()
        net.parameters[:] = 0.0
        net.named_parameters()["1.bias"][:] = [1.0, 2.0, 3.0, 4.0]
        y, _ = net.forward(np.ones((T, B, I)))
        np.testing.assert_array_equal(y, np.broadcast_to([1.0, 2.0, 3.0, 4.0], y.shape))

    @pytest.mark.parametrize("kind", ["parameters", "gradients", "named", "buffers", "state", "moment"])
    def test_a_view_keeps_its_memory_alive(self, kind):
        import gc

        net = network([ie.nn.IndRNN(200), ie.nn.BatchNorm()], seed=3)
        if kind == "state":
            state = net.initial_state(1000)
            view = state["0.hidden"]
            del state
        elif kind == "moment":
            adam = ie.optim.Adam(net)
            view = adam._core.first_moment
            del adam
        else:
            view = {
                "parameters": lambda: net.parameters,
                "gradients": lambda: net.gradients,
                "named": lambda: net.named_parameters()["0.weight_hh"],
                "buffers": lambda: net.named_buffers()["1.running_var"],
            }[kind]()
        view[...] = 7.0
        del net
        gc.collect()
        others = [network([ie.nn.IndRNN(200), ie.nn.BatchNorm()], seed=9) for _ in range(20)]
        for other in others:
            other.gradients[:] = 1.0
        np.testing.assert_array_equal(view, 7.0)

    def test_views_are_the_same_memory_every_time(self):
        net = network()
        assert np.shares_memory(net.parameters, net.parameters)
        assert np.shares_memory(net.parameters, net.named_parameters()["0.weight"])
        assert net.parameters.flags.writeable
        assert net.parameters.flags.c_contiguous
