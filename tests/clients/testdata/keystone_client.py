"""Find version 1.0 of the service by the catalogue and call an operation.

The argument names the client: keystoneauth1, barbicanclient, openstackclient or openstack (openstacksdk).
Who logs in stands in the OS_ variables. With OS_AUTH_TYPE=admin_token there is no Keystone: OS_ENDPOINT is
the root of the service and OS_TOKEN one of its own tokens.
"""
import json
import os
import subprocess
import sys

SERVICE_TYPE = "test-lab"


FIXED = os.environ["OS_AUTH_TYPE"] == "admin_token"


def session():
    from keystoneauth1 import session as ks
    from keystoneauth1 import token_endpoint
    from keystoneauth1.identity import v3
    env = os.environ
    if FIXED:
        return ks.Session(auth=token_endpoint.Token(env["OS_ENDPOINT"], env["OS_TOKEN"]))
    return ks.Session(auth=v3.Password(
        auth_url=env["OS_AUTH_URL"], username=env["OS_USERNAME"], password=env["OS_PASSWORD"],
        user_domain_id=env["OS_USER_DOMAIN_ID"], project_name=env["OS_PROJECT_NAME"],
        project_domain_id=env["OS_PROJECT_DOMAIN_ID"]))


def keystoneauth1():
    from keystoneauth1 import adapter, discover
    s = session()
    if FIXED:  # the plugin takes the endpoint as it is, so the versions are asked for
        found = discover.Discover(s, os.environ["OS_ENDPOINT"])
        assert [v["version"] for v in found.version_data()] == [(1, 0)], found.version_data()
        url = found.url_for("1")
        assert url.endswith("/v1/"), url
        answer = s.get(url + "runs")
        assert answer.status_code == 200 and "runs" in answer.json(), answer.text
        assert s.get(url).json()["version"]["id"] == "v1.0"
        return
    for version in (None, "1", "1.0", "v1", (1, 0), "latest"):
        a = adapter.Adapter(s, service_type=SERVICE_TYPE, version=None if version == "latest" else version,
                            max_version="latest" if version == "latest" else None)
        data = a.get_endpoint_data()
        assert data is not None, version
        if version is not None:
            assert data.api_version == (1, 0), (version, data.api_version)
            assert data.url.endswith("/v1/"), data.url
            answer = a.get("runs")
            assert answer.status_code == 200 and "runs" in answer.json(), answer.text
            assert answer.headers["X-Openstack-Request-Id"].startswith("req-")
    versions = s.get_all_version_data(service_type=SERVICE_TYPE)["RegionOne"]["public"][SERVICE_TYPE]
    assert [v["version"] for v in versions] == ["1.0"], versions
    assert versions[0]["status"] == "CURRENT", versions


def barbicanclient():
    from barbicanclient import client, exceptions
    c = client.Client(session=session(), service_type=SERVICE_TYPE)
    answer = c.client.get("v1/runs" if FIXED else "runs")  # the adapter under its managers
    assert "runs" in answer, answer
    try:
        c.client.get("v1/runs/999999" if FIXED else "runs/999999")
    except exceptions.HTTPClientError as e:  # it needs a top-level title in every error
        assert e.status_code == 404 and "Not Found" in str(e), e
    else:
        raise AssertionError("a run that does not exist was found")


def openstackclient():
    out = subprocess.run(["/usr/bin/openstack", "versions", "show", "--service", SERVICE_TYPE, "-f", "json"],
                         check=True, stdout=subprocess.PIPE, timeout=100).stdout
    rows = json.loads(out)
    assert [(r["Version"], r["Status"]) for r in rows] == [("1.0", "CURRENT")], rows
    token = subprocess.run(["/usr/bin/openstack", "token", "issue", "-f", "value", "-c", "id"],
                           check=True, stdout=subprocess.PIPE, timeout=100, text=True).stdout.strip()
    import urllib.request
    request = urllib.request.Request(rows[0]["Endpoint"] + "runs", headers={"X-Auth-Token": token})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    assert "runs" in json.load(opener.open(request, timeout=30))


def openstack():
    import openstack as sdk
    from openstack import service_description
    env = os.environ
    # A service that the SDK does not know is described to it, as its users do.
    if FIXED:
        c = sdk.connection.Connection(auth_type="admin_token", auth=dict(endpoint=env["OS_ENDPOINT"], token=env["OS_TOKEN"]))
        c.add_service(service_description.ServiceDescription(SERVICE_TYPE, supported_versions={"1": sdk.proxy.Proxy}))
        assert c.test_lab.get("/v1/runs").json()["runs"] == [], "GET /v1/runs"
        return
    c = sdk.connection.Connection(
        auth_type="password", region_name=env["OS_REGION_NAME"], interface="public", auth=dict(
            auth_url=env["OS_AUTH_URL"], username=env["OS_USERNAME"], password=env["OS_PASSWORD"],
            user_domain_id=env["OS_USER_DOMAIN_ID"], project_name=env["OS_PROJECT_NAME"],
            project_domain_id=env["OS_PROJECT_DOMAIN_ID"]))
    c.add_service(service_description.ServiceDescription(SERVICE_TYPE, supported_versions={"1": sdk.proxy.Proxy}))
    lab = c.test_lab
    assert lab.get_api_major_version() == (1, 0), lab.get_api_major_version()
    assert lab.get_endpoint().endswith("/v1/"), lab.get_endpoint()
    made = lab.post("/runs", json={})
    assert made.status_code == 201, made.text
    run = lab.get("/runs/%d" % made.json()["test_id"])
    assert run.status_code == 200 and run.json()["test_id"] == made.json()["test_id"], run.text
    missing = lab.get("/runs/999999")
    try:
        sdk.exceptions.raise_from_response(missing)
    except sdk.exceptions.NotFoundException as e:
        assert e.request_id.startswith("req-"), e.request_id
        assert "/runs/999999" in e.url, e.url
    else:
        raise AssertionError("a run that does not exist was found")


{f.__name__: f for f in (keystoneauth1, barbicanclient, openstackclient, openstack)}[sys.argv[1]]()
