// A device that trains and speaks without a host.

#include <set>
#include <string>
#include <vector>

#include "app/autorun_sampler.h"
#include "app/bench.h"
#include "base/crc32.h"
#include "store/data_set.h"
#include "store/settings.h"

using namespace ugpt;
using test::Bench;
using test::MemoryFlash;

namespace {

using FlashPtr = std::shared_ptr<MemoryFlash>;

FlashPtr make_flash() {
    return std::make_shared<MemoryFlash>(64 * 1024);
}

// Documents 0, 1, 2, ... of lengths 0 to 4, each token the length.
std::vector<std::uint8_t> make_content(std::size_t documents, std::size_t token_bytes) {
    std::vector<std::uint8_t> content;
    for (std::size_t i = 0; i < documents; ++i) {
        const auto length = static_cast<std::uint8_t>(i % 4);
        content.insert(content.end(), {length, 0});
        for (std::size_t j = 0; j < length; ++j) {
            content.push_back(length);
            if (token_bytes == 2) content.push_back(0);
        }
    }
    return content;
}

rpc::DataSet describe(const std::vector<std::uint8_t>& content, std::uint32_t documents,
                      std::uint8_t token_bytes = 1) {
    return {documents, static_cast<std::uint32_t>(content.size()), token_bytes,
            base::crc32(content)};
}

std::vector<std::uint8_t> read_weights(Bench& bench) {
    rpc::TensorReadResult tensor;
    CHECK(bench.call(rpc::TensorReadParams{"layer0.attn_wq", rpc::TensorKind::weights, 0, 64},
                     tensor) == rpc::ErrorCode::none);
    return {tensor.data.begin(), tensor.data.end()};
}

bool idle(const rpc::Status& status) {
    return status.state == rpc::DeviceState::idle;
}

constexpr std::uint32_t kSteps = 60;

void prepare_run(Bench& bench) {
    bench.handshake();
    bench.create(9);
    bench.push_data(make_content(23, 1), 23);
}

void start_run(Bench& bench) {
    prepare_run(bench);
    CHECK(bench.call(rpc::TrainParams{kSteps, 7, rpc::Source::flash}) == rpc::ErrorCode::none);
}

constexpr std::uint32_t kManySteps = 1'000'000;

void prepare_long_run(Bench& bench) {
    bench.handshake();
    rpc::Recipe recipe = test::kRecipe;
    recipe.total_steps = kManySteps;
    CHECK(bench.call(rpc::CreateParams{9, test::kShape, recipe, 4}) == rpc::ErrorCode::none);
    CHECK(bench.call(rpc::InitWeightsParams{3, 0.08f}) == rpc::ErrorCode::none);
    bench.push_data(make_content(23, 1), 23);
}

// What a model says without a host, in characters of four bytes: long lines.
std::vector<std::string> long_texts(float temperature, float deviation) {
    constexpr engine::Shape kShape{1, 8, 2, 256, 27};
    MemoryFlash flash(64 * 1024);
    store::SettingsStore settings(flash);
    app::AutorunSampler sampler(settings, 77);
    CHECK(sampler.set({true, temperature, false}) == rpc::ErrorCode::none);
    test::ManualClock clock;
    test::FakePlatform platform{clock, {4096 * 1024}};
    engine::Arena arena(platform.memory_blocks());
    engine::Model model;
    CHECK(model.create(kShape, {}, arena));
    model.init_weights(3, deviation);
    std::string vocabulary;
    for (int i = 0; i < kShape.bos(); ++i) {
        vocabulary += "\xF0\x9F\x98";
        vocabulary += static_cast<char>(0x80 + i);
    }
    std::vector<std::string> texts;
    for (int i = 0; i < 30; ++i) {
        const app::TextLine line = sampler.next(model, std::as_bytes(std::span(vocabulary)));
        texts.emplace_back(line.view());
    }
    return texts;
}

// The losses that are stored with the checkpoints.
std::vector<std::uint8_t> read_curve(Bench& bench) {
    rpc::CurveResult curve;
    CHECK(bench.call(rpc::CurveParams{1, 256}, curve) == rpc::ErrorCode::none);
    return {curve.values.begin(), curve.values.end()};
}

}  // namespace

TEST(documents_are_read_from_flash_by_index) {
    for (const std::uint8_t token_bytes : {std::uint8_t{1}, std::uint8_t{2}}) {
        MemoryFlash flash(64 * 1024);
        const auto content = make_content(1000, token_bytes);
        const rpc::DataSet set = describe(content, 1000, token_bytes);
        store::DataSetStore store(flash);
        std::uint32_t missing = 0;
        CHECK(!store.find());
        CHECK(store.begin({set.documents, set.size_bytes, token_bytes, set.crc}, missing) ==
              store::Result::ok);
        CHECK(store.write(0, content) == store::Result::ok);
        CHECK(store.write(0, content) == store::Result::ok);  // repeated
        CHECK(store.commit() == store::Result::ok);
        CHECK(store.commit() == store::Result::ok);  // repeated
        store::DataSetStore restarted(flash);
        for (const std::uint32_t index : {0u, 1u, 999u, 3u, 1003u, 998u, 999u}) {
            std::array<engine::Token, 16> out{};
            std::size_t length = 99;
            CHECK(restarted.read(index, out, length));
            CHECK(length == index % 1000 % 4 && (length == 0 || out[length - 1] == length));
        }
    }
}

TEST(a_data_set_that_is_not_whole_is_refused) {
    MemoryFlash flash(64 * 1024);
    const auto content = make_content(100, 1);
    store::DataSetStore store(flash);
    std::uint32_t missing = 0;
    const auto size = static_cast<std::uint32_t>(content.size());
    CHECK(store.begin({100, size, 1, base::crc32(content)}, missing) == store::Result::ok);
    CHECK(store.write(0, std::span(content).first(size - 1)) == store::Result::ok);
    CHECK(store.commit() == store::Result::not_whole);
    CHECK(store.write(size - 1, content) == store::Result::out_of_range);  // beyond the end
    CHECK(!store::DataSetStore(flash).find());
    CHECK(store.write(0, content) == store::Result::ok);
    flash.broken = true;
    CHECK(store.commit() == store::Result::flash_failed);  // the header was not kept
    flash.broken = false;
    CHECK(store.commit() == store::Result::ok);
    std::array<engine::Token, 16> out{};
    std::size_t length = 0;
    CHECK(store.read(0, out, length));
    CHECK(store.begin({100, size, 1, base::crc32(content)}, missing) == store::Result::ok);
    CHECK(store.commit() == store::Result::not_whole);  // what was read before is erased
    CHECK(store.begin({100, 65 * 1024, 1, 0}, missing) == store::Result::no_room);
    CHECK(missing == 65 * 1024 - (64 * 1024 - port::Flash::kSectorBytes));
}

TEST(a_run_from_flash_needs_a_data_set) {
    Bench bench(make_flash());
    bench.handshake();
    bench.create();
    CHECK(bench.call(rpc::TrainParams{10, 0, rpc::Source::flash}) == rpc::ErrorCode::bad_data);
    CHECK(bench.status().step == 0 && bench.status().target_step == 0);
}

TEST(a_run_from_flash_gives_its_whole_curve) {
    Bench bench(make_flash());
    start_run(bench);
    CHECK(bench.reach(idle));
    rpc::LossesResult losses;
    rpc::CurveResult curve;
    CHECK(bench.call(rpc::LossesParams{1, 256}, losses) == rpc::ErrorCode::none);
    const std::vector<std::uint8_t> held(losses.values.begin(), losses.values.end());
    CHECK(bench.call(rpc::CurveParams{1, 256}, curve) == rpc::ErrorCode::none);
    CHECK(held.size() == kSteps * sizeof(float) && std::ranges::equal(held, curve.values));
    CHECK(bench.call(rpc::CurveParams{kSteps + 1, 256}, curve) == rpc::ErrorCode::none);
    CHECK(curve.values.empty());
}

// What a run leaves in flash if the power is cut after `bytes` of what it writes. A start from
// there goes on from its last checkpoint, with every loss before it in its place, and ends alike.
void cut_and_go_on(std::uint64_t bytes, const std::vector<std::uint8_t>& weights,
                   const std::vector<std::uint8_t>& curve, bool& had_checkpoint) {
    const FlashPtr flash = make_flash();
    {
        Bench bench(flash);
        prepare_run(bench);
        flash->freeze_after = flash->written + bytes;
        // Refused if not even the first checkpoint can be read back.
        (void)bench.call(rpc::TrainParams{kSteps, 7, rpc::Source::flash});
        CHECK(bench.reach(idle));
    }
    flash->freeze_after = UINT64_MAX;
    Bench next(flash);
    next.handshake();
    had_checkpoint = next.status().run_id != 0;
    if (!had_checkpoint) return;
    CHECK(next.reach(idle));
    CHECK(next.status().step == kSteps);
    CHECK(read_weights(next) == weights);
    CHECK(read_curve(next) == curve);
}

TEST(a_power_cut_anywhere_leads_to_the_same_weights_and_losses) {
    const FlashPtr flash = make_flash();
    std::vector<std::uint8_t> weights;
    std::vector<std::uint8_t> curve;
    std::uint64_t before = 0;
    {
        Bench bench(flash);
        prepare_run(bench);
        before = flash->written;
        CHECK(bench.call(rpc::TrainParams{kSteps, 7, rpc::Source::flash}) == rpc::ErrorCode::none);
        CHECK(bench.reach(idle));
        weights = read_weights(bench);
        curve = read_curve(bench);
        CHECK(curve.size() == kSteps * sizeof(float));
    }
    const std::uint64_t total = flash->written - before;
    constexpr std::uint64_t kCuts = 48;
    std::uint64_t without = 0;
    for (std::uint64_t cut = 0; cut <= kCuts; ++cut) {
        bool had_checkpoint = false;
        // Not at equal distances, so that every part of a checkpoint is met.
        cut_and_go_on(total * cut / kCuts + cut % 7, weights, curve, had_checkpoint);
        without += had_checkpoint ? 0 : 1;
    }
    CHECK(without < kCuts / 4);  // only before the first checkpoint is complete
}

// The losses since the last checkpoint are written before the next one. If the power goes then,
// what is there of them may be torn, and the steps are run again.
TEST(losses_beyond_the_checkpoint_are_not_told_after_a_power_cut) {
    const FlashPtr flash = make_flash();
    std::vector<std::uint8_t> curve;
    {
        Bench bench(flash);
        prepare_run(bench);
        CHECK(bench.call(rpc::TrainParams{20, 20, rpc::Source::flash}) == rpc::ErrorCode::none);
        CHECK(bench.reach(idle));
        curve = read_curve(bench);
        const std::uint64_t before = flash->written;
        CHECK(bench.call(rpc::SaveParams{}) == rpc::ErrorCode::none);
        const std::uint64_t checkpoint_bytes = flash->written - before;
        // After the checkpoint at the start of a run come its losses: ten of them, and a half.
        flash->freeze_after = flash->written + checkpoint_bytes + 10 * sizeof(float) + 2;
        CHECK(bench.call(rpc::TrainParams{kSteps, 20, rpc::Source::flash}) == rpc::ErrorCode::none);
        CHECK(bench.reach(idle));
    }
    flash->freeze_after = UINT64_MAX;
    flash->close_gate(port::Region::documents);
    Bench next(flash);
    next.handshake();
    CHECK(flash->wait_at_gate(test::kPatienceMs));  // before the first step after the checkpoint
    next.send_request(1, rpc::CurveParams{1, 256});
    next.send_request(2, rpc::CurveParams{22, 256});
    next.settle(1);
    flash->open_gate();
    rpc::CurveResult result;
    CHECK(next.receive(1, result) == rpc::ErrorCode::none);
    CHECK(std::ranges::equal(result.values, curve));
    CHECK(next.receive(2, result) == rpc::ErrorCode::none);
    CHECK(result.values.empty());
    CHECK(next.reach(idle));
    CHECK(read_curve(next).size() == kSteps * sizeof(float));
}

TEST(a_run_that_is_paused_on_its_way_stays_paused_after_a_start) {
    const FlashPtr flash = make_flash();
    std::uint32_t step = 0;
    {
        Bench bench(flash);
        prepare_long_run(bench);
        CHECK(bench.call(rpc::TrainParams{kManySteps, 0, rpc::Source::flash}) ==
              rpc::ErrorCode::none);
        CHECK(bench.reach([](const auto& s) { return s.step >= 20 && s.detached; }));
        rpc::PauseResult pause;
        CHECK(bench.call(rpc::PauseParams{}, pause) == rpc::ErrorCode::none);
        step = pause.step;
        CHECK(step >= 20 && step < kManySteps);
        CHECK(bench.status().saved_step == step);
    }
    Bench bench(flash);
    bench.handshake();
    CHECK(bench.status().step == step && bench.status().state == rpc::DeviceState::idle);
    CHECK(bench.status().target_step == step && !bench.status().detached);
}

TEST(a_process_that_ends_in_order_keeps_a_run_that_needs_no_host) {
    const FlashPtr flash = make_flash();
    std::uint32_t told = 0;
    for (int life = 0; life < 3; ++life) {
        Bench bench(flash);
        if (life == 0) {
            prepare_long_run(bench);
            CHECK(bench.call(rpc::TrainParams{kManySteps, 0, rpc::Source::flash}) ==
                  rpc::ErrorCode::none);
        } else {
            bench.handshake();
        }
        CHECK(bench.status().step >= told && bench.status().saved_step >= told);
        CHECK(bench.reach([&](const auto& s) { return s.step >= told + 30 && s.detached; }));
        told = bench.status().step;
        bench.end_in_order();
    }
}

TEST(a_process_that_ends_in_order_keeps_no_model_that_a_host_is_about_to_make) {
    const FlashPtr flash = make_flash();
    {
        Bench bench(flash);
        prepare_long_run(bench);
        rpc::DocumentsWriteResult written;
        CHECK(bench.write_documents(0, 5, written) == rpc::ErrorCode::none);
        CHECK(bench.call(rpc::TrainParams{5, 0, rpc::Source::host}) == rpc::ErrorCode::none);
        CHECK(bench.reach(idle));
        rpc::Recipe recipe = test::kRecipe;
        CHECK(bench.call(rpc::CreateParams{10, test::kShape, recipe, 4}) == rpc::ErrorCode::none);
        CHECK(bench.call(rpc::SeekParams{0}) == rpc::ErrorCode::none);
        bench.end_in_order();
    }
    Bench bench(flash);
    bench.handshake();
    CHECK(bench.status().run_id == 9 && bench.status().step == 5);  // as it was saved at its end
}

TEST(settings_are_kept_and_written_only_when_they_change) {
    MemoryFlash flash(port::Flash::kSectorBytes);
    store::SettingsStore store(flash);
    CHECK(store.load() == store::Settings{});
    CHECK(store.save({1, 0.75f}));
    CHECK((store::SettingsStore(flash).load() == store::Settings{true, 0.75f}));
    flash.budget = 0;  // any write would throw
    CHECK(store.save({1, 0.75f}));
}

TEST(autorun_prints_names_until_a_host_speaks) {
    const FlashPtr flash = make_flash();
    {
        Bench bench(flash);
        bench.handshake();
        bench.create();
        const std::array<std::uint8_t, 4> vocabulary{'a', 'b', 'c', 'd'};
        CHECK(bench.call(rpc::VocabularyWriteParams{0, vocabulary}) == rpc::ErrorCode::none);
        CHECK(bench.call(rpc::SaveParams{}) == rpc::ErrorCode::none);
        CHECK(bench.call(rpc::AutorunParams{true, 1.0f}) == rpc::ErrorCode::none);
        CHECK(bench.status().autorun);
    }
    Bench bench(flash);
    std::string printed;
    const auto lines_after = [&](std::uint64_t duration_ms) {
        bench.pass_time(duration_ms);
        const auto bytes = bench.serial.collect(0);
        printed.append(bytes.begin(), bytes.end());
        return std::ranges::count(printed, '\n');
    };
    constexpr std::uint32_t kIntervalMs = app::AutorunSampler::kIntervalMs;
    CHECK(lines_after(kIntervalMs - 1) == 0);
    CHECK(lines_after(1) == 1);
    CHECK(lines_after(kIntervalMs) == 2);
    CHECK(printed.find_first_not_of("abcd\r\n") == std::string::npos);
    bench.handshake();
    for (int interval = 0; interval < 5; ++interval) CHECK(lines_after(kIntervalMs) == 2);
}

TEST(a_text_without_a_host_ends_with_the_room_of_a_line) {
    std::size_t longest = 0;
    for (const std::string& text : long_texts(1.0f, 0.08f))
        longest = std::max(longest, text.size());
    CHECK(longest == app::TextLine::kMaxBytes);
}

TEST(texts_without_a_host_differ) {
    const auto texts = long_texts(1.0f, 0.08f);
    CHECK(std::set(texts.begin(), texts.end()).size() > 10);
}

TEST(texts_without_a_host_are_drawn_at_the_temperature_that_was_set) {
    const auto texts = long_texts(0.001f, 1.0f);
    CHECK(std::set(texts.begin(), texts.end()).size() == 1);
}

// Such a host takes what it gets for the losses of consecutive steps.
TEST(a_host_that_knows_no_strides_gets_no_thinned_out_losses) {
    Bench bench(std::make_shared<MemoryFlash>(4 * port::Flash::kSectorBytes));
    bench.handshake();
    rpc::Recipe recipe = test::kRecipe;
    recipe.total_steps = 2100;
    CHECK(bench.call(rpc::CreateParams{9, test::kShape, recipe, 4}) == rpc::ErrorCode::none);
    CHECK(bench.call(rpc::InitWeightsParams{3, 0.08f}) == rpc::ErrorCode::none);
    bench.push_data(make_content(23, 1), 23);
    CHECK(bench.call(rpc::TrainParams{2100, 0, rpc::Source::flash}) == rpc::ErrorCode::none);
    CHECK(bench.reach(idle));
    rpc::CurveResult curve;
    CHECK(bench.call(rpc::CurveParams{1, 256, true}, curve) == rpc::ErrorCode::none);
    CHECK(curve.stride == 2 && !curve.values.empty());
    CHECK(bench.call(rpc::CurveParams{1, 256, false}, curve) == rpc::ErrorCode::none);
    CHECK(curve.values.empty());
}
