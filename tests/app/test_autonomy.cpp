// A device that trains and speaks without a host.

#include <string>

#include "app/bench.h"
#include "store/loss_history.h"
#include "store/data_set.h"
#include "store/settings.h"
#include "base/crc32.h"

using namespace ugpt;
using test::Bench;
using test::MemoryFlash;

namespace {

using FlashPtr = std::shared_ptr<MemoryFlash>;

FlashPtr make_flash() { return std::make_shared<MemoryFlash>(64 * 1024); }

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

void push_data(Bench& bench, std::uint32_t documents) {
    const auto content = make_content(documents, 1);
    CHECK(bench.call(rpc::DataBeginParams{describe(content, documents)}) ==
          rpc::ErrorCode::none);
    for (std::uint32_t at = 0; at < content.size(); at += 100) {
        const auto size = std::min<std::size_t>(100, content.size() - at);
        CHECK(bench.call(rpc::DataWriteParams{at, std::span(content).subspan(at, size)}) ==
              rpc::ErrorCode::none);
    }
    CHECK(bench.call(rpc::DataCommitParams{}) == rpc::ErrorCode::none);
}

std::vector<std::uint8_t> read_weights(Bench& bench) {
    rpc::TensorReadResult tensor;
    CHECK(bench.call(rpc::TensorReadParams{"layer0.attn_wq", rpc::TensorKind::weights, 0, 64},
                     tensor) == rpc::ErrorCode::none);
    return {tensor.data.begin(), tensor.data.end()};
}

bool idle(const rpc::Status& status) { return status.state == rpc::DeviceState::idle; }

constexpr std::uint32_t kSteps = 60;

void start_run(Bench& bench) {
    bench.handshake();
    bench.create(9);
    push_data(bench, 23);
    CHECK(bench.call(rpc::TrainParams{kSteps, 7, rpc::Source::flash}) == rpc::ErrorCode::none);
}

// The weights after a run that nothing disturbs.
std::vector<std::uint8_t> undisturbed() {
    Bench bench(make_flash());
    start_run(bench);
    CHECK(bench.reach(idle));
    CHECK(bench.status().step == kSteps);
    return read_weights(bench);
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

TEST(a_power_cut_anywhere_leads_to_the_same_weights) {
    const std::vector<std::uint8_t> expected = undisturbed();
    // The flash as a power cut would leave it: whatever was written so far and no more.
    for (const int milliseconds : {0, 1, 2, 3, 5, 8, 13}) {
        const FlashPtr flash = make_flash();
        auto bench = std::make_unique<Bench>(flash);
        start_run(*bench);
        std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
        bench.reset();  // the RAM is gone; only the flash is left
        Bench next(flash);
        next.handshake();
        CHECK(next.reach(idle));
        CHECK(next.status().step == kSteps);
        CHECK(read_weights(next) == expected);
        rpc::CurveResult curve;
        CHECK(next.call(rpc::CurveParams{1, 256}, curve) == rpc::ErrorCode::none);
        CHECK(curve.values.size() == kSteps * sizeof(float));
    }
}

TEST(a_paused_run_from_flash_stays_paused_after_a_start) {
    const FlashPtr flash = make_flash();
    std::uint32_t step = 0;
    {
        Bench bench(flash);
        bench.handshake();
        bench.create(9);
        push_data(bench, 23);
        CHECK(bench.call(rpc::TrainParams{100, 0, rpc::Source::flash}) == rpc::ErrorCode::none);
        rpc::PauseResult pause;
        CHECK(bench.call(rpc::PauseParams{}, pause) == rpc::ErrorCode::none);
        step = pause.step;
    }
    Bench bench(flash);
    bench.handshake();
    CHECK(bench.status().step == step && bench.status().state == rpc::DeviceState::idle);
}

TEST(the_curve_of_another_run_is_not_shown) {
    MemoryFlash flash(16 * 1024);
    store::LossHistory curve(flash);
    const std::array<float, 3> losses{3.0f, 2.0f, 1.0f};
    std::array<float, 8> out{};
    CHECK(curve.begin(1));
    CHECK(curve.write(1, losses));
    CHECK(curve.read(1, 2, out) == 2 && out[0] == 2.0f);
    CHECK(curve.read(2, 1, out) == 0);
    CHECK(curve.begin(1));  // the same run again keeps it
    CHECK(curve.read(1, 1, out) == 3);
    CHECK(curve.begin(2));
    CHECK(curve.read(2, 1, out) == 0);
    const std::uint32_t last = (16 * 1024 - port::Flash::kSectorBytes) / sizeof(float);
    CHECK(curve.write(last, losses));  // the first fits, the others are dropped
    CHECK(curve.read(2, last, out) == 1);
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
    for (int tries = 0; tries < 20 && std::ranges::count(printed, '\n') < 2; ++tries) {
        const auto bytes = bench.serial.collect(500);
        printed.append(bytes.begin(), bytes.end());
    }
    CHECK(std::ranges::count(printed, '\n') >= 2);
    CHECK(printed.find_first_not_of("abcd\r\n") == std::string::npos);
    bench.handshake();
    (void)bench.serial.collect(600);  // what was under way
    CHECK(bench.serial.collect(1200).empty());
}
