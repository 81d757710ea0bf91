#!/usr/bin/env bash
# Try the sandbox's limits under control groups of version 2, in a virtual machine, on a machine that has only version 1.
#
#   sudo bash deploy/cgroup-v2.sh            a minute; needs a .venv that is set up
#
# Debian's kernel boots in QEMU, without hardware support, from a file system in memory that holds this machine's Python,
# bubblewrap and sandbox/. deploy/cgroup_v2.py runs in it and says what held. Not a part of the tests: it installs packages.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

for package in qemu-system-x86:qemu-system-x86_64 cpio:cpio bubblewrap:bwrap; do
    command -v "${package#*:}" >/dev/null || apt-get install -y -qq --no-install-recommends "${package%:*}" >/dev/null
done
kernel=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image/ { print $2; exit }')
(cd "$work" && apt-get download -qq "$kernel" 2>/dev/null && dpkg-deb -x ./*.deb kernel)

python=$(readlink -f /usr/bin/python3)
standard=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["stdlib"])')
programs=("$python" /usr/bin/bwrap /usr/bin/dash /usr/bin/mount /usr/bin/mkdir /usr/bin/cp /usr/sbin/switch_root)
mkdir -p "$root"/{proc,sys,dev,tmp,run,etc,opt/atlas/site,usr/bin,usr/lib,usr/lib64}
for name in bin:usr/bin lib:usr/lib lib64:usr/lib64; do ln -s "${name#*:}" "$root/${name%:*}"; done
cp -L "${programs[@]}" "$root/usr/bin/"
ln -s "$(basename "$python")" "$root/usr/bin/python3"
ln -s dash "$root/usr/bin/sh"
cp -a --parents "$standard" "$root/"
rm -rf "$root$standard"/{test,idlelib,tkinter,lib2to3,ensurepip,config-*}
{ ldd "${programs[@]}"; find "$standard/lib-dynload" -name '*.so' -exec ldd {} +; } 2>/dev/null | grep -o '/[^ ]*\.so[^ :]*' | sort -u |
    while read -r library; do
        target=$root/usr/${library#/}
        target=${target/\/usr\/usr/\/usr}
        mkdir -p "$(dirname "$target")" && cp -Ln "$library" "$target"
    done
cp /etc/ld.so.cache "$root/etc/"
printf 'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\n' >"$root/etc/group"
cp -a sandbox deploy/cgroup_v2.py "$root/opt/atlas/"
cp --parents tests/sandbox/attacks.py tests/sandbox/attacks_on_limits.py "$root/opt/atlas/"
packages=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
for name in docker requests urllib3 idna certifi charset_normalizer; do cp -a "$packages/$name" "$root/opt/atlas/site/"; done

# Bubblewrap changes its root, which cannot be done from the first file system of all.
cat >"$root/init" <<'INIT'
#!/bin/sh
export PATH=/usr/bin
mkdir -p /next && mount -t tmpfs -o size=1200m next /next
for name in bin lib lib64 etc usr opt start; do cp -a "/$name" /next/; done
mkdir /next/proc /next/sys /next/dev /next/tmp /next/run
exec switch_root /next /start
INIT
cat >"$root/start" <<'START'
#!/bin/sh
export PATH=/usr/bin PYTHONPATH=/opt/atlas:/opt/atlas/site PYTHONWARNINGS=ignore
mount -t proc proc /proc && mount -t sysfs sys /sys && mount -t devtmpfs dev /dev
mkdir -p /dev/shm && mount -t tmpfs shm /dev/shm && mount -t tmpfs tmp /tmp
mount -t cgroup2 groups /sys/fs/cgroup
python3 -B /opt/atlas/cgroup_v2.py && echo "all of it held"
echo o >/proc/sysrq-trigger
sleep 9
START
chmod +x "$root/init" "$root/start"
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/files.gz"

timeout 600 qemu-system-x86_64 -nographic -no-reboot -m 2560 -cpu max -kernel "$work"/kernel/boot/vmlinuz-* \
    -initrd "$work/files.gz" -append "console=ttyS0 panic=1 quiet" | tee "$work/said" | tr -d '\r'
grep -q "all of it held" "$work/said"
