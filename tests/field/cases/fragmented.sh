# An image whose clusters lie scattered over the file, as in any disk that grew by random writes, reads
# as the disk that it is.
python3 "$here/scattered_qcow2.py" scattered.qcow2 256
python3 "$here/scattered_qcow2.py" ordered.qcow2 256 ordered
expect "a scattered image" 0 '' hexz build -q scattered.qcow2 scattered.hxz
expect "the same in order" 0 '' hexz build -q ordered.qcow2 ordered.hxz
for how in scattered ordered; do
    qemu-img convert -O raw $how.qcow2 $how.raw
    check "$how reads as qemu-img reads it" cmp $how.raw <(hexz cat $how.hxz)
done
