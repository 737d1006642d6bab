// Losses: each returns the mean loss and overwrites the gradient with respect to its first argument.
// Sums run in float64 in a fixed order, so the result is the same bits for any number of threads.
#pragma once

#include "indrnn/export.hpp"
#include "indrnn/tensor.hpp"

namespace indrnn::losses {

// loss = mean over counted rows of -log softmax(logits)[target];
// dlogits = (softmax - one_hot) / counted rows. logits, dlogits [..., C]; targets int64 [...], each in [0, C);
// mask uint8 [...] or empty: rows with 0 are not counted, get zero gradient, and their targets may be anything.
// dlogits may be empty (loss only) or the same memory as logits, and overlaps nothing else. Where no row counts, the loss is 0.
INDRNN_API double softmax_cross_entropy(ConstTensorView logits, ConstTensorView targets, ConstTensorView mask,
                                        TensorView dlogits);

// loss = mean over all counted elements of (prediction - target)^2;
// gradient = 2 (prediction - target) / count. prediction, target and gradient have one shape [..., F];
// mask uint8 [...] (one value per row of F) or empty. gradient overlaps none of them.
INDRNN_API double mean_squared_error(ConstTensorView prediction, ConstTensorView target, ConstTensorView mask,
                                     TensorView gradient);

}  // namespace indrnn::losses
