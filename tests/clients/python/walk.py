"""What a lab does, in Python and with nothing but its library: a result file is uploaded
and its failures are read; a test opportunity is picked by an agent, who reports how it
ended.

The types below are written by hand: python_test.go holds their names and members
against the published document, and mypy checks every line against them.

    SLIPWAY_URL=http://127.0.0.1:8080 SLIPWAY_TOKEN=slwu_... python3 walk.py
"""

import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, List, Optional, Tuple, TypedDict, cast
from uuid import uuid4


class Run(TypedDict):
    test_id: int


class ResultSaved(TypedDict):
    format: str
    tests: int
    outcome: str


class Test(TypedDict):
    id: str
    status: str


class TestList(TypedDict):
    tests: List[Test]
    next: Optional[str]


class Product(TypedDict):
    id: str


class Lease(TypedDict):
    token: str


class PickedOpportunity(TypedDict):
    test_opportunity_id: str
    spec_name: str
    test_payload: Any
    lease: Lease


class TestResult(TypedDict):
    test_status: str


class Opportunity(TypedDict):
    state: str


class Problem(TypedDict):
    status: int
    id: str
    detail: str


class Refused(Exception):
    """An answer of status 400 and above."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem['status']} {problem['id']}: {problem['detail']}")
        self.problem = problem


class Slipway:
    """Calls one server with one token."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        self.token = token

    def call(self, method: str, path: str, body: Optional[object] = None, key: Optional[str] = None) -> Any:
        """Sends JSON, or nothing, and returns the JSON of the answer; None is an answer without a body."""
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key  # so that it can be sent again
        data = None if body is None else json.dumps(body).encode()
        return self.send(method, path, data, headers)

    def upload(self, path: str, name: str, content: bytes) -> Any:
        """Sends a file as browsers and curl do."""
        boundary = uuid4().hex
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        data = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        return self.send("POST", path, data, {"Content-Type": f"multipart/form-data; boundary={boundary}"})

    def send(self, method: str, path: str, data: Optional[bytes], headers: "dict[str, str]") -> Any:
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        request.add_header("Authorization", "Bearer " + self.token)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
        except urllib.error.HTTPError as refusal:
            raise Refused(cast(Problem, json.loads(refusal.read()))) from None
        return json.loads(text) if text else None


def upload_and_read(api: Slipway, junit: Path) -> None:
    run: Run = api.call("POST", "/v1/runs", {"name": "python"})
    saved: ResultSaved = api.upload(f"/v1/post-result?test_id={run['test_id']}", junit.name, junit.read_bytes())
    print(f"uploaded: {saved['format']}, {saved['tests']} tests, {saved['outcome']}")
    page: TestList = api.call("GET", f"/v1/runs/{run['test_id']}/results/current/tests?status=fail")
    for test in page["tests"]:
        print(f"failed: {test['id']}")
    try:
        api.call("GET", "/v1/runs/999999")
    except Refused as refused:
        print(f"a run that is not there: {refused.problem['status']} {refused.problem['id']}")


def prepare(api: Slipway) -> str:
    product: Product = api.call("POST", "/v1/products", {"name": "walk", "release": "24", "snaps": ["pc-kernel"]})
    at = f"/v1/products/{product['id']}"
    api.call("POST", at + "/testspecs", {"name": "smoke", "test_payload": {"cmds": ["true"]}})
    image: "dict[str, object]" = {"image_unique_id": "walk-1", "image_reference": None, "channel": "edge", "extra_snaps": []}
    api.call("POST", at + "/images", image, key="walk-image-1")
    return at


def pick(api: Slipway, agent: str) -> Optional[PickedOpportunity]:
    api.call("PUT", f"/v1/agents/{agent}", {})
    work: Optional[PickedOpportunity] = api.call("POST", f"/v1/agents/{agent}/pick", {"wait_seconds": 10})
    return work


def pick_and_report(api: Slipway) -> None:
    at, agent = prepare(api), "walker"
    work = pick(api, agent)
    if work is None:
        raise SystemExit("there is no work")
    print(f"picked: {work['spec_name']} {json.dumps(work['test_payload'], separators=(',', ':'))}")
    report = {
        "test_opportunity_id": work["test_opportunity_id"],
        "test_status": "PASSED",
        "lease_token": work["lease"]["token"],
        "agent_id": agent,
        "result_payload": {"seconds": 3},
    }
    result: TestResult = api.call("POST", at + "/tests/results", report)
    print(f"result: {result['test_status']}")
    ended: Opportunity = api.call("GET", f"{at}/tests/opportunities/{work['test_opportunity_id']}")
    print(f"the opportunity is {ended['state']}")


def settings() -> Tuple[Slipway, Path]:
    url = os.environ.get("SLIPWAY_URL", "http://127.0.0.1:8080")
    return Slipway(url, os.environ.get("SLIPWAY_TOKEN", "")), Path(os.environ.get("JUNIT", "junit.xml"))


if __name__ == "__main__":
    server, file = settings()
    upload_and_read(server, file)
    pick_and_report(server)
