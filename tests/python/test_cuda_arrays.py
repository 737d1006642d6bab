"""Arrays in device memory: NumPy in and out, and other libraries' arrays without a copy."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import indrnn_engine as ie
from cuda_device import ByDLPack, ByInterface, require_cuda
from indrnn_engine import nn

require_cuda()

T, B, INPUTS = 6, 4, 3


def network(device="cuda", **options):
    layers = [nn.IndRNN(5), nn.BatchNorm(), nn.IndRNN(4, "tanh"), nn.Linear(2)]
    return ie.Network(layers, INPUTS, device=device, seed=1, **options)


def inputs(seed=0):
    return np.random.default_rng(seed).normal(size=(T, B, INPUTS)).astype(np.float32)


@pytest.fixture
def net():
    return network()


def test_parameters_are_device_arrays(net):
    on_cpu = network("cpu")
    for name in ("parameters", "gradients"):
        array, expected = getattr(net, name), getattr(on_cpu, name)
        assert isinstance(array, ie.DeviceArray)
        assert (array.shape, array.dtype, array.device) == (expected.shape, np.float32, "cuda:0")
        assert (array.ndim, array.size, array.nbytes) == (1, expected.size, 4 * expected.size)
        assert len(array) == expected.size
        np.testing.assert_array_equal(array.numpy(), expected)
    for name in ("named_parameters", "named_gradients", "named_buffers"):
        views, expected = getattr(net, name)(), getattr(on_cpu, name)()
        assert list(views) == list(expected)
        for key, view in views.items():
            np.testing.assert_array_equal(np.asarray(view), expected[key])
    assert net.num_parameters == on_cpu.num_parameters
    assert (
        repr(net.parameters)
        == f"DeviceArray(shape=({net.num_parameters},), dtype=float32, device='cuda:0')"
    )


def test_writing_follows_numpy(net):
    weight = net.named_parameters()["3.weight"]
    weight[:] = 0.5
    assert (weight.numpy() == 0.5).all()
    weight[...] = [1, 2, 3, 4]  # broadcast and cast, as NumPy does
    np.testing.assert_array_equal(weight[1], [1, 2, 3, 4])
    weight[1, 2] = 9
    np.testing.assert_array_equal(weight[:, 2], [3, 9])
    weight[:] = net.named_gradients()["3.weight"]  # device to device
    assert not weight.numpy().any()
    with pytest.raises(ValueError, match="broadcast"):
        weight[:] = np.zeros(3)
    with pytest.raises(ValueError, match=r"\[DeviceArray\] values must have shape"):
        weight[:] = net.gradients
    with pytest.raises(ValueError, match="without a copy"):
        np.asarray(weight, copy=False) if np.lib.NumpyVersion(
            np.__version__
        ) >= "2.0.0" else weight.__array__(copy=False)


def test_a_view_keeps_the_network_alive():
    view = network().named_parameters()["3.weight"]
    gc.collect()
    assert np.isfinite(view.numpy()).all()


def test_host_arrays_give_host_arrays(net):
    y, state = net.forward(inputs(), training=True)
    dx, dstate = net.backward(np.ones_like(y))
    assert type(y) is type(dx) is type(state.flat) is type(dstate.flat) is np.ndarray


def outcome(net, give, take=np.asarray, state=None):
    net.zero_gradients()
    y, after = net.forward(give(inputs()), state, training=True)
    dx, dstate = net.backward(give(np.full(y.shape, 0.5, np.float32)))
    assert type(y) is type(dx)
    return take(y), take(dx), after.flat, dstate.flat, np.array(net.gradients)


def ready(array):
    """Wait for the array: its producer says that it is written already."""
    array.numpy()
    return array


PRODUCERS = {
    "own": lambda array: array,
    "interface": ByInterface,
    "interface_without_stream": lambda array: ByInterface(ready(array), stream=None, version=2),
    "interface_with_strides": lambda array: ByInterface(
        array, strides=tuple(np.empty(array.shape, array.dtype).strides)
    ),
    "legacy_stream": lambda array: ByInterface(ready(array), stream=1),
    "dlpack": ByDLPack,
    "dlpack_before_versions": lambda array: ByDLPack(array, versioned=False),
}


@pytest.mark.parametrize("producer", PRODUCERS.values(), ids=PRODUCERS)
def test_device_arrays_give_device_arrays(producer):
    """Whoever made the array, on its own stream: here another network's."""
    net, other = network(), network()
    found = outcome(net, lambda x: producer(ie.to_device(x, other)))
    for actual, expected in zip(found, outcome(network(), lambda x: x), strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_the_results_can_be_used_by_others(net):
    y, _ = net.forward(ie.to_device(inputs(), net))
    assert isinstance(y, ie.DeviceArray)
    interface = y.__cuda_array_interface__
    assert interface["shape"] == (T, B, 2)
    assert interface["typestr"] == "<f4"
    assert interface["version"] == 3
    assert interface["strides"] is None
    assert interface["stream"] not in (None, 0)
    assert interface["data"][0] % 256 == 0
    assert y.__dlpack_device__() == (2, 0)
    for stream in (None, -1, 1, interface["stream"]):
        assert "dltensor" in repr(y.__dlpack__(stream=stream))
    assert "dltensor_versioned" in repr(y.__dlpack__(max_version=(1, 0)))
    with pytest.raises(ValueError, match="stream 0 is ambiguous"):
        y.__dlpack__(stream=0)
    with pytest.raises(BufferError, match="its own device"):
        y.__dlpack__(dl_device=(1, 0))


def test_dlpack_keeps_the_memory_alive_and_copies_on_request(net):
    y = ie.to_device(inputs(), net)
    view, copy = y.__dlpack__(), y.__dlpack__(copy=True)
    del y
    gc.collect()

    class Capsule:
        def __init__(self, capsule):
            self.capsule = capsule

        def __dlpack_device__(self):
            return (2, 0)

        def __dlpack__(self, **options):
            return self.capsule

    for capsule in (view, copy):
        found, _ = net.forward(Capsule(capsule))
        np.testing.assert_array_equal(found.numpy(), net.forward(inputs())[0])


def test_a_dlpack_producer_is_told_of_a_stream_that_is_never_captured(net):
    x = ByDLPack(ie.to_device(inputs(), network()))
    net.forward(x)
    net.forward(x)
    assert len(set(x.streams)) == 1
    assert x.streams[0] not in (None, net.parameters.__cuda_array_interface__["stream"])


def test_arrays_may_die_while_work_is_queued(net):
    expected = net.forward(inputs())[0]
    results = [net.forward(ByInterface(ie.to_device(inputs(), network())))[0] for _ in range(40)]
    gc.collect()
    for y in results:
        np.testing.assert_array_equal(y.numpy(), expected)


def test_arrays_are_let_go_of_when_their_work_is_done(net):
    arrays = [ByDLPack(ie.to_device(inputs(), network())) for _ in range(5)]
    alive = [weakref.ref(array) for array in arrays]
    for array in arrays:
        net.forward(array)
    del array, arrays
    assert any(array() is not None for array in alive[-1:])  # as no call has come behind it
    net.synchronize()
    assert not any(array() is not None for array in alive)


def test_out_step_lengths_and_resets(net):
    x = ie.to_device(inputs(), net)
    out = ie.to_device(np.zeros((T, B, 2), np.float32), net)
    lengths = np.array([6, 0, 3, 1])
    resets = np.random.default_rng(2).random((T, B)) < 0.3
    expected, _ = net.forward(inputs(), lengths=lengths, resets=resets)
    for place in (lambda a: a, lambda a: ie.to_device(a, net)):
        y, _ = net.forward(x, lengths=place(lengths), resets=place(resets), out=out)
        assert y.__cuda_array_interface__["data"] == out.__cuda_array_interface__["data"]
        np.testing.assert_array_equal(y.numpy(), expected)
    y, _ = net.step(ie.to_device(inputs()[0], net))
    np.testing.assert_allclose(y.numpy(), net.step(inputs()[0])[0], rtol=1e-6)


def test_index_inputs():
    net = ie.Network([nn.Embedding(7, 3), nn.IndRNN(4)], device="cuda")
    x = np.random.default_rng(0).integers(0, 7, (T, B))
    y, _ = net.forward(ie.to_device(x, net))
    np.testing.assert_array_equal(y.numpy(), net.forward(x)[0])
    with pytest.raises(ValueError, match="x"):
        net.forward(np.full((T, B), 7))


WRONG = {
    "dtype": (
        lambda net: net.forward(ie.to_device(inputs().astype(np.float64), net)),
        TypeError,
        r"\[forward\] x must be float32, got float64",
    ),
    "rank": (
        lambda net: net.forward(ie.to_device(inputs()[0], net)),
        ValueError,
        r"\[forward\] x must have 3 dimensions \[T, B, I\], got shape \[4, 3\]",
    ),
    "features": (
        lambda net: net.forward(ie.to_device(inputs()[:, :, :2].copy(), net)),
        ValueError,
        r"\[forward\] x",
    ),
    "strides": (
        lambda net: net.forward(ByInterface(ie.to_device(inputs(), net), strides=(4, 96, 24))),
        ValueError,
        r"\[forward\] x must be C-contiguous on the device",
    ),
    "stream": (
        lambda net: net.forward(ByInterface(ie.to_device(inputs(), net), stream=0)),
        ValueError,
        "stream 0 is ambiguous",
    ),
    "host_pointer": (
        lambda net: net.forward(
            ByInterface(ie.to_device(inputs(), net), data=(inputs().ctypes.data, False))
        ),
        ValueError,
        r"\[forward\] x must lie in the memory of the network's device cuda:0",
    ),
    "out_on_the_host": (
        lambda net: net.forward(ie.to_device(inputs(), net), out=np.zeros((T, B, 2), np.float32)),
        TypeError,
        r"\[forward\] out must be a DeviceArray",
    ),
    "out_shape": (
        lambda net: net.forward(
            ie.to_device(inputs(), net), out=ie.to_device(np.zeros((T, B, 3), np.float32), net)
        ),
        ValueError,
        r"\[forward\] out must have shape \[6, 4, 2\]",
    ),
    "dy": (
        lambda net: (
            net.forward(inputs(), training=True),
            net.backward(ie.to_device(inputs(), net)),
        ),
        ValueError,
        r"\[backward\] dy must have the shape of the last output \[6, 4, 2\]",
    ),
    "cpu_network": (
        lambda net: network("cpu").forward(ie.to_device(inputs(), net)),
        TypeError,
        "device memory, and the network is on cpu",
    ),
    "cpu_loss_argument": (
        lambda net: ie.losses.mean_squared_error(inputs(), ie.to_device(inputs(), net)),
        TypeError,
        "lies in device memory",
    ),
    "to_device": (
        lambda net: ie.to_device(inputs(), network("cpu")),
        ValueError,
        r"\[to_device\] network must be on a CUDA device",
    ),
    "to_device_dtype": (
        lambda net: ie.to_device(inputs().astype(np.float16), net),
        TypeError,
        r"\[to_device\] array must be float32, float64, int64 or bool",
    ),
}


@pytest.mark.parametrize(("call", "error", "message"), WRONG.values(), ids=WRONG)
def test_wrong_arrays_are_named(net, call, error, message):
    with pytest.raises(error, match=message):
        call(net)


@pytest.mark.skipif("cuda:1" not in ie.devices(), reason="needs two devices")
def test_the_other_device():
    net, other = network(), network("cuda:1")
    assert other.device == "cuda:1"
    assert other.parameters.device == "cuda:1"
    np.testing.assert_array_equal(other.forward(inputs())[0], net.forward(inputs())[0])
    with pytest.raises(ValueError, match="memory of the network's device cuda:1"):
        other.forward(ie.to_device(inputs(), net))


@pytest.mark.parametrize("library", ["cupy", "torch"])
def test_real_producers(library, net):
    """Where CuPy or PyTorch with a GPU are installed; the emulated device has none of them."""
    module = pytest.importorskip(library)
    if library == "torch":
        if not module.cuda.is_available():
            pytest.skip("PyTorch has no GPU")
        x = module.from_numpy(inputs()).cuda()
    else:
        x = module.asarray(inputs())
    y, _ = net.forward(x)
    back = module.from_dlpack(y)
    np.testing.assert_allclose(
        back.cpu().numpy() if library == "torch" else back.get(),
        net.forward(inputs())[0],
        rtol=1e-6,
    )
