// The embeddings of tokens (wte) and of positions (wpe).
#pragma once

#include <cstring>

#include "engine/train/network.h"
#include "engine/train/transpose.h"
#include "engine/train/update.h"

namespace ugpt::engine {
namespace {

// x[.][t] = wte[token] + wpe[t]. x [C x S]
UGPT_LANE void embedding_forward(const Network& net, Token token, std::size_t t, float* x) {
    const std::size_t width = net.shape.n_embd;
    const float* by_token = net.wte.weights + token * width;
    const float* by_position = net.wpe.weights + t * width;
    std::size_t i = t;
    for (std::size_t left = width; left > 0; --left) {
        x[i] = *by_token++ + *by_position++;
        i += net.stride;
    }
}

// The gradient of rows [row, row + rows) of wte: the sum of net.residual_grad over the positions of
// each token. net.weight_grad [rows x C]
UGPT_LANE void wte_gradient(const Network& net, const Document& document, std::size_t row,
                            std::size_t rows) {
    const std::size_t width = net.shape.n_embd;
    std::memset(net.weight_grad, 0, rows * width * sizeof(float));
    for (std::size_t t = 0; t < document.positions; ++t) {
        const std::size_t token = document.input(t);
        if (token >= row && token < row + rows) {
            float* sum = net.weight_grad + (token - row) * width;
            std::size_t i = t;
            for (std::size_t left = width; left > 0; --left) {
                *sum = *sum + net.residual_grad[i];
                ++sum;
                i += net.stride;
            }
        }
    }
}

// The gradient of rows [row, row + rows) of wpe: that of position t is row t, zero for positions
// that the document does not have. net.weight_grad [rows x C]
template <class Lanes>
void wpe_gradient(const Network& net, const Document& document, std::size_t row, std::size_t rows) {
    const std::size_t width = net.shape.n_embd;
    const std::size_t end = row + rows < document.positions ? row + rows : document.positions;
    const std::size_t used = end > row ? end - row : 0;
    if (used > 0) {
        transpose<Lanes>(net.residual_grad + row, net.stride, width, net.weight_grad, width, used);
    }
    std::memset(net.weight_grad + used * width, 0, (rows - used) * width * sizeof(float));
}

// Applies the gradients of both embeddings. They come from net.residual_grad [C x S], the gradient
// of their sum.
template <class Lanes>
void embedding_backward(const Network& net, const Update& update, const Document& document) {
    const std::size_t tile = rows_at_once(net.moments, net.shape.n_embd);
    for (const Matrix* matrix : {&net.wte, &net.wpe}) {
        for (std::size_t row = 0; row < matrix->rows; row += tile) {
            const std::size_t rows = matrix->rows - row < tile ? matrix->rows - row : tile;
            enter(net, Phase::embedding);
            if (matrix == &net.wte) {
                wte_gradient(net, document, row, rows);
            } else {
                wpe_gradient<Lanes>(net, document, row, rows);
            }
            enter(net, Phase::adam);
            apply_gradient<Lanes>(net, update, *matrix, row, rows, net.weight_grad);
        }
    }
}

}  // namespace
}  // namespace ugpt::engine
