#include <algorithm>
#include <array>
#include <vector>

#include "check.h"
#include "engine/numeric/random.h"
#include "engine/train/moments.h"

using namespace ugpt::engine;

namespace {

constexpr std::array kPackedFormats{MomentFormat::bf16, MomentFormat::q8};

template <Moment kMoment>
void check_repacking(MomentFormat format, std::size_t total, std::uint64_t seed) {
    // Values of exponents far apart, and zeros.
    std::vector<float> values(total);
    for (std::size_t i = 0; i < total; ++i) {
        const float scale = i % 7 == 0 ? 0x1p-20f : i % 5 == 0 ? 0.0f : 1.0f;
        const float value = random_normal(seed, 0, i) * scale;
        values[i] = kMoment == Moment::second ? value * value : value;
    }
    std::vector<std::uint32_t> words(moment_words(format, total));
    std::vector<std::uint32_t> again(words.size());
    std::vector<float> unpacked(total);
    for (std::size_t i = 0; i < total; i += kMomentBlock) {
        const std::size_t count = std::min(kMomentBlock, total - i);
        pack_moments<kMoment>(format, {.words = Words(words.data())}, total, i, count, &values[i],
                              {.nearest = false, .step = 3});
        unpack_moments<kMoment>(format, {.words = Words(words.data())}, total, i, count,
                                &unpacked[i]);
        pack_moments<kMoment>(format, {.words = Words(again.data())}, total, i, count, &unpacked[i],
                              {});
    }
    CHECK(words == again);
    CHECK(std::ranges::any_of(words, [](std::uint32_t word) { return word != 0; }));
}

}  // namespace

TEST(moments_in_float32_are_read_and_written_as_they_are) {
    std::vector<float> moments(100);
    std::vector<float> values(50);
    std::vector<float> read(50);
    for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = random_normal(1, 0, i);
    }
    pack_moments<Moment::first>(MomentFormat::f32, {.values = moments.data()}, 100, 10, 50,
                                values.data(), {});
    unpack_moments<Moment::first>(MomentFormat::f32, {.values = moments.data()}, 100, 10, 50,
                                  read.data());
    CHECK(read == values);
    CHECK(moments[9] == 0.0f && moments[60] == 0.0f);
}

TEST(what_was_unpacked_packs_to_the_same_words) {
    for (const MomentFormat format : kPackedFormats) {
        for (const std::size_t total : {1u, 3u, 64u, 65u, 130u, 256u, 1001u}) {
            check_repacking<Moment::first>(format, total, total);
            check_repacking<Moment::second>(format, total, total + 1);
        }
    }
}
