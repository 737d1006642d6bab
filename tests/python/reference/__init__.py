"""An independent implementation of the networks, written for reading: the oracle of the tests.

It shares no code with the engine. Layers are functions of plain NumPy (through the `autograd`
package, which differentiates them), one per layer type in `reference.layers.LAYERS`; a new layer is
one more function and one line in that table. Specs are the dictionaries that
`indrnn_engine.nn.to_dict` gives, arrays are float64 and time-major.
"""

from reference.gradients import Gradients, finite_differences, gradients
from reference.network import Result, forward

__all__ = ["Gradients", "Result", "finite_differences", "forward", "gradients"]
