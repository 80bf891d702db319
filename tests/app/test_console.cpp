// A person at a serial terminal: what is typed, what is shown, and who has the line.

#include <algorithm>
#include <memory>
#include <string>

#include "app/bench.h"
#include "app/console.h"
#include "app/handlers.h"
#include "app/images.h"
#include "app/trainer.h"
#include "store/settings.h"

using namespace ugpt;
using app::LineEditor;
using app::TextLine;
using test::Bench;
using test::MemoryFlash;

namespace {

constexpr std::string_view kNoModel = "There is no pretrained model in the flash.";

// The line after these keys, and all that the terminal was to show.
std::string typed(std::string_view keys, std::string& echo, int& enters) {
    TextLine line;
    LineEditor editor(line);
    for (const char key : keys) {
        std::string_view shown;
        if (editor.take(static_cast<std::uint8_t>(key), shown) == LineEditor::Act::enter) ++enters;
        echo.append(shown);
    }
    return std::string(line.view());
}

std::string typed(std::string_view keys) {
    std::string echo;
    int enters = 0;
    return typed(keys, echo, enters);
}

std::shared_ptr<MemoryFlash> flash_with_console() {
    auto flash = std::make_shared<MemoryFlash>(64 * 1024);
    CHECK(store::SettingsStore(*flash).save({.autorun = true, .console = true}));
    return flash;
}

void press(Bench& bench, std::string_view keys) {
    bench.serial.deliver({reinterpret_cast<const std::uint8_t*>(keys.data()), keys.size()});
}

// All that has been sent, once there is nothing left to do.
std::string shown(Bench& bench) {
    bench.pass_time(100);
    bench.pass_time(100);
    const auto bytes = bench.serial.collect(0);
    return {bytes.begin(), bytes.end()};
}

bool holds(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

// The trainer's side of a console alone: a test says when a token is computed, and when what has
// been written is passed on.
class Writing {
  public:
    explicit Writing(float weight, float temperature = 0.001f) {
        test::put_image(flash_, test::make_image("test", weight, kContext));
        CHECK(store::SettingsStore(flash_).save(
            {.autorun = true, .temperature = temperature, .console = true}));
        trainer->boot();
    }

    void begin(std::string_view prompt) {
        shared->typed = {};
        for (const char c : prompt) shared->typed.text[shared->typed.size++] = c;
        shared->typed_ready = true;
        CHECK(console.advance());
        while (shared->texts.pop()) {
        }
    }
    void write_all() {
        while (trainer->advance()) {
        }
    }
    // What can be passed on now; `after` is what stands behind the last of it.
    std::string passed_on(TextLine::After& after) {
        std::string text;
        while (console.advance()) {
            const auto line = shared->texts.pop();
            if (!line) continue;
            text += line->view();
            after = line->after;
        }
        return text;
    }

    static constexpr std::uint32_t kContext = 256;

  private:
    test::ManualClock clock_;
    test::FakePlatform platform_{clock_, {64 * 1024, 32 * 1024}};
    MemoryFlash flash_{64 * 1024};
    test::FakeLog log_;
    test::QueueSerial serial_{clock_};
    std::unique_ptr<app::QueueMemory> queues_ = std::make_unique<app::QueueMemory>();

  public:
    std::unique_ptr<app::Shared> shared = std::make_unique<app::Shared>(*queues_);
    std::unique_ptr<app::Trainer> trainer =
        std::make_unique<app::Trainer>(platform_, flash_, log_, *shared);
    app::ConsoleWriter console{*trainer, *shared, serial_};
};

}  // namespace

TEST(a_line_is_edited) {
    CHECK(typed("Once") == "Once");
    CHECK(typed("Onxf\x7f\bce") == "Once");
    CHECK(typed("\x7f\x7fx") == "x");
    CHECK(typed("caf\xc3\xa9\x7f") == "caf");             // one character of two bytes
    CHECK(typed("a\x1b[Ab\x1bOPc\x1b[1;5Dd") == "abcd");  // arrows and keys with functions
    CHECK(typed("a\tb\x01") == "ab");
    CHECK(typed(std::string(300, 'x')).size() == TextLine::kMaxBytes);
}

TEST(what_is_typed_is_echoed) {
    std::string echo;
    int enters = 0;
    CHECK(typed("ab\x7f\x7f\x7f\r\n", echo, enters).empty());
    CHECK(echo == "ab\b \b\b \b");
    CHECK(enters == 1);  // a return and a line feed are one
    typed("\n\n\r\r", echo, enters);
    CHECK(enters == 5);
}

TEST(settings_keep_the_console) {
    MemoryFlash flash(64 * 1024);
    for (const store::Settings& settings :
         {store::Settings{true, 0.25f, true}, {true, 0.5f, false}, {false, 0.5f, false}}) {
        CHECK(store::SettingsStore(flash).save(settings));
        CHECK(store::SettingsStore(flash).load() == settings);
    }
}

TEST(a_console_greets_and_answers) {
    Bench bench(flash_with_console());
    CHECK(shown(bench).ends_with("press Enter; Ctrl-X stops it.\r\n> "));
    press(bench, "Onk\x7f");
    CHECK(shown(bench) == "Onk\b \b");
    press(bench, "\x03");
    CHECK(shown(bench) == "^C\r\n> ");
    press(bench, "Onk\x18");
    CHECK(shown(bench) == "Onk^X\r\n> ");
    press(bench, "\r");
    CHECK(shown(bench) == "\r\n> ");
    press(bench, "Once\r");
    const std::string answer = shown(bench);
    CHECK(answer.starts_with("Once\r\n"));
    CHECK(holds(answer, kNoModel) && answer.ends_with("\r\n> "));
    press(bench, "x");  // and again
    CHECK(shown(bench) == "x");
}

TEST(a_host_takes_over_and_gives_back) {
    Bench bench(flash_with_console());
    CHECK(holds(shown(bench), "> "));
    press(bench, "half a li");
    (void)shown(bench);
    bench.handshake();
    press(bench, "\rnothing of this is for the console\r");
    CHECK(shown(bench).empty());
    CHECK(bench.status().autorun);
    // The host is gone once it has been silent for a while and somebody presses Enter.
    bench.pass_time(4000);
    (void)bench.serial.collect(0);
    press(bench, "x");
    CHECK(shown(bench).empty());
    press(bench, "\r");
    CHECK(shown(bench).ends_with("> "));
    press(bench, "y");
    CHECK(shown(bench) == "y");
    // Whatever the bytes of frames are, they are no keys.
    bench.handshake();
    CHECK(bench.call(rpc::PingParams{}) == rpc::ErrorCode::none);
    CHECK(!bench.status().writing);
}

TEST(a_console_needs_a_model) {
    Bench bench;
    bench.handshake();
    CHECK(bench.call(rpc::AutorunParams{true, 0.5f, true}) == rpc::ErrorCode::no_story);
    CHECK(!bench.status().autorun);
    CHECK(bench.call(rpc::TextBeginParams{.text_id = 1}) == rpc::ErrorCode::no_story);
    CHECK(bench.status().loaded == rpc::Loaded::nothing);
}

TEST(without_a_console_nothing_is_shown) {
    Bench bench;
    press(bench, "Once\r");
    CHECK(shown(bench).empty());
}

// Every token of this model begins with a byte that would act on a terminal.
TEST(a_story_shows_no_control_characters) {
    Writing writing(0.0f, 1.0f);
    std::string all;
    for (int story = 0; story < 20; ++story) {
        TextLine::After after{};
        writing.begin("x");
        writing.write_all();
        all += writing.passed_on(after);
        CHECK(after == TextLine::After::prompt);
    }
    CHECK(all.size() > 1000 && holds(all, "\r\n") && holds(all, "\t"));
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto byte = static_cast<std::uint8_t>(all[i]);
        CHECK(byte >= 0x20 || byte == '\n' || byte == '\r' || byte == '\t');
        if (byte == '\n') CHECK(i > 0 && all[i - 1] == '\r');
    }
}

// However full the line is that ends it.
TEST(the_remark_behind_a_story_is_whole) {
    constexpr std::string_view kRemark = "\r\n(The context is full.)";
    Writing writing(0.25f);
    for (std::size_t typed = 1; typed < 80; ++typed) {
        TextLine::After after{};
        writing.begin(std::string(typed, 'x'));
        writing.write_all();
        const std::string text = writing.passed_on(after);
        CHECK(text.ends_with(kRemark) && after == TextLine::After::prompt);
    }
}

TEST(a_model_that_gives_no_numbers_says_so) {
    Writing writing(1e30f);
    TextLine::After after{};
    writing.begin("x");
    writing.write_all();
    CHECK(writing.passed_on(after) == "\r\n(The model gave something that is not a number.)");
}

TEST(whoever_wants_no_more_of_a_story_stops_it) {
    for (const bool by_key : {true, false}) {
        Writing writing(0.25f);
        TextLine::After after{};
        writing.begin("x");
        CHECK(writing.trainer->advance() && writing.trainer->writer().writing());
        (by_key ? writing.shared->interrupted : writing.shared->handshake_done) = true;
        (void)writing.passed_on(after);
        CHECK(!writing.trainer->writer().writing() && !writing.trainer->advance());
        CHECK((after == TextLine::After::prompt) == by_key);
    }
}

TEST(the_story_of_a_host_is_not_stopped_with_that_of_the_console) {
    Writing writing(0.25f);
    TextLine::After after{};
    writing.begin("x");
    CHECK(!writing.trainer->begin_text(7, {}).refused());
    writing.shared->handshake_done = true;
    CHECK(writing.passed_on(after).empty());
    CHECK(writing.trainer->writer().writing());
}

TEST(only_the_text_that_is_named_is_stopped) {
    Writing writing(0.25f);
    rpc::TextStopResult result;
    CHECK(!writing.trainer->begin_text(7, {}).refused());
    (void)app::handle(*writing.trainer, rpc::TextStopParams{8}, result);
    CHECK(writing.trainer->writer().writing());
    (void)app::handle(*writing.trainer, rpc::TextStopParams{7}, result);
    CHECK(!writing.trainer->writer().writing());
}
