/*
 * hexz.hpp: libhexz for C++17 and later. Header only, over hexz.h, whose comments say
 * in full what each call does.
 *
 * A snapshot from a disk image and a memory dump, and bytes from it:
 *
 *     hexz::BuildOptions options;
 *     options.source = "vm.img";
 *     options.memory = "vm.mem";
 *     options.output = "vm.hxz";
 *     hexz::build(options);
 *
 *     hexz::Snapshot snapshot("vm.hxz");
 *     std::vector<std::byte> page(4096);
 *     snapshot.stream("disk").read(1 << 20, page);
 *
 * Link with -lhexz; nothing else is needed.
 *
 * Errors. Every failure is a hexz::Error: what() tells what was tried, on what, why, and what to
 * do about it; status(), system_error() and callback_code() are for programs. Two kinds have a
 * class of their own: Cancelled, because it is no fault, and Damaged, which brings the report of
 * a verify. Where this header itself takes memory it may throw std::bad_alloc.
 *
 * Ownership. Snapshot and Cancel own a handle and can be moved, not copied. A Stream points into
 * its Snapshot, moved or not, and must not be used once that is destroyed. Options are only read,
 * and not needed after the call; a Cancel that they point to must live until the call returns. A
 * moved-from Snapshot refuses every call (Status::invalid_argument).
 *
 * Threads. A Snapshot and its Streams may be used by many threads at once. Cancel::trigger() may be
 * called from anywhere, signal handlers included. Destroying and moving are for one thread alone.
 *
 * Callbacks run on the thread that made the call, but those of a Source that allows more, and of a
 * Storage. What they throw ends the call and comes out of it, unchanged (the first, if threads throw
 * at once; of a Storage it is Status::callback); no exception passes through the library. They may use
 * other handles, but of the call's own only the Cancel.
 *
 * Paths are bytes, as open(2) takes them; a std::filesystem::path becomes one by itself. Sizes,
 * offsets and lengths are in bytes. Options have the defaults of hexz.h; C++20 programs may
 * name fields in place: hexz::build({.source = "vm.img", .output = "vm.hxz"}).
 */
#ifndef HEXZ_HPP
#define HEXZ_HPP

#if __cplusplus < 201703L && !(defined(_MSVC_LANG) && _MSVC_LANG >= 201703L)
#error "hexz.hpp needs C++17: -std=c++17 or later. hexz.h will do with C++11."
#endif

#include "hexz.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <forward_list>
#include <functional>
#include <istream>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <streambuf>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

// Thrown in one shared object and caught in another, an exception is of one type in both, also
// with -fvisibility=hidden.
#if defined(__GNUC__)
#define HEXZ_HPP_EXCEPTION_ __attribute__((visibility("default")))
#else
#define HEXZ_HPP_EXCEPTION_
#endif

// Each release has names of its own for the linker, so that shared objects that were compiled
// with different ones can be loaded into one process. Therefore include this header rather than
// declare what is in it.
#define HEXZ_HPP_JOIN_(major, minor, patch) v##major##_##minor##_##patch
#define HEXZ_HPP_RELEASE_(major, minor, patch) HEXZ_HPP_JOIN_(major, minor, patch)

namespace hexz {
inline namespace HEXZ_HPP_RELEASE_(HEXZ_VERSION_MAJOR, HEXZ_VERSION_MINOR, HEXZ_VERSION_PATCH) {

// Constants -------------------------------------------------------------------------------------

/** What kind of failure: see the HEXZ_ERR_ values. A later library may bring others. */
enum class Status : std::int32_t {
    ok = HEXZ_OK,
    invalid_argument = HEXZ_ERR_INVALID_ARGUMENT,
    unknown_profile = HEXZ_ERR_UNKNOWN_PROFILE,
    source = HEXZ_ERR_SOURCE,
    output = HEXZ_ERR_OUTPUT,
    exists = HEXZ_ERR_EXISTS,
    password_required = HEXZ_ERR_PASSWORD_REQUIRED,
    invalid_password = HEXZ_ERR_INVALID_PASSWORD,
    wrong_password = HEXZ_ERR_WRONG_PASSWORD,
    not_snapshot = HEXZ_ERR_NOT_SNAPSHOT,
    unsupported = HEXZ_ERR_UNSUPPORTED,
    corrupt = HEXZ_ERR_CORRUPT,
    out_of_range = HEXZ_ERR_OUT_OF_RANGE,
    no_stream = HEXZ_ERR_NO_STREAM,
    parent = HEXZ_ERR_PARENT,
    cancelled = HEXZ_ERR_CANCELLED,
    callback = HEXZ_ERR_CALLBACK,
    no_memory = HEXZ_ERR_NO_MEMORY,
    state = HEXZ_ERR_STATE,
    internal = HEXZ_ERR_INTERNAL,
    io = HEXZ_ERR_IO,
    not_encrypted = HEXZ_ERR_NOT_ENCRYPTED,
    again = HEXZ_ERR_AGAIN ///< Builder::try_write() says it by false.
};

/** Format of a disk image. */
enum class Format : std::uint32_t {
    detect = HEXZ_FORMAT_AUTO,
    raw = HEXZ_FORMAT_RAW,
    qcow2 = HEXZ_FORMAT_QCOW2
};

enum class StreamKind : std::uint32_t {
    disk = HEXZ_STREAM_DISK,
    memory = HEXZ_STREAM_MEMORY,
    blob = HEXZ_STREAM_BLOB
};

enum class Compression : std::uint32_t {
    none = HEXZ_COMPRESSION_NONE,
    lz4 = HEXZ_COMPRESSION_LZ4,
    zstd = HEXZ_COMPRESSION_ZSTD
};

enum class ExtentKind : std::uint32_t {
    data = HEXZ_EXTENT_DATA,
    zero = HEXZ_EXTENT_ZERO,
    parent = HEXZ_EXTENT_PARENT,
    same = HEXZ_EXTENT_SAME ///< Of diff() alone: the bytes are the same in both.
};

/** What a password is asked for: a new one, that of a snapshot, that of its parent. */
enum class PasswordPurpose : std::uint32_t {
    create = HEXZ_PASSWORD_CREATE,
    open = HEXZ_PASSWORD_OPEN,
    parent = HEXZ_PASSWORD_PARENT
};

enum class Phase : std::uint32_t {
    train = HEXZ_PHASE_TRAIN,
    pack = HEXZ_PHASE_PACK,
    sync = HEXZ_PHASE_SYNC,
    verify = HEXZ_PHASE_VERIFY,
    extract = HEXZ_PHASE_EXTRACT
};

/** What rekey() does about a password. */
enum class Rekey : std::uint32_t {
    add = HEXZ_REKEY_ADD,
    replace = HEXZ_REKEY_REPLACE,
    remove = HEXZ_REKEY_REMOVE
};

// Values ----------------------------------------------------------------------------------------

/** A hash (BLAKE3) that names all that a snapshot holds. Two of them compare with ==. */
using Root = std::array<std::uint8_t, 32>;

/** Pack parameters: profile() gives one by name, to be changed and used in BuildOptions. */
struct Profile {
    Compression compression = Compression::lz4;
    std::int32_t level = 0;
    std::uint32_t block_size = 0;
    bool dictionary = false;
    std::uint32_t cdc_min = 0; ///< This and the next two: all 0 for the default.
    std::uint32_t cdc_avg = 0;
    std::uint32_t cdc_max = 0;
    std::uint32_t features = 0; ///< HEXZ_PROFILE_ flags: none in this version.
};

struct Progress {
    Phase phase = Phase::pack;
    std::uint64_t done = 0;   ///< Logical bytes in this phase.
    std::uint64_t total = 0;  ///< Logical bytes of all streams; 0: not known.
    std::uint64_t stored = 0; ///< Bytes written to the output so far.
};

struct PasswordRequest {
    PasswordPurpose purpose = PasswordPurpose::open;
    /** Counts from 0: a wrong password is asked for again, three times in all. */
    std::uint32_t attempt = 0;
    std::string path; ///< The snapshot that the password is for; may be empty.
};

struct BuildReport {
    std::uint64_t bytes_read = 0;      ///< From the sources; holes are not read.
    std::uint64_t bytes_zero = 0;      ///< Logical bytes of zeros and holes.
    std::uint64_t bytes_duplicate = 0; ///< Logical bytes found elsewhere in this snapshot.
    std::uint64_t bytes_inherited = 0; ///< Logical bytes that the parent, a base or what those lean on has.
    std::uint64_t bytes_unique = 0;    ///< Logical bytes that were new, before compression.
    std::uint64_t bytes_stored = 0;    ///< The same after compression.
    std::uint64_t bytes_dead = 0;      ///< Stored bytes that no stream refers to any more.
    std::uint64_t blocks = 0;
    std::uint64_t file_size = 0;
    Root root{}; ///< Kept apart from the file it tells later whether this is the file.
    /** Time spent, added up over the threads; total is by the clock. */
    std::chrono::nanoseconds read{}, hash{}, compress{}, seal{}, write{}, sync{}, total{};
};

struct Info {
    Root root{};
    std::optional<Root> parent_root; ///< Of the parent that it was built on, whether it leans on that or not.
    std::uint32_t format_version = 0;
    std::uint32_t stream_count = 0;
    bool encrypted = false;
    bool cdc = false;
    Compression compression = Compression::none;
    std::int32_t level = 0;
    std::uint32_t block_size = 0;
    std::uint32_t dictionary_size = 0; ///< 0: none.
    std::uint64_t file_size = 0;
    std::uint64_t logical_size = 0; ///< Of all streams.
    std::uint64_t blocks = 0;
    std::uint32_t ancestor_count = 0; ///< Snapshots that it leans on: see Snapshot::ancestors().
};

/** What a snapshot leans on. */
struct AncestorInfo {
    Root root{};
    /** The file name that it had when the child was built; may be empty. From a file of any origin. */
    std::string hint;
    std::uint64_t bytes_inherited = 0; ///< Logical bytes that come from it.
    std::uint64_t file_size = 0;
};

struct StreamInfo {
    std::string name; ///< UTF-8, from a file of any origin: mind what you print.
    StreamKind kind = StreamKind::blob;
    std::uint64_t size = 0;
    std::uint64_t data_size = 0;   ///< Of these in extents of data.
    std::uint64_t zero_size = 0;   ///< Of these in extents of zeros.
    std::uint64_t stored_size = 0; ///< Bytes in the file of the blocks that it brought in.
};

/** A run of bytes of one kind. */
struct Extent {
    ExtentKind kind = ExtentKind::data;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
};

struct VerifyReport {
    std::uint64_t blocks_checked = 0; ///< Bad ones among them.
    std::uint64_t blocks_bad = 0;
    std::optional<std::uint32_t> bad_stream; ///< Index of the first stream with damage.
    std::optional<std::uint64_t> bad_offset; ///< First offset in it that cannot be read.
};

// Errors ----------------------------------------------------------------------------------------

/** A failed call. Copying does not throw. */
class HEXZ_HPP_EXCEPTION_ Error : public std::runtime_error {
public:
    Error(Status status, const std::string &text, int system_errno = 0, std::int32_t callback_code = 0)
        : std::runtime_error(text), status_(status), errno_(system_errno), callback_code_(callback_code)
    {
    }
    [[nodiscard]] Status status() const noexcept { return status_; }
    /** Such as "HEXZ_ERR_SOURCE". */
    [[nodiscard]] const char *status_name() const noexcept
    {
        return hexz_status_name(static_cast<hexz_status>(status_));
    }
    /** The errno behind it, to be compared with std::errc; false if the system had no part in it. */
    [[nodiscard]] std::error_code system_error() const noexcept { return {errno_, std::system_category()}; }
    [[nodiscard]] std::int32_t callback_code() const noexcept { return callback_code_; }

private:
    Status status_;
    int errno_;
    std::int32_t callback_code_;
};

/**
 * Stopped by a Cancel or by a progress callback that returned false. Nothing was left behind, but for
 * what an extract in place had written.
 */
class HEXZ_HPP_EXCEPTION_ Cancelled : public Error {
public:
    explicit Cancelled(const Error &error) : Error(error) {}
};

/** Snapshot::verify() found damage (Status::corrupt). */
class HEXZ_HPP_EXCEPTION_ Damaged : public Error {
public:
    Damaged(const Error &error, const VerifyReport &report) : Error(error), report_(report) {}
    [[nodiscard]] const VerifyReport &report() const noexcept { return report_; }

private:
    VerifyReport report_;
};

// Options ---------------------------------------------------------------------------------------

/**
 * Gives a password: 1 to 1024 bytes, taken as they are. std::nullopt declines. The string that is
 * returned is wiped after use; other copies are yours to wipe.
 */
using PasswordCallback = std::function<std::optional<std::string>(const PasswordRequest &)>;

/** Is told how far a call has come, 10 to 50 times a second. false stops the call: Cancelled. */
using ProgressCallback = std::function<bool(const Progress &)>;

/** What guessing a password costs (Argon2id, RFC 9106). 0: the default. */
struct KdfCost {
    std::uint32_t memory_kib = 0;
    std::uint32_t passes = 0;
    std::uint32_t lanes = 0;
};

class Cancel;
class Snapshot;
class Stream;

/** What a source has at an offset, and for how many bytes, 1 or more. */
struct SourceRun {
    ExtentKind kind;
    std::uint64_t len;
};

/** Bytes of yours that a build reads. They do not change meanwhile. */
struct Source {
    std::uint64_t size = 0;
    /** Fills all len bytes of data with what is at offset, or throws. Never asked beyond size, nor for what
     * extent_at says is no data. Up to 1 MiB at once, more with larger blocks or chunks. */
    std::function<void(std::uint64_t offset, void *data, std::size_t len)> read_at{};
    /** What is at offset: ExtentKind::data, or ::zero, which is not read. len is how much is asked about; fewer
     * bytes will do. Without it all is data. */
    std::function<SourceRun(std::uint64_t offset, std::uint64_t len)> extent_at{};
    /** read_at may be called by several threads at once, of the library among them. */
    bool concurrent = false;
};

/** A stream of an open Snapshot, which may be destroyed once the call returned. */
struct StreamOf {
    StreamOf(const Stream &stream) noexcept; // implicit: a Stream will do
    const hexz_snapshot *snapshot;
    std::uint32_t index;
};

/** One more stream of a build. */
struct StreamInput {
    std::string name; ///< 1 to 63 bytes of UTF-8, no other stream's.
    /** A path, callbacks, or a stream of another snapshot: to convert, encrypt, decrypt, merge and split. */
    std::variant<std::string, Source, StreamOf> from;
    StreamKind kind = StreamKind::blob;
    Format format = Format::detect; ///< Of a path. detect looks at disks alone.
};

/**
 * Takes bytes front to back, on the thread of the call. What its functions throw ends the call, and comes
 * out of it. A call that is refused calls none of them; once the work has begun, commit or abort is the last.
 */
struct Sink {
    /** Takes all len bytes of data, or throws. */
    std::function<void(const void *data, std::size_t len)> write{};
    /** Takes len zeros of a stream that is extracted. Without it they are written. */
    std::function<void(std::uint64_t len)> write_zeroes{};
    std::function<void()> commit{}; ///< Everything was written.
    std::function<void()> abort{};  ///< The call failed: drop what was written. What it throws is lost.
};

/** A snapshot in your care, such as in memory. Its bytes do not change while a Snapshot leans on it. */
struct Storage {
    std::uint64_t size = 0;
    /** Fills all len bytes of data with what is at offset, or throws: Status::callback of the call that needed
     * them, on whatever thread. Never asked beyond size. It may not use a Snapshot that leans on it. */
    std::function<void(std::uint64_t offset, void *data, std::size_t len)> read_at{};
    /** read_at may be called by several threads at once, of the library among them. */
    bool concurrent = false;
};

/** An ancestor that is looked for. */
struct AncestorRequest {
    Root root{};
    /** The file name that it had when the child was built; may be empty. From a file of any origin. */
    std::string hint;
};

/** Where an ancestor is: unknown (std::monostate), a path, a storage, or open already. */
using AncestorPlace = std::variant<std::monostate, std::string, Storage, const Snapshot *>;

/** Finds an ancestor by its root. The snapshot is not open yet: any other may be opened and used here. */
using AncestorCallback = std::function<AncestorPlace(const AncestorRequest &)>;

struct BuildOptions {
    std::string source; ///< The disk image: a file or block device. Becomes the stream "disk". Empty: none.
    std::string output; ///< Appears complete or not at all.
    std::optional<std::string> memory{}; ///< A memory dump. Becomes the stream "memory".
    /** A name ("generic", "eda", "embedded", "ml") or pack parameters of your own. */
    std::variant<std::string, Profile> profile{"generic"};
    bool encrypt = false; ///< AES-256-GCM under a password; needs password.
    bool cdc = false;     ///< Content-defined chunks in place of fixed 4 KiB units.
    bool overwrite = false;
    bool sync = true; ///< Wait until the output is on stable storage.
    bool allow_backing = false; ///< Let an image open other files. Only if you trust it with yours.
    bool force_share = false;   ///< Skip image locks and the check that no source changed meanwhile.
    bool allow_change = false;  ///< Skip only the check that no source changed meanwhile.
    Format source_format = Format::detect;
    std::uint32_t threads = 0;      ///< Threads that use CPU, the calling one included; 0: all CPUs.
    std::uint64_t memory_limit = 0; ///< Bytes; 0: 256 MiB.
    PasswordCallback password{};
    KdfCost kdf{};
    ProgressCallback progress{};
    const Cancel *cancel = nullptr;
    std::vector<StreamInput> streams{}; ///< Behind disk and memory; at most 256 in all.
    std::optional<Sink> sink{}; ///< Takes the snapshot in place of output, which is empty then.
    /** What it shall store the differences to: a path, or a Snapshot. Not both. One that is encrypted asks
     * password for its own, with PasswordPurpose::parent. */
    std::optional<std::string> parent{};
    const Snapshot *parent_snapshot = nullptr;
    /** More snapshots whose content is not stored again. These and parent_snapshot may be destroyed once the call
     * returned. */
    std::vector<const Snapshot *> bases{};
    bool fold = false; ///< Where those are more than 64 together, store anew what the least-giving ones have.
    /** Of a Builder: a folder for what outgrows memory_limit. Without it the output's. */
    std::optional<std::string> spill{};
};

struct OpenOptions {
    PasswordCallback password{};
    /** A plain snapshot is fine although a password is given. Without it: Status::not_encrypted. */
    bool allow_plain = false;
    std::optional<Root> expect_root{}; ///< Another root is Status::corrupt.
    std::uint64_t cache_size = 0;      ///< Bytes of decoded blocks to keep in memory; 0: 32 MiB.
    const Cancel *cancel = nullptr;
    /** KiB of memory that a password may cost at most; more is Status::unsupported. 0: 1 GiB. */
    std::uint32_t kdf_memory_max_kib = 0;
    bool no_hints = false; ///< Do not follow the names of ancestors that the snapshot records.
    /** What it leans on: a path, or a Snapshot, which may be destroyed once the call returned. Not both. */
    std::optional<std::string> parent{};
    const Snapshot *parent_snapshot = nullptr;
    /** Finds ancestors that parent_snapshot and parent are not. One that is found nowhere is Status::parent. */
    AncestorCallback ancestor{};
};

struct RekeyOptions {
    std::uint32_t kdf_memory_max_kib = 0; ///< As in OpenOptions, for the passwords that are there.
    const Cancel *cancel = nullptr; ///< Stops it until the file begins to change.
};

struct VerifyOptions {
    std::uint32_t threads = 0; ///< As in BuildOptions.
    ProgressCallback progress{};
    const Cancel *cancel = nullptr;
};

struct ExtractOptions {
    bool overwrite = false; ///< Replace an output that is there, in one step at the end.
    bool sync = true;
    bool in_place = false; ///< Write over a file or block device that is there: not whole or nothing.
    bool force_share = false; ///< In place, although somebody else holds the output.
    std::uint32_t threads = 0; ///< As in BuildOptions.
    ProgressCallback progress{};
    const Cancel *cancel = nullptr;
};

/**
 * Memory to be read into, which stays the caller's: made from any contiguous container of trivially
 * copyable elements (std::vector, std::array, std::string, std::span, arrays), all of it, or from a
 * pointer and a number of bytes.
 */
class Buffer {
public:
    Buffer(void *data, std::size_t size) noexcept : data_(data), size_(size) {}

    template <class Container,
              class Element = std::remove_pointer_t<decltype(std::data(std::declval<Container &>()))>,
              class = std::enable_if_t<std::is_trivially_copyable_v<Element> && !std::is_const_v<Element>>>
    Buffer(Container &&container) noexcept
        : data_(std::data(container)), size_(std::size(container) * sizeof(Element))
    {
    }
    [[nodiscard]] void *data() const noexcept { return data_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; } ///< In bytes.

private:
    void *data_;
    std::size_t size_;
};

/** Memory to be written from, which stays the caller's: as Buffer, of const elements too. */
class ConstBuffer {
public:
    ConstBuffer(const void *data, std::size_t size) noexcept : data_(data), size_(size) {}

    template <class Container,
              class Element = std::remove_pointer_t<decltype(std::data(std::declval<const Container &>()))>,
              class = std::enable_if_t<std::is_trivially_copyable_v<Element>>>
    ConstBuffer(const Container &container) noexcept
        : data_(std::data(container)), size_(std::size(container) * sizeof(Element))
    {
    }
    [[nodiscard]] const void *data() const noexcept { return data_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; } ///< In bytes.

private:
    const void *data_;
    std::size_t size_;
};

// How this header calls the library -------------------------------------------------------------

namespace detail {

inline Error last_error(hexz_status status)
{
    return Error(static_cast<Status>(status), hexz_last_error(), hexz_last_errno(), hexz_last_callback_code());
}

inline void check(hexz_status status)
{
    if (status == HEXZ_OK)
        return;
    if (status == HEXZ_ERR_CANCELLED)
        throw Cancelled(last_error(status));
    throw last_error(status);
}

/** As C takes it. A zero byte would cut it short, and name something else. */
inline const char *c_string(const std::string &text, const char *what)
{
    if (text.find('\0') != std::string::npos)
        throw Error(Status::invalid_argument, std::string(what) + " has a zero byte in it; leave it out");
    return text.c_str();
}

inline void wipe(std::string &text) noexcept
{
    volatile char *bytes = text.data();
    for (std::size_t i = 0; i < text.size(); i++)
        bytes[i] = 0;
}

inline Root root(const std::uint8_t (&bytes)[32]) noexcept
{
    Root root;
    std::copy(std::begin(bytes), std::end(bytes), root.begin());
    return root;
}

/** The callbacks of one call, and what one of them threw. */
class Callbacks {
public:
    explicit Callbacks(const ProgressCallback *progress, const PasswordCallback *password = nullptr) noexcept
        : progress_(progress), password_(password)
    {
    }

    /** Sets the two fields of options that take a progress callback. */
    template <class Options> void give_progress(Options &options) noexcept
    {
        if (*progress_) {
            options.progress = on_progress;
            options.progress_data = this;
        }
    }
    template <class Options> void give_password(Options &options) noexcept
    {
        if (*password_) {
            options.password = on_password;
            options.password_data = this;
        }
    }

    /** Keeps the exception that is being handled, the first of them. From any thread. */
    std::int32_t caught() noexcept
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!thrown_)
            thrown_ = std::current_exception();
        return -1;
    }

    /** What a callback threw comes before what the library made of it. */
    void rethrow() const
    {
        if (thrown_)
            std::rethrow_exception(thrown_);
    }
    void check(hexz_status status) const
    {
        rethrow();
        detail::check(status);
    }

private:
    static std::int32_t on_progress(void *self, const hexz_progress *progress) noexcept
    {
        auto &callbacks = *static_cast<Callbacks *>(self);
        try {
            const Progress now{static_cast<Phase>(progress->phase), progress->done, progress->total,
                               progress->stored};
            return (*callbacks.progress_)(now) ? 0 : 1;
        } catch (...) {
            return callbacks.caught();
        }
    }

    static std::int32_t on_password(void *self, const hexz_password_request *asked, char *buf, std::size_t capacity,
                                    std::size_t *len) noexcept
    {
        auto &callbacks = *static_cast<Callbacks *>(self);
        try {
            const PasswordRequest request{static_cast<PasswordPurpose>(asked->purpose), asked->attempt,
                                          asked->path ? asked->path : ""};
            std::optional<std::string> password = (*callbacks.password_)(request);
            if (!password)
                return 1;
            // One that is too long is refused by its length.
            std::copy_n(password->data(), std::min(password->size(), capacity), buf);
            *len = password->size();
            wipe(*password);
            return 0;
        } catch (...) {
            return callbacks.caught();
        }
    }

    const ProgressCallback *progress_;
    const PasswordCallback *password_;
    std::mutex mutex_;
    std::exception_ptr thrown_;
};

/** One stream of a build as C takes it; stays where it is until the build is over. */
class CStream {
public:
    CStream(const StreamInput &input, Callbacks &callbacks) : callbacks_(&callbacks)
    {
        stream_.name = c_string(input.name, "the stream's name");
        stream_.kind = static_cast<std::uint32_t>(input.kind);
        stream_.format = static_cast<std::uint32_t>(input.format);
        if (const std::string *path = std::get_if<std::string>(&input.from)) {
            stream_.path = c_string(*path, "the stream's path");
        } else if (const StreamOf *of = std::get_if<StreamOf>(&input.from)) {
            stream_.snapshot = of->snapshot;
            stream_.snapshot_stream = of->index;
        } else {
            from_ = std::get_if<Source>(&input.from);
            source_.user_data = this;
            source_.size = from_->size;
            source_.flags = from_->concurrent ? HEXZ_SOURCE_CONCURRENT : 0u;
            source_.read_at = from_->read_at ? on_read_at : nullptr;
            source_.extent_at = from_->extent_at ? on_extent_at : nullptr;
            stream_.source = &source_;
        }
    }
    CStream(const CStream &) = delete;
    CStream &operator=(const CStream &) = delete;

    [[nodiscard]] const hexz_stream *get() const noexcept { return &stream_; }

private:
    static std::int32_t on_read_at(void *self, std::uint64_t offset, void *buf, std::size_t len) noexcept
    {
        auto &stream = *static_cast<CStream *>(self);
        try {
            stream.from_->read_at(offset, buf, len);
            return 0;
        } catch (...) {
            return stream.callbacks_->caught();
        }
    }

    static std::int32_t on_extent_at(void *self, std::uint64_t offset, std::uint64_t *len,
                                     std::uint32_t *kind) noexcept
    {
        auto &stream = *static_cast<CStream *>(self);
        try {
            const SourceRun run = stream.from_->extent_at(offset, *len);
            *len = run.len;
            *kind = static_cast<std::uint32_t>(run.kind);
            return 0;
        } catch (...) {
            return stream.callbacks_->caught();
        }
    }

    Callbacks *callbacks_;
    const Source *from_ = nullptr;
    hexz_source source_ = HEXZ_INIT(hexz_source);
    hexz_stream stream_ = HEXZ_INIT(hexz_stream);
};

/** A sink as C takes it; stays where it is until the call is over. */
class CSink {
public:
    CSink(const Sink &sink, Callbacks &callbacks) noexcept : sink_(&sink), callbacks_(&callbacks)
    {
        c_.user_data = this;
        c_.write = sink.write ? on_write : nullptr;
        c_.write_zeroes = sink.write_zeroes ? on_write_zeroes : nullptr;
        c_.commit = sink.commit ? on_commit : nullptr;
        c_.abort = sink.abort ? on_abort : nullptr;
    }
    CSink(const CSink &) = delete;
    CSink &operator=(const CSink &) = delete;

    [[nodiscard]] const hexz_sink *get() const noexcept { return &c_; }

private:
    template <class Call> static std::int32_t guarded(void *self, Call call) noexcept
    {
        auto &sink = *static_cast<CSink *>(self);
        try {
            call(*sink.sink_);
            return 0;
        } catch (...) {
            return sink.callbacks_->caught();
        }
    }
    static std::int32_t on_write(void *self, const void *buf, std::size_t len) noexcept
    {
        return guarded(self, [=](const Sink &sink) { sink.write(buf, len); });
    }
    static std::int32_t on_write_zeroes(void *self, std::uint64_t len) noexcept
    {
        return guarded(self, [=](const Sink &sink) { sink.write_zeroes(len); });
    }
    static std::int32_t on_commit(void *self) noexcept
    {
        return guarded(self, [](const Sink &sink) { sink.commit(); });
    }
    static void on_abort(void *self) noexcept
    {
        try {
            static_cast<CSink *>(self)->sink_->abort();
        } catch (...) { // The call has failed already, and says why.
        }
    }

    const Sink *sink_;
    Callbacks *callbacks_;
    hexz_sink c_ = HEXZ_INIT(hexz_sink);
};

/** A storage as C takes it, which frees it when nothing leans on it any more. */
inline hexz_storage c_storage(Storage storage)
{
    hexz_storage c = HEXZ_INIT(hexz_storage);
    if (!storage.read_at)
        throw Error(Status::invalid_argument, "the storage has no read_at");
    c.size = storage.size;
    c.flags = storage.concurrent ? HEXZ_SOURCE_CONCURRENT : 0u;
    c.read_at = [](void *self, std::uint64_t offset, void *buf, std::size_t len) noexcept -> std::int32_t {
        try {
            static_cast<const Storage *>(self)->read_at(offset, buf, len);
            return 0;
        } catch (...) {
            return -1;
        }
    };
    c.release = [](void *self) noexcept { delete static_cast<Storage *>(self); };
    if (storage.size > static_cast<std::uint64_t>(INT64_MAX)) // refused, and so not released
        throw Error(Status::invalid_argument, "the storage has more bytes than a file can have");
    c.user_data = new Storage(std::move(storage));
    return c;
}

/** Answers what a snapshot that is opened leans on; what it answered stays until the call is over. */
class Ancestors {
public:
    Ancestors(const AncestorCallback &callback, Callbacks &callbacks) noexcept
        : callback_(&callback), callbacks_(&callbacks)
    {
    }
    Ancestors(const Ancestors &) = delete;
    Ancestors &operator=(const Ancestors &) = delete;

    void give(hexz_open_opts &opts) noexcept
    {
        if (*callback_) {
            opts.ancestor = on_ancestor;
            opts.ancestor_data = this;
        }
    }

private:
    static std::int32_t on_ancestor(void *self, hexz_ancestor *asked) noexcept;

    const AncestorCallback *callback_;
    Callbacks *callbacks_;
    std::forward_list<AncestorPlace> places_;
    std::forward_list<hexz_storage> storages_;
};

struct Free {
    void operator()(hexz_cancel *cancel) const noexcept { hexz_cancel_free(cancel); }
    void operator()(hexz_snapshot *snapshot) const noexcept { hexz_snapshot_close(snapshot); }
    void operator()(hexz_builder *builder) const noexcept { hexz_builder_free(builder); }
};

} // namespace detail

// Cancelling ------------------------------------------------------------------------------------

/**
 * A switch that stops the calls whose options point to it, within about 100 ms. It stays triggered,
 * and any number of calls may share it. With C++20's std::stop_token:
 *
 *     std::stop_callback stop(token, [&cancel] { cancel.trigger(); });
 */
class Cancel {
public:
    Cancel()
    {
        hexz_cancel *handle = nullptr;
        detail::check(hexz_cancel_new(&handle));
        handle_.reset(handle);
    }
    /** From any thread, any number of times, in a callback and in a signal handler too. */
    void trigger() const noexcept { hexz_cancel_trigger(handle_.get()); }
    /** For calls of hexz.h. Stays this object's. */
    [[nodiscard]] const hexz_cancel *handle() const noexcept { return handle_.get(); }

private:
    std::unique_ptr<hexz_cancel, detail::Free> handle_;
};

// Reading ---------------------------------------------------------------------------------------

/** The extents of a stream in order, or those of a comparison, for a range-based for. */
class Extents {
public:
    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = Extent;
        using difference_type = std::ptrdiff_t;
        using pointer = const Extent *;
        using reference = const Extent &;

        iterator() = default; ///< The end.
        reference operator*() const noexcept { return extent_; }
        pointer operator->() const noexcept { return &extent_; }
        iterator &operator++()
        {
            look(extent_.offset + extent_.size);
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const iterator &a, const iterator &b) noexcept
        {
            return a.snapshot_ == b.snapshot_ && a.extent_.offset == b.extent_.offset;
        }
        friend bool operator!=(const iterator &a, const iterator &b) noexcept { return !(a == b); }

    private:
        friend class Extents;
        iterator(const Extents &extents, std::uint64_t offset)
            : snapshot_(extents.snapshot_), stream_(extents.stream_), end_(extents.end_), from_(extents.from_)
        {
            look(offset);
        }
        void look(std::uint64_t offset);

        const hexz_snapshot *snapshot_ = nullptr;
        std::uint32_t stream_ = 0;
        std::uint64_t end_ = 0;
        std::optional<StreamOf> from_;
        Extent extent_;
    };

    Extents(const hexz_snapshot *snapshot, std::uint32_t stream, std::uint64_t offset, std::uint64_t end) noexcept
        : snapshot_(snapshot), stream_(stream), offset_(offset), end_(end)
    {
    }
    /** What differs from another stream: see diff(). */
    Extents(StreamOf from, StreamOf to, std::uint64_t end) noexcept
        : snapshot_(to.snapshot), stream_(to.index), offset_(0), end_(end), from_(from)
    {
    }
    [[nodiscard]] iterator begin() const { return {*this, offset_}; }
    [[nodiscard]] iterator end() const noexcept { return {}; }

private:
    const hexz_snapshot *snapshot_;
    std::uint32_t stream_;
    std::uint64_t offset_;
    std::uint64_t end_;
    std::optional<StreamOf> from_;
};

/** A disk or memory inside a Snapshot, which it points into: cheap to copy, gone with the Snapshot. */
class Stream {
public:
    [[nodiscard]] const StreamInfo &info() const noexcept { return info_; }
    [[nodiscard]] const std::string &name() const noexcept { return info_.name; }
    [[nodiscard]] std::uint64_t size() const noexcept { return info_.size; }
    [[nodiscard]] std::uint32_t index() const noexcept { return index_; }

    /** Fills all of buffer with what is at offset, or throws (Status::out_of_range beyond the end). */
    void read(std::uint64_t offset, Buffer buffer) const
    {
        detail::check(hexz_snapshot_read(snapshot_, index_, offset, buffer.data(), buffer.size()));
    }

    /** The same into new memory. */
    [[nodiscard]] std::vector<std::byte> read(std::uint64_t offset, std::size_t size) const
    {
        // Before memory is taken that no stream could fill.
        if (offset > info_.size || size > info_.size - offset)
            throw Error(Status::out_of_range, std::to_string(size) + " bytes at " + std::to_string(offset) +
                                                  " are beyond the end of the stream '" + info_.name + "', at " +
                                                  std::to_string(info_.size));
        std::vector<std::byte> bytes(size);
        read(offset, bytes);
        return bytes;
    }

    /** What is at offset, and for how many bytes. What follows may be of the same kind. */
    [[nodiscard]] Extent extent(std::uint64_t offset) const
    {
        hexz_extent extent = HEXZ_INIT(hexz_extent);
        detail::check(hexz_snapshot_extent(snapshot_, index_, offset, &extent));
        return {static_cast<ExtentKind>(extent.kind), extent.offset, extent.len};
    }

    /** All of them: for (const hexz::Extent &extent : stream.extents()). */
    [[nodiscard]] Extents extents() const noexcept { return {snapshot_, index_, 0, info_.size}; }

    /** Writes the stream out as a raw, sparse file, which appears complete or not at all. */
    void extract(const std::string &output, const ExtractOptions &options = {}) const
    {
        detail::Callbacks callbacks(&options.progress);
        extract(detail::c_string(output, "the output's path"), nullptr, options, callbacks);
    }

    /** Writes the stream into a sink, front to back. Of the options those about files mean nothing. */
    void extract(const Sink &sink, const ExtractOptions &options = {}) const
    {
        detail::Callbacks callbacks(&options.progress);
        const detail::CSink into(sink, callbacks);
        extract(nullptr, into.get(), options, callbacks);
    }

private:
    void extract(const char *output, const hexz_sink *sink, const ExtractOptions &options,
                 detail::Callbacks &callbacks) const
    {
        hexz_extract_opts opts = HEXZ_INIT(hexz_extract_opts);
        opts.stream = index_;
        opts.output = output;
        opts.sink = sink;
        opts.flags = (options.overwrite ? HEXZ_EXTRACT_OVERWRITE : 0u) | (options.sync ? 0u : HEXZ_EXTRACT_NO_SYNC) |
                     (options.in_place ? HEXZ_EXTRACT_IN_PLACE : 0u) |
                     (options.force_share ? HEXZ_EXTRACT_FORCE_SHARE : 0u);
        opts.threads = options.threads;
        opts.cancel = options.cancel ? options.cancel->handle() : nullptr;
        callbacks.give_progress(opts);
        callbacks.check(hexz_snapshot_extract(snapshot_, &opts));
    }

    friend class Snapshot;
    friend struct StreamOf;
    Stream(const hexz_snapshot *snapshot, std::uint32_t index) : snapshot_(snapshot), index_(index)
    {
        hexz_stream_info info = HEXZ_INIT(hexz_stream_info);
        detail::check(hexz_snapshot_stream(snapshot, index, &info));
        info_ = {info.name,      static_cast<StreamKind>(info.kind), info.size, info.data_size,
                 info.zero_size, info.stored_size};
    }

    const hexz_snapshot *snapshot_;
    std::uint32_t index_;
    StreamInfo info_;
};

inline StreamOf::StreamOf(const Stream &stream) noexcept : snapshot(stream.snapshot_), index(stream.index_) {}

/**
 * What is at offset of to, against the same offset of from, and for how many bytes: ExtentKind::same, ::data (it
 * may differ) or ::zero (it may differ, and is zeros now). What lies beyond the end of from counts as zeros.
 * Only indexes are read, no blocks: see hexz_snapshot_diff().
 */
[[nodiscard]] inline Extent diff(const Stream &from, const Stream &to, std::uint64_t offset)
{
    const StreamOf a(from), b(to);
    hexz_extent extent = HEXZ_INIT(hexz_extent);
    detail::check(hexz_snapshot_diff(a.snapshot, a.index, b.snapshot, b.index, offset, &extent));
    return {static_cast<ExtentKind>(extent.kind), extent.offset, extent.len};
}

/** The same for all of to: for (const hexz::Extent &run : hexz::diff(from, to)). */
[[nodiscard]] inline Extents diff(const Stream &from, const Stream &to) noexcept { return {from, to, to.size()}; }

/** A snapshot file open for reading. The file must stay as it is meanwhile; replacing it is fine. */
class Snapshot {
public:
    [[nodiscard]] explicit Snapshot(const std::string &path, const OpenOptions &options = {})
    {
        open(detail::c_string(path, "the snapshot's path"), nullptr, options);
    }

    /** From a storage, which is kept until nothing leans on it any more. */
    [[nodiscard]] explicit Snapshot(Storage storage, const OpenOptions &options = {})
    {
        open(nullptr, &storage, options);
    }

    [[nodiscard]] Info info() const
    {
        hexz_info info = HEXZ_INIT(hexz_info);
        detail::check(hexz_snapshot_info(handle_.get(), &info));
        Info result;
        result.root = detail::root(info.root);
        if (const Root parent = detail::root(info.parent_root); parent != Root{})
            result.parent_root = parent;
        result.format_version = info.format_version;
        result.stream_count = info.stream_count;
        result.encrypted = info.encrypted != 0;
        result.cdc = info.cdc != 0;
        result.compression = static_cast<Compression>(info.compression);
        result.level = info.level;
        result.block_size = info.block_size;
        result.dictionary_size = info.dictionary_size;
        result.file_size = info.file_size;
        result.logical_size = info.logical_size;
        result.blocks = info.blocks;
        result.ancestor_count = info.ancestor_count;
        return result;
    }

    /** A stream by its name, such as "disk" or "memory", or by its index from 0. */
    [[nodiscard]] Stream stream(std::string_view name) const &
    {
        std::uint32_t index = 0;
        detail::check(find_index(name, index));
        return {handle_.get(), index};
    }
    [[nodiscard]] Stream stream(std::uint32_t index) const & { return {handle_.get(), index}; }

    /** The same, and nothing if there is no such stream. */
    [[nodiscard]] std::optional<Stream> find(std::string_view name) const &
    {
        std::uint32_t index = 0;
        const hexz_status status = find_index(name, index);
        if (status == HEXZ_ERR_NO_STREAM)
            return std::nullopt;
        detail::check(status);
        return Stream(handle_.get(), index);
    }

    [[nodiscard]] std::vector<Stream> streams() const &
    {
        std::vector<Stream> all;
        for (std::uint32_t index = 0, count = info().stream_count; index < count; index++)
            all.push_back(Stream(handle_.get(), index));
        return all;
    }

    /** What number index is that this one leans on, from 0. The first call reads index pages; later ones nothing. */
    [[nodiscard]] AncestorInfo ancestor(std::uint32_t index) const
    {
        hexz_ancestor_info info = HEXZ_INIT(hexz_ancestor_info);
        detail::check(hexz_snapshot_ancestor(handle_.get(), index, &info));
        return {detail::root(info.root), info.hint, info.bytes_inherited, info.file_size};
    }

    /** All that this one leans on. */
    [[nodiscard]] std::vector<AncestorInfo> ancestors() const
    {
        std::vector<AncestorInfo> all;
        for (std::uint32_t index = 0, count = info().ancestor_count; index < count; index++)
            all.push_back(ancestor(index));
        return all;
    }

    // Of a Snapshot that is gone at the end of the line.
    Stream stream(std::string_view) const && = delete;
    Stream stream(std::uint32_t) const && = delete;
    std::optional<Stream> find(std::string_view) const && = delete;
    std::vector<Stream> streams() const && = delete;

    /** Checks every block and every page of the index. Damage does not stop it; then it throws Damaged. */
    VerifyReport verify(const VerifyOptions &options = {}) const
    {
        hexz_verify_report found = HEXZ_INIT(hexz_verify_report);
        found.bad_stream = UINT32_MAX;
        found.bad_offset = UINT64_MAX;
        detail::Callbacks callbacks(&options.progress);
        hexz_verify_opts opts = HEXZ_INIT(hexz_verify_opts);
        opts.threads = options.threads;
        opts.cancel = options.cancel ? options.cancel->handle() : nullptr;
        opts.report = &found;
        callbacks.give_progress(opts);
        const hexz_status status = hexz_snapshot_verify(handle_.get(), &opts);
        VerifyReport report;
        report.blocks_checked = found.blocks_checked;
        report.blocks_bad = found.blocks_bad;
        if (found.bad_stream != UINT32_MAX)
            report.bad_stream = found.bad_stream;
        if (found.bad_offset != UINT64_MAX)
            report.bad_offset = found.bad_offset;
        callbacks.rethrow();
        if (status == HEXZ_ERR_CORRUPT)
            throw Damaged(detail::last_error(status), report);
        detail::check(status);
        return report;
    }

    /** For calls of hexz.h; nullptr when moved from. Stays this object's. */
    [[nodiscard]] hexz_snapshot *handle() const noexcept { return handle_.get(); }

private:
    void open(const char *path, Storage *storage, const OpenOptions &options)
    {
        const ProgressCallback none;
        detail::Callbacks callbacks(&none, &options.password);
        hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
        opts.path = path;
        opts.flags = (options.allow_plain ? HEXZ_OPEN_ALLOW_PLAIN : 0u) | (options.no_hints ? HEXZ_OPEN_NO_HINTS : 0u);
        opts.kdf_memory_max_kib = options.kdf_memory_max_kib;
        opts.cache_size = options.cache_size;
        opts.expect_root = options.expect_root ? options.expect_root->data() : nullptr;
        opts.cancel = options.cancel ? options.cancel->handle() : nullptr;
        opts.parent = options.parent ? detail::c_string(*options.parent, "the parent's path") : nullptr;
        if (options.parent_snapshot) {
            opts.parent_snapshot = options.parent_snapshot->handle();
            if (!opts.parent_snapshot)
                throw Error(Status::invalid_argument, "the parent is a snapshot that was moved from");
        }
        detail::Ancestors ancestors(options.ancestor, callbacks);
        ancestors.give(opts);
        callbacks.give_password(opts);
        // The library's from here on: what can throw comes before.
        hexz_storage kept = HEXZ_INIT(hexz_storage);
        if (storage) {
            kept = detail::c_storage(std::move(*storage));
            opts.storage = &kept;
        }
        hexz_snapshot *handle = nullptr;
        const hexz_status status = hexz_snapshot_open(&opts, &handle);
        handle_.reset(handle);
        callbacks.check(status);
    }

    hexz_status find_index(std::string_view name, std::uint32_t &index) const
    {
        const std::string text(name);
        return hexz_snapshot_find(handle_.get(), detail::c_string(text, "the stream's name"), &index);
    }

    std::unique_ptr<hexz_snapshot, detail::Free> handle_;
};

inline void Extents::iterator::look(std::uint64_t offset)
{
    if (offset >= end_) {
        *this = iterator();
        return;
    }
    hexz_extent found = HEXZ_INIT(hexz_extent);
    detail::check(from_ ? hexz_snapshot_diff(from_->snapshot, from_->index, snapshot_, stream_, offset, &found)
                        : hexz_snapshot_extent(snapshot_, stream_, offset, &found));
    extent_ = {static_cast<ExtentKind>(found.kind), found.offset, found.len};
}

inline std::int32_t detail::Ancestors::on_ancestor(void *self, hexz_ancestor *asked) noexcept
{
    auto &own = *static_cast<Ancestors *>(self);
    try {
        AncestorRequest request;
        std::copy_n(asked->root, request.root.size(), request.root.begin());
        request.hint = asked->hint ? asked->hint : "";
        AncestorPlace &place = own.places_.emplace_front((*own.callback_)(request));
        if (const std::string *path = std::get_if<std::string>(&place)) {
            asked->path = c_string(*path, "the ancestor's path");
        } else if (const Snapshot *const *snapshot = std::get_if<const Snapshot *>(&place)) {
            asked->snapshot = *snapshot ? (*snapshot)->handle() : nullptr;
        } else if (Storage *storage = std::get_if<Storage>(&place)) {
            hexz_storage &c = own.storages_.emplace_front();
            c = c_storage(std::move(*storage));
            asked->storage = &c;
        } else {
            return 1;
        }
        return 0;
    } catch (...) {
        return own.callbacks_->caught();
    }
}

// Building and passwords ------------------------------------------------------------------------

namespace detail {

/** Options of a build as C takes them; stays where it is until the build is over, and `options` with it. */
class CBuild {
public:
    explicit CBuild(const BuildOptions &options) : callbacks(&options.progress, &options.password)
    {
        opts.source = options.source.empty() ? nullptr : c_string(options.source, "the source's path");
        opts.memory = options.memory ? c_string(*options.memory, "the memory dump's path") : nullptr;
        if (options.sink)
            opts.sink = sink_.emplace(*options.sink, callbacks).get();
        if (!options.sink || !options.output.empty())
            opts.output = c_string(options.output, "the output's path");
        if (const Profile *profile = std::get_if<Profile>(&options.profile))
            give_custom(*profile);
        else
            opts.profile = c_string(std::get<std::string>(options.profile), "the profile's name");
        opts.flags = (options.encrypt ? HEXZ_BUILD_ENCRYPT : 0u) | (options.cdc ? HEXZ_BUILD_CDC : 0u) |
                     (options.overwrite ? HEXZ_BUILD_OVERWRITE : 0u) | (options.sync ? 0u : HEXZ_BUILD_NO_SYNC) |
                     (options.allow_backing ? HEXZ_BUILD_ALLOW_BACKING : 0u) |
                     (options.force_share ? HEXZ_BUILD_FORCE_SHARE : 0u) |
                     (options.allow_change ? HEXZ_BUILD_ALLOW_CHANGE : 0u) |
                     (options.fold ? HEXZ_BUILD_FOLD : 0u);
        opts.source_format = static_cast<std::uint32_t>(options.source_format);
        opts.threads = options.threads;
        opts.memory_limit = options.memory_limit;
        opts.kdf_memory_kib = options.kdf.memory_kib;
        opts.kdf_passes = options.kdf.passes;
        opts.kdf_lanes = options.kdf.lanes;
        opts.cancel = options.cancel ? options.cancel->handle() : nullptr;
        for (const StreamInput &input : options.streams) {
            streams_.push_back(std::make_unique<CStream>(input, callbacks));
            pointers_.push_back(streams_.back()->get());
        }
        opts.streams = pointers_.empty() ? nullptr : pointers_.data();
        opts.stream_count = pointers_.size();
        opts.spill = options.spill ? c_string(*options.spill, "the folder to spill into") : nullptr;
        opts.parent = options.parent ? c_string(*options.parent, "the parent's path") : nullptr;
        if (options.parent_snapshot)
            opts.parent_snapshot = open(*options.parent_snapshot, "the parent");
        for (const Snapshot *base : options.bases) {
            if (!base)
                throw Error(Status::invalid_argument, "a base is no snapshot");
            bases_.push_back(open(*base, "a base"));
        }
        opts.bases = bases_.empty() ? nullptr : bases_.data();
        opts.base_count = bases_.size();
        callbacks.give_progress(opts);
        callbacks.give_password(opts);
    }
    CBuild(const CBuild &) = delete;
    CBuild &operator=(const CBuild &) = delete;

    Callbacks callbacks;
    hexz_build_opts opts = HEXZ_INIT(hexz_build_opts);

private:
    static const hexz_snapshot *open(const Snapshot &snapshot, const char *what)
    {
        if (!snapshot.handle())
            throw Error(Status::invalid_argument, std::string(what) + " is a snapshot that was moved from");
        return snapshot.handle();
    }

    void give_custom(const Profile &profile) noexcept
    {
        custom_.compression = static_cast<std::uint32_t>(profile.compression);
        custom_.level = profile.level;
        custom_.block_size = profile.block_size;
        custom_.dictionary = profile.dictionary ? 1 : 0;
        custom_.cdc_min = profile.cdc_min;
        custom_.cdc_avg = profile.cdc_avg;
        custom_.cdc_max = profile.cdc_max;
        custom_.features = profile.features;
        opts.custom = &custom_;
    }

    hexz_profile custom_ = HEXZ_INIT(hexz_profile);
    std::optional<CSink> sink_;
    std::vector<std::unique_ptr<CStream>> streams_;
    std::vector<const hexz_stream *> pointers_;
    std::vector<const hexz_snapshot *> bases_;
};

inline BuildReport build_report(const hexz_build_report &report)
{
    const auto nanoseconds = [](std::uint64_t count) {
        return std::chrono::nanoseconds(static_cast<std::chrono::nanoseconds::rep>(count));
    };
    BuildReport result;
    result.bytes_read = report.bytes_read;
    result.bytes_zero = report.bytes_zero;
    result.bytes_duplicate = report.bytes_duplicate;
    result.bytes_inherited = report.bytes_inherited;
    result.bytes_unique = report.bytes_unique;
    result.bytes_stored = report.bytes_stored;
    result.bytes_dead = report.bytes_dead;
    result.blocks = report.blocks;
    result.file_size = report.file_size;
    result.root = root(report.root);
    result.read = nanoseconds(report.read_ns);
    result.hash = nanoseconds(report.hash_ns);
    result.compress = nanoseconds(report.compress_ns);
    result.seal = nanoseconds(report.seal_ns);
    result.write = nanoseconds(report.write_ns);
    result.sync = nanoseconds(report.sync_ns);
    result.total = nanoseconds(report.total_ns);
    return result;
}

} // namespace detail

/**
 * Builds a snapshot file. Returns when it is complete, with its name and, unless sync is off, on stable
 * storage; threads it started are gone then. After an error there is no new file and an old one
 * is as it was, but for the exception that hexz_build() tells of. A callback that throws in the
 * very last moment, when the file gets its name, does not undo it.
 */
inline BuildReport build(const BuildOptions &options)
{
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    detail::CBuild call(options);
    call.opts.report = &report;
    call.callbacks.check(hexz_build(&call.opts));
    return detail::build_report(report);
}

class Builder;

/** A stream of a Builder, which it must not outlive. Copies are the same stream. */
class PushedStream {
public:
    [[nodiscard]] std::uint32_t index() const noexcept { return index_; }
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

    /** Writes all of data at offset, and waits while there is no room. The last write to a place wins. Both ends
     * are multiples of 4096 or the end of the stream. */
    void write(std::uint64_t offset, ConstBuffer data) const;
    /** The same, of at most 1 MiB, but where it would wait it takes nothing and returns false. Calls no callback. */
    [[nodiscard]] bool try_write(std::uint64_t offset, ConstBuffer data) const;
    void zero(std::uint64_t offset, std::uint64_t len) const;
    /** Takes len bytes at offset from the parent, without reading them. */
    void inherit(std::uint64_t offset, std::uint64_t len) const;

private:
    friend class Builder;
    PushedStream(const Builder &builder, std::uint32_t index, std::uint64_t size) noexcept;

    hexz_builder *handle_;
    const detail::Callbacks *callbacks_;
    std::uint32_t index_;
    std::uint64_t size_;
};

/**
 * A snapshot whose bytes are pushed, in any order: what is never written is zeros. It appears by finish(), or not
 * at all. One thread at a time; a call from one of its own callbacks is Status::state. With cdc or a sink,
 * streams are pushed front to back, one after the other. See hexz_builder_new().
 *
 *     hexz::Builder builder({.output = "vm.hxz"});
 *     const hexz::PushedStream disk = builder.stream("disk", size, hexz::StreamKind::disk);
 *     disk.write(offset, page);
 *     builder.finish();
 */
class Builder {
public:
    /** options without source, memory and streams. They are copied, but cancel, which must live as long as this;
     * parent_snapshot and bases may be destroyed once this returned. */
    [[nodiscard]] explicit Builder(BuildOptions options) : state_(std::make_unique<State>(std::move(options)))
    {
        hexz_builder *handle = nullptr;
        const hexz_status status = hexz_builder_new(&state_->call.opts, &handle);
        handle_.reset(handle);
        state_->call.callbacks.check(status);
    }

    /** Adds a stream of size bytes, all zero. name is 1 to 63 bytes of UTF-8, no other stream's. */
    [[nodiscard]] PushedStream stream(const std::string &name, std::uint64_t size, StreamKind kind = StreamKind::blob) &
    {
        std::uint32_t index = 0;
        const char *text = detail::c_string(name, "the stream's name");
        check(hexz_builder_stream(handle_.get(), text, static_cast<std::uint32_t>(kind), size, &index));
        return {*this, index, size};
    }
    PushedStream stream(const std::string &name, std::uint64_t size, StreamKind kind = StreamKind::blob) && = delete;

    /** Readable, as poll(2) has it, while a try_write() is worth it, and after a failure. Not to be read, nor
     * closed. Status::unsupported with a sink. */
    [[nodiscard]] int ready_fd() const
    {
        std::int32_t fd = -1;
        check(hexz_builder_ready_fd(handle_.get(), &fd));
        return fd;
    }

    /** Completes the snapshot. After that, the Builder can only be destroyed; one that was not finished leaves
     * nothing behind. */
    BuildReport finish()
    {
        hexz_build_report report = HEXZ_INIT(hexz_build_report);
        check(hexz_builder_finish(handle_.get(), &report));
        return detail::build_report(report);
    }

    /** For calls of hexz.h; nullptr when moved from. Stays this object's. */
    [[nodiscard]] hexz_builder *handle() const noexcept { return handle_.get(); }

private:
    friend class PushedStream;
    struct State {
        explicit State(BuildOptions given) : options(std::move(given)), call(options) {}
        const BuildOptions options;
        detail::CBuild call;
    };

    void check(hexz_status status) const
    {
        if (!state_)
            throw Error(Status::invalid_argument, "the builder was moved from");
        state_->call.callbacks.check(status);
    }

    std::unique_ptr<State> state_; // outlives the handle, which calls back
    std::unique_ptr<hexz_builder, detail::Free> handle_;
};

inline PushedStream::PushedStream(const Builder &builder, std::uint32_t index, std::uint64_t size) noexcept
    : handle_(builder.handle()), callbacks_(&builder.state_->call.callbacks), index_(index), size_(size)
{
}
inline void PushedStream::write(std::uint64_t offset, ConstBuffer data) const
{
    callbacks_->check(hexz_builder_write(handle_, index_, offset, data.data(), data.size()));
}
inline bool PushedStream::try_write(std::uint64_t offset, ConstBuffer data) const
{
    const hexz_status status = hexz_builder_try_write(handle_, index_, offset, data.data(), data.size());
    if (status == HEXZ_ERR_AGAIN)
        return false;
    callbacks_->check(status);
    return true;
}
inline void PushedStream::zero(std::uint64_t offset, std::uint64_t len) const
{
    callbacks_->check(hexz_builder_zero(handle_, index_, offset, len));
}
inline void PushedStream::inherit(std::uint64_t offset, std::uint64_t len) const
{
    callbacks_->check(hexz_builder_inherit(handle_, index_, offset, len));
}

/**
 * A std::ostream into a PushedStream, front to back, whatever pieces it gets. close() writes the rest, and throws
 * what has failed; a stream that was not closed has what was written before. Until then what fails sets badbit.
 *
 *     hexz::PushStream out(disk);
 *     out << "header\n" << body;
 *     out.close();
 */
class PushStream : public std::ostream {
public:
    explicit PushStream(const PushedStream &stream) : std::ostream(nullptr), buffer_(stream) { rdbuf(&buffer_); }

    void close() { buffer_.finish(); }

private:
    class Pages : public std::streambuf {
    public:
        explicit Pages(const PushedStream &stream) : stream_(stream), bytes_(std::size_t(1) << 20)
        {
            setp(bytes_.data(), bytes_.data() + bytes_.size());
        }

        // Zeros behind the last bytes, up to a whole page: no stream has others there.
        void finish()
        {
            if (failed_)
                std::rethrow_exception(failed_);
            const std::uint64_t left = stream_.size() - offset_;
            std::size_t len = static_cast<std::size_t>(pptr() - pbase());
            const std::size_t part = len % page;
            if (part > 0 && len < left) {
                const std::size_t more = static_cast<std::size_t>(std::min<std::uint64_t>(page - part, left - len));
                std::fill_n(pptr(), more, '\0');
                len += more;
            }
            stream_.write(offset_, {pbase(), len});
            offset_ += len;
            setp(bytes_.data(), bytes_.data() + bytes_.size());
        }

    protected:
        int_type overflow(int_type next) override
        {
            if (failed_)
                return traits_type::eof();
            try {
                const std::size_t len = static_cast<std::size_t>(pptr() - pbase());
                stream_.write(offset_, {pbase(), len});
                offset_ += len;
            } catch (...) {
                failed_ = std::current_exception();
                return traits_type::eof();
            }
            setp(bytes_.data(), bytes_.data() + bytes_.size());
            return traits_type::eq_int_type(next, traits_type::eof()) ? traits_type::not_eof(next)
                                                                      : sputc(traits_type::to_char_type(next));
        }

    private:
        static constexpr std::size_t page = 4096;
        PushedStream stream_;
        std::vector<char> bytes_; // whole pages, so that what is full begins and ends with one
        std::uint64_t offset_ = 0;
        std::exception_ptr failed_;
    };

    Pages buffer_;
};

/**
 * A C++ stream as a source: all of it, from its beginning to its end, by seekg() and read(). It stays the
 * caller's, must be able to seek, and must live until the build returned.
 */
[[nodiscard]] inline Source source_of(std::istream &stream)
{
    const auto failed = [] { return Error(Status::source, "source: the std::istream cannot seek or read"); };
    stream.clear();
    stream.seekg(0, std::ios::end);
    const std::streamoff end = stream.tellg();
    if (!stream || end < 0)
        throw failed();
    Source source;
    source.size = static_cast<std::uint64_t>(end);
    source.read_at = [&stream, failed](std::uint64_t offset, void *data, std::size_t len) {
        stream.clear();
        stream.seekg(static_cast<std::streamoff>(offset));
        stream.read(static_cast<char *>(data), static_cast<std::streamsize>(len));
        if (!stream)
            throw failed();
    };
    return source;
}

/**
 * A C++ stream as a sink: by write() from where it stands, and flush() at the end. It stays the caller's and
 * must live until the call returned; after a failure it holds what came before it.
 */
[[nodiscard]] inline Sink sink_of(std::ostream &stream)
{
    const auto check = [&stream] {
        if (!stream)
            throw Error(Status::output, "output: the std::ostream cannot write");
    };
    Sink sink;
    sink.write = [&stream, check](const void *data, std::size_t len) {
        stream.write(static_cast<const char *>(data), static_cast<std::streamsize>(len));
        check();
    };
    sink.commit = [&stream, check] {
        stream.flush();
        check();
    };
    return sink;
}

/** Memory as a storage, which keeps it, for any number of threads. */
template <class Container> [[nodiscard]] Storage storage_of(std::shared_ptr<Container> bytes)
{
    static_assert(sizeof(*std::data(*bytes)) == 1, "a container of bytes");
    Storage storage;
    storage.size = std::size(*bytes);
    storage.concurrent = true;
    storage.read_at = [bytes = std::move(bytes)](std::uint64_t offset, void *data, std::size_t len) {
        using Element = std::remove_const_t<std::remove_pointer_t<decltype(std::data(*bytes))>>;
        std::copy_n(std::data(*bytes) + offset, len, static_cast<Element *>(data));
    };
    return storage;
}

/**
 * Adds, replaces or removes a password of an encrypted snapshot file, in place. password is asked with
 * PasswordPurpose::open for one that opens the file, then with ::create for the new one (not to
 * remove). It does not take the file's key from somebody who had it: against those, build anew.
 */
inline void rekey(const std::string &path, Rekey operation, const PasswordCallback &password,
                  const KdfCost &kdf = {}, const RekeyOptions &options = {})
{
    const ProgressCallback none;
    detail::Callbacks callbacks(&none, &password);
    hexz_rekey_opts opts = HEXZ_INIT(hexz_rekey_opts);
    opts.path = detail::c_string(path, "the snapshot's path");
    opts.operation = static_cast<std::uint32_t>(operation);
    opts.kdf_memory_kib = kdf.memory_kib;
    opts.kdf_passes = kdf.passes;
    opts.kdf_lanes = kdf.lanes;
    opts.kdf_memory_max_kib = options.kdf_memory_max_kib;
    opts.cancel = options.cancel ? options.cancel->handle() : nullptr;
    callbacks.give_password(opts);
    callbacks.check(hexz_snapshot_rekey(&opts));
}

// Profiles, roots, version ----------------------------------------------------------------------

/** The pack parameters of a profile. Throws Status::unknown_profile; the text lists the names. */
[[nodiscard]] inline Profile profile(std::string_view name)
{
    const std::string text(name);
    hexz_profile found = HEXZ_INIT(hexz_profile);
    detail::check(hexz_profile_resolve(detail::c_string(text, "the profile's name"), &found));
    return {static_cast<Compression>(found.compression),
            found.level,
            found.block_size,
            found.dictionary != 0,
            found.cdc_min,
            found.cdc_avg,
            found.cdc_max,
            found.features};
}

[[nodiscard]] inline std::vector<std::string> profile_names()
{
    std::vector<std::string> names;
    while (const char *name = hexz_profile_name(names.size()))
        names.emplace_back(name);
    return names;
}

/** 64 hexadecimal digits, to be kept or printed. */
[[nodiscard]] inline std::string to_hex(const Root &root)
{
    std::string text;
    for (const unsigned byte : root) {
        text += "0123456789abcdef"[byte >> 4];
        text += "0123456789abcdef"[byte & 15];
    }
    return text;
}

/** The other way. Anything but 64 digits throws Status::invalid_argument. */
[[nodiscard]] inline Root root_from_hex(std::string_view text)
{
    const auto digit = [](char c) -> unsigned {
        constexpr std::string_view lower = "0123456789abcdef", upper = "0123456789ABCDEF";
        const std::size_t value = std::min(lower.find(c), upper.find(c));
        if (value == std::string_view::npos)
            throw Error(Status::invalid_argument, "a root is 64 hexadecimal digits; there is another character");
        return static_cast<unsigned>(value);
    };
    Root root;
    if (text.size() != 2 * root.size())
        throw Error(Status::invalid_argument,
                    "a root is 64 hexadecimal digits; there are " + std::to_string(text.size()) + " characters");
    for (std::size_t i = 0; i < root.size(); i++)
        root[i] = static_cast<std::uint8_t>(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
    return root;
}

/** The version of the library that is loaded, such as "0.1.0". */
[[nodiscard]] inline std::string_view version() noexcept { return hexz_version_string(); }

} // namespace of the release
} // namespace hexz

#undef HEXZ_HPP_EXCEPTION_
#undef HEXZ_HPP_JOIN_
#undef HEXZ_HPP_RELEASE_

#endif /* HEXZ_HPP */
