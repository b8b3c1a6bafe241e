// Runs the tests that registered themselves: all, or those whose names begin with an argument.
#include "check.hpp"

#include <cstdio>
#include <cstring>

static check::Test *first_test, **end_of_tests = &first_test;

check::Test::Test(const char *name_, void (*body_)()) : name(name_), body(body_)
{
    *end_of_tests = this;
    end_of_tests = &next;
}

static bool wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (std::strncmp(name, argv[i], std::strlen(argv[i])) == 0)
            return true;
    return argc == 1;
}

int main(int argc, char **argv)
{
    int passed = 0, failed = 0;
    for (const check::Test *test = first_test; test != nullptr; test = test->next) {
        if (!wanted(test->name, argc, argv))
            continue;
        std::string problem;
        try {
            test->body();
        } catch (const std::exception &exception) {
            problem = exception.what();
        } catch (...) {
            problem = "something that is no std::exception came out";
        }
        (problem.empty() ? passed : failed)++;
        std::printf("%-6s %s%s%s\n", problem.empty() ? "ok" : "FAIL", test->name, problem.empty() ? "" : ": ",
                    problem.c_str());
        std::fflush(stdout);
    }
    std::printf("%d %d\n", passed, failed);
    return failed != 0 || passed == 0;
}
