// Folders, files and bytes to test with.
#pragma once

#include "check.hpp"

#include <hexz.hpp>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <unistd.h>

using Bytes = std::string;

// A folder of its own for each test, removed at the end.
class Folder {
public:
    Folder()
    {
        std::string name = (std::filesystem::temp_directory_path() / "hexz-cpp-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr)
            throw std::runtime_error("no folder " + name);
        path_ = name;
    }
    Folder(const Folder &) = delete;
    Folder &operator=(const Folder &) = delete;
    ~Folder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    std::filesystem::path operator/(const std::string &name) const { return path_ / name; }
    std::ptrdiff_t entries() const
    {
        return std::distance(std::filesystem::directory_iterator(path_), std::filesystem::directory_iterator());
    }

private:
    std::filesystem::path path_;
};

inline void put(const std::filesystem::path &path, const Bytes &bytes)
{
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!file.flush())
        throw std::runtime_error("cannot write " + path.string());
}

inline Bytes get(const std::filesystem::path &path)
{
    std::ifstream file(path, std::ios::binary);
    if (!file)
        throw std::runtime_error("cannot read " + path.string());
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline void flip(const std::filesystem::path &path, std::size_t offset)
{
    Bytes bytes = get(path);
    bytes.at(offset) = static_cast<char>(bytes.at(offset) ^ 1);
    put(path, bytes);
}

// Does not compress.
inline Bytes noise(std::size_t size, unsigned seed)
{
    std::mt19937 random(seed);
    Bytes bytes(size, '\0');
    for (char &byte : bytes)
        byte = static_cast<char>(random() >> 24);
    return bytes;
}

// Lines of a made-up netlist: they compress.
inline Bytes netlist(std::size_t size, unsigned seed)
{
    static const char *const cells[] = {"NAND2_X1", "NOR2_X1", "DFF_X2", "INV_X4"};
    std::mt19937 random(seed);
    Bytes text;
    while (text.size() < size)
        text += std::string("  ") + cells[random() % 4] + " u" + std::to_string(random() % 100000) + " (.A(n" +
                std::to_string(random() % 5000) + "), .Z(n" + std::to_string(random() % 5000) + "));\n";
    text.resize(size);
    return text;
}

// A disk with text, a hole and noise in it, and no whole number of pages.
inline Bytes disk()
{
    return netlist(700 * 1000, 1) + Bytes(1 << 20, '\0') + noise(300 * 1001, 2);
}

inline hexz::BuildOptions build_of(const std::filesystem::path &source, const std::filesystem::path &output)
{
    hexz::BuildOptions options;
    options.source = source;
    options.output = output;
    options.sync = false;
    return options;
}

// Writes bytes to a file, builds a snapshot of it, and tells where that is.
inline std::filesystem::path snapshot_of(const Folder &folder, const Bytes &bytes, const std::string &name = "disk")
{
    put(folder / (name + ".raw"), bytes);
    hexz::build(build_of(folder / (name + ".raw"), folder / (name + ".hxz")));
    return folder / (name + ".hxz");
}

inline Bytes all_of(const hexz::Stream &stream)
{
    Bytes bytes(stream.size(), '?');
    stream.read(0, bytes);
    return bytes;
}

inline bool contains(const std::string &text, const std::string &part)
{
    return text.find(part) != std::string::npos;
}

// The cheapest key there may be, so that a test may ask often.
constexpr hexz::KdfCost cheap{1024, 1, 1};

inline hexz::PasswordCallback password(const std::string &text)
{
    return [text](const hexz::PasswordRequest &) { return text; };
}
