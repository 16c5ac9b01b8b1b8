#!/bin/sh
# Plays scp: the home folders of all hosts are below /mnt/homes, by name and by address.
for last; do :; done
case $last in
  *@*:*) ;;
  *)
    echo "scp: not played: $last" >&2
    exit 1
    ;;
esac
address=${last#*@}
folder=/mnt/homes/${address%%:*}/${address#*:}
while [ $# -gt 1 ]; do
  cp -r "$1" "$folder" || exit 1
  shift
done
