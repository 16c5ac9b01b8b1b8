# Makes this process the first one of a host of its own: run in fresh mount, process and name namespaces.
#   host.sh FOLDER NAME AGENT SCRIPTS SHARED
# FOLDER becomes its root: the files of the real host, with all changes kept in memory. SHARED has the home folders of
# all hosts, so that scp can be played.
set -e
folder=$1 name=$2 agent=$3 scripts=$4 shared=$5
# The process number seen from outside: /proc is still the one of the real host.
read -r pid _ </proc/self/stat
mount -t tmpfs tmpfs "$folder"
mkdir "$folder/changes" "$folder/work" "$folder/root"
root=$folder/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/changes,workdir=$folder/work" "$root"
mkdir -p "$root/mnt/homes" "$root/root"
mount --bind "$shared" "$root/mnt/homes"
mount -t tmpfs tmpfs "$root/root"
mount --bind "$shared/$name" "$root/root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/dev"
for device in null zero full random urandom; do
  : >"$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
# A host of a real farm has none of these before its administrator installs them.
rm -rf "$root/opt/safekit" "$root/var/safekit" "$root/usr/sbin/safekit-agent" "$root/usr/local/bin/safekit"
sed -i '/^safekit:/d' "$root/etc/group"
[ ! -e "$root/etc/gshadow" ] || sed -i '/^safekit:/d' "$root/etc/gshadow"
for program in systemctl scp; do
  install -m 755 "$scripts/$program.sh" "$root/usr/local/sbin/$program"
done
if [ "$name" = node1 ]; then
  # The folder of the sources, as far as the pages use it.
  mkdir -p "$root/root/safekit-farm/target/release"
  cp "$agent" "$root/root/safekit-farm/target/release/safekit-agent"
  cp -r "$scripts/../../../../packaging" "$root/root/safekit-farm/"
fi
hostname "$name"
echo "$pid" >"$shared/$name.pid"
# The first process of the host takes away those whose parents have ended.
exec chroot "$root" /bin/sh -c 'while :; do sleep 3600 & wait $!; done'
