#!/bin/bash
# Runs in the chroot: logs, a database at work, a developer's commits.
#
#   use.sh NUMBER
set -euo pipefail
number=$1
export HOME=/root

python3 - "$number" >>/var/log/syslog <<'PYTHON'
import random, sys
night = int(sys.argv[1])
rng = random.Random(night)
names = ["sshd", "systemd", "kernel", "nginx", "postgres", "cron"]
for second in range(0, 86400, 4):
    name = rng.choice(names)
    print(f"2026-03-{night:02d}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d} host "
          f"{name}[{rng.randrange(400, 30000)}]: {rng.choice(['request', 'session', 'job'])} {rng.getrandbits(64):016x} "
          f"from 10.0.{rng.randrange(256)}.{rng.randrange(256)} took {rng.expovariate(0.02):.1f} ms")
PYTHON
if [ $((number % 7)) -eq 0 ]; then
    gzip -c /var/log/syslog >"/var/log/syslog.$number.gz"
    : >/var/log/syslog
fi

cluster=$(echo /var/lib/postgresql/*/main)
version=$(basename "$(dirname "$cluster")")
su postgres -s /bin/bash -c "/usr/lib/postgresql/$version/bin/postgres --single -D $cluster \
    -c config_file=/etc/postgresql/$version/main/postgresql.conf postgres" <<SQL
CREATE TABLE IF NOT EXISTS events (id bigserial PRIMARY KEY, at timestamptz DEFAULT now(), kind int, body text)
INSERT INTO events (kind, body) SELECT i % 17, md5((i * $number)::text) || repeat(md5((i % 100)::text), 3) FROM generate_series(1, 12000) i
UPDATE events SET kind = kind + 1 WHERE id % 40 = $number % 40
DELETE FROM events WHERE id % 200 = $number
VACUUM events
SQL

if [ ! -e /srv/work/.git ]; then
    mkdir -p /srv/work
    git -C /srv/work init -q
    git -C /srv/work config user.name developer
    git -C /srv/work config user.email developer@localhost
    cp -r /usr/include/linux /srv/work/
    git -C /srv/work add -A
    git -C /srv/work commit -q -m begin
fi
cd /srv/work
# Every so many files a line more, and all that is built anew.
find linux -name '*.h' | sort | awk -v night="$number" 'NR % 23 == night % 23' | while read -r file; do
    echo "/* changed in night $number */" >>"$file"
done
mkdir -p built
find /usr/lib/python3/dist-packages /usr/lib/python3.*/ -name '*.py' | sort | awk -v night="$number" 'NR % 29 == night % 29' |
    head -n 120 | xargs python3 -m py_compile >/dev/null 2>&1 || true
printf '#include <map>\n#include <regex>\n#include <string>\nint f%d(const std::string &s) { std::map<std::string, int> m; m[s] = std::regex_match(s, std::regex("a+b")); return m[s]; }\n' \
    "$number" >"built/f$number.cpp"
g++ -O1 -g -c -o "built/f$number.o" "built/f$number.cpp"
git add -A
git commit -q -m "night $number"
[ $((number % 10)) -ne 0 ] || git gc -q
