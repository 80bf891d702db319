// The embeddings of tokens (wte) and of positions (wpe).
#pragma once

#include <cstring>

#include "engine/train/network.h"
#include "engine/train/share.h"
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
// each token. gradient [rows x C]
UGPT_LANE void wte_gradient(const Network& net, const Document& document, std::size_t row,
                            std::size_t rows, float* gradient) {
    const std::size_t width = net.shape.n_embd;
    std::memset(gradient, 0, rows * width * sizeof(float));
    for (std::size_t t = 0; t < document.positions; ++t) {
        const std::size_t token = document.input(t);
        if (token >= row && token < row + rows) {
            float* sum = gradient + (token - row) * width;
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
// that the document does not have. gradient [rows x C]
template <class Lanes>
void wpe_gradient(const Network& net, const Document& document, std::size_t row, std::size_t rows,
                  float* gradient) {
    const std::size_t width = net.shape.n_embd;
    const std::size_t end = row + rows < document.positions ? row + rows : document.positions;
    const std::size_t used = end > row ? end - row : 0;
    if (used > 0) {
        transpose<Lanes>(net.residual_grad + row, net.stride, width, gradient, width, used);
    }
    std::memset(gradient + used * width, 0, (rows - used) * width * sizeof(float));
}

// Applies the gradients of an embedding, wte or wpe. They come from net.residual_grad [C x S], the
// gradient of the sum of both.
template <class Lanes>
void embedding_update(const Network& net, const Update& update, const Document& document,
                      const Matrix& matrix, std::size_t first, std::size_t rows, std::size_t core) {
    float* const gradient = net.weight_grad + core * net.weight_grad_size;
    const std::size_t end = first + rows;
    const std::size_t tile = matrix.division.lone_update;
    for (std::size_t row = first; row < end; row += tile) {
        const std::size_t tile_rows = std::min(tile, end - row);
        enter(net, Phase::embedding, core);
        if (&matrix == &net.wte) {
            wte_gradient(net, document, row, tile_rows, gradient);
        } else {
            wpe_gradient<Lanes>(net, document, row, tile_rows, gradient);
        }
        enter(net, Phase::adam, core);
        apply_gradient<Lanes>(net, update, matrix, row, tile_rows, gradient);
    }
}

template <class Lanes>
void embedding_backward(const Network& net, const Update& update, const Document& document) {
    for (const Matrix* matrix : {&net.wte, &net.wpe}) {
        share(net, by_rows(matrix->rows, updated_together(net, update, *matrix),
                           [&](std::size_t first, std::size_t rows, std::size_t core) {
                               embedding_update<Lanes>(net, update, document, *matrix, first, rows,
                                                       core);
                           }));
    }
}

}  // namespace
}  // namespace ugpt::engine
