
# Fetches the node's boot actions, unpacks them under their absolute names,
# enables the systemd units among them, and reports how it went. It needs sh, tar
# and curl.
set -u
umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

tell() {
	curl --silent --show-error --fail --retry 10 --retry-connrefused --output /dev/null \
		--header 'Content-Type: application/json' --data "$1" "$report"
}

fetch() {
	printf 'header = "X-Bootaction-Key: %s"\n' "$key" |
		curl --silent --show-error --fail --retry 10 --retry-connrefused --config - --output "$2" "$1"
}

unpack() {
	fetch "$files" "$work/files.tar.gz" || return
	fetch "$units" "$work/units.tar.gz" || return
	tar -xzPf "$work/files.tar.gz" || return
	tar -xzvPf "$work/units.tar.gz" >"$work/names" || return
	[ -s "$work/names" ] || return 0
	systemctl daemon-reload || return
	while read -r unit; do
		systemctl enable "$(basename "$unit")" || return
	done <"$work/names"
	# What was enabled during the boot belongs to it.
	systemctl --no-block start default.target
}

if [ -n "$key" ] && ! unpack; then
	tell '{"status":"failure","message":"the boot actions could not be fetched or unpacked; see the log of cloud-init on the node"}'
	exit 1
fi
tell '{"status":"success","message":"installed from the network"}'
