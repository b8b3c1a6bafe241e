# File systems of all kinds, by one that misbehaves as asked (strange_fs.py): an output is whole, or the
# folder is as it was, and what cannot work is said before the work.
strange=$here/strange_fs.py
head -c 3000000 /dev/urandom >disk.raw
hexz build -q disk.raw disk.hxz
mkdir mnt

mount_strange() { # SWITCH...
    /usr/bin/python3 "$strange" mnt log "$@" 2>strange.err &
    strange_pid=$!
    for _ in $(seq 100); do
        mountpoint -q mnt && return 0
        kill -0 $strange_pid 2>/dev/null || break
        sleep 0.1
    done
    return 1
}
unmount_strange() {
    umount mnt
    wait $strange_pid 2>/dev/null || true
}
build() { hexz build -q disk.raw "$@"; }
extract() { hexz extract -q disk.hxz "$@"; }

works() { # SWITCH...: build and extract do, over nothing and over an old file
    local how="$*" mode=644
    [[ " $how " == *" no-chmod "* ]] && mode=600
    mount_strange "$@" || { fail "mount $how" "$(cat strange.err)"; return; }
    expect "$how: build" 0 '' build mnt/new.hxz
    check "$how: it is whole" cmp disk.hxz mnt/new.hxz
    expect "$how: refused, since it is there" 1 'already exists' build mnt/new.hxz
    expect "$how: extract" 0 '' extract mnt/new.raw
    check "$how: it is whole" cmp disk.raw mnt/new.raw
    for name in hxz raw; do
        echo old >mnt/old.$name
        chmod 644 mnt/old.$name 2>/dev/null
    done
    expect "$how: build over" 0 '' build mnt/old.hxz --overwrite
    expect "$how: extract over" 0 '' extract mnt/old.raw --overwrite
    check "$how: it is whole" cmp disk.hxz mnt/old.hxz
    check "$how: it is whole" cmp disk.raw mnt/old.raw
    check "$how: with its mode" test "$(stat -c %a mnt/old.hxz)" = "$(stat -c %a mnt/old.raw)"
    [[ " $how " == *" no-chmod "* ]] || check "$how: the old mode" test "$(stat -c %a mnt/old.hxz)" = $mode
    expect "$how: build over nothing" 0 '' build mnt/none.hxz --overwrite
    holds_only mnt new.hxz new.raw old.hxz old.raw none.hxz
    unmount_strange
}
fails() { # TEXT OPTIONS SWITCH...: and says so; the old file stays, nothing is left
    local text=$1 options=$2 how
    shift 2
    how="$*"
    mount_strange "$@" || { fail "mount $how" "$(cat strange.err)"; return; }
    echo old >mnt/old
    # shellcheck disable=SC2086
    expect "$how: build" 1 "$text" build mnt/new $options
    # shellcheck disable=SC2086
    expect "$how: build over" 1 "$text" build mnt/old --overwrite $options
    # shellcheck disable=SC2086
    expect "$how: extract" 1 "$text" extract mnt/new $options
    [[ " $how " == *" flush="* ]] || check "$how: the old one stays" test "$(cat mnt/old)" = old
    holds_only mnt old
    unmount_strange
}

if ! [ -w /dev/fuse ] || [ "$(id -u)" -ne 0 ] || ! /usr/bin/python3 -c 'import fusepy' 2>/dev/null; then
    skip "strange file systems: /dev/fuse, root and python3-fusepy are needed"
else
    works plain
    works no-link
    for errno in EPERM EIO EOPNOTSUPP EMLINK; do works link=$errno; done
    for errno in EINVAL EOPNOTSUPP EBADF ENOSYS; do works no-link folder-fsync=$errno; done
    works no-link no-chmod
    works no-link one-inode
    works one-inode
    works no-link utf8 name-max=100
    works no-link upload

    # What the file system lacks is found out before the work.
    no_work="a build that could not end was not begun"
    for errno in EINVAL EOPNOTSUPP; do
        fails '--no-sync' '' no-link fsync=$errno
        refuse "$no_work" grep -qE 'flush /\.[^ ]* ([2-9]|[0-9]{2})' log
    done
    fails 'can neither link nor rename' '' no-link no-rename
    refuse "$no_work" grep -qE 'flush /\.[^ ]* ([2-9]|[0-9]{2})' log
    fails 'can neither link nor rename' '' no-link rename=EIO
    fails 'cannot sync' '' no-link fsync=EIO
    # What a server says when the file is closed comes before the name.
    for options in '' --no-sync; do
        fails 'cannot write back' "$options" flush=EDQUOT
        fails 'cannot write back' "$options" no-link flush=EIO
    done

    # Names: cut at a character, and to what the file system takes; what it does not take, before the work.
    mount_strange no-link utf8
    long=$(/usr/bin/python3 -c 'print("\u96ea" * 83)')
    expect "a name of 249 bytes" 0 '' build "mnt/$long"
    expect "over it" 0 '' build "mnt/$long" --overwrite
    expect "a name that is no UTF-8" 1 'Invalid' build $'mnt/a\xff'
    holds_only mnt "$long"
    unmount_strange
    for max in 20 40 143; do
        mount_strange no-link name-max=$max
        name=$(printf "%${max}s" | tr ' ' n)
        expect "a name of $max bytes where no longer ones are taken" 0 '' build "mnt/$name"
        expect "a longer one" 1 'too long' build "mnt/${name}n"
        holds_only mnt "$name"
        unmount_strange
    done

    # Files alike in device and inode are not one; names of one are.
    mount_strange one-inode
    cp disk.raw mnt/disk.raw
    cp disk.raw mnt/other.raw
    ln mnt/disk.raw mnt/hard.raw
    ln -s mnt/disk.raw soft.raw
    expect "another file with the same inode number" 0 '' hexz build -q mnt/disk.raw mnt/other.raw --overwrite
    for same in mnt/disk.raw mnt/../mnt/disk.raw mnt/hard.raw soft.raw; do
        expect "$same is the source" 2 'give another file' hexz build -q mnt/disk.raw "$same" --overwrite
    done
    cp disk.hxz mnt/disk.hxz
    expect "extract beside" 0 '' hexz extract -q mnt/disk.hxz mnt/hard.raw --overwrite
    expect "extract in place beside" 0 '' hexz extract -q mnt/disk.hxz mnt/other.raw --in-place
    check "it is whole" cmp disk.raw mnt/other.raw
    expect "extract over itself" 2 'give another file' hexz extract -q mnt/disk.hxz mnt/disk.hxz --in-place
    unmount_strange
    rm soft.raw

    # A failed output is closed before it is removed: mounts that upload what is closed make it anew.
    mount_strange no-link upload
    (ulimit -f 1000; trap '' XFSZ; exec "$HEXZ" build -q disk.raw mnt/big.hxz 2>/dev/null)
    refuse "over the limit" test -e mnt/big.hxz
    holds_only mnt
    unmount_strange
    release=$(grep -n 'release /.big.hxz.hexz' log | tail -1 | cut -d: -f1)
    unlink=$(grep -n 'unlink /.big.hxz.hexz' log | tail -1 | cut -d: -f1)
    check "closed, then removed" test "${release:-0}" -lt "${unlink:-0}"
    check "at last it holds nothing" grep -qx 'holds' log

    # Killed in the middle: what is left is the temporary, and the next build sweeps it up; but not a
    # living one's.
    mount_strange no-link
    for round in 1 2 3 4 5 6; do
        "$HEXZ" build -q disk.raw mnt/new.hxz 2>/dev/null &
        victim=$!
        sleep 0.0$((round * 2))
        kill -9 $victim 2>/dev/null
        wait $victim 2>/dev/null
        left=$(ls -A mnt | grep -cvxE 'new\.hxz|\.new\.hxz\.hexz-[a-z2-7]{6}')
        check "only the temporary is left" test "$left" -eq 0
        if [ -e mnt/new.hxz ] && [ -s mnt/new.hxz ]; then check "whole" cmp disk.hxz mnt/new.hxz; fi
        rm -f mnt/new.hxz
        expect "the next build" 0 '' build mnt/new.hxz
        holds_only mnt new.hxz
        rm mnt/new.hxz
    done
    touch mnt/.new.hxz.hexz-abcdef
    exec 8>mnt/.new.hxz.hexz-living
    expect "two at once" 0 '' build mnt/other.hxz
    for i in 1 2 3 4; do build mnt/new.hxz --overwrite & builds[i]=$!; done
    for i in 1 2 3 4; do if wait "${builds[i]}"; then pass; else fail "one of four to one name"; fi; done
    exec 8>&-
    check "whole" cmp disk.hxz mnt/new.hxz
    # Nobody had it marked.
    holds_only mnt new.hxz other.hxz
    unmount_strange
fi
