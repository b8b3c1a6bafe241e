// Tests that register themselves, and checks. A check that fails ends its test with its place; the
// others go on. What a test leaves behind is removed with its Folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace check {

struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// In a list: the order of tests is that of the files on the linker's command line.
struct Test {
    Test(const char *name, void (*body)());
    const char *name;
    void (*body)();
    Test *next = nullptr;
};

template <class Value> std::string shown(const Value &value)
{
    std::ostringstream out;
    if constexpr (std::is_enum_v<Value>)
        out << static_cast<long long>(value);
    else
        out << value;
    return out.str();
}

[[noreturn]] inline void fail(const char *file, int line, const std::string &what)
{
    throw Failure(std::string(file) + ":" + std::to_string(line) + ": " + what);
}

template <class Got, class Want>
void same(const Got &got, const Want &want, const char *text, const char *file, int line)
{
    if (!(got == want))
        fail(file, line, std::string(text) + ": got " + shown(got) + ", want " + shown(want));
}

// The exception of a kind that body throws. Another one, or none, fails the test.
template <class Exception, class Body> Exception thrown(Body &&body, const char *text, const char *file, int line)
{
    try {
        body();
    } catch (const Exception &exception) {
        return exception;
    } catch (const std::exception &exception) {
        fail(file, line, std::string(text) + " threw something else: " + exception.what());
    }
    fail(file, line, std::string(text) + " did not throw");
}

} // namespace check

#define TEST(name)                                            \
    static void test_##name();                                \
    static const check::Test test_of_##name(#name, test_##name); \
    static void test_##name()

#define CHECK(...) ((__VA_ARGS__) ? void() : check::fail(__FILE__, __LINE__, #__VA_ARGS__))
#define CHECK_EQ(got, want) check::same((got), (want), #got " == " #want, __FILE__, __LINE__)
#define THROWN(Exception, ...) \
    check::thrown<Exception>([&] { (void)(__VA_ARGS__); }, #__VA_ARGS__, __FILE__, __LINE__)
#define CHECK_STATUS(wanted, ...) CHECK_EQ(THROWN(hexz::Error, __VA_ARGS__).status(), hexz::Status::wanted)
