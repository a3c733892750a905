// Send a video, or a capture folder as .tar or .zip, and fetch the bundle it becomes:
//
//     npm install
//     node main.js 127.0.0.1:50051 film.mp4 bundle.tar
//
// The token, if the server wants one, is read from REEL2SIM_TOKEN. Run it again after an
// interruption with the same --id: the upload goes on where it was, and the job is not started
// twice.

import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { Client } from "./client.js";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    id: { type: "string", default: randomUUID() },
    preset: { type: "string", default: "draft" },
    "stop-after": { type: "string" }, // bytes after which to break the upload off
  },
});
const [address, source, bundle] = positionals;
if (!bundle) {
  console.error("usage: node main.js ADDRESS SOURCE BUNDLE.tar [--id ID] [--preset draft]");
  process.exit(2);
}
const FORMATS = { tar: "ARTIFACT_FORMAT_TAR", zip: "ARTIFACT_FORMAT_ZIP" };

const client = await Client.connect(address, { token: process.env.REEL2SIM_TOKEN });
try {
  const artifact = await client.upload(source, {
    uploadId: values.id,
    format: FORMATS[source.split(".").pop()],
    stopAfter: values["stop-after"] && Number(values["stop-after"]),
    onOffset: (offset) => console.log(`uploading from byte ${offset}`),
  });
  if (!artifact) {
    console.log(`broken off; go on with --id ${values.id}`);
    process.exit(3);
  }
  console.log(`uploaded ${artifact.size_bytes} bytes, sha256 ${artifact.digest}`);

  const { name } = await client.run(values.id, {
    source: { digest: artifact.digest },
    config: { preset: `PRESET_${values.preset.toUpperCase()}`, seed: 7 },
  });
  console.log(name);
  const done = await client.watch(name, ({ sequence, stage, fraction, message }) =>
    console.log(`${sequence} ${stage} ${(100 * fraction).toFixed(0)}% ${message}`),
  );
  const made = client.bundleOf(done);
  const size = await client.download(made.digest, bundle);
  console.log(`${bundle}: ${size} bytes, sha256 as it should be`);
} finally {
  client.close();
}
