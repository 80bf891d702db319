// A person at a serial terminal: what is typed, what is shown, and who has the line.

#include <string>

#include "app/bench.h"
#include "app/console.h"
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
