"""Training: the loop, its configuration, run folders that survive crashes."""

from __future__ import annotations

from .config import TrainingConfig
from .diagnose import TrainingDivergedError
from .evaluation import evaluate
from .experiment import Experiment, ModelConfig
from .objectives import Classification, LanguageModel, Objective, Regression, objective_for
from .presets import PRESETS
from .progress import Result
from .reporter import Reporter
from .run_folder import RunFolder
from .session import new_run, resume_run
from .trainer import Trainer

__all__ = [
    "PRESETS",
    "Classification",
    "Experiment",
    "LanguageModel",
    "ModelConfig",
    "Objective",
    "Regression",
    "Reporter",
    "Result",
    "RunFolder",
    "Trainer",
    "TrainingConfig",
    "TrainingDivergedError",
    "evaluate",
    "new_run",
    "objective_for",
    "resume_run",
]
