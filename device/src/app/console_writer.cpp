#include <algorithm>

#include "app/console.h"
#include "app/trainer.h"

namespace ugpt::app {
namespace {

// No host names a text so.
constexpr std::uint32_t kTextId = 0;
// A byte becomes at most two characters of three bytes each.
constexpr std::size_t kMostPerByte = 6;

std::string_view remark(rpc::TextEnd end) {
    switch (end) {
        case rpc::TextEnd::context_full:
            return "\r\n(The context is full.)";
        case rpc::TextEnd::not_finite:
            return "\r\n(The model gave something that is not a number.)";
        default:
            return {};
    }
}

}  // namespace

bool ConsoleWriter::advance() {
    if (shared_.handshake_done.load(std::memory_order_relaxed)) {
        leave();
        return false;
    }
    if (ready_) {
        if (!shared_.texts.push(piece_)) return false;
        ready_ = false;
        piece_.size = 0;
        serial_.wake();
        return true;
    }
    return active_ ? continue_story() : begin_story();
}

void ConsoleWriter::leave() {
    if (active_ && trainer_.writer().text_id() == kTextId) trainer_.stop_text();
    active_ = ready_ = false;
    piece_.size = 0;
    shared_.typed_ready.store(false, std::memory_order_release);
}

bool ConsoleWriter::begin_story() {
    if (!shared_.typed_ready.load(std::memory_order_acquire)) return false;
    const CallError error = trainer_.begin_typed_text(kTextId, shared_.typed.view());
    shared_.typed_ready.store(false, std::memory_order_release);
    piece_.after = TextLine::After::nothing;
    characters_ = {};
    offset_ = 0;
    if (error.refused()) {
        append("\r\n");
        append_reason(error.message.empty() ? rpc::error_text(error.code) : error.message);
        if (error.code == rpc::ErrorCode::no_story) append(" Push one: ugpt model push");
        piece_.after = TextLine::After::prompt;
        ready_ = true;
        return true;
    }
    active_ = true;
    token_ = trainer_.writer().prompt_tokens();
    return true;
}

bool ConsoleWriter::continue_story() {
    const Writer& writer = trainer_.writer();
    if (shared_.interrupted.exchange(false, std::memory_order_relaxed)) trainer_.stop_text();
    const bool is_mine = writer.text_id() == kTextId;
    while (is_mine && token_ < writer.token_count() && !full()) {
        char byte = 0;
        const std::string_view text = writer.text_of(token_, byte);
        take_bytes(text.substr(offset_));
        if (offset_ < text.size()) break;
        ++token_;
        offset_ = 0;
    }
    const bool all_given = !is_mine || token_ == writer.token_count();
    if (all_given && !writer.writing() && !full()) end_story();
    ready_ = piece_.size > 0 || !active_;
    return ready_;
}

// As many of them as there is room for.
void ConsoleWriter::take_bytes(std::string_view bytes) {
    for (const char byte : bytes) {
        if (full()) return;
        append(characters_.put(byte));
        ++offset_;
    }
}

void ConsoleWriter::end_story() {
    append(characters_.finish());
    append(remark(trainer_.writer().end()));
    piece_.after = TextLine::After::prompt;
    active_ = false;
}

// What stands behind a semicolon is for programs: which number comes with the error.
void ConsoleWriter::append_reason(std::string_view text) {
    const std::size_t end = text.find(';');
    append(text.substr(0, end));
    if (end != std::string_view::npos) append(".");
}

// For a terminal: a line ends with two characters, and other controls would act on it.
void ConsoleWriter::append(std::string_view text) {
    const auto put = [&](char c) {
        if (piece_.size < TextLine::kMaxBytes) piece_.text[piece_.size++] = c;
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<std::uint8_t>(text[i]);
        const bool returned = i > 0 && text[i - 1] == '\r';
        if (byte == '\n' && !returned) put('\r');
        if (byte >= 0x20 || byte == '\n' || byte == '\r' || byte == '\t') put(text[i]);
    }
}

// There is room for one more byte of a story, and a remark.
bool ConsoleWriter::full() const {
    constexpr std::size_t kMostRemark = 64;
    return piece_.size + kMostPerByte + kMostRemark > TextLine::kMaxBytes;
}

}  // namespace ugpt::app
