"""A file system in memory that misbehaves as asked, by FUSE (fusepy).

    strange_fs.py MOUNTPOINT LOG [SWITCH...]

It is mounted until it is unmounted, and writes each operation on a file to LOG, a line each, and what
is in the folder when it ends. As any of its kind, without unnamed files (O_TMPFILE) and without flags of renames. Switches:

    no-link           no hard links: ENOSYS
    link=ERRNO        hard links fail so
    no-rename         no renames at all: ENOSYS
    rename=ERRNO      renames fail so
    one-inode         one inode number for all files
    folder-fsync=ERRNO, fsync=ERRNO     syncing fails so
    flush=ERRNO       what was written fails when it is closed
    name-max=N        names of more than N bytes: ENAMETOOLONG
    utf8              names that are not UTF-8: EILSEQ
    upload            a file is stored under its name when it is closed, whatever happened meanwhile
    no-chmod          neither modes nor owners
"""

import errno
import os
import stat
import sys
import time

import fusepy


class File:
    number = 1

    def __init__(self, mode, owner):
        File.number += 1
        self.inode = File.number
        self.mode = mode
        self.owner = owner
        self.data = bytearray()
        self.links = 1
        self.changed = time.time_ns()
        self.dirty = False


class Strange(fusepy.Operations):
    use_ns = True

    def __init__(self, log, switches):
        self.switches = dict(s.split("=") if "=" in s else (s, True) for s in switches)
        self.log = open(log, "w", encoding="utf-8", errors="surrogateescape")
        self.files = {}
        self.handles = {}

    def note(self, *words):
        print(*words, file=self.log, flush=True)

    def fail(self, switch, default=None):
        found = self.switches.get(switch)
        if found:
            raise fusepy.FuseOSError(default or getattr(errno, found))

    def file(self, path):
        if path not in self.files:
            raise fusepy.FuseOSError(errno.ENOENT)
        return self.files[path]

    def check_name(self, path):
        name = path[1:].encode("utf-8", "surrogateescape")
        if len(name) > int(self.switches.get("name-max", 255)):
            raise fusepy.FuseOSError(errno.ENAMETOOLONG)
        if "utf8" in self.switches:
            try:
                name.decode("utf-8")
            except UnicodeDecodeError:
                raise fusepy.FuseOSError(errno.EILSEQ) from None

    def getattr(self, path, fh=None):
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2, "st_ino": 1}
        file = self.handles[fh][0] if fh in self.handles else self.file(path)
        return {"st_mode": file.mode, "st_nlink": file.links, "st_size": len(file.data),
                "st_ino": 1 if "one-inode" in self.switches else file.inode,
                "st_uid": file.owner[0], "st_gid": file.owner[1],
                "st_blocks": len(file.data) // 512, "st_ctime": file.changed,
                "st_mtime": file.changed, "st_atime": file.changed}

    def readdir(self, path, fh):
        return [".", ".."] + [name[1:] for name in self.files]

    def statfs(self, path):
        return {"f_bsize": 4096, "f_frsize": 4096, "f_blocks": 1 << 20, "f_bfree": 1 << 20,
                "f_bavail": 1 << 20, "f_files": 1000, "f_ffree": 1000, "f_namemax": 255}

    def create(self, path, mode, fi=None):
        self.check_name(path)
        self.note("create", path)
        uid, gid, _pid = fusepy.fuse_get_context()
        self.files[path] = File(stat.S_IFREG | stat.S_IMODE(mode), (uid, gid))
        return self.open(path, 0)

    def open(self, path, flags):
        handle = max(self.handles, default=0) + 1
        self.handles[handle] = (self.file(path), path)
        return handle

    def read(self, path, size, offset, fh):
        return bytes(self.handles[fh][0].data[offset:offset + size])

    def write(self, path, data, offset, fh):
        file = self.handles[fh][0]
        file.data.extend(bytes(max(0, offset - len(file.data))))
        file.data[offset:offset + len(data)] = data
        file.dirty = True
        file.changed = time.time_ns()
        return len(data)

    def truncate(self, path, length, fh=None):
        file = self.handles[fh][0] if fh in self.handles else self.file(path)
        del file.data[length:]
        file.data.extend(bytes(length - len(file.data)))

    def flush(self, path, fh):
        file = self.handles[fh][0]
        if file.dirty:
            self.note("flush", path, len(file.data))
            self.fail("flush")
        return 0

    def release(self, path, fh):
        file, opened_as = self.handles.pop(fh)
        if "upload" in self.switches and file.dirty and file not in self.files.values():
            self.files[opened_as] = file
        self.note("release", opened_as)
        return 0

    def fsync(self, path, datasync, fh):
        self.fail("fsync")
        return 0

    def fsyncdir(self, path, datasync, fh):
        self.fail("folder-fsync")
        return 0

    def unlink(self, path):
        self.note("unlink", path)
        self.file(path).links -= 1
        del self.files[path]

    def rename(self, old, new):
        self.note("rename", old, new)
        self.fail("no-rename", errno.ENOSYS)
        self.fail("rename")
        self.check_name(new)
        self.files[new] = self.file(old)
        del self.files[old]

    def link(self, target, source):
        self.note("link", source, target)
        self.fail("no-link", errno.ENOSYS)
        self.fail("link")
        self.check_name(target)
        file = self.file(source)
        file.links += 1
        self.files[target] = file
        return 0

    def chmod(self, path, mode):
        self.fail("no-chmod", errno.ENOSYS)
        file = self.file(path)
        file.mode = stat.S_IFREG | stat.S_IMODE(mode)
        file.changed = time.time_ns()
        return 0

    def chown(self, path, uid, gid):
        self.fail("no-chmod", errno.ENOSYS)
        file = self.file(path)
        file.owner = (file.owner[0] if uid in (-1, 2**32 - 1) else uid,
                      file.owner[1] if gid in (-1, 2**32 - 1) else gid)
        return 0

    def destroy(self, path):
        self.note("holds", *sorted(self.files))


def main():
    mountpoint, log, *switches = sys.argv[1:]
    options = {"use_ino": True} if "one-inode" in switches else {}
    fusepy.FUSE(Strange(log, switches), mountpoint, foreground=True, big_writes=True,
                default_permissions=True, allow_other=True, encoding="utf-8", hard_remove=True, **options)


main()
