// Every part of a model lies where the tables say: in the arena, apart from all others but the one
// that it shares memory with.
#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <string>
#include <vector>

#include "check.h"
#include "engine/train/layout.h"
#include "engine/train/model_state.h"
#include "engine/train/parts.h"

using namespace ugpt::engine;

namespace {

struct Range {
    std::string name;
    const std::byte* begin;
    const std::byte* end;
};

// What a model lays into memory, by name.
class Parts {
  public:
    explicit Parts(const ModelState& state) : state_(state), sizes_(sizes_of(state.network)) {
        const Network& net = state.network;
        add("state", &state, 1);
        add("layers", net.layers.data(), net.layers.size());
        add_matrices("", kModelMatrices, net);
        add_buffers("", kModelBuffers, net);
        for (std::size_t i = 0; i < net.layers.size(); ++i) {
            const std::string prefix = "layer" + std::to_string(i) + ".";
            add_matrices(prefix, kLayerMatrices, net.layers[i]);
            if (net.activation_checkpointing) {
                add_buffers(prefix, kLayerInput, net.layers[i]);
            }
            if (!net.activation_checkpointing || i == 0) {
                add_buffers(prefix, kLayerActivations, net.layers[i]);
            }
        }
    }

    [[nodiscard]] const std::vector<Range>& ranges() const { return ranges_; }

  private:
    template <typename T>
    void add(const std::string& name, const T* first, std::uint64_t count) {
        CHECK(first != nullptr);
        const auto* begin = reinterpret_cast<const std::byte*>(first);
        ranges_.push_back({name, begin, begin + count * sizeof(T)});
    }

    void add_moments(const std::string& name, const Moments& moments, std::size_t count) {
        const MomentFormat format = state_.recipe.moments;
        if (format == MomentFormat::f32) {
            add(name, moments.values, count);
        } else {
            // Words give away no address; here it is looked at.
            static_assert(sizeof(Words) == sizeof(std::uint32_t*));
            add(name, std::bit_cast<const std::uint32_t*>(moments.words),
                moment_words(format, count));
        }
    }

    template <class Owner, std::size_t kCount>
    void add_matrices(const std::string& prefix, const std::array<MatrixPart<Owner>, kCount>& parts,
                      const Owner& owner) {
        for (const MatrixPart<Owner>& part : parts) {
            const Matrix& matrix = owner.*part.place;
            const std::string name = prefix + std::string(part.name);
            CHECK(matrix.rows == part.rows(sizes_) && matrix.cols == part.cols(sizes_));
            add(name, matrix.weights, matrix.size());
            add_moments(name + ".first_moment", matrix.first_moment, matrix.size());
            add_moments(name + ".second_moment", matrix.second_moment, matrix.size());
            if (accumulates_gradients(state_.recipe)) {
                add(name + ".gradient", matrix.gradient, matrix.size());
            } else {
                CHECK(matrix.gradient == nullptr);
            }
        }
    }

    template <class Owner, std::size_t kCount>
    void add_buffers(const std::string& prefix, const std::array<BufferPart<Owner>, kCount>& parts,
                     const Owner& owner) {
        for (const BufferPart<Owner>& part : parts) {
            if (part.shares != nullptr) {
                CHECK(owner.*part.place == owner.*part.shares);
                continue;
            }
            std::uint64_t count = part.count(sizes_);
            for (const BufferPart<Owner>& guest : parts) {
                if (guest.shares == part.place) {
                    count = std::max(count, guest.count(sizes_));
                }
            }
            add(prefix + std::string(part.name), owner.*part.place, count);
        }
    }

    const ModelState& state_;
    Sizes sizes_;
    std::vector<Range> ranges_;
};

const std::array<Shape, 4> kShapes{
    {{1, 16, 4, 16, 27}, {3, 10, 1, 5, 40}, {2, 36, 4, 133, 7}, {2, 3, 1, 1, 2}}};
const std::array<Recipe, 4> kRecipes{
    {{},
     {.batch = 2, .moments = MomentFormat::bf16},
     {.moments = MomentFormat::q8, .activation_checkpointing = true},
     {.activation_checkpointing = true, .clip_norm = 1.0f}}};

}  // namespace

TEST(parts_do_not_overlap) {
    for (const Shape& shape : kShapes) {
        for (const Recipe& recipe : kRecipes) {
            std::vector<std::byte> memory(4u << 20);
            const std::span<std::byte> block(memory);
            Arena arena(std::span(&block, 1));
            const Layout layout = lay_out(shape, recipe, arena, 2);
            CHECK(layout.state != nullptr);
            std::vector<Range> ranges = Parts(*layout.state).ranges();
            std::ranges::sort(ranges, {}, &Range::begin);
            const std::byte* end = memory.data();
            std::size_t bytes = 0;
            for (const Range& range : ranges) {
                if (range.begin < end) {
                    std::printf("  %s overlaps another part\n", range.name.c_str());
                }
                CHECK(range.begin >= end);
                end = range.end;
                bytes += static_cast<std::size_t>(range.end - range.begin);
            }
            CHECK(end <= memory.data() + memory.size());
            // Nothing is taken that no table tells of, but for alignment.
            const std::size_t alignment = Arena::kAlignment * ranges.size();
            CHECK(layout.plan.total_bytes >= bytes);
            CHECK(layout.plan.total_bytes < bytes + alignment);
        }
    }
}

TEST(stacked_weights_are_one_matrix) {
    std::vector<std::byte> memory(4u << 20);
    const std::span<std::byte> block(memory);
    Arena arena(std::span(&block, 1));
    const Layout layout = lay_out({2, 12, 2, 8, 11}, {}, arena, 2);
    for (const Layer& layer : layout.state->network.layers) {
        CHECK(layer.wqkv.weights == layer.wq.weights && layer.wqkv.rows == 36);
        CHECK(layer.wk.weights == layer.wq.weights + layer.wq.size());
        CHECK(layer.wv.weights == layer.wk.weights + layer.wk.size());
    }
}
