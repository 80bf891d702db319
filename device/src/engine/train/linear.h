// Products with a weight matrix: forward, backward, and the update of its weights.
#pragma once

#include "engine/train/matmul.h"
#include "engine/train/network.h"
#include "engine/train/transpose.h"
#include "engine/train/update.h"

namespace ugpt::engine {
namespace {

// y = W x at `count` positions from `first` on. x [cols x S], y [rows x S]
UGPT_LANE Product weights_by(const Network& net, const Matrix& matrix, const float* x, float* y,
                             std::size_t first, std::size_t count) {
    return {.a = matrix.weights,
            .a_stride = matrix.cols,
            .b = x + first,
            .b_stride = net.stride,
            .c = y + first,
            .c_stride = net.stride,
            .rows = matrix.rows,
            .columns = count,
            .depth = matrix.cols};
}

// y = W x, or as `kInto` says, at `count` positions from `first` on. x [cols x S], y [rows x S]
template <class Lanes, Into kInto = Into::fresh>
void linear_forward(const Network& net, const Matrix& matrix, const float* x, float* y,
                    std::size_t first, std::size_t count) {
    multiply<Lanes, Order::row_major, kInto>(weights_by(net, matrix, x, y, first, count));
}

// dx = W^T dy, or as `kInto` says. dy [rows x S], dx and mask [cols x S]
template <class Lanes, Into kInto = Into::fresh>
void linear_backward(const Network& net, const Matrix& matrix, const float* dy, float* dx,
                     std::size_t count, const float* mask = nullptr) {
    multiply<Lanes, Order::transposed, kInto>({.a = matrix.weights,
                                               .a_stride = matrix.cols,
                                               .b = dy,
                                               .b_stride = net.stride,
                                               .c = dx,
                                               .c_stride = net.stride,
                                               .rows = matrix.cols,
                                               .columns = count,
                                               .depth = matrix.rows,
                                               .mask = mask});
}

// net.transpose_buffer = x^T. x [rows x S], the buffer [S x rows]
template <class Lanes>
void transpose_into_buffer(const Network& net, const float* x, std::size_t rows,
                           std::size_t count) {
    transpose<Lanes>(x, net.stride, rows, net.transpose_buffer, rows, count);
}

// dW = dy x^T, applied a few rows at a time. dy [rows x S], x [cols x S]. With vectors, x may be
// nullptr: its transpose is in net.transpose_buffer already. `phase` is the one of the product.
template <class Lanes>
void linear_update(const Network& net, const Update& update, Phase phase, const Matrix& matrix,
                   const float* dy, const float* x, std::size_t count) {
    constexpr bool kTransposes = Lanes::Single::kWidth > 1;
    if (kTransposes && x != nullptr) {
        transpose_into_buffer<Lanes>(net, x, matrix.cols, count);
    }
    const std::size_t tile = rows_at_once(net.moments, matrix.cols);
    for (std::size_t row = 0; row < matrix.rows; row += tile) {
        const std::size_t rows = matrix.rows - row < tile ? matrix.rows - row : tile;
        const Product product{.a = dy + row * net.stride,
                              .a_stride = net.stride,
                              .b = kTransposes ? net.transpose_buffer : x,
                              .b_stride = kTransposes ? matrix.cols : net.stride,
                              .c = net.weight_grad,
                              .c_stride = matrix.cols,
                              .rows = rows,
                              .columns = matrix.cols,
                              .depth = count};
        if constexpr (kTransposes) {
            multiply<Lanes, Order::row_major>(product);
        } else {
            multiply<Lanes, Order::row_major, Into::fresh, Order::transposed>(product);
        }
        enter(net, Phase::adam);
        apply_gradient<Lanes>(net, update, matrix, row, rows, net.weight_grad);
        enter(net, phase);
    }
}

}  // namespace
}  // namespace ugpt::engine
