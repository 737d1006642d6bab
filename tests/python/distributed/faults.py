"""`indrnn` with a fault: arguments KIND RANK STEP, then those of `indrnn`.

Curves are not drawn: loading what draws them takes longer than the whole training.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from typing import Any

from indrnn_engine.cli import main
from indrnn_engine.distributed import environment
from indrnn_engine.training import Trainer, recorder


def with_fault(kind: str, rank: int, step: int) -> None:
    """Let this rank meet the fault before that step."""
    right_step = Trainer._train_step

    def wrong_step(self: Trainer, epoch: int, position: int, batch: Any, waited: float) -> None:
        if self.progress.step == step and environment.launched_rank() == rank:
            meet(kind, batch)
        right_step(self, epoch, position, batch, waited)

    Trainer._train_step = wrong_step  # type: ignore[method-assign]


def meet(kind: str, batch: Any) -> None:
    """Do what goes wrong; "nothing" does not."""
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "hang":
        time.sleep(1000)
    if kind == "error":
        raise ValueError("[digits] image 17 is torn")
    if kind == "nan":
        batch.x[3, 0] = float("nan")
    if kind == "full":  # no file may grow beyond this
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    if kind == "interrupt":
        os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    wanted = sys.argv[1:4]
    del sys.argv[1:4]
    recorder.draw_curves = lambda *_arguments: None  # type: ignore[assignment]
    with_fault(wanted[0], int(wanted[1]), int(wanted[2]))
    main()
