// A test harness in one header: TEST(name) { CHECK(...); }, then `int main` comes with it.
//
//   ./program            runs every test
//   ./program name ...   runs the tests named
//   ./program --list     prints the names
//
// Include it in one source file per program. A failed check is reported and the test goes on;
// the program's exit status is the number of failed tests, at most 100.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>

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

inline int run(int count, char** names) {
    if (count == 2 && std::strcmp(names[1], "--list") == 0) {
        for (const Test* test = registry().first; test != nullptr; test = test->next) {
            std::puts(test->name);
        }
        return 0;
    }
    int ran = 0;
    int failed = 0;
    for (const Test* test = registry().first; test != nullptr; test = test->next) {
        bool wanted = count < 2;
        for (int i = 1; i < count; ++i) {
            wanted = wanted || std::strcmp(names[i], test->name) == 0;
        }
        if (!wanted) {
            continue;
        }
        registry().failed_checks = 0;
        test->run();
        const bool passed = registry().failed_checks == 0;
        std::printf("%s %s\n", passed ? "ok    " : "FAILED", test->name);
        std::fflush(stdout);
        ++ran;
        failed += passed ? 0 : 1;
    }
    std::printf("%d tests, %d failed\n", ran, failed);
    if (ran == 0) {
        std::puts("no such test; --list prints the names");
        return 1;
    }
    return failed < 100 ? failed : 100;
}

}  // namespace ugpt::check

#define TEST(name)                                                              \
    static void test_##name();                                                  \
    static ::ugpt::check::Registration registration_##name(#name, test_##name);        \
    static void test_##name()

// Both give whether they passed, so that a test can stop: if (!CHECK(pointer != nullptr)) return;
#define CHECK(condition) \
    ::ugpt::check::report(static_cast<bool>(condition), __FILE__, __LINE__, #condition)
#define CHECK_NEAR(actual, expected, tolerance)                                             \
    ::ugpt::check::report_near((actual), (expected), (tolerance), __FILE__, __LINE__, \
                               #actual " near " #expected)

int main(int argc, char** argv) {
    return ::ugpt::check::run(argc, argv);
}
