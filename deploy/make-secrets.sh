#!/bin/sh
# Makes what must be random, once: the proxy's `secret`, Redis's password inside the address of `state`, and Redis's
# users, who know that password by its hash alone.
#
# usage: deploy/make-secrets.sh FOLDER [REDIS_HOST:PORT]
set -eu

folder=${1:?usage: make-secrets.sh FOLDER [REDIS_HOST:PORT]}
redis=${2:-redis:6379}
here=$(dirname "$0")

if [ -e "$folder/secret" ]; then
    echo "$folder/secret is there already: another one would sign everybody out; remove it first if that is meant" >&2
    exit 1
fi

random() { head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

# Nobody else on this machine comes into the folder. The files are for the containers' users, who are nobody here.
umask 022
mkdir -p "$folder"
chmod 700 "$folder"
password=$(random)
hash=$(printf %s "$password" | sha256sum | cut -d' ' -f1)
printf 'redis://claims-proxy:%s@%s/0\n' "$password" "$redis" >"$folder/redis_url"
sed "s/#SHA256/#$hash/" "$here/redis/users.acl" >"$folder/users.acl"
random >"$folder/secret"
