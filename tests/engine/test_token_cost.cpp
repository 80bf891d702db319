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

// Counted as bench/stories.py counts, with random weights but for the first shape.
constexpr std::array kRows{
    Row{{5, 64, 8, 4, 172, 512, 512, true}, Format::q8, 0, 8, 1'074'176},
    Row{{5, 64, 8, 4, 172, 512, 512, true}, Format::q8, 24, 104, 1'307'620},
    Row{{5, 64, 8, 4, 172, 512, 512, true}, Format::f32, 0, 8, 774'722},
    Row{{5, 64, 8, 4, 172, 512, 512, true}, Format::f32, 24, 104, 1'008'151},
    Row{{2, 32, 4, 4, 88, 512, 128, true}, Format::q8, 0, 8, 205'220},
    Row{{2, 32, 4, 4, 88, 512, 128, true}, Format::q8, 24, 104, 265'176},
    Row{{2, 32, 4, 4, 88, 512, 128, true}, Format::f32, 0, 8, 142'866},
    Row{{2, 32, 4, 4, 88, 512, 128, true}, Format::f32, 24, 104, 202'821},
    Row{{2, 128, 8, 8, 344, 512, 128, true}, Format::q8, 0, 8, 1'703'271},
    Row{{2, 128, 8, 8, 344, 512, 128, true}, Format::q8, 24, 104, 1'896'661},
    Row{{2, 128, 8, 8, 344, 512, 128, true}, Format::f32, 0, 8, 1'257'017},
    Row{{2, 128, 8, 8, 344, 512, 128, true}, Format::f32, 24, 104, 1'450'406},
    Row{{8, 48, 6, 3, 128, 300, 128, true}, Format::q8, 0, 8, 973'467},
    Row{{8, 48, 6, 3, 128, 300, 128, true}, Format::q8, 24, 104, 1'253'732},
    Row{{8, 48, 6, 3, 128, 300, 128, true}, Format::f32, 0, 8, 681'980},
    Row{{8, 48, 6, 3, 128, 300, 128, true}, Format::f32, 24, 104, 962'245},
    Row{{2, 64, 8, 4, 172, 1000, 128, true}, Format::q8, 0, 8, 626'779},
    Row{{2, 64, 8, 4, 172, 1000, 128, true}, Format::q8, 24, 104, 719'856},
    Row{{2, 64, 8, 4, 172, 1000, 128, true}, Format::f32, 0, 8, 455'542},
    Row{{2, 64, 8, 4, 172, 1000, 128, true}, Format::f32, 24, 104, 548'627},
    Row{{3, 64, 8, 1, 172, 512, 128, true}, Format::q8, 0, 8, 659'138},
    Row{{3, 64, 8, 1, 172, 512, 128, true}, Format::q8, 24, 104, 799'002},
    Row{{3, 64, 8, 1, 172, 512, 128, true}, Format::f32, 0, 8, 474'610},
    Row{{3, 64, 8, 1, 172, 512, 128, true}, Format::f32, 24, 104, 614'482},
    Row{{3, 64, 4, 4, 172, 512, 128, false}, Format::q8, 0, 8, 746'026},
    Row{{3, 64, 4, 4, 172, 512, 128, false}, Format::q8, 24, 104, 890'942},
    Row{{3, 64, 4, 4, 172, 512, 128, false}, Format::f32, 0, 8, 540'414},
    Row{{3, 64, 4, 4, 172, 512, 128, false}, Format::f32, 24, 104, 685'337},
    Row{{1, 256, 8, 4, 688, 512, 128, true}, Format::q8, 0, 8, 2'976'798},
    Row{{1, 256, 8, 4, 688, 512, 128, true}, Format::q8, 24, 104, 3'095'085},
    Row{{1, 256, 8, 4, 688, 512, 128, true}, Format::f32, 0, 8, 2'229'239},
    Row{{1, 256, 8, 4, 688, 512, 128, true}, Format::f32, 24, 104, 2'347'525},
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

// 1,305,540 for positions 0 to 127 of stories260K.
TEST(the_estimate_is_near_a_text_of_128_tokens) {
    const TokenInstructions estimate = token_instructions(kStories, Format::q8, 64.5f, {});
    CHECK_NEAR(estimate.together() / 1'305'540.0f, 1.0, 0.01);
}

// 7,277, 34,819 and 77,950 instructions to choose one of 512.
TEST(the_choice_of_a_token_costs_what_was_counted) {
    const auto choice = [](const Choice& how) {
        return token_instructions(kStories, Format::q8, 1.0f, how).choice;
    };
    CHECK_NEAR(choice({.temperature = 0.0f}) / 7'277.0f, 1.0, 0.01);
    CHECK_NEAR(choice({.temperature = 0.8f}) / 34'819.0f, 1.0, 0.01);
    CHECK_NEAR(choice({.temperature = 1.0f, .top_p = 0.9f}) / 77'950.0f, 1.0, 0.01);
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
