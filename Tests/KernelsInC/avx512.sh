#!/usr/bin/env bash
# Runs the AVX-512 kernels where no processor has the instructions: an emulated machine with them starts a Linux kernel whose
# only program is the kernels' tests, and the whole program on the small model. Installs the emulator and what makes a
# disc for it, where apt-get has them. Takes about twenty minutes; `make avx512` builds the program first.
#
# Three instructions are not the emulator's, which five lines of assembly each show: it rounds halfway cases of conversions to
# F16 away from even, at every instruction set (soft.c); gathers by a register above the fifteenth are illegal to it (so none are
# made of loops here); and shifting a mask by fifteen gives zero. The compiler makes that shift in one place, encoding IQ2_S, which
# therefore is tested without joining neighbouring statements into vectors.
set -euo pipefail
cd "$(dirname "$0")/../.."
quern=${QUERN:-.build/release/quern}

missing=()
for package in bochs grub-pc-bin grub-common xorriso mtools busybox-static cpio; do
  dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
done
as_root=""
[ "$(id -u)" = 0 ] || as_root=sudo
if [ ${#missing[@]} -gt 0 ]; then
  $as_root apt-get update -qq
  $as_root apt-get install -qq -y --no-install-recommends "${missing[@]}"
fi

out=$(mktemp -d)
emulator=""
trap '[ -z "$emulator" ] || kill "$emulator" 2>/dev/null; rm -rf "$out"' EXIT
chmod 755 "$out"
root=$out/root
mkdir -p "$root"/{bin,proc,sys,dev,tmp,lib64,work/lib} "$out/disc/boot/grub"

# The kernel of the distribution, unpacked and not installed.
image=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image/ { print $2; exit }')
(cd "$out" && apt-get download -qq "$image" 2>/dev/null && dpkg -x "$image"*.deb kernel)
cp "$out"/kernel/boot/vmlinuz-* "$out/disc/boot/vmlinuz"

kernels=(Sources/CKernels/*.c Tests/KernelsInC/wide.c Tests/KernelsInC/soft.c)
flags=(-std=c17 -Wall -Wextra -Werror -O2 -ISources/CKernels/include -DCK_ONLY=ck_avx512_soft -static)
clang "${flags[@]}" "${kernels[@]}" Tests/KernelsInC/kernels_test.c -lm -o "$root/work/kernels_test"
clang "${flags[@]}" -mno-gather "${kernels[@]}" Tests/KernelsInC/golden_test.c -lm -o "$root/work/golden_test"
clang "${flags[@]}" -mno-gather -fno-slp-vectorize "${kernels[@]}" Tests/KernelsInC/golden_test.c -lm -o "$root/work/golden_test_iq2_s"
cp fixtures/golden/blocks.safetensors Sources/Quants/Codebooks/CodebookData.swift "$root/work/"
cp -r fixtures/tiny-qwen3.5 "$quern" "$root/work/"
ldd "$quern" | awk '/=> \// { print $3 }' | xargs -I{} cp -L {} "$root/work/lib/"
cp -L /lib64/ld-linux-x86-64.so.2 "$root/lib64/"
cp /bin/busybox "$root/bin/"
ln -s busybox "$root/bin/sh"

# What the whole program must give: the bytes of another level. The model's BF16 weights need no conversion to F16.
work='for recipe in Q8_0 Q4_0; do ./quern quantize tiny-qwen3.5 $recipe --no-vision --quiet -o $made/$recipe.gguf >/dev/null; done
./quern trace tiny-qwen3.5 --prompt "The mill grinds slowly, but" --output $made/trace.safetensors >/dev/null
cd $made && sha256sum *'
mkdir "$out/made"
(cd "$root/work" && made=$out/made sh -c "$work") > "$out/expected"
cp "$out/expected" "$root/work/expected"
cat > "$root/init" <<INIT
#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mount -t tmpfs tmp /tmp
exec >/dev/ttyS0 2>&1 </dev/null
cd /work
echo "instructions: \$(grep -m1 -o 'avx512[a-z]*' /proc/cpuinfo | tr '\n' ' ')"
./kernels_test; echo "kernels: exit \$?"
./golden_test blocks.safetensors CodebookData.swift -IQ2_S; echo "golden: exit \$?"
./golden_test_iq2_s blocks.safetensors CodebookData.swift IQ2_S; echo "golden IQ2_S: exit \$?"
export LD_LIBRARY_PATH=/work/lib QUERN_KERNELS=avx512 made=/tmp/made
mkdir /tmp/made
( $work ) > /tmp/found; cmp /work/expected /tmp/found; echo "program: exit \$?"; cat /tmp/found
echo "== done"; sleep 1
poweroff -f
INIT
chmod +x "$root/init"
(cd "$root" && find . | cpio -o -H newc --quiet) > "$out/disc/boot/initrd"
# The emulated processor counts its save area as others do without the two compacting instructions.
cat > "$out/disc/boot/grub/grub.cfg" <<'GRUB'
set timeout=0
set default=0
terminal_output console
menuentry tests {
  linux /boot/vmlinuz console=ttyS0,115200 mitigations=off lpj=1000000 quiet panic=-1 clearcpuid=321,323
  initrd /boot/initrd
}
GRUB
grub-mkrescue -o "$out/disc.iso" "$out/disc" >/dev/null 2>&1
cat > "$out/machine" <<MACHINE
megs: 1024
cpu: model=corei7_skylake_x, count=1, ips=50000000
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
ata0-master: type=cdrom, path=$out/disc.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$out/serial
log: $out/log
display_library: rfb, options="timeout=0"
clock: sync=none
MACHINE
echo c > "$out/commands"
bochs -q -f "$out/machine" -rc "$out/commands" </dev/null >/dev/null 2>&1 &
emulator=$!
for _ in $(seq 3600); do
  sleep 1
  grep -q '== done' "$out/serial" 2>/dev/null && break
  kill -0 "$emulator" 2>/dev/null || break
done
grep -v '^\[' "$out/serial"
for part in kernels golden "golden IQ2_S" program; do
  grep -q "^$part: exit 0" "$out/serial" || { echo "avx512: $part failed"; exit 1; }
done
echo "avx512: passed"
