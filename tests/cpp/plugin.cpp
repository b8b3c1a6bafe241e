// A program and the plugin that it loads, each with the header and with -fvisibility=hidden: an
// exception that the plugin throws is caught by its type in the program.
// Compiled with PLUGIN as the shared object, without it as the program: plugin SHARED_OBJECT
#include <hexz.hpp>

#ifdef PLUGIN

extern "C" __attribute__((visibility("default"))) void open_in_plugin(const char *path, const hexz::Cancel *cancel);
extern "C" void open_in_plugin(const char *path, const hexz::Cancel *cancel)
{
    hexz::OpenOptions options;
    options.cancel = cancel;
    (void)hexz::Snapshot(path, options).info();
}

#else

#include <cstdio>
#include <dlfcn.h>

int main(int argc, char **argv)
{
    void *plugin = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : nullptr;
    void *symbol = plugin != nullptr ? dlsym(plugin, "open_in_plugin") : nullptr;
    if (symbol == nullptr)
        return std::fprintf(stderr, "%s\n", plugin == nullptr ? dlerror() : "no open_in_plugin"), 1;
    const auto open = reinterpret_cast<void (*)(const char *, const hexz::Cancel *)>(symbol);
    bool caught = false, cancelled = false;
    try {
        open("no such file", nullptr);
    } catch (const hexz::Error &error) {
        caught = error.status() == hexz::Status::io && error.system_error() == std::errc::no_such_file_or_directory;
    }
    const hexz::Cancel cancel;
    cancel.trigger();
    try {
        open("no such file", &cancel);
    } catch (const hexz::Cancelled &) {
        cancelled = true;
    }
    dlclose(plugin);
    return caught && cancelled ? 0 : 1;
}

#endif
