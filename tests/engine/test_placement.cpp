// Where the tensors of a model lie: as a plan, and with real memory.
#include <array>
#include <cstring>
#include <vector>

#include "check.h"
#include "engine/infer.h"

using namespace ugpt::engine::infer;
using ugpt::engine::Arena;
using ugpt::engine::Token;

namespace {

constexpr Shape kStories{5, 64, 8, 4, 172, 512, 512, true};
constexpr Shape kSmall{2, 24, 4, 2, 36, 50, 20, true};
constexpr Shape kWide{1, 32, 4, 4, 300, 40, 9, false};
// The blocks of a plain ESP32, less the stack of a helper, and its IRAM.
constexpr std::array<std::size_t, 2> kBlocks{172'032, 108'720 - 2'048};
constexpr std::size_t kWordBytes = 45'056;

std::vector<Tensor> tensors_of(const Shape& shape, Format format) {
    std::vector<Tensor> tensors;
    for (std::uint32_t i = 0; i < shape.tensor_count(); ++i) {
        const TensorSpec spec = spec_of(shape, i);
        tensors.push_back({.format = spec.is_norm ? Format::vector : format,
                           .rows = spec.rows,
                           .cols = spec.cols});
    }
    return tensors;
}

struct Planned {
    Plan plan;
    Placement placement;
    std::vector<Home> homes;
};

// As an image has them, and as a model gets them.
class List final : public TensorList {
  public:
    explicit List(std::vector<Tensor>& tensors) : homes(tensors.size()), tensors_(tensors) {}
    [[nodiscard]] std::uint32_t count() const override {
        return static_cast<std::uint32_t>(tensors_.size());
    }
    [[nodiscard]] Tensor tensor(std::uint32_t index) const override { return tensors_[index]; }
    void moved(std::uint32_t index, Home home, const Tensor& tensor) override {
        homes[index] = home;
        tensors_[index] = tensor;
    }
    std::vector<Home> homes;

  private:
    std::vector<Tensor>& tensors_;
};

Planned plan_for(const Shape& shape, Format format, std::uint32_t context,
                 std::span<const std::size_t> blocks, std::size_t word_bytes) {
    Arena memory = Arena::measuring(blocks, word_bytes);
    std::vector<Tensor> tensors = tensors_of(shape, format);
    Planned planned{LanguageModel::plan(shape, context, memory), {}, {}};
    List list(tensors);
    planned.placement = place(shape, list, memory);
    planned.homes = list.homes;
    return planned;
}

std::uint64_t total(const Placement& placement) {
    return std::uint64_t{placement.memory_bytes()} + placement.word_memory.bytes +
           placement.flash.bytes;
}

// Tensors with values, as a file in flash has them.
class Flash {
  public:
    Flash(const Shape& shape, Format format) : tensors(tensors_of(shape, format)) {
        std::uint32_t state = 7;
        for (Tensor& tensor : tensors) {
            auto& words = memory_.emplace_back(tensor.size_bytes() / 4);
            const std::size_t scales = tensor.format == Format::q8
                                           ? (tensor.cols + 255) / 256 * tensor.rows
                                           : words.size();
            for (std::size_t i = 0; i < words.size(); ++i) {
                state = state * 1664525u + 1013904223u;
                const float value = static_cast<float>(state >> 8) * 0x1p-28f;
                words[i] = state | 0x01010101u;
                if (i < scales) std::memcpy(&words[i], &value, sizeof(value));
            }
            tensor.data = reinterpret_cast<const std::byte*>(words.data());
        }
    }
    std::vector<Tensor> tensors;

  private:
    std::vector<std::vector<std::uint32_t>> memory_;
};

std::vector<float> write_text(const Shape& shape, std::span<const Tensor> tensors) {
    static constexpr std::array<std::uint64_t, 4> kSteps{1ull << 61, 1ull << 59, 1ull << 55, 1};
    std::vector<std::byte> memory(1 << 20);
    const std::span<std::byte> block(memory);
    Arena arena(std::span(&block, 1));
    LanguageModel model;
    std::vector<float> all;
    const std::span steps(kSteps.data(), shape.head_dim() / 2);
    if (!CHECK(model.create({shape, 1e-5f, steps, tensors}, shape.context, arena))) return all;
    for (std::uint32_t position = 0; position < shape.context; ++position) {
        const auto logits = model.forward(static_cast<Token>(position), position);
        all.insert(all.end(), logits.begin(), logits.end());
    }
    return all;
}

}  // namespace

TEST(most_of_stories260K_lies_in_the_memory_of_a_plain_esp32) {
    const Planned planned = plan_for(kStories, Format::q8, 128, kBlocks, kWordBytes);
    CHECK(planned.plan.fits());
    CHECK(planned.plan.cache_bytes == 5 * (2 * 128 * 32 * 2 + 2 * 128 * 4));
    CHECK(planned.placement.flash.bytes_per_token <= 85'000);
    CHECK(planned.homes[0].kind != Home::Kind::word_memory);  // its rows are read by themselves
}

TEST(blocks_are_told_apart) {
    const Planned planned = plan_for(kStories, Format::q8, 128, kBlocks, kWordBytes);
    std::array<std::uint64_t, 2> sizes{};
    const std::vector<Tensor> tensors = tensors_of(kStories, Format::q8);
    for (std::size_t i = 0; i < tensors.size(); ++i)
        if (planned.homes[i].kind == Home::Kind::memory)
            sizes[planned.homes[i].block] += tensors[i].size_bytes();
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        CHECK(sizes[i] > 0 && sizes[i] == planned.placement.blocks[i].bytes);
        CHECK(planned.placement.blocks[i].bytes_per_token == sizes[i]);
    }
}

TEST(longer_contexts_leave_less_room) {
    const Planned brief = plan_for(kStories, Format::q8, 16, kBlocks, kWordBytes);
    const Planned lengthy = plan_for(kStories, Format::q8, 256, kBlocks, kWordBytes);
    CHECK(brief.plan.fits() && lengthy.plan.fits());
    CHECK(brief.placement.flash.bytes_per_token < lengthy.placement.flash.bytes_per_token);
    CHECK(!plan_for(kStories, Format::q8, 512, kBlocks, kWordBytes).plan.fits());
}

TEST(nothing_is_lost_and_nothing_doubled) {
    std::uint64_t all = 0;
    for (const Tensor& tensor : tensors_of(kStories, Format::q8)) all += tensor.size_bytes();
    for (const std::size_t size : {0u, 1'000u, 100'000u, 250'000u, 400'000u}) {
        const std::array<std::size_t, 1> block{size};
        const Planned planned = plan_for(kStories, Format::q8, 32, block, kWordBytes);
        CHECK(total(planned.placement) == all);
        CHECK(planned.placement.word_memory.bytes <= kWordBytes);
        CHECK(planned.placement.memory_bytes() <= size);
    }
}

TEST(with_no_memory_everything_is_read_from_flash) {
    const Planned planned = plan_for(kStories, Format::q8, 32, {}, 0);
    std::uint64_t all = 0;
    for (const Tensor& tensor : tensors_of(kStories, Format::q8)) all += tensor.size_bytes();
    CHECK(planned.placement.flash.bytes_per_token == all);
    CHECK(planned.placement.memory_bytes() == 0);
}

TEST(of_an_embedding_that_is_only_read_one_row_counts) {
    Shape shape = kStories;
    shape.tied_classifier = false;
    const std::array<std::size_t, 1> block{330'000};
    const Planned planned = plan_for(shape, Format::q8, 32, block, 0);
    CHECK(planned.homes[0].kind == Home::Kind::flash);
    CHECK(planned.placement.flash.bytes_per_token < 200);
}

TEST(floats_do_not_lie_where_the_fpu_cannot_load) {
    const Planned planned = plan_for(kStories, Format::f32, 32, {}, kWordBytes);
    CHECK(planned.placement.word_memory.bytes == 0);
}

TEST(copies_give_the_same_bits_as_flash) {
    for (const Shape& shape : {kSmall, kWide}) {
        for (const Format format : {Format::f32, Format::q8}) {
            const Flash flash(shape, format);
            const std::vector<float> wanted = write_text(shape, flash.tensors);
            std::vector<Tensor> tensors = flash.tensors;
            List list(tensors);
            std::vector<std::byte> memory(4'000), words(8'000);
            const std::span<std::byte> block(memory), word_block(words);
            Arena arena(std::span(&block, 1), word_block);
            const Placement placement = place(shape, list, arena);
            CHECK(placement.memory_bytes() > 0);
            CHECK((placement.word_memory.bytes > 0) == (format == Format::q8));
            CHECK(placement.flash.bytes > 0);
            for (std::size_t i = 0; i < tensors.size(); ++i) {
                CHECK((tensors[i].data == flash.tensors[i].data) ==
                      (list.homes[i].kind == Home::Kind::flash));
                CHECK(tensors[i].words_only == (list.homes[i].kind == Home::Kind::word_memory));
            }
            const std::vector<float> found = write_text(shape, tensors);
            CHECK(found.size() == wanted.size());
            CHECK(std::memcmp(found.data(), wanted.data(), wanted.size() * sizeof(float)) == 0);
        }
    }
}

TEST(a_plan_and_real_memory_agree) {
    const Shape& shape = kSmall;
    Flash flash(shape, Format::q8);
    std::vector<std::byte> memory(16'000 + 16);
    alignas(Arena::kAlignment) std::array<std::byte, 4'000> words;
    const std::span<std::byte> block(memory);
    Arena arena(std::span(&block, 1), words);
    const std::array<std::size_t, 1> size{arena.available_bytes()};
    List list(flash.tensors);
    const Plan plan = LanguageModel::plan(shape, 20, arena);
    CHECK(plan.fits());
    const Placement real = place(shape, list, arena);
    const Planned planned = plan_for(shape, Format::q8, 20, size, words.size());
    CHECK(real == planned.placement);
    CHECK(list.homes == planned.homes);
}
