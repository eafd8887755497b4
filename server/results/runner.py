#!/usr/bin/env python3
"""Fetch the configuration for a run and upload the result of its tests.

Takes the options of RefStack's runner of 2014. It runs nothing that it
fetched: run your tests yourself and name the file they wrote with --result.
"""

import argparse
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request


def options():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--url", required=True, help="server, as HOST:PORT or with http:// or https://")
    p.add_argument("--test-id", required=True, help="the run")
    p.add_argument("--result", help="file to upload: subunit, JUnit or JSON")
    p.add_argument("--conf-json", help="further configuration as JSON, merged over the server's")
    p.add_argument("--tempest-dir", help="where to write etc/tempest.conf.json")
    p.add_argument("--token", default=os.environ.get("SLIPWAY_TOKEN"), help="API token or the run's own token")
    p.add_argument("-v", "--verbose", action="store_true")
    return p.parse_args()


def call(o, path, data=None):
    base = o.url if "://" in o.url else "http://" + o.url
    query = urllib.parse.urlencode({"test_id": o.test_id})
    request = urllib.request.Request("%s%s?%s" % (base.rstrip("/"), path, query), data=data)
    if data is not None:
        request.add_header("Content-Type", "application/octet-stream")
    if o.token:
        request.add_header("Authorization", "Bearer " + o.token)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def main():
    o = options()
    try:
        conf = call(o, "/v1/get-miniconf")
        for section, values in json.loads(o.conf_json or "{}").items():
            conf.setdefault(section, {}).update(values)
        if o.verbose:
            print(json.dumps(conf, indent=2))
        if o.tempest_dir:
            name = os.path.join(o.tempest_dir, "etc", "tempest.conf.json")
            os.makedirs(os.path.dirname(name), exist_ok=True)
            with open(name, "w") as f:
                json.dump(conf, f, indent=2)
        if o.result:
            with open(o.result, "rb") as f:
                saved = call(o, "/v1/post-result", f.read())
            print("result %s: %s, %d tests" % (saved["result_id"], saved["outcome"], saved["tests"]))
    except urllib.error.HTTPError as e:
        sys.exit("the server answered %d: %s" % (e.code, e.read().decode("utf-8", "replace")))
    except (urllib.error.URLError, OSError, ValueError) as e:
        sys.exit(str(e))


if __name__ == "__main__":
    main()
