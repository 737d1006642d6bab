"""The default experiment of every data source: what `indrnn train SOURCE` does by itself."""

from __future__ import annotations

from .config import TrainingConfig
from .experiment import Experiment, ModelConfig

__all__ = ["PRESETS"]

PRESETS: dict[str, Experiment] = {
    # [C]'s network. Its first outputs are large (they sum up T steps); gradients cut off by value
    # at 10 keep little but their signs: at T = 1000 the error is still above 100 after 1000 steps.
    # With the norm bounded, and a higher rate that decays, it is below 0.01 after 1400 steps and
    # 0.0006 at the end.
    "adding": Experiment(
        source="adding",
        data={"time_steps": 100, "batch_size": 50},
        model=ModelConfig(
            options={"num_layers": 2, "hidden_size": 128, "batch_norm": None, "magnitude": 2.0}
        ),
        training=TrainingConfig(
            max_steps=3000,
            learning_rate=3e-3,
            schedule="cosine",
            clip_value=None,
            clip_norm=1.0,
            evaluate_every=100,
        ),
    ),
    # Chosen on validation splits of 287 images (accuracy 97.6 to 98.6 %).
    "digits": Experiment(
        source="digits",
        data={"batch_size": 32},
        model=ModelConfig(
            options={
                "num_layers": 6,
                "hidden_size": 128,
                "batch_norm": "after",
                "dropout": 0.1,
                "magnitude": 5.0,
            }
        ),
        training=TrainingConfig(
            epochs=150, learning_rate=4e-3, schedule="one-cycle", final_model="last"
        ),
    ),
    # [R], the plain network of sequential MNIST.
    "mnist": Experiment(
        source="mnist",
        data={"batch_size": 32},
        model=ModelConfig(
            options={
                "num_layers": 6,
                "hidden_size": 128,
                "batch_norm": "after",
                "dropout": 0.1,
                "magnitude": 5.0,
            }
        ),
        training=TrainingConfig(
            epochs=100, learning_rate=2e-4, weight_decay=1e-4, evaluate_every=1000, patience=20
        ),
    ),
    "text": Experiment(
        source="text",
        data={"time_steps": 100, "batch_size": 32},
        model=ModelConfig(
            options={
                "num_layers": 3,
                "hidden_size": 256,
                "batch_norm": "after",
                "dropout": 0.1,
                "bound": 0.99,
                "embedding_size": 64,
            }
        ),
        training=TrainingConfig(epochs=10, learning_rate=2e-3, schedule="one-cycle"),
    ),
    # [D]'s dense networks are recipes; this is [C]'s plain one, small enough for one core.
    "ptb": Experiment(
        source="ptb",
        data={"level": "char", "time_steps": 50, "batch_size": 128},
        model=ModelConfig(
            options={
                "num_layers": 3,
                "hidden_size": 512,
                "batch_norm": "before",
                "dropout": 0.2,
                "bound": 0.99,
                "embedding_size": 64,
            }
        ),
        training=TrainingConfig(epochs=20, learning_rate=2e-3, schedule="one-cycle"),
    ),
    # [R]'s plain network for NTU RGB+D.
    "skeleton": Experiment(
        source="skeleton",
        data={"split_by": "subject", "time_steps": 20, "batch_size": 128},
        model=ModelConfig(
            options={
                "num_layers": 6,
                "hidden_size": 512,
                "batch_norm": "after",
                "dropout": 0.25,
                "magnitude": 2.0,
            }
        ),
        training=TrainingConfig(
            epochs=100, learning_rate=2e-4, weight_decay=1e-4, patience=20, test_draws=40
        ),
    ),
    "ucr": Experiment(
        source="ucr",
        data={"name": "BasicMotions", "batch_size": 16, "noise": 0.1},
        model=ModelConfig(
            options={
                "num_layers": 2,
                "hidden_size": 64,
                "batch_norm": "after",
                "dropout": 0.2,
                "magnitude": 2.0,
                "mean_over_time": True,
            }
        ),
        training=TrainingConfig(
            epochs=200, learning_rate=4e-3, schedule="one-cycle", final_model="last"
        ),
    ),
    "arrays": Experiment(
        source="arrays",
        data={"batch_size": 32},
        model=ModelConfig(
            options={
                "num_layers": 2,
                "hidden_size": 64,
                "batch_norm": "after",
                "dropout": 0.1,
                "magnitude": 2.0,
            }
        ),
        training=TrainingConfig(epochs=50, learning_rate=2e-3, schedule="one-cycle"),
    ),
}
