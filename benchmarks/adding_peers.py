"""PyTorch's LSTM and RNN(relu), trained on the batches of `indrnn train adding`.

Run it with `python -m benchmarks.adding_peers lstm --json FILE`, where PyTorch is installed
(`pip install -r requirements/parity.txt`).
Same batches of the same seed, Adam with the same rate along a cosine, gradients' norm bounded by 1,
the same validation every 100 steps. One layer of 128 each, as the papers' comparison has it (Li et
al., CVPR 2018, section 5.1), with PyTorch's own initial weights.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import indrnn_engine as ie
from benchmarks.results import four_digits
from indrnn_engine.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable

    from indrnn_engine.data.batches import BatchSource

SYSTEMS: dict[str, Callable[[int], torch.nn.RNNBase]] = {
    "lstm": lambda hidden: torch.nn.LSTM(2, hidden),
    "rnn": lambda hidden: torch.nn.RNN(2, hidden, nonlinearity="relu"),
}
EVALUATE_EVERY = 100


def answers(network: Any, x: Any) -> torch.Tensor:
    """Answer x [T, B, 2] with [B, 1]: the recurrent network, and the head on its last step."""
    recurrent, head = network
    answer: torch.Tensor = head(recurrent(torch.from_numpy(x))[0][-1])
    return answer


def squared_error(network: Any, source: BatchSource) -> float:
    """Mean over the source's batches."""
    total = 0.0
    with torch.inference_mode():
        for position in range(source.num_batches()):
            batch = source.batch(0, 0, position)
            answer = answers(network, batch.x)
            total += torch.nn.functional.mse_loss(answer, torch.from_numpy(batch.y)).item()
    return total / source.num_batches()


def train(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Train one network; give its curve and test error."""
    data = ie.data.adding.load(time_steps=options.time_steps)
    assert data.validation is not None
    assert data.test is not None
    torch.manual_seed(options.seed)
    hidden = options.hidden_size
    network = torch.nn.ModuleList([SYSTEMS[name](hidden), torch.nn.Linear(hidden, 1)])
    adam = torch.optim.Adam(network.parameters(), lr=options.learning_rate)
    schedule = ie.optim.schedules.Cosine(options.learning_rate, options.steps)
    points: list[list[float]] = []
    earlier, first = 0.0, 0
    if options.checkpoint and options.checkpoint.exists():
        found = torch.load(options.checkpoint)
        network.load_state_dict(found["network"])
        adam.load_state_dict(found["adam"])
        points, earlier = found["points"], found["seconds"]
        first = int(points[-1][0])
    start = time.perf_counter() - earlier
    for step in range(first, options.steps):
        adam.param_groups[0]["lr"] = schedule(step)
        epoch, position = divmod(step, data.train.num_batches())
        batch = data.train.batch(options.seed, epoch, position)
        adam.zero_grad()
        answer = answers(network, batch.x)
        torch.nn.functional.mse_loss(answer, torch.from_numpy(batch.y)).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        adam.step()
        if (step + 1) % EVALUATE_EVERY == 0 or step + 1 == options.steps:
            points.append([step + 1, squared_error(network, data.validation)])
            seconds = time.perf_counter() - start
            print(f"{name}, step {step + 1}: {points[-1][1]:.4g}, {seconds:.0f} s", flush=True)
            if options.checkpoint:
                state = {"network": network.state_dict(), "adam": adam.state_dict()}
                content = io.BytesIO()
                torch.save({**state, "points": points, "seconds": seconds}, content)
                write_atomically(options.checkpoint, content.getvalue())
    return {
        "seconds": time.perf_counter() - start,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "test": {"mse": squared_error(network, data.test)},
        "validation": {"metric": "loss", "points": points},
    }


def main() -> None:
    """Train each system and keep its record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("system", choices=SYSTEMS)
    parser.add_argument("--time-steps", type=int, default=1000)
    parser.add_argument("--hidden-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--checkpoint", type=Path, help="goes on from this file where there is one")
    parser.add_argument("--json", type=Path, help="the record")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    # As inside the engine: a gradient that fades over the steps becomes denormal, and the LSTM's
    # step takes 3.7 s instead of 0.45 s where the processor handles such numbers in microcode.
    torch.set_flush_denormal(True)
    command = (
        f"python -m benchmarks.adding_peers {options.system} --time-steps {options.time_steps} "
        f"--hidden-size {options.hidden_size} --steps {options.steps} "
        f"--learning-rate {options.learning_rate:g} --seed {options.seed}"
    )
    environment = {"torch": torch.__version__, "threads": options.threads}
    found = {"command": command, "environment": environment, **train(options.system, options)}
    print(f"{options.system}: test error {found['test']['mse']:.4g}")
    if options.json:
        write_atomically(options.json, (json.dumps(four_digits(found)) + "\n").encode())


if __name__ == "__main__":
    main()
