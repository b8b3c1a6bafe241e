# A qcow2 image is a disk like any other; what it names is read when that is allowed, and the disk
# of a running machine when that is asked for.
if ! command -v qemu-img >/dev/null; then
    skip "qcow2: no qemu-img"
else
    head -c 3M "$T/disk" >base.raw
    qemu-img convert -f raw -O qcow2 -c base.raw packed.qcow2
    expect "a compressed image" 0 '' hexz build -q packed.qcow2 packed
    check "reads as the disk in it" cmp base.raw <(hexz cat packed)

    qemu-img create -q -f qcow2 -b base.raw -F raw overlay.qcow2
    qemu-io -c 'write -q -P 7 1M 4k' overlay.qcow2
    qemu-img convert -O raw overlay.qcow2 overlay.raw
    expect "a backing file unasked" 1 "has a backing file, 'base.raw'" hexz build overlay.qcow2 out
    expect "a backing file" 0 '' hexz build -q overlay.qcow2 overlay --allow-backing
    check "reads as the chain does" cmp overlay.raw <(hexz cat overlay)

    # What QEMU holds while a machine runs.
    mkfifo machine
    qemu-io overlay.qcow2 <machine >opened &
    exec 9>machine
    echo length >&9
    until [ -s opened ]; do sleep 0.05; done
    expect "a running machine's disk" 1 'locked by a program' \
        hexz build overlay.qcow2 out --allow-backing
    expect "the same by force" 0 '' hexz build -q overlay.qcow2 forced --allow-backing --force-share
    check "reads as it was" cmp overlay.raw <(hexz cat forced)
    exec 9>&-
    wait $!
fi
