// The whole public interface of indrnn_engine: stacked Independently Recurrent Neural Networks, forward and
// backward.
#pragma once

#include "indrnn/error.hpp"
#include "indrnn/inference.hpp"
#include "indrnn/losses.hpp"
#include "indrnn/network.hpp"
#include "indrnn/nn.hpp"
#include "indrnn/ops.hpp"
#include "indrnn/optim.hpp"
#include "indrnn/tensor.hpp"
#include "indrnn/threads.hpp"
#include "indrnn/version.hpp"
