# Clusters in random order cost no more looks at holes than the same in order, on tmpfs too, and an overlay no
# more than twice its base: each look may go through the whole file.
if ! strace -c -e trace=lseek -o trace true 2>/dev/null; then
    skip 'strace is missing or not permitted'
else
    looks() { # FILE OPTION...: calls of lseek in a build
        local file=$1
        shift
        strace -f -c -e trace=lseek -o trace "$HEXZ" build -q "$@" "$file" out.hxz --overwrite --no-sync >/dev/null || echo 999999999
        awk '$NF == "lseek" { calls = $4 } END { print calls + 0 }' trace
    }
    python3 "$here/scattered_qcow2.py" scattered.qcow2 2048
    python3 "$here/scattered_qcow2.py" ordered.qcow2 2048 ordered
    compare 'scattered against in order' "$(looks scattered.qcow2)" -le $((2 * $(looks ordered.qcow2)))
    # An overlay that has every other cluster asks its base for the others.
    truncate -s 64M base.raw
    for i in $(seq 0 15); do head -c 2M /dev/urandom | dd of=base.raw bs=2M seek=$((2 * i)) conv=notrunc status=none; done
    qemu-img create -q -f qcow2 -b base.raw -F raw over.qcow2
    seq 0 2 1022 | awk '{ print "write -q -P 1", $1 * 65536, 65536 }' | qemu-io over.qcow2 >/dev/null
    compare 'an overlay against its base' "$(looks over.qcow2 --allow-backing)" -le $((2 * $(looks base.raw) + 64))
fi
