# Backing files by the names that QEMU and libvirt write, from the folder of the image and from elsewhere,
# read as qemu-img reads them, and refused where it refuses them.
python3 "$here/backing_names.py"
same_as_qemu() { # NAME: as qemu-img reads it
    hexz build -q --allow-backing --overwrite "$1" out.hxz && hexz cat out.hxz >ours.raw && cmp ours.raw "$2"
}
for place in . sub; do
    for image in "$place"/name-*.qcow2; do
        # Names within json: and behind file: begin in the working directory.
        if qemu-img convert -O raw "$image" theirs.raw 2>/dev/null; then
            check "$image" same_as_qemu "$image" theirs.raw
        else
            refuse "$image" hexz build -q --allow-backing "$image" refused.hxz
        fi
        refuse "$image without leave" hexz build -q "$image" refused.hxz
    done
done
qemu-img create -q -f qcow2 -u -b gone.raw -F raw gone.qcow2 1M
expect 'a backing file that is gone' 1 "gone.qcow2" hexz build -q --allow-backing gone.qcow2 refused.hxz
expect 'its name' 1 "gone.raw" hexz build -q --allow-backing gone.qcow2 refused.hxz
