// The estimated cost of a token against the counts that it is fitted to, of docs/performance.md.

#include <array>

#include "check.h"
#include "engine/infer.h"

using namespace ugpt::engine::infer;

namespace {

// On average over the positions from `first` to `end`.
struct Row {
    Shape shape;
    Format format;
    std::uint32_t first, end;
    float instructions;
};

// Counted on the LX6 as docs/performance.md says, with random weights but for the first shape.
constexpr std::array kRows{
    Row{{5, 64, 8, 4, 172, 512, 512, true}, Format::q8, 0, 8, 781'709},
    Row{{5, 64, 8, 4, 172, 512, 512, true}, Format::q8, 24, 104, 1'013'485},
    Row{{5, 64, 8, 4, 172, 512, 512, true}, Format::f32, 0, 8, 742'952},
    Row{{5, 64, 8, 4, 172, 512, 512, true}, Format::f32, 24, 104, 974'715},
    Row{{2, 32, 4, 4, 88, 512, 128, true}, Format::q8, 0, 8, 160'088},
    Row{{2, 32, 4, 4, 88, 512, 128, true}, Format::q8, 24, 104, 213'861},
    Row{{2, 32, 4, 4, 88, 512, 128, true}, Format::f32, 0, 8, 136'723},
    Row{{2, 32, 4, 4, 88, 512, 128, true}, Format::f32, 24, 104, 190'493},
    Row{{2, 128, 8, 8, 344, 512, 128, true}, Format::q8, 0, 8, 1'184'743},
    Row{{2, 128, 8, 8, 344, 512, 128, true}, Format::q8, 24, 104, 1'349'303},
    Row{{2, 128, 8, 8, 344, 512, 128, true}, Format::f32, 0, 8, 1'196'478},
    Row{{2, 128, 8, 8, 344, 512, 128, true}, Format::f32, 24, 104, 1'361'038},
    Row{{8, 48, 6, 3, 128, 300, 128, true}, Format::q8, 0, 8, 723'081},
    Row{{8, 48, 6, 3, 128, 300, 128, true}, Format::q8, 24, 104, 1'001'203},
    Row{{8, 48, 6, 3, 128, 300, 128, true}, Format::f32, 0, 8, 654'694},
    Row{{8, 48, 6, 3, 128, 300, 128, true}, Format::f32, 24, 104, 932'818},
    Row{{2, 64, 8, 4, 172, 1000, 128, true}, Format::q8, 0, 8, 454'997},
    Row{{2, 64, 8, 4, 172, 1000, 128, true}, Format::q8, 24, 104, 547'456},
    Row{{2, 64, 8, 4, 172, 1000, 128, true}, Format::f32, 0, 8, 435'847},
    Row{{2, 64, 8, 4, 172, 1000, 128, true}, Format::f32, 24, 104, 528'306},
    Row{{3, 64, 8, 1, 172, 512, 128, true}, Format::q8, 0, 8, 479'891},
    Row{{3, 64, 8, 1, 172, 512, 128, true}, Format::q8, 24, 104, 618'708},
    Row{{3, 64, 8, 1, 172, 512, 128, true}, Format::f32, 0, 8, 455'672},
    Row{{3, 64, 8, 1, 172, 512, 128, true}, Format::f32, 24, 104, 594'486},
    Row{{3, 64, 4, 4, 172, 512, 128, false}, Format::q8, 0, 8, 540'489},
    Row{{3, 64, 4, 4, 172, 512, 128, false}, Format::q8, 24, 104, 663'816},
    Row{{3, 64, 4, 4, 172, 512, 128, false}, Format::f32, 0, 8, 515'220},
    Row{{3, 64, 4, 4, 172, 512, 128, false}, Format::f32, 24, 104, 638'547},
    Row{{1, 256, 8, 4, 688, 512, 128, true}, Format::q8, 0, 8, 2'010'302},
    Row{{1, 256, 8, 4, 688, 512, 128, true}, Format::q8, 24, 104, 2'119'701},
    Row{{1, 256, 8, 4, 688, 512, 128, true}, Format::f32, 0, 8, 2'121'561},
    Row{{1, 256, 8, 4, 688, 512, 128, true}, Format::f32, 24, 104, 2'230'960},
};

constexpr Shape kStories{5, 64, 8, 4, 172, 512, 512, true};

}  // namespace

TEST(the_estimate_is_near_every_counted_token) {
    for (const Row& row : kRows) {
        const float positions = static_cast<float>(row.first + row.end + 1) / 2.0f;
        const float estimate = token_instructions(row.shape, row.format, positions, {}).together();
        if (!CHECK_NEAR(estimate / row.instructions, 1.0, 0.01))
            std::printf("    width %u, from %u\n", row.shape.n_embd, row.first);
    }
}

// 1,013,361 for positions 0 to 127 of stories260K.
TEST(the_estimate_is_near_a_text_of_128_tokens) {
    const TokenInstructions estimate = token_instructions(kStories, Format::q8, 64.5f, {});
    CHECK_NEAR(estimate.together() / 1'013'361.0f, 1.0, 0.01);
}

// 8,899, 25,304 and 95,054 instructions to choose one of 512.
TEST(the_choice_of_a_token_costs_what_was_counted) {
    const auto choice = [](const Choice& how) {
        return token_instructions(kStories, Format::q8, 1.0f, how).choice;
    };
    CHECK_NEAR(choice({.temperature = 0.0f}) / 8'899.0f, 1.0, 0.01);
    CHECK_NEAR(choice({.temperature = 0.8f}) / 25'304.0f, 1.0, 0.01);
    CHECK_NEAR(choice({.temperature = 1.0f, .top_p = 0.9f}) / 95'054.0f, 1.0, 0.01);
    CHECK(choice({.temperature = 1.0f, .top_k = 40}) ==
          choice({.temperature = 1.0f, .top_p = 0.9f}));
}

// time a token = instructions x 1.22 / 240 MHz / cores + bytes / rate of the flash
TEST(time_is_that_of_the_formula) {
    constexpr TokenInstructions kMillion{.model = 1e6f};
    Placement placement;
    placement.flash = {100'000, 44'000};
    ChipSpeed chip{.clock_hz = 240'000'000, .cores = 1, .flash_bytes_per_s = 22'000'000};
    CHECK(token_cycles(kMillion, placement, chip) == 1'220'000 + 480'000);
    chip.cores = 2;
    CHECK(token_cycles(kMillion, placement, chip) == 610'000 + 480'000);
    CHECK(token_cycles({1e6f, 1e5f}, placement, chip) == 610'000 + 122'000 + 480'000);
    placement.blocks[1] = {1'000'000, 855'000};
    CHECK(token_cycles(kMillion, placement, chip) == 610'000 + 480'000);
    chip.block_bytes_per_s[1] = 85'500'000;
    CHECK(token_cycles(kMillion, placement, chip) == 610'000 + 480'000 + 2'400'000);
}
