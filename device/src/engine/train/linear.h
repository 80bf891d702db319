// Products with a weight matrix: forward, backward, and the update of its weights.
#pragma once

#include "engine/train/matmul.h"
#include "engine/train/network.h"
#include "engine/train/share.h"
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

// The rows of a product on all cores, `together` of them a piece.
template <class Lanes, Order kA, Into kInto>
void share_product(const Network& net, Product p, std::size_t together) {
    if (!net.team->divides() || together >= p.rows) {
        multiply<Lanes, kA, kInto>(p);
        return;
    }
    share(net, by_rows(p.rows, together, [&p](std::size_t first, std::size_t rows, std::size_t) {
              Product part = rows_of<kA>(p, first, rows);
              multiply<Lanes, kA, kInto>(part);
          }));
}

// y = W x, or as `kInto` says, at `count` positions from `first` on. x [cols x S], y [rows x S]
template <class Lanes, Into kInto = Into::fresh>
void linear_forward(const Network& net, const Matrix& matrix, const float* x, float* y,
                    std::size_t first, std::size_t count) {
    share_product<Lanes, Order::row_major, kInto>(net, weights_by(net, matrix, x, y, first, count),
                                                  matrix.division.forward);
}

// y = y + W x at `count` positions from `first` on, with many elements of x +0. x [cols x S],
// y [rows x S]
template <class Lanes>
void linear_forward_sparse(const Network& net, const Matrix& matrix, const float* x, float* y,
                           std::size_t first, std::size_t count) {
    if (net.team->divides()) {
        linear_forward<Lanes, Into::sum>(net, matrix, x, y, first, count);
    } else {
        Product product = weights_by(net, matrix, x, y, first, count);
        add_sparse<Lanes>(product);
    }
}

// dx = W^T dy, or as `kInto` says. dy [rows x S], dx and mask [cols x S]
template <class Lanes, Into kInto = Into::fresh>
void linear_backward(const Network& net, const Matrix& matrix, const float* dy, float* dx,
                     std::size_t count, const float* mask = nullptr) {
    share_product<Lanes, Order::transposed, kInto>(net,
                                                   {.a = matrix.weights,
                                                    .a_stride = matrix.cols,
                                                    .b = dy,
                                                    .b_stride = net.stride,
                                                    .c = dx,
                                                    .c_stride = net.stride,
                                                    .rows = matrix.cols,
                                                    .columns = count,
                                                    .depth = matrix.rows,
                                                    .mask = mask},
                                                   matrix.division.backward);
}

// net.transpose_buffer = x^T. x [rows x S], the buffer [S x rows]
template <class Lanes>
void transpose_into_buffer(const Network& net, const float* x, std::size_t rows,
                           std::size_t count) {
    transpose<Lanes>(x, net.stride, rows, net.transpose_buffer, rows, count);
}

// With vectors, an update needs its input transposed.
template <class Lanes>
constexpr bool kTransposesInput = Lanes::Single::kWidth > 1;

// dW = dy x^T for rows [first, first + rows) of W, applied a few at a time. dy [rows x S], x [cols
// x S], or with vectors its transpose. `phase` is the one of the product.
template <class Lanes>
void update_rows(const Network& net, const Update& update, Phase phase, const Matrix& matrix,
                 const float* dy, const float* x, std::size_t count, std::size_t first,
                 std::size_t rows, std::size_t core) {
    float* const gradient = net.weight_grad + core * net.weight_grad_size;
    const std::size_t end = first + rows;
    const std::size_t tile = matrix.division.lone_update;
    for (std::size_t row = first; row < end; row += tile) {
        const std::size_t tile_rows = std::min(tile, end - row);
        Product product{.a = dy + row * net.stride,
                        .a_stride = net.stride,
                        .b = x,
                        .b_stride = kTransposesInput<Lanes> ? matrix.cols : net.stride,
                        .c = gradient,
                        .c_stride = matrix.cols,
                        .rows = tile_rows,
                        .columns = matrix.cols,
                        .depth = count};
        if constexpr (kTransposesInput<Lanes>) {
            multiply<Lanes, Order::row_major>(product);
        } else {
            multiply<Lanes, Order::row_major, Into::fresh, Order::transposed>(product);
        }
        enter(net, Phase::adam, core);
        apply_gradient<Lanes>(net, update, matrix, row, tile_rows, gradient);
        enter(net, phase, core);
    }
}

// dW = dy x^T, applied a few rows at a time, of one matrix or of several that have the same shape
// and input, whose dy lie one below the other; and beside it `small`, a job that needs nothing of
// it. dy [rows x S], x [cols x S]. With vectors, x may be nullptr: its transpose is in
// net.transpose_buffer already.
template <class Lanes, std::size_t kCount, class... Jobs>
void linear_update(const Network& net, const Update& update, Phase phase,
                   const Matrix* const (&matrices)[kCount], const float* dy, const float* x,
                   std::size_t count, const Jobs&... small) {
    const std::size_t rows = matrices[0]->rows;
    if (kTransposesInput<Lanes> && x != nullptr) {
        transpose_into_buffer<Lanes>(net, x, matrices[0]->cols, count);
    }
    const float* const input = kTransposesInput<Lanes> ? net.transpose_buffer : x;
    const std::size_t together = updated_together(net, update, *matrices[0]);
    // A piece is `together` rows of a matrix, or what is left of it.
    const std::size_t each_matrix = pieces_of(rows, together);
    const auto each = [&](std::size_t first, std::size_t some, std::size_t core) {
        for (std::size_t piece = first; piece < first + some; ++piece) {
            const std::size_t m = piece / each_matrix, row = piece % each_matrix * together;
            update_rows<Lanes>(net, update, phase, *matrices[m], dy + m * rows * net.stride, input,
                               count, row, std::min(together, rows - row), core);
        }
    };
    const std::size_t pieces = kCount * each_matrix;
    share(net, by_rows(pieces, update.squares == nullptr ? 1 : pieces, each), small...);
}

}  // namespace
}  // namespace ugpt::engine
