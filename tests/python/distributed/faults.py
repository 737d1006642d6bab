"""`indrnn` with a fault: arguments KIND RANK STEP, then those of `indrnn`."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from typing import Any

from indrnn_engine.cli import main
from indrnn_engine.distributed import environment
from indrnn_engine.training import Trainer

KIND, RANK, STEP = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
del sys.argv[1:4]
right_step = Trainer._train_step


def wrong_step(self: Trainer, epoch: int, position: int, batch: Any, waited: float) -> None:
    """Do the step, after the fault where it is due."""
    if self.progress.step == STEP and environment.launched_rank() == RANK:
        if KIND == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if KIND == "hang":
            time.sleep(1000)
        if KIND == "error":
            raise ValueError("[digits] image 17 is torn")
        if KIND == "nan":
            batch.x[3, 0] = float("nan")
        if KIND == "full":  # no file may grow beyond this
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        if KIND == "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
    right_step(self, epoch, position, batch, waited)


Trainer._train_step = wrong_step  # type: ignore[method-assign]
main()
