// Packed moments in memory that is read and written by whole words only: nothing else touches it,
// and every bit is as it is elsewhere.
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "check.h"
#include "engine/numeric/bits.h"
#include "engine/numeric/random.h"
#include "engine/train.h"
#include "engine/words.h"
#include "model_state.h"

using namespace ugpt::engine;

namespace {

template <class View>
concept GivesAddress = requires(View view) { view.data(); } || requires(View view) { &view[0]; } ||
                       requires(View view) { &*view; } || std::convertible_to<View, const void*> ||
                       std::convertible_to<View, std::span<const std::byte>>;
static_assert(GivesAddress<std::span<std::uint32_t>> && GivesAddress<std::uint32_t*>);
static_assert(!GivesAddress<Words>);

// Pages that fault on any access. The words of them lie elsewhere, and only `Words` learns where.
class ForbiddenMemory {
  public:
    static constexpr std::size_t kBytes = 44 * 1024;

    ForbiddenMemory()
        : pages_(mmap(nullptr, kBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
        CHECK(pages_ != MAP_FAILED);
    }
    ~ForbiddenMemory() { munmap(pages_, kBytes); }
    ForbiddenMemory(const ForbiddenMemory&) = delete;
    ForbiddenMemory& operator=(const ForbiddenMemory&) = delete;

    [[nodiscard]] std::span<std::byte> bytes() const {
        return {static_cast<std::byte*>(pages_), kBytes};
    }
    std::uint32_t* word_at(std::uint32_t* address) {
        const std::uintptr_t offset =
            reinterpret_cast<std::uintptr_t>(address) - reinterpret_cast<std::uintptr_t>(pages_);
        if (offset >= kBytes) return address;
        CHECK(offset % sizeof(std::uint32_t) == 0);
        ++accesses;
        return &words_[offset / sizeof(std::uint32_t)];
    }

    std::uint64_t accesses = 0;

  private:
    void* pages_;
    std::vector<std::uint32_t> words_ =
        std::vector<std::uint32_t>(kBytes / sizeof(std::uint32_t), 0xA5A5A5A5u);
};

ForbiddenMemory& forbidden() {
    static ForbiddenMemory memory;
    return memory;
}

constexpr Shape kShape{2, 20, 4, 16, 27};
constexpr std::array kMoments{TensorKind::first_moment, TensorKind::second_moment};

// A model in `block_bytes`, and in the memory for whole words if that is not enough.
struct Subject {
    explicit Subject(const Recipe& recipe, std::size_t block_bytes, bool with_words)
        : memory(block_bytes + 64) {
        const std::uintptr_t address = reinterpret_cast<std::uintptr_t>(memory.data());
        const auto block = std::span(memory).subspan((64 - address % 64) % 64, block_bytes);
        Arena arena(std::span(&block, 1),
                    with_words ? forbidden().bytes() : std::span<std::byte>{});
        CHECK(model.create(kShape, recipe, arena));
        model.init_weights(42, 0.08f);
    }

    void train(std::uint32_t steps) {
        for (std::uint32_t i = 0; i < steps; ++i) {
            std::array<Token, 12> text;
            for (std::size_t t = 0; t < text.size(); ++t) {
                text[t] = static_cast<Token>(random_bits(5, model.step(), t) % 26);
            }
            CHECK(is_finite(model.train_step(text)));
        }
    }

    [[nodiscard]] std::vector<std::uint32_t> state() const { return state_of(model); }

    std::vector<std::byte> memory;
    Model model;
};

// So much that all but some of the moments fit.
std::size_t all_but(const Recipe& recipe, std::size_t moments_bytes) {
    const std::array<std::size_t, 1> plenty{1u << 20};
    const Plan plan = Model::plan(kShape, recipe, Arena::measuring(plenty));
    return static_cast<std::size_t>(plan.total_bytes) - moments_bytes;
}

const std::array<Recipe, 3> kPacked{
    {{.moments = MomentFormat::bf16},
     {.moments = MomentFormat::q8},
     {.batch = 2, .moments = MomentFormat::q8, .activation_checkpointing = true}}};

}  // namespace

extern "C" std::uint32_t* ugpt_word_at(std::uint32_t* address) {
    return forbidden().word_at(address);
}

TEST(moments_in_words_have_the_bits_of_others) {
    for (const Recipe& recipe : kPacked) {
        Subject usual(recipe, 1u << 20, false);
        Subject tight(recipe, all_but(recipe, 9'000), true);
        const std::uint64_t before = forbidden().accesses;
        constexpr std::uint32_t kSteps = 40;
        usual.train(kSteps);
        tight.train(kSteps);
        CHECK(forbidden().accesses > before + kSteps * 2'000);
        CHECK(usual.state() == tight.state());
    }
}

TEST(moments_in_words_are_read_and_written_like_others) {
    for (const Recipe& recipe : kPacked) {
        Subject trained(recipe, 1u << 20, false);
        trained.train(20);
        for (const bool packed : {false, true}) {
            Subject tight(recipe, all_but(recipe, 9'000), true);
            const std::uint64_t before = forbidden().accesses;
            for (std::size_t i = 0; i < trained.model.parameter_count(); ++i) {
                const Parameter from = trained.model.parameter(i), to = tight.model.parameter(i);
                std::ranges::copy(from.weights, to.weights.begin());
                for (const TensorKind kind : kMoments) {
                    if (packed) {
                        std::vector<std::uint32_t> words(trained.model.packed_words(from));
                        CHECK(words.size() == tight.model.packed_words(to) && !words.empty());
                        trained.model.read_packed(from, kind, 0, words);
                        tight.model.write_packed(to, kind, 0, words);
                        std::vector<std::uint32_t> again(words.size() - 1);
                        tight.model.read_packed(to, kind, 1, again);
                        CHECK(std::ranges::equal(again, std::span(words).subspan(1)));
                    } else {
                        std::vector<float> values(from.size());
                        trained.model.read(from, kind, 0, values);
                        tight.model.write(to, kind, 0, values);
                    }
                }
            }
            CHECK(forbidden().accesses > before);
            CHECK(trained.state() == tight.state());
            tight.model.init_weights(42, 0.08f);
            CHECK(tight.state() == Subject(recipe, 1u << 20, false).state());
        }
    }
}

TEST(what_fits_without_them_leaves_words_alone) {
    for (const Recipe& recipe : kPacked) {
        const std::uint64_t before = forbidden().accesses;
        Subject subject(recipe, all_but(recipe, 0), true);
        subject.train(2);
        CHECK(forbidden().accesses == before);
    }
}

TEST(floats_find_no_room_in_words) {
    const Recipe recipe;
    const std::array<std::size_t, 1> block{all_but(recipe, 9'000)};
    const Plan without = Model::plan(kShape, recipe, Arena::measuring(block));
    const Plan with = Model::plan(kShape, recipe, Arena::measuring(block, ForbiddenMemory::kBytes));
    CHECK(!without.fits() && with.missing_bytes == without.missing_bytes);
    CHECK(Model::plan(kShape, kPacked[1], Arena::measuring(block)).fits());
}

TEST(a_plan_counts_words) {
    for (const Recipe& recipe : kPacked) {
        const std::array<std::size_t, 1> block{all_but(recipe, 9'000)};
        const auto plan = [&](std::size_t word_bytes) {
            return Model::plan(kShape, recipe, Arena::measuring(block, word_bytes));
        };
        CHECK(!plan(0).fits());
        // A moment lies in one piece, so that up to 3,200 bytes of the block are left.
        CHECK(plan(9'000 + 3'200).fits());
        CHECK(!plan(1'000).fits() && plan(1'000).missing_bytes < plan(0).missing_bytes);
    }
}
