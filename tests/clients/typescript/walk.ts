// What a lab does with the types that openapi-typescript makes of the published
// document: a result file is uploaded and its failures are read; a test opportunity is
// picked by an agent, who reports how it ended. Every line is checked against the
// types; typescript_test.go runs it against a server and reads what it prints.
//
//   SLIPWAY_URL=http://127.0.0.1:8080 SLIPWAY_TOKEN=slwu_… node walk.js

import { readFileSync } from "node:fs";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Problem = components["schemas"]["Problem"];
type NewUpload = components["schemas"]["NewUpload"];

const { SLIPWAY_URL: baseUrl = "http://127.0.0.1:8080", SLIPWAY_TOKEN: token = "", JUNIT: junit = "junit.xml" } = process.env;
const api = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });

// must returns what was asked for, or ends the walk with the server's sentence.
function must<T>(answer: { data?: T; error?: Problem }): T {
  if (answer.data === undefined) {
    throw new Error(answer.error ? `${answer.error.id}: ${answer.error.detail}` : "an empty answer");
  }
  return answer.data;
}

// form writes an upload as browsers and curl do: a file has a name.
function form(upload: NewUpload, name: string): FormData {
  const data = new FormData();
  data.append("file", new Blob([upload.file]), name);
  return data;
}

async function uploadAndRead(): Promise<void> {
  const run = must(await api.POST("/v1/runs", { body: { name: "typescript" } }));
  const upload: NewUpload = { file: readFileSync(junit, "utf8") };
  const saved = must(
    await api.POST("/v1/post-result", {
      params: { query: { test_id: String(run.test_id) } },
      body: upload,
      bodySerializer: () => form(upload, junit),
    }),
  );
  console.log(`uploaded: ${saved.format}, ${saved.tests} tests, ${saved.outcome}`);

  const list = must(
    await api.GET("/v1/runs/{test_id}/results/{result_id}/tests", {
      params: { path: { test_id: run.test_id, result_id: "current" }, query: { status: "fail" } },
    }),
  );
  for (const test of list.tests) {
    console.log(`failed: ${test.id}`);
  }

  const missing = await api.GET("/v1/runs/{test_id}", { params: { path: { test_id: 999_999 } } });
  console.log(`a run that is not there: ${missing.response.status} ${missing.error?.id}`);
}

async function pickAndReport(): Promise<void> {
  const product = must(await api.POST("/v1/products", { body: { name: "walk", release: "24", snaps: ["pc-kernel"] } }));
  const path = { product_id: product.id };
  must(await api.POST("/v1/products/{product_id}/testspecs", { params: { path }, body: { name: "smoke", test_payload: { cmds: ["true"] } } }));
  must(
    await api.POST("/v1/products/{product_id}/images", {
      params: { path, header: { "Idempotency-Key": "walk-image-1" } },
      body: { image_unique_id: "walk-1", image_reference: null, channel: "edge", extra_snaps: [] },
    }),
  );

  const agent = { agent_id: "walker" };
  must(await api.PUT("/v1/agents/{agent_id}", { params: { path: agent }, body: {} }));
  const work = must(await api.POST("/v1/agents/{agent_id}/pick", { params: { path: agent }, body: { wait_seconds: 10 } }));
  if (work === undefined) {
    throw new Error("there is no work"); // 204: none came within the wait
  }
  console.log(`picked: ${work.spec_name} ${JSON.stringify(work.test_payload)}`);

  const result = must(
    await api.POST("/v1/products/{product_id}/tests/results", {
      params: { path },
      body: {
        test_opportunity_id: work.test_opportunity_id,
        test_status: "PASSED",
        lease_token: work.lease.token,
        agent_id: agent.agent_id,
        result_payload: { seconds: 3 },
      },
    }),
  );
  console.log(`result: ${result.test_status}`);
  const ended = must(
    await api.GET("/v1/products/{product_id}/tests/opportunities/{test_opportunity_id}", {
      params: { path: { ...path, test_opportunity_id: work.test_opportunity_id } },
    }),
  );
  console.log(`the opportunity is ${ended.state}`);
}

await uploadAndRead();
await pickAndReport();
