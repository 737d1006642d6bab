#!/usr/bin/env bash
# Trains the embedded data set, scikit-learn's 8 x 8 digits read pixel by pixel, and says where the results lie.
# Arguments go to `indrnn train digits`.
. "$(dirname "$0")/common.sh"
scripts/setup.sh run
use_venv
exec indrnn train digits "$@"
