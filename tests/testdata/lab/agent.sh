#!/bin/sh
# The agent of a machine, with nothing but sh, tar and curl: it registers, asks
# for work, does it and reports. What it "installs" goes below a directory, so
# that this can run anywhere.
#
#   SLIPWAY_URL=http://127.0.0.1:8080 SLIPWAY_TOKEN=... agent.sh 52:54:00:ce:da:08 /tmp/root
set -eu
mac=$1 root=$2

# field prints a text member of a JSON object on one line.
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

json='Content-Type: application/json'

call() { curl --silent --show-error --fail "$@"; }

machine=$(call --header "X-Auth-Token: $SLIPWAY_TOKEN" --header "$json" --data "{\"macs\":[\"$mac\"],\"architecture\":\"$(uname -m)\",\"cpu_count\":8,\"memory\":16384}" "$SLIPWAY_URL/v1/machines")
id=$(echo "$machine" | field id)
key=$(echo "$machine" | field key)

report() { call --output /dev/null --header "X-Machine-Key: $key" --header "$json" --data "$1" "$SLIPWAY_URL/v1/machines/$id/work/$task"; }

while :; do
	# 409 until a task names the node that boots from this address.
	work=$(call --header "X-Machine-Key: $key" "$SLIPWAY_URL/v1/machines/$id/work?wait=20" 2>/dev/null) || { sleep 1; continue; }
	[ -n "$work" ] || continue
	task=$(echo "$work" | field task_id)
	node=$(echo "$work" | field node)
	action=$(echo "$work" | field action)
	report "{\"status\":\"running\",\"message\":\"$action begins\"}"
	case $action in
	configure_hardware)
		uname -a | call --output /dev/null --header "X-Machine-Key: $key" --header 'Content-Type: text/plain' --data-binary @- \
			"$SLIPWAY_URL/v1/nodes/$node/builddata?generator=uname&task_id=$task"
		;;
	deploy_node)
		manifest=$(call --header "X-Machine-Key: $key" "$(echo "$work" | field manifest)")
		boot=$(echo "$manifest" | field key)
		mkdir -p "$root"
		for kind in files units; do
			call --header "X-Bootaction-Key: $boot" "$SLIPWAY_URL/v1/bootdata/$node/$kind" | tar -xz -C "$root" 2>/dev/null
		done
		;;
	esac
	report "{\"status\":\"success\",\"message\":\"$action done by curl\"}"
	if [ "$action" = deploy_node ]; then # the boot actions run now, and signal by themselves
		find "$root" -type f -perm -u+x -exec sh {} \;
	fi
done
