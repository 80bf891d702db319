// What a language model refuses, what memory it takes, and how a token is picked.
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "check.h"
#include "engine/infer.h"

using namespace ugpt::engine::infer;
using ugpt::engine::Arena;
using ugpt::engine::Token;

namespace {

constexpr Shape kShape{1, 8, 2, 1, 12, 20, 16, true};
constexpr std::array<std::uint64_t, 2> kSteps{1ull << 61, 1ull << 50};

// A model whose norms are `gain`. The first eight tokens have an embedding with a single 1, and
// nothing else is more than zero: the logits of these tokens are largest for themselves.
class Parts {
  public:
    explicit Parts(float gain = 1.0f) {
        for (std::uint32_t i = 0; i < kShape.tensor_count(); ++i) {
            const TensorSpec spec = spec_of(kShape, i);
            const Format format = spec.is_norm ? Format::vector : Format::f32;
            auto& values = values_.emplace_back(spec.size_bytes(format) / sizeof(float));
            for (std::size_t k = 0; k < values.size(); ++k) {
                if (spec.is_norm) values[k] = gain;
                if (i == 0) values[k] = k / 64 * 8 + k % 8 == k / 8 % 8 ? 1.0f : 0.0f;
            }
            tensors.push_back({format, false, spec.rows, spec.cols,
                               reinterpret_cast<const std::byte*>(values.data())});
        }
    }
    [[nodiscard]] Weights weights() const { return {kShape, 1e-5f, kSteps, tensors}; }

    std::vector<Tensor> tensors;

  private:
    std::vector<std::vector<float>> values_;
};

// Whether a model can be made, in a block of so many bytes.
bool fits(const Weights& weights, std::uint32_t context, std::size_t bytes = 1 << 16) {
    std::vector<std::byte> memory(bytes + Arena::kAlignment);
    void* start = memory.data();
    std::size_t room = memory.size();
    std::align(Arena::kAlignment, bytes, start, room);
    const std::span<std::byte> block(static_cast<std::byte*>(start), bytes);
    Arena arena(std::span(&block, 1));
    LanguageModel model;
    const bool made = model.create(weights, context, arena);
    CHECK(made != model.empty());
    return made;
}

struct Made {
    explicit Made(const Parts& parts) : memory(1 << 16) {
        const std::span<std::byte> block(memory);
        Arena arena(std::span(&block, 1));
        CHECK(model.create(parts.weights(), 16, arena));
    }
    std::vector<std::byte> memory;
    LanguageModel model;
};

}  // namespace

TEST(shapes_that_no_model_can_have) {
    CHECK(kShape.valid());
    for (auto part : {&Shape::n_layer, &Shape::n_embd, &Shape::n_head, &Shape::n_kv_head,
                      &Shape::n_hidden, &Shape::vocab_size, &Shape::context}) {
        for (const std::uint32_t wrong : {0u, 0x10000u, 0xffffffffu}) {
            Shape shape = kShape;
            shape.*part = wrong;
            CHECK(!shape.valid());
        }
    }
    CHECK(!(Shape{1, 8, 3, 1, 12, 20, 16, true}.valid()));  // heads of different widths
    CHECK(!(Shape{1, 8, 4, 3, 12, 20, 16, true}.valid()));  // heads that cannot share
    CHECK(!(Shape{1, 6, 2, 1, 12, 20, 16, true}.valid()));  // heads of an odd width
}

TEST(weights_that_do_not_suit) {
    const Parts parts;
    CHECK(fits(parts.weights(), 16));
    CHECK(!fits(parts.weights(), 0));
    CHECK(!fits(parts.weights(), 17));  // the model was trained for 16 positions
    Weights weights = parts.weights();
    weights.rope_steps = weights.rope_steps.first(1);
    CHECK(!fits(weights, 16));
    weights = parts.weights();
    weights.tensors = weights.tensors.first(weights.tensors.size() - 1);
    CHECK(!fits(weights, 16));
    const auto refused = [](auto change) {
        Parts changed;
        change(changed.tensors);
        return !fits(changed.weights(), 16);
    };
    CHECK(refused([](auto& tensors) { tensors[2].rows += 1; }));
    CHECK(refused([](auto& tensors) { tensors[2].cols += 1; }));
    CHECK(refused([](auto& tensors) { tensors[2].data = nullptr; }));
    CHECK(refused([](auto& tensors) { tensors[2].format = Format::vector; }));
    CHECK(refused([](auto& tensors) { tensors[1].format = Format::q8; }));
    CHECK(refused([](auto& tensors) { tensors[2].words_only = true; }));
}

TEST(one_byte_less_is_too_little) {
    const Parts parts;
    const std::array<std::size_t, 1> plenty{1 << 20};
    Arena measuring = Arena::measuring(plenty);
    const Plan plan = LanguageModel::plan(kShape, 16, measuring);
    CHECK(plan.fits());
    const auto total = static_cast<std::size_t>(plan.total_bytes());
    CHECK(total == measuring.taken_bytes());
    CHECK(fits(parts.weights(), 16, total));
    // Only the last part need not be rounded up; the rotations fill it.
    CHECK(!fits(parts.weights(), 16, total - 1));
    const std::array<std::size_t, 1> too_little{total - 1};
    measuring = Arena::measuring(too_little);
    CHECK(!LanguageModel::plan(kShape, 16, measuring).fits());
}

TEST(the_likeliest_token_is_picked) {
    const Parts parts;
    Made made(parts);
    for (std::uint32_t position = 0; position < 8; ++position) {
        const auto token = static_cast<Token>(position);
        const auto logits = made.model.forward(token, position);
        CHECK(logits.size() == kShape.vocab_size);
        CHECK(made.model.pick({.uniform = 0.9f}) == token);
    }
    // The embedding of token 16 is zero, and so are all logits: the first of them.
    made.model.forward(16, 8);
    CHECK(made.model.pick({}) == Token{0});
    made.model.forward(3, 9);
    CHECK(made.model.pick({.temperature = 1e6f}) == Token{0});  // all alike: by the number alone
    made.model.forward(3, 10);
    CHECK(made.model.pick({.temperature = 1e6f, .uniform = 0.999f}) == Token{19});
    made.model.forward(3, 11);
    CHECK(made.model.pick({.temperature = 1e6f, .top_k = 2, .uniform = 0.999f}) == Token{3});
}

TEST(no_token_is_picked_by_what_is_no_number) {
    const Parts parts(std::numeric_limits<float>::infinity());
    Made made(parts);
    const auto logits = made.model.forward(1, 0);
    CHECK(!std::isfinite(logits[0]));
    CHECK(!made.model.pick({}).has_value());
    CHECK(!made.model.forward(1, 1).empty());
    CHECK(!made.model.pick({.temperature = 1.0f, .uniform = 0.5f}).has_value());
}
