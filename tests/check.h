// A test harness in one header: TEST(name) { CHECK(...); }, then `int main` comes with it.
//
//   ./program            runs every test
//   ./program name ...   runs the tests named
//   ./program --list     prints the names
//
// Include it in one source file per program. A failed check is reported and the test goes on;
// the program's exit status is 0 if every test passed, else 1. pytest runs each test by itself.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <span>
#include <string_view>

namespace ugpt::check {

struct Test {
    const char* name;
    void (*run)();
    Test* next;
};

struct Registry {
    Test* first = nullptr;
    Test** last = &first;
    int failed_checks = 0;  // of the test that is running
};

inline Registry& registry() {
    static Registry instance;
    return instance;
}

struct Registration {
    Test test;

    Registration(const char* name, void (*run)()) : test{name, run, nullptr} {
        *registry().last = &test;
        registry().last = &test.next;
    }
};

inline bool report(bool passed, const char* file, int line, const char* what) {
    if (!passed) {
        constexpr int kMostReported = 20;
        if (++registry().failed_checks <= kMostReported) {
            std::printf("  %s:%d: failed: %s\n", file, line, what);
        }
    }
    return passed;
}

inline bool report_near(double actual, double expected, double tolerance, const char* file,
                        int line, const char* what) {
    const double difference = actual > expected ? actual - expected : expected - actual;
    const bool passed = difference <= tolerance;  // false for NaN
    if (!report(passed, file, line, what)) {
        std::printf("    %.17g is not within %g of %.17g\n", actual, tolerance, expected);
    }
    return passed;
}

inline bool run_one(const Test& test) {
    registry().failed_checks = 0;
    test.run();
    const bool passed = registry().failed_checks == 0;
    std::printf("%s %s\n", passed ? "ok    " : "FAILED", test.name);
    return passed;
}

inline int run(std::span<char* const> names) {
    // What a test wrote is seen even if a sanitizer ends the process.
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
    const bool lists = names.size() == 1 && std::string_view(names[0]) == "--list";
    int ran = 0;
    int failed = 0;
    for (const Test* test = registry().first; test != nullptr; test = test->next) {
        const auto is_this = [test](std::string_view name) { return name == test->name; };
        if (lists) {
            std::puts(test->name);
        } else if (names.empty() || std::ranges::any_of(names, is_this)) {
            ++ran;
            failed += run_one(*test) ? 0 : 1;
        }
    }
    if (lists) return 0;
    std::printf("%d tests, %d failed\n", ran, failed);
    if (ran == 0) std::puts("no such test; --list prints the names");
    return ran > 0 && failed == 0 ? 0 : 1;
}

}  // namespace ugpt::check

#define TEST(name)                                                              \
    static void test_##name();                                                  \
    static ::ugpt::check::Registration registration_##name(#name, test_##name); \
    static void test_##name()

// Both give whether they passed, so that a test can stop: if (!CHECK(pointer != nullptr)) return;
#define CHECK(condition) \
    ::ugpt::check::report(static_cast<bool>(condition), __FILE__, __LINE__, #condition)
#define CHECK_NEAR(actual, expected, tolerance)                                       \
    ::ugpt::check::report_near((actual), (expected), (tolerance), __FILE__, __LINE__, \
                               #actual " near " #expected)

int main(int argc, char** argv) {
    return ::ugpt::check::run({argv + 1, static_cast<std::size_t>(argc - 1)});
}
