// Checkpoints an EDA tool: the files of a design and the memory of the process that works on them, in one
// snapshot with the profile for such data. Then reads both back at random offsets and compares.
//
//     c++ -std=c++17 -O2 eda.cpp -lhexz -o eda && ./eda DESIGN_FOLDER OUTPUT.hxz
//
// Ctrl-C stops it, with exit code 130; until the snapshot is complete nothing is left behind.
//
// A snapshot has one disk image and one memory dump, so many files are packed into one image first. Image
// and dump have the same layout, the simplest that can be read at any offset:
//
//     the length of the table in decimal, and a newline
//     the table: a line "OFFSET SIZE NAME" for each section
//     the sections, each at a multiple of 4096: what is equal then lies equally in pages,
//     which is how hexz finds it twice
//
// In the image a section is a file; in the dump it is a piece of the address space, named by its
// address in hexadecimal. The dump is consistent although the tool could go on working: fork() gives a
// child a frozen copy of the memory, and the child writes it out.
#include <hexz.hpp>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <unordered_map>
#include <vector>

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t page = 4096;
constexpr std::size_t piece = 1 << 20;

[[noreturn]] void fail(const std::string &what, int error = errno)
{
    throw std::system_error(error, std::system_category(), what);
}

// Files that are only wanted until the snapshot is made of them.
class Scratch {
public:
    explicit Scratch(fs::path path) : path_(std::move(path)) {}
    Scratch(const Scratch &) = delete;
    Scratch &operator=(const Scratch &) = delete;
    ~Scratch()
    {
        std::error_code ignored;
        fs::remove(path_, ignored);
    }
    const fs::path &path() const { return path_; }

private:
    fs::path path_;
};

class File {
public:
    File(const fs::path &path, int flags) : name_(path.string()), fd_(open(path.c_str(), flags | O_CLOEXEC, 0600))
    {
        if (fd_ < 0)
            fail(name_);
    }
    File(const File &) = delete;
    File &operator=(const File &) = delete;
    ~File() { close(fd_); }

    void read(std::uint64_t offset, char *bytes, std::size_t size) const
    {
        while (size > 0) {
            const ssize_t n = pread(fd_, bytes, size, static_cast<off_t>(offset));
            if (n < 0 && errno == EINTR)
                continue;
            if (n <= 0)
                fail(name_, n < 0 ? errno : EIO);
            bytes += n;
            offset += static_cast<std::uint64_t>(n);
            size -= static_cast<std::size_t>(n);
        }
    }

    void write(std::uint64_t offset, const char *bytes, std::size_t size) const
    {
        while (size > 0) {
            const ssize_t n = pwrite(fd_, bytes, size, static_cast<off_t>(offset));
            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0)
                fail(name_);
            bytes += n;
            offset += static_cast<std::uint64_t>(n);
            size -= static_cast<std::size_t>(n);
        }
    }

    void resize(std::uint64_t size) const
    {
        if (ftruncate(fd_, static_cast<off_t>(size)) != 0)
            fail(name_);
    }

private:
    std::string name_;
    int fd_;
};

// --- the layout that the comment at the top tells of ---------------------------------------------

struct Section {
    std::string name;
    std::uint64_t size;
    std::uint64_t offset; // in the image
};

constexpr std::uint64_t rounded_up(std::uint64_t size) { return (size + page - 1) / page * page; }

// Places the sections, and returns the text in front of them.
std::string lay_out(std::vector<Section> &sections)
{
    // Offsets are as wide as they may get, so that the table's length does not depend on them.
    const auto table_of = [&] {
        std::string table;
        char numbers[64];
        for (const Section &section : sections) {
            std::snprintf(numbers, sizeof numbers, "%020llu %llu ", static_cast<unsigned long long>(section.offset),
                          static_cast<unsigned long long>(section.size));
            table += numbers + section.name + "\n";
        }
        return std::to_string(table.size()) + "\n" + table;
    };
    std::uint64_t offset = rounded_up(table_of().size());
    for (Section &section : sections) {
        section.offset = offset;
        offset += rounded_up(section.size);
    }
    return table_of();
}

std::vector<Section> sections_of(const hexz::Stream &stream)
{
    std::string start(static_cast<std::size_t>(std::min<std::uint64_t>(stream.size(), 32)), '\0');
    stream.read(0, start);
    std::size_t size = 0;
    const std::size_t line = start.find('\n');
    if (line == std::string::npos || std::from_chars(start.data(), start.data() + line, size).ec != std::errc() ||
        size > stream.size() - line - 1)
        throw std::runtime_error("'" + stream.name() + "' has no table of sections");
    std::string table(size, '\0');
    stream.read(line + 1, table);

    std::vector<Section> sections;
    std::istringstream lines(table);
    for (Section section; lines >> section.offset >> section.size && lines.get() && std::getline(lines, section.name);)
        sections.push_back(section);
    return sections;
}

// --- what the tool works on ----------------------------------------------------------------------

// A design database: the text of each file, and where in it each name stands.
class Design {
public:
    explicit Design(const fs::path &folder)
    {
        for (const fs::directory_entry &entry : fs::recursive_directory_iterator(folder))
            if (entry.is_regular_file())
                load(entry.path(), fs::relative(entry.path(), folder).string());
        if (texts_.empty())
            throw std::runtime_error(folder.string() + ": there is no file in it");
    }
    const std::map<std::string, std::string> &texts() const { return texts_; }
    std::size_t names() const { return places_.size(); }

private:
    void load(const fs::path &path, const std::string &name)
    {
        if (name.find('\n') != std::string::npos)
            throw std::runtime_error(path.string() + ": has a newline in its name");
        std::string &text = texts_[name];
        text.resize(fs::file_size(path));
        File(path, O_RDONLY).read(0, text.data(), text.size());
        const auto in_name = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
        for (auto at = text.cbegin(); (at = std::find_if(at, text.cend(), in_name)) != text.cend();) {
            const auto end = std::find_if_not(at, text.cend(), in_name);
            places_[std::string_view(&*at, static_cast<std::size_t>(end - at))].push_back(&*at);
            at = end;
        }
    }

    std::map<std::string, std::string> texts_;
    std::unordered_map<std::string_view, std::vector<const char *>> places_;
};

// --- making the two inputs -----------------------------------------------------------------------

void pack_files(const Design &design, const fs::path &path)
{
    std::vector<Section> sections;
    for (const auto &[name, text] : design.texts())
        sections.push_back({name, text.size(), 0});
    const std::string table = lay_out(sections);
    const File image(path, O_WRONLY | O_CREAT | O_EXCL);
    image.write(0, table.data(), table.size());
    for (const Section &section : sections)
        image.write(section.offset, design.texts().at(section.name).data(), section.size);
    image.resize(rounded_up(sections.back().offset + sections.back().size));
}

// In the child of dump_memory(): all memory that belongs to this process alone and may be written.
void write_memory(const fs::path &path)
{
    std::vector<Section> sections;
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        unsigned long long begin = 0, end = 0;
        char mode[5] = "";
        if (std::sscanf(line.c_str(), "%llx-%llx %4s", &begin, &end, mode) == 3 && std::strcmp(mode, "rw-p") == 0)
            sections.push_back({line.substr(0, line.find('-')), end - begin, 0});
    }
    const std::string table = lay_out(sections);
    const File memory("/proc/self/mem", O_RDONLY), dump(path, O_WRONLY | O_CREAT | O_EXCL);
    dump.write(0, table.data(), table.size());
    std::vector<char> bytes(piece);
    for (const Section &section : sections)
        for (std::uint64_t done = 0; done < section.size; done += piece) {
            const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(piece, section.size - done));
            memory.read(std::stoull(section.name, nullptr, 16) + done, bytes.data(), size);
            dump.write(section.offset + done, bytes.data(), size);
        }
    dump.resize(rounded_up(sections.back().offset + sections.back().size));
}

void dump_memory(const fs::path &path)
{
    const pid_t child = fork();
    if (child < 0)
        fail("fork");
    if (child == 0) {
        // No destructor may run twice, so the child ends here whatever happens.
        try {
            write_memory(path);
        } catch (const std::exception &error) {
            std::fprintf(stderr, "eda: memory: %s\n", error.what());
            _exit(1);
        }
        _exit(0);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            fail("waitpid");
    if (status != 0)
        throw std::runtime_error("the memory could not be dumped");
}

// --- reading back --------------------------------------------------------------------------------

// Where in a stream the bytes at this address of the process are.
std::uint64_t place_of(const void *address, const std::vector<Section> &memory)
{
    const auto wanted = reinterpret_cast<std::uintptr_t>(address);
    for (const Section &section : memory) {
        const std::uint64_t begin = std::stoull(section.name, nullptr, 16);
        if (wanted >= begin && wanted - begin < section.size)
            return section.offset + (wanted - begin);
    }
    throw std::runtime_error("an address of the process is missing in its memory image");
}

// Compares pieces at random places of each file, from the image and from memory, with what the process has.
std::size_t compare(const hexz::Snapshot &snapshot, const Design &design)
{
    const hexz::Stream disk = snapshot.stream("disk"), memory = snapshot.stream("memory");
    const std::vector<Section> files = sections_of(disk), mappings = sections_of(memory);
    if (files.size() != design.texts().size())
        throw std::runtime_error("other files are in the snapshot than were put there");
    std::mt19937_64 random(std::random_device{}());
    std::string got;
    std::size_t compared = 0;
    for (const Section &file : files) {
        const std::string &text = design.texts().at(file.name);
        if (text.size() != file.size)
            throw std::runtime_error(file.name + ": has another size in the snapshot");
        for (int i = 0; i < 200 && !text.empty(); i++, compared += 2) {
            const std::size_t offset = random() % text.size();
            got.resize(std::min<std::size_t>(1 + random() % 8192, text.size() - offset));
            disk.read(file.offset + offset, got);
            const bool same = text.compare(offset, got.size(), got) == 0;
            memory.read(place_of(text.data(), mappings) + offset, got);
            if (!same || text.compare(offset, got.size(), got) != 0)
                throw std::runtime_error(file.name + ": other bytes came back at " + std::to_string(offset));
        }
    }
    return compared;
}

// --- Ctrl-C --------------------------------------------------------------------------------------

const hexz::Cancel *on_interrupt;

extern "C" void interrupt(int)
{
    on_interrupt->trigger();
}

// Routes Ctrl-C to a Cancel as long as this lives. A second one has its usual effect.
class Interrupt {
public:
    explicit Interrupt(const hexz::Cancel &cancel)
    {
        on_interrupt = &cancel;
        struct sigaction action = {};
        action.sa_handler = interrupt;
        action.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);
        sigaction(SIGINT, &action, &before_);
    }
    Interrupt(const Interrupt &) = delete;
    Interrupt &operator=(const Interrupt &) = delete;
    ~Interrupt() { sigaction(SIGINT, &before_, nullptr); }

private:
    struct sigaction before_ = {};
};

void checkpoint(const fs::path &folder, const fs::path &output)
{
    const hexz::Cancel cancel;
    const Interrupt interrupt(cancel);
    const Design design(folder);
    const Scratch image(output.string() + ".image"), memory(output.string() + ".memory");
    std::printf("%zu files with %zu names\n", design.texts().size(), design.names());
    std::fflush(stdout);
    pack_files(design, image.path());
    dump_memory(memory.path());

    hexz::BuildOptions options;
    options.source = image.path();
    options.source_format = hexz::Format::raw;
    options.memory = memory.path();
    options.output = output;
    options.profile = "eda";
    options.cancel = &cancel;
    options.progress = [last = -1](const hexz::Progress &now) mutable {
        const int percent = now.total == 0 ? 0 : static_cast<int>(100.0 * static_cast<double>(now.done) /
                                                                  static_cast<double>(now.total));
        if (now.phase == hexz::Phase::pack && percent != last)
            std::fprintf(stderr, "\rpacking %3d%%", last = percent);
        return true;
    };
    const hexz::BuildReport report = hexz::build(options);
    std::fprintf(stderr, "\n");

    // Kept apart from the file, the root tells later that this is the one.
    hexz::OpenOptions opening;
    opening.expect_root = report.root;
    opening.cancel = &cancel;
    const hexz::Snapshot snapshot(output, opening);
    hexz::VerifyOptions verifying;
    verifying.cancel = &cancel;
    snapshot.verify(verifying);
    std::printf("%s: %.1f MB of files and %.1f MB of memory in %.1f MB, root %s\n", output.c_str(),
                static_cast<double>(snapshot.stream("disk").size()) / 1e6,
                static_cast<double>(snapshot.stream("memory").size()) / 1e6,
                static_cast<double>(report.file_size) / 1e6, hexz::to_hex(report.root).c_str());
    std::printf("%zu random pieces came back as they were\n", compare(snapshot, design));
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 3) {
        std::fprintf(stderr, "usage: eda DESIGN_FOLDER OUTPUT.hxz\n");
        return 2;
    }
    try {
        checkpoint(argv[1], argv[2]);
    } catch (const hexz::Cancelled &) {
        std::fprintf(stderr, "\neda: stopped\n");
        return 130;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "\neda: %s\n", error.what());
        return 1;
    }
    return 0;
}
